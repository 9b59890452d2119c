package record

import (
	"bytes"
	"errors"
	"testing"
)

func TestRecord(t *testing.T) {
	type amount struct {
		Minor int `json:"minor"`
	}
	value, err := Marshal([]byte("sale/1"), amount{1280})
	if err != nil {
		t.Fatal(err)
	}
	var got amount
	if err := Unmarshal([]byte("sale/1"), value, &got); err != nil || got.Minor != 1280 {
		t.Errorf("%+v, %v", got, err)
	}
	if err := Unmarshal([]byte("sale/2"), value, &got); !errors.Is(err, ErrRotten) {
		t.Errorf("under another key: %v", err)
	}
	for i := range value {
		for bit := range 8 {
			bad := bytes.Clone(value)
			bad[i] ^= 1 << bit
			if _, err := Open([]byte("sale/1"), bad); err == nil {
				t.Fatalf("bit %d of byte %d flipped unnoticed", bit, i)
			}
		}
	}
	for n := range value {
		if _, err := Open([]byte("sale/1"), value[:n]); !errors.Is(err, ErrRotten) {
			t.Errorf("cut off at %d: %v", n, err)
		}
	}
}

// The stored form is on disk everywhere: this test is what it looks like.
func TestStoredForm(t *testing.T) {
	value := Seal([]byte("k"), []byte(`{"a":1}`))
	if want := "\x01{\"a\":1}\x1c\x19J\x0e"; string(value) != want {
		t.Errorf("%q, was %q", value, want)
	}
}

// A record of a later version is not taken for a damaged one.
func TestLaterVersion(t *testing.T) {
	body := []byte{version + 1, 'x'}
	value := append(bytes.Clone(body), 0, 0, 0, 0)
	crc := sum([]byte("k"), body)
	for i := range 4 {
		value[2+i] = byte(crc >> (24 - 8*i))
	}
	if _, err := Open([]byte("k"), value); err == nil || errors.Is(err, ErrRotten) {
		t.Errorf("version %d: %v", version+1, err)
	}
}

// Nothing that lies in a file makes reading it panic, and what opens is what
// sealing makes.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("k"), Seal([]byte("k"), []byte(`{"a":1}`)))
	f.Add([]byte("k"), Seal([]byte("k"), nil))
	f.Add([]byte(""), []byte{})
	f.Add([]byte("k"), []byte{1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if back, err := Open(key, Seal(key, value)); err != nil || !bytes.Equal(back, value) {
			t.Fatalf("%q came back as %q, %v", value, back, err)
		}
		payload, err := Open(key, value)
		if err == nil && !bytes.Equal(Seal(key, payload), value) {
			t.Fatalf("%q opens and is not what sealing makes", value)
		}
		var v map[string]any
		_ = Unmarshal(key, value, &v)
	})
}

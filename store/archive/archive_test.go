package archive_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"qrposd/store/archive"
)

// model is what was written: by section, in the order of the keys.
type model map[byte][]archive.Record

func write(t testing.TB, m model) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := archive.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for section := range byte(250) {
		for _, r := range m[section] {
			if err := w.Add(section, r.Key, r.Value); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, size, err := w.Close(); err != nil || size != int64(out.Len()) {
		t.Fatal(size, out.Len(), err)
	}
	return out.Bytes()
}

func random(r *rand.Rand, most int) model {
	m := model{}
	for _, section := range []byte{1, 2, 5, 9} {
		for i := range r.IntN(most) {
			value := make([]byte, r.IntN(3000))
			for j := range value {
				value[j] = byte(r.IntN(7))
			}
			m[section] = append(m[section], archive.Record{Key: binary.BigEndian.AppendUint64(nil, uint64(i*3+1)), Value: value})
		}
	}
	return m
}

// What was written is found, walked both ways from anywhere, and nothing else is.
func TestReadsWhatWasWritten(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 4 {
		m := random(rnd, 60)
		file := write(t, m)
		r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		for section := range byte(12) {
			for i := range uint64(200) {
				key := binary.BigEndian.AppendUint64(nil, i)
				at, there := slices.BinarySearchFunc(m[section], key, func(r archive.Record, k []byte) int { return bytes.Compare(r.Key, k) })
				value, err := r.Get(section, key)
				if err != nil || (value != nil) != there || there && !bytes.Equal(value, m[section][at].Value) {
					t.Fatalf("%d/%d: %d bytes, %v", section, i, len(value), err)
				}
				if i%37 == 0 {
					same(t, r.From(section, key), m[section][at:])
					below := slices.Clone(m[section][:at])
					slices.Reverse(below)
					same(t, r.Before(section, key), below)
				}
			}
			same(t, r.From(section, nil), m[section])
			all := slices.Clone(m[section])
			slices.Reverse(all)
			same(t, r.Before(section, nil), all)
		}
	}
}

func same(t *testing.T, walk func(func(archive.Record, error) bool), want []archive.Record) {
	t.Helper()
	n := 0
	for rec, err := range walk {
		if err != nil || n >= len(want) || !bytes.Equal(rec.Key, want[n].Key) || !bytes.Equal(rec.Value, want[n].Value) {
			t.Fatalf("record %d: %x, %v", n, rec.Key, err)
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%d records of %d", n, len(want))
	}
}

func TestOrderIsKept(t *testing.T) {
	for _, second := range []struct {
		section byte
		key     string
	}{{1, "b"}, {1, "a"}, {0, "c"}} {
		w, err := archive.NewWriter(&bytes.Buffer{})
		if err == nil {
			err = w.Add(1, []byte("b"), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Add(second.section, []byte(second.key), nil); err == nil {
			t.Errorf("%v went in behind 1/b", second)
		}
	}
}

// Each flipped bit is met: by the reader or, where nothing is read, by the sum.
func TestDamageIsMet(t *testing.T) {
	m := random(rand.New(rand.NewPCG(7, 7)), 40)
	file := write(t, m)
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	whole, _, err := archive.Sum(path)
	if err != nil {
		t.Fatal(err)
	}
	unread := 0
	for at := 0; at < len(file); at += 211 {
		bad := bytes.Clone(file)
		bad[at] ^= 1 << (at % 8)
		if readAll(bad, nil) == nil {
			unread++
		}
		if at%10 == 0 {
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if sum, _, err := archive.Sum(path); err != nil || sum == whole {
				t.Fatalf("byte %d: the sum is the same, %v", at, err)
			}
		}
	}
	if unread > 1 { // the words at the front, which nobody reads
		t.Errorf("%d damages were not met", unread)
	}
	if err := readAll(file[:len(file)-1], nil); !errors.Is(err, archive.ErrDamaged) {
		t.Errorf("a file that is cut off: %v", err)
	}
}

func readAll(file []byte, each func(archive.Record)) error {
	r, err := archive.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return err
	}
	for section := range byte(12) {
		for rec, err := range r.From(section, nil) {
			if err != nil {
				return err
			}
			if each != nil {
				each(rec)
			}
		}
	}
	return nil
}

func FuzzReader(f *testing.F) {
	f.Add(write(f, random(rand.New(rand.NewPCG(1, 1)), 5)))
	f.Add([]byte("qrposd archive 1\n"))
	f.Fuzz(func(_ *testing.T, file []byte) {
		_ = readAll(file, func(archive.Record) {})
	})
}

// A filter forgets nothing, and sends to a file in vain once in many thousand times.
func TestFilter(t *testing.T) {
	const n = 5000
	f := archive.NewFilter(n)
	key := func(i int) archive.Key { return archive.KeyOf('o', fmt.Append(nil, i)) }
	for i := range n {
		f.Add(key(i))
	}
	vain := 0
	for i := range n * 20 {
		switch may := f.May(key(i)); {
		case i < n && !may:
			t.Fatalf("%d is forgotten", i)
		case i >= n && may:
			vain++
		}
	}
	if vain > n*19/5000 {
		t.Errorf("%d of %d looks are in vain", vain, n*19)
	}
	t.Logf("%d of %d looks are in vain", vain, n*19)
	if !archive.Filter(nil).May(key(1)) {
		t.Error("a filter that was lost says no")
	}
}

package sealed

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"filippo.io/age"
)

func key(t *testing.T) *age.X25519Identity {
	t.Helper()
	k, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func seal(t *testing.T, plain []byte, to ...*age.X25519Identity) []byte {
	t.Helper()
	var keys []string
	for _, k := range to {
		keys = append(keys, " "+k.Recipient().String()+"\n")
	}
	r, err := Parse(keys)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := r.Seal(&out)
	if err == nil {
		_, err = w.Write(plain)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Each recipient opens what was sealed, nobody else does, and a byte that was changed
// or left out anywhere is found.
func TestSealAndOpen(t *testing.T) {
	plain := make([]byte, 200_000)
	for i := range plain {
		plain[i] = byte(rand.Uint32())
	}
	a, b, other := key(t), key(t), key(t)
	file := seal(t, plain, a, b)
	if bytes.Contains(file, plain[1000:1032]) {
		t.Error("it is not sealed")
	}
	read := func(file []byte, keys string) ([]byte, error) {
		r, err := Open(bytes.NewReader(file), strings.NewReader(keys))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	}
	for _, k := range []*age.X25519Identity{a, b} {
		got, err := read(file, "# created: today\n# public key: "+k.Recipient().String()+"\n\n"+k.String()+"\n")
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("a recipient reads %d bytes, %v", len(got), err)
		}
	}
	if _, err := read(file, other.String()); err == nil {
		t.Error("another opens it")
	}
	for _, at := range []int{30, 200, len(file) / 2, len(file) - 1} {
		bad := bytes.Clone(file)
		bad[at] ^= 1
		if got, err := read(bad, a.String()); err == nil || bytes.Equal(got, plain) {
			t.Errorf("byte %d was changed and nobody noticed", at)
		}
		if got, err := read(file[:at], a.String()); err == nil {
			t.Errorf("cut at %d, and %d bytes are read", at, len(got))
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	k := key(t)
	file := seal(t, []byte("x"), k)
	if _, err := Open(bytes.NewReader(file), nil); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if _, err := Open(bytes.NewReader(file), strings.NewReader("# nothing\n")); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	secret := "AGE-SECRET-KEY-1" + strings.Repeat("Q", 40)
	if _, err := Open(bytes.NewReader(file), strings.NewReader("\n"+secret)); err == nil || strings.Contains(err.Error(), "QQQ") || !strings.Contains(err.Error(), "line 2") {
		t.Error(err)
	}
	for _, plain := range []string{"", "x", strings.Repeat("y", 100_000)} {
		r, err := Open(strings.NewReader(plain), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != plain {
			t.Errorf("%d bytes that are not sealed: %d, %v", len(plain), len(got), err)
		}
	}
	for _, bad := range []string{"", "age1", "ssh-ed25519 AAAA", k.String()} {
		if _, err := Parse([]string{k.Recipient().String(), bad}); err == nil || !strings.Contains(err.Error(), "recipient 2") || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%.10q: %v", bad, err)
		}
	}
}

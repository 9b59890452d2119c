package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// span is a key and its value, which bbolt keeps side by side, and where they
// lie in a file: once where they live, and perhaps in pages that are free.
type span struct {
	bucket string
	key    int // length
	bytes  []byte
	at     []int64
}

// spans finds every key and value of a closed file.
func spans(t *testing.T, path string) (list []span) {
	t.Helper()
	whole := read(t, path)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				sp := span{bucket: string(name), key: len(k), bytes: slices.Concat(k, v)}
				for from := 0; ; {
					i := bytes.Index(whole[from:], sp.bytes)
					if i < 0 {
						break
					}
					sp.at = append(sp.at, int64(from+i))
					from += i + 1
				}
				if len(sp.at) == 0 {
					return errors.New("a value of " + sp.bucket + " is nowhere in the file")
				}
				list = append(list, sp)
				return nil
			})
		})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return list
}

// Every bit that carries meaning is covered: no byte of a key or a value can
// change without the check saying so, and none makes it die.
func TestEveryByteIsGuarded(t *testing.T) {
	path := newPath(t)
	db, err := store.Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	s, _, err := db.Begin(t.Context(), sale.New{Flow: sale.Payer, Amount: cny}, "s", sale.Once{Key: "k", Print: "p"})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, db, s.ID, sale.Event{Kind: sale.ChargeIntended, OrderNo: s.NextOrderNo(), Request: &sale.Request{Method: "POST"}, CodeID: "c"})
	commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: cny})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(b byte, sp span, i int) {
		for _, at := range sp.at {
			if _, err := f.WriteAt([]byte{b}, at+int64(i)); err != nil {
				t.Fatal(err)
			}
		}
	}
	n, r := 0, rand.New(rand.NewPCG(1, 2))
	for _, sp := range spans(t, path) {
		for i, b := range sp.bytes {
			put(b^1<<r.IntN(8), sp, i)
			r, err := store.CheckFile(path)
			if errors.Join(err, r.Err()) == nil {
				t.Errorf("%s: byte %d (the key has %d) changed unnoticed", sp.bucket, i, sp.key)
			}
			put(b, sp, i)
			n++
		}
	}
	t.Logf("%d bytes flipped", n)
	storetest.MustCheck(t, path)
}

// Bits of bbolt's own pages: whatever one of them does, the answer is either a
// complaint or a file whose every value is as it was.
func TestBrokenPages(t *testing.T) {
	path := specimen(t)
	whole, good := read(t, path), dump(t, path)
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	put := func(b byte, at int) {
		if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
			t.Fatal(err)
		}
	}
	n, caught := 0, 0
	r := rand.New(rand.NewPCG(3, 4))
	for _, page := range livePages(t, path) {
		count := int(binary.NativeEndian.Uint16(whole[page*4096+10:]))
		for i := range 16 + 16*count { // the head and the elements
			at := page*4096 + i
			put(whole[at]^1<<r.IntN(8), at)
			n++
			report, err := store.CheckFile(path)
			if err = errors.Join(err, report.Err()); err != nil {
				caught++
				if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrForeign) {
					t.Errorf("byte %d of page %d: %v", i, page, err)
				}
			} else if !bytes.Equal(dump(t, path), good) {
				t.Errorf("byte %d of page %d: the check passes and the file says something else", i, page)
			}
			if caught%50 == 1 && err != nil {
				if err := store.CheckInChild(t.Context(), exe(t), path); err == nil {
					t.Errorf("byte %d of page %d: the child does not mind", i, page)
				}
			}
			put(whole[at], at)
		}
	}
	if caught == 0 {
		t.Error("no broken page was noticed")
	}
	t.Logf("%d of %d flips were noticed; the others are bits that nobody reads", caught, n)
}

// livePages are those of a closed file that hold its data.
func livePages(t *testing.T, path string) (list []int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		for id := 2; ; id++ {
			if p, err := tx.Page(id); err != nil || p == nil {
				return err
			} else if p.Type == "leaf" || p.Type == "branch" {
				list = append(list, id)
			}
		}
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return list
}

// A page that leads back to itself would be followed for ever.
func TestPagesThatLeadInCircles(t *testing.T) {
	path := newPath(t)
	db, err := store.Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	for range 60 { // until sales need a branch page
		begin(t, db, payer())
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	whole, circles := read(t, path), 0
	for page := 2; page < len(whole)/4096; page++ {
		if flags := binary.NativeEndian.Uint16(whole[page*4096+8:]); flags != 1 {
			continue
		}
		circles++
		b := bytes.Clone(whole)
		binary.NativeEndian.PutUint64(b[page*4096+16+8:], uint64(page)) // the first child is itself
		write(t, path, b)
		if r, err := store.CheckFile(path); errors.Join(err, r.Err()) != nil {
			continue
		}
		if len(contents(t, b)) == 0 || !bytes.Equal(contents(t, b), contents(t, whole)) {
			t.Errorf("page %d in a circle is not noticed", page)
		}
	}
	if circles == 0 {
		t.Fatal("there is no branch page")
	}
}

// FuzzCheckFile overwrites any place of a file with anything: the check ends, and
// what it passes says what was written.
func FuzzCheckFile(f *testing.F) {
	path := specimen(f)
	whole, good := read(f, path), dump(f, path)
	f.Add(uint32(2*4096), []byte{3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0})
	f.Add(uint32(3*4096+16), []byte{0xff, 0xff, 0xff, 0xff})
	f.Add(uint32(4096+16), []byte{0})
	f.Add(uint32(5*4096+8), []byte{1})
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b, place := bytes.Clone(whole), int(at%uint32(len(whole)))
		copy(b[place:], patch)
		path := newPath(t)
		write(t, path, b)
		r, err := store.CheckFile(path)
		if place < 2*4096 {
			return // without the later header it is the store of one commit before
		}
		if errors.Join(err, r.Err()) == nil && !bytes.Equal(dump(t, path), good) {
			t.Errorf("at %d, %x: the check passes and the file says something else", at, patch)
		}
	})
}

// dump is all that a closed file holds.
func dump(t testing.TB, path string) []byte {
	t.Helper()
	var out bytes.Buffer
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				out.Write(slices.Concat(name, k, v))
				return nil
			})
		})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

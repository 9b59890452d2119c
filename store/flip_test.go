package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/store"
)

// inUse is how many bytes of a file its pages have reached. Behind them is room that
// bbolt has asked for and never written to.
func inUse(t *testing.T, path string) (n int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, PreLoadFreelist: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for ; ; n++ {
			if p, err := tx.Page(n); p == nil || err != nil {
				return err
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return n * 4096
}

// A bit of any byte of the file flips, also of those that nobody is told about: the till
// opens a file that says what was written, or one that was put together and does (of
// those that are noticed every fifth is put together).
func TestEveryByteOfAStoreFlips(t *testing.T) {
	w := sold(t)
	whole, good := read(t, w.path), dump(t, w.path)
	step, used := 151, inUse(t, w.path)
	if n, err := strconv.Atoi(os.Getenv("QRPOSD_FLIP_STEP")); err == nil && n > 0 {
		step = n
	}
	end := head(t, w.path)
	healed, unread := 0, 0
	for at := 0; at < len(whole); at += step {
		if at > used {
			at += 40_009
			if at >= len(whole) {
				break
			}
		}
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at / step % 8)
		write(t, w.path, b)
		report, err := store.CheckFile(w.path)
		if err = errors.Join(err, report.Err()); err == nil {
			if unread++; !bytes.Equal(dump(t, w.path), good) && at >= 2*4096 {
				t.Fatalf("byte %d: the check passes and the file says something else", at)
			}
			continue
		}
		if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrForeign) {
			t.Fatalf("byte %d: %v", at, err)
		}
		if healed++; healed%5 > 0 {
			continue
		}
		r := w.heal(t)
		if !r.Salvaged.Whole || r.Head != end.head {
			t.Fatalf("byte %d: %+v", at, r.Salvaged)
		}
		for _, kept := range glob(t, w.path+".damaged-*") {
			if err := os.Remove(kept); err != nil {
				t.Fatal(err)
			}
		}
	}
	if healed == 0 {
		t.Fatal("no flip was noticed")
	}
	t.Logf("%d flips in %d bytes in use: %d were noticed, %d are of bits that nobody reads", healed+unread, used, healed, unread)
}

// A count that is one less hides an element that nothing else may speak of: a caller's
// key, with which a sale would be made twice. Counts are taken for what may be one:
// small numbers in the list of buckets, where the small buckets are, and of each page.
func TestACountThatIsLessIsNoticed(t *testing.T) {
	w := sold(t)
	whole, good := read(t, w.path), dump(t, w.path)
	var places []int
	for page := 2 * 4096; page < inUse(t, w.path); page += 4096 {
		places = append(places, page+10)
		leaf, first := binary.NativeEndian.Uint16(whole[page+8:]) == 2, binary.NativeEndian.Uint32(whole[page+16:])
		for at := page + 16; leaf && first == 1 && at < page+4095; at++ { // it holds buckets
			places = append(places, at)
		}
	}
	looked, noticed := 0, 0
	for _, at := range places {
		n := binary.NativeEndian.Uint16(whole[at:])
		if n == 0 || n > 64 {
			continue
		}
		b := bytes.Clone(whole)
		binary.NativeEndian.PutUint16(b[at:], n-1)
		write(t, w.path, b)
		looked++
		report, err := store.CheckFile(w.path)
		if errors.Join(err, report.Err()) != nil {
			noticed++
		} else if !bytes.Equal(dump(t, w.path), good) {
			t.Errorf("byte %d: %d is %d now, the check passes and the file says something else", at, n, n-1)
		}
	}
	if noticed < 50 {
		t.Fatalf("%d of %d counts were noticed", noticed, looked)
	}
	t.Logf("%d of %d counts were noticed", noticed, looked)
}

func glob(t testing.TB, pattern string) []string {
	t.Helper()
	list, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

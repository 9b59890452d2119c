package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/record"
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

// Bits of bbolt's own pages: whatever they do to the process that reads them, it
// is a child, and the answer is either an error or a file whose every value is
// as it was.
func TestBrokenPagesKillOnlyTheChild(t *testing.T) {
	path := specimen(t)
	whole, good := read(t, path), dump(t, path)
	n, caught := 0, 0
	r := rand.New(rand.NewPCG(3, 4))
	for page := 2; page < len(whole)/4096; page++ {
		head := whole[page*4096:]
		count := binary.NativeEndian.Uint16(head[10:])
		if flags := binary.NativeEndian.Uint16(head[8:]); flags != 1 && flags != 2 && flags != 16 {
			continue // never written
		}
		for range 4 {
			b := slices.Clone(whole)
			b[page*4096+r.IntN(16+16*int(count))] ^= 1 << r.IntN(8)
			write(t, path, b)
			err := store.CheckInChild(t.Context(), exe(t), path)
			n++
			if err == nil {
				if !bytes.Equal(dump(t, path), good) {
					t.Errorf("page %d: the check passes and the file says something else", page)
				}
				continue
			}
			caught++
			if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrForeign) {
				t.Errorf("page %d: %v", page, err)
			}
		}
	}
	if caught == 0 {
		t.Error("no broken page was noticed")
	}
	t.Logf("%d of %d broken pages were noticed; the others were free, or bits that nobody reads", caught, n)
}

// dump is all that a closed file holds.
func dump(t *testing.T, path string) []byte {
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

// forge replaces a value by another that is sealed as well as ours are: what
// somebody does who has read this program.
func forge(tx *bbolt.Tx, bucket string, key []byte, change func(payload []byte) []byte) error {
	b := tx.Bucket([]byte(bucket))
	payload, err := record.Open(key, b.Get(key))
	if err != nil {
		return err
	}
	return b.Put(key, record.Seal(key, change(bytes.Clone(payload))))
}

func seqKey(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func swap(old, with string) func([]byte) []byte {
	return func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(with), 1) }
}

// Checksums do not stop whoever can compute them. The chain, the digests in it
// and the invariants do.
func TestForgeriesAreFound(t *testing.T) {
	firstSale := func(tx *bbolt.Tx) []byte { k, _ := tx.Bucket([]byte("sale")).Cursor().First(); return bytes.Clone(k) }
	for name, c := range map[string]struct {
		edit func(tx *bbolt.Tx) error
		want []string
	}{
		"a line changed": {func(tx *bbolt.Tx) error {
			return forge(tx, "journal", seqKey(3), swap(`"minor":1280`, `"minor":1281`))
		}, []string{"journal/3: I5"}},
		"a line removed": {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("journal")).Delete(seqKey(4)) }, []string{"journal/5: I5: line 4 is missing"}},
		"the last line removed": {func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket([]byte("journal")).Cursor().Last()
			return tx.Bucket([]byte("journal")).Delete(k)
		}, []string{"chain/head: I5"}},
		"a sale changed": {func(tx *bbolt.Tx) error {
			return forge(tx, "sale", firstSale(tx), swap(`"description":"tea"`, `"description":"gin"`))
		}, []string{"I5: it is not the sale that line 6 left"}},
		"a sale paid by hand": {func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket([]byte("sale")).Cursor().Last()
			return forge(tx, "sale", bytes.Clone(k), swap(`"state":"charging"`, `"state":"paid"`))
		}, []string{"I5: it is not the sale"}},
		"a sale removed": {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("sale")).Delete(firstSale(tx)) }, []string{"there is no sale", "begun/", "2 numbers were given out"}},
		"a posting removed": {func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket([]byte("posting")).Cursor().First()
			return tx.Bucket([]byte("posting")).Delete(k)
		}, []string{"I8: postings sum to", "I8: line 3 moved other money"}},
		"a posting changed": {func(tx *bbolt.Tx) error {
			return forge(tx, "posting", append(seqKey(3), 0), swap(`"minor":1280`, `"minor":1`))
		}, []string{"I8"}},
		"two postings changed": {func(tx *bbolt.Tx) error {
			return errors.Join(forge(tx, "posting", append(seqKey(3), 0), swap(`1280`, `1`)), forge(tx, "posting", append(seqKey(3), 1), swap(`1280`, `1`)))
		}, []string{"I8: line 3 moved other money than was posted"}},
		"a job removed": {func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket([]byte("job")).Cursor().First()
			return tx.Bucket([]byte("job")).Delete(bytes.Clone(k))
		}, []string{"has no job: it would be forgotten", "the index names a job that is not due"}},
		"a due time removed": {func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket([]byte("due")).Cursor().First()
			return tx.Bucket([]byte("due")).Delete(bytes.Clone(k))
		}, []string{"it will never be due"}},
		"a spent code freed": {func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket([]byte("code")).Cursor().First()
			return tx.Bucket([]byte("code")).Delete(bytes.Clone(k))
		}, []string{"is not marked as spent on it"}},
		"a retired job removed": {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("retired")).Delete(seqKey(1)) }, []string{"2 jobs were retired, 1 are here"}},
		"another identity": {func(tx *bbolt.Tx) error {
			return forge(tx, "meta", []byte("identity"), func([]byte) []byte { return []byte(`{"id":"00112233445566778899aabbccddeeff"}`) })
		}, []string{"does not begin at this file's identity"}},
		"the clock set back":  {func(tx *bbolt.Tx) error { return forge(tx, "meta", []byte("clock"), swap(`"at":1`, `"at":0.1`)) }, []string{"meta/clock"}},
		"a bucket of another": {func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("faces")); return err }, []string{"nobody knows this bucket"}},
		"a bucket removed":    {func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("once")) }, []string{"once: the bucket is missing"}},
		"a payer code kept": {func(tx *bbolt.Tx) error {
			k, _ := tx.Bucket([]byte("sale")).Cursor().Last()
			return forge(tx, "sale", bytes.Clone(k), swap(`******************`, `134567890123456789`))
		}, []string{"I10"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := specimen(t)
			edit(t, path, c.edit)
			r, err := store.CheckFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, v := range r.Violations {
				all.WriteString(v.String() + "\n")
			}
			for _, want := range c.want {
				if !strings.Contains(all.String(), want) {
					t.Errorf("no %q in:\n%s", want, all.String())
				}
			}
			if err := store.CheckInChild(t.Context(), exe(t), path); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), c.want[0]) {
				t.Errorf("the child: %v", err)
			}
		})
	}
}

// A line that was changed at the end of the journal is noticed without a check.
func TestOpenLooksAtTheTip(t *testing.T) {
	path := specimen(t)
	edit(t, path, func(tx *bbolt.Tx) error {
		k, _ := tx.Bucket([]byte("journal")).Cursor().Last()
		return tx.Bucket([]byte("journal")).Delete(bytes.Clone(k))
	})
	if _, err := store.Open(path, options()); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("open with a lost line: %v", err)
	}
}

// A rotten sale stops that sale and no other.
func TestARottenSaleStopsAlone(t *testing.T) {
	path := specimen(t)
	var rotten sale.ID
	edit(t, path, func(tx *bbolt.Tx) error {
		k, v := tx.Bucket([]byte("sale")).Cursor().First()
		rotten = sale.ID(k)
		v = bytes.Clone(v)
		v[20] ^= 1
		return tx.Bucket([]byte("sale")).Put(bytes.Clone(k), v)
	})
	db, err := store.Open(path, options())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Sale(rotten); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), string(rotten)) {
		t.Errorf("reading it: %v", err)
	}
	if _, err := db.Commit(t.Context(), rotten, sale.Event{Kind: sale.CancelRequested}, sale.Once{}); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("writing it: %v", err)
	}
	paid(t, db)
}

package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/record"
)

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

// forgery is a change by somebody who seals values as well as we do, and what is
// found of it.
type forgery struct {
	edit func(tx *bbolt.Tx) error
	want []string
}

func forgeries() map[string]forgery {
	firstSale := func(tx *bbolt.Tx) []byte { k, _ := tx.Bucket([]byte("sale")).Cursor().First(); return bytes.Clone(k) }
	return map[string]forgery{
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
			return errors.Join(forge(tx, "posting", append(seqKey(3), 0), swap(`"minor":1280`, `"minor":1`)), forge(tx, "posting", append(seqKey(3), 1), swap(`"minor":-1280`, `"minor":-1`)))
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
		"a retired job removed": {func(tx *bbolt.Tx) error { return tx.Bucket([]byte("retired")).Delete(seqKey(1)) }, []string{"1 jobs were forgotten, the archives have 0"}},
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
	}
}

// Checksums do not stop whoever can compute them. The chain, the digests in it
// and the invariants do.
func TestForgeriesAreFound(t *testing.T) {
	for name, c := range forgeries() {
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

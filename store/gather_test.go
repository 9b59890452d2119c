package store_test

import (
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/store"
	"qrposd/store/storetest"
)

// split says that the list of buckets has more than one page.
func split(t *testing.T, db *store.DB) (is bool) {
	t.Helper()
	b, err := bbolt.Open(storetest.MustCopy(t, db.Path()), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	err = b.View(func(tx *bbolt.Tx) error {
		p, err := tx.Page(int(tx.Cursor().Bucket().Root()))
		is = err == nil && p.Type == "branch"
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return is
}

// The first sales of a till split the list of its buckets, and later ones leave it so.
// It is put together again, and a sale then writes at least two pages a commit less.
func TestTheListOfBucketsIsGathered(t *testing.T) {
	db := storetest.MustOpen(t)
	sold := 0
	written := func() int64 {
		before := counter(t, "wchar: ")
		for range 16 {
			settled(t, db, sold)
			sold++
		}
		return (counter(t, "wchar: ") - before) / 16
	}
	for range 3 {
		written()
	}
	if !split(t, db) {
		t.Fatal("it is in one page: this test would notice nothing")
	}
	apart := written()
	rotate(t, db)
	if split(t, db) {
		t.Fatal("it is split still")
	}
	together := written()
	t.Logf("a sale writes %d bytes, then %d", apart, together)
	if apart-together < 3*2*4096 {
		t.Errorf("a sale writes %d bytes with the list in two pages and %d with it in one", apart, together)
	}
	commits := db.Stats().Commits
	rotate(t, db)
	if db.Stats().Commits != commits || split(t, db) {
		t.Error("what is together is written again")
	}
}

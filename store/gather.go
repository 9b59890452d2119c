package store

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"
)

// gather brings the list of buckets back onto one page. Small buckets lie within that
// list, and in the first sales of a till many are small, so that it grows beyond its
// page and is split in two. Nothing in bbolt joins the halves again when the buckets
// have moved out, and from then on each commit writes three pages for one: an eighth
// of all that a sale writes.
//
// bbolt looks at what is next to a page only where something was deleted from it. So a
// name before all others and one behind them are put in and taken out again.
func (db *DB) gather(ctx context.Context) error {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		list := tx.Cursor().Bucket()
		p, err := tx.Page(int(list.Root()))
		if err != nil || p.Type != "branch" || listSize(tx) > pageSize*3/4 {
			return nil, err
		}
		return func() error {
			list.FillPercent = 1 // what is joined up to is the half of that
			var errs []error
			for _, end := range []string{"\x00", "\xff"} {
				errs = append(errs, list.Put([]byte(end), nil), list.Delete([]byte(end)))
			}
			return errors.Join(errs...)
		}, nil
	}
	return db.write(ctx, &request{op: "gather", spare: true, plan: plan})
}

// listSize is what the list of buckets takes, with those that lie within it. At three
// quarters of a page one of two halves is less than the half of one, and is joined.
func listSize(tx *bbolt.Tx) int {
	size := pageHead
	_ = tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		size += elementSize + len(name) + bucketHead
		if b.Root() > 0 {
			return nil // it has pages of its own
		}
		size += pageHead
		return b.ForEach(func(k, v []byte) error {
			size += elementSize + len(k) + len(v)
			return nil
		})
	}) // what it calls fails nowhere
	return size
}

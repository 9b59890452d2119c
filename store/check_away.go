package store

import (
	"slices"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
)

// exists says whether a sale is here or was archived. Without a look at the archives
// their filters have to do.
func (c *checker) exists(id sale.ID) bool {
	if c.tx.Bucket(saleBucket).Get([]byte(id)) != nil {
		return true
	}
	if c.deep {
		value, err := c.old.get(inSale, []byte(id))
		return err == nil && value != nil
	}
	return c.may(inSale, []byte(id))
}

func (c *checker) may(section byte, key []byte) bool {
	k := archive.KeyOf(section, key)
	return slices.ContainsFunc(c.old.list(), func(s shelf) bool { return s.filter.May(k) })
}

// legs visits the postings after a line: all of them, or those of the file where the
// archives are not looked at.
func (c *checker) legs(after uint64, each func(seq uint64, id sale.ID, p sale.Posting) error) error {
	if c.deep {
		return c.old.legs(c.tx, after, each)
	}
	return ledger.LegsAfter(c.tx, max(after, last(c.old.list()).To), each)
}

func countKeys(b *bbolt.Bucket) (n int) {
	_ = b.ForEach(func(_, _ []byte) error { n++; return nil }) // the function does not fail
	return n
}

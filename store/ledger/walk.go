package ledger

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// After walks the lines that follow after, oldest first, one at a time: a day of
// them is no list to hold.
func After(tx *bbolt.Tx, after uint64, each func(seq uint64, line Line) error) error {
	c := tx.Bucket(journalBucket).Cursor()
	for k, v := c.Seek(seqKey(after + 1)); k != nil; k, v = c.Next() {
		line, _, err := decode(k, v)
		if err != nil {
			return fmt.Errorf("ledger: line %x: %w", k, err)
		}
		if err := each(binary.BigEndian.Uint64(k), line); err != nil {
			return err
		}
	}
	return nil
}

// LegsAfter walks the postings of the lines that follow after.
func LegsAfter(tx *bbolt.Tx, after uint64, each func(seq uint64, id sale.ID, p sale.Posting) error) error {
	c := tx.Bucket(postingBucket).Cursor()
	for k, v := c.Seek(seqKey(after + 1)); k != nil; k, v = c.Next() {
		var p leg
		if err := record.Unmarshal(k, v, &p); err != nil || len(k) != 9 {
			return fmt.Errorf("ledger: posting %x: %w", k, err)
		}
		if err := each(binary.BigEndian.Uint64(k), p.Sale, p.Posting); err != nil {
			return err
		}
	}
	return nil
}

// LinkAt is where the chain stands after a line; line zero is the origin.
func LinkAt(tx *bbolt.Tx, seq uint64) (Link, error) {
	key, b := seqKey(seq), tx.Bucket(journalBucket).Get(seqKey(seq))
	if seq == 0 {
		key, b = originKey, tx.Bucket(chainBucket).Get(originKey)
	}
	body, err := record.Open(key, b)
	if err != nil || len(body) < len(Link{}) {
		return Link{}, fmt.Errorf("ledger: line %d: %w", seq, err)
	}
	return Link(body), nil
}

package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// maxFill bounds how much of a file is written over after a purge, in pages.
const maxFill = 2048

// PurgeAudits throws away every epoch that nothing younger than keep is in, and
// records that it did. rotate is how long an epoch is used.
//
// A page that bbolt gives up keeps its bytes until it is used again, and writing
// zeros in place of a value only writes another page. So the pages that are free
// after a purge are written over once, by values of zeros that are deleted again.
// That is true of the file; flash below it may keep the old block until it erases
// it, and copies of the file that were made before keep everything.
//
// A power cut before the purge leaves all; after it, the record and the deletion,
// which are one transaction, are there, and the next purge writes over what is left.
func (db *DB) PurgeAudits(ctx context.Context, keep, rotate time.Duration, policy string) (p Purge, err error) {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		if p, err = db.due(tx, keep, rotate, policy); err != nil || len(p.Epochs) == 0 {
			return nil, err
		}
		return func() error { return db.purge(tx, p) }, nil
	}
	if err := db.write(ctx, &request{op: "purge", plan: plan}); err != nil || len(p.Epochs) == 0 {
		return p, err
	}
	return p, db.overwrite(ctx)
}

// due is what a purge would throw away.
func (db *DB) due(tx *bbolt.Tx, keep, rotate time.Duration, policy string) (Purge, error) {
	p := Purge{At: db.clock.wall(), Policy: policy}
	err := eachEpoch(tx, func(id uint32, e epochRecord) error {
		if p.At.Sub(e.Since) >= keep+rotate {
			p.Epochs = append(p.Epochs, id)
		}
		return nil
	})
	for _, id := range p.Epochs {
		p.Digests += countAudits(tx, id, auditDigest)
		p.Prints += countAudits(tx, id, auditPrint)
	}
	return p, err
}

func countAudits(tx *bbolt.Tx, epoch uint32, what byte) (n int) {
	c := tx.Bucket(auditBucket).Cursor()
	prefix := auditAt(epoch, what)
	for k, _ := c.Seek(prefix); len(k) >= len(prefix) && string(k[:len(prefix)]) == string(prefix); k, _ = c.Next() {
		n++
	}
	return n
}

func (db *DB) purge(tx *bbolt.Tx, p Purge) error {
	b := tx.Bucket(auditBucket)
	for _, id := range p.Epochs {
		var keys [][]byte
		c := b.Cursor()
		for k, _ := c.Seek(auditAt(id, 0)); k != nil && binary.BigEndian.Uint32(k) == id; k, _ = c.Next() {
			keys = append(keys, k)
		}
		for _, k := range keys {
			if err := b.Delete(k); err != nil {
				return err
			}
		}
	}
	n, err := b.NextSequence()
	if err != nil {
		return err
	}
	return putRecord(b, purgeAt(n), p)
}

func purgeAt(n uint64) []byte {
	return auditAt(0, auditPurge, binary.BigEndian.AppendUint64(nil, n)...)
}

// overwrite fills the free pages of the file with zeros, once.
func (db *DB) overwrite(ctx context.Context) error {
	step := func(op string, write func(b *bbolt.Bucket) error) error {
		return db.write(ctx, &request{op: op, spare: true, plan: func(tx *bbolt.Tx) (func() error, error) {
			return func() error { return write(tx.Bucket(auditBucket)) }, nil
		}})
	}
	var n uint32
	fill := func(b *bbolt.Bucket) error {
		stats := db.bolt.Stats()
		zeros := make([]byte, pageSize-512) // one of them fills a page
		for n = 0; n < uint32(min(stats.FreePageN+stats.PendingPageN, maxFill)); n++ {
			k := auditAt(0, auditFill, binary.BigEndian.AppendUint32(nil, n)...)
			if err := b.Put(k, record.Seal(k, zeros)); err != nil {
				return err
			}
		}
		return nil
	}
	// The pages of the purge itself are free from the second transaction on.
	if err := step("purge-settle", func(b *bbolt.Bucket) error { return unfill(b) }); err != nil {
		return err
	}
	if err := step("purge-fill", fill); err != nil {
		return err
	}
	return step("purge-unfill", unfill)
}

func unfill(b *bbolt.Bucket) error {
	var keys [][]byte
	c := b.Cursor()
	prefix := auditAt(0, auditFill)
	for k, _ := c.Seek(prefix); len(k) >= len(prefix) && string(k[:len(prefix)]) == string(prefix); k, _ = c.Next() {
		keys = append(keys, k)
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// Purges are the deletions on record, oldest first.
func (db *DB) Purges() (list []Purge, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		list, err = purges(tx)
		return err
	})
	return list, err
}

func purges(tx *bbolt.Tx) (list []Purge, err error) {
	c := tx.Bucket(auditBucket).Cursor()
	prefix := auditAt(0, auditPurge)
	for k, value := c.Seek(prefix); len(k) == len(prefix)+8 && string(k[:len(prefix)]) == string(prefix); k, value = c.Next() {
		var p Purge
		if err := record.Unmarshal(k, value, &p); err != nil {
			return nil, ErrCorrupt.becausef("audit/%x: %w", k, err)
		}
		list = append(list, p)
	}
	return list, nil
}

// lastPurged is the youngest epoch that was thrown away: no number is used twice.
func lastPurged(tx *bbolt.Tx) (last uint32, err error) {
	list, err := purges(tx)
	for _, p := range list {
		for _, id := range p.Epochs {
			last = max(last, id)
		}
	}
	return last, err
}

// audits holds what is kept of checks against the epochs and the sales.
func (c *checker) audits() error {
	var err error
	if c.r.Purges, err = purges(c.tx); err != nil {
		c.r.bad("audit", err.Error())
	}
	if err := eachEpoch(c.tx, func(id uint32, e epochRecord) error {
		if c.r.Epochs++; len(e.Key) != 32 {
			c.r.bad(fmt.Sprintf("audit/epoch %d", id), "its key has not 32 bytes")
		}
		return nil
	}); err != nil {
		c.r.bad("audit", err.Error())
	}
	return c.tx.Bucket(auditBucket).ForEach(func(k, value []byte) error {
		where := fmt.Sprintf("audit/%x", k)
		if _, err := record.Open(k, value); err != nil {
			c.r.bad(where, err.Error())
			return nil
		}
		switch epoch, what := binary.BigEndian.Uint32(k), k[4]; {
		case what == auditDigest && epoch > 0 && len(k) > 7:
			c.r.Digests++
			if id := sale.ID(k[5 : len(k)-2]); !c.exists(id) {
				c.r.bad(where, fmt.Sprintf("there is no sale %q", id))
			}
		case what == auditKey && epoch > 0 && len(k) == 5, what == auditPrint && epoch > 0 && len(k) == 5+32:
		case what == auditPurge && epoch == 0, what == auditFill && epoch == 0:
		default:
			c.r.bad(where, "nobody knows this key")
		}
		return nil
	})
}

package queue

import (
	"bytes"
	"encoding/binary"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// Retired is the bucket of the jobs that ended. They lie in the order in which they
// did, and the oldest of them may lie elsewhere.
func Retired(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket(retiredBucket) }

// Ended is when a retired job ended.
func Ended(key, value []byte) (sale.Instant, error) {
	var j Job
	if err := record.Unmarshal(key, value, &j); err != nil || len(j.Results) == 0 {
		return 0, err
	}
	return j.Results[len(j.Results)-1].Ended, nil
}

// Forget drops the retired jobs up to a number, which lie elsewhere, and goes on above it.
func Forget(tx *bbolt.Tx, upTo uint64) error {
	b := tx.Bucket(retiredBucket)
	var keys [][]byte
	c := b.Cursor()
	for k, _ := c.First(); len(k) == 8 && binary.BigEndian.Uint64(k) <= upTo; k, _ = c.Next() {
		keys = append(keys, bytes.Clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return b.SetSequence(max(b.Sequence(), upTo))
}

package queue

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"qrposd/store/record"
)

// Counts are what a verification has seen.
type Counts struct {
	Live, Retired int
	Forgotten     uint64 // retired before the first that is here
}

// Verify walks the whole queue, tells bad about everything that is not as this
// package leaves it, and goes on; each is given every live job.
func Verify(tx *bbolt.Tx, bad func(where, what string), each func(Job)) Counts {
	var n Counts
	jobs, index := tx.Bucket(jobBucket), tx.Bucket(dueBucket)
	_ = jobs.ForEach(func(k, value []byte) error { // the function does not fail
		n.Live++
		where := fmt.Sprintf("job/%q", k)
		var j Job
		if err := record.Unmarshal(k, value, &j); err != nil {
			bad(where, err.Error())
			return nil
		}
		if string(jobKey(j.Topic, j.Key)) != string(k) {
			bad(where, "it is stored under another name")
		}
		if index.Get(dueKey(j)) == nil {
			bad(where, "it will never be due: the index does not have it")
		}
		each(j)
		return nil
	})
	_ = index.ForEach(func(k, value []byte) error {
		where := fmt.Sprintf("due/%x", k)
		at, name, err := splitDue(k)
		if _, sealErr := record.Open(k, value); err != nil || sealErr != nil {
			bad(where, errors.Join(err, sealErr).Error())
			return nil
		}
		if j, err := Get(tx, name.topic, name.key); err != nil || j.Due != at {
			bad(where, "the index names a job that is not due then")
		}
		return nil
	})
	_ = tx.Bucket(retiredBucket).ForEach(func(k, value []byte) error {
		n.Retired++
		var j Job
		if err := record.Unmarshal(k, value, &j); err != nil {
			bad(fmt.Sprintf("retired/%x", k), err.Error())
		}
		return nil
	})
	seq := tx.Bucket(retiredBucket).Sequence()
	n.Forgotten = seq
	if first, _ := tx.Bucket(retiredBucket).Cursor().First(); len(first) == 8 {
		n.Forgotten = binary.BigEndian.Uint64(first) - 1
	}
	if seq-n.Forgotten != uint64(n.Retired) {
		bad("retired", fmt.Sprintf("%d jobs were retired after the %dth, %d are here", seq-n.Forgotten, n.Forgotten, n.Retired))
	}
	return n
}

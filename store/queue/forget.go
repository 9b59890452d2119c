package queue

import (
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

// Package queue keeps what is owed to the world, by when it is due.
//
// The record is the state: an attempt is counted and written before it is made,
// and its outcome afterwards, so that a power cut in between leaves a job that
// says so. A job that ended is moved to the retired ones with its whole history
// in the same transaction. Nothing is ever dropped, by age or by count: what
// cannot be done stays visible with its reasons.
//
// Everything works inside the caller's transaction, together with whatever made
// the job: there is no moment at which a sale is recorded and its job is not.
// Leases are not stored. One process owns the file, and one that dies owns
// nothing; a stored lease would have to be waited out.
//
// Rejected: a bucket for each topic and a wall clock in the due time (a step of
// the clock would make everything due at once, or nothing).
package queue

import (
	"encoding/binary"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// The buckets of this package.
//
//	path: job
//	maps: topic, 0, key -> a live job
//
//	path: due
//	maps: due u64, topic, 0, key -> nothing: the index of job by time
//
//	path: retired
//	maps: seq u64 -> a job that ended, with its history
var (
	jobBucket     = []byte("job")
	dueBucket     = []byte("due")
	retiredBucket = []byte("retired")
)

// Buckets are the names that this package keeps in a file.
func Buckets() []string {
	return []string{string(jobBucket), string(dueBucket), string(retiredBucket)}
}

// Job is something owed. Topic and Key name it; there is one live job of a name.
type Job struct {
	Topic    string       `json:"topic"`
	Key      string       `json:"key"`
	Due      sale.Instant `json:"due"`
	Attempts int          `json:"attempts"`
	Results  []Result     `json:"results,omitempty"`
}

// Result is one attempt, or what was found without one. An attempt without an
// outcome was under way when the power went, or is.
type Result struct {
	At      sale.Instant `json:"at"`
	Did     string       `json:"did,omitempty"`
	Ended   sale.Instant `json:"ended,omitempty"`
	Outcome string       `json:"outcome,omitempty"`
}

// ErrNoJob says that there is no live job of that name.
var ErrNoJob = errors.New("queue: no such job")

// Create makes the buckets of an empty queue.
func Create(tx *bbolt.Tx) error {
	for _, name := range Buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// Put makes a job, or moves a live one to another time.
func Put(tx *bbolt.Tx, topic, key string, due sale.Instant) error {
	j, err := Get(tx, topic, key)
	if errors.Is(err, ErrNoJob) {
		j, err = Job{Topic: topic, Key: key, Due: due}, nil
	}
	if err != nil {
		return err
	}
	return save(tx, j, due)
}

// Begin records that an attempt is about to be made, and when to look again if
// nothing is heard of it.
func Begin(tx *bbolt.Tx, topic, key string, at, due sale.Instant, did string) error {
	j, err := Get(tx, topic, key)
	if err != nil {
		return err
	}
	j.Attempts++
	j.Results = append(j.Results, Result{At: at, Did: did})
	return save(tx, j, due)
}

// Retry records how the attempt under way went, if there is one, and when the
// job is due again. A job that stays due stays where it is: see [Job.Stays].
func Retry(tx *bbolt.Tx, topic, key string, at, due sale.Instant, outcome string) (Job, error) {
	j, err := Get(tx, topic, key)
	if err != nil || j.Stays(at, due) {
		return j, err
	}
	if j.UnderWay() {
		j.end(at, outcome)
	}
	err = save(tx, j, due)
	j.Due = due
	return j, err
}

// Stays says that moving the job to due, at the time at, would tell nobody
// anything: it was due already, it would be due again at once, and no attempt is
// waiting for its outcome. Writing it all the same is a tenth of a commit.
func (j *Job) Stays(at, due sale.Instant) bool { return !j.UnderWay() && j.Due <= at && due <= at }

// Done records how the job ended, and retires it.
func Done(tx *bbolt.Tx, topic, key string, at sale.Instant, outcome string) error {
	j, err := Get(tx, topic, key)
	if err != nil {
		return err
	}
	j.end(at, outcome)
	return retire(tx, j)
}

// Retire ends a job that nobody owes any more, whatever its last attempt came to.
func Retire(tx *bbolt.Tx, topic, key string, at sale.Instant, why string) error {
	j, err := Get(tx, topic, key)
	if err != nil {
		return err
	}
	j.Results = append(j.Results, Result{At: at, Ended: at, Outcome: why})
	return retire(tx, j)
}

// Get is a live job.
func Get(tx *bbolt.Tx, topic, key string) (Job, error) {
	k := jobKey(topic, key)
	value := tx.Bucket(jobBucket).Get(k)
	if value == nil {
		return Job{}, ErrNoJob
	}
	var j Job
	if err := record.Unmarshal(k, value, &j); err != nil {
		return Job{}, fmt.Errorf("queue: job %s %s: %w", topic, key, err)
	}
	return j, nil
}

// Due gives at most limit live jobs of a topic that are due by a time, the
// longest due first. A limit of zero is none.
func Due(tx *bbolt.Tx, topic string, by sale.Instant, limit int) ([]Job, error) {
	var list []Job
	c := tx.Bucket(dueBucket).Cursor()
	for k, _ := c.First(); k != nil && (limit == 0 || len(list) < limit); k, _ = c.Next() {
		at, name, err := splitDue(k)
		if err != nil {
			return nil, err
		}
		if at > by {
			break
		}
		if name.topic != topic {
			continue
		}
		j, err := Get(tx, name.topic, name.key)
		if err != nil {
			return nil, fmt.Errorf("queue: due index: %w", err)
		}
		list = append(list, j)
	}
	return list, nil
}

// UnderWay says that an attempt was begun and has no outcome.
func (j *Job) UnderWay() bool {
	return len(j.Results) > 0 && j.Results[len(j.Results)-1].Ended == 0
}

// end closes the attempt under way, or notes an outcome that came without one.
func (j *Job) end(at sale.Instant, outcome string) {
	if j.UnderWay() {
		last := &j.Results[len(j.Results)-1]
		last.Ended, last.Outcome = at, outcome
		return
	}
	j.Results = append(j.Results, Result{At: at, Ended: at, Outcome: outcome})
}

func save(tx *bbolt.Tx, j Job, due sale.Instant) error {
	index := tx.Bucket(dueBucket)
	if due != j.Due {
		if err := index.Delete(dueKey(j)); err != nil {
			return err
		}
		j.Due = due
	}
	k := dueKey(j)
	if err := index.Put(k, record.Seal(k, nil)); err != nil {
		return err
	}
	k = jobKey(j.Topic, j.Key)
	value, err := record.Marshal(k, j)
	if err != nil {
		return err
	}
	return tx.Bucket(jobBucket).Put(k, value)
}

func retire(tx *bbolt.Tx, j Job) error {
	if err := tx.Bucket(dueBucket).Delete(dueKey(j)); err != nil {
		return err
	}
	if err := tx.Bucket(jobBucket).Delete(jobKey(j.Topic, j.Key)); err != nil {
		return err
	}
	retired := tx.Bucket(retiredBucket)
	retired.FillPercent = 0.9 // only ever appended to
	seq, err := retired.NextSequence()
	if err != nil {
		return err
	}
	k := binary.BigEndian.AppendUint64(nil, seq)
	value, err := record.Marshal(k, j)
	if err != nil {
		return err
	}
	return retired.Put(k, value)
}

package store

import (
	"errors"
	"math"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/queue"
)

// Owed is a sale that owes something, with the job that keeps it from being
// forgotten.
type Owed struct {
	Sale  sale.Sale
	Job   queue.Job
	Stuck bool // nothing happens by itself: only a person can bring it on
}

// Owing lists the sales that owe something which want accepts, the soonest due
// first. Nothing in the queue ends by its age or by how often it was tried, so the
// list is all that there is.
func (db *DB) Owing(want func(*sale.Sale) bool) (list []Owed, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		list, err = owing(tx, want)
		return err
	})
	return list, err
}

func owing(tx *bbolt.Tx, want func(*sale.Sale) bool) (list []Owed, err error) {
	jobs, err := queue.Due(tx, drive, math.MaxInt64, 0)
	if err != nil {
		return nil, ErrCorrupt.because(err)
	}
	for _, j := range jobs {
		s, err := load(tx, sale.ID(j.Key))
		if err != nil {
			return nil, err
		}
		if want(&s) {
			list = append(list, Owed{s, j, j.Due == never})
		}
	}
	return list, nil
}

// Owed is one sale with its job. A sale that owes nothing has an empty one.
func (db *DB) Owed(id sale.ID) (o Owed, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		if o.Sale, err = db.load(tx, id); err != nil {
			return err
		}
		o.Job, err = queue.Get(tx, drive, string(id))
		if errors.Is(err, queue.ErrNoJob) {
			return nil
		}
		o.Stuck = o.Job.Due == never
		return err
	})
	return o, err
}

// ReadOwing lists what the sales of a file owe that no daemon has open, and never
// writes.
func ReadOwing(path string) (list []Owed, err error) {
	if _, err := inspect(path); err != nil {
		return nil, err
	}
	bolt, err := openFile(path, true, 0)
	if err != nil {
		return nil, err
	}
	err = bolt.View(func(tx *bbolt.Tx) error {
		list, err = owing(tx, func(s *sale.Sale) bool { return len(s.Debts()) > 0 })
		return err
	})
	return list, errors.Join(err, bolt.Close())
}

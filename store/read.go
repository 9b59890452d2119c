package store

import (
	"errors"
	"iter"
	"math"
	"sync"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

// view reads in one moment's state of the file.
func (db *DB) view(fn func(*bbolt.Tx) error) error {
	err := db.bolt.View(fn)
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return ErrClosed
	}
	return err
}

// Sale is a sale as it is, or ErrNotFound.
func (db *DB) Sale(id sale.ID) (s sale.Sale, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		s, err = db.recall.load(tx, id)
		return err
	})
	return s, err
}

// Sales gives at most limit sales, the latest first, from before the one named;
// an empty name is from the end.
func (db *DB) Sales(limit int, before sale.ID) (list []sale.Sale, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(begunBucket).Cursor()
		k, v := c.Last()
		if before != "" {
			s, err := load(tx, before)
			if err != nil {
				return err
			}
			c.Seek(begunKey(s.Begun))
			k, v = c.Prev()
		}
		for ; k != nil && len(list) < limit; k, v = c.Prev() {
			id, err := record.Open(k, v)
			if err != nil {
				return ErrCorrupt.becausef("begun/%x: %w", k, err)
			}
			s, err := load(tx, sale.ID(id))
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		return nil
	})
	return list, err
}

// Unfinished lists the sales that owe the world a step, in the order in which
// the steps are due: what a start goes on with.
func (db *DB) Unfinished() (ids []sale.ID, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		jobs, err := queue.Due(tx, drive, math.MaxInt64, 0)
		if err != nil {
			return ErrCorrupt.because(err)
		}
		for _, j := range jobs {
			ids = append(ids, sale.ID(j.Key))
		}
		return nil
	})
	return ids, err
}

// Journal gives at most limit entries that follow after, oldest first.
func (db *DB) Journal(after uint64, limit int) (list []sale.Entry, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		if list, err = ledger.Read(tx, after, limit); err != nil {
			return ErrCorrupt.because(err)
		}
		return nil
	})
	return list, err
}

// Stats is the store in numbers.
type Stats struct {
	Commits   uint64 // transactions since Open
	Sales     uint64
	Entries   uint64 // lines of the journal
	Head      string // link of the last of them
	Bytes     int64  // size of the file
	Budget    int64  // what it may grow to
	FreePages int
	Accepting bool // whether a new sale would find room
}

// Stats counts.
func (db *DB) Stats() (st Stats) {
	_ = db.view(func(tx *bbolt.Tx) error { // only fails once closed: then there is nothing to count
		head, err := ledger.Tip(tx)
		st = Stats{
			Commits: db.state.commits.Load(), Sales: tx.Bucket(begunBucket).Sequence() - db.restores.skipped(), Entries: head.Seq, Head: head.Link.String(),
			Bytes: tx.Size(), Budget: db.budget.max, FreePages: tx.DB().Stats().FreePageN,
			Accepting: !db.state.doubt.Load() && !db.state.full.Load() && db.budget.admits(tx) && db.ballast.intact(),
		}
		return err
	})
	return st
}

// watchers are those who want to know that something was committed.
type watchers struct {
	mu  sync.Mutex // guards set
	set map[chan struct{}]struct{}
}

// Watch gives a channel that receives after commits, once for any number of
// them that came meanwhile. The receiver reads what it needs from the store.
// stop ends it.
func (db *DB) Watch() (changed <-chan struct{}, stop func()) {
	w := &db.watchers
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.set == nil {
		w.set = make(map[chan struct{}]struct{})
	}
	w.set[c] = struct{}{}
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.set, c)
	}
}

func (w *watchers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.set {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// ReadJournal reads the journal of a file that no daemon has open, oldest first,
// and never writes. It holds one batch of entries at a time.
func ReadJournal(path string) iter.Seq2[sale.Entry, error] {
	return func(yield func(sale.Entry, error) bool) {
		if _, err := inspect(path); err != nil {
			yield(sale.Entry{}, err)
			return
		}
		bolt, err := openFile(path, true, 0)
		if err != nil {
			yield(sale.Entry{}, err)
			return
		}
		defer func() { _ = bolt.Close() }() // it was only read
		for after := uint64(0); ; {
			var list []sale.Entry
			err := bolt.View(func(tx *bbolt.Tx) (err error) {
				list, err = ledger.Read(tx, after, 256)
				return err
			})
			if err != nil {
				yield(sale.Entry{}, ErrCorrupt.because(err))
				return
			}
			if len(list) == 0 {
				return
			}
			for _, e := range list {
				if !yield(e, nil) {
					return
				}
			}
			after = list[len(list)-1].Seq
		}
	}
}

package store

import (
	"errors"
	"iter"
	"math"
	"path/filepath"
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
		s, err = db.load(tx, id)
		return err
	})
	return s, err
}

// Sales gives at most limit sales, the latest first, from before the one named;
// an empty name is from the end.
func (db *DB) Sales(limit int, before sale.ID) (list []sale.Sale, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		from := sale.Instant(math.MaxInt64)
		if before != "" {
			s, err := db.load(tx, before)
			if err != nil {
				return err
			}
			from = s.Begun
		}
		ids, err := db.begun(tx, from, limit)
		if err != nil {
			return err
		}
		for _, b := range ids {
			s, err := db.load(tx, b.id)
			if err != nil {
				return err
			}
			list = append(list, s)
		}
		return nil
	})
	return list, err
}

// begun gives at most limit sales that began before a time, the latest first.
func (db *DB) begun(tx *bbolt.Tx, before sale.Instant, limit int) (list []begunSale, err error) {
	c := tx.Bucket(begunBucket).Cursor()
	step := c.Last
	if k, _ := c.Seek(begunKey(before)); k != nil {
		step = c.Prev
	}
	k, v := step()
	for ; k != nil && len(list) < limit; k, v = c.Prev() {
		id, err := record.Open(k, v)
		if err != nil {
			return nil, ErrCorrupt.becausef("begun/%x: %w", k, err)
		}
		list = append(list, begunSale{sale.Instant(seqOf(k)), sale.ID(id)})
	}
	return db.old.begun(list, before, limit)
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
		list, err = db.old.journal(tx, after, limit)
		return err
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

// ReadJournal reads the journal of a file that no daemon has open, and of the archives
// beside it, oldest first, and never writes. It holds one entry at a time.
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
		old := archives{dir: filepath.Dir(path)}
		err = bolt.View(func(tx *bbolt.Tx) error {
			all, err := catalogue(tx)
			if err != nil {
				return err
			}
			old.set(all)
			return old.lines(tx, 0, func(seq uint64, line ledger.Line) error {
				if !yield(sale.Entry{Seq: seq, Sale: line.Sale, State: line.State, Event: line.Event}, nil) {
					return errEnough
				}
				return nil
			})
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(sale.Entry{}, err)
		}
	}
}

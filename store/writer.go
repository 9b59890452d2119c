package store

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
)

// maxBatch bounds one transaction: what it holds in memory, and how long the
// last of its callers waits.
const maxBatch = 256

// plan looks at the store and either refuses, or has nothing to write, or gives
// the function that writes. Because it writes nothing itself, a refusal costs
// its neighbours in the batch nothing.
type plan func(tx *bbolt.Tx) (write func() error, err error)

// request is a caller that waits for the writer.
type request struct {
	op    string // names the fault points
	sale  bool   // it begins a sale, and may be refused for want of room
	spare bool   // nobody is owed it, and it never takes the room of what is
	plan  plan
	once  sale.Once // what the caller's key was used for goes with the line into the second record
	wrote bool
	err   error
	done  chan struct{}
}

// state is what is known of the store beside its file.
type state struct {
	commits atomic.Uint64
	doubt   atomic.Bool // a commit failed; nothing is accepted any more
	full    atomic.Bool // the disk had no room for the last new sale
}

// write hands a plan to the writer and waits for its outcome. Once the writer
// has it, the outcome is waited for whatever ctx says: a caller that gave up
// would not know whether it was recorded.
func (db *DB) write(ctx context.Context, r *request) error {
	r.done = make(chan struct{})
	select {
	case db.requests <- r:
	case <-db.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	<-r.done
	return r.err
}

// run is the only goroutine that writes.
func (db *DB) run() {
	defer close(db.stopped)
	for {
		select {
		case r := <-db.requests:
			batch := db.drain(r)
			db.commit(batch)
			for _, r := range batch {
				close(r.done)
			}
		case <-db.closing:
			return
		}
	}
}

// drain takes whoever waits already. It waits for nobody.
func (db *DB) drain(first *request) []*request {
	batch := []*request{first}
	runtime.Gosched()
	for len(batch) < maxBatch {
		select {
		case r := <-db.requests:
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// commit gives every request of a batch its outcome: all in one transaction or,
// if that fails on account of one of them, each in its own.
func (db *DB) commit(batch []*request) {
	if db.state.doubt.Load() {
		settle(batch, ErrInDoubt)
		return
	}
	err := db.attempt(batch)
	var failed *failure
	switch {
	case err == nil:
		if slices.ContainsFunc(batch, func(r *request) bool { return r.sale && r.wrote }) {
			db.state.full.Store(false)
		}
	case errors.As(err, &failed):
		db.state.doubt.Store(true)
		settle(batch, ErrInDoubt.because(err))
		db.opts.Log.Error("a commit is in doubt; the process ends", "err", err)
		db.opts.Exit(exitInDoubt)
	case len(batch) > 1:
		for i := range batch {
			db.commit(batch[i : i+1])
		}
	case noSpace(err):
		db.noRoom(batch[0], err)
	default:
		settle(batch, err)
	}
}

// noRoom refuses a new sale and makes room for everything else, once.
func (db *DB) noRoom(r *request, err error) {
	r.err = ErrFull.because(err)
	if !r.sale {
		r.err = &Error{ErrFull.Code, "there is no room to record this", "free disk space and try again; nothing was recorded", err}
	}
	if r.sale {
		db.state.full.Store(true)
	}
	if r.sale || r.spare || !db.ballast.release() {
		db.opts.Log.Error("no room for a commit", "op", r.op, "err", err)
		return
	}
	db.opts.Log.Warn("the disk is full; the ballast was released and new sales are refused", "op", r.op)
	db.commit([]*request{r})
}

func settle(batch []*request, err error) {
	for _, r := range batch {
		r.err = err
	}
}

// failure is a transaction of which nobody knows whether it is on disk.
type failure struct{ err error }

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// attempt runs a batch in one transaction. A refusal is the refused request's
// own; an error is everybody's and means that nothing was recorded, unless it is
// a failure.
func (db *DB) attempt(batch []*request) error {
	tx, err := db.bolt.Begin(true)
	if err != nil {
		return err
	}
	from, err := ledger.Tip(tx)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	wrote, err := apply(tx, batch)
	if err != nil || !wrote {
		return errors.Join(err, tx.Rollback())
	}
	if err := putMeta(tx, clockKey, db.clock.reading()); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	frames, err := db.second.of(tx, from, batch)
	if err != nil {
		db.second.stop(db, err)
	}
	id := tx.ID()
	if err := db.hooks(batch, "before-commit"); err != nil {
		return db.judge(id, errors.Join(err, tx.Rollback()))
	}
	if err := tx.Commit(); err != nil {
		return db.judge(id, err)
	}
	// The power may go here: the file has it, and nobody was told.
	db.second.keep(db, frames)
	db.state.commits.Add(1)
	_ = db.hooks(batch, "after-commit") // it is on disk, whatever a hook says
	db.watchers.wake()
	return nil
}

// apply runs the plans one after the other; each sees what those before it wrote.
func apply(tx *bbolt.Tx, batch []*request) (wrote bool, err error) {
	for _, r := range batch {
		var write func() error
		r.wrote = false
		if write, r.err = r.plan(tx); r.err != nil || write == nil {
			continue
		}
		if err := write(); err != nil {
			return false, fmt.Errorf("store: %s: %w", r.op, err)
		}
		r.wrote, wrote = true, true
	}
	return wrote, nil
}

func (db *DB) hooks(batch []*request, point string) error {
	for _, r := range batch {
		if r.wrote {
			if err := db.opts.Hook(r.op + ":" + point); err != nil {
				return err
			}
		}
	}
	return nil
}

// judge tells a lack of room that was met before the header was written, which
// is a clean refusal, from everything else, which is a failure.
func (db *DB) judge(id int, err error) error {
	if !noSpace(err) {
		return &failure{err}
	}
	landed := true
	if viewErr := db.bolt.View(func(tx *bbolt.Tx) error { landed = tx.ID() >= id; return nil }); viewErr != nil || landed {
		return &failure{errors.Join(err, viewErr)}
	}
	return err
}

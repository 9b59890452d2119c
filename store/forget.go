package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

const (
	// forgetAtOnce is how many sales are forgotten in one transaction: what they free
	// and the pages that the transaction itself gives up have to fit into the free
	// list's page with what is free already.
	forgetAtOnce = 32
	// maxFree is how many free pages there may be for more to be freed. The list has
	// room for 500 on its page.
	maxFree = 224
	// tended is how long the till waits between two looks at what may leave: 32 sales
	// a second are far more than it makes.
	tended = time.Second
	// unwell is how long it waits after it could not.
	unwell = 10 * time.Minute
	// talliesKept is how long the counts of the traffic are: the rules look a day back.
	talliesKept = 48 * time.Hour
)

// forgetting is the work on one archive: what the file still has to forget of it. It
// is in memory alone: after a restart it begins again, and finds most of it gone.
type forgetting struct {
	archived
	file    *archive.Reader
	next    map[byte]func() (archive.Record, error, bool)
	stop    []func()
	tallies [][]byte
	atOnce  map[byte]int
}

// Tend moves what ended long ago into archives, for as long as ctx lasts. It is idle
// while nothing is sold.
func (db *DB) Tend(ctx context.Context) {
	changed, stop := db.Watch()
	defer stop()
	for {
		did, err := db.Rotate(ctx)
		pause := tended
		if err != nil && ctx.Err() == nil {
			db.opts.Log.Warn("older sales could not be moved to an archive", "err", err)
			pause = unwell
		}
		if !did && err == nil {
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// Rotate does the next piece of that work and says whether there was one to do.
func (db *DB) Rotate(ctx context.Context) (did bool, err error) {
	db.moving.Lock()
	defer db.moving.Unlock()
	if l := last(db.old.list()); l.Number > 0 && !l.Finished {
		return db.forget(ctx, l.archived)
	}
	if did, err := db.archive(ctx); did || err != nil {
		return did, err
	}
	return false, db.gather(ctx)
}

// forget takes a few of an archive's records out of the file, each only if it is
// what the archive has: a sale that something has happened to since stays.
func (db *DB) forget(ctx context.Context, a archived) (did bool, err error) {
	if !db.mayFree() {
		return false, nil // the sales of the day take what is free first
	}
	if db.rest == nil {
		if db.rest, err = db.beginForgetting(a); err != nil {
			return false, err
		}
	}
	var some []forgettable
	err = db.view(func(tx *bbolt.Tx) (err error) {
		some, err = db.rest.some(tx)
		return err
	})
	if err != nil {
		db.rest.close()
		db.rest = nil
		return false, ErrArchive.becausef("%s: %w", a.File, err)
	}
	lines, finished := 0, false
	plan := func(tx *bbolt.Tx) (func() error, error) {
		return func() (err error) {
			if lines, err = ledger.Forget(tx, a.To, db.rest.atOnce[inJournal]); err != nil {
				return err
			}
			for _, rec := range some {
				if err := forgetOne(tx, rec); err != nil {
					return err
				}
			}
			if finished = len(some) == 0 && lines == 0; finished {
				a.Finished = true
				return putRecord(tx.Bucket(archiveBucket), archiveAt(archiveEntry, a.Number), a)
			}
			return nil
		}, nil
	}
	if err := db.write(ctx, &request{op: "forget", spare: true, plan: plan}); err != nil {
		return false, err
	}
	if finished {
		db.rest.close()
		db.rest = nil
		all := slices.Clone(db.old.list())
		all[len(all)-1].archived = a
		db.old.set(all)
	}
	return true, nil
}

// mayFree says whether more pages may be freed. In a file that is half full a list of
// several pages is better than sales that are refused.
func (db *DB) mayFree() bool {
	st := db.bolt.Stats()
	free := st.FreePageN + st.PendingPageN
	size := int64(0)
	_ = db.view(func(tx *bbolt.Tx) error { size = tx.Size() - int64(free)*pageSize; return nil }) // closed: the next step says so
	return free <= maxFree || size > db.budget.max/2 && free <= 8*maxFree
}

// forgettable is a record of an archive and the section that it is of.
type forgettable struct {
	section byte
	archive.Record
}

func (db *DB) beginForgetting(a archived) (*forgetting, error) {
	r, err := db.old.open(shelf{archived: a})
	if err != nil {
		return nil, err
	}
	f := &forgetting{archived: a, file: r, next: make(map[byte]func() (archive.Record, error, bool)), atOnce: make(map[byte]int)}
	steps := max(1, (a.Sales+forgetAtOnce-1)/forgetAtOnce)
	share := func(n int) int { return max(8, (n+steps-1)/steps) }
	f.atOnce[inJournal] = share(int(a.To - a.From))
	f.atOnce[inSale], f.atOnce[inOnce], f.atOnce[inRetired] = forgetAtOnce, share(a.Once), share(a.Sales)
	for _, section := range []byte{inSale, inOnce, inRetired} {
		next, stop := iter.Pull2(r.From(section, nil))
		f.next[section] = next
		f.stop = append(f.stop, stop)
	}
	f.tallies, err = db.oldTallies()
	f.atOnce[0] = share(len(f.tallies))
	return f, err
}

// oldTallies are the keys of the counts that no rule looks at any more. They are in
// no archive: each says what the journal says.
func (db *DB) oldTallies() (keys [][]byte, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		keys = talliesBefore(tx, db.clock.now().At.Add(-talliesKept))
		return nil
	})
	return keys, err
}

func talliesBefore(tx *bbolt.Tx, at sale.Instant) (keys [][]byte) {
	before := minuteOf(at)
	_ = tx.Bucket(tallyBucket).ForEach(func(k, _ []byte) error { // the function does not fail
		if len(k) == 16 && binary.BigEndian.Uint32(k[12:]) < before {
			keys = append(keys, bytes.Clone(k))
		}
		return nil
	})
	return keys
}

// some are the next records to forget: of those that are still here as the archive
// has them, so that each step after a restart is one ahead, too.
func (f *forgetting) some(tx *bbolt.Tx) (list []forgettable, err error) {
	for section, b := range map[byte]*bbolt.Bucket{inSale: tx.Bucket(saleBucket), inOnce: tx.Bucket(onceBucket), inRetired: queue.Retired(tx)} {
		for n := 0; n < f.atOnce[section]; {
			rec, err, more := f.next[section]()
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
			if bytes.Equal(b.Get(rec.Key), rec.Value) {
				list = append(list, forgettable{section, rec})
				n++
			}
		}
	}
	n := min(len(f.tallies), f.atOnce[0])
	for _, k := range f.tallies[:n] {
		list = append(list, forgettable{0, archive.Record{Key: k}})
	}
	f.tallies = f.tallies[n:]
	return list, nil
}

func (f *forgetting) close() {
	for _, stop := range f.stop {
		stop()
	}
	_ = f.file.Close() // it was only read
}

// forgetOne takes a record out of the file. A sale goes with its place in the index
// and the marks of its codes, which are in the archive too.
func forgetOne(tx *bbolt.Tx, f forgettable) error {
	switch f.section {
	case inOnce:
		return deleteSame(tx.Bucket(onceBucket), f.Record)
	case inRetired:
		return deleteSame(queue.Retired(tx), f.Record)
	case inSale:
		return forgetSale(tx, f.Record)
	}
	return tx.Bucket(tallyBucket).Delete(f.Key)
}

func forgetSale(tx *bbolt.Tx, rec archive.Record) error {
	if !bytes.Equal(tx.Bucket(saleBucket).Get(rec.Key), rec.Value) {
		return nil // it went before, or something has happened to it since
	}
	var s sale.Sale
	if err := record.Unmarshal(rec.Key, rec.Value, &s); err != nil {
		return err
	}
	errs := []error{tx.Bucket(saleBucket).Delete(rec.Key), tx.Bucket(begunBucket).Delete(begunKey(s.Begun))}
	for i := range s.Attempts {
		if code := s.Attempts[i].CodeID; code != "" {
			errs = append(errs, tx.Bucket(codeBucket).Delete([]byte(code)))
		}
	}
	return errors.Join(errs...)
}

func deleteSame(b *bbolt.Bucket, rec archive.Record) error {
	if !bytes.Equal(b.Get(rec.Key), rec.Value) {
		return nil
	}
	return b.Delete(rec.Key)
}

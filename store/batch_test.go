package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// Whoever waits while a commit is under way is in the next one, all of them.
func TestThoseWhoWaitAreCommittedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, release := atomic.Bool{}, make(chan struct{})
		db := storetest.MustOpen(t, func(o *store.Options) {
			o.Hook = func(op string) error {
				if op == "begin:before-commit" && hold.CompareAndSwap(true, false) {
					<-release
				}
				return nil
			}
		})
		hold.Store(true)
		var all sync.WaitGroup
		for range 64 {
			all.Go(func() { begin(t, db, payer()) })
		}
		synctest.Wait() // one is held, 63 stand at the door
		close(release)
		all.Wait()
		if st := db.Stats(); st.Commits != 2 || st.Sales != 64 {
			t.Errorf("%d sales in %d commits, want 64 in 2", st.Sales, st.Commits)
		}
	})
}

// A lone sale is one transaction and no timer: in a bubble whose clock only
// moves for timers, no time passes.
func TestALoneSaleWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := storetest.MustOpen(t)
		start := time.Now()
		s := begin(t, db, payer())
		commit(t, db, s.ID, charge(s))
		if st := db.Stats(); st.Commits != 2 {
			t.Errorf("2 facts took %d commits", st.Commits)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("somebody waited %s", took)
		}
	})
}

func TestManyCommittersShareCommits(t *testing.T) {
	db := storetest.MustOpen(t)
	const tills, facts = 64, 10
	var sales [tills]sale.Sale
	for i := range sales {
		s := begin(t, db, payer())
		sales[i] = commit(t, db, s.ID, charge(s))
	}
	before := db.Stats().Commits
	var all sync.WaitGroup
	for _, s := range sales {
		all.Go(func() {
			for range facts {
				commit(t, db, s.ID, sale.Event{Kind: sale.CancelRequested})
			}
		})
	}
	all.Wait()
	if n := db.Stats().Commits - before; n > tills*facts/4 {
		t.Errorf("%d facts of %d committers took %d commits", tills*facts, tills, n)
	}
	for _, s := range sales {
		if s, err := db.Sale(s.ID); err != nil || s.Facts != 2+facts {
			t.Errorf("sale %s has %d facts, %v", s.ID, s.Facts, err)
		}
	}
}

// A refusal, a sale that is not there and a replay in the middle of a batch are
// each their caller's own.
func TestARefusalDoesNotPoisonItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, release := atomic.Bool{}, make(chan struct{})
		db := storetest.MustOpen(t, func(o *store.Options) {
			o.Hook = func(string) error {
				if hold.CompareAndSwap(true, false) {
					<-release
				}
				return nil
			}
		})
		s := paid(t, db)
		n := db.Stats().Commits
		hold.Store(true)
		var all sync.WaitGroup
		all.Go(func() { begin(t, db, payer()) })
		synctest.Wait()
		once := sale.Once{Key: "k", Print: "p"}
		var ids [8]sale.ID
		for i := range ids {
			all.Go(func() {
				one, _, err := db.Begin(t.Context(), payer(), "s", once)
				ids[i] = one.ID
				if err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				var no *sale.Refusal
				if _, err := db.Commit(t.Context(), s.ID, sale.Event{Kind: sale.CancelRequested}, sale.Once{}); !errors.As(err, &no) {
					t.Errorf("cancelling what is paid: %v", err)
				}
			})
			all.Go(func() {
				if _, err := db.Commit(t.Context(), "nobody", sale.Event{Kind: sale.Received}, sale.Once{}); !errors.Is(err, store.ErrNotFound) {
					t.Errorf("a sale that is not there: %v", err)
				}
			})
		}
		synctest.Wait()
		close(release)
		all.Wait()
		for _, id := range ids {
			if id != ids[0] {
				t.Errorf("one key began %s and %s", ids[0], id)
			}
		}
		if st := db.Stats(); st.Commits-n != 2 || st.Sales != 3 {
			t.Errorf("%d commits, %d sales", st.Commits-n, st.Sales)
		}
	})
}

// One who cannot be written, or for whom there is no room, leaves the others of
// the batch to be written without it.
func TestOneThatFailsLeavesItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, release := atomic.Bool{}, make(chan struct{})
		db := storetest.MustOpen(t, func(o *store.Options) {
			o.Exit = func(int) { t.Error("the process would end") }
			o.Hook = func(op string) error {
				if op == "cancel_requested:before-commit" {
					return unix.ENOSPC
				}
				if hold.CompareAndSwap(true, false) {
					<-release
				}
				return nil
			}
		})
		a, b := begin(t, db, payer()), begin(t, db, payer())
		hold.Store(true)
		var all sync.WaitGroup
		all.Go(func() { begin(t, db, payer()) })
		synctest.Wait()
		for range 5 {
			all.Go(func() { begin(t, db, payer()) })
		}
		all.Go(func() {
			huge := charge(a)
			huge.CodeID = strings.Repeat("x", 1<<16) // no key of bbolt
			_, err := db.Commit(t.Context(), a.ID, huge, sale.Once{})
			if err == nil || errors.Is(err, store.ErrInDoubt) || errors.Is(err, store.ErrFull) {
				t.Errorf("what cannot be written: %v", err)
			}
		})
		all.Go(func() {
			_, err := db.Commit(t.Context(), b.ID, sale.Event{Kind: sale.CancelRequested}, sale.Once{})
			if !errors.Is(err, store.ErrFull) {
				t.Errorf("what has no room: %v", err)
			}
		})
		synctest.Wait()
		close(release)
		all.Wait()
		if n := db.Stats().Sales; n != 8 {
			t.Errorf("%d sales of 8", n)
		}
		for _, want := range []sale.Sale{a, b} {
			if got, err := db.Sale(want.ID); err != nil || stored(t, got) != stored(t, want) {
				t.Errorf("what failed left its mark: %v %s", err, stored(t, got))
			}
		}
	})
}

// A poll that changes nothing costs no write, and Watch is not woken by it.
func TestEphemeralFactsAreNotWritten(t *testing.T) {
	db := storetest.MustOpen(t)
	s := begin(t, db, payer())
	commit(t, db, s.ID, charge(s))
	s = commit(t, db, s.ID, sale.Event{Kind: sale.Waiting})
	changed, stop := db.Watch()
	defer stop()
	n := db.Stats()
	for range 5 {
		if got := commit(t, db, s.ID, sale.Event{Kind: sale.Waiting}); stored(t, got) != stored(t, s) {
			t.Errorf("a poll changed the sale: %s", stored(t, got))
		}
	}
	if st := db.Stats(); st.Commits != n.Commits || st.Entries != n.Entries {
		t.Errorf("5 polls took %d commits and %d lines", st.Commits-n.Commits, st.Entries-n.Entries)
	}
	select {
	case <-changed:
		t.Error("a poll woke the watchers")
	default:
	}
	commit(t, db, s.ID, sale.Event{Kind: sale.CancelRequested})
	commit(t, db, s.ID, sale.Event{Kind: sale.CancelRequested})
	<-changed
	select {
	case <-changed:
		t.Error("two commits, one of them slept through, woke a watcher twice")
	default:
	}
}

func TestACallerThatGaveUpIsNotCommitted(t *testing.T) {
	db := storetest.MustOpen(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 { // the door and the end of ctx are both open: select takes either
		s, _, err := db.Begin(ctx, payer(), "s", sale.Once{})
		if err == nil {
			if _, err := db.Sale(s.ID); err != nil {
				t.Errorf("begun and not there: %v", err)
			}
		} else if !errors.Is(err, context.Canceled) || s.ID != "" {
			t.Errorf("%s, %v", s.ID, err)
		}
	}
}

func TestCloseRefusesWhatComesAfter(t *testing.T) {
	db, err := store.Open(newPath(t), options())
	if err != nil {
		t.Fatal(err)
	}
	s := begin(t, db, payer())
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for {
				if _, _, err := db.Begin(t.Context(), payer(), "s", sale.Once{}); errors.Is(err, store.ErrClosed) {
					return
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 2 {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	if _, err := db.Sale(s.ID); !errors.Is(err, store.ErrClosed) {
		t.Errorf("reading after Close: %v", err)
	}
	if _, err := db.Commit(t.Context(), s.ID, charge(s), sale.Once{}); !errors.Is(err, store.ErrClosed) {
		t.Errorf("writing after Close: %v", err)
	}
	storetest.MustCheck(t, db.Path())
}

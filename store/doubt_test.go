package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"golang.org/x/sys/unix"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// swapDisk puts another open file in the place of the store's own, so that the
// kernel itself fails the writes. The file stays mapped. undo puts it back.
func swapDisk(t *testing.T, path string, flag int, instead string) (undo func()) {
	t.Helper()
	dir, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	fd := -1
	for _, e := range dir {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && to == path {
			if _, err := fmt.Sscan(e.Name(), &fd); err != nil {
				t.Fatal(err)
			}
		}
	}
	if fd < 0 {
		t.Fatalf("nobody has %s open", path)
	}
	keep, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(instead, flag, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Dup3(int(f.Fd()), fd, unix.O_CLOEXEC), f.Close()); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(unix.Dup3(keep, fd, unix.O_CLOEXEC), unix.Close(keep)); err != nil {
			t.Fatal(err)
		}
	}
}

// recordExit is an Exit that lets the test go on.
func recordExit(code *atomic.Int64) func(*store.Options) {
	return func(o *store.Options) { o.Exit = func(c int) { code.Store(int64(c)) } }
}

// A write that fails for any reason but space ends the process, and whoever asks
// in the meantime is told that it is not known.
func TestAFailedCommitEndsTheProcess(t *testing.T) {
	var code atomic.Int64
	path := newPath(t)
	db, err := store.Open(path, options(recordExit(&code)))
	if err != nil {
		t.Fatal(err)
	}
	s := paid(t, db)
	undo := swapDisk(t, path, os.O_RDONLY, path) // every write is EBADF
	back := sale.Event{Kind: sale.RefundRequested, Amount: cny}
	_, err = db.Commit(t.Context(), s.ID, back, sale.Once{})
	if !errors.Is(err, store.ErrInDoubt) || !errors.Is(err, syscall.EBADF) {
		t.Errorf("a failed write: %v", err)
	}
	if code.Load() != 70 {
		t.Errorf("the process would go on: exit %d", code.Load())
	}
	undo() // the disk is well again, which nobody may rely on
	code.Store(0)
	if _, err := db.Commit(t.Context(), s.ID, back, sale.Once{}); !errors.Is(err, store.ErrInDoubt) {
		t.Errorf("after a failed write: %v", err)
	}
	if _, _, err := db.Begin(t.Context(), payer(), "s", sale.Once{}); !errors.Is(err, store.ErrInDoubt) {
		t.Errorf("after a failed write: %v", err)
	}
	if db.Stats().Accepting {
		t.Error("it still says that it accepts sales")
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := storetest.MustOpenAt(t, path).Sale(s.ID); err != nil || stored(t, got) != stored(t, s) {
		t.Errorf("after the restart: %v %s", err, stored(t, got))
	}
}

// Everybody in a batch that fails is in doubt, not only the one who caused it.
func TestABatchInDoubtIsEverybodys(t *testing.T) {
	path := newPath(t)
	var s sale.Sale
	synctest.Test(t, func(t *testing.T) {
		var exits atomic.Int64
		fail := errors.New("the disk is gone")
		hold, release := atomic.Bool{}, make(chan struct{})
		db, err := store.Open(path, options(func(o *store.Options) {
			o.Exit = func(int) { exits.Add(1) }
			o.Hook = func(op string) error {
				if op == "refund_requested:before-commit" {
					return fail
				}
				if hold.CompareAndSwap(true, false) {
					<-release
				}
				return nil
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		s = paid(t, db)
		hold.Store(true)
		var all sync.WaitGroup
		all.Go(func() { begin(t, db, payer()) })
		synctest.Wait()
		for range 8 {
			all.Go(func() {
				if _, _, err := db.Begin(t.Context(), payer(), "s", sale.Once{}); !errors.Is(err, store.ErrInDoubt) {
					t.Errorf("beside a failed commit: %v", err)
				}
			})
		}
		all.Go(func() {
			if _, err := db.Commit(t.Context(), s.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny}, sale.Once{}); !errors.Is(err, store.ErrInDoubt) || !errors.Is(err, fail) {
				t.Errorf("a failed commit: %v", err)
			}
		})
		synctest.Wait()
		close(release)
		all.Wait()
		if exits.Load() != 1 {
			t.Errorf("the process would end %d times", exits.Load())
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
	db := storetest.MustOpenAt(t, path)
	if got, err := db.Sale(s.ID); err != nil || got.State != sale.Paid || db.Stats().Sales != 2 {
		t.Errorf("after the restart: %s, %d sales, %v", got.State, db.Stats().Sales, err)
	}
}

// The fault points are where they say: before one nothing of it is on disk, after
// the other all of it is.
func TestHooksSurroundTheCommit(t *testing.T) {
	var ops []string
	var copies []string
	path := newPath(t)
	db := storetest.MustOpenAt(t, path, func(o *store.Options) {
		o.Hook = func(op string) error {
			ops, copies = append(ops, op), append(copies, storetest.MustCopy(t, path))
			return nil
		}
	})
	s := begin(t, db, payer())
	commit(t, db, s.ID, charge(s))
	want := []string{"begin:before-commit", "begin:after-commit", "charge_intended:before-commit", "charge_intended:after-commit"}
	if fmt.Sprint(ops) != fmt.Sprint(want) {
		t.Fatalf("hooks %v, want %v", ops, want)
	}
	for i, facts := range []int{0, 1, 1, 2} {
		got, err := storetest.MustOpenAt(t, copies[i]).Sale(s.ID)
		if (facts == 0) != errors.Is(err, store.ErrNotFound) || got.Facts != facts {
			t.Errorf("the power fails at %s: %d facts, %v; want %d", ops[i], got.Facts, err, facts)
		}
	}
}

// An error of a hook after the commit changes nothing: it is on disk.
func TestAfterCommitCannotFail(t *testing.T) {
	db := storetest.MustOpen(t, func(o *store.Options) {
		o.Exit = func(int) { t.Error("the process would end") }
		o.Hook = func(op string) error {
			if op == "begin:after-commit" {
				return errors.New("too late")
			}
			return nil
		}
	})
	s := begin(t, db, payer())
	if _, err := db.Sale(s.ID); err != nil {
		t.Error(err)
	}
}

package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// fill begins sales and charges for them until there is no room.
func fill(t *testing.T, db *store.DB) (sales []sale.Sale) {
	t.Helper()
	n := payer()
	n.Description = strings.Repeat("tea ", 4000)
	for range 100_000 {
		s, _, err := db.Begin(t.Context(), n, "session", sale.Once{})
		if errors.Is(err, store.ErrFull) {
			return sales
		}
		if err != nil {
			t.Fatalf("after %d sales: %v", len(sales), err)
		}
		s = commit(t, db, s.ID, charge(s))
		sales = append(sales, s)
	}
	t.Fatal("it is never full")
	return nil
}

// finish ends every sale that was begun.
func finish(t *testing.T, db *store.DB, sales []sale.Sale) {
	t.Helper()
	for _, s := range sales {
		s = commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42"})
		s = commit(t, db, s.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "c1"})
		commit(t, db, s.ID, sale.Event{Kind: sale.RefundDone, RefundNo: s.Refunds[0].No})
	}
}

// When the file has used its budget no sale begins, and everything that was
// begun can still end.
func TestFileBudget(t *testing.T) {
	path := newPath(t)
	const limit = 6 << 20
	small := func(o *store.Options) { o.MaxSize = limit }
	db := storetest.MustOpenAt(t, path, small)
	sales := fill(t, db)
	if db.Stats().Accepting {
		t.Error("it refuses sales and says that it accepts them")
	}
	finish(t, db, sales[max(0, len(sales)-40):]) // as many as a lane can have open
	var full *store.Error
	_, _, err := db.Begin(t.Context(), payer(), "s", sale.Once{})
	if !errors.As(err, &full) || full.Code != "disk_full" || full.Hint == "" {
		t.Errorf("begin in a full file: %v", err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() > limit {
		t.Errorf("the file has %d bytes of %d, %v", info.Size(), limit, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = storetest.MustOpenAt(t, path, small)
	for _, s := range sales {
		if _, err := db.Sale(s.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = storetest.MustOpenAt(t, path, func(o *store.Options) { o.MaxSize = 2 * limit })
	begin(t, db, payer())
}

// With all of the budget used up a fact is refused cleanly, and what is on disk
// stays right.
func TestNothingFits(t *testing.T) {
	db := storetest.MustOpen(t, func(o *store.Options) {
		o.MaxSize, o.Reserve = 3<<20, 1
		o.Exit = func(int) { t.Error("the process would end for want of space") }
	})
	s := begin(t, db, payer())
	s = commit(t, db, s.ID, charge(s))
	long := &sale.Reason{Code: "cashier", Message: strings.Repeat("because ", 4000)}
	var err error
	for n := 0; err == nil && n < 10_000; n++ {
		_, err = db.Commit(t.Context(), s.ID, sale.Event{Kind: sale.CancelRequested, Why: long}, sale.Once{})
	}
	var full *store.Error
	if !errors.Is(err, store.ErrFull) || !errors.As(err, &full) || !strings.Contains(full.Hint, "nothing was recorded") {
		t.Fatalf("when nothing fits: %v", err)
	}
	if s, err := db.Sale(s.ID); err != nil || !s.Cancel {
		t.Errorf("%v, %v", s.Cancel, err)
	}
}

// A commit for which there is no space: the ballast goes, and no sale begins
// until it is back.
func TestNoSpaceReleasesTheBallast(t *testing.T) {
	path := newPath(t)
	full := false
	db := storetest.MustOpenAt(t, path, func(o *store.Options) {
		o.Exit = func(int) { t.Error("the process would end for want of space") }
		o.Hook = func(op string) error {
			if full && strings.HasSuffix(op, ":before-commit") {
				return &os.PathError{Op: "write", Path: path, Err: unix.ENOSPC}
			}
			return nil
		}
	})
	s := paid(t, db)
	isBallast(t, path, true)
	full = true
	if _, _, err := db.Begin(t.Context(), payer(), "s", sale.Once{}); !errors.Is(err, store.ErrFull) {
		t.Errorf("begin on a full disk: %v", err)
	}
	isBallast(t, path, true) // it is not for new sales
	back := sale.Event{Kind: sale.RefundRequested, Amount: cny}
	if _, err := db.Commit(t.Context(), s.ID, back, sale.Once{}); !errors.Is(err, store.ErrFull) {
		t.Errorf("commit on a disk that stays full: %v", err)
	}
	isBallast(t, path, false)
	full = false
	s = commit(t, db, s.ID, back)
	begin(t, db, payer()) // there is room, so the ballast is made again first
	isBallast(t, path, true)
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundDone, RefundNo: s.Refunds[0].No})
}

func isBallast(t *testing.T, path string, want bool) {
	t.Helper()
	info, err := os.Stat(path + ".ballast")
	if (err == nil) != want {
		t.Fatalf("ballast: %v, want %v", err, want)
	}
	if !want {
		return
	}
	var st unix.Stat_t
	if err := unix.Stat(path+".ballast", &st); err != nil || st.Blocks*512 < info.Size() || info.Size() != 2<<20 {
		t.Errorf("the ballast has %d bytes in %d blocks, %v", info.Size(), st.Blocks, err)
	}
}

// A real file system runs full: what was begun ends in the room that the ballast
// held, no sale begins, and when there is room again sales go on.
func TestRealDiskRunsFull(t *testing.T) {
	for _, fs := range []string{"tmpfs", "ext4"} {
		t.Run(fs, func(t *testing.T) {
			dir := smallDisk(t, fs)
			path := filepath.Join(dir, "till.db")
			db := storetest.MustOpenAt(t, path, func(o *store.Options) {
				o.Exit = func(int) { t.Error("the process would end for want of space") }
			})
			var sales []sale.Sale
			for range 40 { // as many as a lane can have open
				s := begin(t, db, payer())
				sales = append(sales, commit(t, db, s.ID, charge(s)))
			}
			isBallast(t, path, true)
			other := filepath.Join(dir, "other")
			crowd(t, other)
			isBallast(t, path, true)
			long := &sale.Reason{Code: "cashier", Message: strings.Repeat("because ", 500)}
			facts := 0
			for ; ballastIsThere(path) && facts < 1000; facts++ {
				commit(t, db, sales[0].ID, sale.Event{Kind: sale.CancelRequested, Why: long})
			}
			isBallast(t, path, false)
			finish(t, db, sales)
			if _, _, err := db.Begin(t.Context(), payer(), "s", sale.Once{}); !errors.Is(err, store.ErrFull) {
				t.Errorf("begin without the ballast: %v", err)
			}
			if err := os.Remove(other); err != nil {
				t.Fatal(err)
			}
			unix.Sync() // ext4 hands out freed blocks once the deletion is in its journal
			begin(t, db, payer())
			isBallast(t, path, true)
			t.Logf("%s: %d facts until the ballast went", fs, facts)
		})
	}
}

func ballastIsThere(path string) bool {
	_, err := os.Stat(path + ".ballast")
	return err == nil
}

// crowd takes all the room that a disk has left.
func crowd(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{64 << 10, 4 << 10} {
		for err == nil {
			_, err = f.Write(make([]byte, size))
		}
		if !errors.Is(err, unix.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// smallDisk mounts a file system with less than 12 MiB of room.
func smallDisk(t *testing.T, fs string) string {
	t.Helper()
	dir := t.TempDir()
	var out []byte
	var err error
	if fs == "tmpfs" {
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size=9m")
	} else {
		image := filepath.Join(t.TempDir(), "image")
		out, err = exec.Command("sh", "-ec", fmt.Sprintf("truncate -s 12M %[1]s; mkfs.ext4 -q -m 0 %[1]s; mount -o loop %[1]s %[2]s", image, dir)).CombinedOutput()
	}
	if err != nil {
		t.Skipf("NOT RUN: a full %s needs root and mount: %v: %s", fs, err, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

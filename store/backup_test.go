package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// A backup taken while tills sell is a whole store of one moment.
func TestBackupUnderLoad(t *testing.T) {
	db := storetest.MustOpen(t)
	refunded(t, db) // on a fast disk the backups are made before anybody has sold
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for ctx.Err() == nil {
				refunded(t, db)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "backup.db")
	last := uint64(0)
	for i := range 5 {
		before := db.Stats().Entries
		r, err := db.Backup(t.Context(), path, nil)
		if err != nil {
			t.Fatalf("backup %d: %v", i, err)
		}
		storetest.MustCheck(t, path)
		if n := uint64(r.Entries); n < before || n < last || r.Path != path {
			t.Errorf("backup %d has %d lines, the store had %d: %+v", i, n, before, r)
		}
		last = uint64(r.Entries)
	}
	stop()
	all.Wait()
	copied := storetest.MustOpenAt(t, path)
	list, err := copied.Sales(1, "")
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	paid(t, copied)
}

func TestBackupsThatFailLeaveTheOldOne(t *testing.T) {
	db := storetest.MustOpen(t)
	paid(t, db)
	dir := t.TempDir()
	path := filepath.Join(dir, "backup.db")
	if _, err := db.Backup(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	good := read(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := db.Backup(ctx, path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a backup that was stopped: %v", err)
	}
	if string(read(t, path)) != string(good) {
		t.Error("it replaced the good one")
	}
	own := filepath.Join(dir, "link.db")
	if err := os.Link(db.Path(), own); err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{db.Path(), own, filepath.Join(dir, "none", "backup.db")} {
		if _, err := db.Backup(t.Context(), to, nil); !errors.Is(err, store.ErrAccess) {
			t.Errorf("backup to %s: %v", to, err)
		}
	}
	if list, err := filepath.Glob(filepath.Join(dir, "*.new-*")); err != nil || len(list) != 0 {
		t.Errorf("left behind: %v %v", list, err)
	}
}

func TestCheckInChild(t *testing.T) {
	path := newPath(t)
	if err := store.CheckInChild(t.Context(), exe(t), path); err != nil {
		t.Errorf("a store that is not there yet: %v", err)
	}
	path = specimen(t)
	if err := store.CheckInChild(t.Context(), exe(t), path); err != nil {
		t.Errorf("a good store: %v", err)
	}
	if err := store.CheckInChild(t.Context(), "/nowhere/qrposd", path); err == nil || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a check that cannot run: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := store.CheckInChild(ctx, exe(t), path); !errors.Is(err, context.Canceled) {
		t.Errorf("a check that was stopped: %v", err)
	}
}

// What was written is what is read after the process ends anywhere.
func TestCrash(t *testing.T) {
	db := storetest.MustOpen(t)
	for i := range 5 {
		s := refunded(t, db)
		open := begin(t, db, payer())
		open = commit(t, db, open.ID, charge(open))
		after := storetest.Crash(t, db)
		for _, want := range []sale.Sale{s, open} {
			if got, err := after.Sale(want.ID); err != nil || stored(t, got) != stored(t, want) {
				t.Errorf("round %d: %v\n got %s\nwant %s", i, err, stored(t, got), stored(t, want))
			}
		}
		if ids, err := after.Unfinished(); err != nil || len(ids) != i+1 || fmt.Sprint(ids[i]) != string(open.ID) {
			t.Errorf("round %d: unfinished %v, %v", i, ids, err)
		}
	}
}

// xor stands for encryption: the store knows nothing of its kind.
type xor struct {
	w   io.Writer
	end error
}

func (x xor) Write(b []byte) (int, error) {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = b[i] ^ 0x5a
	}
	return x.w.Write(out)
}

func (x xor) Close() error { return x.end }

// A sealed backup is a checked copy that no file has in the clear, during the call or
// after it, and one that fails leaves nothing.
func TestSealedBackup(t *testing.T) {
	db := storetest.MustOpen(t)
	s := paid(t, db)
	path := filepath.Join(t.TempDir(), "backup.db.sealed")
	seen := 0
	seal := func(end error) store.Seal {
		return func(w io.Writer) (io.WriteCloser, error) {
			for _, dir := range []string{filepath.Dir(path), filepath.Dir(db.Path())} {
				list, err := os.ReadDir(dir)
				for _, e := range list {
					seen++
					if b := read(t, filepath.Join(dir, e.Name())); err != nil || e.Name() != filepath.Base(db.Path()) && bytes.Contains(b, []byte(s.ID)) {
						t.Errorf("%s has the copy in the clear, %v", e.Name(), err)
					}
				}
			}
			return xor{w, end}, nil
		}
	}
	if _, err := db.Backup(t.Context(), path, seal(io.ErrShortWrite)); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a seal that fails: %v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	r, err := db.Backup(t.Context(), path, seal(nil))
	if err != nil || r.Sales != 1 || r.Path != path || seen == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	plain := read(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 || bytes.Contains(plain, []byte(s.ID)) {
		t.Errorf("it is %v, %v", info.Mode(), err)
	}
	for i := range plain {
		plain[i] ^= 0x5a
	}
	copied := newPath(t)
	if err := os.WriteFile(copied, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, copied)
	if left, err := filepath.Glob(db.Path() + ".plain-*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

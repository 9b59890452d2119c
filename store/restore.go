package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/queue"
)

// A backup knows less than the provider: the till went on after it. What it did then
// is lost here, and numbers that it gave out must not be given out again. So a file
// that is put back carries the restore in it: the running number of sales and the
// till's clock go on above whatever the lost part can have used, and each sale that
// the lost part can have touched is told, which has the rules ask the provider for
// the rest (rules/sale/restore.go). Sales of the lost part that the file does not have
// at all are known to the provider only; a case tells the owner to look for them.
//
// All this is written to a copy under another name, and that takes the place in one
// rename: before it, nothing has happened; after it, everything has.

// RestoreRecord is what a file remembers of having been put back.
type RestoreRecord struct {
	At       sale.Instant `json:"at"` // sales that began before it may have lost their end
	Wall     time.Time    `json:"wall"`
	By       string       `json:"by"`
	Why      string       `json:"why,omitempty"`
	Made     time.Time    `json:"made"` // the last fact that the backup has
	Entries  uint64       `json:"entries"`
	Head     string       `json:"head"`    // of the journal, as it came out of the backup
	Skipped  uint64       `json:"skipped"` // running numbers of sales
	Days     uint64       `json:"days"`    // numbers of closed days up to this are left out
	Asked    int          `json:"asked"`   // sales that the provider is asked about
	Replaced *Replaced    `json:"replaced,omitempty"`
	Salvaged *Salvaged    `json:"salvaged,omitempty"` // it is no backup: it was built again of what could be proven
}

// Replaced is the store that was in the place.
type Replaced struct {
	Aside    string `json:"aside"` // what it is called now
	Identity string `json:"identity,omitempty"`
	Entries  uint64 `json:"entries"`
	Owing    int    `json:"owing"`
	Damaged  string `json:"damaged,omitempty"`
}

// Restoring says what to put back, and on whose word.
type Restoring struct {
	From    io.Reader // the backup, decrypted
	By      string    // who puts it back
	Why     string    // needed with Discard
	Moved   bool      // the machine that it was made on is off for good, and this one takes its place
	Discard bool      // what is in the place owes something, is newer or belongs to another till
	Recent  int       // so many of the latest sales are asked about however old they seem; 0 is 1000

	salvaged *Salvaged // what is put back was built of evidence
	floor    uint64    // a running number of a sale that was seen
}

// Restore puts a backup in the place of the store at path and says what it did. What
// was in the place is kept beside it under another name. Where it returns an error,
// the place is as it was.
func Restore(ctx context.Context, path string, o Options, q Restoring) (r RestoreRecord, err error) {
	if err := o.complete(); err != nil {
		return r, err
	}
	if q.By == "" || q.Discard && q.Why == "" {
		return r, ErrRestoreWord
	}
	temp, err := receive(ctx, path, q.From)
	if err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // what it would have been is told by err
		}
	}()
	there, release, err := occupant(path)
	if err != nil {
		return r, err
	}
	defer release()
	if r, err = tell(ctx, temp, path, o, q, there); err != nil {
		return r, err
	}
	report, err := CheckAlone(temp)
	if err = errors.Join(err, report.Err()); err != nil {
		return r, fmt.Errorf("store: what was made of the backup: %w", err)
	}
	// The second record is of what was in the place. Without it the old store is whole.
	if err := setAside(o.Salvage, r.Wall.Format("20060102-150405")); err != nil {
		return r, err
	}
	return r, install(temp, path, r.Replaced)
}

// setAside gives a file another name, where there is one.
func setAside(path, how string) error {
	if path == "" {
		return nil
	}
	if err := os.Rename(path, path+".replaced-"+how); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return ErrAccess.because(err)
	}
	return nil
}

// receive writes the backup beside the place that it is for, and checks it.
func receive(ctx context.Context, path string, from io.Reader) (temp string, err error) {
	sweep(path, ".restore-*")
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".restore-*") // 0600
	if err != nil {
		return "", ErrAccess.because(err)
	}
	defer func() {
		if temp = f.Name(); err != nil {
			_ = os.Remove(temp) // what it would have been is told by err
		}
	}()
	_, err = io.Copy(stopping{ctx, f}, from)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", ErrBackup.because(err)
	}
	version, err := inspect(f.Name())
	if err != nil {
		return "", err
	}
	if version < len(migrations) {
		if err := update(f.Name(), func(tx *bbolt.Tx) error { return migrate(tx, version) }); err != nil {
			return "", err
		}
	}
	report, err := CheckAlone(f.Name())
	return "", errors.Join(err, report.Err())
}

// sweep removes what a call that a power cut ended has left beside the store.
func sweep(path, pattern string) {
	left, _ := filepath.Glob(path + pattern) // the pattern is well formed
	for _, name := range left {
		_ = os.Remove(name)
	}
}

func update(path string, fn func(*bbolt.Tx) error) (err error) {
	db, err := openFile(path, false, 0)
	if err != nil {
		return err
	}
	err = db.Update(fn)
	return errors.Join(err, db.Sync(), db.Close())
}

// occupant looks at what is in the place and holds its lock, so that no till opens it
// meanwhile. Nil is nothing; a damaged one cannot say what it owes.
func occupant(path string) (there *Replaced, release func(), err error) {
	release = func() {}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, release, nil
	} else if err != nil {
		return nil, release, ErrAccess.because(err)
	}
	if _, err := inspect(path); errors.Is(err, ErrCorrupt) || errors.Is(err, ErrForeign) || errors.Is(err, ErrNewer) {
		return &Replaced{Damaged: err.Error()}, release, nil
	} else if err != nil {
		return nil, release, err
	}
	db, err := openFile(path, true, 0)
	if err != nil {
		return nil, release, err
	}
	there = &Replaced{}
	err = db.View(func(tx *bbolt.Tx) error {
		var id identity
		head, err := ledger.Tip(tx)
		jobs, lost := queue.Due(tx, drive, math.MaxInt64, 0)
		there.Entries, there.Owing = head.Seq, len(jobs)
		err = errors.Join(err, lost, getMeta(tx, identityKey, &id))
		there.Identity = id.ID
		return err
	})
	if err != nil {
		there.Damaged = err.Error()
	}
	return there, func() { _ = db.Close() }, nil // it was only read
}

// refuses says why a backup of this identity must not take the place without somebody's
// word for it.
func (r *Replaced) refuses(id string, entries uint64) error {
	switch {
	case r == nil || r.Damaged != "" || r.Entries == 0:
		return nil
	case r.Identity != id:
		return ErrRestoreOver.becausef("it is another till's and has %d lines", r.Entries)
	case r.Owing > 0:
		return ErrRestoreOver.becausef("%d sales in it are not at their end", r.Owing)
	case r.Entries > entries:
		return ErrRestoreOver.becausef("it has %d lines, the backup has %d", r.Entries, entries)
	}
	return nil
}

// install makes the copy the store. The old one has its second name before it loses
// its first, so that a power cut leaves one of the two in the place and never neither:
// a till that found nothing there would begin an empty store.
func install(temp, path string, there *Replaced) error {
	dir := filepath.Dir(path)
	if there == nil {
		if err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); err != nil {
			return ErrAccess.because(&fs.PathError{Op: "rename", Path: path, Err: err})
		}
		return syncDir(dir)
	}
	aside := filepath.Join(dir, there.Aside)
	if err := os.Link(path, aside); err != nil && !sameFile(path, aside) { // a call that was cut short has linked it
		return ErrAccess.because(err)
	}
	if err := syncDir(dir); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return ErrAccess.because(err)
	}
	return syncDir(dir)
}

func sameFile(a, b string) bool {
	x, lost := os.Stat(a)
	y, err := os.Stat(b)
	return lost == nil && err == nil && os.SameFile(x, y)
}

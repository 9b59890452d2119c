package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Seal gives a writer that encrypts to w. What was written to it is whole once it was
// closed.
type Seal func(w io.Writer) (io.WriteCloser, error)

// Backup copies the store, as it is at one moment and while sales go on, to
// path. The copy is synced and checked under another name first: a bad one never
// takes the place of an older good one.
//
// The archives are a part of it: those that are not there yet are copied beside it.
//
// With a seal the copy that is checked has no name at all, so that it is gone when
// this returns, whatever ends it; what was sealed is read back from the disk before it
// gets its name. A power cut leaves a file under a temporary name, which the next
// backup removes, or the whole backup.
func (db *DB) Backup(ctx context.Context, path string, seal Seal) (r Report, err error) {
	if same, err := db.isOwn(path); err != nil || same {
		return r, ErrAccess.because(errors.Join(err, errors.New("a backup needs a file of its own")))
	}
	if err := db.roomFor(path, seal != nil); err != nil {
		return r, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // 0600
	if err != nil {
		return r, ErrAccess.because(err)
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // what it would have been is told by err
		}
	}()
	if seal == nil {
		if err = errors.Join(db.copyTo(ctx, f), f.Sync(), f.Close()); err == nil {
			r, err = CheckAlone(temp)
		}
		err = errors.Join(err, r.Err())
	} else {
		r, err = db.sealTo(ctx, f, seal)
	}
	if err == nil {
		err = db.copyArchives(ctx, filepath.Dir(path), seal)
	}
	if err != nil {
		return r, err
	}
	r.Path = path
	if err = os.Rename(temp, path); err != nil {
		return r, ErrAccess.because(err)
	}
	return r, syncDir(filepath.Dir(path))
}

func (db *DB) copyTo(ctx context.Context, w io.Writer) error {
	return db.view(func(tx *bbolt.Tx) error {
		if _, err := tx.WriteTo(stopping{ctx, w}); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		return nil
	})
}

// sealTo writes a checked copy to f, sealed, and closes it.
func (db *DB) sealTo(ctx context.Context, f *os.File, seal Seal) (r Report, err error) {
	defer func() { err = errors.Join(err, f.Close()) }()
	sweep(db.path, ".plain-*")
	plain, err := os.CreateTemp(filepath.Dir(db.path), filepath.Base(db.path)+".plain-*") // 0600
	if err != nil {
		return r, ErrAccess.because(err)
	}
	defer plain.Close()
	if err := os.Remove(plain.Name()); err != nil { // it lasts as long as it is open
		return r, ErrAccess.because(err)
	}
	if err := errors.Join(db.copyTo(ctx, plain), plain.Sync()); err != nil {
		return r, err
	}
	r, err = CheckAlone(fmt.Sprintf("/proc/self/fd/%d", plain.Fd()))
	if err = errors.Join(err, r.Err()); err != nil {
		return r, err
	}
	info, err := plain.Stat()
	if err != nil {
		return r, err
	}
	sum := sha256.New()
	w, err := seal(io.MultiWriter(f, sum))
	if err == nil {
		_, err = io.Copy(stopping{ctx, w}, io.NewSectionReader(plain, 0, info.Size()))
		err = errors.Join(err, w.Close(), f.Sync())
	}
	if err == nil {
		err = readBack(f, sum.Sum(nil))
	}
	return r, err
}

// readBack holds what the disk has of a file against the sum of what was written.
func readBack(f *os.File, want []byte) error {
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return ErrAccess.because(fmt.Errorf("dropping the page cache: %w", err))
	}
	got := sha256.New()
	if _, err := io.Copy(got, io.NewSectionReader(f, 0, math.MaxInt64)); err != nil {
		return ErrAccess.because(err)
	}
	if !bytes.Equal(got.Sum(nil), want) {
		return ErrAccess.becausef("the disk does not hold what was written to it")
	}
	return nil
}

// roomFor leaves the disk what the till needs to go on: a backup that fills it would
// end the selling.
func (db *DB) roomFor(path string, sealed bool) error {
	var size int64
	if err := db.view(func(tx *bbolt.Tx) error { size = tx.Size(); return nil }); err != nil {
		return err
	}
	left := allocSize + 2*db.opts.Reserve
	dirs := []string{filepath.Dir(path)}
	if sealed {
		dirs = append(dirs, filepath.Dir(db.path))
	}
	for _, dir := range dirs {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err != nil {
			return ErrAccess.because(&os.PathError{Op: "statfs", Path: dir, Err: err})
		}
		if need, free := int64(len(dirs))*size+left, int64(fs.Bavail)*int64(fs.Bsize); free < need {
			return ErrBackupRoom.becausef("%s has %d MB free, it takes %d", dir, free>>20, need>>20)
		}
	}
	return nil
}

func (db *DB) isOwn(path string) (bool, error) {
	there, err := os.Stat(path)
	if err != nil {
		return false, nil // nothing is there to be overwritten
	}
	own, err := os.Stat(db.path)
	return err == nil && os.SameFile(there, own), err
}

// stopping is a writer that ends with its context.
type stopping struct {
	ctx context.Context
	w   io.Writer
}

func (s stopping) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}

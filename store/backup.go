package store

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// Backup copies the store, as it is at one moment and while sales go on, to
// path. The copy is synced and checked under another name first: a bad one never
// takes the place of an older good one.
func (db *DB) Backup(ctx context.Context, path string) (r Report, err error) {
	if same, err := db.isOwn(path); err != nil || same {
		return r, ErrAccess.because(errors.Join(err, errors.New("a backup needs a file of its own")))
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return r, ErrAccess.because(err)
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // what it would have been is told by err
		}
	}()
	err = db.view(func(tx *bbolt.Tx) error {
		if _, err := tx.WriteTo(stopping{ctx, f}); err != nil {
			return errors.Join(ctx.Err(), err)
		}
		return nil
	})
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return r, err
	}
	r, err = CheckFile(temp)
	if err = errors.Join(err, r.Err()); err != nil {
		return r, err
	}
	r.Path = path
	if err = os.Rename(temp, path); err != nil {
		return r, ErrAccess.because(err)
	}
	return r, syncDir(filepath.Dir(path))
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

package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// archiveForm is the name of an archive: of which store, its last line, and the
// beginning of its SHA-256. A sealed copy has .age behind it.
var archiveForm = regexp.MustCompile(`^qrposd-[0-9a-f]{12}-[0-9]{10}-([0-9a-f]{12})\.archive(\.age)?$`)

// copyArchives puts the archives that a backup needs beside it, each once: they never
// change, so that the backups of a directory share them. They are copied after the
// file was, or it could know of one that is not there.
func (db *DB) copyArchives(ctx context.Context, dir string, seal Seal) error {
	for _, s := range db.old.list() {
		to := filepath.Join(dir, s.File)
		if seal != nil {
			to += ".age"
		}
		if info, err := os.Stat(to); err == nil && info.Size() >= s.Bytes {
			continue
		}
		in, err := os.Open(filepath.Join(db.old.dir, s.File))
		if err != nil {
			return ErrArchive.because(err)
		}
		err = placeArchive(stopping{ctx, io.Discard}, in, to, s.SHA256, seal)
		if err = errors.Join(err, in.Close()); err != nil {
			return err
		}
	}
	return nil
}

// placeArchive copies an archive to a name of its own, under another one until it is
// whole and on the disk. sum is how its SHA-256 begins.
func placeArchive(stop stopping, in io.Reader, to, sum string, seal Seal) (err error) {
	f, err := os.CreateTemp(filepath.Dir(to), filepath.Base(to)+".new-*") // 0600
	if err != nil {
		return ErrAccess.because(err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // what it would have been is told by err
		}
	}()
	var out io.WriteCloser = f
	if seal != nil {
		if out, err = seal(f); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h, stop), in)
	if seal != nil {
		err = errors.Join(err, out.Close())
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return ErrAccess.because(err)
	}
	if !strings.HasPrefix(hexOf([sha256.Size]byte(h.Sum(nil))), sum) {
		return ErrArchive.becausef("%s is not what it was", filepath.Base(to))
	}
	if err := os.Rename(f.Name(), to); err != nil {
		return ErrAccess.because(err)
	}
	return syncDir(filepath.Dir(to))
}

// BringArchives copies every archive of one directory into another that does not have
// it, opened by open where it is sealed, and says how many there are now. Which of them
// a store needs it knows itself; one more does no harm.
func BringArchives(ctx context.Context, from, to string, open func(io.Reader) (io.Reader, error)) (n int, err error) {
	entries, err := os.ReadDir(from)
	if err != nil {
		return 0, ErrAccess.because(err)
	}
	for _, e := range entries {
		m := archiveForm.FindStringSubmatch(e.Name())
		if m == nil {
			continue
		}
		n++
		path := filepath.Join(to, strings.TrimSuffix(e.Name(), ".age"))
		if _, err := os.Stat(path); err == nil {
			continue
		}
		f, err := os.Open(filepath.Join(from, e.Name()))
		if err != nil {
			return n, ErrAccess.because(err)
		}
		var in io.Reader = f
		if m[2] != "" {
			in, err = open(f)
		}
		if err == nil {
			err = placeArchive(stopping{ctx, io.Discard}, in, path, m[1], nil)
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return n, err
		}
	}
	return n, nil
}

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

const (
	// pageSize is that of every file on every machine: what a commit costs is
	// pages, and a file may move to a machine with another size.
	pageSize = 4096
	// allocSize is how much a file grows at a time. bbolt keeps as much free below
	// MaxSize, so it is not the place to be generous.
	allocSize = 1 << 20
	// lockWait is how long a file may stay locked by a process that is ending.
	lockWait = 2 * time.Second
)

// mapSize is the address space that is set aside, so that growing does not have
// to wait for readers. It costs none of the memory it names.
func mapSize() int {
	if strconv.IntSize == 32 {
		return 64 << 20
	}
	return 1 << 30
}

// openFile opens a file that inspect has passed, or that is being made.
func openFile(path string, readOnly bool, maxSize int64) (*bbolt.DB, error) {
	o := &bbolt.Options{
		Timeout: lockWait, ReadOnly: readOnly, PageSize: pageSize, FreelistType: bbolt.FreelistMapType, MaxSize: int(maxSize),
	}
	if !readOnly {
		o.InitialMmapSize = mapSize()
	}
	db, err := bbolt.Open(path, 0o600, o)
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, ErrLocked.becausef("%s", path)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return nil, ErrCorrupt.because(err)
	case err != nil:
		return nil, ErrAccess.because(err)
	}
	db.AllocSize = allocSize
	return db, nil
}

// inspect says which layout a file has, without changing a byte of it: the file
// may be anything. What the page cache holds of it is dropped first, because
// after a failed write the cache and the disk may differ, and only the disk counts.
func inspect(path string) (version int, err error) {
	if err := header(path); err != nil {
		return 0, err
	}
	defer func() {
		if r := recover(); r != nil {
			err = ErrCorrupt.becausef("%v", r)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true)) // a damaged page number leads out of the map
	db, err := openFile(path, true, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bbolt.Tx) error {
		version, err = readSchema(tx)
		return err
	})
	return version, err
}

// The header pages of bbolt: after a page header of 16 bytes the magic number,
// version 2, the page size; at 40 the number of pages; at 56 an FNV-64a checksum
// of what is before it (bbolt, internal/common/meta.go).
const (
	boltMagic    = 0xED0CDAED
	metaAt       = 16
	metaPages    = metaAt + 40
	metaChecksum = metaAt + 56
)

// header keeps bbolt away from files that it would take for its own, or die of:
// a page beyond the end of a truncated file is not an error but a SIGBUS.
func header(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return ErrAccess.because(err)
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return ErrAccess.because(fmt.Errorf("dropping the page cache: %w", err))
	}
	info, err := f.Stat()
	if err != nil {
		return ErrAccess.because(err)
	}
	if !info.Mode().IsRegular() {
		return ErrForeign.becausef("it is not a regular file")
	}
	if info.Size() == 0 {
		return ErrCorrupt.becausef("it is empty")
	}
	pages := make([]byte, 2*pageSize)
	if n, err := f.ReadAt(pages, 0); err != nil && err != io.EOF {
		return ErrAccess.because(err)
	} else if n < len(pages) {
		clear(pages[n:])
	}
	return checkHeader(pages, info.Size())
}

func checkHeader(pages []byte, size int64) error {
	magic, pgid := false, uint64(0)
	for _, p := range [][]byte{pages[:pageSize], pages[pageSize:]} {
		if binary.NativeEndian.Uint32(p[metaAt:]) != boltMagic {
			continue
		}
		magic = true
		sum := fnv.New64a()
		sum.Write(p[metaAt:metaChecksum])
		if sum.Sum64() != binary.NativeEndian.Uint64(p[metaChecksum:]) {
			continue
		}
		if n := binary.NativeEndian.Uint32(p[metaAt+8:]); n != pageSize {
			return ErrForeign.becausef("its pages have %d bytes, a store's have %d", n, pageSize)
		}
		pgid = max(pgid, binary.NativeEndian.Uint64(p[metaPages:]))
	}
	switch {
	case !magic:
		return ErrForeign.becausef("it is not a bbolt file")
	case pgid == 0:
		return ErrCorrupt.becausef("both of its headers are damaged")
	case pgid > uint64(size)/pageSize:
		return ErrCorrupt.becausef("it is cut off: %d bytes of at least %d", size, pgid*pageSize)
	}
	return nil
}

// create makes a new file: whole, synced and only then under its name.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, filepath.Base(path)+".new-*")
	if err != nil {
		return ErrAccess.because(err)
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			_ = os.Remove(temp) // the name that matters was not taken
		}
	}()
	if err := f.Close(); err != nil {
		return ErrAccess.because(err)
	}
	db, err := openFile(temp, false, 0)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error { return migrate(tx, 0) })
	if err = errors.Join(err, db.Sync(), db.Close()); err != nil {
		return ErrAccess.because(err)
	}
	// Never over a file that appeared meanwhile: that one may hold sales.
	if err := unix.Renameat2(unix.AT_FDCWD, temp, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE); err != nil {
		return ErrAccess.because(&fs.PathError{Op: "rename", Path: path, Err: err})
	}
	return syncDir(dir)
}

// syncDir makes a directory's names last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return ErrAccess.because(err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return ErrAccess.because(err)
	}
	return nil
}

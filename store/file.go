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
		Timeout: lockWait, ReadOnly: readOnly, PageSize: pageSize, FreelistType: bbolt.FreelistArrayType, MaxSize: int(maxSize),
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
// may be anything.
func inspect(path string) (version int, err error) {
	if err := examine(path, (*structure).shallow); err != nil {
		return 0, err
	}
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

// examine keeps bbolt away from files that it would take for its own, or die of.
// What the page cache holds of the file is dropped first, because after a failed
// write the cache and the disk may differ, and only the disk counts.
func examine(path string, walk func(*structure) error) error {
	f, err := os.Open(path)
	if err != nil {
		return ErrAccess.because(err)
	}
	defer f.Close()
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
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return ErrAccess.because(fmt.Errorf("dropping the page cache: %w", err))
	}
	s, err := header(f, info.Size())
	if err != nil {
		return err
	}
	if err := walk(s); err != nil {
		return ErrCorrupt.because(err)
	}
	return nil
}

// The header pages of bbolt: after a page header of 16 bytes the magic number, a
// version, the page size and flags; at 32 the root page, at 48 the page of the
// free list, the number of pages and of transactions, and at 72 an FNV-64a
// checksum of all that (bbolt, internal/common/meta.go).
const (
	boltMagic    = 0xED0CDAED
	metaMagic    = 16
	metaPageSize = 24
	metaRoot     = 32
	metaFree     = 48
	metaPages    = 56
	metaTx       = 64
	metaChecksum = 72
)

// header reads both header pages; the later whole one tells where the rest is.
func header(f io.ReaderAt, size int64) (*structure, error) {
	magic, last, pages := false, uint64(0), uint64(0)
	s := &structure{file: f}
	for at := range int64(2) {
		p := make([]byte, pageSize)
		if _, err := f.ReadAt(p, at*pageSize); err != nil && err != io.EOF {
			return nil, ErrAccess.because(err)
		}
		number := func(at int) uint64 { return binary.NativeEndian.Uint64(p[at:]) }
		if binary.NativeEndian.Uint32(p[metaMagic:]) != boltMagic {
			continue
		}
		magic = true
		sum := fnv.New64a()
		sum.Write(p[metaMagic:metaChecksum])
		if sum.Sum64() != number(metaChecksum) {
			continue
		}
		if n := binary.NativeEndian.Uint32(p[metaPageSize:]); n != pageSize {
			return nil, ErrForeign.becausef("its pages have %d bytes, a store's have %d", n, pageSize)
		}
		if tx := number(metaTx); tx >= last {
			last, pages, s.root, s.free = tx, number(metaPages), number(metaRoot), number(metaFree)
		}
	}
	switch {
	case !magic:
		return nil, ErrForeign.becausef("it is not a bbolt file")
	case pages == 0:
		return nil, ErrCorrupt.becausef("both of its headers are damaged")
	case pages > uint64(size)/pageSize:
		return nil, ErrCorrupt.becausef("it is cut off: %d bytes of at least %d", size, pages*pageSize)
	}
	s.seen = make([]bool, pages)
	return s, nil
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

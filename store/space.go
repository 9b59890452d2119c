package store

import (
	"errors"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sys/unix"
)

// noSpace says that err is a lack of room, of the disk or of the file's budget.
func noSpace(err error) bool {
	return errors.Is(err, bolterrors.ErrMaxSizeReached) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// budget is the room a file may take and the part of it that new sales may not.
type budget struct{ max, reserve int64 }

// admits says whether a new sale may begin: with pages in use below the budget
// less the reserve. bbolt refuses to grow within allocSize of the maximum, even
// into pages that the file has, so that much does not exist.
func (b budget) admits(tx *bbolt.Tx) bool {
	stats := tx.DB().Stats()
	used := tx.Size() - int64(stats.FreePageN+stats.PendingPageN)*pageSize
	return used <= b.max-allocSize-b.reserve
}

// ballast is a file of real blocks beside the store. When the disk is full it is
// given back to it, so that what was begun can still be ended.
type ballast struct {
	path string
	size int64
}

// intact says whether the blocks are set aside.
func (b ballast) intact() bool {
	info, err := os.Stat(b.path)
	return err == nil && info.Size() == b.size
}

// there is intact, or makes it so.
func (b ballast) there() bool { return b.intact() || b.make() == nil }

// make sets the blocks aside. A disk that is too full is left as it is.
func (b ballast) make() error {
	f, err := os.OpenFile(b.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, b.size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = zeroFill(f, b.size)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(b.path))
	}
	return nil
}

func zeroFill(f *os.File, size int64) error {
	zeros := make([]byte, 64<<10)
	for size > 0 {
		n, err := f.Write(zeros[:min(size, int64(len(zeros)))])
		if err != nil {
			return err
		}
		size -= int64(n)
	}
	return nil
}

// release gives the blocks back and says whether it did. A file system
// with a journal hands out freed blocks only once the deletion is on disk.
func (b ballast) release() bool {
	return os.Remove(b.path) == nil && syncDir(filepath.Dir(b.path)) == nil
}

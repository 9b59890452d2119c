package salvage

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// MinSize is the smallest ring: what a busy hour writes.
const MinSize = 1 << 20

// Journal is a ring that is open for writing. One goroutine writes.
type Journal struct {
	file  *os.File
	count uint64 // sectors of the ring
	next  uint64 // place of the next frame
	last  Frame  // the latest, without its parts
	err   error  // of a write or a flush; nothing is written after one
}

// Open opens the ring at path, or makes one of size bytes. A ring of another size stays
// as large as it is. A file that is no ring is refused.
func Open(path string, size int64) (*Journal, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path, size); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	j := &Journal{file: f}
	err = flock(f, unix.LOCK_EX)
	if err == nil {
		err = j.resume()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

// flock fails where another process has the ring.
func flock(f *os.File, how int) error {
	if err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB); err != nil {
		return fmt.Errorf("salvage: %s is in use: %w", f.Name(), err)
	}
	return nil
}

// create makes a ring of zeros: whole, synced and only then under its name.
func create(path string, size int64) (err error) {
	size -= size % sector
	if size < MinSize {
		return fmt.Errorf("salvage: a ring of %d bytes is too small, the least is %d", size, MinSize)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the name that matters was not taken
		}
	}()
	zeros := make([]byte, 64<<10)
	for left := size; left > 0 && err == nil; {
		var n int
		n, err = f.Write(zeros[:min(left, int64(len(zeros)))])
		left -= int64(n)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// resume finds where the last whole frame ends.
func (j *Journal) resume() error {
	list, count, err := scan(j.file)
	if err != nil {
		return err
	}
	if j.count = count; len(list) > 0 {
		at := list[len(list)-1]
		f, err := at.read(j.file)
		if err != nil {
			return err
		}
		j.last = Frame{Origin: f.Origin, Seq: f.Seq, Link: f.Link}
		j.next = at.place + uint64(sectors(at.size))
	}
	return nil
}

// Last is the latest frame, without its parts; zero where there is none.
func (j *Journal) Last() Frame { return j.last }

// Append writes frames and waits for the disk. After an error nothing is written any
// more: what the disk has of it is not known, and a ring with a hole in it that nobody
// has noticed is worse than one that ends.
//
// A power cut in it leaves the frames before, and perhaps some of these.
func (j *Journal) Append(frames ...Frame) error {
	if j.err != nil || len(frames) == 0 {
		return j.err
	}
	for i := range frames {
		if j.err = j.put(&frames[i]); j.err != nil {
			return j.err
		}
	}
	if j.err = unix.Fdatasync(int(j.file.Fd())); j.err != nil {
		return j.err
	}
	last := frames[len(frames)-1]
	j.last = Frame{Origin: last.Origin, Seq: last.Seq, Link: last.Link}
	return nil
}

func (j *Journal) put(f *Frame) error {
	b := f.encode(j.next)
	n := uint64(len(b) / sector)
	if len(b) > maxFrame || n > j.count {
		return fmt.Errorf("salvage: line %d has %d bytes", f.Seq, len(b))
	}
	if left := j.count - j.next%j.count; n > left { // no frame runs over the end
		j.next += left
		b = f.encode(j.next)
	}
	_, err := j.file.WriteAt(b, int64(j.next%j.count*sector))
	j.next += n
	return err
}

// Err is why nothing is written any more, or nil.
func (j *Journal) Err() error { return j.err }

// Close closes the ring.
func (j *Journal) Close() error { return j.file.Close() }

// found is a frame in a ring.
type found struct {
	place uint64
	off   int64
	size  int
}

func (at found) read(f io.ReaderAt) (Frame, error) {
	b := make([]byte, at.size)
	if _, err := f.ReadAt(b, at.off); err != nil {
		return Frame{}, err
	}
	return decode(b)
}

// scan finds the frames of a ring in the order in which they were written. What the
// page cache holds of it is dropped first: only the disk counts. A sector that cannot be
// read is passed over: there is no frame in it.
func scan(f *os.File) (list []found, count uint64, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() || info.Size() < MinSize {
		return nil, 0, fmt.Errorf("salvage: %s is no ring: %d bytes", f.Name(), info.Size())
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return nil, 0, err
	}
	count = uint64(info.Size() / sector)
	strange := 0
	chunk := make([]byte, 1<<20)
	for from := int64(0); from < int64(count)*sector; from += int64(len(chunk)) {
		n, err := f.ReadAt(chunk, from)
		if err != nil && err != io.EOF {
			n = readSectors(f, chunk, from)
		}
		for at := 0; at+headSize <= n; at += sector {
			place, size, err := length(chunk[at:])
			if err != nil {
				if !zero(chunk[at:min(at+8, n)]) {
					strange++
				}
				continue
			}
			fr := found{place, from + int64(at), size}
			if place%count != uint64(fr.off)/sector {
				continue
			}
			if _, err := fr.read(f); err == nil {
				list = append(list, fr)
			}
		}
	}
	if len(list) == 0 && strange > int(count)/2 {
		return nil, 0, fmt.Errorf("salvage: %s is no ring", f.Name())
	}
	slices.SortFunc(list, func(a, b found) int { // places are far below the end of int64
		return int(int64(a.place) - int64(b.place))
	})
	return unlapped(list, count), count, nil
}

// unlapped leaves out the frames of the round before that lie behind the latest: where
// a frame does not fit before the end of the file, what lies there stays whole for
// another round, after what followed it has gone.
func unlapped(list []found, count uint64) []found {
	if len(list) == 0 {
		return nil
	}
	latest := list[len(list)-1]
	end := latest.place + uint64(sectors(latest.size))
	return slices.DeleteFunc(list, func(f found) bool { return f.place+count < end })
}

// readSectors reads what can be read of a place where something cannot.
func readSectors(f io.ReaderAt, into []byte, from int64) int {
	clear(into)
	for at := 0; at+sector <= len(into); at += sector {
		if _, err := f.ReadAt(into[at:at+sector], from+int64(at)); err == io.EOF {
			return at
		}
	}
	return len(into)
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// Read gives each whole frame of the ring at path, in the order in which they were
// written. It never writes, and it may be asked beside a writer.
func Read(path string, each func(Frame) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	list, _, err := scan(f)
	if err != nil {
		return err
	}
	for _, at := range list {
		fr, err := at.read(f)
		if err != nil {
			continue // it was overwritten meanwhile
		}
		if err := each(fr); err != nil {
			return err
		}
	}
	return nil
}

package archive

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
	"sort"

	"golang.org/x/sys/unix"
)

// ErrDamaged says that a file is not as it was written.
var ErrDamaged = errors.New("archive: the file is damaged")

// Record is one record of a section.
type Record struct{ Key, Value []byte }

// Reader looks into a file. It may be used from one goroutine at a time.
type Reader struct {
	file   io.ReaderAt
	close  func() error
	blocks []block
}

// Open opens the file at path.
func Open(path string) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := NewReader(f, info.Size())
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.close = f.Close
	return r, nil
}

// NewReader reads the index of a file of size bytes, which may be anything.
func NewReader(file io.ReaderAt, size int64) (*Reader, error) {
	if size < int64(len(magic)+footSize) {
		return nil, fmt.Errorf("%w: %d bytes are none", ErrDamaged, size)
	}
	foot := make([]byte, footSize)
	if _, err := file.ReadAt(foot, size-int64(footSize)); err != nil {
		return nil, err
	}
	at, n := binary.BigEndian.Uint64(foot), binary.BigEndian.Uint64(foot[8:])
	end := uint64(size) - uint64(footSize)
	if string(foot[24:]) != magic || n > end || at != end-n {
		return nil, fmt.Errorf("%w: it has no foot", ErrDamaged)
	}
	index := make([]byte, n)
	if _, err := file.ReadAt(index, int64(at)); err != nil {
		return nil, err
	}
	if crc32.Checksum(index, castagnoli) != binary.BigEndian.Uint32(foot[16:]) {
		return nil, fmt.Errorf("%w: its index", ErrDamaged)
	}
	r := &Reader{file: file, close: func() error { return nil }}
	for len(index) > 0 {
		b := block{section: index[0]}
		var ok bool
		b.first, index, ok = cutBytes(index[1:])
		for _, to := range []func(uint64){
			func(v uint64) { b.at = int64(v) }, func(v uint64) { b.packed = int(v) }, func(v uint64) { b.raw = int(v) }, func(v uint64) { b.sum = uint32(v) },
		} {
			v, used := binary.Uvarint(index)
			if used <= 0 || v > uint64(size) && v > maxBlock && v > 1<<32 {
				ok = false
				break
			}
			to(v)
			index = index[used:]
		}
		if !ok || b.at < 0 || b.packed < 0 || b.raw < 0 || b.raw > maxBlock || uint64(b.at)+uint64(b.packed) > at {
			return nil, fmt.Errorf("%w: its index", ErrDamaged)
		}
		r.blocks = append(r.blocks, b)
	}
	if len(r.blocks) != int(binary.BigEndian.Uint32(foot[20:])) {
		return nil, fmt.Errorf("%w: its index", ErrDamaged)
	}
	return r, nil
}

// Close closes the file.
func (r *Reader) Close() error { return r.close() }

// Get is the value of a key, nil where there is none.
func (r *Reader) Get(section byte, key []byte) ([]byte, error) {
	for rec, err := range r.From(section, key) {
		if err != nil || !bytes.Equal(rec.Key, key) {
			return nil, err
		}
		return rec.Value, nil
	}
	return nil, nil
}

// From walks a section upwards, from a key on; nil is from the beginning.
func (r *Reader) From(section byte, key []byte) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		for i := max(0, r.find(section, key)); i < len(r.blocks) && r.blocks[i].section <= section; i++ {
			if r.blocks[i].section < section {
				continue
			}
			list, err := r.block(i)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for _, rec := range list {
				if bytes.Compare(rec.Key, key) >= 0 && !yield(rec, nil) {
					return
				}
			}
		}
	}
}

// Before walks a section downwards, from below a key; nil is from the end.
func (r *Reader) Before(section byte, key []byte) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		last := r.find(section, key)
		if key == nil {
			last = r.find(section+1, nil)
		}
		for i := last; i >= 0 && r.blocks[i].section >= section; i-- {
			if r.blocks[i].section > section {
				continue
			}
			list, err := r.block(i)
			if err != nil {
				yield(Record{}, err)
				return
			}
			for j := len(list) - 1; j >= 0; j-- {
				if (key == nil || bytes.Compare(list[j].Key, key) < 0) && !yield(list[j], nil) {
					return
				}
			}
		}
	}
}

// find is the last block that does not begin behind a key, or -1.
func (r *Reader) find(section byte, key []byte) int {
	return sort.Search(len(r.blocks), func(i int) bool {
		b := &r.blocks[i]
		return b.section > section || b.section == section && bytes.Compare(b.first, key) > 0
	}) - 1
}

// block unpacks a block.
func (r *Reader) block(i int) ([]Record, error) {
	b := &r.blocks[i]
	packed := make([]byte, b.packed)
	if _, err := r.file.ReadAt(packed, b.at); err != nil {
		return nil, fmt.Errorf("archive: block %d: %w", i, err)
	}
	if crc32.Checksum(packed, castagnoli) != b.sum {
		return nil, fmt.Errorf("%w: block %d", ErrDamaged, i)
	}
	raw := make([]byte, b.raw)
	in := flate.NewReader(bytes.NewReader(packed))
	if _, err := io.ReadFull(in, raw); err != nil {
		return nil, fmt.Errorf("%w: block %d: %w", ErrDamaged, i, err)
	}
	var list []Record
	for rest := raw; len(rest) > 0; {
		var rec Record
		var ok bool
		if rec.Key, rest, ok = cutBytes(rest); ok {
			rec.Value, rest, ok = cutBytes(rest)
		}
		if !ok {
			return nil, fmt.Errorf("%w: block %d", ErrDamaged, i)
		}
		list = append(list, rec)
	}
	return list, nil
}

func cutBytes(b []byte) (part, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	end := used + int(n)
	return b[used:end:end], b[end:], true
}

// Sum reads a file as the disk has it, not the page cache, and gives its SHA-256 and size.
func Sum(path string) (sum [sha256.Size]byte, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return sum, 0, err
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		return sum, 0, err
	}
	h := sha256.New()
	size, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), size, err
}

package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// structure walks bbolt's pages as what they are on disk, numbers that may be
// wrong. bbolt follows them unseen: a page number beyond the end is a SIGBUS, one
// that leads back up is a loop that takes all memory there is, also in its own
// check. What has passed here it can walk.
//
// A page begins with its number, flags, a count and how many pages it runs over
// into; elements of 16 bytes follow, each with the offset of its key from its own
// place (bbolt, internal/common/page.go).
type structure struct {
	file io.ReaderAt
	root uint64
	free uint64 // page of the free list
	seen []bool // by page number
}

const (
	branchPage   = 1
	leafPage     = 2
	freelistPage = 16
	noFreelist   = 1<<64 - 1

	pageHead    = 16 // bytes
	elementSize = 16
	bucketHead  = 16 // of a bucket in its parent: root page, sequence
	isBucket    = 1  // flag of a leaf element
)

// shallow walks what leads to the meta bucket.
func (s *structure) shallow() error {
	return s.tree(s.root, func(key []byte) bool { return string(key) == string(metaBucket) })
}

// deep walks everything.
func (s *structure) deep() error {
	clear(s.seen)
	if err := s.tree(s.root, func([]byte) bool { return true }); err != nil {
		return err
	}
	if s.free == noFreelist {
		return nil
	}
	p, err := s.page(s.free)
	if err != nil {
		return err
	}
	n, at := uint64(binary.NativeEndian.Uint16(p[10:])), uint64(pageHead)
	if n == 0xFFFF { // too many for the field: the first entry is the count
		n, at = binary.NativeEndian.Uint64(p[pageHead:]), pageHead+8
	}
	if flags := binary.NativeEndian.Uint16(p[8:]); flags != freelistPage || n > (uint64(len(p))-at)/8 {
		return fmt.Errorf("page %d is no free list", s.free)
	}
	return nil
}

// page reads a page with those it runs over into, each of them once.
func (s *structure) page(id uint64) ([]byte, error) {
	if id < 2 || id >= uint64(len(s.seen)) {
		return nil, fmt.Errorf("page %d: there is none", id)
	}
	head := make([]byte, pageSize)
	if _, err := s.file.ReadAt(head, int64(id)*pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	last := id + uint64(binary.NativeEndian.Uint32(head[12:]))
	if own := binary.NativeEndian.Uint64(head); own != id || last >= uint64(len(s.seen)) {
		return nil, fmt.Errorf("page %d calls itself %d and runs to %d", id, own, last)
	}
	for i := id; i <= last; i++ {
		if s.seen[i] {
			return nil, fmt.Errorf("page %d is reached twice", i)
		}
		s.seen[i] = true
	}
	if last == id {
		return head, nil
	}
	whole := make([]byte, (last-id+1)*pageSize)
	_, err := s.file.ReadAt(whole, int64(id)*pageSize)
	return whole, err
}

// tree walks the pages below id and the buckets in them that follow wants.
func (s *structure) tree(id uint64, follow func(key []byte) bool) error {
	p, err := s.page(id)
	if err != nil {
		return err
	}
	switch flags := binary.NativeEndian.Uint16(p[8:]); flags {
	case branchPage:
		return s.branch(id, p, follow)
	case leafPage:
		return s.leaf(id, p, follow)
	default:
		return fmt.Errorf("page %d has the flags %#x", id, flags)
	}
}

func (s *structure) branch(id uint64, p []byte, follow func(key []byte) bool) error {
	n := int(binary.NativeEndian.Uint16(p[10:]))
	if n == 0 {
		return fmt.Errorf("page %d leads nowhere", id)
	}
	next := packed(n)
	for i := range n {
		e, err := element(p, i)
		if err == nil {
			pos, klen := binary.NativeEndian.Uint32(e), binary.NativeEndian.Uint32(e[4:])
			_, err = part(e, pos, klen)
			err = errors.Join(err, next.follows(i, pos, klen, 0))
		}
		if err == nil {
			err = s.tree(binary.NativeEndian.Uint64(e[8:]), follow)
		}
		if err != nil {
			return fmt.Errorf("page %d, element %d: %w", id, i, err)
		}
	}
	return nil
}

func (s *structure) leaf(id uint64, p []byte, follow func(key []byte) bool) error {
	n := int(binary.NativeEndian.Uint16(p[10:]))
	if n == 0 {
		return fmt.Errorf("page %d holds nothing", id) // a bucket that is empty has no page
	}
	next := packed(n)
	for i := range n {
		flags, key, value, err := leafElement(p, i)
		if err == nil {
			err = next.followsInLeaf(p, i)
		}
		if err == nil && flags&isBucket != 0 {
			err = s.bucket(key, value, follow)
		}
		if err != nil {
			return fmt.Errorf("page %d, element %d: %w", id, i, err)
		}
	}
	return nil
}

// bucket walks a bucket: pages of its own or, when it is small, one within the
// value.
func (s *structure) bucket(key, value []byte, follow func(key []byte) bool) error {
	if len(value) < bucketHead {
		return fmt.Errorf("bucket %.32q has no head", key)
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		if !follow(key) {
			return nil
		}
		return s.tree(root, follow)
	}
	p := value[bucketHead:]
	if len(p) < pageHead || binary.NativeEndian.Uint16(p[8:]) != leafPage {
		return fmt.Errorf("bucket %.32q has no page", key)
	}
	n := int(binary.NativeEndian.Uint16(p[10:]))
	next := packed(n)
	for i := range n {
		if flags, _, _, err := leafElement(p, i); err != nil || flags&isBucket != 0 || next.followsInLeaf(p, i) != nil {
			return fmt.Errorf("bucket %.32q, element %d is broken", key, i)
		}
	}
	if int(next) != len(p) {
		return fmt.Errorf("bucket %.32q has %d bytes for elements of %d", key, len(p), next)
	}
	return nil
}

// packing is where the next element's key begins: right behind the last value, and the
// first behind the last element, as bbolt writes them. A count that has lost a bit
// would hide elements that nothing else in the file speaks of.
type packing uint64

func packed(n int) packing { return packing(pageHead + n*elementSize) }

func (p *packing) follows(i int, pos, klen, vlen uint32) error {
	if at := uint64(pageHead+i*elementSize) + uint64(pos); at != uint64(*p) {
		return fmt.Errorf("it is at %d and not at %d, behind the one before it", at, *p)
	}
	*p += packing(klen) + packing(vlen)
	return nil
}

func (p *packing) followsInLeaf(page []byte, i int) error {
	e, err := element(page, i)
	if err != nil {
		return err
	}
	return p.follows(i, binary.NativeEndian.Uint32(e[4:]), binary.NativeEndian.Uint32(e[8:]), binary.NativeEndian.Uint32(e[12:]))
}

// element is the page from its i-th element on.
func element(p []byte, i int) ([]byte, error) {
	at := pageHead + i*elementSize
	if at+elementSize > len(p) {
		return nil, errors.New("it has no room in its page")
	}
	return p[at:], nil
}

func leafElement(p []byte, i int) (flags uint32, key, value []byte, err error) {
	e, err := element(p, i)
	if err != nil {
		return 0, nil, nil, err
	}
	pos, klen, vlen := binary.NativeEndian.Uint32(e[4:]), binary.NativeEndian.Uint32(e[8:]), binary.NativeEndian.Uint32(e[12:])
	if key, err = part(e, pos, klen); err != nil {
		return 0, nil, nil, err
	}
	value, err = part(e[pos:], klen, vlen)
	return binary.NativeEndian.Uint32(e), key, value, err
}

func part(b []byte, at, n uint32) ([]byte, error) {
	if end := uint64(at) + uint64(n); end > uint64(len(b)) {
		return nil, fmt.Errorf("it ends %d bytes behind its page", end-uint64(len(b)))
	}
	return b[at : at+n], nil
}

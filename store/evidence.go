package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/record"
	"qrposd/store/salvage"
)

// Evidence is what damaged files and the second record still say. Every value in a
// store carries a checksum over its key and itself, so a page that nothing leads to any
// more, or that bbolt has freed, is as good a witness as one in its place; what a line
// is worth, the chain and the sale's own digests decide later (rebuild.go). A damaged
// file is read page by page and never mapped: a sector that cannot be read is an error
// and not the end of the process.
//
// It lies in a file of its own, because it can be as large as the store. That file is
// never synced: whoever loses it gathers it again.
type evidence struct {
	db      *bbolt.DB
	waiting []found

	origin []byte // identity of the store
	device *binding
	clock  sale.Instant
	put    restores
	tip    uint64 // the last line that anything names
	inRing uint64 // lines of the second record
	lastIn uint64 // its last one
	ends   []end  // of archives
	unread int    // archives whose ends cannot be read
}

type found struct{ bucket, key, value []byte }

var (
	foundLines  = []byte("line")  // seq u64, link -> body
	foundBirths = []byte("birth") // sale ID -> the sale, at any time of its life
	foundOnce   = []byte("once")  // as in a store
	books       = [][]byte{caseBucket, dayBucket, auditBucket, offlineBucket}
)

func newEvidence(path string) (*evidence, error) {
	sweep(path, ".evidence-*")
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".evidence-*")
	if err != nil {
		return nil, ErrAccess.because(err)
	}
	if err := f.Close(); err != nil {
		return nil, ErrAccess.because(err)
	}
	db, err := openFile(f.Name(), false, 0)
	if err != nil {
		return nil, err
	}
	db.NoSync, db.NoFreelistSync = true, true
	err = db.Update(func(tx *bbolt.Tx) error {
		return makeBuckets(tx, append([][]byte{foundLines, foundBirths, foundOnce}, books...)...)
	})
	if e := (&evidence{db: db}); err == nil {
		return e, nil
	}
	return nil, errors.Join(err, db.Close(), os.Remove(f.Name()))
}

func (e *evidence) close() error {
	path := e.db.Path()
	return errors.Join(e.db.Close(), os.Remove(path))
}

func (e *evidence) add(bucket, key, value []byte) error {
	e.waiting = append(e.waiting, found{bucket, bytes.Clone(key), bytes.Clone(value)})
	if len(e.waiting) < 1000 {
		return nil
	}
	return e.flush()
}

func (e *evidence) flush() error {
	err := e.db.Update(func(tx *bbolt.Tx) error {
		for _, f := range e.waiting {
			if err := tx.Bucket(f.bucket).Put(f.key, f.value); err != nil {
				return err
			}
		}
		return nil
	})
	e.waiting = e.waiting[:0]
	if err != nil {
		return ErrAccess.because(fmt.Errorf("gathering evidence: %w", err))
	}
	return nil
}

// ring takes what the second record has. It says whose lines count.
func (e *evidence) ring(path string) error {
	err := salvage.Read(path, func(f salvage.Frame) error {
		if e.lastIn == 0 || f.Seq > e.lastIn || !bytes.Equal(e.origin, f.Origin[:]) {
			e.origin, e.lastIn = bytes.Clone(f.Origin[:]), f.Seq
		}
		e.inRing++
		e.tip = max(e.tip, f.Seq)
		if err := e.add(foundLines, lineKey(f.Seq, f.Link), f.Body); err != nil {
			return err
		}
		if len(f.Once) > 32 {
			if err := e.add(foundOnce, f.Once[:32], f.Once[32:]); err != nil {
				return err
			}
		}
		if f.Birth == nil {
			return nil
		}
		id, ok := saleOf(f.Birth)
		if !ok {
			return nil
		}
		return e.add(foundBirths, id, f.Birth)
	})
	return errors.Join(err, e.flush())
}

func lineKey(seq uint64, link ledger.Link) []byte {
	return append(binary.BigEndian.AppendUint64(nil, seq), link[:]...)
}

// carve takes what any page of a file has, whether something leads to it or not.
func (e *evidence) carve(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return ErrAccess.because(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ErrAccess.because(err)
	}
	pages := uint64(info.Size()+pageSize-1) / pageSize
	for id := uint64(2); id < pages; id++ {
		if err := e.page(f, id, pages); err != nil {
			return err
		}
	}
	return errors.Join(e.books(f, info.Size()), e.flush())
}

// longest is how many pages one value runs over: more is a number that rotted.
const longest = 256

// page takes the records of a page that holds any. One that cannot be read has none.
func (e *evidence) page(f io.ReaderAt, id, pages uint64) error {
	p := make([]byte, pageSize)
	if n, err := f.ReadAt(p, int64(id)*pageSize); err != nil && n < pageHead {
		return nil
	}
	if binary.NativeEndian.Uint16(p[8:]) != leafPage {
		return nil
	}
	if over := uint64(binary.NativeEndian.Uint32(p[12:])); over > 0 && over < longest && id+over < pages {
		whole := make([]byte, (over+1)*pageSize)
		if _, err := f.ReadAt(whole, int64(id)*pageSize); err == nil {
			p = whole
		}
	}
	return e.leaf(p)
}

func (e *evidence) leaf(p []byte) error {
	for i := range int(binary.NativeEndian.Uint16(p[10:])) {
		flags, key, value, err := leafElement(p, i)
		if err != nil {
			continue
		}
		if flags&isBucket != 0 { // a small bucket lies within its parent
			if len(value) >= bucketHead+pageHead && binary.NativeEndian.Uint64(value) == 0 {
				if err := e.leaf(value[bucketHead:]); err != nil {
					return err
				}
			}
			continue
		}
		if err := e.record(key, value); err != nil {
			return err
		}
	}
	return nil
}

// record takes a value for what its form says that it is: a page does not say which
// bucket it is of.
func (e *evidence) record(key, value []byte) error {
	b, err := record.Open(key, value)
	if err != nil {
		return nil
	}
	switch {
	case len(key) == 8 && len(b) > len(ledger.Link{}) && bytes.HasPrefix(b[len(ledger.Link{}):], []byte(`{"sale":`)):
		seq := binary.BigEndian.Uint64(key)
		e.tip = max(e.tip, seq)
		return e.add(foundLines, lineKey(seq, ledger.Link(b)), b[len(ledger.Link{}):])
	case len(key) == 32 && bytes.HasPrefix(b, []byte(`{"print":`)):
		return e.add(foundOnce, key, value)
	case bytes.HasPrefix(b, []byte(`{"id":`)):
		return e.named(key, b)
	}
	return e.meta(string(key), b)
}

// named takes a sale, or the name of the file.
func (e *evidence) named(key, b []byte) error {
	if id, ok := saleOf(b); ok && bytes.Equal(id, key) {
		return e.add(foundBirths, key, b)
	}
	var id identity
	if string(key) != string(identityKey) || e.origin != nil || json.Unmarshal(b, &id) != nil {
		return nil
	}
	if origin, err := hex.DecodeString(id.ID); err == nil && len(origin) == 16 {
		e.origin = origin
	}
	return nil
}

// meta takes what the file said of itself, the latest of each.
func (e *evidence) meta(key string, b []byte) error {
	switch key {
	case string(clockKey):
		var r reading
		if json.Unmarshal(b, &r) == nil {
			e.clock = max(e.clock, r.At)
		}
	case string(restoredKey):
		var list restores
		if json.Unmarshal(b, &list) == nil && len(list) > len(e.put) {
			e.put = list
		}
	case string(deviceKey):
		var d binding
		if json.Unmarshal(b, &d) == nil && (e.device == nil || len(d.Before) >= len(e.device.Before)) {
			e.device = &d
		}
	case string(headKey):
		if len(b) == 8+len(ledger.Link{}) {
			e.tip = max(e.tip, binary.BigEndian.Uint64(b))
		}
	}
	return nil
}

var headKey = []byte("head") // of the chain, package ledger

func saleOf(b []byte) (id []byte, ok bool) {
	var s struct {
		ID   string `json:"id"`
		Key  string `json:"key"`
		Flow string `json:"flow"`
	}
	err := json.Unmarshal(b, &s)
	return []byte(s.ID), err == nil && s.ID != "" && s.Key != "" && s.Flow != ""
}

// books takes the buckets whose records only their place tells apart, as far as the
// pages lead to them: what people entered, and what was said about it.
func (e *evidence) books(f io.ReaderAt, size int64) error {
	s, err := header(f, size)
	if err != nil {
		return nil
	}
	var failed error
	s.records(s.root, func(name string, key, value []byte) {
		for _, b := range books {
			if _, err := record.Open(key, value); name == string(b) && err == nil {
				failed = errors.Join(failed, e.add(b, key, value))
			}
		}
	})
	return failed
}

// records gives what can be read below a page of the root bucket, by bucket.
func (s *structure) records(id uint64, give func(bucket string, key, value []byte)) {
	s.leaves(id, func(flags uint32, name, value []byte) {
		if flags&isBucket == 0 || len(value) < bucketHead {
			return
		}
		each := func(flags uint32, key, v []byte) { give(string(name), key, v) }
		if root := binary.NativeEndian.Uint64(value); root != 0 {
			s.leaves(root, each)
		} else if len(value) >= bucketHead+pageHead {
			elements(value[bucketHead:], each)
		}
	})
}

// leaves walks the pages below one that can be read, and passes over the others.
func (s *structure) leaves(id uint64, each func(flags uint32, key, value []byte)) {
	p, err := s.page(id)
	if err != nil {
		return
	}
	switch binary.NativeEndian.Uint16(p[8:]) {
	case leafPage:
		elements(p, each)
	case branchPage:
		for i := range int(binary.NativeEndian.Uint16(p[10:])) {
			if e, err := element(p, i); err == nil {
				s.leaves(binary.NativeEndian.Uint64(e[8:]), each)
			}
		}
	}
}

func elements(p []byte, each func(flags uint32, key, value []byte)) {
	for i := range int(binary.NativeEndian.Uint16(p[10:])) {
		if flags, key, value, err := leafElement(p, i); err == nil {
			each(flags, key, value)
		}
	}
}

// numberOf is the running number in a sale's ID, zero where it has none of this till.
func numberOf(till string, id sale.ID) (n uint64) {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	s, ok := strings.CutPrefix(string(id), till)
	if !ok || len(s) < 6+5+11 {
		return 0
	}
	for _, c := range s[6 : len(s)-11] {
		n = n*32 + uint64(max(0, strings.IndexRune(digits, c)))
	}
	return n
}

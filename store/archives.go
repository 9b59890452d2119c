package store

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"

	"go.etcd.io/bbolt"

	"qrposd/rules/day"
	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/record"
)

// The sections of an archive: each holds records as this file had them, under the
// same keys, seals and all.
const (
	inJournal byte = iota + 1
	inPosting
	inSale
	inBegun
	inOnce
	inCode
	inRetired
)

// archived is what the file knows of an archive: enough to find what is in it, to tell
// it from every other file, and to go on from where it ends.
//
// budget: the catalogue of a file, in one place
type archived struct {
	Number   int           `json:"number"`
	File     string        `json:"file"`   // beside the store
	SHA256   string        `json:"sha256"` // of all of it
	Bytes    int64         `json:"bytes"`
	From     uint64        `json:"from"` // the journal after this line,
	To       uint64        `json:"to"`   // up to this one,
	Link     string        `json:"link"` // where the chain then stands
	At       sale.Instant  `json:"at"`   // and when that was
	Oldest   sale.Instant  `json:"oldest"`
	Latest   sale.Instant  `json:"latest"` // of the sales, when they began
	Begun    uint64        `json:"begun"`  // sales that began in these lines
	Sales    int           `json:"sales"`  // that ended in them
	Once     int           `json:"once"`
	Codes    int           `json:"codes"`
	Legs     int           `json:"legs"`
	Retired  uint64        `json:"retired"` // jobs, up to this number
	Closing  []day.Balance `json:"closing"` // the provider's account after the last line
	Finished bool          `json:"finished"`
}

// makeArchives makes room for the catalogue.
func makeArchives(tx *bbolt.Tx) error { return makeBuckets(tx, archiveBucket) }

func archiveAt(what byte, n int) []byte {
	return binary.BigEndian.AppendUint64([]byte{what}, uint64(n))
}

const (
	archiveEntry  = 'c'
	archiveFilter = 'f'
)

// shelf is an archive as it is looked into.
type shelf struct {
	archived
	filter archive.Filter
}

// archives finds what the file has forgotten. The catalogue and the filters are in
// the file, so that a till opens, sells and knows what it cannot know without a look
// at any archive; one that is lost or damaged is met by whoever needs it.
type archives struct {
	dir string
	mu  sync.Mutex // guards all; what was given out is never changed
	all []shelf    // oldest first
}

// catalogue reads what the file knows of its archives.
func catalogue(tx *bbolt.Tx) (all []shelf, err error) {
	b := tx.Bucket(archiveBucket)
	c := b.Cursor()
	for k, value := c.Seek([]byte{archiveEntry}); len(k) == 9 && k[0] == archiveEntry; k, value = c.Next() {
		var s shelf
		if err := record.Unmarshal(k, value, &s.archived); err != nil {
			return nil, ErrCorrupt.becausef("archive/%x: %w", k, err)
		}
		at := archiveAt(archiveFilter, s.Number)
		filter, err := record.Open(at, b.Get(at))
		if err != nil {
			return nil, ErrCorrupt.becausef("archive/%x: %w", at, err)
		}
		s.filter = slices.Clone(filter)
		all = append(all, s)
	}
	return all, nil
}

func (a *archives) list() []shelf {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all
}

func (a *archives) set(all []shelf) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.all = all
}

// last is the latest archive; the zero one is none.
func last(all []shelf) (s shelf) {
	if len(all) > 0 {
		s = all[len(all)-1]
	}
	return s
}

// open opens an archive's file. Another archive under its name would say no to every
// key: it has to be as long and to end on the same link. That each byte of it is right
// is for the check; a block that is not says so itself.
func (a *archives) open(s shelf) (*archive.Reader, error) {
	path := filepath.Join(a.dir, s.File)
	info, err := os.Stat(path)
	if err == nil && info.Size() != s.Bytes {
		err = fmt.Errorf("it has %d bytes, %d were written", info.Size(), s.Bytes)
	}
	if err != nil {
		return nil, ErrArchive.becausef("%s: %w", s.File, err)
	}
	r, err := archive.Open(path)
	if err != nil {
		return nil, ErrArchive.becausef("%s: %w", s.File, err)
	}
	if e, ok := endOf(path, r); !ok || e.Seq != s.To || e.Link.String() != s.Link {
		return nil, errors.Join(ErrArchive.becausef("%s is not the file that was written", s.File), r.Close())
	}
	return r, nil
}

// get finds the latest record of a key, nil where no archive has it. An archive that
// may have it and cannot be read is an error: nobody may take that for a no.
func (a *archives) get(section byte, key []byte) (value []byte, err error) {
	k, all := archive.KeyOf(section, key), a.list()
	for i := len(all) - 1; i >= 0; i-- {
		if !all[i].filter.May(k) {
			continue
		}
		r, err := a.open(all[i])
		if err != nil {
			return nil, err
		}
		value, err := r.Get(section, key)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, ErrArchive.becausef("%s: %w", all[i].File, err)
		}
		if value != nil {
			return value, nil
		}
	}
	return nil, nil
}

// sale is the latest archived state of a sale.
func (a *archives) sale(id sale.ID) (s sale.Sale, err error) {
	value, err := a.get(inSale, []byte(id))
	if err != nil {
		return s, err
	}
	if value == nil {
		return s, ErrNotFound
	}
	if err := record.Unmarshal([]byte(id), value, &s); err != nil {
		return s, ErrArchive.becausef("sale/%.40q: %w", id, err)
	}
	return s, nil
}

// begun adds to a list of sales that began before a time those of the archives, and
// gives at most limit of them, the latest first. Archives overlap where a sale took
// longer than its neighbours; one that has nothing later is not opened.
func (a *archives) begun(list []begunSale, before sale.Instant, limit int) ([]begunSale, error) {
	all := slices.Clone(a.list())
	sort.Slice(all, func(i, j int) bool { return all[i].Latest > all[j].Latest })
	for _, s := range all {
		if s.Sales == 0 || s.Oldest >= before {
			continue
		}
		if len(list) >= limit && s.Latest < list[limit-1].at {
			break
		}
		r, err := a.open(s)
		if err != nil {
			return nil, err
		}
		more, err := latestOf(r, before, limit)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, ErrArchive.becausef("%s: %w", s.File, err)
		}
		list = latestFirst(append(list, more...), limit)
	}
	return list, nil
}

// begunSale is a sale by when it began.
type begunSale struct {
	at sale.Instant
	id sale.ID
}

func latestOf(r *archive.Reader, before sale.Instant, limit int) (list []begunSale, err error) {
	for rec, err := range r.Before(inBegun, begunKey(before)) {
		if err != nil {
			return nil, err
		}
		id, err := record.Open(rec.Key, rec.Value)
		if err != nil || len(rec.Key) != 8 {
			return nil, fmt.Errorf("begun/%x: %w", rec.Key, errors.Join(record.ErrRotten, err))
		}
		if list = append(list, begunSale{sale.Instant(binary.BigEndian.Uint64(rec.Key)), sale.ID(id)}); len(list) == limit {
			break
		}
	}
	return list, nil
}

// latestFirst sorts and takes out what is there twice: a sale that came back and left
// again is in two archives.
func latestFirst(list []begunSale, limit int) []begunSale {
	sort.Slice(list, func(i, j int) bool { return list[i].at > list[j].at })
	list = slices.Compact(list)
	return list[:min(limit, len(list))]
}

// fileName tells an archive from every other, also from one that the same store would
// write had it gone another way: backups in one directory share what they have in common.
func (s archived) fileName(identity string) string {
	return fmt.Sprintf("qrposd-%.12s-%010d-%.12s.archive", identity, s.To, s.SHA256)
}

func hexOf(sum [32]byte) string { return hex.EncodeToString(sum[:]) }

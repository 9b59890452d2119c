package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

// A store that is built again takes its archives as they are. Wherever its lines come
// to where an archive ends, on the same link of the chain, and each sale of the archive
// is what the lines have made of it, to the byte, the new file knows the archive and
// forgets what is in it: all at once, since nobody sells meanwhile and the file is no
// longer than what it keeps. Else a year of sales would have to fit into the file and
// leave it once more.
//
// What the file knew of the archive is made again of the archive itself: a catalogue
// that rotted with its file is worth nothing. One that does not fit is left alone, and
// its sales stay in the file.

// adopt takes an archive that ends where the lines have come to. The file keeps one line
// at least: its chain hangs on it.
func (r *rebuild) adopt(from, tx *bbolt.Tx) error {
	if r.done.Missing+r.done.Unproven > 0 || r.short[""] {
		return nil // the chain is another one
	}
	if r.from(from, r.head.Seq+1) == 0 {
		return nil
	}
	before := last(r.db.old.list())
	for _, e := range r.ends {
		if e.Head != r.head || e.from != before.To {
			continue
		}
		s, err := known(e, before, r.made(tx))
		if err != nil {
			r.db.opts.Log.Warn("an archive does not fit what is put together; its sales stay in the file", "file", filepath.Base(e.path), "err", err)
			continue
		}
		return r.settle(tx, s)
	}
	return nil
}

// errUnlike says that an archive is not what the lines have made.
var errUnlike = errors.New("it has other records than the lines make")

// known is what a file knows of an archive, made again of the archive. Each record of it
// is shown to prove, which says what is wrong with one, or reads it if it is a line.
func known(e end, before shelf, prove proof) (s shelf, err error) {
	sum, size, err := archive.Sum(e.path)
	if err != nil {
		return s, err
	}
	s.archived = archived{
		Number: before.Number + 1, File: filepath.Base(e.path), SHA256: hexOf(sum), Bytes: size, From: e.from, To: e.Seq, Link: e.Link.String(),
		Retired: before.Retired, Closing: slices.Clone(before.Closing), Finished: true,
	}
	file, err := archive.Open(e.path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var keys []archive.Key
	ended := make(map[sale.ID]bool)
	for section := inJournal; section <= inRetired; section++ {
		for rec, err := range file.From(section, nil) {
			var line ledger.Line
			if err == nil {
				line, err = prove(section, rec)
			}
			if err == nil {
				err = s.take(section, rec, line)
			}
			if err == nil {
				err = belongs(section, rec, ended)
			}
			if err != nil {
				return s, fmt.Errorf("section %d: %w", section, err)
			}
			if section == inSale || section == inOnce || section == inCode {
				keys = append(keys, archive.KeyOf(section, rec.Key))
			}
		}
	}
	s.filter = archive.NewFilter(len(keys))
	for _, k := range keys {
		s.filter.Add(k)
	}
	return s, nil
}

// belongs notes the sales of an archive, and says whether what is in it besides is theirs.
func belongs(section byte, rec archive.Record, ended map[sale.ID]bool) error {
	body, err := record.Open(rec.Key, rec.Value)
	if err != nil {
		return err
	}
	var of struct {
		Sale sale.ID `json:"sale"`
	}
	switch section {
	default:
		return nil
	case inSale:
		ended[sale.ID(rec.Key)] = true
		return nil
	case inBegun:
		of.Sale = sale.ID(body)
	case inOnce, inCode:
		err = json.Unmarshal(body, &of)
	}
	if err == nil && !ended[of.Sale] {
		err = errUnlike
	}
	return err
}

type proof func(section byte, rec archive.Record) (ledger.Line, error)

// made holds records against what the lines have made: it is in the file still.
func (r *rebuild) made(tx *bbolt.Tx) proof {
	in := map[byte]*bbolt.Bucket{inJournal: ledger.Journal(tx), inPosting: ledger.Postings(tx), inSale: tx.Bucket(saleBucket), inBegun: tx.Bucket(begunBucket)}
	return func(section byte, rec archive.Record) (line ledger.Line, err error) {
		if b := in[section]; b != nil && !bytes.Equal(b.Get(rec.Key), rec.Value) {
			return line, errUnlike
		}
		if section == inJournal {
			line, _, err = ledger.Decode(rec.Key, rec.Value)
		}
		return line, err
	}
}

// take counts a record of an archive.
func (s *shelf) take(section byte, rec archive.Record, line ledger.Line) error {
	switch section {
	case inJournal:
		if s.At = line.Event.At; line.Event.Kind == sale.Begun {
			s.Begun++
		}
		return nil
	case inPosting:
		_, _, p, err := ledger.DecodeLeg(rec.Key, rec.Value)
		if err != nil {
			return err
		}
		s.Legs++
		s.Closing, err = carry(s.Closing, p)
		return err
	case inSale:
		s.Sales++
	case inBegun:
		at := sale.Instant(seqOf(rec.Key))
		if s.Oldest == 0 {
			s.Oldest = at
		}
		s.Latest = at
	case inOnce:
		s.Once++
	case inCode:
		s.Codes++
	case inRetired:
		s.Retired = seqOf(rec.Key)
	}
	return nil
}

// settle writes that the file knows an archive, and forgets what is in it.
func (r *rebuild) settle(tx *bbolt.Tx, s shelf) (err error) {
	file, err := r.db.old.open(s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for rec, bad := range file.From(inSale, nil) {
		if err := errors.Join(bad, forgetSale(tx, rec)); err != nil {
			return err
		}
	}
	if _, err := ledger.Forget(tx, s.To, int(s.To-s.From)); err != nil {
		return err
	}
	if err := errors.Join(queue.Forget(tx, s.Retired), forgetTallies(tx, s.At.Add(-talliesKept))); err != nil {
		return err
	}
	return r.enter(tx, s)
}

// enter makes the file know an archive.
func (r *rebuild) enter(tx *bbolt.Tx, s shelf) error {
	b, at := tx.Bucket(archiveBucket), archiveAt(archiveFilter, s.Number)
	if err := errors.Join(putRecord(b, archiveAt(archiveEntry, s.Number), s.archived), b.Put(at, record.Seal(at, s.filter))); err != nil {
		return err
	}
	r.db.old.set(append(slices.Clone(r.db.old.list()), s))
	r.done.Archives++
	return nil
}

func forgetTallies(tx *bbolt.Tx, before sale.Instant) error {
	b := tx.Bucket(tallyBucket)
	for _, k := range talliesBefore(tx, before) {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

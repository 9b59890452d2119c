package store

import (
	"encoding/binary"
	"errors"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
)

// errEnough ends a walk early.
var errEnough = errors.New("store: enough was read")

// lines walks the journal after a line, oldest first, through the archives and on in
// the file.
func (a *archives) lines(tx *bbolt.Tx, after uint64, each func(seq uint64, line ledger.Line) error) error {
	base, err := ledger.Base(tx)
	if err != nil {
		return ErrCorrupt.because(err)
	}
	if after < base.Seq {
		err = a.walk(inJournal, after, base.Seq, func(rec archive.Record, seq uint64) error {
			line, _, err := ledger.Decode(rec.Key, rec.Value)
			if err != nil {
				return ErrArchive.becausef("line %d: %w", seq, err)
			}
			return each(seq, line)
		})
		after = base.Seq
	}
	if err != nil {
		return err
	}
	return ledger.After(tx, after, each)
}

// legs does the same for the postings.
func (a *archives) legs(tx *bbolt.Tx, after uint64, each func(seq uint64, id sale.ID, p sale.Posting) error) error {
	base, err := ledger.Base(tx)
	if err != nil {
		return ErrCorrupt.because(err)
	}
	if after < base.Seq {
		err = a.walk(inPosting, after, base.Seq, func(rec archive.Record, seq uint64) error {
			_, id, p, err := ledger.DecodeLeg(rec.Key, rec.Value)
			if err != nil {
				return ErrArchive.because(err)
			}
			return each(seq, id, p)
		})
		after = base.Seq
	}
	if err != nil {
		return err
	}
	return ledger.LegsAfter(tx, after, each)
}

// walk visits what the archives have of the lines after one up to another.
func (a *archives) walk(section byte, after, upTo uint64, each func(rec archive.Record, seq uint64) error) error {
	for _, s := range a.list() {
		if s.To <= after {
			continue
		}
		r, err := a.open(s)
		if err != nil {
			return err
		}
		for rec, e := range r.From(section, begunKey(sale.Instant(after+1))) {
			if e != nil || len(rec.Key) < 8 {
				err = ErrArchive.becausef("%s: %w", s.File, errors.Join(archive.ErrDamaged, e))
				break
			}
			seq := seqOf(rec.Key)
			if seq > upTo {
				break
			}
			if err = each(rec, seq); err != nil {
				break
			}
		}
		if err = errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

func seqOf(key []byte) uint64 { return binary.BigEndian.Uint64(key) }

// link is where the chain stands after a line.
func (a *archives) link(tx *bbolt.Tx, seq uint64) (string, error) {
	base, err := ledger.Base(tx)
	if err == nil && base.Seq == seq {
		return base.Link.String(), nil
	}
	if err != nil || seq > base.Seq || seq == 0 {
		link, e := ledger.LinkAt(tx, seq)
		return link.String(), errors.Join(err, e)
	}
	found := ""
	err = a.walk(inJournal, seq-1, seq, func(rec archive.Record, _ uint64) error {
		_, link, err := ledger.Decode(rec.Key, rec.Value)
		if err != nil {
			return ErrArchive.because(err)
		}
		found = link.String()
		return errEnough
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return found, err
}

// journal gives at most limit lines that follow after.
func (a *archives) journal(tx *bbolt.Tx, after uint64, limit int) (list []sale.Entry, err error) {
	err = a.lines(tx, after, func(seq uint64, line ledger.Line) error {
		if len(list) >= limit {
			return errEnough
		}
		list = append(list, sale.Entry{Seq: seq, Sale: line.Sale, State: line.State, Event: line.Event})
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return list, err
}

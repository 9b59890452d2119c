package store

import (
	"encoding/json"
	"errors"
	"iter"

	"qrposd/rules/day"
	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
	"qrposd/store/record"
)

// A day that nobody closes goes back into archives, in a shop that never asks for a
// report for as long as it is open. It is added up from the latest archive to the
// oldest, each read once from its beginning to its end: looked up one by one, the sales
// of a year took ten minutes and three times the memory that a till may have.

// archived is the last line that is in an archive.
func (p *period) archived() uint64 { return last(p.old.all).To }

// long says that the period has lines that are in archives.
func (p *period) long() bool { return p.archived() > p.from.Seq }

// readOld notes what arrived for sales in the period's archived lines. Where there was
// nothing before the period nobody asks, and only its beginning is looked at.
func (p *period) readOld() error {
	if !p.long() {
		return nil
	}
	p.at = last(p.old.all).At
	err := p.old.walk(inJournal, p.from.Seq, p.archived(), func(rec archive.Record, seq uint64) error {
		line, _, err := ledger.Decode(rec.Key, rec.Value)
		if err = errors.Join(err, p.ctx.Err()); err != nil {
			return ErrArchive.becausef("line %d: %w", seq, err)
		}
		if p.Began.IsZero() {
			p.Began = line.Event.Wall
		}
		if done := (touch{}).with(line.Event); done.receipt || len(done.refunds) > 0 {
			p.older[line.Sale] = p.older[line.Sale].and(done)
		}
		if p.from.Seq == 0 {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	// Which sales of the file have lines in archives alone is nowhere: all are looked at.
	// One that nothing has happened to adds nothing.
	return p.tx.Bucket(saleBucket).ForEach(func(k, _ []byte) error { p.look(sale.ID(k)); return nil })
}

// parts are the sales and the postings of the file, and then those of each archive.
func (p *period) parts() iter.Seq[day.Part] {
	return func(yield func(day.Part) bool) {
		if !yield(day.Part{Records: p.records(), Legs: p.legs()}) {
			return
		}
		back := make(map[sale.ID]bool) // sales that came back, and have left again: they are in an older archive, too
		for i := len(p.old.all) - 1; i >= 0 && p.old.all[i].To > p.from.Seq; i-- {
			before := sale.Instant(0)
			if i > 0 {
				before = p.old.all[i-1].At
			}
			if !yield(day.Part{Records: p.oldRecords(p.old.all[i], before, back), Legs: p.oldLegs(p.old.all[i])}) {
				return
			}
		}
	}
}

func (p *period) oldRecords(s shelf, before sale.Instant, back map[sale.ID]bool) iter.Seq2[day.Record, error] {
	return each(p, s, inSale, nil, func(rec archive.Record) (r day.Record, skip bool, err error) {
		id := sale.ID(rec.Key)
		if _, here := p.touched[id]; here || back[id] {
			return r, true, nil // it is somewhere later
		}
		body, err := record.Open(rec.Key, rec.Value)
		if err != nil {
			return r, false, err
		}
		if err := json.Unmarshal(body, &r.After); err != nil {
			return r, false, err
		}
		if r.After.Begun <= before {
			back[id] = true
		}
		r.Before = p.before(r.After, p.older[id])
		return r, false, nil
	})
}

func (p *period) oldLegs(s shelf) iter.Seq2[day.Leg, error] {
	return each(p, s, inPosting, begunKey(sale.Instant(p.from.Seq+1)), func(rec archive.Record) (l day.Leg, skip bool, err error) {
		_, l.Sale, l.Posting, err = ledger.DecodeLeg(rec.Key, rec.Value)
		return l, false, err
	})
}

// each reads a section of an archive from a key on.
func each[T any](p *period, s shelf, section byte, from []byte, read func(archive.Record) (T, bool, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		file, err := p.old.open(s)
		if err != nil {
			yield(none, err)
			return
		}
		defer func() { _ = file.Close() }() // it was only read
		for rec, err := range file.From(section, from) {
			var one T
			skip := false
			if err = errors.Join(err, p.ctx.Err()); err == nil {
				one, skip, err = read(rec)
			}
			if err != nil {
				yield(none, ErrArchive.becausef("%s: %w", s.File, err))
				return
			}
			if !skip && !yield(one, nil) {
				return
			}
		}
	}
}

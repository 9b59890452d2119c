package store

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

// The lines of a year are not applied again: a shop would wait for an hour before a
// damaged till sells. Archives that ended long before the last ones are taken on the
// proof that they carry. Their lines follow one another, link by link, from the
// identity of the store on, and each sale in one has the digest that its last line
// there names: it is what the lines made of it then, or somebody can make two texts of
// one SHA-256. What an archive cannot prove, a sale that had not ended with it, is made
// of its lines; so are the sales that gave cause for a case.
//
// The last archives are gone through line by line all the same: the rules count the
// traffic of some days, and the counts are in no archive. Where the proof fails, the
// lines are applied from there on, and qrposd check goes through all of them as ever.

// long are the archives, of those that follow one another from the first line on, that
// ended longer before the last but one than anything is counted for.
func (e *evidence) long() []end {
	furthest := make([]uint64, len(e.ends)) // that one leads to
	after := func(seq uint64) (best int) {
		best = -1
		for i, next := range e.ends {
			if next.from == seq && next.Seq > seq && (best < 0 || furthest[i] > furthest[best]) {
				best = i
			}
		}
		return best
	}
	for i := len(e.ends) - 1; i >= 0; i-- {
		furthest[i] = e.ends[i].Seq
		if next := after(e.ends[i].Seq); next >= 0 {
			furthest[i] = furthest[next]
		}
	}
	var path []end
	for i := after(0); i >= 0; i = after(e.ends[i].Seq) {
		path = append(path, e.ends[i])
	}
	n := 0
	for n+2 < len(path) && path[n].at <= path[len(path)-2].at.Add(-talliesKept) {
		n++
	}
	return path[:n]
}

// trusting is the way through the archives that are taken as they are.
type trusting struct {
	*rebuild
	head   ledger.Head
	at     sale.Instant
	ended  map[sale.ID][]byte     // the sales of the archive that is looked at: their digests,
	after  map[sale.ID][]byte     // and what their last line in it names
	lines  map[sale.ID][]pastLine // of sales that had not ended, or are noted
	noted  map[sale.ID]bool       // they gave cause for a case
	missed bool                   // lines of a sale that was noted only later
	leaves map[sale.ID]archive.Record
}

type pastLine struct {
	seq uint64
	ledger.Line
}

// past takes the archives that ended long ago.
func (r *rebuild) past(ctx context.Context, from, tx *bbolt.Tx) error {
	t := &trusting{rebuild: r, head: r.head, lines: make(map[sale.ID][]pastLine), noted: make(map[sale.ID]bool), leaves: make(map[sale.ID]archive.Record)}
	begun := uint64(0)
	for _, e := range r.long() {
		if err := ctx.Err(); err != nil {
			return err
		}
		lines, noted, leaves, head, at := maps.Clone(t.lines), maps.Clone(t.noted), maps.Clone(t.leaves), t.head, t.at
		s, err := t.take(e, last(r.db.old.list()))
		if err != nil {
			r.db.opts.Log.Warn("an archive does not prove itself; its lines are applied again, and those that follow", "file", filepath.Base(e.path), "err", err)
			t.lines, t.noted, t.leaves, t.head, t.at = lines, noted, leaves, head, at
			break
		}
		if err := r.enter(tx, s); err != nil {
			return err
		}
		begun += s.Begun
	}
	l := last(r.db.old.list())
	if l.Number == 0 {
		return nil
	}
	r.walk.waiting = slices.DeleteFunc(slices.Clone(r.ends), func(e end) bool { return e.Seq <= l.To })
	if err := t.makeAgain(from, tx); err != nil {
		return err
	}
	r.head, r.last, r.sales, r.done.Lines = t.head, t.at, begun, l.To
	r.done.Trusted = r.done.Archives
	return errors.Join(ledger.Continue(tx, t.head), queue.Forget(tx, l.Retired), forgetTallies(tx, t.at.Add(time.Minute)))
}

// take proves an archive.
func (t *trusting) take(e end, before shelf) (s shelf, err error) {
	file, err := archive.Open(e.path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	t.ended, t.after, t.missed = make(map[sale.ID][]byte), make(map[sale.ID][]byte), false
	for rec, err := range file.From(inSale, nil) {
		if err != nil {
			return s, err
		}
		body, err := record.Open(rec.Key, rec.Value)
		if err != nil {
			return s, err
		}
		digest := sha256.Sum256(body)
		t.ended[sale.ID(rec.Key)] = digest[:]
	}
	began, lines := t.head, maps.Clone(t.lines)
	if s, err = known(e, before, t.prove); err != nil {
		return s, err
	}
	if t.missed { // now it is known whose lines to keep
		t.head, t.lines = began, lines
		if s, err = known(e, before, t.prove); err != nil {
			return s, err
		}
	}
	if t.head != e.Head {
		return s, errUnlike
	}
	for id, digest := range t.ended {
		if !bytes.Equal(t.after[id], digest) {
			return s, errUnlike
		}
		if !t.noted[id] {
			delete(t.lines, id)
		}
	}
	return s, nil
}

// prove holds a record of an archive against its lines.
func (t *trusting) prove(section byte, rec archive.Record) (line ledger.Line, err error) {
	switch section {
	case inJournal:
		return t.line(rec)
	case inSale:
		if t.noted[sale.ID(rec.Key)] {
			t.leaves[sale.ID(rec.Key)] = rec
		}
	}
	return line, nil
}

func (t *trusting) line(rec archive.Record) (ledger.Line, error) {
	head, line, err := t.head.Follow(rec.Key, rec.Value)
	if err != nil {
		return line, err
	}
	t.head, t.at = head, line.Event.At
	t.highest = max(t.highest, numberOf(t.db.opts.Till, line.Sale))
	if opensCase(line.Event) && !t.noted[line.Sale] {
		t.noted[line.Sale], t.missed = true, true
	}
	t.after[line.Sale] = line.After
	if _, waits := t.lines[line.Sale]; waits || t.ended[line.Sale] == nil || t.noted[line.Sale] {
		t.lines[line.Sale] = append(slices.Clip(t.lines[line.Sale]), pastLine{head.Seq, line})
	}
	return line, nil
}

// opensCase says that a fact may be one of those that openCases looks for.
func opensCase(ev sale.Event) bool {
	return ev.Verdict == sale.Mismatch || ev.Kind == sale.TakenOver || ev.Appeal
}

// makeAgain makes the sales that no archive has in the end, and the cases, of their
// lines, in the order in which these were written. The lines themselves stay where they are.
func (t *trusting) makeAgain(from, tx *bbolt.Tx) error {
	var all []pastLine
	for _, lines := range t.lines {
		all = append(all, lines...)
	}
	slices.SortFunc(all, func(a, b pastLine) int { return cmp.Compare(a.seq, b.seq) })
	for _, l := range all {
		before, err := load(tx, l.Sale)
		if errors.Is(err, ErrNotFound) {
			before, err = t.asOf(l)
		}
		var after sale.Sale
		switch {
		case err == nil:
			after, err = before.Apply(l.Event)
		case errors.Is(err, ErrNotFound):
			after, err = t.born(from, l)
		}
		if err != nil {
			return ErrCorrupt.becausef("line %d of sale %s: %w", l.seq, l.Sale, err)
		}
		body, err := json.Marshal(after)
		if digest := sha256.Sum256(body); err != nil || !bytes.Equal(digest[:], l.After) {
			return ErrCorrupt.becausef("line %d: sale %s is not what it says", l.seq, l.Sale)
		}
		if err := t.record(tx, before, after, l.Line); err != nil {
			return err
		}
	}
	for _, rec := range t.leaves {
		if err := forgetSale(tx, rec); err != nil {
			return err
		}
	}
	return nil
}

// asOf is a sale that had left before a line of it and came back with that.
func (t *trusting) asOf(l pastLine) (sale.Sale, error) {
	old := archives{dir: t.db.old.dir}
	for _, s := range t.db.old.list() {
		if s.To < l.seq {
			old.all = append(old.all, s)
		}
	}
	return old.sale(l.Sale)
}

// born begins a sale again: what it was asked for is in any later state of it.
func (t *trusting) born(from *bbolt.Tx, l pastLine) (s sale.Sale, err error) {
	body := from.Bucket(foundBirths).Get([]byte(l.Sale))
	if rec, left := t.leaves[l.Sale]; left && body == nil {
		if body, err = record.Open(rec.Key, rec.Value); err != nil {
			return s, err
		}
	}
	if body == nil {
		body = t.walk.sale(l.Sale)
	}
	if err := json.Unmarshal(body, &s); err != nil {
		return s, err
	}
	return beginAgain(s, l.Event)
}

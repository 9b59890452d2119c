package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"

	"qrposd/rules/day"
	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
	"qrposd/store/record"
)

// carried is a sale as far as the lines that were read have brought it.
type carried struct {
	sale  sale.Sale
	after []byte // the digest that its last line names
}

// before is what is known of a sale where the file's own journal begins. A file alone
// does not know what its archives say: then not even that is known, and the sale is
// held against its last line only.
func (c *checker) before(id sale.ID, first ledger.Line) (was carried, known bool, err error) {
	if was, ok := c.carried[id]; ok {
		return was, true, nil
	}
	if first.Event.Kind == sale.Begun || len(c.old.list()) == 0 {
		return was, true, nil
	}
	if !c.deep {
		return was, false, nil
	}
	value, err := c.old.get(inSale, []byte(id)) // it had left; if no line follows, it is about to be forgotten here
	if err != nil || value == nil {
		return was, true, err
	}
	body, err := record.Open([]byte(id), value)
	if err != nil {
		return was, true, err
	}
	digest := sha256.Sum256(body)
	was.after = digest[:]
	return was, true, json.Unmarshal(body, &was.sale)
}

// chain holds the file's own journal against where the latest archive ends.
func (c *checker) chain() {
	l := last(c.old.list())
	base, err := ledger.Base(c.tx)
	if err != nil {
		return // Verify has said so
	}
	link := base.Link
	if base.Seq < l.To {
		link, err = ledger.LinkAt(c.tx, l.To)
	}
	if err != nil || base.Seq > l.To || l.To > 0 && link.String() != l.Link {
		c.r.bad("archive", fmt.Sprintf("I5: the journal goes on after line %d, the archives end with line %d, and the chain does not lead from one to the other", base.Seq, l.To))
	}
	if l.Number > 0 && l.Finished && base.Seq != l.To {
		c.r.bad("archive", "what was forgotten is still here")
	}
}

// catalogue reads what the file knows of its archives and counts it.
func (c *checker) catalogue() bool {
	all, err := catalogue(c.tx)
	if err != nil {
		c.r.bad("archive", err.Error())
		return false
	}
	c.old.set(all)
	from := shelf{}
	for i, s := range all {
		if s.Number != i+1 || s.From != from.To || s.To <= s.From || s.Retired < from.Retired || !s.Finished && i+1 < len(all) {
			c.r.bad("archive", fmt.Sprintf("archive %d does not follow the one before it", i+1))
		}
		c.r.Archives++
		c.r.ArchiveBytes += s.Bytes
		c.r.Sales += int(s.Begun)
		if s.Finished {
			c.r.Once, c.r.Codes = c.r.Once+s.Once, c.r.Codes+s.Codes
		}
		from = s
	}
	if countKeys(c.tx.Bucket(archiveBucket)) != 2*len(all) {
		c.r.bad("archive", "there is something that belongs to no archive")
	}
	return true
}

// archives verifies every archive and carries what their lines say on to the file's
// own. One that is missing or damaged is said once, and the file is then held against
// itself alone.
func (c *checker) archives(origin []byte) {
	if !c.deep {
		return
	}
	head, all := ledger.Genesis(origin), c.old.list()
	var closing []day.Balance
	for i := range all {
		s := all[i]
		a := archiveCheck{checker: c, shelf: s, earlier: &archives{dir: c.old.dir, all: all[:i]}, head: head, closing: closing}
		if err := a.check(); err != nil {
			c.r.bad("archive/"+s.File, err.Error())
			c.deep, c.carried = false, make(map[sale.ID]carried) // as far as this one is not far enough
			return
		}
		head, closing = a.head, a.closing
	}
}

// archiveCheck holds one archive against the ones before it and against itself.
type archiveCheck struct {
	*checker
	shelf
	earlier *archives
	file    *archive.Reader
	head    ledger.Head
	closing []day.Balance
	sales   map[sale.ID][]byte // the bodies
}

func (a *archiveCheck) check() (err error) {
	sum, size, err := archive.Sum(filepath.Join(a.earlier.dir, a.File))
	if err != nil {
		return fmt.Errorf("it cannot be read: %w", err)
	}
	if hexOf(sum) != a.SHA256 || size != a.Bytes {
		return errors.New("it is not the file that was written")
	}
	if a.file, err = a.earlier.open(a.shelf); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.file.Close()) }()
	a.keys, a.sales = make(map[string]bool), make(map[sale.ID][]byte)
	if err := a.each(inSale, a.Sales, func(k, body []byte) error {
		a.sales[sale.ID(k)] = body
		return nil
	}); err != nil {
		return err
	}
	for _, step := range []func() error{a.lines, a.ends, a.begins, a.others} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// each opens the records of a section and holds that there are as many as there should be.
func (a *archiveCheck) each(section byte, want int, fn func(k, body []byte) error) error {
	n := 0
	for rec, err := range a.file.From(section, nil) {
		if err != nil {
			return err
		}
		body, err := record.Open(rec.Key, rec.Value)
		if err == nil {
			err = fn(rec.Key, body)
		}
		if err != nil {
			return fmt.Errorf("section %d, %q: %w", section, rec.Key, err)
		}
		n++
	}
	if n != want {
		return fmt.Errorf("section %d has %d records, %d were written", section, n, want)
	}
	return nil
}

// lines follows the chain and applies each line to its sale again.
func (a *archiveCheck) lines() error {
	next, stop := iter.Pull2(a.file.From(inPosting, nil))
	defer stop()
	leg, err, more := next()
	begun, legs := uint64(0), 0
	var at sale.Instant
	for rec, e := range a.file.From(inJournal, nil) {
		if e != nil {
			return e
		}
		var line ledger.Line
		if a.head, line, e = a.head.Follow(rec.Key, rec.Value); e != nil {
			return e
		}
		if line.Event.At <= at {
			return fmt.Errorf("line %d: the till's time does not move forward", a.head.Seq)
		}
		at = line.Event.At
		a.own.line(line)
		if line.Event.Kind == sale.Begun {
			begun++
		}
		var posted []sale.Posting
		for ; more && err == nil && seqOf(leg.Key) == a.head.Seq; leg, err, more = next() {
			_, id, p, e := ledger.DecodeLeg(leg.Key, leg.Value)
			if e == nil && id != line.Sale {
				e = fmt.Errorf("I8: posting %x is not of line %d's sale", leg.Key, a.head.Seq)
			}
			if e == nil {
				a.closing, e = carry(a.closing, p)
			}
			if e != nil {
				return e
			}
			posted = append(posted, p)
			legs++
		}
		if err := a.step(line, posted); err != nil {
			return fmt.Errorf("sale %q: %w", line.Sale, err)
		}
	}
	switch {
	case err != nil:
		return err
	case more || legs != a.Legs:
		return errors.New("I8: there are postings of no line")
	case a.head.Seq != a.To || a.head.Link.String() != a.Link || begun != a.Begun || at != a.At:
		return errors.New("I5: it does not end where the store says it does")
	case !slices.Equal(a.closing, a.Closing):
		return fmt.Errorf("I8: its postings add up to %v, the store goes on from %v", a.closing, a.Closing)
	}
	return nil
}

// step applies a line to its sale.
func (a *archiveCheck) step(line ledger.Line, posted []sale.Posting) (err error) {
	was, known := a.carried[line.Sale]
	var after sale.Sale
	switch {
	case !known && line.Event.Kind == sale.Begun:
		var s sale.Sale
		if s, err = a.end(line.Sale); err == nil {
			after, err = beginAgain(s, line.Event)
		}
	case !known: // it had left, and came back
		if was.sale, err = a.earlier.sale(line.Sale); err != nil {
			return err
		}
		fallthrough
	default:
		after, err = was.sale.Apply(line.Event)
	}
	if err != nil {
		return fmt.Errorf("I7: line %d: %w", a.head.Seq, err)
	}
	a.disagreed(was.sale, after, line.Event.At)
	if err := follows(a.head.Seq, line, posted, was.sale, after); err != nil {
		return err
	}
	a.carried[line.Sale] = carried{after, line.After}
	return nil
}

// follows holds a line and its postings against what it makes of the sale.
func follows(seq uint64, line ledger.Line, posted []sale.Posting, before, after sale.Sale) error {
	if line.Event.Request != nil && hasCode(line.Sale, line.Event.Request.Body) {
		return fmt.Errorf("I10: there is a payer's code in line %d", seq)
	}
	if after.State != line.State {
		return fmt.Errorf("I7: line %d leads to %s and says %s", seq, after.State, line.State)
	}
	if !slices.Equal(posted, sale.Postings(before, after)) {
		return fmt.Errorf("I8: line %d moved other money than was posted", seq)
	}
	return nil
}

// end is a sale as it is in the end: here, in the file, or in a later archive.
func (a *archiveCheck) end(id sale.ID) (s sale.Sale, err error) {
	if body, here := a.sales[id]; here {
		return s, json.Unmarshal(body, &s)
	}
	if s, err = load(a.tx, id); errors.Is(err, ErrNotFound) {
		return a.old.sale(id)
	}
	return s, err
}

// ends holds the sales of the archive against what the lines make of them.
func (a *archiveCheck) ends() error {
	for id, body := range a.sales {
		was, known := a.carried[id]
		if digest := sha256.Sum256(body); !known || !bytes.Equal(digest[:], was.after) {
			return fmt.Errorf("I5: sale %q is not the one that the journal left", id)
		}
		var s sale.Sale
		err := json.Unmarshal(body, &s)
		if err == nil && s.ID != id {
			err = errors.New("I4: it calls itself something else")
		}
		if err = errors.Join(err, same(was.sale, s)); err != nil {
			return fmt.Errorf("sale %q: %w", id, err)
		}
		delete(a.carried, id)
		a.form(&s, func(format string, args ...any) {
			err = errors.Join(err, fmt.Errorf(format, args...))
		})
		for i := range s.Attempts {
			if code := s.Attempts[i].CodeID; code != "" && err == nil {
				err = a.codeOf(code, spentCode{s.ID, s.Attempts[i].OrderNo})
			}
		}
		if err != nil {
			return fmt.Errorf("sale %q: %w", id, err)
		}
	}
	return nil
}

// codeOf holds the mark of a payer's code that is here, or where the sale was before.
func (a *archiveCheck) codeOf(code string, want spentCode) error {
	k := []byte(code)
	value, err := a.file.Get(inCode, k)
	if err == nil && value == nil {
		value, err = a.earlier.get(inCode, k)
	}
	var was spentCode
	if err == nil {
		err = record.Unmarshal(k, value, &was)
	}
	if err != nil || was != want {
		return errors.Join(fmt.Errorf("I4: the payer code of order %s is not marked as spent on it", want.OrderNo), err)
	}
	return nil
}

func (a *archiveCheck) begins() error {
	return a.each(inBegun, a.Sales, func(_, body []byte) error {
		if _, here := a.sales[sale.ID(body)]; !here {
			return fmt.Errorf("there is no sale %q", body)
		}
		return nil
	})
}

// others are the callers' keys, the codes and the jobs that ended.
func (a *archiveCheck) others() error {
	ofSale := func(_, body []byte) error {
		var was struct {
			Sale sale.ID `json:"sale"`
		}
		if err := json.Unmarshal(body, &was); err != nil {
			return err
		}
		if _, here := a.sales[was.Sale]; !here {
			return fmt.Errorf("there is no sale %q", was.Sale)
		}
		return nil
	}
	at := last(a.earlier.list()).Retired
	jobs := int(a.Retired - at)
	return errors.Join(a.each(inOnce, a.Once, ofSale), a.each(inCode, a.Codes, ofSale), a.each(inRetired, jobs, func(k, _ []byte) error {
		if at++; len(k) != 8 || seqOf(k) != at {
			return errors.New("a job that ended is missing before it")
		}
		return nil
	}))
}

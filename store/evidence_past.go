package store

import (
	"encoding/hex"
	"errors"
	"iter"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
	"qrposd/store/record"
)

// What archives say is read in step with the lines and not copied: of a year it would
// be more than a card has room for. An archive whose ends cannot be read is the
// exception, and says what can be read of it.

// end is where the lines of an archive lie. Several may end at one: a power cut leaves
// one that no file knew.
type end struct {
	ledger.Head
	at   sale.Instant // of the last line
	from uint64       // after this line
	path string
}

// archived notes the archives beside the store, those of another one left out.
func (e *evidence) archived(dir string) error {
	names, _ := filepath.Glob(filepath.Join(dir, "*.archive")) // the pattern is well formed
	for _, name := range names {
		if base := filepath.Base(name); archiveForm.MatchString(base) && e.origin != nil && !strings.HasPrefix(base, "qrposd-"+hex.EncodeToString(e.origin)[:12]) {
			continue
		}
		r, err := archive.Open(name)
		if err != nil {
			e.unread++ // nothing of it can be read
			continue
		}
		if at, ok := endOf(name, r); ok {
			e.ends, e.tip = append(e.ends, at), max(e.tip, at.Seq)
		} else {
			e.unread++
			if err := e.copied(r); err != nil {
				return errors.Join(err, r.Close())
			}
		}
		if err := r.Close(); err != nil {
			return ErrAccess.because(err)
		}
	}
	sort.Slice(e.ends, func(i, j int) bool { return e.ends[i].from < e.ends[j].from })
	return e.flush()
}

// copied takes the records of an archive up to where one cannot be read.
func (e *evidence) copied(r *archive.Reader) error {
	for _, section := range []byte{inJournal, inSale, inOnce} {
		for rec, bad := range r.From(section, nil) {
			if bad != nil {
				break
			}
			if err := e.record(rec.Key, rec.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// endOf says where an archive's lines lie, by its first one and its last.
func endOf(path string, r *archive.Reader) (e end, ok bool) {
	for rec, err := range r.From(inJournal, nil) {
		if err != nil || len(rec.Key) != 8 {
			return e, false
		}
		e.from = seqOf(rec.Key) - 1
		break
	}
	for rec, err := range r.Before(inJournal, nil) {
		if err != nil || len(rec.Key) != 8 {
			return e, false
		}
		line, link, bad := ledger.Decode(rec.Key, rec.Value)
		e.Head, e.at, e.path, ok = ledger.Head{Seq: seqOf(rec.Key), Link: link}, line.Event.At, path, bad == nil
		break
	}
	return e, ok
}

// walk goes through the lines of archives in the order of their numbers.
type walk struct {
	waiting []end // in the order in which they begin
	open    []*walked
}

// walked is an archive that has the line that is looked at, or the one after it.
type walked struct {
	file  *archive.Reader
	next  func() (archive.Record, error, bool)
	stop  func()
	lines []numbered // the next two
}

type numbered struct {
	seq uint64
	witness
}

// to goes on to a line.
func (w *walk) to(seq uint64) {
	for ; len(w.waiting) > 0 && w.waiting[0].from <= seq; w.waiting = w.waiting[1:] {
		r, err := archive.Open(w.waiting[0].path)
		if err != nil {
			continue // it could be read a moment ago; its lines are missing
		}
		a := &walked{file: r}
		a.next, a.stop = iter.Pull2(r.From(inJournal, nil))
		w.open = append(w.open, a)
	}
	w.open = slices.DeleteFunc(w.open, func(a *walked) bool {
		if a.to(seq); len(a.lines) > 0 {
			return false
		}
		a.close()
		return true
	})
}

func (a *walked) to(seq uint64) {
	a.lines = slices.DeleteFunc(a.lines, func(n numbered) bool { return n.seq < seq })
	for len(a.lines) < 2 {
		rec, err, more := a.next()
		if !more || err != nil || len(rec.Key) != 8 {
			return // what follows a block that cannot be read is missing
		}
		b, err := record.Open(rec.Key, rec.Value)
		if n := seqOf(rec.Key); err == nil && n >= seq && len(b) > len(ledger.Link{}) {
			a.lines = append(a.lines, numbered{n, witness{ledger.Link(b), b[len(ledger.Link{}):]}})
		}
	}
}

func (a *walked) close() {
	a.stop()
	_ = a.file.Close() // it was only read
}

func (w *walk) close() {
	for _, a := range w.open {
		a.close()
	}
}

// from is the number of the first line from seq on, zero where there is none.
func (w *walk) from(seq uint64) (first uint64) {
	if len(w.waiting) > 0 {
		first = w.waiting[0].from + 1
	}
	for _, a := range w.open {
		for _, n := range a.lines {
			if n.seq >= seq && (first == 0 || n.seq < first) {
				first = n.seq
			}
		}
	}
	return first
}

// at are the lines of a number.
func (w *walk) at(seq uint64) (list []witness) {
	for _, a := range w.open {
		for _, n := range a.lines {
			if n.seq == seq {
				list = append(list, n.witness)
			}
		}
	}
	return list
}

// sale finds a sale, as it was when it left: in the archive of its line or a later one.
func (w *walk) sale(id sale.ID) []byte {
	look := func(r *archive.Reader) []byte {
		value, err := r.Get(inSale, []byte(id))
		if err != nil || value == nil {
			return nil
		}
		body, err := record.Open([]byte(id), value)
		if err != nil {
			return nil
		}
		return body
	}
	for _, a := range w.open {
		if body := look(a.file); body != nil {
			return body
		}
	}
	for _, e := range w.waiting {
		r, err := archive.Open(e.path)
		if err != nil {
			continue
		}
		body := look(r)
		_ = r.Close() // it was only read
		if body != nil {
			return body
		}
	}
	return nil
}

// unadopted takes of the archives whose sales came back into the file what no line says.
func (r *rebuild) unadopted(tx *bbolt.Tx) error {
	for _, e := range r.ends {
		if slices.ContainsFunc(r.db.old.list(), func(s shelf) bool { return s.File == filepath.Base(e.path) }) {
			continue
		}
		file, err := archive.Open(e.path)
		if err != nil { // it could be read a moment ago
			r.done.Unread++
			continue
		}
		var unread error
		for rec, bad := range file.From(inSale, nil) {
			if unread = bad; bad != nil {
				break
			}
			err = errors.Join(err, r.lineless(tx, sale.ID(rec.Key)))
		}
		for rec, bad := range file.From(inOnce, nil) {
			if bad != nil {
				unread = bad
				break
			}
			err = errors.Join(err, r.used(tx, rec.Key, rec.Value))
		}
		if unread != nil {
			r.done.Unread++
		}
		if err = errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

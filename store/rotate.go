package store

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"qrposd/rules/day"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/archive"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

// Rotation is when sales that ended leave the file for an archive beside it. What a
// commit writes grows with the depth of the file's trees, what a start reads with its
// length: a file that is as long after a year as after a week costs what it did then.
//
// What goes is a stretch of the journal with its postings, and the sales that ended in
// it for good: those that owe nobody a step. Whatever is owed stays, however old. A
// sale that left is found where it is; a fact about it, a refund after ten months,
// brings it back, and it leaves once more, with the stretch that the fact is in.
//
// The archive is written under another name, synced, read back from the disk, renamed;
// then, in one commit, the file knows of it; then the file forgets, a little at a
// time. A power cut leaves an archive that nobody knows, which the next one replaces,
// or sales that are here and there, which are forgotten later. There is no moment at
// which one is in neither. What is forgotten little by little frees as many pages as
// the sales of the day take, so that the list of free ones stays within a page of its
// own: forgetting all at once made each commit ten times as large.
type Rotation struct {
	Keep  int           // sales that stay at least; 0 is 2048, fewer where the file may not be large
	Batch int           // sales of an archive; 0 is twice that: each new key is looked for in the filters of all
	After time.Duration // since their last fact; 0 is 36 hours: past the bill of the day, which comes at ten the day after
	Never bool          // nothing leaves
}

// saleSize is more than a sale takes in the file.
const saleSize = 8 << 10

// complete leaves room for what stays, for an archive's sales that are too young to
// leave, and for those that are here and in one.
func (r *Rotation) complete(maxSize int64) {
	if r.Keep == 0 {
		r.Keep = int(min(2048, maxSize/(6*saleSize)))
	}
	if r.Batch == 0 {
		r.Batch = max(1, 2*r.Keep)
	}
	if r.After == 0 {
		r.After = 36 * time.Hour
	}
}

// stretch is what goes into the next archive.
type stretch struct {
	archived
	last  map[sale.ID][]byte // the digest that the last line of each sale names
	sales []sale.Sale        // that go, in the order of their IDs: no more of them than their codes are needed
	keys  []archive.Key
}

// stretch finds what goes next, nil where there is none yet.
func (db *DB) stretch(tx *bbolt.Tx) (*stretch, error) {
	all := db.old.list()
	before := last(all)
	gone := db.restores.skipped()
	for i := range all {
		gone += all[i].Begun
	}
	r := db.opts.Rotation
	if r.Never || tx.Bucket(begunBucket).Sequence() < gone+uint64(r.Keep+r.Batch) {
		return nil, nil
	}
	st := &stretch{last: make(map[sale.ID][]byte)}
	st.Number, st.From, st.To, st.Closing = before.Number+1, before.To, before.To, slices.Clone(before.Closing)
	st.Retired = before.Retired
	cutoff := db.clock.now().At.Add(-r.After)
	err := ledger.After(tx, before.To, func(seq uint64, line ledger.Line) error {
		begun := line.Event.Kind == sale.Begun
		if line.Event.At > cutoff || begun && st.Begun == uint64(r.Batch) {
			return errEnough
		}
		if begun {
			st.Begun++
		}
		st.last[line.Sale] = line.After
		st.To, st.At = seq, line.Event.At
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, ErrCorrupt.because(err)
	}
	if st.Begun < uint64(r.Batch) {
		return nil, nil // what is old enough is too little for a file
	}
	link, err := ledger.LinkAt(tx, st.To)
	st.Link = link.String()
	return st, err
}

// ended says that nobody owes the world a step of the sale, and no person has to
// answer for one.
func ended(tx *bbolt.Tx, s sale.Sale) (bool, error) {
	if s.State.Live() || s.State.Before() || s.State == sale.Refunding || s.Stuck() || s.Own != nil {
		return false, nil // a receipt finds a sale without the provider in the file
	}
	for i := range s.Refunds {
		if state := s.Refunds[i].State; state != sale.RefundPaid && state != sale.RefundBroken {
			return false, nil
		}
	}
	_, err := queue.Get(tx, drive, string(s.ID))
	if errors.Is(err, queue.ErrNoJob) {
		return true, nil
	}
	return false, err
}

// write copies a stretch into a file, section by section.
func (st *stretch) write(tx *bbolt.Tx, w *archive.Writer) error {
	for _, step := range []func(*bbolt.Tx, *archive.Writer) error{st.lines, st.legs, st.ended, st.begins, st.spent, st.codes, st.jobs} {
		if err := step(tx, w); err != nil {
			return err
		}
	}
	return nil
}

// copyRange copies what lies in a bucket between two line numbers.
func copyRange(b *bbolt.Bucket, w *archive.Writer, section byte, after, upTo uint64, each func(k, v []byte) error) error {
	c := b.Cursor()
	for k, v := c.Seek(begunKey(sale.Instant(after + 1))); len(k) >= 8 && seqOf(k) <= upTo; k, v = c.Next() {
		if err := errors.Join(each(k, v), w.Add(section, k, v)); err != nil {
			return err
		}
	}
	return nil
}

func (st *stretch) lines(tx *bbolt.Tx, w *archive.Writer) error {
	return copyRange(ledger.Journal(tx), w, inJournal, st.From, st.To, func(k, v []byte) error {
		_, _, err := ledger.Decode(k, v)
		return err
	})
}

func (st *stretch) legs(tx *bbolt.Tx, w *archive.Writer) error {
	return copyRange(ledger.Postings(tx), w, inPosting, st.From, st.To, func(k, v []byte) (err error) {
		_, _, p, err := ledger.DecodeLeg(k, v)
		if err != nil {
			return err
		}
		st.Legs++
		st.Closing, err = carry(st.Closing, p)
		return err
	})
}

// carry adds a posting to the balances of the provider's account.
func carry(list []day.Balance, p sale.Posting) ([]day.Balance, error) {
	if p.Account != sale.Provider {
		return list, nil
	}
	i := slices.IndexFunc(list, func(b day.Balance) bool { return b.Currency == p.Amount.Currency })
	if i < 0 {
		i, list = len(list), append(list, day.Balance{Currency: p.Amount.Currency})
	}
	sum, err := money.Money{Minor: list[i].Minor, Currency: p.Amount.Currency}.Add(p.Amount)
	list[i].Minor = sum.Minor
	return list, err
}

// ended are the sales whose last line is in the stretch and who owe nothing.
func (st *stretch) ended(tx *bbolt.Tx, w *archive.Writer) error {
	c := tx.Bucket(saleBucket).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		digest, touched := st.last[sale.ID(k)]
		if !touched {
			continue
		}
		body, err := record.Open(k, v)
		if err != nil {
			return ErrCorrupt.becausef("sale/%.40q: %w", k, err)
		}
		if now := sha256.Sum256(body); string(now[:]) != string(digest) {
			continue // something has happened since
		}
		var s sale.Sale
		if err := record.Unmarshal(k, v, &s); err != nil {
			return ErrCorrupt.becausef("sale/%.40q: %w", k, err)
		}
		if done, err := ended(tx, s); err != nil || !done {
			if err != nil {
				return err
			}
			continue
		}
		if err := w.Add(inSale, k, v); err != nil {
			return err
		}
		st.keys = append(st.keys, archive.KeyOf(inSale, k))
		lean := sale.Sale{ID: s.ID, Begun: s.Begun}
		for i := range s.Attempts {
			lean.Attempts = append(lean.Attempts, sale.Attempt{CodeID: s.Attempts[i].CodeID})
		}
		st.sales = append(st.sales, lean)
	}
	st.Sales = len(st.sales)
	return nil
}

func (st *stretch) begins(_ *bbolt.Tx, w *archive.Writer) error {
	list := slices.Clone(st.sales)
	sort.Slice(list, func(i, j int) bool { return list[i].Begun < list[j].Begun })
	for i, s := range list {
		if i == 0 {
			st.Oldest = s.Begun
		}
		st.Latest = s.Begun
		k := begunKey(s.Begun)
		if err := w.Add(inBegun, k, record.Seal(k, []byte(s.ID))); err != nil {
			return err
		}
	}
	return nil
}

// spent are the callers' keys of the sales that go.
func (st *stretch) spent(tx *bbolt.Tx, w *archive.Writer) error {
	going := make(map[sale.ID]bool, len(st.sales))
	for i := range st.sales {
		going[st.sales[i].ID] = true
	}
	return tx.Bucket(onceBucket).ForEach(func(k, v []byte) error {
		var was spent
		if err := record.Unmarshal(k, v, &was); err != nil {
			return ErrCorrupt.becausef("once/%x: %w", k, err)
		}
		if !going[was.Sale] {
			return nil
		}
		st.Once++
		st.keys = append(st.keys, archive.KeyOf(inOnce, k))
		return w.Add(inOnce, k, v)
	})
}

func (st *stretch) codes(tx *bbolt.Tx, w *archive.Writer) error {
	var codes []string
	for i := range st.sales {
		for _, a := range st.sales[i].Attempts {
			if a.CodeID != "" {
				codes = append(codes, a.CodeID)
			}
		}
	}
	slices.Sort(codes)
	for _, code := range codes {
		k := []byte(code)
		v := tx.Bucket(codeBucket).Get(k)
		if v == nil {
			continue // it is in an archive: the sale had come back from one
		}
		st.Codes++
		st.keys = append(st.keys, archive.KeyOf(inCode, k))
		if err := w.Add(inCode, k, v); err != nil {
			return err
		}
	}
	return nil
}

// jobs are those that ended within the stretch.
func (st *stretch) jobs(tx *bbolt.Tx, w *archive.Writer) error {
	c := queue.Retired(tx).Cursor()
	k, v := c.First()
	if k != nil {
		st.Retired = seqOf(k) - 1
	}
	for ; k != nil; k, v = c.Next() {
		at, err := queue.Ended(k, v)
		if err != nil {
			return ErrCorrupt.becausef("retired/%x: %w", k, err)
		}
		if at > st.At {
			break
		}
		if err := w.Add(inRetired, k, v); err != nil {
			return err
		}
		st.Retired = seqOf(k)
	}
	return nil
}

// archive writes the next archive, if one is due, and makes the file know of it.
func (db *DB) archive(ctx context.Context) (wrote bool, err error) {
	var st *stretch
	temp := ""
	err = db.view(func(tx *bbolt.Tx) (err error) {
		if st, err = db.stretch(tx); err != nil || st == nil {
			return err
		}
		temp, err = st.make(tx, db.old.dir, filepath.Base(db.path))
		return err
	})
	if err != nil || st == nil {
		return false, err
	}
	if err := db.place(st, temp); err != nil {
		return false, errors.Join(err, os.Remove(temp))
	}
	entry := shelf{archived: st.archived, filter: archive.NewFilter(len(st.keys))}
	for _, k := range st.keys {
		entry.filter.Add(k)
	}
	// From this commit on the archive is a part of the books. Before it, it is a file
	// that nobody knows; the next one of the same name takes its place.
	plan := func(tx *bbolt.Tx) (func() error, error) {
		b := tx.Bucket(archiveBucket)
		return func() error {
			at := archiveAt(archiveFilter, entry.Number)
			return errors.Join(putRecord(b, archiveAt(archiveEntry, entry.Number), entry.archived), b.Put(at, record.Seal(at, entry.filter)))
		}, nil
	}
	if err := db.write(ctx, &request{op: "archive", spare: true, plan: plan}); err != nil {
		return false, err
	}
	db.old.set(append(slices.Clone(db.old.list()), entry))
	db.opts.Log.Info("older sales were moved to an archive", "file", entry.File, "sales", entry.Sales, "lines", entry.To-entry.From, "bytes", entry.Bytes)
	return true, nil
}

// make writes the stretch to a temporary file and syncs it.
func (st *stretch) make(tx *bbolt.Tx, dir, base string) (temp string, err error) {
	left, _ := filepath.Glob(filepath.Join(dir, base+".archive-*")) // by a power cut; the pattern is a good one
	for _, path := range left {
		_ = os.Remove(path) // the next one tries again
	}
	f, err := os.CreateTemp(dir, base+".archive-*")
	if err != nil {
		return "", ErrAccess.because(err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(f.Name()) // what it would have been is told by err
		}
	}()
	w, err := archive.NewWriter(f)
	if err != nil {
		return "", err
	}
	if err := st.write(tx, w); err != nil {
		return "", err
	}
	sum, size, err := w.Close()
	st.SHA256, st.Bytes = hexOf(sum), size
	var id identity
	if err = errors.Join(err, getMeta(tx, identityKey, &id)); err != nil {
		return "", err
	}
	st.File = st.fileName(id.ID)
	return f.Name(), f.Sync()
}

// place reads the file back from the disk, and only then gives it its name. One that
// has the name already has the same bytes, or is damaged: the name says which.
func (db *DB) place(st *stretch, temp string) error {
	sum, size, err := archive.Sum(temp)
	if err == nil && (hexOf(sum) != st.SHA256 || size != st.Bytes) {
		err = ErrAccess.becausef("%s: the disk gives back other bytes than were written", st.File)
	}
	if err != nil {
		return err
	}
	path := filepath.Join(db.old.dir, st.File)
	if there, _, err := archive.Sum(path); err == nil && there == sum {
		return errors.Join(os.Remove(temp), syncDir(db.old.dir))
	}
	if err := unix.Rename(temp, path); err != nil {
		return ErrAccess.because(err)
	}
	return syncDir(db.old.dir)
}

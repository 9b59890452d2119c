package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

const (
	// numberRow is how many running numbers of sales make a row; a restore begins the
	// next one, which shows in the first of the five characters.
	numberRow = 1 << 20
	// dayRow is the same for the numbers of closed days: the report that the lost till
	// printed as its number 13 must not meet another one.
	dayRow = 1000
	// clockGap is how far the clock goes ahead of what the file and the machine say.
	clockGap = time.Hour
	// lookBack is how long before the backup a payment may have been made and still be
	// asked about at once; an older one is asked about before it is refunded.
	lookBack = 7 * 24 * time.Hour
	// recent is how many are asked about whenever they were made: a clock that was set
	// years ahead makes the sale of a minute ago an old one.
	recent = 1000
	// retryBack is the same for a sale that was declined and may have been tried again.
	retryBack = 24 * time.Hour
)

var restoredKey = []byte("restored")

// restores are the records of a file, the latest last.
type restores []RestoreRecord

// at is when the file was last put back, zero for one that never was.
func (r restores) at() sale.Instant {
	if len(r) == 0 {
		return 0
	}
	return r[len(r)-1].At
}

func (r restores) skipped() (n uint64) {
	for i := range r {
		n += r[i].Skipped
	}
	return n
}

// dayAfter is the number of the day that follows one.
func (r restores) dayAfter(last uint64) uint64 {
	if len(r) > 0 {
		last = max(last, r[len(r)-1].Days)
	}
	return last + 1
}

// follows says whether a day may have the number n after one with the number last.
func (r restores) follows(last, n int) bool {
	return n == last+1 || n > last && slices.ContainsFunc(r, func(one RestoreRecord) bool { return uint64(n) == one.Days+1 })
}

func loadRestores(tx *bbolt.Tx) (r restores, err error) {
	err = getMeta(tx, restoredKey, &r)
	return r, err
}

// tell writes into the copy that it was put back.
func tell(ctx context.Context, temp, path string, o Options, q Restoring, there *Replaced) (r RestoreRecord, err error) {
	bolt, err := openFile(temp, false, o.MaxSize)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, bolt.Sync(), bolt.Close()) }()
	db := &DB{path: temp, opts: o, bolt: bolt, clock: tillClock{src: o.Clock}, recall: recall{sales: make(map[sale.ID]remembered)}, past: past{old: archives{dir: filepath.Dir(path)}}}
	r = RestoreRecord{Wall: db.clock.wall(), By: q.By, Why: q.Why, Replaced: there, Salvaged: q.salvaged}
	var ids []sale.ID
	err = bolt.View(func(tx *bbolt.Tx) (err error) {
		if err := db.admit(tx, &r, q, there); err != nil {
			return err
		}
		ids, err = touched(tx, cmp.Or(q.Recent, recent), q.salvaged != nil && q.salvaged.Whole)
		return err
	})
	if err != nil {
		return r, err
	}
	if there != nil {
		how := ".replaced-"
		if q.salvaged != nil {
			how = ".damaged-"
		}
		there.Aside = filepath.Base(path) + how + r.Wall.Format("20060102-150405.000")
	}
	r.Asked = len(ids)
	if err := bolt.Update(func(tx *bbolt.Tx) error { return db.sign(tx, &r, q.floor) }); err != nil {
		return r, err
	}
	for len(ids) > 0 {
		if err := ctx.Err(); err != nil {
			return r, err
		}
		some := ids[:min(len(ids), maxBatch)]
		ids = ids[len(some):]
		if err := bolt.Update(func(tx *bbolt.Tx) error { return db.tellSales(tx, some, q.By) }); err != nil {
			return r, err
		}
	}
	return r, nil
}

// admit holds the backup against this machine, its clock and what is in the place.
func (db *DB) admit(tx *bbolt.Tx, r *RestoreRecord, q Restoring, there *Replaced) error {
	var was binding
	var id identity
	head, err := ledger.Tip(tx)
	if err = errors.Join(err, getMeta(tx, deviceKey, &was), getMeta(tx, identityKey, &id)); err != nil {
		return err
	}
	r.Entries, r.Head = head.Seq, head.Link.String()
	if head.Seq > 0 {
		line, err := ledger.At(tx, head.Seq)
		if err != nil {
			return err
		}
		// A till that heals itself waits for no clock: it lost the moments at the end at
		// most, and its numbers go on in another row.
		if r.Made = line.Event.Wall; r.Wall.Before(r.Made) && q.salvaged == nil {
			return ErrRestoreClock.becausef("here it is %s, the backup is of %s", r.Wall.Format(time.RFC3339), r.Made.Format(time.RFC3339))
		}
	}
	if k, value := tx.Bucket(begunBucket).Cursor().Last(); k != nil {
		if last, err := record.Open(k, value); err != nil || !strings.HasPrefix(string(last), db.opts.Till) {
			return errors.Join(ErrRestoreTill.becausef("its last sale is %q, this till is %s", last, db.opts.Till), err)
		}
	}
	if was.Device != "" && db.opts.Device != "" && was.Device != db.opts.Device && !q.Moved {
		return ErrRestoreMoved.becausef("it was made on %.8s, this is %.8s", was.Device, db.opts.Device)
	}
	if q.Discard {
		return nil
	}
	return there.refuses(id.ID, head.Seq)
}

// touched are the sales that the lost part can have gone on with: all that owed
// something, and those of the last days that can be refunded or tried again. Where
// nothing is lost, it can have gone on with those that owed something only.
func touched(tx *bbolt.Tx, recent int, whole bool) (ids []sale.ID, err error) {
	jobs, err := queue.Due(tx, drive, math.MaxInt64, 0)
	if err != nil {
		return nil, ErrCorrupt.because(err)
	}
	owing := make(map[sale.ID]bool, len(jobs))
	for _, j := range jobs {
		owing[sale.ID(j.Key)] = true
		ids = append(ids, sale.ID(j.Key))
	}
	var last reading
	if err := getMeta(tx, clockKey, &last); err != nil || whole {
		return ids, err
	}
	c := tx.Bucket(begunBucket).Cursor()
	week := string(begunKey(last.At.Add(-lookBack)))
	k, v := c.Last()
	for n := 0; k != nil && (n < recent || string(k) > week); n++ {
		id, err := record.Open(k, v)
		if err != nil {
			return nil, ErrCorrupt.becausef("begun/%x: %w", k, err)
		}
		s, err := load(tx, sale.ID(id))
		if err != nil {
			return nil, err
		}
		if !owing[s.ID] && (s.State.Taken() || s.Retryable() && last.At.Sub(s.Changed) < retryBack) {
			ids = append(ids, s.ID)
		}
		k, v = c.Prev()
	}
	return ids, nil
}

// sign gives the file to this machine, moves its numbers and its clock on, and opens
// the owner's case.
func (db *DB) sign(tx *bbolt.Tx, r *RestoreRecord, floor uint64) error {
	list, err := loadRestores(tx)
	if err != nil {
		return err
	}
	var last reading
	if err := getMeta(tx, clockKey, &last); err != nil {
		return err
	}
	r.At = max(last.At, sale.Instant(r.Wall.UnixNano())).Add(clockGap)
	last = reading{At: r.At, Since: r.At}
	db.clock.resume(last)
	begun := tx.Bucket(begunBucket)
	next := (max(begun.Sequence(), floor)/numberRow + 1) * numberRow
	r.Skipped = next - begun.Sequence()
	day, err := lastOf(tx.Bucket(dayBucket), dayClosed)
	if err != nil {
		return err
	}
	r.Days = (list.dayAfter(day)/dayRow + 1) * dayRow
	c := Case{
		Kind: StoreRestored, Subject: strconv.FormatInt(int64(r.At), 10), At: r.At, Wall: r.Wall, Next: CompareBills,
		Data: map[string]string{"made": r.Made.Format(time.RFC3339), "entries": strconv.FormatUint(r.Entries, 10), "asked": strconv.Itoa(r.Asked)},
	}
	if w := r.Salvaged; w != nil {
		c.Kind = StoreSalvaged
		c.Data["lines"], c.Data["missing"], c.Data["unproven"] = strconv.FormatUint(w.Lines, 10), strconv.FormatUint(w.Missing, 10), strconv.FormatUint(w.Unproven, 10)
		c.Data["whole"], c.Data["books"], c.Data["damage"] = strconv.FormatBool(w.Whole), strconv.FormatBool(w.Books), w.Cause
	}
	return errors.Join(begun.SetSequence(next), putMeta(tx, restoredKey, append(list, *r)), putMeta(tx, clockKey, last), db.rebind(tx, r.Wall), openCase(tx, c))
}

// rebind gives the file to this device.
func (db *DB) rebind(tx *bbolt.Tx, wall time.Time) error {
	var was binding
	if err := getMeta(tx, deviceKey, &was); err != nil || db.opts.Device == "" || was.Device == db.opts.Device {
		return err
	}
	now := binding{Device: db.opts.Device, Since: wall}
	if was.Device != "" {
		now.Before = append(was.Before, binding{Device: was.Device, Since: was.Since})
	}
	return putMeta(tx, deviceKey, now)
}

func (db *DB) tellSales(tx *bbolt.Tx, ids []sale.ID, by string) error {
	for _, id := range ids {
		s, err := load(tx, id)
		if err == nil {
			_, err = db.tellSale(tx, s, by)
		}
		if err != nil {
			return fmt.Errorf("store: sale %s: %w", id, err)
		}
	}
	return putMeta(tx, clockKey, db.clock.reading())
}

// tellSale records that the end of a sale's record may be lost.
func (db *DB) tellSale(tx *bbolt.Tx, s sale.Sale, by string) (sale.Sale, error) {
	ev, now := db.restoredEvent(s, by)
	after, err := s.Apply(ev)
	if err != nil {
		return s, err
	}
	return after, db.put(tx, s, after, ev, now, sale.Once{})
}

func (db *DB) restoredEvent(s sale.Sale, by string) (sale.Event, sale.Now) {
	now := db.clock.stamp()
	ev := sale.Event{Kind: sale.Restored, At: now.At, Wall: db.clock.wall(), By: by}
	if s.State.Live() || s.State.Before() {
		ev.Why = &sale.Reason{Code: "restored", Message: "the till was restored from a backup; it asks what became of this sale"}
	}
	return ev, now
}

// behind says that the end of a sale's record may be lost and the sale not told yet.
func (r restores) behind(s sale.Sale) bool {
	at := r.at()
	return s.Begun < at && (s.Restored == nil || s.Restored.At < at)
}

// Restores are the times that this file was put back from a backup, the latest last.
func (db *DB) Restores() []RestoreRecord { return db.restores }

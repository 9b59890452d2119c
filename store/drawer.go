package store

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/day"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

// What belongs to a day and to no sale lies in one bucket: the cash of the drawers
// as people have entered it, the days that were closed, and the provider's bills.
const (
	dayDrawer = 'e' // number u64 -> an entry of a drawer
	dayClosed = 'z' // number u64 -> a closed day; number 0 is where the first one begins
	dayBill   = 'b' // YYYY-MM-DD -> the provider's bill of that day
)

// DrawerKind says what somebody entered. The names are on disk.
type DrawerKind string

// The kinds. Cash is not rung up here: what is in a drawer is what people say.
const (
	DrawerFloat   DrawerKind = "float"    // it was in there at the beginning; the last word counts
	DrawerPaidIn  DrawerKind = "paid_in"  // it was put in
	DrawerPaidOut DrawerKind = "paid_out" // it was taken out
	DrawerCounted DrawerKind = "counted"  // it is in there now; the last word counts, until anything else is entered
)

// DrawerEntry is a line about one drawer. Lines are numbered without a gap and never
// changed: who was wrong enters the difference.
type DrawerEntry struct {
	N      uint64       `json:"n"`
	At     sale.Instant `json:"at"`
	Wall   time.Time    `json:"wall"`
	By     string       `json:"by"`
	Drawer string       `json:"drawer"`
	Kind   DrawerKind   `json:"kind"`
	Amount money.Money  `json:"amount"`
	Note   string       `json:"note,omitempty"`
}

func (e DrawerEntry) check() error {
	if e.By == "" || e.Drawer == "" {
		return ErrDrawer.becausef("nobody is named")
	}
	switch e.Kind {
	case DrawerFloat, DrawerCounted:
		if e.Amount.Minor < 0 || e.Amount.Minor > money.Max {
			return ErrDrawer.becausef("%d is no sum", e.Amount.Minor)
		}
		_, err := money.Exponent(e.Amount.Currency)
		return err
	case DrawerPaidIn, DrawerPaidOut:
		return e.Amount.Check()
	}
	return ErrDrawer.becausef("%.20q is nothing that is entered", string(e.Kind))
}

func dayAt(what byte, n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{what}, n) }

// EnterDrawer records a line about a drawer of the day that is open. A once that was
// used for the same request gives the line that it made and says replayed. A power
// cut leaves the line or nothing; the same request makes it once.
func (db *DB) EnterDrawer(ctx context.Context, e DrawerEntry, once sale.Once) (_ DrawerEntry, replayed bool, err error) {
	if err := e.check(); err != nil {
		return e, false, err
	}
	plan := func(tx *bbolt.Tx) (func() error, error) {
		was, known, err := db.spentFor(tx, once)
		if err != nil {
			return nil, err
		}
		b := tx.Bucket(dayBucket)
		if known {
			replayed = true
			if was.Drawer == 0 {
				return nil, ErrOnceMismatch
			}
			return nil, getDay(b, dayDrawer, was.Drawer, &e)
		}
		last, err := lastOf(b, dayDrawer)
		if err != nil {
			return nil, err
		}
		e.N, e.At, e.Wall = last+1, db.clock.stamp().At, db.clock.wall()
		return func() error {
			if err := putRecord(b, dayAt(dayDrawer, e.N), e); err != nil || once.Key == "" {
				return err
			}
			return putRecord(tx.Bucket(onceBucket), onceKey(once.Key), spent{Print: once.Print, Drawer: e.N})
		}, nil
	}
	if err := db.write(ctx, &request{op: "drawer", spare: true, plan: plan}); err != nil {
		return DrawerEntry{}, false, err
	}
	return e, replayed, nil
}

// lastOf is the highest number of a kind, nought where there is none.
func lastOf(b *bbolt.Bucket, what byte) (uint64, error) {
	c := b.Cursor()
	k, _ := c.Seek(dayAt(what, math.MaxUint64))
	if k == nil {
		k, _ = c.Last()
	} else {
		k, _ = c.Prev()
	}
	if len(k) == 9 && k[0] == what {
		return binary.BigEndian.Uint64(k[1:]), nil
	}
	return 0, nil
}

func getDay(b *bbolt.Bucket, what byte, n uint64, v any) error {
	k := dayAt(what, n)
	value := b.Get(k)
	if value == nil {
		return ErrDayNotFound
	}
	if err := record.Unmarshal(k, value, v); err != nil {
		return ErrCorrupt.becausef("day/%c%d: %w", what, n, err)
	}
	return nil
}

// drawerKey names a drawer: one for each person and currency.
type drawerKey struct {
	name string
	c    money.Currency
}

// drawers adds the entries from a number up to another up, in the order in which
// they were made.
func drawers(b *bbolt.Bucket, after, upTo uint64) (list []day.Drawer, err error) {
	at := make(map[drawerKey]int)
	for n := after + 1; n <= upTo; n++ {
		var e DrawerEntry
		if err := getDay(b, dayDrawer, n, &e); err != nil {
			return nil, err
		}
		k := drawerKey{e.Drawer, e.Amount.Currency}
		i, known := at[k]
		if !known {
			i = len(list)
			at[k], list = i, append(list, day.Drawer{Operator: e.Drawer, Currency: e.Amount.Currency})
		}
		if err := enter(&list[i], e); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func enter(d *day.Drawer, e DrawerEntry) error {
	add := func(to *int64) error {
		sum, err := money.Money{Minor: *to, Currency: d.Currency}.Add(e.Amount)
		*to = sum.Minor
		return err
	}
	d.Counted = nil // a count is of what was in it then
	var err error
	switch e.Kind {
	case DrawerFloat:
		d.Float = e.Amount.Minor
	case DrawerPaidIn:
		err = add(&d.PaidIn)
	case DrawerPaidOut:
		err = add(&d.PaidOut)
	case DrawerCounted:
		counted := e.Amount.Minor
		d.Counted = &counted
	}
	return err
}

// DrawerEntries are the lines about the drawers of the open day, oldest first.
func (db *DB) DrawerEntries() (list []DrawerEntry, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(dayBucket)
		from, err := lastClosed(b)
		if err != nil {
			return err
		}
		last, err := lastOf(b, dayDrawer)
		for n := from.Entries + 1; err == nil && n <= last; n++ {
			var e DrawerEntry
			err = getDay(b, dayDrawer, n, &e)
			list = append(list, e)
		}
		return err
	})
	return list, errors.Join(err)
}

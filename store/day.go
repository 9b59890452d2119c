package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/day"
	"qrposd/rules/sale"
	"qrposd/store/ledger"
)

// ClosedDay is a day that was closed: its report to the byte, what it was closed
// over, and the till's signature. Number 0 is none: it is where the first day begins.
type ClosedDay struct {
	Number    int             `json:"number"`
	By        string          `json:"by,omitempty"`
	Wall      time.Time       `json:"wall"`
	At        sale.Instant    `json:"at"`             // of the last line of the journal that is in it
	Seq       uint64          `json:"seq"`            // of that line
	Entries   uint64          `json:"entries"`        // the last line about a drawer that is in it
	Closing   []day.Balance   `json:"closing"`        // the provider's account after that line
	Held      []sale.ID       `json:"held,omitempty"` // sales that wait for a person or a receipt, to be looked at again
	Report    json.RawMessage `json:"report,omitempty"`
	Statement string          `json:"statement,omitempty"` // what is signed
	Key       []byte          `json:"key,omitempty"`       // Ed25519, public
	Signature []byte          `json:"signature,omitempty"`
}

// Signer signs the statement of a closed day with the till's own key.
type Signer func(statement string) (key, signature []byte, err error)

// makeDays makes room for days. The first one begins where the journal stands: what
// was sold before is in no report, and the balance that it left is the opening one.
func makeDays(tx *bbolt.Tx) error {
	if err := makeBuckets(tx, dayBucket); err != nil {
		return err
	}
	head, err := ledger.Tip(tx)
	if err != nil {
		return err
	}
	first := ClosedDay{Seq: head.Seq, Closing: []day.Balance{}}
	if head.Seq > 0 {
		line, err := ledger.At(tx, head.Seq)
		if err != nil {
			return err
		}
		first.At, first.Wall = line.Event.At, line.Event.Wall
		if first.Closing, err = balances(new(archives), tx, ClosedDay{}); err != nil { // no file of that layout has archives
			return err
		}
	}
	return putRecord(tx.Bucket(dayBucket), dayAt(dayClosed, 0), first)
}

// balances is the provider's account by currency: what it was at a moment, and every
// posting since.
func balances(old *archives, tx *bbolt.Tx, from ClosedDay) ([]day.Balance, error) {
	list := slices.Clone(from.Closing)
	err := old.legs(tx, from.Seq, func(_ uint64, _ sale.ID, p sale.Posting) (err error) {
		list, err = carry(list, p)
		return err
	})
	sort.SliceStable(list, func(i, j int) bool { return list[i].Currency < list[j].Currency })
	if list == nil {
		list = []day.Balance{}
	}
	return list, err
}

func lastClosed(b *bbolt.Bucket) (c ClosedDay, err error) {
	n, err := lastOf(b, dayClosed)
	if err != nil {
		return c, err
	}
	return c, getDay(b, dayClosed, n, &c)
}

// DayReport is a look at the day so far: an X report, with what keeps it open. It
// reads one moment's state of the file and nobody waits for it.
func (db *DB) DayReport(ctx context.Context) (r day.Report, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		p, err := db.period(ctx, tx)
		if err == nil {
			r, err = p.X(p.parts())
		}
		return err
	})
	return r, err
}

// CloseDay closes the day: its number, its report, the head of the journal and the
// signature are one transaction. What keeps it open is a *day.Unbalanced and leaves
// no trace.
//
// The report is added up beside the writer, over the journal up to one line, so that
// no sale waits for it; sales that go on meanwhile belong to the next day. A power cut
// before the commit leaves the day open, after it closed; the same request closes it
// once.
func (db *DB) CloseDay(ctx context.Context, by string, sign Signer, once sale.Once) (c ClosedDay, replayed bool, err error) {
	for range 10 {
		next, last, err := db.endDay(ctx, by, sign, once)
		if err != nil || next == nil {
			return last, err == nil, err
		}
		err = db.write(ctx, &request{op: "day_closed", spare: true, plan: func(tx *bbolt.Tx) (func() error, error) {
			return db.putClosed(tx, next, once)
		}})
		if !errors.Is(err, errDayMoved) {
			return *next, false, err
		}
	}
	return c, false, ErrDayBusy
}

// errDayMoved says that a drawer was counted, or the day closed, while it was added up.
var errDayMoved = errors.New("store: the day has changed")

// endDay is the day as it would be closed now, or nil and the day that was closed
// under the same key.
func (db *DB) endDay(ctx context.Context, by string, sign Signer, once sale.Once) (next *ClosedDay, was ClosedDay, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		if spent, known, err := db.spentFor(tx, once); err != nil || known {
			if err == nil && spent.Day == 0 {
				err = ErrOnceMismatch
			}
			return errors.Join(err, getClosed(tx, spent.Day, &was))
		}
		p, err := db.period(ctx, tx)
		if err != nil {
			return err
		}
		report, err := p.Z(p.parts())
		if err != nil {
			return err
		}
		c := ClosedDay{
			Number: p.Number, By: by, Wall: p.Ended, At: p.at, Seq: p.Head.Seq, Entries: p.entries, Closing: p.Closing, Held: p.held,
		}
		slices.Sort(c.Held)
		if c.Report, err = json.Marshal(report); err != nil {
			return err
		}
		c.Statement = statement(p.Till, c, p.Head.Link, p.from)
		next = &c
		return nil
	})
	if err == nil && next != nil {
		next.Key, next.Signature, err = sign(next.Statement)
	}
	return next, was, err
}

func getClosed(tx *bbolt.Tx, n int, c *ClosedDay) error {
	if n == 0 {
		return nil
	}
	return getDay(tx.Bucket(dayBucket), dayClosed, uint64(n), c)
}

// statement is what a day's signature is over: it fixes the report, every line of the
// journal up to its head, and every day before it.
func statement(till string, c ClosedDay, link string, before ClosedDay) string {
	return "qrposd day 1\ntill " + till + "\nnumber " + strconv.Itoa(c.Number) + "\njournal " + strconv.FormatUint(c.Seq, 10) + " " + link +
		fmt.Sprintf("\nreport sha256 %x\nbefore sha256 %x\n", sha256.Sum256(c.Report), sha256.Sum256([]byte(before.Statement)))
}

// putClosed closes the day in the writer's transaction, if nothing of it has changed.
func (db *DB) putClosed(tx *bbolt.Tx, next *ClosedDay, once sale.Once) (func() error, error) {
	if _, known, err := db.spentFor(tx, once); err != nil || known {
		return nil, errors.Join(err, errDayMoved)
	}
	b := tx.Bucket(dayBucket)
	last, err := lastOf(b, dayClosed)
	if err != nil {
		return nil, err
	}
	entries, err := lastOf(b, dayDrawer)
	if err != nil {
		return nil, err
	}
	if db.restores.dayAfter(last) != uint64(next.Number) || entries != next.Entries {
		return nil, errDayMoved
	}
	return func() error {
		if err := putRecord(b, dayAt(dayClosed, uint64(next.Number)), next); err != nil || once.Key == "" {
			return err
		}
		return putRecord(tx.Bucket(onceBucket), onceKey(once.Key), spent{Print: once.Print, Day: next.Number})
	}, nil
}

// ClosedDay is a closed day by its number.
func (db *DB) ClosedDay(n int) (c ClosedDay, err error) {
	if n < 1 {
		return c, ErrDayNotFound
	}
	err = db.view(func(tx *bbolt.Tx) error { return getClosed(tx, n, &c) })
	return c, err
}

// ClosedDays gives at most limit closed days, the latest first, with numbers below
// before; zero is from the end.
func (db *DB) ClosedDays(limit, before int) (list []ClosedDay, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		b := tx.Bucket(dayBucket)
		last, err := lastOf(b, dayClosed)
		if before > 0 {
			last = min(last, uint64(before)-1)
		}
		for n := last; err == nil && n > 0 && len(list) < limit; n-- {
			if b.Get(dayAt(dayClosed, n)) == nil {
				continue // left out by a restore
			}
			var c ClosedDay
			err = getDay(b, dayClosed, n, &c)
			list = append(list, c)
		}
		return err
	})
	return list, err
}

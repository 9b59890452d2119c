package store

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"math"
	"slices"
	"strconv"

	"go.etcd.io/bbolt"

	"qrposd/rules/day"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/queue"
)

// period is the day that is open, as one read of the file has it.
type period struct {
	day.Day
	ctx     context.Context // of whoever asks for it
	db      *DB
	tx      *bbolt.Tx
	old     archives // as they were when it was begun
	from    ClosedDay
	at      sale.Instant
	entries uint64
	touched map[sale.ID]touch // sales with lines of the file in the period, and those that are to be looked at anyway
	older   map[sale.ID]touch // sales of which something arrived in an archive
	held    []sale.ID
}

// touch is what arrived for a sale within the period.
type touch struct {
	refunds []string
	receipt bool
}

// period reads what the open day is made of. Sales are loaded one by one as they are
// added up; what is held of each is its number.
func (db *DB) period(ctx context.Context, tx *bbolt.Tx) (*period, error) {
	b := tx.Bucket(dayBucket)
	p := &period{ctx: ctx, db: db, tx: tx, old: archives{dir: db.old.dir, all: db.old.list()}, touched: make(map[sale.ID]touch), older: make(map[sale.ID]touch)}
	var err error
	if p.from, err = lastClosed(b); err != nil {
		return nil, err
	}
	head, err := ledger.Tip(tx)
	if err != nil {
		return nil, ErrCorrupt.because(err)
	}
	p.at, p.Began, p.Ended = p.from.At, p.from.Wall, db.clock.wall()
	if err := p.read(); err != nil {
		return nil, ErrCorrupt.because(err)
	}
	if p.Began.IsZero() {
		p.Began = p.Ended
	}
	if p.Ended.Before(p.Began) { // the clock was set back: a day has no negative length, and is to be closed all the same
		p.Ended = p.Began
	}
	if p.entries, err = lastOf(b, dayDrawer); err != nil {
		return nil, err
	}
	p.Till, p.Number, p.Now = db.opts.Till, int(db.restores.dayAfter(uint64(p.from.Number))), db.clock.now().At
	p.Head = day.Head{Seq: head.Seq, Link: head.Link.String()}
	p.Opening = p.from.Closing
	if p.Closing, err = p.closing(); err != nil {
		return nil, err
	}
	if p.Drawers, err = drawers(b, p.from.Entries, p.entries); err != nil {
		return nil, err
	}
	p.Unsettled, err = unsettled(tx)
	return p, err
}

// read notes which sales were touched. Those that owe a step, or a person owes one,
// are looked at whether they were or not.
func (p *period) read() error {
	if err := p.readOld(); err != nil {
		return err
	}
	err := ledger.After(p.tx, max(p.from.Seq, p.archived()), func(_ uint64, line ledger.Line) error {
		p.touched[line.Sale], p.at = p.touched[line.Sale].with(line.Event), line.Event.At
		if p.Began.IsZero() {
			p.Began = line.Event.Wall
		}
		return nil
	})
	if err != nil {
		return err
	}
	jobs, err := queue.Due(p.tx, drive, math.MaxInt64, 0)
	for _, j := range jobs {
		p.look(sale.ID(j.Key))
	}
	for _, id := range p.from.Held {
		p.look(id)
	}
	for id := range p.touched {
		if old, known := p.older[id]; known {
			p.touched[id] = p.touched[id].and(old)
		}
	}
	return err
}

// with is what has arrived after one more fact.
func (t touch) with(ev sale.Event) touch {
	switch ev.Kind {
	case sale.RefundDone:
		t.refunds = append(t.refunds, ev.RefundNo)
	case sale.ReceiptFound:
		t.receipt = true
	}
	return t
}

func (t touch) and(other touch) touch {
	return touch{append(t.refunds, other.refunds...), t.receipt || other.receipt}
}

func (p *period) look(id sale.ID) {
	if _, known := p.touched[id]; !known {
		p.touched[id] = touch{}
	}
}

// closing is the provider's account by every posting that the file has, from where
// the first day began or the latest archive ended, whose own sum it carries on: were it added up from the last report alone, it could not but
// agree with it.
func (p *period) closing() ([]day.Balance, error) {
	var first ClosedDay
	if err := getDay(p.tx.Bucket(dayBucket), dayClosed, 0, &first); err != nil {
		return nil, err
	}
	if l := last(p.old.all); l.To > first.Seq {
		first.Seq, first.Closing = l.To, l.Closing
	}
	return balances(&p.old, p.tx, first)
}

// records are the sales of the period that the file has, each with what it was when that
// began.
func (p *period) records() iter.Seq2[day.Record, error] {
	return func(yield func(day.Record, error) bool) {
		for id, done := range p.touched {
			s, err := p.db.load(p.tx, id)
			if err = errors.Join(err, p.ctx.Err()); err != nil {
				yield(day.Record{}, err)
				return
			}
			if s.Exposed() || slices.ContainsFunc(s.Refunds, func(r sale.Refund) bool { return r.State == sale.RefundHeld }) {
				p.held = append(p.held, id)
			}
			if !yield(day.Record{Before: p.before(s, done), After: s}, nil) {
				return
			}
		}
	}
}

// before is the sale as it was when the period began, as far as a report asks: which
// of its orders were paid, which refunds had arrived, whether there was a receipt. The facts say so by
// themselves; the postings, which they are held against, are not looked at.
func (p *period) before(s sale.Sale, done touch) sale.Sale {
	if s.Begun > p.from.At {
		return sale.Sale{}
	}
	was := sale.Sale{ID: s.ID, Amount: s.Amount}
	for _, a := range s.Attempts {
		if a.End == sale.EndPaid && a.EndedAt > p.from.At {
			a.End = sale.Open
		}
		was.Attempts = append(was.Attempts, a)
	}
	for _, r := range s.Refunds {
		if slices.Contains(done.refunds, r.No) {
			r.State = sale.RefundOwed
		}
		was.Refunds = append(was.Refunds, r)
	}
	if s.Own != nil && !done.receipt {
		was.Own = s.Own
	}
	return was
}

// legs are the postings of the file's own lines.
func (p *period) legs() iter.Seq2[day.Leg, error] {
	return func(yield func(day.Leg, error) bool) {
		stop := false
		err := ledger.LegsAfter(p.tx, max(p.from.Seq, p.archived()), func(_ uint64, id sale.ID, posting sale.Posting) error {
			stop = stop || !yield(day.Leg{Sale: id, Posting: posting}, nil)
			return nil
		})
		if err != nil && !stop {
			yield(day.Leg{}, err)
		}
	}
}

// unsettled are the differences to the provider's bills that nobody has answered.
func unsettled(tx *bbolt.Tx) (list []day.Unsettled, err error) {
	cur := tx.Bucket(caseBucket).Cursor()
	for k, _ := cur.Seek([]byte{caseOpen}); len(k) == 9 && k[0] == caseOpen; k, _ = cur.Next() {
		c, err := loadCase(tx, binary.BigEndian.Uint64(k[1:]))
		if err != nil {
			return nil, err
		}
		if c.Kind != BillDifference {
			continue
		}
		minor, _ := strconv.ParseInt(c.Data["minor"], 10, 64) // a difference without an amount is one all the same
		list = append(list, day.Unsettled{
			Code: c.Data["code"], Sale: c.Sale, OrderNo: c.OrderNo, Amount: money.Money{Minor: minor, Currency: money.Currency(c.Data["currency"])},
		})
	}
	return list, nil
}

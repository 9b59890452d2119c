package world

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"qrposd/daemon/checkout"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// judge is what a desk is told before it asks the provider: mostly yes, sometimes no,
// sometimes that a person has to agree, and sometimes long after it was to answer.
type judge struct{ *life }

func (j judge) Judge(ctx context.Context, s sale.Sale) sale.Event {
	w := j.t.w
	r := w.roll("judge", s.Description)
	word := &sale.Judgement{By: "simulation"}
	takes := between(r, time.Millisecond, 600*time.Millisecond)
	switch n := r.IntN(100); {
	case n < 5:
		word.Refused = true
	case n < 10:
		word.Needs = []sale.Need{sale.NeedApprove}
	case n < 13:
		word.Needs = []sale.Need{sale.NeedConfirm, sale.NeedApprove}
	case n < 16:
		takes = between(r, time.Second, 20*time.Second)
	case n < 20:
		word.Needs = []sale.Need{sale.NeedVerify}
	case n < 21:
		word.Needs = []sale.Need{sale.NeedConfirm, sale.NeedApprove, sale.NeedVerify}
	}
	w.locked(func() {
		t := w.terms(s.Description)
		t.refused = word.Refused
		t.confirm, t.approve = slices.Contains(word.Needs, sale.NeedConfirm), slices.Contains(word.Needs, sale.NeedApprove)
		t.verify = t.verify || slices.Contains(word.Needs, sale.NeedVerify)
	})
	pause(ctx, takes)
	return sale.Event{Kind: sale.Assessed, Judgement: word}
}

// show puts a QR code before a payer, who pays it, or does not, or nearly too late.
func (w *world) show(s sale.Sale, name string) {
	no := s.Current().OrderNo
	r := w.roll("payer", nickname(name, no))
	wait := between(r, time.Second, 60*time.Second)
	switch n := r.IntN(10); {
	case n == 0:
		return
	case n == 1:
		wait = between(r, 115*time.Second, 130*time.Second)
	}
	w.after(wait, func() {
		if o := w.p.orders[no]; o != nil {
			o.pay()
		}
	})
}

// serve is the cashier's day.
func (t *till) serve() {
	for i := range t.sales {
		name := fmt.Sprintf("%s-%d", t.name, i)
		r := t.w.roll("cashier", name)
		time.Sleep(between(r, time.Second, 20*time.Second))
		c := cashier{t: t, name: name, r: r}
		c.sell()
	}
}

// cashier serves one customer.
type cashier struct {
	t    *till
	name string
	r    *rand.Rand
	id   sale.ID

	began time.Time
}

// ask says the same thing until the till has heard it: a cashier whose till goes dark
// tries again. It gives up on a refusal.
func (c *cashier) ask(what func(ctx context.Context, d *checkout.Desk) error) error {
	for {
		l := c.t.now()
		if l == nil {
			time.Sleep(700 * time.Millisecond)
			continue
		}
		err := what(l.ctx, l.desk)
		if err == nil || l.ctx.Err() == nil && !errors.Is(err, errPower) {
			return err
		}
		time.Sleep(time.Second)
	}
}

func (c *cashier) look() (s sale.Sale) {
	_ = c.ask(func(_ context.Context, d *checkout.Desk) (err error) {
		s, err = d.Journal.Sale(c.id)
		return err
	}) // a sale that is gone is found in the end
	return s
}

func (c *cashier) sell() {
	n := sale.New{
		Flow: []sale.Flow{sale.Payer, sale.Payer, sale.Merchant}[c.r.IntN(3)], Operator: "c1", Description: c.name,
		Amount: money.Money{Minor: 1 + c.r.Int64N(50000), Currency: "CNY"},
	}
	if c.r.IntN(6) == 0 {
		n.PayIn = []money.Currency{"HKD", "JPY"}[c.r.IntN(2)]
	}
	c.offered(&n)
	c.began = time.Now()
	c.t.w.locked(func() {
		t := c.t.w.terms(c.name)
		t.asked, t.payIn = n.Amount, n.PayIn
	})
	err := c.ask(func(ctx context.Context, d *checkout.Desk) error {
		s, _, err := d.Open(ctx, n, sale.Once{Key: "open " + c.name, Print: c.name})
		c.id = s.ID
		return err
	})
	w := c.t.w
	w.locked(func() {
		if err != nil {
			w.violate("%s cannot be opened: %v", c.name, err)
			return
		}
		w.acks.owed[c.name] = c.id
	})
	if err != nil {
		return
	}
	leaves := time.Now().Add(between(c.r, 40*time.Second, 6*time.Minute))
	cancels := time.Now().Add(time.Hour)
	if c.r.IntN(8) == 0 {
		cancels = time.Now().Add(between(c.r, 0, time.Minute))
	}
	doubts := 0
	if c.r.IntN(3) > 0 {
		doubts = -100 // whoever waits for the provider
	}
	for codes := 0; time.Now().Before(leaves); time.Sleep(between(c.r, time.Second, 4*time.Second)) {
		s := c.look()
		switch {
		case s.State == sale.Paid:
			c.refund(s)
			return
		case !s.State.Live() && !s.State.Before() && !(s.Retryable() && codes < 3):
			return
		case time.Now().After(cancels):
			cancels = time.Now().Add(time.Hour)
			_ = c.ask(func(ctx context.Context, d *checkout.Desk) error {
				_, err := d.Cancel(ctx, c.id, "c1")
				return err
			}) // too late is an answer, too
		case s.State == sale.AwaitingConfirmation || s.State == sale.AwaitingApproval:
			c.consent(s)
		case s.State == sale.PresentedOffline:
			c.attest(s)
		case s.State == sale.InDoubt && doubts > 5 && s.TakenOver == nil:
			c.takeOver(s)
			return
		case s.State == sale.InDoubt || s.State == sale.Unconfirmed:
			doubts++
		case s.State == sale.AwaitingLiveness: // the payer holds the telephone
		case s.Flow == sale.Payer && (s.State.Before() || s.Retryable()) && codes < 3:
			codes++
			c.scan(codes)
		}
	}
}

// consent is the payer's word at the counter, or the manager's. A lost answer is
// repeated, and refused then.
func (c *cashier) consent(s sale.Sale) {
	c.t.w.locked(func() {
		switch t := c.t.w.terms(c.name); {
		case s.State == sale.AwaitingConfirmation:
			t.agreed = true
		case s.Appeal:
			t.sentOn = true
		default:
			t.approved = true
		}
	})
	_ = c.ask(func(ctx context.Context, d *checkout.Desk) error {
		_, err := d.Consent(ctx, c.id, s.Facts, "manager")
		return err
	})
}

// scan holds a fresh code of the payer's to the scanner, once: a till that went dark
// with it asks for another.
func (c *cashier) scan(n int) {
	r := c.t.w.roll("code", c.name, n)
	code := fmt.Sprintf("13%016d", r.Int64N(1e16))
	c.t.w.locked(func() { c.t.w.codes[code] = true })
	if l := c.t.now(); l != nil {
		_, _ = l.desk.Scan(l.ctx, c.id, code) // what came of it is on the screen
	}
}

// refund gives some of the money back, sometimes in parts and sometimes in many: the
// till takes them faster than the provider does, with a network or without.
func (c *cashier) refund(s sale.Sale) {
	if c.r.IntN(7) > 0 {
		return
	}
	left, parts, pause := s.Amount.Minor, 1+c.r.IntN(2), 30*time.Second
	many := c.r.IntN(10) == 0
	if many {
		parts, pause = 10, 2*time.Second
	}
	for i := range parts {
		time.Sleep(between(c.r, time.Second, pause))
		m := money.Money{Minor: left, Currency: s.Amount.Currency}
		if c.r.IntN(2) == 0 || many {
			m.Minor = 1 + c.r.Int64N(left)
		}
		if many {
			m.Minor = min(m.Minor, left/4+1)
		}
		once := sale.Once{Key: fmt.Sprint("refund ", c.name, i), Print: m.String()}
		err := c.ask(func(ctx context.Context, d *checkout.Desk) error {
			_, _, err := d.Refund(ctx, c.id, m, "c1", "returned", once)
			return err
		})
		if err == nil {
			c.t.w.locked(func() { c.t.w.acks.promise[c.id]++ })
			left -= m.Minor
			c.setAside()
		}
		if left == 0 {
			return
		}
	}
}

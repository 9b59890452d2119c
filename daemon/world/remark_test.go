package world

import (
	"context"
	"time"

	"qrposd/daemon/checkout"
	"qrposd/rules/sale"
)

// takeOver is a cashier who does not wait for the provider any longer and says what
// the payer's telephone shows: mostly the truth.
func (c *cashier) takeOver(s sale.Sale) {
	a := s.Current()
	w, saw := c.t.w, sale.SeenUnpaid
	lies := c.r.IntN(10) == 0
	w.locked(func() {
		if o := w.p.orders[a.OrderNo]; (o != nil && o.paid) != lies {
			saw = sale.SeenPaid
		}
	})
	err := c.ask(func(ctx context.Context, d *checkout.Desk) (err error) {
		s, err = d.Say(ctx, c.id, sale.TakenOver, "c1", sale.Reason{Code: saw, Message: "seen on the telephone"})
		return err
	})
	if err != nil {
		return // the till knows better by now
	}
	w.locked(func() {
		if w.sum.n[takeovers]++; saw == sale.SeenPaid && !lies && s.State == sale.InDoubt && s.Current().Undo == 0 {
			w.terms(c.name).seen = a.OrderNo
		}
	})
}

// setAside is a manager who wants to look at a refund first, and lets it go later.
func (c *cashier) setAside() {
	if c.r.IntN(15) > 0 {
		return
	}
	say := func(kind sale.Kind) error {
		return c.ask(func(ctx context.Context, d *checkout.Desk) error {
			_, err := d.Say(ctx, c.id, kind, "manager", sale.Reason{Code: "looks", Message: "looks at it first"})
			return err
		})
	}
	_ = say(sale.SetAside) // refused where it was quicker, or where the answer was lost and it is aside already
	c.t.w.locked(func() { c.t.w.sum.n[setAsides]++ })
	time.Sleep(between(c.r, 10*time.Second, 10*time.Minute))
	_ = say(sale.Resumed) // refused where a disk has lost it, or nothing is owed any more
}

package world

import (
	"context"
	"fmt"
	"time"

	"qrposd/rules/sale"
)

// book is the journal of one life: the store, until the power goes. It holds every
// fact that is told against the provider's truth.
type book struct{ *life }

// powered runs a write that the power may cut, before or behind the commit.
func (b book) powered(thousandths int, write func() error, about ...any) error {
	if b.dead.Load() {
		return errPower
	}
	if b.fails(thousandths, about...) {
		at := ":before-commit"
		if b.t.w.roll("side", fmt.Sprintln(about...)).IntN(2) == 0 {
			at = ":after-commit"
		}
		b.cut.Store(at)
		defer b.cut.Store("")
	}
	err := write()
	if b.dead.Load() {
		return errPower
	}
	return err
}

func (b book) Begin(ctx context.Context, n sale.New, session string, once sale.Once) (s sale.Sale, replayed bool, err error) {
	err = b.powered(5, func() (err error) {
		if s, replayed, err = b.db.Begin(ctx, n, session, once); err == nil {
			b.t.w.locked(func() { b.t.w.names[s.ID] = n.Description })
		}
		return err
	}, "begin", n.Description)
	return s, replayed, err
}

func (b book) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (s sale.Sale, err error) {
	w := b.t.w
	w.mu.Lock()
	name := w.names[id]
	w.mu.Unlock()
	err = b.powered(7, func() (err error) {
		s, err = b.db.Commit(ctx, id, ev, once)
		return err
	}, "commit", name, string(ev.Kind))
	if err != nil {
		return s, err
	}
	w.locked(func() {
		if w.told(s, name); s.Own != nil {
			w.toldOwn(b.t, s, b.db.Sale)
		}
		if ev.Kind == sale.OfflineShown {
			w.payOwn(b.t, s)
		}
	})
	if ev.Kind == sale.Ordered {
		w.show(s, name)
	}
	return s, nil
}

func (b book) Sale(id sale.ID) (sale.Sale, error) {
	if b.dead.Load() {
		return sale.Sale{}, errPower
	}
	return b.db.Sale(id)
}

func (b book) Unfinished() ([]sale.ID, error) { return b.db.Unfinished() }

// told holds what is on record, and can be read on a screen from now on, against the
// truth. w.mu is held.
func (w *world) told(s sale.Sale, name string) {
	open := 0
	for i := range s.Attempts {
		a := &s.Attempts[i]
		o := w.p.orders[a.OrderNo]
		switch a.End {
		case sale.Open:
			open++
		case sale.EndPaid:
			if o == nil || !o.paid {
				w.violate("%s is told to be paid and is not", name)
			}
		case sale.EndClosed:
			if o == nil || !o.closed {
				w.violate("%s is told to be closed and is not", name)
			}
		case sale.EndTakenBack:
			if o == nil || !o.closed {
				w.violate("%s is told to be taken back and is not", name)
			}
		case sale.EndNotSent:
			if _, left := w.p.sent[a.OrderNo]; left {
				w.violate("I3: %s is told never to have left, and it did", name)
			}
		case sale.EndConcluded:
			// Of an order whose code nobody has seen, silence is enough.
			if left, ok := w.p.sent[a.OrderNo]; ok && s.Flow == sale.Payer && s.Restored == nil && time.Since(left) < 30*time.Second {
				w.violate("%s is concluded %s after it was sent", name, time.Since(left))
			}
		}
	}
	if open > 1 {
		w.violate("I1: %s has %d open attempts", name, open)
	}
	for i := range s.Refunds {
		r := &s.Refunds[i]
		if truth := w.p.refunds[r.No]; r.State == sale.RefundPaid && (truth == nil || truth.state != "SUCCESS") {
			w.violate("refund %s of %s is told to be done and is not", r.No, name)
		}
	}
	if s.State == sale.Paid && s.Own == nil && (s.Current() == nil || !w.p.holds(s.Current().OrderNo)) {
		w.violate("%s is told to be paid, and the provider does not have the money", name)
	}
}

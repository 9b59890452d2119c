package world

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"qrposd/daemon/checkout"
	"qrposd/rules/offline"
	"qrposd/rules/sale"
)

// bank is the truth about money that came to the shop's own account: no till hears of
// it before somebody hands in a statement.
type bank struct {
	lines []bankLine
	shown map[string]map[int64]sale.ID // till and scheme: what each amount asks for, of codes that are open and carry no reference
}

// bankLine is a payment, and whose it was.
type bankLine struct {
	offline.Receipt
	till, name string
}

// The schemes: one gives the sale's reference back, the other has nothing but an amount.
const (
	named   = "pix"
	unnamed = "promptpay"
)

// codes make codes of the till's own, of whatever the link is like.
type codes struct{ *life }

func (codes) Terms(_ context.Context, n sale.New) (*sale.Terms, error) {
	return &sale.Terms{Scheme: n.Offline.Scheme, Label: "shop", Carries: n.Offline.Scheme == named, Lower: 50}, nil
}

func (codes) Code(s sale.Sale) sale.Event {
	o := *s.Own
	return sale.Event{Kind: sale.OfflineShown, Own: &sale.OwnCode{
		Scheme: o.Scheme, Label: o.Label, Reference: o.Reference, Payload: fmt.Sprint(o.Scheme, " ", o.Reference, " ", s.Amount), Lasts: 24 * time.Hour,
	}}
}

// offered is a sale without the provider, of an amount that others ask for, too.
func (c *cashier) offered(n *sale.New) {
	if c.r.IntN(12) > 0 {
		return
	}
	n.Flow, n.PayIn = sale.Offline, ""
	n.Amount.Minor = 1000 * (1 + c.r.Int64N(5))
	n.Offline = &sale.Terms{Scheme: []string{named, unnamed}[c.r.IntN(2)]}
}

// attest is what the cashier sees on a telephone: mostly the truth.
func (c *cashier) attest(s sale.Sale) {
	w, paid := c.t.w, false
	w.locked(func() {
		for i := range w.bank.lines {
			paid = paid || w.bank.lines[i].name == c.name
		}
	})
	if since := time.Since(c.began); !paid && since < time.Minute {
		return
	}
	if c.r.IntN(20) == 0 {
		paid = !paid
	}
	_ = c.ask(func(ctx context.Context, d *checkout.Desk) error {
		_, err := d.Attest(ctx, s.ID, "c1", paid)
		return err
	})
}

// payOwn puts a code of the till's own before a payer. w.mu is held.
func (w *world) payOwn(t *till, s sale.Sale) {
	r := w.roll("own", s.Description)
	wait := between(r, time.Second, 50*time.Second)
	line := bankLine{offline.Receipt{ID: "R-" + s.Description, Source: "bank", Scheme: s.Own.Scheme, Reference: s.Own.Reference, Amount: s.Amount}, t.name, s.Description}
	switch n := r.IntN(20); {
	case n < 4:
		return
	case n < 6: // hours later
		wait = between(r, time.Hour, 20*time.Hour)
	case n < 7: // as much as nobody asks for
		line.Amount.Minor += 123
	case n < 8: // the bank loses what the payer was given to write
		line.Reference = ""
	}
	w.after(wait, func() {
		for i := range w.bank.lines {
			if w.bank.lines[i].name == s.Description {
				return // the code was shown again after a power cut
			}
		}
		line.At = time.Now().UTC()
		w.bank.lines = append(w.bank.lines, line)
	})
}

// statements are handed in whole, now and then while the till sells and for the last
// time when all is paid that will be. A till that goes dark gets them again.
func (t *till) statements() {
	for n := 0; ; n++ {
		last := t.w.isCalm() && n > 0
		if last {
			time.Sleep(30 * time.Hour)
		} else {
			time.Sleep(between(t.w.roll("statement", t.name, n), 5*time.Minute, 40*time.Minute))
		}
		var lines []bankLine
		t.w.locked(func() { lines = append(lines, t.w.bank.lines...) })
		for _, line := range lines {
			if line.till == t.name && !t.handIn(line) {
				return
			}
		}
		if last {
			return
		}
	}
}

// handIn gives a till one line of a statement and says whether it is still there.
func (t *till) handIn(line bankLine) bool {
	for {
		if l := t.now(); l != nil {
			err := book{l}.powered(10, func() error {
				got, _, err := l.db.Receive(l.ctx, line.Receipt)
				if err == nil && got.Match.Sale != "" {
					var s sale.Sale
					if s, err = l.db.Sale(got.Match.Sale); err == nil {
						t.w.locked(func() { t.w.toldOwn(t, s, l.db.Sale) })
					}
				}
				return err
			}, "receipt", line.ID)
			if err == nil {
				return true
			}
			if l.ctx.Err() == nil && !errors.Is(err, errPower) {
				t.w.locked(func() { t.w.violate("receipt %s is not taken: %v", line.ID, err) })
				return true
			}
		}
		select {
		case <-time.After(time.Second):
		case <-t.gone:
			return false
		}
	}
}

// toldOwn holds a sale without the provider, as it is on record, against the bank.
// w.mu is held. Of a sale whose last commit was followed by a power cut nobody was
// told, so the record has the last word on what is open.
func (w *world) toldOwn(t *till, s sale.Sale, look func(sale.ID) (sale.Sale, error)) {
	o := s.Own
	if s.State.Taken() && o.Receipt == nil {
		w.violate("%s is told to be the shop's money on nobody's word but the cashier's", s.Description)
	}
	if o.Reference != "" {
		return
	}
	at := t.name + " " + o.Scheme
	if w.bank.shown[at] == nil {
		w.bank.shown[at] = map[int64]sale.ID{}
	}
	open := w.bank.shown[at]
	switch by := open[s.Amount.Minor]; {
	case !askedFor(s):
		if by == s.ID {
			delete(open, s.Amount.Minor)
		}
	default:
		if by != "" && by != s.ID {
			if other, err := look(by); err == nil && askedFor(other) {
				w.violate("%s asks for %s, as the open %s does: nobody can tell their payments apart", s.Description, s.Amount, other.Description)
			}
		}
		open[s.Amount.Minor] = s.ID
	}
}

// askedFor says that the payer may be about to pay a code of the till's own.
func askedFor(s sale.Sale) bool {
	return s.State == sale.PresentedOffline || s.State == sale.Unconfirmed
}

// compareOwn holds a sale without the provider against the bank in the end.
func (w *world) compareOwn(s *sale.Sale) {
	w.sum.n[ownCodes]++
	var came *bankLine
	for i := range w.bank.lines {
		if line := &w.bank.lines[i]; line.name == s.Description {
			came = line
		}
	}
	exact := came != nil && came.Amount == s.Amount && came.Reference != ""
	switch r := s.Own.Receipt; {
	case s.State.Live() || s.State.Before():
		w.violate("%s is still %s", s.Description, s.State)
	case r == nil && exact && s.TakesReceipt():
		w.violate("%s is %s, and the bank has %s under its reference", s.Description, s.State, came.Amount)
	case r == nil:
		if s.Net() != 0 || s.Banked() != 0 || s.State.Taken() {
			w.violate("%s is %s and counted without a receipt", s.Description, s.State)
		}
	case s.State != sale.Settled || s.Banked() != r.Amount.Minor:
		w.violate("%s has a receipt and is %s", s.Description, s.State)
	case r.How == sale.ByReference && (came == nil || came.ID != r.ID || came.Amount != s.Amount):
		w.violate("%s has receipt %s, which is not of its payer", s.Description, r.ID)
	default:
		w.sum.n[settled]++
		if w.nth["receipt "+r.ID]++; w.nth["receipt "+r.ID] > 1 {
			w.violate("receipt %s is that of two sales", r.ID)
		}
		w.receipt(s, r)
	}
}

// receipt holds a receipt on record against the bank's own line.
func (w *world) receipt(s *sale.Sale, r *sale.Receipt) {
	for i := range w.bank.lines {
		if line := &w.bank.lines[i]; line.ID == r.ID {
			if line.Amount != r.Amount || line.till != strings.Split(s.Description, "-")[0] {
				w.violate("%s has receipt %s of %s, the bank's is of %s", s.Description, r.ID, r.Amount, line.Amount)
			}
			return
		}
	}
	w.violate("%s has receipt %s, which no bank has written", s.Description, r.ID)
}

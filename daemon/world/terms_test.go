package world

import (
	"context"
	"fmt"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// terms are what has to be so before a sale may be charged, and what was said of it.
// They are the world's own notes: nothing in them was told by a till.
type terms struct {
	asked   money.Money // the shop's price
	payIn   money.Currency
	price   sale.Price // what was projected and chosen
	priced  time.Time
	agreed  bool // the payer agreed to the price
	refused bool // the judge refused it

	confirm, approve, verify bool   // the judge, or the provider, wants it
	approved                 bool   // the manager said so
	challenged               string // the order that the provider challenged; it may be sent again
	offered, appealed        bool   // the provider offered another way, or a manager may choose it
	sentOn                   bool   // the manager chose it
	seen                     string // the order that somebody has seen paid
}

// terms are those of a sale. w.mu is held.
func (w *world) terms(name string) *terms {
	if w.by[name] == nil {
		w.by[name] = &terms{}
	}
	return w.by[name]
}

// permit holds what leaves a till against the terms of its sale. w.mu is held.
func (w *world) permit(m message) {
	t := w.terms(m.Name)
	charge := t.asked
	if t.payIn != "" {
		charge, _ = money.Convert(t.asked, t.price.Agreed, t.payIn) // what cannot be converted is charged by nobody
		if after := time.Since(t.priced); after > t.price.Lasts+time.Millisecond {
			w.violate("%s is charged at a price that had expired %s before", m.Name, after-t.price.Lasts)
		}
	}
	if m.Amount != charge.Minor || m.Currency != string(charge.Currency) {
		w.violate("%s is charged with %d %s instead of %s", m.Name, m.Amount, m.Currency, charge)
	}
	face := w.p.faces[m.Proof]
	for what, so := range map[string]bool{
		"against the judge":                                t.refused,
		"without the payer's consent":                      (t.confirm || t.price.Ask) && !t.agreed,
		"without the manager's consent":                    t.approve && !t.approved,
		"with no check passed":                             t.verify && m.Order != t.challenged && (face == nil || !face.told),
		"with the check of another order":                  face != nil && face.spent != "" && face.spent != m.Order,
		"another way, which the provider did not offer":    m.Way && !t.offered && !t.appealed,
		"another way, which the manager did not agree to":  m.Way && !t.offered && t.appealed && !t.sentOn,
		"under the number that is another order's (I4)":    m.Key != "" && w.p.keys[m.Key] != "" && w.p.keys[m.Key] != m.Order,
		"under a second number for one order's money (I4)": m.Key != "" && w.p.key[m.Order] != "" && w.p.key[m.Order] != m.Key,
	} {
		if so {
			w.violate("%s is charged %s", m.Name, what)
		}
	}
	if face != nil {
		face.spent = m.Order
	}
	w.p.keys[m.Key], w.p.key[m.Order] = m.Order, m.Key
}

// pricer prices what is paid in another currency: mostly at once, sometimes late, and
// sometimes not at all. The same sale has the same price whenever it is asked for.
type pricer struct{ *life }

func (p pricer) Price(ctx context.Context, s sale.Sale) sale.Event {
	w := p.t.w
	r := w.roll("price", s.Description)
	takes := between(r, time.Millisecond, 900*time.Millisecond)
	if r.IntN(20) == 0 {
		takes = between(r, time.Second, 10*time.Second)
	}
	pause(ctx, takes)
	if r.IntN(15) == 0 {
		return sale.Event{Kind: sale.NotPriced, Why: &sale.Reason{Code: "price_refused", Message: "nobody projects it"}}
	}
	unit := map[money.Currency]int64{"HKD": 1_080_000, "JPY": 21_500_000}[s.PayIn]
	rate := func(millionths int64) money.Rate {
		v, err := money.ParseRate(fmt.Sprintf("%d.%06d", millionths/1e6, millionths%1e6))
		if err != nil {
			panic(err) // millionths are above zero and few
		}
		return v
	}
	width := 1 + r.Int64N(unit/50)
	v := sale.Price{
		Projection: "P" + s.Description, Low: rate(unit - width), Mid: rate(unit), High: rate(unit + width), Agreed: rate(unit - width + r.Int64N(2*width+1)),
		Confidence: 0.9, By: "simulation", Ask: r.IntN(3) == 0, Lasts: between(r, 15*time.Second, 4*time.Minute),
	}
	if _, err := money.Convert(s.Amount, v.Agreed, s.PayIn); err != nil {
		return sale.Event{Kind: sale.NotPriced, Why: &sale.Reason{Code: "price_amount", Message: "it is no amount there"}}
	}
	w.locked(func() {
		t := w.terms(s.Description)
		t.price, t.priced = v, time.Now()
	})
	return sale.Event{Kind: sale.Priced, Price: &v}
}

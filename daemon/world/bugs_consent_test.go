package world

import (
	"context"
	"slices"

	"qrposd/daemon/checkout"
	"qrposd/rules/sale"
)

// consentBugs are mistakes about prices, checks, other ways and verdicts: what somebody
// has to say before money moves, and what is said of it afterwards.
func consentBugs() []bug {
	return []bug{
		{name: "a price holds longer than it was told", pricer: prices(func(v *sale.Price) { v.Lasts *= 20 })},
		{name: "the payer is not asked about the price", pricer: prices(func(v *sale.Price) { v.Ask = false })},
		{name: "another rate than the agreed one", gateway: asks(dearer)},
		{name: "the manager is not waited for", adviser: func(a checkout.Adviser) checkout.Adviser { return alone{a} }},
		{name: "a check that failed is a check passed", gateway: hears(func(_ sale.Step, _ sale.Sale, ev *sale.Event) {
			if ev.Kind == sale.LivenessFailed {
				ev.Kind, ev.Why = sale.LivenessPassed, nil
			}
		})},
		{name: "an appeal grants itself", gateway: hears(func(_ sale.Step, _ sale.Sale, ev *sale.Event) {
			ev.Reroute, ev.Appeal = ev.Reroute || ev.Appeal, false
		})},
		{name: "the other way has the number of the first", gateway: asks(sameNumber)},
		{name: "a new idempotency key on a retry", gateway: asks(rekeyed)},
		{name: "a model that disagrees is one that agrees", gateway: hears(func(_ sale.Step, _ sale.Sale, ev *sale.Event) {
			if ev.Verdict == sale.Mismatch {
				ev.Verdict = sale.Consistent
			}
		})},
		{name: "refunds are in the shop's currency", gateway: asks(func(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
			if step.Do == sale.SendRefund {
				req = altered(req, func(m *message) { m.Currency = "CNY" })
			}
			return g.Gateway.Do(ctx, step, s, req)
		})},
	}
}

// quoter is a pricer with something wrong in what it tells.
type quoter struct {
	checkout.Pricer
	as func(*sale.Price)
}

func prices(as func(*sale.Price)) func(checkout.Pricer) checkout.Pricer {
	return func(p checkout.Pricer) checkout.Pricer { return quoter{p, as} }
}

func (q quoter) Price(ctx context.Context, s sale.Sale) sale.Event {
	ev := q.Pricer.Price(ctx, s)
	if ev.Price != nil {
		v := *ev.Price // the world has the other
		q.as(&v)
		ev.Price = &v
	}
	return ev
}

func dearer(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if step.Do == sale.Charge && s.Price != nil {
		req = altered(req, func(m *message) { m.Amount += m.Amount / 50 })
	}
	return g.Gateway.Do(ctx, step, s, req)
}

// alone takes a manager for granted.
type alone struct{ checkout.Adviser }

func (a alone) Judge(ctx context.Context, s sale.Sale) sale.Event {
	ev := a.Adviser.Judge(ctx, s)
	ev.Judgement.Needs = slices.DeleteFunc(ev.Judgement.Needs, func(n sale.Need) bool { return n == sale.NeedApprove })
	return ev
}

func sameNumber(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if s.Rerouted && (step.Do == sale.Order || step.Do == sale.Charge) {
		req = altered(req, func(m *message) { m.Order = s.Attempts[0].OrderNo })
	}
	return g.Gateway.Do(ctx, step, s, req)
}

func rekeyed(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if n := g.w.again("rekeyed " + step.OrderNo); step.Do == sale.Order && n > 1 && s.Current().Key != "" {
		s = s.AsStored()
		s.Current().Key += "again"
	}
	return g.Gateway.Do(ctx, step, s, req)
}

package world

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"qrposd/daemon/checkout"
	"qrposd/rules/sale"
	"qrposd/store"
)

// bug is a mistake that somebody might make, planted around the real parts.
type bug struct {
	name    string
	plan    func(*sale.Plan)
	clock   func(*machine) store.Clock
	journal func(*world, checkout.Journal) checkout.Journal
	gateway func(*world, checkout.Gateway) checkout.Gateway
	adviser func(checkout.Adviser) checkout.Adviser
	pricer  func(checkout.Pricer) checkout.Pricer
	restore func(*till) error
	copied  bool // in a world where each till is put back from a copy
}

// bugs are the mistakes.
func bugs() []bug {
	list := []bug{
		{name: "the intent is written with the outcome", journal: func(_ *world, j checkout.Journal) checkout.Journal {
			return &lateIntents{Journal: j, waiting: map[sale.ID]sale.Event{}}
		}},
		{name: "a charge is sent again after a restart", gateway: asks(resend)},
		{name: "a new order number on a retry", gateway: asks(renumber)},
		{name: "a new refund number on a retry", gateway: asks(refundAgain)},
		{name: "a reversal before its time", plan: func(p *sale.Plan) { p.Deadline, p.ReverseEarliest = 8*time.Second, 8*time.Second }},
		{name: "refunds without a pause", plan: func(p *sale.Plan) { p.RefundPace = 5 * time.Second }},
		{name: "a conclusion too early", plan: func(p *sale.Plan) { p.MissingAfter = time.Second }},
		{name: "a concluded order is not watched", journal: func(_ *world, j checkout.Journal) checkout.Journal { return unwatched{j} }},
		{name: "the polls stop", gateway: asks(tired)},
		{name: "silence is a decline", gateway: hears(func(step sale.Step, _ sale.Sale, ev *sale.Event) {
			if ev.Kind == sale.Unclear && step.Do == sale.Charge {
				ev.Kind = sale.TakenBack
			}
		})},
		{name: "not sent, after a byte has left", gateway: hears(func(step sale.Step, _ sale.Sale, ev *sale.Event) {
			if ev.Kind == sale.Unclear && step.Do == sale.Charge {
				ev.Kind = sale.NotSent
			}
		})},
		{name: "an unknown order is a reversed one", gateway: hears(func(step sale.Step, _ sale.Sale, ev *sale.Event) {
			if ev.Kind == sale.Missing && (step.Do == sale.Query || step.Do == sale.Reverse) {
				ev.Kind = sale.TakenBack
			}
		})},
		{name: "a payer who types has paid", gateway: hears(func(step sale.Step, s sale.Sale, ev *sale.Event) {
			if ev.Kind == sale.Waiting && step.Do == sale.Charge {
				ev.Kind, ev.Amount, ev.TransactionID = sale.Received, s.Amount, "42"
			}
		})},
		{name: "a refund that failed is a refund done", gateway: hears(func(_ sale.Step, _ sale.Sale, ev *sale.Event) {
			if ev.Kind == sale.RefundFailed {
				ev.Kind, ev.Held = sale.RefundDone, false
			}
		})},
		{name: "an order for another amount, believed to be for the right one", gateway: asks(wrongAmount)},
		{name: "a cancelled order is not closed", gateway: asks(forgetOrder)},
		{name: "the judge's refusal is ignored", adviser: func(a checkout.Adviser) checkout.Adviser { return yes{a} }},
		{name: "a late success is ignored", journal: func(_ *world, j checkout.Journal) checkout.Journal { return deafBook{j} }},
		{name: "a refund is promised before it is on disk", journal: func(_ *world, j checkout.Journal) checkout.Journal { return promises{j} }},
		{name: "a start forgets what was unfinished", journal: func(_ *world, j checkout.Journal) checkout.Journal { return forgets{j} }},
		{name: "a retried request opens another sale", journal: func(_ *world, j checkout.Journal) checkout.Journal { return twice{j} }},
		{name: "waits follow the time of day", clock: func(m *machine) store.Clock { return wallClock{m} }},
	}
	return slices.Concat(list, consentBugs(), restoreBugs(), peopleBugs())
}

// gate is a gateway with something wrong in how it asks.
type gate struct {
	checkout.Gateway
	w  *world
	do asking
}

// asking is a way to take a step.
type asking func(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event

func (g gate) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	return g.do(ctx, g, step, s, req)
}

func asks(do asking) func(*world, checkout.Gateway) checkout.Gateway {
	return func(w *world, g checkout.Gateway) checkout.Gateway { return gate{g, w, do} }
}

// hears is a gateway with something wrong in how it understands answers.
func hears(as func(sale.Step, sale.Sale, *sale.Event)) func(*world, checkout.Gateway) checkout.Gateway {
	return asks(func(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
		ev := g.Gateway.Do(ctx, step, s, req)
		if ctx.Err() == nil {
			as(step, s, &ev)
		}
		return ev
	})
}

// resend knows the bytes of the charge, which a till that kept them would, and takes
// the query after a restart for a chance to send them again.
func resend(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if step.Do == sale.Query && s.State == sale.Charging {
		m := word(step, s, sale.PayerCode{})
		m.Op = "charge"
		req = sale.NewRequest("POST", "/charge", m.text(), sale.PayerCode{})
	}
	return g.Gateway.Do(ctx, step, s, req)
}

// altered is a request with another message in it.
func altered(req sale.Request, change func(*message)) sale.Request {
	body, err := req.Wire()
	if err != nil {
		return req
	}
	m, err := read(body)
	if err != nil {
		return req
	}
	change(&m)
	return sale.NewRequest(req.Method, req.Path, m.text(), sale.PayerCode{})
}

func renumber(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if n := g.w.again("renumber " + step.OrderNo); step.Do == sale.Order && n > 1 {
		req = altered(req, func(m *message) { m.Order = fmt.Sprint(m.Order[:len(m.Order)-1], n) })
	}
	return g.Gateway.Do(ctx, step, s, req)
}

func refundAgain(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if r := s.Refund(step.RefundNo); step.Do == sale.SendRefund && r.Tries > 1 {
		req = altered(req, func(m *message) { m.Refund += fmt.Sprint("R", r.Tries) })
	}
	return g.Gateway.Do(ctx, step, s, req)
}

func tired(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if (step.Do == sale.Query || step.Do == sale.Reverse || step.Do == sale.Close) && g.w.again("tired "+step.OrderNo) > 8 {
		pause(ctx, patience)
		return sale.Event{Kind: sale.Unclear, OrderNo: step.OrderNo}
	}
	return g.Gateway.Do(ctx, step, s, req)
}

func wrongAmount(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if step.Do == sale.Charge {
		req = altered(req, func(m *message) { m.Amount = max(1, m.Amount/100*100) })
	}
	ev := g.Gateway.Do(ctx, step, s, req)
	if ev.Kind == sale.Received {
		ev.Amount = s.Amount
	}
	return ev
}

func forgetOrder(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if step.Do == sale.Close && s.Cancel {
		return sale.Event{Kind: sale.Closed, OrderNo: step.OrderNo}
	}
	return g.Gateway.Do(ctx, step, s, req)
}

type yes struct{ checkout.Adviser }

func (y yes) Judge(ctx context.Context, s sale.Sale) sale.Event {
	ev := y.Adviser.Judge(ctx, s)
	ev.Judgement.Refused = false
	return ev
}

// lateIntents writes what is about to be sent when it is known what became of it.
type lateIntents struct {
	checkout.Journal
	mu      sync.Mutex
	waiting map[sale.ID]sale.Event
}

func (j *lateIntents) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	j.mu.Lock()
	intent, ok := j.waiting[id]
	delete(j.waiting, id)
	if ev.Kind == sale.ChargeIntended && !ok {
		j.waiting[id] = ev
	}
	j.mu.Unlock()
	if ev.Kind == sale.ChargeIntended && !ok {
		s, err := j.Sale(id)
		if err != nil {
			return s, err
		}
		return s.Apply(ev)
	}
	if ok {
		if s, err := j.Journal.Commit(ctx, id, intent, sale.Once{}); err != nil {
			return s, err
		}
	}
	return j.Journal.Commit(ctx, id, ev, once)
}

type deafBook struct{ checkout.Journal }

func (j deafBook) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	if s, err := j.Sale(id); err == nil && ev.Kind == sale.Received && !s.State.Live() {
		return s, nil
	}
	return j.Journal.Commit(ctx, id, ev, once)
}

type unwatched struct{ checkout.Journal }

func (j unwatched) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	s, err := j.Journal.Commit(ctx, id, ev, once)
	if err == nil && ev.Kind == sale.Concluded && len(s.Attempts) > 0 {
		return j.Journal.Commit(ctx, id, ev, once)
	}
	return s, err
}

// promises answers at once and writes a second later.
type promises struct{ checkout.Journal }

func (j promises) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	s, err := j.Sale(id)
	if err != nil || ev.Kind != sale.RefundRequested {
		return j.Journal.Commit(ctx, id, ev, once)
	}
	time.AfterFunc(time.Second, func() { _, _ = j.Journal.Commit(context.WithoutCancel(ctx), id, ev, once) })
	return s.Apply(ev)
}

type forgets struct{ checkout.Journal }

func (forgets) Unfinished() ([]sale.ID, error) { return nil, nil }

type twice struct{ checkout.Journal }

func (j twice) Begin(ctx context.Context, n sale.New, session string, _ sale.Once) (sale.Sale, bool, error) {
	return j.Journal.Begin(ctx, n, session, sale.Once{})
}

// wallClock counts the time since boot by the time of day.
type wallClock struct{ *machine }

func (c wallClock) Boot() (string, time.Duration) {
	id, up := c.machine.Boot()
	return id, up + time.Until(c.Wall())
}

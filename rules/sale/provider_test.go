package sale

import (
	"slices"
	"time"

	"pgregory.net/rapid"
)

// provider is a model of the other side for the properties: it knows the truth,
// loses requests and answers, executes late, and lets its queries lag.
type provider struct {
	t       *rapid.T
	orders  map[string]*order
	refunds map[string]refunded // how each went
	late    map[string]func()   // what finishing a held one does
	pending []late              // requests that are still on their way
	lag     time.Duration       // how far queries lag behind the truth
	calm    bool                // no more faults: the network has healed
	charges map[string]int      // requests to charge received, by order
	sent    map[string]Instant  // when each charge left the till
}

// refunded is what became of a refund: done, held or closed.
type refunded struct {
	orderNo, how string
	minor        int64
}

// late is a request that the network delivers after the till gave it up.
type late struct {
	at  Instant
	run func(at Instant)
}

// delay lets a request arrive within a minute: no network keeps one for longer.
func (p *provider) delay(now Instant, run func(at Instant)) {
	wait := time.Duration(rapid.IntRange(1, 60).Draw(p.t, "delay")) * time.Second
	p.pending = append(p.pending, late{now.Add(wait), run})
}

type order struct {
	known                Instant // when queries begin to know it
	paid, undone, closed bool
	payAt                Instant // when the payer pays, if ever
	fails                bool
	flow                 Flow
	refunded             int64
}

func (p *provider) chance(name string, percent int) bool {
	return !p.calm && rapid.IntRange(0, 99).Draw(p.t, name) < percent
}

// tick lets the payers pay and late requests arrive.
func (p *provider) tick(now Instant) {
	var due []late
	p.pending = slices.DeleteFunc(p.pending, func(l late) bool {
		if l.at <= now {
			due = append(due, l)
		}
		return l.at <= now
	})
	for _, l := range due {
		l.run(l.at)
	}
	for _, o := range p.orders {
		if o.payAt > 0 && now >= o.payAt && !o.closed && !o.undone && !o.fails {
			o.paid, o.payAt = true, 0
		}
	}
}

// do is one call as the till sees it.
func (p *provider) do(s Sale, step Step, now Instant) Event {
	ev := Event{Kind: Unclear, OrderNo: step.OrderNo, RefundNo: step.RefundNo, At: now, Amount: s.Amount}
	run := func(at Instant) Event { return p.execute(s, step, at) }
	if step.Do == Charge {
		p.sent[step.OrderNo] = now
	}
	switch {
	case step.Do == Charge && p.chance("not sent", 5):
		ev.Kind = NotSent
		return ev
	case p.chance("request lost", 8):
		return ev
	case p.chance("request late", 5):
		p.delay(now, func(at Instant) { run(at) })
		return ev
	}
	got := run(now)
	if p.chance("answer lost", 12) {
		return ev
	}
	return got
}

func (p *provider) execute(s Sale, step Step, now Instant) Event {
	ev := Event{Kind: Unclear, OrderNo: step.OrderNo, RefundNo: step.RefundNo, At: now, Amount: s.Amount, TransactionID: "tx"}
	o := p.orders[step.OrderNo]
	switch step.Do {
	case Order, Charge:
		return p.create(s, step, now, ev)
	case Query:
		if ev.Kind = p.state(o, now); o != nil {
			ev.Amount = cny
			for _, r := range p.refunds {
				ev.Returned = ev.Returned || r.orderNo == step.OrderNo
			}
		}
	case Close, Reverse:
		switch {
		case o == nil || now < o.known:
			ev.Kind = Missing
		case step.Do == Close && o.paid:
		case step.Do == Reverse && now < p.sent[step.OrderNo].Add(15*time.Second):
			p.t.Fatalf("a reversal %s after the charge", now.Sub(p.sent[step.OrderNo]))
		case step.Do == Reverse && now < o.known.Add(-p.lag+15*time.Second): // it arrived late: too early for the provider
		default:
			o.closed, o.undone = true, o.paid
			ev.Kind = map[Action]Kind{Close: Closed, Reverse: TakenBack}[step.Do]
		}
	case SendRefund:
		p.refund(s, s.Refund(step.RefundNo), o)
		p.tellRefund(s, &ev, step.RefundNo)
	case QueryRefund:
		p.tellRefund(s, &ev, step.RefundNo)
	}
	return ev
}

// refund takes a refund once, whatever number of requests there are under its
// number. It may end without the money, or wait for somebody.
func (p *provider) refund(s Sale, r *Refund, o *order) {
	if _, ok := p.refunds[r.No]; ok || o == nil || !o.paid || o.undone {
		return
	}
	sum := r.Amount.Minor
	for _, other := range p.refunds {
		if other.orderNo == r.OrderNo && other.how != "closed" {
			sum += other.minor
		}
	}
	switch {
	case sum > cny.Minor && s.Restored != nil:
		return // what the lost part did is found out by and by
	case sum > cny.Minor:
		p.t.Fatalf("refund %s makes it %d, while others may live", r.No, sum)
	}
	how := "done"
	switch {
	case p.chance("the shop has no balance", 5):
		return
	case p.chance("closed", 10):
		how = "closed"
	case p.chance("abnormal", 10):
		how = "held"
	}
	p.refunds[r.No] = refunded{r.OrderNo, how, r.Amount.Minor}
	if how == "done" {
		o.refunded += r.Amount.Minor
	}
	p.late[r.No] = func() {
		p.refunds[r.No] = refunded{r.OrderNo, "done", r.Amount.Minor}
		o.refunded += r.Amount.Minor
	}
}

func (p *provider) tellRefund(s Sale, ev *Event, no string) {
	if p.refunds[no].how == "held" && (p.calm || p.chance("somebody finishes it", 10)) {
		p.late[no]()
	}
	was, known := p.refunds[no]
	if r := s.Refund(no); known && r != nil && r.Amount.Minor != was.minor {
		return // the number has other terms
	}
	switch ev.Amount.Minor = was.minor; {
	case !known:
		ev.Kind = Missing
	case was.how == "done" && p.chance("processing", 40):
		ev.Kind = RefundPending
	case was.how == "done":
		ev.Kind = RefundDone
	default:
		ev.Kind, ev.Held = RefundFailed, was.how == "held"
	}
}

func (p *provider) create(s Sale, step Step, now Instant, ev Event) Event {
	if step.Do == Charge {
		if p.charges[step.OrderNo]++; p.charges[step.OrderNo] > 1 {
			p.t.Fatalf("order %s was charged by a second request", step.OrderNo)
		}
	}
	if p.orders[step.OrderNo] == nil {
		if challenge := s.Liveness == nil && p.chance("challenged", 10); challenge || step.Do == Charge && p.chance("refused", 10) {
			ev.Appeal = p.chance("by a policy", 50)
			if challenge {
				ev.Liveness = check(step.OrderNo)
			}
			if step.Do == Charge && p.chance("refused and yet", 30) { // the provider contradicts itself later
				no := step.OrderNo
				p.delay(now, func(at Instant) { p.orders[no] = &order{known: at.Add(p.lag), flow: s.Flow, paid: true} })
			}
			if ev.Kind = ChargeRefused; step.Do == Order {
				ev.Kind = OrderRefused
			}
			return ev
		}
		p.orders[step.OrderNo] = &order{known: now.Add(p.lag), flow: s.Flow}
	}
	o := p.orders[step.OrderNo]
	ev.Kind = Ordered
	ev.CodeURL, ev.Lasts = "weixin://x", time.Minute
	wait := Instant(0)
	switch rapid.IntRange(0, 3).Draw(p.t, "payer") {
	case 0: // never pays
		wait = -1
	case 1:
		wait = Instant(time.Duration(rapid.IntRange(1, 90).Draw(p.t, "pays after")) * time.Second)
	case 2:
		o.fails = step.Do == Charge
	}
	if wait >= 0 {
		o.payAt = now + wait
	}
	if step.Do == Order {
		return ev
	}
	p.tick(now)
	ev.Kind = p.state(o, now.Add(p.lag)) // the charge's own answer does not lag
	return ev
}

func (p *provider) state(o *order, now Instant) Kind {
	switch {
	case o == nil || now < o.known:
		return Missing
	case o.undone || o.closed && o.flow == Payer:
		return TakenBack
	case o.closed:
		return Closed
	case o.paid:
		return Received
	case o.fails:
		return PayFailed
	}
	return Waiting
}

// net is the truth: whose money is with the shop.
func (p *provider) net() int64 {
	sum := int64(0)
	for _, o := range p.orders {
		if o.paid && !o.undone {
			sum += cny.Minor - o.refunded
		}
	}
	return sum
}

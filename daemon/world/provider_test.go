package world

import (
	"math/rand/v2"
	"strings"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// reply is what the provider says.
type reply struct {
	code     string
	amount   int64
	currency string
	url      string
	verdict  sale.Verdict // of its model, once that has looked
	returned bool         // some of it was asked back
}

// order is the truth about one order.
type order struct {
	name       string
	amount     money.Money
	model      opinion
	native     bool
	body       string
	send       int
	came       time.Time
	known      time.Time // when queries begin to know it
	paid       bool
	closed     bool // nobody can pay it any more
	undone     bool // the payer has the money back
	failed     bool
	final      bool // cannot be reversed once it is paid
	refunded   int64
	lastRefund time.Time
}

// opinion is what the provider's model makes of an order, and when that is known.
type opinion struct {
	verdict sale.Verdict
	at      time.Time
}

// refund is the truth about one refund.
type refund struct {
	order  string
	amount money.Money
	body   string
	state  string
}

func (r *refund) reply() reply {
	return reply{code: r.state, amount: r.amount.Minor, currency: string(r.amount.Currency)}
}

// provider knows the truth. All of it is guarded by the world's lock.
type provider struct {
	w       *world
	orders  map[string]*order
	refunds map[string]*refund
	codes   map[string]string    // payers' codes, and the order that spent each
	sent    map[string]time.Time // when a charge or an order first left a till
	faces   map[string]*face     // checks, by number
	keys    map[string]string    // the order of each idempotency key
	key     map[string]string    // the idempotency key of each order
}

func (p *provider) holds(no string) bool {
	o := p.orders[no]
	return o != nil && o.paid && !o.undone
}

// nickname is an order without what differs from run to run.
func nickname(name, no string) string { return name + "/" + no[len(no)-1:] }

// take is one call. w.mu is held.
func (p *provider) take(m message) reply {
	o := p.orders[m.Order]
	switch m.Op {
	case "order":
		return p.create(m, o, true)
	case "charge":
		return p.charge(m, o)
	case "query":
		if o == nil || time.Now().Before(o.known) {
			return reply{code: "ORDER_NOT_EXIST"}
		}
		return o.state()
	case "open", "verify":
		return p.check(m)
	case "close":
		switch {
		case o == nil:
			return reply{code: "ORDER_NOT_EXIST"}
		case o.paid:
			return reply{code: "ORDERPAID"}
		}
		o.closed = true
		return reply{code: "CLOSED"}
	case "reverse":
		return p.reverse(m, o)
	case "refund":
		return p.refund(m, o)
	case "query_refund":
		if r := p.refunds[m.Refund]; r != nil {
			return r.reply()
		}
		return reply{code: "ORDER_NOT_EXIST"}
	}
	p.w.violate("the provider does not know the call %q", m.Op)
	return reply{code: "SYSTEM_ERROR"}
}

func (o *order) state() reply {
	switch {
	case o.undone || o.closed && !o.native:
		return reply{code: "REVOKED"}
	case o.paid:
		r := reply{code: "SUCCESS", amount: o.amount.Minor, currency: string(o.amount.Currency), returned: !o.lastRefund.IsZero()}
		if o.model.verdict != "" && time.Now().After(o.model.at) {
			r.verdict = o.model.verdict
		}
		return r
	case o.closed:
		return reply{code: "CLOSED"}
	case o.failed:
		return reply{code: "PAYERROR"}
	}
	return reply{code: "NOTPAY"}
}

func (p *provider) create(m message, o *order, native bool) reply {
	if o == nil {
		r := p.w.roll("order", nickname(m.Name, m.Order))
		o = &order{
			name: m.Name, amount: money.Money{Minor: m.Amount, Currency: money.Currency(m.Currency)}, native: native, body: m.body, send: m.send, came: time.Now(), known: time.Now(), final: r.IntN(30) == 0,
		}
		if m.Key != "" {
			o.judge(r)
		}
		if lag := r.IntN(20); lag < 3 {
			o.known = o.known.Add([]time.Duration{2 * time.Second, 20 * time.Second, 4 * time.Minute}[lag])
		}
		if native && r.IntN(20) == 0 {
			return p.refusal(m)
		}
		if no, wanted := p.challenge(m); native && wanted {
			return no
		}
		p.orders[m.Order] = o
	}
	if o.body != m.body {
		p.w.violate("I4: order %s was sent with other bytes", nickname(m.Name, m.Order))
	}
	if o.closed || o.paid {
		return reply{code: "REFUSED"}
	}
	return reply{code: "ORDERED", url: "weixin://pay/" + m.Order}
}

// charge spends a payer's code. What comes of it is drawn for the order.
func (p *provider) charge(m message, o *order) reply {
	name := nickname(m.Name, m.Order)
	if o != nil {
		if o.send != m.send {
			p.w.violate("I1: order %s was charged by a second request", name)
		}
		return o.state()
	}
	if by := p.codes[m.Code]; by != "" && by != m.Order || !p.w.codes[m.Code] {
		return reply{code: "REFUSED"}
	}
	if no, wanted := p.challenge(m); wanted {
		return no
	}
	r := p.w.roll("charge", name)
	kind := r.IntN(100)
	if kind < 10 { // the payer's account will not do
		pay := func() {
			if p.orders[m.Order] == nil {
				p.create(m, nil, false)
				p.orders[m.Order].paid = true
			}
		}
		switch kind {
		case 0: // and yet it did, later
			p.w.after(between(r, time.Second, time.Minute), pay)
		case 1: // and yet it did
			pay()
			return reply{code: "REFUSED"}
		}
		return p.refusal(m)
	}
	p.codes[m.Code] = m.Order
	p.create(m, nil, false)
	o = p.orders[m.Order]
	switch {
	case kind < 70:
		o.paid = true
	case kind < 85: // a password first
		p.w.after(between(r, 2*time.Second, time.Minute), o.pay)
	case kind < 90:
		p.w.after(between(r, 2*time.Second, 20*time.Second), func() { o.failed = !o.paid })
	case kind < 95: // the payer puts the telephone away
	default:
		o.paid = true
		return reply{code: "SYSTEM_ERROR"}
	}
	return o.state()
}

// judge is the provider's model looking at an order that carries a key, hours later at
// times and not at all at others.
func (o *order) judge(r *rand.Rand) {
	o.model = opinion{sale.Consistent, o.came.Add(between(r, 0, 10*time.Minute))}
	switch r.IntN(10) {
	case 0:
		o.model.verdict = sale.Mismatch
	case 1:
		o.model.at = o.came.Add(between(r, time.Hour, 10*time.Hour))
	case 2:
		o.model.verdict = sale.Unread
	}
}

// pay is the payer's doing.
func (o *order) pay() {
	if !o.closed && !o.failed {
		o.paid = true
	}
}

func (p *provider) reverse(m message, o *order) reply {
	if left, ok := p.sent[m.Order]; ok && time.Since(left) < 15*time.Second {
		p.w.violate("order %s is reversed %s after it was charged", nickname(m.Name, m.Order), time.Since(left))
	}
	switch {
	case o == nil:
		return reply{code: "ORDER_NOT_EXIST"}
	case time.Since(o.came) < 15*time.Second:
		return reply{code: "TOO_EARLY"}
	case o.paid && o.final:
		return reply{code: "REVERSE_EXPIRE"}
	case o.refunded > 0:
		p.w.violate("order %s is reversed after a refund", nickname(m.Name, m.Order))
	}
	if p.w.terms(m.Name).seen == m.Order && o.paid {
		p.w.violate("order %s, which somebody has seen paid, is taken back", nickname(m.Name, m.Order))
	}
	o.closed, o.undone = true, o.paid
	return reply{code: "REVOKED"}
}

func (p *provider) refund(m message, o *order) reply {
	if was := p.refunds[m.Refund]; was != nil {
		if was.body != m.body {
			p.w.violate("I4: refund %s was sent with other bytes", m.Refund)
		}
		return was.reply()
	}
	if o == nil || !o.paid || o.undone {
		return reply{code: "SYSTEM_ERROR"}
	}
	name := nickname(m.Name, m.Order)
	if m.Currency != string(o.amount.Currency) {
		p.w.violate("a refund of order %s of %s is in %s", name, o.amount.Currency, m.Currency)
	}
	if o.refunded+m.Amount > o.amount.Minor {
		p.w.violate("I6: %d is refunded of order %s of %d", o.refunded+m.Amount, name, o.amount.Minor)
		return reply{code: "SYSTEM_ERROR"}
	}
	if time.Since(o.lastRefund) < time.Minute {
		return reply{code: "FREQUENCY_LIMITED"}
	}
	o.lastRefund = time.Now()
	rf := &refund{order: m.Order, amount: money.Money{Minor: m.Amount, Currency: o.amount.Currency}, body: m.body, state: "SUCCESS"}
	p.refunds[m.Refund] = rf
	r := p.w.roll("refund", name, m.Refund[strings.LastIndexByte(m.Refund, 'R'):])
	switch n := r.IntN(100); {
	case n < 3: // a person finishes it, in hours or days
		rf.state = "ABNORMAL"
		p.w.after(between(r, time.Hour, 60*time.Hour), func() {
			rf.state = "SUCCESS"
			o.refunded += m.Amount
		})
		return rf.reply()
	case n < 30:
		rf.state = "PROCESSING"
		p.w.after(between(r, time.Second, 30*time.Hour), func() { rf.state = "SUCCESS" })
	}
	o.refunded += m.Amount
	return rf.reply()
}

// after lets something happen later, whoever has power then.
func (w *world) after(d time.Duration, f func()) {
	time.AfterFunc(d, func() { w.locked(f) })
}

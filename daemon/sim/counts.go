package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"
)

// Money is what happened to a payer's money, in fen.
type Money struct {
	Charges        int   `json:"charges"`         // how often money was taken
	Charged        int64 `json:"charged"`         // how much
	Reversals      int   `json:"reversals"`       // paid orders reversed
	Reversed       int64 `json:"reversed"`        // money given back that way
	Refunds        int   `json:"refunds"`         // refunds that arrived
	Refunded       int64 `json:"refunded"`        // money given back that way
	PendingRefunds int   `json:"pending_refunds"` // refunds accepted, not arrived yet
	FailedRefunds  int   `json:"failed_refunds"`  // refunds that ended ABNORMAL or CLOSED
	Net            int64 `json:"net"`             // charged - reversed - refunded
}

func (m *Money) charge(fen int64)  { m.Charges++; m.Charged += fen; m.Net += fen }
func (m *Money) reverse(fen int64) { m.Reversals++; m.Reversed += fen; m.Net -= fen }
func (m *Money) refund(fen int64)  { m.Refunds++; m.Refunded += fen; m.Net -= fen }

func (m *Money) add(o Money) {
	m.Charges, m.Charged = m.Charges+o.Charges, m.Charged+o.Charged
	m.Reversals, m.Reversed = m.Reversals+o.Reversals, m.Reversed+o.Reversed
	m.Refunds, m.Refunded = m.Refunds+o.Refunds, m.Refunded+o.Refunded
	m.PendingRefunds, m.FailedRefunds = m.PendingRefunds+o.PendingRefunds, m.FailedRefunds+o.FailedRefunds
	m.Net += o.Net
}

// OrderCounts is everything seen under one merchant order number, whether or not an order came of it.
type OrderCounts struct {
	OutTradeNo    string `json:"out_trade_no"`
	Kind          string `json:"kind,omitempty"`  // "native" or "codepay"; "" when no request was ever executed
	State         string `json:"state,omitempty"` // the true trade state, whatever queries say
	Total         int64  `json:"total"`
	Currency      string `json:"currency,omitempty"`
	Description   string `json:"description,omitempty"`
	TransactionID string `json:"transaction_id,omitempty"`
	Payer         string `json:"payer,omitempty"`
	Money
	Codes      map[string]int      `json:"codes"`               // payer code -> charges
	Requests   map[string]int      `json:"requests"`            // operation -> requests received, faulty answers included
	Bodies     map[string][]string `json:"bodies"`              // operation -> SHA-256 of each distinct body
	Faults     []string            `json:"faults"`              // faults that fired, in order
	Violations []Violation         `json:"violations"`          // broken rules of the provider
	ShadowOf   string              `json:"shadow_of,omitempty"` // order number that a key without protection let charge again
}

// Violation is a rule of the provider that the merchant's side broke.
type Violation struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
}

// Counts is everything the provider saw.
type Counts struct {
	Totals     Money             `json:"totals"`
	Orders     []OrderCounts     `json:"orders"`   // in the order of their first request
	Payers     map[string]Money  `json:"payers"`   // by the payer's account
	Codes      map[string]int    `json:"codes"`    // payer code -> charges
	Requests   map[string]int    `json:"requests"` // operation -> requests received
	Refused    int               `json:"refused"`  // requests refused at the door: signature, headers
	Cut        int               `json:"cut"`      // connections reset because the link was down
	Violations []Violation       `json:"violations"`
	LastRefuse map[string]string `json:"last_refusal,omitempty"` // code and reason of the last refusal at the door
	AI         AICounts          `json:"ai"`
	Notices    NoticeCounts      `json:"notices"`
}

// tallies counts. Its maps are made by newTallies.
type tallies struct {
	orders     map[string]*OrderCounts
	first      []string
	fired      map[string]int // order number, operation and fault -> how often
	payers     map[string]*Money
	wallets    map[string]map[string]int64 // what came and went, by payer and currency
	requests   map[string]int
	refused    int
	cut        int
	violations []Violation
	lastRefuse map[string]string
	accepted   map[string]bool // order numbers with a code payment that may have been executed
}

func newTallies() tallies {
	return tallies{
		orders: map[string]*OrderCounts{}, fired: map[string]int{}, payers: map[string]*Money{},
		wallets:  map[string]map[string]int64{},
		requests: map[string]int{}, accepted: map[string]bool{},
	}
}

func (t *tallies) of(no string) *OrderCounts {
	c := t.orders[no]
	if c == nil {
		c = &OrderCounts{
			OutTradeNo: no, Codes: map[string]int{}, Requests: map[string]int{}, Bodies: map[string][]string{},
			Faults: []string{}, Violations: []Violation{},
		}
		t.orders[no] = c
		t.first = append(t.first, no)
	}
	return c
}

func (t *tallies) payer(name string) *Money {
	if t.payers[name] == nil {
		t.payers[name] = &Money{}
	}
	return t.payers[name]
}

// request notes that a request was received, before anything is done about it.
func (t *tallies) request(c *call) {
	t.requests[c.op]++
	if c.no == "" {
		return
	}
	o := t.of(c.no)
	o.Requests[c.op]++
	if (c.op == opNative || c.op == opCodepay || c.op == opAIPayment) && o.Total == 0 {
		o.Total = c.total
	}
	if len(c.body) > 0 {
		sum := sha256.Sum256(c.body)
		h := hex.EncodeToString(sum[:])
		if !slices.Contains(o.Bodies[c.op], h) {
			o.Bodies[c.op] = append(o.Bodies[c.op], h)
		}
	}
	if c.op == opCodepay {
		if t.accepted[c.no] {
			t.violation(c.no, c.now, "second codepay POST for the same order")
		}
		// 401 and 429 are "not accepted" by the provider's own rule, so the same request may come again.
		if c.fault == nil || !c.fault.notAccepted {
			t.accepted[c.no] = true
		}
	}
}

func (t *tallies) violation(no string, at time.Time, what string) {
	v := Violation{at, what}
	if no == "" {
		t.violations = append(t.violations, v)
		return
	}
	o := t.of(no)
	o.Violations = append(o.Violations, v)
}

func (t *tallies) charge(o *order) {
	c := t.of(o.no)
	c.charge(o.terms.total)
	if o.terms.authCode != "" {
		c.Codes[o.terms.authCode]++
	}
	t.payer(o.pay.payer).charge(o.terms.total)
	t.moved(o, -o.terms.total)
}

func (t *tallies) reversal(o *order) {
	t.of(o.no).reverse(o.terms.total)
	t.payer(o.pay.payer).reverse(o.terms.total)
	t.moved(o, o.terms.total)
}

func (t *tallies) refund(r *refund) {
	c := t.of(r.order.no)
	c.PendingRefunds--
	if r.state != refundSuccess {
		c.FailedRefunds++
		return
	}
	c.refund(r.amount)
	t.payer(r.order.pay.payer).refund(r.amount)
	t.moved(r.order, r.amount)
}

func (t *tallies) moved(o *order, amount int64) {
	w := t.wallets[o.pay.payer]
	if w == nil {
		w = map[string]int64{}
		t.wallets[o.pay.payer] = w
	}
	w[o.terms.money()] += amount
}

// settleAll brings everything up to now.
func (w *WeChat) settleAll(now time.Time) {
	for no := range w.book.orders {
		w.find(no, now)
	}
	w.settleCrossings(now)
}

// Report tells what the provider saw so far.
func (w *WeChat) Report() Counts {
	w.lock()
	defer w.mu.Unlock()
	t := &w.tally
	w.settleAll(w.now())
	c := Counts{
		Orders: make([]OrderCounts, 0, len(t.first)), Payers: map[string]Money{}, Codes: map[string]int{},
		Requests: maps.Clone(t.requests), Refused: t.refused, Cut: t.cut,
		Violations: slices.Clone(t.violations), LastRefuse: t.lastRefuse,
		AI: w.ai.count.clone(), Notices: w.post.counts(),
	}
	for _, no := range t.first {
		o := w.orderCounts(no)
		c.Totals.add(o.Money)
		for code, n := range o.Codes {
			c.Codes[code] += n
		}
		for _, v := range o.Violations {
			c.Violations = append(c.Violations, Violation{v.At, fmt.Sprintf("%s: %s", no, v.What)})
		}
		c.Orders = append(c.Orders, o)
	}
	for name, m := range t.payers {
		c.Payers[name] = *m
	}
	sort.SliceStable(c.Violations, func(i, j int) bool { return c.Violations[i].At.Before(c.Violations[j].At) })
	if c.Violations == nil {
		c.Violations = []Violation{}
	}
	return c
}

// OrderReport tells what was seen under one order number; ok is false when nothing was.
func (w *WeChat) OrderReport(no string) (c OrderCounts, ok bool) {
	w.lock()
	defer w.mu.Unlock()
	w.find(no, w.now())
	if w.tally.orders[no] == nil {
		return OrderCounts{}, false
	}
	return w.orderCounts(no), true
}

// orderCounts copies, so that a report does not change under its reader.
func (w *WeChat) orderCounts(no string) OrderCounts {
	c := *w.tally.orders[no]
	c.Codes, c.Requests = maps.Clone(c.Codes), maps.Clone(c.Requests)
	bodies := make(map[string][]string, len(c.Bodies))
	for op, hashes := range c.Bodies {
		bodies[op] = slices.Clone(hashes)
	}
	c.Bodies, c.Faults, c.Violations = bodies, slices.Clone(c.Faults), slices.Clone(c.Violations)
	if o := w.book.orders[no]; o != nil {
		c.Kind, c.State, c.Total, c.Description = o.kind, o.state, o.terms.total, o.terms.description
		c.Currency = o.terms.money()
		c.TransactionID, c.Payer = o.pay.id, o.pay.payer
	}
	return c
}

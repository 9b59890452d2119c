package checkout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

var tea = sale.New{Amount: money.Money{Minor: 1280, Currency: "CNY"}, Description: "tea"}

const payerCode = "134567890123456789"

// book is a Journal in memory that keeps what a disk keeps: only committed facts.
type book struct {
	mu    sync.Mutex
	sales map[sale.ID]sale.Sale
	facts map[sale.ID][]sale.Kind
	codes map[string]sale.ID
	seq   uint64
	fail  error // the disk's next answer
}

func (b *book) Now() sale.Now { return sale.Now{At: sale.Instant(time.Now().UnixNano()), Since: 1} }

func (b *book) Begin(_ context.Context, n sale.New, session string, once sale.Once) (sale.Sale, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return sale.Sale{}, false, b.fail
	}
	b.seq++
	at := b.Now().At
	id, key := sale.Mint([]byte("secret"), "T1", session, b.seq, at, time.Now())
	s, err := sale.Begin(n, id, key, sale.Event{Kind: sale.Begun, At: at})
	b.sales[id] = s
	return s, false, err
}

func (b *book) Commit(ctx context.Context, id sale.ID, ev sale.Event, _ sale.Once) (sale.Sale, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return sale.Sale{}, b.fail
	}
	if err := ctx.Err(); err != nil {
		return sale.Sale{}, err
	}
	ev.At = b.Now().At
	if owner, used := b.codes[ev.CodeID]; ev.CodeID != "" && used {
		return sale.Sale{}, &sale.Refusal{Code: "code_used", Text: "used by " + string(owner)}
	}
	s, err := b.sales[id].Apply(ev)
	if err != nil {
		return sale.Sale{}, err
	}
	if ev.CodeID != "" {
		b.codes[ev.CodeID] = id
	}
	b.sales[id] = s
	b.facts[id] = append(b.facts[id], ev.Kind)
	return s, nil
}

func (b *book) Sale(id sale.ID) (sale.Sale, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s, ok := b.sales[id]
	if !ok {
		return s, errors.New("no such sale")
	}
	return s, nil
}

func (b *book) Unfinished() ([]sale.ID, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Collect(maps.Keys(b.sales)), func(id sale.ID) bool {
		return b.sales[id].Next(b.Now(), sale.Watch{}, sale.DefaultPlan()).Do == sale.Nothing
	}), nil
}

// heldRefund is how a script says that the provider holds a refund.
const heldRefund sale.Kind = "held"

// counter is a Gateway that answers by script and counts what it was asked.
type counter struct {
	mu     sync.Mutex
	calls  []sale.Action
	times  []time.Duration // since the first call
	began  time.Time
	live   map[sale.ID]int
	answer func(step sale.Step, nth int) (sale.Kind, time.Duration) // nth call of this action, and how long it takes
	t      *testing.T
}

func (c *counter) Prepare(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error) {
	if (step.Do == sale.Charge) == code.IsZero() {
		c.t.Errorf("%s prepared with code %v", step.Do, code)
	}
	return sale.NewRequest("POST", "/"+step.OrderNo, []byte(`{"code":"`+code.Reveal()+`"}`), code), nil
}

func (c *counter) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	c.mu.Lock()
	if c.began.IsZero() {
		c.began, c.live = time.Now(), map[sale.ID]int{}
	}
	if c.live[s.ID]++; c.live[s.ID] > 1 {
		c.t.Errorf("two steps of sale %s on the wire at once", s.ID)
	}
	nth := 1
	for _, a := range c.calls {
		if a == step.Do {
			nth++
		}
	}
	c.calls = append(c.calls, step.Do)
	c.times = append(c.times, time.Since(c.began))
	c.mu.Unlock()
	kind, takes := c.answer(step, nth)
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		kind = sale.Unclear
	}
	c.mu.Lock()
	c.live[s.ID]--
	c.mu.Unlock()
	held := kind == heldRefund
	if held {
		kind = sale.RefundFailed
	}
	return sale.Event{
		Kind: kind, Held: held, OrderNo: step.OrderNo, RefundNo: step.RefundNo, Amount: s.Amount, CodeURL: "weixin://x", Lasts: 5 * time.Minute,
		TransactionID: "tx", Why: &sale.Reason{Code: string(kind), Message: "as scripted"},
	}
}

// at lists the calls of one action in whole seconds.
func (c *counter) at(do sale.Action) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var when []int
	for i, a := range c.calls {
		if a == do {
			when = append(when, int(c.times[i].Round(time.Second)/time.Second))
		}
	}
	return fmt.Sprint(when)
}

// shop runs a desk in a bubble of virtual time until the test function returns.
func shop(t *testing.T, answer func(step sale.Step, nth int) (sale.Kind, time.Duration), f func(d *Desk, b *book, c *counter)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &book{sales: map[sale.ID]sale.Sale{}, facts: map[sale.ID][]sale.Kind{}, codes: map[string]sale.ID{}}
		c := &counter{answer: answer, t: t}
		d, stop := open(t, b, c)
		f(d, b, c)
		stop()
	})
}

func open(t *testing.T, b *book, c *counter) (*Desk, func()) {
	d := New(Options{Gateway: c, Journal: b, Clock: b, Plan: sale.DefaultPlan(), Wallet: "wechat", Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx, ctx) }()
	synctest.Wait() // it has listed what it found
	return d, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// begin opens a sale and, payer-presented, scans the code.
func begin(t *testing.T, d *Desk, flow sale.Flow) sale.ID {
	t.Helper()
	n := tea
	n.Flow = flow
	s, _, err := d.Open(context.Background(), n, sale.Once{})
	if err == nil && flow == sale.Payer {
		_, err = d.Scan(context.Background(), s.ID, payerCode)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.ID
}

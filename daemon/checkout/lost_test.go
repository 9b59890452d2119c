package checkout

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/sale"
)

// stubborn is a book that takes no order.
type stubborn struct {
	*book
	asked int
}

func (b *stubborn) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	if ev.Kind == sale.OrderIntended {
		b.mu.Lock()
		b.asked++
		b.mu.Unlock()
		return sale.Sale{}, &sale.Refusal{Kind: ev.Kind, Code: "never", Text: "it is not wanted"}
	}
	return b.book.Commit(ctx, id, ev, once)
}

// A sale whose rules and whose record disagree rests between its tries: it neither
// burns the processor nor holds a worker that another sale waits for.
func TestAStepThatIsRefusedForEverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{sales: map[sale.ID]sale.Sale{}, facts: map[sale.ID][]sale.Kind{}, codes: map[string]sale.ID{}}
		s := &stubborn{book: b}
		d := New(Options{Gateway: &counter{t: t}, Journal: s, Clock: b, Plan: sale.DefaultPlan(), Workers: 1})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- d.Run(ctx, ctx) }()
		begin(t, d, sale.Merchant)
		time.Sleep(time.Minute)
		synctest.Wait() // the try of this very moment ends
		if owing, driven := d.Load(); owing != 1 || driven != 0 || s.asked < 2 || s.asked > 13*(maxLost+1) {
			t.Errorf("in a minute it was tried %d times; %d sales owe, %d are on the wire", s.asked, owing, driven)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// The same for a fact that its sale refuses.
func TestAFactThatIsRefusedForEverRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{sales: map[sale.ID]sale.Sale{}, facts: map[sale.ID][]sale.Kind{}, codes: map[string]sale.ID{}}
		d := New(Options{Gateway: &counter{t: t}, Journal: b, Clock: b, Plan: sale.DefaultPlan(), Workers: 1, Pricer: unpriced{b}})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- d.Run(ctx, ctx) }()
		n := tea
		n.Flow, n.PayIn = sale.Payer, "JPY"
		if _, _, err := d.Open(ctx, n, sale.Once{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		synctest.Wait() // the try of this very moment ends
		if owing, driven := d.Load(); owing != 1 || driven != 0 || b.seq < 2 || b.seq > 13*(maxLost+2) {
			t.Errorf("in a minute it was priced %d times; %d sales owe, %d are on the wire", b.seq, owing, driven)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// unpriced gives a price without a range, and counts in the book how often it was asked.
type unpriced struct{ *book }

func (u unpriced) Price(context.Context, sale.Sale) sale.Event {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.seq++
	return sale.Event{Kind: sale.Priced, Price: &sale.Price{}}
}

package checkout

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/hw/scanner"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Whenever the process dies, the next one asks and never charges again.
func TestRestartAsksAndNeverCharges(t *testing.T) {
	shop(t, func(step sale.Step, nth int) (sale.Kind, time.Duration) {
		if step.Do == sale.Charge {
			return sale.Received, time.Hour // dies on the wire
		}
		return sale.Received, 0
	}, func(_ *Desk, b *book, g *counter) {
		d, stop := open(t, b, g)
		id := begin(t, d, sale.Payer)
		time.Sleep(3 * time.Second)
		stop()
		if s, _ := b.Sale(id); s.State != sale.InDoubt {
			t.Errorf("cut on the wire, the sale is %s", s.State)
		}
		b.mu.Lock() // as a power cut would leave it: the intent and nothing after
		s := b.sales[id]
		s.State = sale.Charging
		b.sales[id] = s
		b.mu.Unlock()
		_, stop = open(t, b, g)
		time.Sleep(time.Second)
		if s, _ := b.Sale(id); s.State != sale.Paid || g.at(sale.Charge) != "[0]" {
			t.Errorf("after the restart the sale is %s, charges %s", s.State, g.at(sale.Charge))
		}
		stop()
	})
}

func TestOneCodeServesOneOrder(t *testing.T) {
	shop(t, each(map[sale.Action][]sale.Kind{sale.Charge: {sale.Received}}), func(d *Desk, _ *book, g *counter) {
		begin(t, d, sale.Payer)
		s, _, _ := d.Open(context.Background(), sale.New{Flow: sale.Payer, Amount: tea.Amount}, sale.Once{})
		_, err := d.Scan(context.Background(), s.ID, payerCode)
		var no *sale.Refusal
		if !errors.As(err, &no) || no.Code != "code_used" {
			t.Errorf("the same code again: %v", err)
		}
		if g.at(sale.Charge) != "[0]" {
			t.Errorf("charged %s", g.at(sale.Charge))
		}
	})
}

func TestScansThatAreNotForThisSale(t *testing.T) {
	shop(t, each(map[sale.Action][]sale.Kind{sale.Charge: {sale.Waiting}, sale.Query: {sale.Waiting}, sale.Order: {sale.Ordered}}), func(d *Desk, b *book, g *counter) {
		var seen []string
		d.Notice = func(n Notice) {
			if n.Code == "" || n.Message == "" || n.Hint == "" {
				t.Errorf("a notice without words: %+v", n)
			}
			seen = append(seen, n.Code)
		}
		age := time.Duration(0)
		scan := func(text string) {
			d.Scanned(context.Background(), scanner.Scan{Class: scanner.Classify(text, "", scanner.DefaultWallets()), At: time.Now().Add(-age)})
		}
		scan(payerCode)            // nobody waits
		begin(t, d, sale.Merchant) // and a QR sale does not either
		scan(payerCode)            //
		s, _, _ := d.Open(context.Background(), sale.New{Flow: sale.Payer, Amount: tea.Amount}, sale.Once{})
		scan("6901234567892")           // a product
		scan("https://example.com/pay") //
		scan("2812345678901234567")     // another wallet
		age = time.Minute
		scan(payerCode) // of a customer who has left
		age = 0
		scan(payerCode)            // at last
		scan("134567890123456780") // and a second customer's
		if want := "[scan_unexpected scan_unexpected scan_product scan_url scan_other_wallet scan_stale scan_unexpected]"; fmt.Sprint(seen) != want {
			t.Errorf("notices %v, want %s", seen, want)
		}
		if _, err := d.Scan(context.Background(), s.ID, "134567890123456780"); err == nil {
			t.Error("a second code was taken while the first is in doubt")
		}
		if got, _ := b.Sale(s.ID); len(got.Attempts) != 1 || g.at(sale.Charge) != "[0]" {
			t.Errorf("%d attempts, charges %s", len(got.Attempts), g.at(sale.Charge))
		}
	})
}

func TestCancelAtEveryMoment(t *testing.T) {
	for _, c := range []struct {
		name  string
		flow  sale.Flow
		after time.Duration
		end   sale.State
		undo  string
	}{
		{"a QR code on the screen", sale.Merchant, 7 * time.Second, sale.Cancelled, "[7]"},
		{"a charge in doubt, not before 16 s", sale.Payer, 7 * time.Second, sale.Cancelled, "[16]"},
		{"a charge in doubt, late", sale.Payer, 22 * time.Second, sale.Cancelled, "[22]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			shop(t, each(map[sale.Action][]sale.Kind{
				sale.Order: {sale.Ordered}, sale.Charge: {sale.Waiting}, sale.Query: {sale.Waiting}, sale.Close: {sale.Closed}, sale.Reverse: {sale.TakenBack},
			}), func(d *Desk, b *book, g *counter) {
				id := begin(t, d, c.flow)
				time.Sleep(c.after)
				if _, err := d.Cancel(context.Background(), id, "Li"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Minute)
				s, _ := b.Sale(id)
				do := map[sale.Flow]sale.Action{sale.Merchant: sale.Close, sale.Payer: sale.Reverse}[c.flow]
				if s.State != c.end || g.at(do) != c.undo {
					t.Errorf("%s, %s at %s; want %s at %s", s.State, do, g.at(do), c.end, c.undo)
				}
			})
		})
	}
}

func TestRefundsArePacedAndBounded(t *testing.T) {
	shop(t, each(map[sale.Action][]sale.Kind{
		sale.Charge: {sale.Received}, sale.SendRefund: {sale.RefundPending, sale.Unclear, sale.RefundDone}, sale.QueryRefund: {sale.RefundPending, sale.RefundDone, sale.Missing},
	}), func(d *Desk, b *book, g *counter) {
		id := begin(t, d, sale.Payer)
		synctest.Wait()
		part := money.Money{Minor: 300, Currency: "CNY"}
		if _, _, err := d.Refund(context.Background(), id, part, "Li", "cold", sale.Once{}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := d.Refund(context.Background(), id, part, "Li", "", sale.Once{}); err == nil {
			t.Error("a second refund while one is under way")
		}
		time.Sleep(30 * time.Second)
		s, _, err := d.Refund(context.Background(), id, money.Money{}, "Li", "", sale.Once{})
		if err != nil || s.Refunds[1].Amount.Minor != 980 {
			t.Fatalf("the rest: %+v, %v", s.Refunds, err)
		}
		time.Sleep(10 * time.Minute)
		if s, _ = b.Sale(id); s.State != sale.Refunded || s.Net() != 0 {
			t.Errorf("%s with %d left", s.State, s.Net())
		}
		if got := g.at(sale.SendRefund); got != "[0 65 130]" {
			t.Errorf("refunds sent at %s: the provider allows one a minute, counted from when it got the first, and the same bytes go again after one", got)
		}
		if _, _, err := d.Refund(context.Background(), id, part, "Li", "", sale.Once{}); err == nil {
			t.Error("more went back than came")
		}
	})
}

// A disk that refuses stops the sale and nothing is sent; when it is back the
// sale goes on.
func TestDiskTrouble(t *testing.T) {
	shop(t, each(map[sale.Action][]sale.Kind{sale.Order: {sale.Ordered}, sale.Query: {sale.Received}}), func(d *Desk, b *book, g *counter) {
		n := tea
		n.Flow = sale.Merchant
		b.mu.Lock()
		s, _, _ := func() (sale.Sale, bool, error) {
			b.mu.Unlock()
			defer b.mu.Lock()
			return d.Journal.Begin(context.Background(), n, "x", sale.Once{})
		}()
		b.fail = errors.New("no space left on device")
		b.mu.Unlock()
		d.kick(s.ID)
		time.Sleep(2 * time.Second)
		if g.at(sale.Order) != "[]" {
			t.Error("an order left without its intent on disk")
		}
		b.mu.Lock()
		b.fail = nil
		b.mu.Unlock()
		time.Sleep(10 * time.Second)
		if s, _ := b.Sale(s.ID); s.State != sale.Paid {
			t.Errorf("the sale is %s", s.State)
		}
	})
}

func TestWorkersAreBoundedAndNobodyStarves(t *testing.T) {
	shop(t, func(step sale.Step, nth int) (sale.Kind, time.Duration) {
		if step.Do == sale.Order {
			return sale.Ordered, time.Second
		}
		return sale.Received, time.Second
	}, func(d *Desk, b *book, _ *counter) {
		d.Workers = 4
		for range 40 {
			begin(t, d, sale.Merchant)
		}
		for range 60 {
			if _, driven := d.Load(); driven > 4 {
				t.Fatalf("%d sales on the wire", driven)
			}
			time.Sleep(time.Second)
		}
		for id, s := range b.sales {
			if s.State != sale.Paid {
				t.Errorf("%s is %s", id, s.State)
			}
		}
		if owing, _ := d.Load(); owing != 0 {
			t.Errorf("%d finished sales are still remembered", owing)
		}
	})
}

func TestStopLetsTheWireFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{sales: map[sale.ID]sale.Sale{}, facts: map[sale.ID][]sale.Kind{}, codes: map[string]sale.ID{}}
		c := &counter{t: t, answer: func(sale.Step, int) (sale.Kind, time.Duration) { return sale.Received, 3 * time.Second }}
		d := New(Options{Gateway: c, Journal: b, Clock: b, Plan: sale.DefaultPlan(), Wallet: "wechat"})
		ctx, stop := context.WithCancel(context.Background())
		cut, end := context.WithCancel(context.Background())
		defer end()
		done := make(chan error)
		go func() { done <- d.Run(ctx, cut) }()
		id := begin(t, d, sale.Payer)
		if err := d.Alive(context.Background()); err != nil {
			t.Error(err)
		}
		stop()
		<-done
		if s, _ := b.Sale(id); s.State != sale.Paid {
			t.Errorf("stopped, the sale is %s: the answer was on the wire", s.State)
		}
	})
}

package checkout

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/sale"
)

func looked(code string) sale.Reason { return sale.Reason{Code: code, Message: "looked"} }

// asked is what the provider was asked about refunds.
type asked struct {
	mu      sync.Mutex
	sent    []string // the ends of their numbers
	queries int
}

func (a *asked) note(step sale.Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch step.Do {
	case sale.SendRefund:
		a.sent = append(a.sent, step.RefundNo[len(step.OrderNo):])
	case sale.QueryRefund:
		a.queries++
	}
}

func (a *asked) count() (sent, queries int, numbers string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sent), a.queries, fmt.Sprint(a.sent)
}

// Every answer that a refund can get: what is sent after it, under which number, and
// where it ends. While a number may live no other is sent; a person's retry of what is
// not closed asks and sends the same.
func TestEveryAnswerToARefund(t *testing.T) {
	type kinds = []sale.Kind
	for _, c := range []struct {
		name        string
		send, query kinds
		retry       bool // after two hours somebody has it go on
		sent        string
		end         sale.State
	}{
		{"SUCCESS", kinds{sale.RefundDone}, kinds{sale.RefundDone}, false, "[R1]", sale.Refunded},
		{"PROCESSING, then SUCCESS", kinds{sale.RefundPending}, kinds{sale.RefundPending, sale.RefundPending, sale.RefundDone}, false, "[R1]", sale.Refunded},
		{"PROCESSING, then CLOSED", kinds{sale.RefundPending}, kinds{sale.RefundFailed}, false, "[R1]", sale.Paid},
		{"PROCESSING, then CLOSED, retried", kinds{sale.RefundPending, sale.RefundDone}, kinds{sale.RefundFailed}, true, "[R1 R2]", sale.Refunded},
		{"ABNORMAL for ever", kinds{sale.RefundPending}, kinds{heldRefund}, false, "[R1]", sale.Paid},
		{"ABNORMAL, retried", kinds{sale.RefundPending}, kinds{heldRefund}, true, "[R1]", sale.Paid},
		{"ABNORMAL, finished by a person", kinds{sale.RefundPending}, kinds{heldRefund, heldRefund, sale.RefundDone}, false, "[R1]", sale.Refunded},
		{"ABNORMAL, closed at last", kinds{sale.RefundPending}, kinds{heldRefund, sale.RefundFailed}, false, "[R1]", sale.Paid},
		{"no balance, too often, or nothing: no word", kinds{sale.Unclear}, kinds{sale.Missing}, false, "[R1 R1 R1 R1 R1 R1]", sale.Refunding},
		{"no balance, topped up and retried", kinds{sale.Unclear, sale.Unclear, sale.Unclear, sale.Unclear, sale.Unclear, sale.RefundDone}, kinds{sale.Missing}, true, "[R1 R1 R1 R1 R1 R1]", sale.Refunded},
		{"lost, and found by a query", kinds{sale.Unclear}, kinds{sale.Missing, sale.RefundDone}, false, "[R1]", sale.Refunded},
	} {
		t.Run(c.name, func(t *testing.T) {
			var heard asked
			first := sale.ID("")
			script := each(map[sale.Action][]sale.Kind{sale.Charge: {sale.Received}, sale.SendRefund: c.send, sale.QueryRefund: c.query})
			shop(t, func(step sale.Step, nth int) (sale.Kind, time.Duration) {
				heard.note(step)
				return script(step, nth)
			}, func(d *Desk, b *book, _ *counter) {
				first = begin(t, d, sale.Payer)
				synctest.Wait()
				if _, _, err := d.Refund(context.Background(), first, tea.Amount, "Li", "cold", sale.Once{}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				before, was, _ := heard.count()
				if c.retry {
					if _, err := d.Say(context.Background(), first, sale.Resumed, "Li", looked("")); err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					after, now, _ := heard.count()
					if s, _ := b.Sale(first); len(s.Refunds) == 1 && (after != before && now == was) {
						t.Error("a retry sent before it asked")
					}
				}
				time.Sleep(70 * time.Minute)
				synctest.Wait()
				s, _ := b.Sale(first)
				if _, _, got := heard.count(); got != c.sent || s.State != c.end {
					t.Errorf("sent %s, ended as %s; want %s, %s", got, s.State, c.sent, c.end)
				}
				if rest := s.State == sale.Refunded; rest == (len(s.Debts()) > 0) {
					t.Errorf("it is %s and owes %+v", s.State, s.Debts())
				}
			})
		})
	}
}

// A charge that nobody knows the outcome of is asked about without end. Taken over as
// paid it is not taken back on silence; as not paid it is, and money that was taken
// goes back.
func TestTakenOver(t *testing.T) {
	for _, c := range []struct {
		name  string
		saw   string
		after sale.Kind // what the provider says after a day of silence
		end   sale.State
		undo  bool
	}{
		{"seen paid, and it was", sale.SeenPaid, sale.Received, sale.Paid, false},
		{"seen paid, and it was not", sale.SeenPaid, sale.Waiting, sale.Reversed, true},
		{"seen not paid, and it was not", sale.SeenUnpaid, sale.Waiting, sale.Cancelled, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var back atomic.Bool
			shop(t, func(step sale.Step, _ int) (sale.Kind, time.Duration) {
				switch {
				case step.Do == sale.Query && back.Load():
					return c.after, 0
				case step.Do == sale.Reverse && back.Load():
					return sale.TakenBack, 0
				}
				return sale.Unclear, 0
			}, func(d *Desk, b *book, g *counter) {
				id := begin(t, d, sale.Payer)
				time.Sleep(7 * time.Second)
				if _, err := d.Say(context.Background(), id, sale.TakenOver, "Li", looked(c.saw)); err != nil {
					t.Fatal(err)
				}
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				if s, _ := b.Sale(id); !s.State.Live() {
					t.Fatalf("after a day of silence it is %s", s.State)
				}
				if got := g.at(sale.Reverse); (got == "[]") != (c.saw == sale.SeenPaid) {
					t.Errorf("in silence it was taken back at %.60s", got)
				}
				back.Store(true)
				time.Sleep(8 * time.Hour)
				synctest.Wait()
				s, _ := b.Sale(id)
				if s.State != c.end || g.at(sale.Charge) != "[0]" || (g.at(sale.Reverse) != "[]") != c.undo {
					t.Errorf("it ended as %s, reversed at %.60s; want %s", s.State, g.at(sale.Reverse), c.end)
				}
			})
		})
	}
}

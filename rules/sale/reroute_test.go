package sale_test

import (
	"testing"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// An order that was refused for no reason of anybody's goes another way once,
// under its next number, and never while the first may still be paid.
func TestAnOrderGoesAnotherWayOnce(t *testing.T) {
	plan, now := sale.DefaultPlan(), sale.Now{At: 1, Since: 1}
	s, err := sale.Begin(sale.New{Flow: sale.Merchant, Amount: money.Money{Minor: 500, Currency: "CNY"}}, "T1260101000010123456789A", "k", sale.Event{Kind: sale.Begun, At: 1})
	if err != nil {
		t.Fatal(err)
	}
	apply := func(ev sale.Event) {
		t.Helper()
		now.At++
		ev.At = now.At
		if s, err = s.Apply(ev); err != nil {
			t.Fatal(err)
		}
	}
	order := func() {
		t.Helper()
		step := s.Next(now, sale.Watch{}, plan)
		if step.Do != sale.Order || step.OrderNo != s.NextOrderNo() {
			t.Fatalf("next is %+v in %s", step, s.State)
		}
		req := sale.NewRequest("POST", "/", []byte("{}"), sale.PayerCode{})
		apply(s.Intent(step, req, ""))
	}
	order()
	first := s.Current().OrderNo
	if _, err := s.Apply(sale.Event{Kind: sale.OrderIntended, OrderNo: s.NextOrderNo(), Request: &sale.Request{Method: "POST"}}); err == nil {
		t.Fatal("a second order began beside an open one")
	}
	apply(sale.Event{Kind: sale.OrderRefused, Reroute: true})
	if s.State != sale.Judged || !s.Rerouted || !s.Current().End.Watched() {
		t.Fatalf("after the refusal it is %s, rerouted %v, end %q", s.State, s.Rerouted, s.Current().End)
	}
	order()
	if s.Current().OrderNo == first || s.State != sale.Ordering {
		t.Fatalf("the other way has the number of the first, or is %s", s.State)
	}
	apply(sale.Event{Kind: sale.OrderRefused, Reroute: true})
	if s.State != sale.Declined {
		t.Fatalf("it went a third way: %s", s.State)
	}
	// Money on the first order, however late, goes back.
	apply(sale.Event{Kind: sale.Received, OrderNo: first, TransactionID: "1", Amount: s.Amount})
	if len(s.Refunds) != 1 || !s.Refunds[0].Auto || s.Refunds[0].OrderNo != first {
		t.Fatalf("late money of the first order: %+v", s.Refunds)
	}
}

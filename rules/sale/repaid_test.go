package sale

import (
	"errors"
	"testing"
	"time"

	"qrposd/rules/money"
)

// What the provider has closed and somebody has given back in another way is not
// promised again, whatever is asked for: of that money, what had not gone another way.
func TestRepaid(t *testing.T) {
	yuan := func(n int64) money.Money { return money.Money{Minor: n, Currency: "CNY"} }
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	word := Event{Kind: Repaid, By: "Li", Why: &Reason{Message: "in cash"}}
	refused := func(s Sale, ev Event, code string) {
		t.Helper()
		ev.At = s.Changed + 1
		var r *Refusal
		if _, err := s.Apply(ev); !errors.As(err, &r) || r.Code != code {
			t.Errorf("%s: %v, want %s", ev.Kind, err, code)
		}
	}
	s := specimen(t, Paid)
	all, no := s.Amount.Minor, s.Current().OrderNo
	refused(s, word, "nothing_to_repay")
	s = applied(t, s, Event{Kind: RefundRequested, Amount: yuan(all * 8 / 10)}, Event{Kind: RefundIntended, RefundNo: no + "R1", Request: &req})
	refused(s, word, "nothing_to_repay") // it may still arrive
	held := applied(t, s, Event{Kind: RefundFailed, RefundNo: no + "R1", Held: true})
	refused(held, word, "nothing_to_repay") // it may still be finished there
	s = applied(t, s, Event{Kind: RefundFailed, RefundNo: no + "R1"})
	again := applied(t, s, Event{Kind: Resumed, By: "Li", Why: &Reason{Message: "once more"}})
	refused(again, word, "nothing_to_repay") // it is promised under another number

	s = applied(t, s, Event{Kind: RefundRequested, Amount: yuan(all / 2)}, Event{Kind: RefundDone, RefundNo: no + "R2"})
	if !s.Stuck() {
		t.Fatal("a part of it went another way, and the rest is forgotten")
	}
	refused(s, Event{Kind: Repaid, Why: word.Why}, "remark_unsigned")
	refused(s, Event{Kind: Repaid, By: "Li"}, "remark_unsigned")
	before := s
	s = applied(t, s, word)
	if r := s.Refunds[0].Repaid; r == nil || r.By != "Li" || r.How != "in cash" || r.Amount != yuan(all-all/2) || before.Refunds[0].Repaid != nil {
		t.Errorf("repaid: %+v", r)
	}
	if left := s.Refundable(no); left.Minor != 0 || s.Stuck() || len(s.Debts()) > 0 || len(Postings(before, s)) > 0 || s.Net() != before.Net() {
		t.Errorf("%s can be refunded, stuck %v, owes %+v", left, s.Stuck(), s.Debts())
	}
	if step := s.Next(Now{At: s.Changed + Instant(time.Hour)}, Watch{}, DefaultPlan()); step.Do != Nothing {
		t.Errorf("next is %+v", step)
	}
	refused(s, word, "nothing_to_repay")
	refused(s, Event{Kind: Resumed, By: "Li", Why: word.Why}, "nothing_owed")
	refused(s, Event{Kind: RefundRequested, Amount: yuan(1)}, "refund_too_large")
}

package sale

import (
	"testing"
	"time"

	"qrposd/rules/money"
)

// What somebody has seen paid is not taken back because the provider's queries do not
// know it yet: they are minutes behind its payments at times. It is, when they still
// do not know it a quarter of an hour later.
func TestASeenPaymentOutlastsALateQuery(t *testing.T) {
	plan := DefaultPlan()
	for _, taken := range []bool{true, false} {
		s := applied(t, begin(t, Payer), Event{Kind: ChargeIntended}, Event{Kind: Unclear})
		if taken {
			s = applied(t, s, Event{Kind: TakenOver, By: "Li", Why: &Reason{Code: SeenPaid, Message: "the payer's telephone shows it"}})
		}
		sent, now, w := s.Current().Sent, Now{At: s.Changed}, Watch{}
		for now.At < sent.Add(2*time.Hour) {
			step := s.Next(now, w, plan)
			if step.Do == Reverse {
				break
			}
			if step.Do != Query {
				t.Fatalf("next is %+v", step)
			}
			now.At = max(now.At, step.Due)
			w.Note(step, Event{Kind: Missing, OrderNo: step.OrderNo}, now.At)
		}
		after := now.At.Sub(sent)
		if taken && (after < 15*time.Minute || after > time.Hour) || !taken && after > 2*time.Minute {
			t.Errorf("seen paid %v: it is taken back %s after it was sent", taken, after)
		}
	}
}

// What was set aside is over when the refund that it was about has ended: the next
// promise is sent.
func TestASetAsideEndsWithItsRefund(t *testing.T) {
	part := money.Money{Minor: 100, Currency: "CNY"}
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	s := specimen(t, Paid)
	no := s.Current().OrderNo + "R1"
	s = applied(t, s,
		Event{Kind: RefundRequested, Amount: part}, Event{Kind: RefundIntended, RefundNo: no, Request: &req}, Event{Kind: RefundPending, RefundNo: no},
		Event{Kind: SetAside, By: "Li", Why: &Reason{Message: "looks at it first"}},
	)
	if s.Aside == nil {
		t.Fatal("it is not set aside")
	}
	s = applied(t, s, Event{Kind: RefundDone, RefundNo: no}, Event{Kind: RefundRequested, Amount: part})
	if step := s.Next(Now{At: s.Changed + Instant(time.Hour)}, Watch{}, DefaultPlan()); step.Do != SendRefund {
		t.Errorf("set aside: %+v; next is %+v", s.Aside, step)
	}
}

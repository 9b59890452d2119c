package sale

import (
	"errors"
	"testing"
	"time"
)

func applied(t *testing.T, s Sale, list ...Event) Sale {
	t.Helper()
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	for _, ev := range list {
		ev.At = s.Changed + 1000
		if ev.Kind.Attempts() {
			ev.OrderNo, ev.Request = s.NextOrderNo(), &req
		}
		var err error
		if s, err = s.Apply(ev); err != nil {
			t.Fatalf("%s: %v", ev.Kind, err)
		}
	}
	return s
}

// A provider that wants a check first gets it once the attempt is known to have
// taken nothing, and the next attempt goes under its own number.
func TestChallengeIsHeededOnce(t *testing.T) {
	for _, flow := range []Flow{Merchant, Payer} {
		s := begin(t, flow)
		first := s.NextOrderNo()
		challenge := check(first)
		challenged := map[Flow][]Event{
			Merchant: {{Kind: OrderIntended}, {Kind: OrderRefused, Liveness: challenge}},
			Payer:    {{Kind: ChargeIntended}, {Kind: ChargeRefused, Liveness: challenge}},
		}[flow]
		s = applied(t, s, challenged...)
		if flow == Payer {
			if s.State != InDoubt {
				t.Fatalf("%s before the provider was asked", s.State)
			}
			s = applied(t, s, Event{Kind: Concluded})
		}
		if s.State != AwaitingLiveness || s.Current().End != EndRefused || s.Liveness.Session != challenge.Session {
			t.Fatalf("%s: %s, %+v", flow, s.State, s.Liveness)
		}
		if step := s.Next(Now{At: s.Changed + 2000}, Watch{}, DefaultPlan()); step.Do != Verify || step.OrderNo != first {
			t.Fatalf("%s: %+v", flow, step)
		}
		s = applied(t, s, Event{Kind: LivenessOpened, Liveness: challenge}, Event{Kind: LivenessPassed}, challenged[0])
		if s.Current().OrderNo == first || !s.Liveness.Spent {
			t.Errorf("%s: %+v", flow, s.Liveness)
		}
		again := challenged[1]
		again.Liveness = &Liveness{OrderNo: s.Current().OrderNo, Session: "LV000002"}
		if s = applied(t, s, again); flow == Payer {
			s = applied(t, s, Event{Kind: Concluded})
		}
		if s.State != Declined || s.Retryable() {
			t.Errorf("%s: a second challenge leaves it %s", flow, s.State)
		}
	}
}

func TestLivenessGuards(t *testing.T) {
	waits := applied(t, begin(t, Payer), Event{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedVerify}}})
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	opened := applied(t, waits, Event{Kind: LivenessOpened, Liveness: check(waits.NextOrderNo())})
	for name, c := range map[string]struct {
		s  Sale
		ev Event
	}{
		"passed what was not opened": {waits, Event{Kind: LivenessPassed}},
		"another check":              {opened, Event{Kind: LivenessOpened, Liveness: &Liveness{OrderNo: "X", Session: "LV000009"}}},
		"a charge before it":         {opened, Event{Kind: ChargeIntended, OrderNo: opened.NextOrderNo(), Request: &req}},
	} {
		var no *Refusal
		if _, err := c.s.Apply(c.ev); !errors.As(err, &no) {
			t.Errorf("%s: %v", name, err)
		}
	}
	once := applied(t, opened, Event{Kind: LivenessFailed, Why: &Reason{Code: "liveness_low"}})
	if once.State != AwaitingLiveness || once.Liveness.Session != "" || once.Liveness.Failed != 1 {
		t.Errorf("after one failure: %s, %+v", once.State, once.Liveness)
	}
	twice := applied(t, once, Event{Kind: LivenessOpened, Liveness: check(once.NextOrderNo())}, Event{Kind: LivenessFailed})
	if twice.State != Declined || twice.Retryable() {
		t.Errorf("after two: %s", twice.State)
	}
	passed := applied(t, opened, Event{Kind: LivenessPassed, Audit: &Audit{Digest: "digest"}})
	if passed.State != Judged || len(passed.Judgement.Needs) != 0 {
		t.Errorf("after it passed: %s, %+v", passed.State, passed.Judgement)
	}
	failed := applied(t, passed, Event{Kind: ChargeIntended}, Event{Kind: NotSent})
	if failed.State != Declined || failed.Retryable() {
		t.Error("one check serves two attempts")
	}
	late := opened.Next(Now{At: opened.Liveness.Opened.Add(2 * time.Hour)}, Watch{}, DefaultPlan())
	if late.Do != Conclude || opened.Conclusion(late).Why.Code != "liveness_late" {
		t.Errorf("after its time: %+v", late)
	}
	over := once.Next(Now{At: once.Changed.Add(2 * time.Hour)}, Watch{}, DefaultPlan())
	if over.Do != Conclude || once.Conclusion(over).Why.Code != once.Why.Code {
		t.Errorf("no time for a second try: %+v, %+v", over, once.Conclusion(over).Why)
	}
}

// Money that turns up on the attempt before the check goes back.
func TestLateMoneyBehindACheck(t *testing.T) {
	s := applied(t, begin(t, Payer), Event{Kind: ChargeIntended}, Event{Kind: ChargeRefused, Liveness: check("x")}, Event{Kind: Concluded})
	for _, st := range []State{AwaitingLiveness, Judged} {
		if st == Judged {
			s = applied(t, s, Event{Kind: LivenessOpened, Liveness: s.Liveness}, Event{Kind: LivenessPassed})
		}
		got := applied(t, s, Event{Kind: Received, Amount: cny, TransactionID: "tx"})
		if s.State != st || got.State != Refunding || len(got.Refunds) != 1 || !got.Refunds[0].Auto {
			t.Errorf("%s: %s, %+v", s.State, got.State, got.Refunds)
		}
	}
}

// A paid order is asked for the model's verdict for a day, and one that came moves nothing.
func TestVerdict(t *testing.T) {
	s := applied(t, begin(t, Payer), Event{Kind: ChargeIntended, Key: "v1.k"}, Event{Kind: Received, Amount: cny, TransactionID: "tx"})
	plan := DefaultPlan()
	ended := s.Current().EndedAt
	if step := s.Next(Now{At: ended}, Watch{}, plan); step.Do != Query || step.Due != ended.Add(plan.Background[0]) {
		t.Errorf("%+v", step)
	}
	asked := Watch{Polls: map[string]Poll{s.Current().OrderNo: {Asked: 3, Last: ended.Add(23 * time.Hour)}}}
	silent := s.Next(Now{At: ended.Add(23 * time.Hour)}, asked, plan)
	heard := asked.Polls[s.Current().OrderNo]
	heard.Heard = true
	over := s.Next(Now{At: ended.Add(23 * time.Hour)}, Watch{Polls: map[string]Poll{s.Current().OrderNo: heard}}, plan)
	if silent.Do != Query || over.Do != Conclude {
		t.Errorf("after a day: %+v, and when it was heard %+v", silent, over)
	}
	if end := applied(t, s, s.Conclusion(over)); end.Current().Verdict != Unanswered || end.State != Paid || end.Next(Now{At: ended.Add(24 * time.Hour)}, Watch{}, plan).Do != Nothing {
		t.Errorf("%s, %+v", end.State, end.Current())
	}
	if ev := (Event{Kind: Reconciled}); !s.Ephemeral(ev) {
		t.Error("a verdict that is pending is written down")
	}
	got := applied(t, s, Event{Kind: Reconciled, Verdict: Mismatch})
	if got.State != Paid || got.Net() != s.Net() || got.Current().Verdict != Mismatch {
		t.Errorf("%s, %+v", got.State, got.Current())
	}
	if step := got.Next(Now{At: ended}, Watch{}, plan); step.Do != Nothing {
		t.Errorf("it is asked for again: %+v", step)
	}
}

package sale

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// doubt is where an attempt stands that nobody knows the outcome of, and what is then
// done about each signed answer to the question after it.
type doubt struct {
	name string
	now  Now // of the question
	more []Event
}

// The decision matrix of the provider (code payment): whatever the answer and whoever
// was restarted in between, the next step is one of these. A charge is in none of them.
func TestDecisionMatrix(t *testing.T) {
	over := Event{Kind: ReverseIntended, At: 145 * sec}
	for _, r := range []doubt{
		{"early", Now{At: 106 * sec}, nil},
		{"before the deadline", Now{At: 140 * sec}, nil},
		{"at the deadline", Now{At: 145 * sec}, nil},
		{"long after it", Now{At: 4000 * sec}, nil},
		{"cancelled", Now{At: 117 * sec}, []Event{{Kind: CancelRequested, At: 102 * sec}}},
		{"failed", Now{At: 117 * sec}, []Event{{Kind: PayFailed, At: 102 * sec}}},
		{"refused", Now{At: 103 * sec}, []Event{{Kind: ChargeRefused, At: 102 * sec}}},
		{"reversing", Now{At: 150 * sec}, []Event{over}},
		{"reversing for an hour", Now{At: 4000 * sec}, []Event{over, over, over, over, over, over}},
		{"seen paid", Now{At: 145 * sec}, []Event{seen(SeenPaid)}},
		{"seen not paid", Now{At: 117 * sec}, []Event{seen(SeenUnpaid)}},
		{"reversing, seen paid", Now{At: 150 * sec}, []Event{over, seen(SeenPaid)}},
	} {
		for _, answer := range []Kind{Received, Waiting, PayFailed, TakenBack, Closed, Missing, Unclear} {
			for _, boot := range []string{"none", "process", "machine"} {
				r.meets(t, answer, boot)
			}
		}
	}
}

func seen(code string) Event {
	return Event{Kind: TakenOver, At: 103 * sec, By: "Li", Why: &Reason{Code: code, Message: "looked"}}
}

// meets asks, hears an answer, and looks at what follows until the matter is settled
// or an hour has passed.
func (r doubt) meets(t *testing.T, answer Kind, boot string) {
	t.Helper()
	s, now, w, plan := inDoubt(t, r.more...), r.now, Watch{}, DefaultPlan()
	name := fmt.Sprintf("%s, answered %s, restarted %s", r.name, answer, boot)
	no := s.Current().OrderNo
	if boot == "none" {
		w.Polls = map[string]Poll{no: {Asked: 1, First: 101 * sec, Last: 101 * sec}}
	}
	hear := func(kind Kind, do Action) {
		ev := Event{Kind: kind, OrderNo: no, At: now.At, Amount: cny, TransactionID: "tx"}
		w.Note(Step{Do: do, OrderNo: no}, ev, now.At)
		next, err := s.Apply(ev)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s = next
	}
	hear(answer, Query)
	switch boot {
	case "machine": // how long it was off is not known: every wait begins again
		now.At += 10 * sec
		now.Since = now.At
		fallthrough
	case "process":
		w = Watch{}
	}
	began := now
	reversed := Instant(0)
	for s.State.Live() && now.At < began.At+3600*sec {
		step := s.Next(now, w, plan)
		if !slices.Contains([]Action{Query, Reverse, Conclude}, step.Do) {
			t.Fatalf("%s: in %s it does %s", name, s.State, step.Do)
		}
		now.At = max(now.At, step.Due)
		switch step.Do {
		case Conclude:
			ev := s.Conclusion(step)
			ev.At = now.At
			next, err := s.Apply(ev)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s = next
		case Reverse:
			r.reversible(t, name, &s, now, w, plan)
			reversed = now.At
			next, err := s.Apply(Event{Kind: ReverseIntended, OrderNo: no, At: now.At})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			s = next
			hear(answer.undone(), Reverse)
		default:
			hear(answer, Query)
		}
		now.At++
	}
	r.judge(t, name, s, answer, reversed)
}

// reversible holds the provider's rules: not before its earliest moment, nor before a
// reboot has waited that out again, at once after a question, and never on mere
// silence where somebody saw the payment, once it is not under way already.
func (r doubt) reversible(t *testing.T, name string, s *Sale, now Now, w Watch, plan Plan) {
	t.Helper()
	a := s.Current()
	poll := w.Polls[a.OrderNo]
	if began := max(a.Sent, now.Since); now.At < began.Add(plan.ReverseEarliest) && a.Undo == 0 {
		t.Errorf("%s: reversed %s after it was sent or the machine began", name, now.At.Sub(began))
	}
	if poll.Asked == 0 || now.At.Sub(poll.Last) > time.Second {
		t.Errorf("%s: reversed without a question right before it", name)
	}
	if s.expected() && s.State == InDoubt && !poll.Heard {
		t.Errorf("%s: what somebody has seen paid is taken back on silence", name)
	}
}

// undone is what a provider that says answer to a question says to a reversal.
func (k Kind) undone() Kind {
	if k == Missing || k == Unclear {
		return k
	}
	return TakenBack
}

func (r doubt) judge(t *testing.T, name string, s Sale, answer Kind, reversed Instant) {
	t.Helper()
	wasReversing := slices.ContainsFunc(r.more, func(ev Event) bool { return ev.Kind == ReverseIntended })
	unpaid := slices.ContainsFunc(r.more, func(ev Event) bool { return ev.Why != nil && ev.Why.Code == SeenUnpaid })
	paid := slices.ContainsFunc(r.more, func(ev Event) bool { return ev.Why != nil && ev.Why.Code == SeenPaid })
	switch {
	case answer == Unclear && !s.State.Live():
		t.Errorf("%s: it is %s without a word of the provider", name, s.State)
	case answer == Unclear && paid && !wasReversing && s.State != InDoubt:
		t.Errorf("%s: it is %s, and somebody has seen it paid", name, s.State)
	case answer != Unclear && s.State.Live():
		t.Errorf("%s: it is still %s after an hour", name, s.State)
	case answer == Received && wasReversing && s.Net() != 0:
		t.Errorf("%s: it keeps what it had begun to take back", name)
	case answer == Received && !wasReversing && unpaid && (s.State != Refunding || len(s.Refunds) != 1 || !s.Refunds[0].Auto):
		t.Errorf("%s: it is %s, and the money does not go back: %+v", name, s.State, s.Refunds)
	case answer == Received && !wasReversing && !unpaid && (s.State != Paid || reversed != 0):
		t.Errorf("%s: it is %s", name, s.State)
	case answer != Received && s.Net() != 0:
		t.Errorf("%s: it is %s and holds %d", name, s.State, s.Net())
	case s.TakenOver != nil && s.Retryable():
		t.Errorf("%s: taken over, it may be charged again", name)
	case s.TakenOver != nil && s.State != Paid && s.State != Refunding && !s.State.Live() && !s.Current().Watched():
		t.Errorf("%s: taken over, it ended as %s and nobody watches it", name, s.Current().End)
	}
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	if _, err := s.Apply(Event{Kind: ChargeIntended, OrderNo: s.NextOrderNo(), Request: &req}); err == nil && (s.TakenOver != nil || s.State.Live()) {
		t.Errorf("%s: %s takes another charge", name, s.State)
	}
}

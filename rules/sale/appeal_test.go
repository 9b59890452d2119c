package sale

import "testing"

// What a policy of the provider refused waits for a manager, who sends it another
// way once or lets it be. Nothing is asked before the refused attempt has ended.
func TestAppeal(t *testing.T) {
	for _, flow := range []Flow{Merchant, Payer} {
		refused := map[Flow][]Event{
			Merchant: {{Kind: OrderIntended}, {Kind: OrderRefused, Appeal: true}},
			Payer:    {{Kind: ChargeIntended}, {Kind: ChargeRefused, Appeal: true}, {Kind: Concluded}},
		}[flow]
		s := applied(t, begin(t, flow), refused...)
		if s.State != AwaitingApproval || s.Current().End != EndRefused {
			t.Fatalf("%s: %s, %+v", flow, s.State, s.Current())
		}
		if flow == Payer && s.State == InDoubt {
			t.Error("the manager is asked before the provider was")
		}
		got := applied(t, s, Event{Kind: Received, Amount: cny, TransactionID: "tx"})
		if got.State != Refunding || len(got.Refunds) != 1 {
			t.Errorf("%s: late money meets %s", flow, got.State)
		}
		gone := applied(t, s, Event{Kind: CancelRequested})
		if gone.State != Cancelled {
			t.Errorf("%s: let be, it is %s", flow, gone.State)
		}
		s = applied(t, s, Event{Kind: Approved, By: "manager"})
		if s.State != Judged || !s.Rerouted || s.Appeal {
			t.Fatalf("%s: approved, it is %s", flow, s.State)
		}
		if s = applied(t, s, refused...); s.State != Declined {
			t.Errorf("%s: refused again, it is %s", flow, s.State)
		}
	}
}

// A check of the payer serves one attempt. An order that is refused after one has no
// other way: it would go out without a check, which the rules refuse for ever.
func TestNoOtherWayWithoutACheck(t *testing.T) {
	s := begin(t, Merchant)
	first := s.NextOrderNo()
	s = applied(t, s,
		Event{Kind: OrderIntended}, Event{Kind: OrderRefused, Liveness: check(first)},
		Event{Kind: LivenessOpened, Liveness: check(first)}, Event{Kind: LivenessPassed}, Event{Kind: OrderIntended},
	)
	if !s.Liveness.Spent {
		t.Fatalf("it is %s with the check %+v", s.State, s.Liveness)
	}
	for what, no := range map[string]Event{"reroute": {Kind: OrderRefused, Reroute: true}, "appeal": {Kind: OrderRefused, Appeal: true}} {
		if got := applied(t, s, no); got.State != Declined || got.Appeal {
			t.Errorf("%s: it is %s, appeal %v", what, got.State, got.Appeal)
		}
	}
}

// A refused charge that the till began to take back, because nobody confirmed the
// refusal in time, ends when the provider does not know it: whatever the refusal
// asked for.
func TestARefusalThatIsTakenBackEnds(t *testing.T) {
	s := begin(t, Payer)
	no := s.NextOrderNo()
	for what, refusal := range map[string]Event{
		"challenge": {Kind: ChargeRefused, Liveness: check(no)}, "appeal": {Kind: ChargeRefused, Appeal: true}, "reroute": {Kind: ChargeRefused, Reroute: true},
	} {
		got := applied(t, s, Event{Kind: ChargeIntended}, refusal, Event{Kind: Unclear}, Event{Kind: ReverseIntended}, Event{Kind: Concluded})
		if got.State != Declined || got.Current().End != EndRefused {
			t.Errorf("%s: it is %s, and its attempt ended as %q", what, got.State, got.Current().End)
		}
	}
}

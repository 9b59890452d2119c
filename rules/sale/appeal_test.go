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

package sale

import (
	"errors"
	"slices"
	"testing"
	"time"

	"qrposd/rules/money"
)

var cny = money.Money{Minor: 1280, Currency: "CNY"}

func begin(t interface{ Fatal(...any) }, f Flow) Sale {
	id, key := Mint([]byte("secret"), "T1", "session", 7, 1000, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	ev := Event{Kind: Begun, At: 1000}
	if f == Offline {
		ev.Own = &OwnCode{Scheme: "pix", Label: "bank", Price: cny, Reference: ReferenceOf(id)}
	}
	s, err := Begin(New{Flow: f, Amount: cny, Description: "tea"}, id, key, ev)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var hkd = money.Money{Minor: 1391, Currency: "HKD"}

// price makes cny of hkd.
func price(lasts time.Duration) *Price {
	rate := func(s string) money.Rate {
		r, err := money.ParseRate(s)
		if err != nil {
			panic(err)
		}
		return r
	}
	return &Price{Projection: "P1", Low: rate("0.91"), Mid: rate("0.92"), High: rate("0.93"), Agreed: rate("0.92"), Confidence: 0.9, By: "middle", Lasts: lasts}
}

func check(no string) *Liveness {
	return &Liveness{OrderNo: no, Session: "LV000001", URL: "https://liveness.example/s/LV000001", Lasts: time.Hour}
}

// specimen drives a sale into a state by recorded events only.
func specimen(t *testing.T, st State) Sale {
	t.Helper()
	flow := Payer
	if slices.Contains([]State{Ordering, Presented, Closing, Expired}, st) {
		flow = Merchant
	}
	if st.Offline() {
		flow = Offline
	}
	s := begin(t, flow)
	if st == Projected {
		s.Amount, s.PayIn = hkd, "CNY"
	}
	no := s.NextOrderNo()
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	refund := no + "R1"
	paths := map[State][]Event{
		Opened: nil, Judged: {{Kind: Assessed, Judgement: &Judgement{By: "rules"}}},
		Projected:            {{Kind: Priced, Price: price(time.Hour)}},
		AwaitingLiveness:     {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedVerify}}}, {Kind: LivenessOpened, Liveness: check(no)}},
		AwaitingConfirmation: {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedConfirm, NeedApprove}}}},
		AwaitingApproval:     {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedApprove}}}},
		PresentedOffline:     {shownCode(&s)}, Unconfirmed: {shownCode(&s), {Kind: Attested, By: "Li", Shown: true}},
		Disputed: {shownCode(&s), {Kind: DisputeRaised, Why: &Reason{Code: "offline_no_receipt"}}},
		Settled:  {shownCode(&s), {Kind: Attested, By: "Li", Shown: true}, {Kind: ReceiptFound, Receipt: receipt("R1")}},
		Ordering: {{Kind: OrderIntended}}, Presented: {{Kind: OrderIntended}, {Kind: Ordered, CodeURL: "weixin://x", Lasts: time.Minute}},
		Closing:  {{Kind: OrderIntended}, {Kind: Ordered}, {Kind: CloseIntended}},
		Charging: {{Kind: ChargeIntended}}, InDoubt: {{Kind: ChargeIntended}, {Kind: Unclear}},
		Reversing: {{Kind: ChargeIntended}, {Kind: Unclear}, {Kind: ReverseIntended}},
		Paid:      {{Kind: ChargeIntended}, {Kind: Received, Amount: cny}},
		Refunding: {{Kind: ChargeIntended}, {Kind: Received, Amount: cny}, {Kind: RefundRequested, Amount: cny}},
		PartRefunded: {
			{Kind: ChargeIntended},
			{Kind: Received, Amount: cny},
			{Kind: RefundRequested, Amount: money.Money{Minor: 1, Currency: "CNY"}},
			{Kind: RefundDone, RefundNo: refund},
		},
		Refunded:  {{Kind: ChargeIntended}, {Kind: Received, Amount: cny}, {Kind: RefundRequested, Amount: cny}, {Kind: RefundDone, RefundNo: refund}},
		Declined:  {{Kind: ChargeIntended}, {Kind: NotSent}},
		Cancelled: {{Kind: ChargeIntended}, {Kind: Unclear}, {Kind: CancelRequested}, {Kind: ReverseIntended}, {Kind: Concluded}},
		Expired:   {{Kind: OrderIntended}, {Kind: Ordered}, {Kind: CloseIntended}, {Kind: Concluded}},
		Reversed:  {{Kind: ChargeIntended}, {Kind: Unclear}, {Kind: ReverseIntended}, {Kind: TakenBack}},
	}
	for i, ev := range paths[st] {
		ev.OrderNo, ev.Request, ev.At = no, &req, Instant(2000+i)
		var err error
		if s, err = s.Apply(ev); err != nil {
			t.Fatalf("on the way to %s: %v", st, err)
		}
	}
	if s.State != st {
		t.Fatalf("the specimen of %s is %s", st, s.State)
	}
	return s
}

// Every state meets every event: what the table lists happens and nothing else
// does, no event harms the value it was applied to, and no event but a payment
// or a refund moves money.
func TestEveryStateMeetsEveryEvent(t *testing.T) {
	for _, st := range States() {
		for _, kind := range Kinds() {
			s := specimen(t, st)
			ev := eventFor(&s, kind)
			before := s.clone()
			got, err := s.Apply(ev)
			if !equal(s, before) {
				t.Errorf("%s on %s changed the sale that it was applied to", kind, st)
			}
			to, listed := table[st][kind]
			var no *Refusal
			switch {
			case !listed && !s.Ephemeral(ev):
				if !errors.As(err, &no) {
					t.Errorf("%s on %s is not in the table but gives %s, %v", kind, st, got.State, err)
				}
			case err != nil && !errors.As(err, &no):
				t.Errorf("%s on %s: %v", kind, st, err)
			case err == nil && len(to) > 0 && !slices.Contains(to, got.State) && !s.Ephemeral(ev):
				t.Errorf("%s on %s leads to %s, not to one of %v", kind, st, got.State, to)
			case err == nil && len(to) == 0 && got.Facts != s.Facts:
				t.Errorf("%s on %s is listed as nothing and changed something", kind, st)
			}
			if moved := got.Net() - s.Net(); err == nil && moved != 0 && !slices.Contains([]Kind{Received, RefundDone, Irreversible}, kind) {
				t.Errorf("%s on %s moved %d", kind, st, moved)
			}
		}
	}
}

// eventFor is an event of a kind that fits the sale as well as it can.
func eventFor(s *Sale, kind Kind) Event {
	ev := Event{Kind: kind, At: 9000, Amount: s.Amount}
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	ev.Request = &req
	if a := s.Current(); a != nil {
		ev.OrderNo = a.OrderNo
	}
	if kind == OrderIntended || kind == ChargeIntended {
		ev.OrderNo = s.NextOrderNo()
	}
	if kind == Priced {
		ev.Price = price(time.Hour)
	}
	if kind == LivenessOpened {
		ev.Liveness = check(s.NextOrderNo())
	}
	if kind == Reconciled {
		ev.Verdict = Mismatch
	}
	switch kind {
	case OfflineShown:
		ev.Own = shownCode(s).Own
	case Attested:
		ev.By, ev.Shown = "Li", true
	case ReceiptFound:
		ev.Receipt = receipt("R9")
	case DisputeRaised:
		ev.Why = &Reason{Code: "offline_no_receipt"}
	}
	if kind == Assessed {
		ev.Judgement = &Judgement{Needs: []Need{NeedApprove}}
	}
	if kind == RefundRequested {
		ev.Amount.Minor = 1
	}
	if kind.remark() {
		ev.By, ev.Why = "Li", &Reason{Code: SeenPaid, Message: "looked"}
	}
	if len(s.Refunds) > 0 {
		ev.RefundNo = s.Refunds[0].No
	}
	return ev
}

func equal(a, b Sale) bool {
	return a.State == b.State && a.Facts == b.Facts && a.Cancel == b.Cancel && slices.EqualFunc(a.Attempts, b.Attempts, func(x, y Attempt) bool {
		return x.OrderNo == y.OrderNo && x.End == y.End && x.TransactionID == y.TransactionID && x.Undo == y.Undo && x.Refused == y.Refused && x.Failed == y.Failed
	}) && slices.EqualFunc(a.Refunds, b.Refunds, func(x, y Refund) bool { return x.No == y.No && x.State == y.State && x.Tries == y.Tries })
}

// Money is never overlooked: in every state that has an attempt the word that
// it was paid is either recorded or known already.
func TestReceivedIsNeverRefused(t *testing.T) {
	for _, st := range States() {
		if st.Before() || st.Offline() { // offline has no attempt; its money comes by receipts
			continue
		}
		s := specimen(t, st)
		got, err := s.Apply(Event{Kind: Received, OrderNo: s.Current().OrderNo, Amount: cny, TransactionID: "tx", At: 9000})
		if err != nil {
			t.Errorf("%s refuses a payment: %v", st, err)
			continue
		}
		if a := got.Current(); a.End != EndPaid && a.TransactionID == "" {
			t.Errorf("%s overlooked a payment", st)
		}
		if late := !st.Live() && !s.State.Taken() && st != Refunded; late && (len(got.Refunds) != 1 || !got.Refunds[0].Auto) {
			t.Errorf("%s: a late payment is not given back: %+v", st, got.Refunds)
		}
	}
}

func TestGuards(t *testing.T) {
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	for name, c := range map[string]struct {
		state State
		ev    Event
		code  string
	}{
		"a charge of what nobody approved yet":   {AwaitingApproval, Event{Kind: ChargeIntended, OrderNo: "+", Request: &req}, "sale_awaiting_approval"},
		"a judgement without one":                {Opened, Event{Kind: Assessed}, "judgement"},
		"a QR order for a payer-presented sale":  {Opened, Event{Kind: OrderIntended}, "sale_other_flow"},
		"an attempt under a number of its own":   {Opened, Event{Kind: ChargeIntended, OrderNo: "X", Request: &req}, "order_number"},
		"an attempt without its bytes":           {Opened, Event{Kind: ChargeIntended, OrderNo: "+"}, "order_number"},
		"a retry after the cashier cancelled":    {Cancelled, Event{Kind: ChargeIntended, OrderNo: "+", Request: &req}, "sale_cancelled"},
		"a second charge while one is in doubt":  {InDoubt, Event{Kind: ChargeIntended, OrderNo: "+", Request: &req}, "sale_in_doubt"},
		"a retry of what is only concluded":      {Expired, Event{Kind: ChargeIntended, OrderNo: "+", Request: &req}, "sale_expired"},
		"more refunded than was paid":            {Paid, Event{Kind: RefundRequested, Amount: money.Money{Minor: 1281, Currency: "CNY"}}, "refund_too_large"},
		"the rest twice":                         {PartRefunded, Event{Kind: RefundRequested, Amount: cny}, "refund_too_large"},
		"a refund in another currency":           {Paid, Event{Kind: RefundRequested, Amount: money.Money{Minor: 1, Currency: "JPY"}}, "refund_too_large"},
		"a second refund while one is under way": {Refunding, Event{Kind: RefundRequested, Amount: cny}, "sale_refunding"},
		"a refund of an unpaid sale":             {Declined, Event{Kind: RefundRequested, Amount: cny}, "sale_declined"},
		"cancelling what is paid":                {Paid, Event{Kind: CancelRequested}, "sale_paid"},
		"another amount than the sale's":         {InDoubt, Event{Kind: Received, Amount: money.Money{Minor: 1, Currency: "CNY"}}, "amount_differs"},
	} {
		s := specimen(t, c.state)
		if c.ev.OrderNo == "+" {
			c.ev.OrderNo = s.NextOrderNo()
		}
		_, err := s.Apply(c.ev)
		var no *Refusal
		if !errors.As(err, &no) || no.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// A sale that ended before its first attempt meets every event as well: there is
// no order that a stray word about money could be about.
func TestEndsWithoutAnAttempt(t *testing.T) {
	for _, end := range []Kind{CancelRequested, Concluded} {
		s, err := begin(t, Payer).Apply(Event{Kind: end, At: 2000})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range Kinds() {
			for _, no := range []string{"", "X1"} {
				ev := eventFor(&s, kind)
				ev.OrderNo = no
				if got, err := s.Apply(ev); err == nil && got.Net() != 0 {
					t.Errorf("%s on a sale without an attempt moved money", kind)
				}
				s.Next(Now{At: 9000}, Watch{Code: true}, DefaultPlan())
			}
		}
	}
}

// The stored numbers and names are on disk everywhere: this test is the list.
func TestNamesOnDisk(t *testing.T) {
	want := map[State]string{
		10: "opened", 15: "projected", 20: "judged", 22: "awaiting_confirmation", 24: "awaiting_approval", 26: "awaiting_liveness", 30: "ordering", 40: "presented", 45: "closing", 50: "charging", 60: "in_doubt", 65: "reversing", 70: "paid",
		42: "presented_offline", 62: "unconfirmed", 64: "disputed", 72: "reconciled",
		75: "refunding", 80: "part_refunded", 85: "refunded", 90: "declined", 91: "cancelled", 92: "expired", 93: "reversed",
	}
	if len(want) != len(States()) {
		t.Errorf("%d states, %d listed here", len(States()), len(want))
	}
	for n, name := range want {
		if n.String() != name {
			t.Errorf("state %d is %s, was %s", n, n, name)
		}
		var back State
		if err := back.UnmarshalText([]byte(name)); err != nil || back != n {
			t.Errorf("%s reads back as %v, %v", name, back, err)
		}
	}
}

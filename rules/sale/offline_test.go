package sale

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
)

// shownCode is the record of a code of the till's own.
func shownCode(s *Sale) Event {
	own := OwnCode{Payload: "000201", Lasts: time.Hour}
	if s.Own != nil {
		own.Scheme, own.Label, own.Reference = s.Own.Scheme, "bank", s.Own.Reference
	}
	return Event{Kind: OfflineShown, Own: &own}
}

func receipt(id string) *Receipt {
	return &Receipt{ID: id, Source: "statement", Amount: cny, How: ByReference, Digest: "00"}
}

// A receipt is never overlooked: every sale of which somebody may have seen the code
// takes it, however late, and every other one refuses it.
func TestReceiptIsNeverOverlooked(t *testing.T) {
	for _, st := range States() {
		s := specimen(t, st)
		if st == Cancelled || st == PresentedOffline {
			s = specimen(t, PresentedOffline)
		}
		if st == Cancelled {
			var err error
			if s, err = s.Apply(Event{Kind: CancelRequested, By: "Li"}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.Apply(Event{Kind: ReceiptFound, Receipt: receipt("R2"), At: 9000})
		takes := s.Own != nil && st != Settled
		if takes != (err == nil) {
			t.Errorf("%s takes a receipt: %v", st, err)
			continue
		}
		if err != nil {
			continue
		}
		if got.State != Settled || got.Banked() != cny.Minor || got.Own.GivenUp != (st == Cancelled) {
			t.Errorf("%s after a receipt is %s with %d, given up %v", st, got.State, got.Banked(), got.Own.GivenUp)
		}
		again, err := got.Apply(Event{Kind: ReceiptFound, Receipt: receipt("R2"), At: 9001})
		if err != nil || again.Facts != got.Facts {
			t.Errorf("the same receipt again: %v, %d facts after %d", err, again.Facts, got.Facts)
		}
	}
}

func TestOfflineGuards(t *testing.T) {
	other := receipt("R2")
	other.Amount.Minor++
	foreign := receipt("R2")
	foreign.Amount.Currency = "THB"
	hand := receipt("R2")
	hand.How = ByHand
	for name, c := range map[string]struct {
		state State
		ev    Event
		code  string
	}{
		"a code of another sale":               {Opened, Event{Kind: OfflineShown, Own: &OwnCode{Scheme: "pix", Payload: "x", Lasts: 1, Reference: "OTHER"}}, "sale_other_flow"},
		"an attestation by nobody":             {PresentedOffline, Event{Kind: Attested, Shown: true}, "attester_missing"},
		"a second thought of the operator":     {Unconfirmed, Event{Kind: Attested, By: "Li"}, "sale_unconfirmed"},
		"cancelling what was seen to be paid":  {Unconfirmed, Event{Kind: CancelRequested}, "sale_unconfirmed"},
		"a receipt of another amount":          {Unconfirmed, Event{Kind: ReceiptFound, Receipt: other}, "amount_differs"},
		"a receipt in another currency":        {Unconfirmed, Event{Kind: ReceiptFound, Receipt: foreign}, "receipt_currency"},
		"a receipt by hand of nobody":          {Unconfirmed, Event{Kind: ReceiptFound, Receipt: hand}, "receipt"},
		"a second receipt":                     {Settled, Event{Kind: ReceiptFound, Receipt: receipt("R2")}, "sale_reconciled"},
		"a receipt of a sale of the provider":  {Cancelled, Event{Kind: ReceiptFound, Receipt: receipt("R2")}, "sale_other_flow"},
		"a dispute without a reason":           {Unconfirmed, Event{Kind: DisputeRaised}, "dispute_reason"},
		"a dispute about what is reconciled":   {Settled, Event{Kind: DisputeRaised, Why: &Reason{Code: "x"}}, "sale_reconciled"},
		"a refund through the provider":        {Settled, Event{Kind: RefundRequested, Amount: cny}, "sale_reconciled"},
		"the provider's word about it":         {Unconfirmed, Event{Kind: Received, Amount: cny}, "sale_unconfirmed"},
		"an order at the provider":             {PresentedOffline, Event{Kind: OrderIntended}, "sale_presented_offline"},
		"the code of a sale of the provider's": {Judged, shownCode(&Sale{}), "sale_other_flow"},
	} {
		s := specimen(t, c.state)
		_, err := s.Apply(c.ev)
		var no *Refusal
		if !errors.As(err, &no) || no.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	s := begin(t, Offline)
	for name, own := range map[string]OwnCode{
		"scheme": {Scheme: "upi", Payload: "x", Lasts: 1, Reference: s.Own.Reference}, "reference": {Scheme: "pix", Payload: "x", Lasts: 1, Reference: "X"},
		"text": {Scheme: "pix", Lasts: 1, Reference: s.Own.Reference}, "window": {Scheme: "pix", Payload: "x", Reference: s.Own.Reference},
	} {
		if _, err := s.Apply(Event{Kind: OfflineShown, Own: &own}); err == nil {
			t.Errorf("a code with another %s is shown", name)
		}
	}
	if _, err := s.Apply(Event{Kind: OrderIntended, OrderNo: s.NextOrderNo(), Request: &Request{Method: "POST"}}); err == nil {
		t.Error("a sale without the provider is ordered there")
	}
}

func TestOfflineBegins(t *testing.T) {
	id := ID("T126010200007AAAAAAAAAAA")
	good := OwnCode{Scheme: "pix", Price: cny, Reference: ReferenceOf(id)}
	less := cny
	less.Minor--
	for name, c := range map[string]struct {
		n    New
		own  *OwnCode
		fits bool
	}{
		"as asked":          {New{Flow: Offline, Amount: cny}, &good, true},
		"a little less":     {New{Flow: Offline, Amount: less}, &good, true},
		"more":              {New{Flow: Offline, Amount: cny}, &OwnCode{Scheme: "pix", Price: less}, false},
		"without a scheme":  {New{Flow: Offline, Amount: cny}, nil, false},
		"of another flow":   {New{Flow: Merchant, Amount: cny}, &good, false},
		"in two currencies": {New{Flow: Offline, Amount: cny, PayIn: "HKD"}, &good, false},
		"with a reference":  {New{Flow: Offline, Amount: cny}, &OwnCode{Scheme: "pix", Price: cny, Reference: "MINE"}, false},
		"shown already":     {New{Flow: Offline, Amount: cny}, &OwnCode{Scheme: "pix", Price: cny, Payload: "x"}, false},
	} {
		if _, err := Begin(c.n, id, "key", Event{Kind: Begun, Own: c.own}); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := ReferenceOf(id); len(got) != 16 || got != "00007AAAAAAAAAAA" {
		t.Errorf("the reference is %s", got)
	}
}

// counter is a sale without the provider, with people, time and statements around it.
type counter struct {
	t      *rapid.T
	s      Sale
	plan   Plan
	now    Now
	w      Watch
	booked int64
	text   string // of the code that was shown
	codes  int
}

func (c *counter) apply(ev Event) {
	ev.At = c.now.At
	after, err := c.s.Apply(ev)
	var no *Refusal
	if errors.As(err, &no) {
		return
	}
	if err != nil {
		c.t.Fatal(err)
	}
	sum := int64(0)
	for _, leg := range Postings(c.s, after) {
		if sum += leg.Amount.Minor; leg.Account == Bank {
			c.booked += leg.Amount.Minor
		} else if leg.Account == Provider {
			c.t.Fatal("the provider has no part in it")
		}
	}
	if sum != 0 {
		c.t.Fatalf("I8: %s posts %d out of nothing", ev.Kind, sum)
	}
	c.s = after
}

// drive does what is owed now.
func (c *counter) drive() {
	step := c.s.Next(c.now, c.w, c.plan)
	if step.Do == Nothing || step.Due > c.now.At {
		return
	}
	var ev Event
	switch step.Do {
	case Judge:
		ev = Event{Kind: Assessed, Judgement: &Judgement{Needs: rapid.SampledFrom([][]Need{nil, {NeedApprove}}).Draw(c.t, "needs")}}
	case Present:
		ev = shownCode(&c.s)
		c.codes++
		ev.Judgement, ev.Own.Payload = step.Judgement, fmt.Sprint("code ", c.codes)
	case Conclude:
		ev = c.s.Conclusion(step)
	default:
		c.t.Fatalf("%s is owed to a provider that has no part in it", step.Do)
	}
	c.w.Note(step, ev, c.now.At)
	c.apply(ev)
}

func (c *counter) happen() {
	switch rapid.IntRange(0, 9).Draw(c.t, "what") {
	case 0, 1, 2:
		c.drive()
	case 3:
		c.apply(Event{Kind: Attested, By: "Li", Shown: rapid.Bool().Draw(c.t, "shown")})
	case 4:
		c.apply(Event{Kind: CancelRequested, By: "Li"})
	case 5:
		r := receipt(rapid.SampledFrom([]string{"R1", "R2"}).Draw(c.t, "receipt"))
		if r.Amount.Minor += rapid.Int64Range(0, 1).Draw(c.t, "more"); rapid.Bool().Draw(c.t, "by hand") {
			r.How, r.By = ByHand, "Li"
		}
		c.apply(Event{Kind: ReceiptFound, Receipt: r})
	case 6:
		c.apply(Event{Kind: DisputeRaised, Why: &Reason{Code: "offline_disputed"}})
	case 7:
		c.apply(Event{Kind: Approved, By: "manager"})
	case 8:
		c.now.At = c.now.At.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(c.t, "later")))
	case 9:
		c.w, c.now.Since = Watch{}, c.now.At // a restart
	}
	if c.s.State.Taken() != (c.booked > 0) || c.booked != c.s.Banked() {
		c.t.Fatalf("%s: %d booked, %d by its receipt", c.s.State, c.booked, c.s.Banked())
	}
	if c.text == "" {
		c.text = c.s.Own.Payload
	}
	if c.s.Own.Payload != c.text || c.s.Exposed() && c.text == "" {
		c.t.Fatalf("%s: another code than was shown: %q, %q", c.s.State, c.s.Own.Payload, c.text)
	}
}

// Whatever people, statements, time and power cuts do to a sale without the
// provider: it never counts as paid before a receipt, money is booked once and as
// much as came, a code is on record before it can be seen, and the same code is shown
// after a restart; what was shown ends as reconciled, cancelled or disputed.
func TestOfflineMoneyIsRight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := &counter{t: t, s: begin(t, Offline), plan: DefaultPlan(), now: Now{At: 1e9, Since: 1e9}}
		c.plan.Judge = true
		for range 40 {
			c.happen()
		}
		for range 5 { // a day later, without people
			c.now.At = c.now.At.Add(24 * time.Hour)
			if step := c.s.Next(c.now, c.w, c.plan); step.Do == Conclude {
				c.apply(c.s.Conclusion(step))
			}
		}
		if ends := []State{Settled, Cancelled, Disputed}; c.text != "" && !slices.Contains(ends, c.s.State) {
			t.Fatalf("a code was shown and the sale ends as %s", c.s.State)
		}
	})
}

// An amount that was lowered is at most the price, and what came is what is booked.
func TestReceiptByHandBooksWhatCame(t *testing.T) {
	s := specimen(t, Unconfirmed)
	r := receipt("R1")
	r.How, r.By, r.Amount = ByHand, "Li", money.Money{Minor: 1200, Currency: "CNY"}
	got, err := s.Apply(Event{Kind: ReceiptFound, Receipt: r})
	if err != nil || got.Banked() != 1200 || Postings(s, got)[0].Amount.Minor != 1200 {
		t.Errorf("%v, %d came", err, got.Banked())
	}
}

// The lost part of a restored sale may have shown its code: no other is shown, and a
// receipt of it is taken from wherever the backup left the sale.
func TestOfflineRestored(t *testing.T) {
	for _, st := range append([]State{Opened, Judged, AwaitingApproval, Cancelled}, PresentedOffline, Unconfirmed, Disputed) {
		s := begin(t, Offline)
		events := map[State][]Event{
			Judged:           {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedApprove}}}, {Kind: Approved, By: "m"}},
			AwaitingApproval: {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedApprove}}}},
			Cancelled:        {{Kind: CancelRequested}},
		}[st]
		if st.Offline() {
			s = specimen(t, st)
		}
		events = append(events, Event{Kind: Restored, At: 8000})
		for _, ev := range events {
			var err error
			if s, err = s.Apply(ev); err != nil {
				t.Fatalf("%s: %v", st, err)
			}
		}
		now := Now{At: 9000, Since: 8000}
		if step := s.Next(now, Watch{}, DefaultPlan()); st.Before() {
			if step.Do != Conclude {
				t.Errorf("%s after a restore owes %s", st, step.Do)
			}
			var err error
			if s, err = s.Apply(s.Conclusion(step)); err != nil || s.State != Expired {
				t.Errorf("%s after a restore ends as %s, %v", st, s.State, err)
			}
		} else if s.State != st || step.Do != Nothing && step.Do != Conclude {
			t.Errorf("%s after a restore is %s and owes %s", st, s.State, step.Do)
		}
		if _, err := s.Apply(shownCode(&s)); err == nil {
			t.Errorf("%s shows another code after a restore", st)
		}
		if got, err := s.Apply(Event{Kind: ReceiptFound, Receipt: receipt("R1")}); err != nil || got.State != Settled {
			t.Errorf("%s after a restore refuses a receipt: %v", st, err)
		}
	}
}

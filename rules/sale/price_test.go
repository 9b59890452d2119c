package sale

import (
	"errors"
	"testing"
	"time"

	"qrposd/rules/money"
)

// abroad is a sale priced in HKD and paid in CNY, projected at 2000.
func abroad(t *testing.T, f Flow, p *Price) Sale {
	t.Helper()
	id, key := Mint([]byte("secret"), "T1", "session", 7, 1000, time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC))
	s, err := Begin(New{Flow: f, Amount: hkd, PayIn: "CNY"}, id, key, Event{Kind: Begun, At: 1000})
	if err == nil && p != nil {
		s, err = s.Apply(Event{Kind: Priced, Price: p, At: 2000})
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPriceIsWhatIsCharged(t *testing.T) {
	s := abroad(t, Merchant, price(time.Hour))
	if s.Amount != cny || s.Price.Asked != hkd || s.Price.Ends() != Instant(2000).Add(time.Hour) {
		t.Errorf("charged %s for %s until %d", s.Amount, s.Price.Asked, s.Price.Ends())
	}
	same, err := Begin(New{Flow: Payer, Amount: cny, PayIn: "CNY"}, "x", "k", Event{})
	if err != nil || same.PayIn != "" {
		t.Errorf("one currency is not two: %q, %v", same.PayIn, err)
	}
	if _, err := Begin(New{Flow: Payer, Amount: cny, PayIn: "QQQ"}, "x", "k", Event{}); err == nil {
		t.Error("a currency that does not exist was taken")
	}
}

// No price that was not projected gets in, and nothing goes out without one.
func TestPricesThatAreRefused(t *testing.T) {
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	tooHigh, none, upside := price(time.Hour), price(0), price(time.Hour)
	tooHigh.Agreed, _ = money.ParseRate("0.94")
	upside.Low, upside.High = upside.High, upside.Low
	ask := price(time.Hour)
	ask.Ask = true
	for name, c := range map[string]struct {
		s    Sale
		ev   Event
		code string
	}{
		"no price":                    {abroad(t, Merchant, nil), Event{Kind: Priced}, "price"},
		"above the range":             {abroad(t, Merchant, nil), Event{Kind: Priced, Price: tooHigh}, "price"},
		"a range that is upside down": {abroad(t, Merchant, nil), Event{Kind: Priced, Price: upside}, "price"},
		"one that never held":         {abroad(t, Merchant, nil), Event{Kind: Priced, Price: none}, "price"},
		"a price at home":             {begin(t, Merchant), Event{Kind: Priced, Price: price(time.Hour)}, "price"},
		"an order without a price":    {abroad(t, Merchant, nil), Event{Kind: OrderIntended, OrderNo: "+", Request: &req}, "sale_not_priced"},
		"an order nobody agreed to": {
			abroad(t, Merchant, ask),
			Event{Kind: OrderIntended, OrderNo: "+", Request: &req, Judgement: &Judgement{}, At: 3000},
			"sale_not_confirmed",
		},
		"an order at an old price": {
			abroad(t, Merchant, price(time.Second)),
			Event{Kind: OrderIntended, OrderNo: "+", Request: &req, Judgement: &Judgement{}, At: Instant(2000).Add(time.Second)},
			"price_expired",
		},
	} {
		if c.ev.OrderNo == "+" {
			c.ev.OrderNo = c.s.NextOrderNo()
		}
		_, err := c.s.Apply(c.ev)
		var no *Refusal
		if !errors.As(err, &no) || no.Code != c.code {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
}

// A volatile price waits for the payer whatever the judgement says, and the
// moment of the yes is on record.
func TestVolatilePriceIsConfirmed(t *testing.T) {
	p := price(time.Hour)
	p.Ask = true
	s := abroad(t, Merchant, p)
	if ev := (Event{Kind: Assessed, Judgement: &Judgement{}}); s.Ephemeral(ev) {
		t.Fatal("the question to the payer would not be on record")
	}
	wall := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, ev := range []Event{{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedApprove}}}, {Kind: Agreed, Wall: wall}, {Kind: Approved}} {
		ev.At = 3000
		before := s
		var err error
		if s, err = s.Apply(ev); err != nil {
			t.Fatal(err)
		}
		if ev.Kind == Agreed && (!before.Price.Confirmed.IsZero() || s.State != AwaitingApproval) {
			t.Errorf("%s, and the value before it: %s", s.State, before.Price.Confirmed)
		}
	}
	if s.State != Judged || !s.Price.Confirmed.Equal(wall) {
		t.Errorf("%s, confirmed %s", s.State, s.Price.Confirmed)
	}
}

// Wherever a sale waits, its price ends the wait; and a reboot ends every price.
func TestPriceExpires(t *testing.T) {
	plan := DefaultPlan()
	held := Instant(2000).Add(20 * time.Second)
	later := Now{At: held + 1}
	rebooted := Now{At: 3000, Since: 2500}
	waits := map[State][]Event{
		Projected: nil, Judged: {{Kind: Assessed, Judgement: &Judgement{}}},
		AwaitingConfirmation: {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedConfirm}}}},
		AwaitingApproval:     {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedApprove}}}},
		AwaitingLiveness:     {{Kind: Assessed, Judgement: &Judgement{Needs: []Need{NeedVerify}}}},
	}
	for st, path := range waits {
		s := abroad(t, Payer, price(20*time.Second))
		for _, ev := range path {
			ev.At = 2100
			var err error
			if s, err = s.Apply(ev); err != nil {
				t.Fatal(err)
			}
		}
		if s.State != st {
			t.Fatalf("%s, want %s", s.State, st)
		}
		if end, ok := s.Window(Now{At: 2200}, plan); !ok || end != held {
			t.Errorf("%s lasts until %d, its price until %d", st, end, held)
		}
		for _, now := range []Now{later, rebooted} {
			step := s.Next(now, Watch{Judgement: &Judgement{}}, plan)
			if step.Do != Conclude || step.Due > now.At || s.Conclusion(step).Why.Code != "price_expired" {
				t.Errorf("%s at %+v: %+v", st, now, step)
			}
		}
	}
	code, err := abroad(t, Merchant, price(20*time.Second)).Apply(Event{Kind: OrderIntended, OrderNo: abroad(t, Merchant, nil).NextOrderNo(), Request: &Request{Method: "POST"}, At: 2500})
	if err == nil {
		if step := code.Next(later, Watch{}, plan); step.Do != Conclude {
			t.Errorf("an order is asked for again at an old price: %+v", step)
		}
		code, err = code.Apply(Event{Kind: Ordered, CodeURL: "weixin://x", Lasts: 5 * time.Minute, At: 3000})
	}
	if err != nil || code.Current().Shown.Add(code.Current().Lasts) != held {
		t.Fatalf("a QR code outlives its price: %+v, %v", code.Current(), err)
	}
	if step := code.Next(rebooted, Watch{}, plan); step.Do != Query || step.Due > rebooted.At {
		t.Errorf("after a reboot: %+v, want to withdraw it", step)
	}
}

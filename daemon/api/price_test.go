package api

import (
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// A price is shown with its age and its end, and neither goes below nothing; a
// reboot ends it, since nobody knows how long the power was off.
func TestPriceView(t *testing.T) {
	rate := func(text string) money.Rate {
		r, err := money.ParseRate(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	agreed := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	at := sale.Instant(time.Hour)
	s := sale.Sale{
		Flow: sale.Merchant, State: sale.AwaitingConfirmation, Amount: money.Money{Minor: 9158, Currency: "CNY"}, PayIn: "CNY", Changed: at,
		Price: &sale.Price{
			Asked: money.Money{Minor: 10000, Currency: "HKD"}, Low: rate("0.90"), Mid: rate("0.91"), High: rate("0.93"), Agreed: rate("0.9158"),
			Confidence: 0.8, By: "middle", Ask: true, Lasts: 30 * time.Second, At: at,
		},
	}
	for name, c := range map[string]struct {
		now       sale.Now
		age, left int
	}{
		"fresh":    {sale.Now{At: at}, 0, 30},
		"begun":    {sale.Now{At: at.Add(1500 * time.Millisecond)}, 1, 29},
		"over":     {sale.Now{At: at.Add(30 * time.Second)}, 30, 0},
		"long ago": {sale.Now{At: at.Add(time.Hour)}, 3600, 0},
		"rebooted": {sale.Now{At: at.Add(time.Second), Since: at.Add(time.Millisecond)}, 1, 0},
	} {
		p := View(s, c.now, sale.DefaultPlan()).Price
		if p.AgeS != c.age || p.SecondsLeft == nil || *p.SecondsLeft != c.left || p.ConfirmedAt != nil || !p.Confirm {
			t.Errorf("%s: %+v, want %d s old and %d s left", name, p, c.age, c.left)
		}
		if p.Asked.Decimal != "100.00" || p.Asked.Currency != "HKD" || p.Charged.Decimal != "91.58" || p.Charged.Currency != "CNY" || p.Rate != "0.9158" || p.Low != "0.9" || p.High != "0.93" {
			t.Errorf("%s: %+v", name, p)
		}
	}
	s.State, s.Price.Confirmed = sale.Paid, agreed
	s.Attempts = []sale.Attempt{{OrderNo: "S1", End: sale.EndPaid}}
	if p := View(s, sale.Now{At: at}, sale.DefaultPlan()).Price; p.SecondsLeft != nil || p.ConfirmedAt == nil || !p.ConfirmedAt.Equal(agreed) {
		t.Errorf("once paid: %+v", p)
	}
	s.Price = nil
	if p := View(s, sale.Now{At: at}, sale.DefaultPlan()).Price; p != nil {
		t.Errorf("without one: %+v", p)
	}
}

package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"qrposd/daemon/aipay"
	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// A till that is started again while a payer is asked goes on asking, and one charge
// follows. After the machine itself was off nobody knows for how long: the price has
// ended, and nothing is charged for it. That nobody agreed is no excuse.
func TestAPriceOverARestart(t *testing.T) {
	for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
		for _, boot := range []bool{false, true} {
			for _, agreed := range []bool{false, true} {
				if agreed && flow == sale.Merchant {
					continue // its code is shown at once
				}
				t.Run(fmt.Sprintf("%s boot=%v agreed=%v", flow, boot, agreed), func(t *testing.T) {
					t.Parallel()
					overARestart(t, flow, boot, agreed)
				})
			}
		}
	}
}

func overARestart(t *testing.T, flow sale.Flow, boot, agreed bool) {
	s := newShop(t)
	s.adapt = func(c *Config) {
		c.Till.Currency, c.AIPay.FX = "HKD", aipay.DefaultFX()
		c.AIPay.FX.PayIn, c.AIPay.FX.ConfirmWidth = "CNY", 0
	}
	if _, err := s.wx.SetAI(json.RawMessage(`{"fx":{"valid_for_s":6000}}`)); err != nil { // five minutes of the test's
		t.Fatal(err)
	}
	k := s.open(nil)
	v, _, err := k.d.desk.Open(context.Background(), sale.New{Flow: flow, Amount: money.Money{Minor: 10100, Currency: "HKD"}, PayIn: "CNY"}, sale.Once{})
	if err == nil {
		v, err = k.until(v.ID, func(v sale.Sale) bool { return v.State == sale.AwaitingConfirmation || api.Rests(v.State) })
	}
	if err != nil || v.State != sale.AwaitingConfirmation {
		t.Fatalf("%s, %+v, %v", v.State, v.Why, err)
	}
	if agreed { // and now the code is waited for
		if v, err = k.d.judge.Consent(t.Context(), v.ID, 0, "Wang"); err != nil || v.State != sale.Judged {
			t.Fatalf("%s, %v", v.State, err)
		}
	}
	if err := k.close(); err != nil {
		t.Fatal(err)
	}
	s.clock.set(0, boot)
	k = s.open(nil)
	if !boot && !agreed {
		if _, err := k.d.judge.Consent(t.Context(), v.ID, 0, "Wang"); err != nil {
			t.Fatal(err)
		}
	}
	if boot {
		v, err = k.until(v.ID, func(v sale.Sale) bool { return api.Rests(v.State) })
		if err != nil || v.State != sale.Expired || v.Why == nil || v.Why.Code != "price_expired" {
			t.Errorf("%s, %+v, %v", v.State, v.Why, err)
		}
	} else if v, err = k.pay(v); err != nil || v.State != sale.Paid || v.Price == nil || v.Price.Confirmed.IsZero() {
		t.Errorf("%s, %+v, %v", v.State, v.Why, err)
	}
	ending(t, k)
	charges := 0
	for _, o := range s.wx.Report().Orders {
		charges += o.Charges
	}
	if want := map[bool]int{false: 1, true: 0}[boot]; charges != want {
		t.Errorf("%d charges, want %d", charges, want)
	}
}

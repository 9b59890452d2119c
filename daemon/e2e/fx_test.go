package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"qrposd/rules/sale"
)

// hongkong is a till whose prices are in HKD and whose payers may pay in CNY.
func hongkong() []edit {
	return []edit{ai, {"till", `currency = "HKD"`}, {"aipay", `fx.pay_in = "CNY"`}}
}

// wide is a range that no payer is charged at unasked.
func wide(more ...any) map[string]any { return fxOf(append([]any{"width", 0.05}, more...)...) }

func fxOf(pairs ...any) map[string]any {
	fx := map[string]any{"valid_for_s": 50 * 60}
	for i := 0; i+1 < len(pairs); i += 2 {
		fx[pairs[i].(string)] = pairs[i+1]
	}
	return map[string]any{"fx": fx}
}

func tea(flow sale.Flow, fen int64, w wish) *basket {
	b := newBasket(flow, fen, w)
	b.hkd = true
	return b
}

// faultless holds that the API found nothing wrong with any order, and that each was
// charged once at most.
func (o *outside) faultless(t *testing.T) map[string]orderCount {
	t.Helper()
	all := o.orders()
	for _, c := range all {
		if len(c.Violations) > 0 || c.Charges > 1 {
			t.Errorf("%s: %d charges, %v", c.OutTradeNo, c.Charges, c.Violations)
		}
	}
	return all
}

// untouched holds that no order was ever made.
func (o *outside) untouched(t *testing.T) {
	t.Helper()
	for _, c := range o.orders() {
		if c.Kind != "" {
			t.Errorf("the provider has the order %+v", c)
		}
	}
}

// A sale in HKD is paid in CNY, in both flows. The payer agrees first where the range
// is wide, and the provider has what the till says.
func TestPaidInAnotherCurrency(t *testing.T) {
	for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
		for _, confirm := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/confirm=%v", flow, confirm), func(t *testing.T) {
				t.Parallel()
				st := newStreet(t)
				st.o.setAI(fxOf())
				if confirm {
					st.o.setAI(wide())
				}
				s := st.shift(t, built(t).product, hongkong()...)
				s.start()
				b := tea(flow, 10000, toPay)
				s.serve(one(b))
				s.people.Wait()
				v, err := s.look(b.rings[0].id)
				if err != nil || v.State != "paid" || v.Price == nil {
					t.Fatalf("%s, %+v, %v\n%s", v.State, v.Reason, err, s.d.log)
				}
				p := v.Price
				if p.Asked.Minor != 10000 || p.Asked.Currency != "HKD" || v.Amount.Currency != "CNY" || v.Amount != p.Charged || v.Amount.Minor != 9132 ||
					p.Confirm != confirm || (p.ConfirmedAt != nil) != confirm || p.SecondsLeft != nil || p.By != "middle: no model" {
					t.Errorf("%+v", p)
				}
				s.finish()
				st.o.honest(t)
				charged := int64(0)
				for _, c := range st.o.faultless(t) {
					charged += c.Net
				}
				if charged != 9132 {
					t.Errorf("the provider has %d", charged)
				}
			})
		}
	}
}

// A projection that makes no sense, or does not come, ends the sale in words; nothing
// is ordered or charged, and the till sells on in its own currency.
func TestProjectionsThatCannotBeUsed(t *testing.T) {
	for name, c := range map[string]struct {
		settings map[string]any
		fault    string
		want     string
	}{
		"inverted":     {fxOf("wrong", "inverted"), "", "price_malformed"},
		"malformed":    {fxOf("wrong", "malformed"), "", "price_malformed"},
		"non_positive": {fxOf("wrong", "non_positive"), "", "price_malformed"},
		"confidence":   {fxOf("wrong", "confidence"), "", "price_malformed"},
		"expired":      {fxOf("wrong", "expired"), "", "price_expired_at_once"},
		"late":         {map[string]any{"latency": map[string]any{"ai_projection": map[string]any{"kind": "fixed", "ms": 4000}}}, "", "price_unavailable"},
		"hang":         {fxOf(), "hang_before", "price_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := newStreet(t)
			st.o.setAI(c.settings)
			if c.fault != "" {
				st.o.do(http.MethodPost, "/sim/rules", map[string]any{"op": "ai_projection", "fault": c.fault}, nil)
			}
			s := st.shift(t, built(t).product, hongkong()...)
			s.start()
			for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
				b := tea(flow, 10000, toPay)
				s.serve(one(b))
				s.people.Wait()
				v, err := s.look(b.rings[0].id)
				if err != nil || v.State != "declined" || v.Reason == nil || v.Reason.Code != c.want || v.Reason.Text.Zh == "" || v.Price != nil || b.paidPhone {
					t.Errorf("%s: %s, %+v, %v, paid %v\n%s", flow, v.State, v.Reason, err, b.paidPhone, s.d.log)
				}
			}
			st.o.untouched(t)
			s.finish()
		})
	}
}

// A price that nobody agrees to ends by itself, and is not charged afterwards.
func TestAPriceThatNobodyAgreesTo(t *testing.T) {
	st := newStreet(t)
	st.o.setAI(wide("valid_for_s", 50)) // a second
	s := st.shift(t, built(t).product, hongkong()...)
	s.start()
	for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
		b := tea(flow, 10000, toLeave)
		s.serve(one(b))
		s.people.Wait()
		v, err := s.look(b.rings[0].id)
		if err != nil || v.State != "expired" || v.Reason == nil || v.Reason.Code != "price_expired" || v.Price == nil || v.Price.ConfirmedAt != nil {
			t.Errorf("%s: %s, %+v, %v\n%s", flow, v.State, v.Reason, err, s.d.log)
		}
		if _, err := s.d.api.Consent(soon(t), v, "Wang"); err == nil {
			t.Errorf("%s: somebody agreed to a price that has ended", flow)
		}
	}
	st.o.untouched(t)
	s.finish()
}

// The plug is pulled around everything that a second currency adds, also while the
// payer is asked, in both flows. One sale is one charge, at the price agreed to.
func TestPricesThroughPowerCuts(t *testing.T) {
	st := newStreet(t)
	st.o.setAI(wide())
	price := []string{"priced:before-commit", "priced:after-commit", "judged:before-commit", "judged:after-commit", "agreed:before-commit", "agreed:after-commit"}
	after := map[sale.Flow][]string{
		sale.Merchant: {"order_intended:before-commit", "order_intended:after-commit", "order:before-send", "order:after-send", "ordered:before-commit", "received:before-commit"},
		sale.Payer:    {"charge_intended:before-commit", "charge_intended:after-commit", "charge:before-send", "charge:after-send", "received:before-commit"},
	}
	var cuts []cut
	for flow, points := range after {
		for _, p := range append(points, price...) {
			cuts = append(cuts, cut{p, scene{name: "hkd", flow: flow, fen: 10000, wish: toPay}})
		}
	}
	abreast(t, 5, cuts, func(t *testing.T, c cut) {
		s := st.shift(t, built(t).faulty, hongkong()...)
		s.start("QRPOSD_KILL=" + c.point)
		b := c.scene.basket()
		b.hkd = true
		s.serve(one(b))
		if !s.died() {
			t.Fatalf("never passed %s:\n%s", c.point, s.d.log)
		}
		s.start()
		s.people.Wait()
		v, err := s.look(b.rings[len(b.rings)-1].id)
		// A charge is not sent again after a cut; an order is, as long as it is not late.
		late := v.Reason != nil && v.Reason.Code == "no_qr"
		if paid := v.State == "paid"; err != nil || c.scene.flow == sale.Merchant && !paid && !late || paid && (v.Price == nil || v.Price.ConfirmedAt == nil) {
			t.Errorf("%s: %s, %+v, %v\n%s", c.point, v.State, v.Price, err, s.d.log)
		}
		s.finish()
	})
	st.o.honest(t)
	st.o.faultless(t)
	t.Logf("%d cuts", len(cuts))
}

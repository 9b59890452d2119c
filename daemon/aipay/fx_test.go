package aipay

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/sim"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// abroad is a stand whose till prices sales in CNY.
func abroad(t *testing.T, settings string) *stand {
	t.Helper()
	d := newStand(t, settings)
	d.c.conf.FX = DefaultFX()
	d.c.conf.FX.PayIn = "CNY"
	return d
}

// Of a projection that makes no sense nothing is charged, and each sense that it does
// not make is told in a word.
func TestProjectionsThatAreRefused(t *testing.T) {
	for _, c := range []struct {
		settings string
		rule     *sim.Rule
		base     money.Currency
		want     string
	}{
		{`{}`, nil, "HKD", ""},
		{`{"fx":{"width":0}}`, nil, "HKD", ""},
		{`{"fx":{"wrong":"inverted"}}`, nil, "HKD", "price_malformed"},
		{`{"fx":{"wrong":"malformed"}}`, nil, "HKD", "price_malformed"},
		{`{"fx":{"wrong":"non_positive"}}`, nil, "HKD", "price_malformed"},
		{`{"fx":{"wrong":"confidence"}}`, nil, "HKD", "price_malformed"},
		{`{"fx":{"wrong":"expired"}}`, nil, "HKD", "price_expired_at_once"},
		{`{}`, nil, "CHF", "price_refused"}, // the simulator knows no such pair
		{`{}`, nil, "CNY", "price_refused"}, // no pair at all
		{`{}`, &sim.Rule{Op: "ai_projection", Fault: "hang_before"}, "HKD", "price_unavailable"},
		{`{}`, &sim.Rule{Op: "ai_projection", Fault: "reset_before"}, "HKD", "price_unavailable"},
		{`{}`, &sim.Rule{Op: "ai_projection", Fault: "bad_signature"}, "HKD", "price_unavailable"},
		{`{}`, &sim.Rule{Op: "ai_projection", Fault: "system_error_before"}, "HKD", "price_unavailable"},
		{`{}`, &sim.Rule{Op: "ai_projection", Fault: "reset_before", Times: 1}, "HKD", ""},
		{`{}`, &sim.Rule{Op: "ai_projection", Fault: "hang_before", Times: 1}, "HKD", ""},
		{`{}`, &sim.Rule{Op: "ai_projection", Fault: "system_error_before", Times: 1}, "HKD", ""},
	} {
		name := c.settings + string(c.base)
		d := abroad(t, c.settings)
		if c.rule != nil {
			name += c.rule.Fault + strconv.Itoa(c.rule.Times)
			if _, err := d.wx.AddRule(*c.rule); err != nil {
				t.Fatal(err)
			}
		}
		p, why := d.c.Project(t.Context(), money.Money{Minor: 10100, Currency: c.base}, "CNY")
		switch {
		case c.want != "" && (why == nil || why.Code != c.want || p != Projection{}):
			t.Errorf("%s: %+v, %+v, want %s", name, p, why, c.want)
		case c.want == "" && (why != nil || p.Base != c.base || p.Quote != "CNY" || !p.ordered() || time.Until(p.ValidUntil) > d.c.conf.FX.Horizon()):
			t.Errorf("%s: %+v, %+v", name, p, why)
		}
	}
}

// A projection that hangs, however often, keeps no payment from the provider: nobody
// gives the domain up for it. Each is over in its time.
func TestSlowProjectionsStopNoPayment(t *testing.T) {
	d := abroad(t, `{}`)
	before := d.priced(money.Money{Minor: 10000, Currency: "HKD"}, 10)
	if _, err := d.wx.AddRule(sim.Rule{Op: "ai_projection", Fault: "hang_before"}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		began := time.Now()
		if _, why := d.c.Project(t.Context(), money.Money{Minor: 10000, Currency: "HKD"}, "CNY"); why == nil || why.Code != "price_unavailable" {
			t.Errorf("%d: %+v", i, why)
		}
		if took := time.Since(began); took < projectOne {
			t.Errorf("%d: given up after %s, not asked", i, took)
		}
	}
	if ev, err := d.send(before, before.Price.At); err != nil || ev.Kind != sale.Ordered {
		t.Errorf("a payment after hanging projections: %+v, %v", ev, err)
	}
}

// A price lasts by the provider's clock where this machine's is wrong.
func TestProviderTime(t *testing.T) {
	now := time.Unix(1_800_000_000, 250_000_000)
	for _, c := range []struct {
		told string
		want time.Time
	}{
		{"1800000000", now},
		{"1799999998", time.Unix(1_799_999_999, 0)},
		{"1800000002", now},
		{"1800000003", time.Unix(1_800_000_004, 0)},
		{"1799999000", time.Unix(1_799_999_001, 0)},
		{"1800001000", time.Unix(1_800_001_001, 0)},
		{"", now},
		{"soon", now},
	} {
		if got := providerTime(http.Header{"Wechatpay-Timestamp": {c.told}}, now); !got.Equal(c.want) {
			t.Errorf("told %q: %s, want %s", c.told, got, c.want)
		}
	}
}

// priced is a sale at a price of the API.
func (d *stand) priced(asked money.Money, step int) sale.Sale {
	d.t.Helper()
	p, why := d.c.Project(d.t.Context(), asked, "CNY")
	if why != nil {
		d.t.Fatalf("%s: %+v", asked, why)
	}
	at := money.Between(p.Low, p.High, step, 20)
	charged, err := money.Convert(asked, at, "CNY")
	if err != nil {
		d.t.Fatal(err)
	}
	d.sold++
	return sale.Sale{
		ID: sale.ID("T01261125" + strconv.Itoa(1_000_000_000_000+d.sold) + "X"), Key: strconv.Itoa(d.sold), Flow: sale.Merchant, Amount: charged, PayIn: "CNY",
		Description: "tea", BegunWall: time.Now(), Price: &sale.Price{
			Asked: asked, Projection: p.ID, Low: p.Low, Mid: p.Mid, High: p.High, Agreed: at, Confidence: p.Confidence, Lasts: time.Until(p.ValidUntil), At: 1000,
			Confirmed: time.Now(),
		},
	}
}

// send makes the payment of a sale that is due at an instant.
func (d *stand) send(s sale.Sale, due sale.Instant) (sale.Event, error) {
	step := sale.Step{Do: sale.Order, OrderNo: s.NextOrderNo(), Due: due}
	req, err := d.c.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		return sale.Event{}, err
	}
	s.Attempts = []sale.Attempt{{OrderNo: step.OrderNo, Request: req, Key: sale.MintKey(d.secret, req.Session, sale.Instant(d.sold))}}
	return d.c.Do(d.t.Context(), step, s, req), nil
}

// The API, which counts in rationals, finds our amounts to be the projected ones at
// the agreed rate: to a part of a unit, in currencies of none, two and three decimals,
// and at both ends of the range.
func TestTheAPIAgreesWithOurAmounts(t *testing.T) {
	d := abroad(t, `{"fx":{"mids":{"HKD/CNY":"0.9132","JPY/CNY":"0.04783","KWD/CNY":"23.1597","USD/CNY":"7.1023"},"width":0.03}}`)
	if _, err := d.wx.AddRule(sim.Rule{Op: "ai_payment", Fault: "none"}); err != nil { // the last digits are nobody's choice
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	n := 0
	for _, base := range []money.Currency{"HKD", "JPY", "KWD", "USD"} {
		for i := range 40 {
			s := d.priced(money.Money{Minor: 100 + r.Int64N(5_000_000), Currency: base}, i%21)
			ev, err := d.send(s, s.Price.At)
			if n++; err != nil || ev.Kind != sale.Ordered {
				t.Errorf("seed %d: %s at %s is %s: %+v, %v", seed, s.Price.Asked, s.Price.Agreed, s.Amount, ev.Why, err)
			}
		}
	}
	var off int
	for _, v := range d.wx.Report().Orders {
		off += len(v.Violations)
	}
	if off > 0 {
		t.Errorf("%d violations in %d payments", off, n)
	}
}

// A price that has ended is not even sent; one that ends on the way is refused, and
// that is no money.
func TestAPriceThatEnds(t *testing.T) {
	d := abroad(t, `{"fx":{"valid_for_s":1}}`)
	s := d.priced(money.Money{Minor: 10000, Currency: "HKD"}, 10)
	if _, err := d.send(s, s.Price.Ends()); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("at its end: %v", err)
	}
	s.Price.Lasts = time.Hour // a till that is wrong about it
	time.Sleep(1100 * time.Millisecond)
	ev, err := d.send(s, s.Price.At)
	if err != nil || ev.Kind != sale.OrderRefused {
		t.Errorf("after its end at the API: %+v, %v", ev, err)
	}
}

// What a payment says of its price is all in its bytes, and no other payment says any.
func TestAPaymentTellsItsPrice(t *testing.T) {
	d := abroad(t, `{}`)
	s := d.priced(money.Money{Minor: 10000, Currency: "HKD"}, 12)
	s.Price.Confirmed = time.Now().Add(time.Hour) // before the clock was set back
	body := func(s sale.Sale) map[string]json.RawMessage {
		req, err := d.c.Prepare(sale.Step{Do: sale.Order, OrderNo: s.NextOrderNo(), Due: 1000}, s, sale.PayerCode{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := req.Wire()
		var m map[string]json.RawMessage
		if err := errors.Join(err, json.Unmarshal(b, &m)); err != nil {
			t.Fatal(err)
		}
		return m
	}
	var fx fxField
	if err := json.Unmarshal(body(s)["fx"], &fx); err != nil {
		t.Fatal(err)
	}
	p := s.Price
	if fx.ProjectionID != p.Projection || fx.Base != "HKD" || fx.Quote != "CNY" || fx.Low != p.Low.String() || fx.Mid != p.Mid.String() ||
		fx.High != p.High.String() || fx.Agreed != p.Agreed.String() || fx.Confidence != p.Confidence || fx.Confirmed == "" {
		t.Errorf("%+v of %+v", fx, p)
	}
	told := d.c.sent(sale.Step{}, s)
	if len(told.Amounts) != 2 || told.Amounts[1] != p.Asked || len(told.Rates) != 4 {
		t.Errorf("an explanation may speak of %+v", told)
	}
	s.Price, s.PayIn = nil, ""
	if raw := body(s)["fx"]; raw != nil {
		t.Errorf("a sale in one currency tells %s", raw)
	}
}

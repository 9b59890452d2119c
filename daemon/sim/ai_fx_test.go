package sim

import (
	"strings"
	"testing"
	"time"
)

func (s *shop) project(base, quote string, total int) got {
	s.t.Helper()
	return s.must(200, "POST", "/v3/ai/currency-projections", obj{
		"base": base, "quote": quote, "amount": obj{"total": total, "currency": base}, "horizon_s": 120,
	})
}

func TestAIProjectionIsARange(t *testing.T) {
	s := newAIShop(t)
	s.set(obj{"fx": obj{"mids": obj{"USD/CNY": "7.1"}, "width": 0.01, "valid_for_s": 60}})
	g := s.project("USD", "CNY", 500)
	equal(t, "low", g.str("low"), "7.029000")
	equal(t, "mid", g.str("mid"), "7.100000")
	equal(t, "high", g.str("high"), "7.171000")
	equal(t, "confidence", g.str("confidence"), "0.92")
	until, err := time.Parse(time.RFC3339, g.str("valid_until"))
	if err != nil || !until.Equal(s.clock.now().Add(time.Minute)) {
		t.Fatalf("valid until %v: %v", until, err)
	}
	equal(t, "turned over", s.project("CNY", "USD", 500).str("mid"), "0.140845")
	for name, body := range map[string]obj{
		"pair":     {"base": "USD", "quote": "USD", "amount": obj{"total": 1, "currency": "USD"}},
		"unknown":  {"base": "XYZ", "quote": "CNY", "amount": obj{"total": 1, "currency": "XYZ"}},
		"currency": {"base": "USD", "quote": "CNY", "amount": obj{"total": 1, "currency": "CNY"}},
		"amount":   {"base": "USD", "quote": "CNY", "amount": obj{"total": 0, "currency": "USD"}},
		"horizon":  {"base": "USD", "quote": "CNY", "amount": obj{"total": 1, "currency": "USD"}, "horizon_s": -1},
	} {
		if g := s.must(400, "POST", "/v3/ai/currency-projections", body); g.str("code") == "" {
			t.Errorf("%s: %s", name, g.raw)
		}
	}
	equal(t, "requests", s.aiCounts().Requests[opAIProjection], 7)
}

func TestAIProjectionsGoWrong(t *testing.T) {
	for wrong, is := range map[string]func(s *shop, g got) bool{
		"inverted":     func(_ *shop, g got) bool { return g.str("low") > g.str("mid") && g.str("mid") > g.str("high") },
		"malformed":    func(_ *shop, g got) bool { _, ok := decimal(g.str("low")); return !ok },
		"non_positive": func(_ *shop, g got) bool { return g.str("mid") == "0" && strings.HasPrefix(g.str("low"), "-") },
		"confidence":   func(_ *shop, g got) bool { return g.str("confidence") == "1.7" },
		"expired": func(s *shop, g got) bool {
			until, err := time.Parse(time.RFC3339, g.str("valid_until"))
			return err == nil && until.Before(s.clock.now())
		},
	} {
		s := newAIShop(t)
		s.set(obj{"fx": obj{"wrong": wrong}})
		if g := s.project("USD", "CNY", 500); !is(s, g) {
			t.Errorf("%s: %s", wrong, g.raw)
		}
	}
}

func TestAICrossCurrencyPayment(t *testing.T) {
	s := newAIShop(t)
	s.set(obj{"fx": obj{"mids": obj{"CNY/JPY": "20.9", "USD/CNY": "7.1"}, "width": 0.01}})
	pay := func(p got, total int, currency, rate string, change func(fx obj)) (no string, g got) {
		no = s.number()
		b := s.aiBody(no, total, s.code(behavePay))
		b["amount"] = obj{"total": total, "currency": currency}
		fx := obj{"projection_id": p.str("projection_id"), "base": p.str("base"), "quote": p.str("quote"), "agreed_rate": rate}
		for _, k := range []string{"low", "mid", "high"} {
			fx[k] = p.str(k)
		}
		if change != nil {
			change(fx)
		}
		b["fx"] = fx
		return no, s.aiPay(200, s.key(), b)
	}
	p := s.project("USD", "CNY", 500)
	no, g := pay(p, 3560, "CNY", "7.12", func(fx obj) { fx["confirmed_at"] = s.clock.now().Format(time.RFC3339) })
	equal(t, "paid", g.str("state"), success)
	equal(t, "signal", g.str("risk.signals"), "[cross_currency]")
	equal(t, "counted", s.counts(no).Net, 3560)
	_, g = pay(p, 3560, "CNY", "7.12", func(fx obj) { fx["agreed_rate"] = 7.12 })
	equal(t, "a number", g.str("state"), success)
	_, g = pay(p, 3559, "CNY", "7.1199", nil) // 3559.95: rounded either way
	equal(t, "rounded down", g.str("state"), success)

	yen := s.project("CNY", "JPY", 1234) // 12.34 x 20.9 = 257.906, and yen have no decimals
	no, g = pay(yen, 258, "JPY", "20.9", nil)
	equal(t, "yen", g.str("state"), success)
	q := s.must(200, "GET", s.queryPath(no), nil)
	equal(t, "currency", q.str("amount.currency"), "JPY")
	equal(t, "total", q.str("amount.total"), "258")
	refund := obj{"out_trade_no": no, "out_refund_no": "J1", "amount": obj{"refund": 258, "total": 258, "currency": "CNY"}}
	s.must(400, "POST", refundPath, refund)
	refund["amount"] = obj{"refund": 258, "total": 258, "currency": "JPY"}
	equal(t, "refund", s.must(200, "POST", refundPath, refund).str("amount.currency"), "JPY")

	equal(t, "violations", len(s.w.WeChat.Report().Violations), 0)
	no, g = pay(p, 3560, "CNY", "7.12", func(fx obj) { fx["low"] = "7.0" })
	equal(t, "another range", g.str("state"), success)
	equal(t, "is a violation", s.counts(no).Violations[0].What, "the range of rates is not that of the projection")

	before := s.w.WeChat.Report().Totals.Charges
	for name, c := range map[string]struct {
		total          int
		currency, rate string
		change         func(obj)
		says           string
	}{
		"above":       {3586, "CNY", "7.1711", nil, "outside"},
		"below":       {3599, "CNY", "7.0289", nil, "outside"},
		"word":        {3560, "CNY", "7.12", func(fx obj) { fx["agreed_rate"] = "1e0" }, "outside"},
		"amount":      {3561, "CNY", "7.12", nil, "amount"},
		"base amount": {500, "USD", "7.12", nil, "currencies"},
		"pair":        {3560, "CNY", "7.12", func(fx obj) { fx["base"] = "EUR" }, "currencies"},
		"unknown":     {3560, "CNY", "7.12", func(fx obj) { fx["projection_id"] = "FXP0" }, "does not exist"},
		"confirmed":   {3560, "CNY", "7.12", func(fx obj) { fx["confirmed_at"] = "soon" }, "confirmed"},
	} {
		if _, g := pay(p, c.total, c.currency, c.rate, c.change); !strings.Contains(g.str("error.explanation"), c.says) {
			t.Errorf("%s: %s", name, g.raw)
		}
	}
	s.clock.pass(5 * time.Minute)
	if _, g := pay(p, 3560, "CNY", "7.12", nil); !strings.Contains(g.str("error.explanation"), "expired") {
		t.Errorf("expired: %s", g.raw)
	}
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, before)
	equal(t, "policy", s.aiCounts().ByClass["policy"], 9)
}

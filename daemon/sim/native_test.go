package sim

import (
	"strings"
	"testing"
	"time"
)

func TestNativePaidByScan(t *testing.T) {
	s := newShop(t)
	no := s.number()
	g := s.must(200, "POST", nativePath, s.nativeBody(no, 1200))
	url := g.str("code_url")
	if !strings.HasPrefix(url, "weixin://wxpay/bizpayurl?pr=") {
		t.Fatalf("code_url %q", url)
	}
	if !strings.HasSuffix(g.header.Get("Request-ID"), "-0") {
		t.Fatalf("Request-ID %q", g.header.Get("Request-ID"))
	}
	equal(t, "before", s.state(no), notPay)
	r := s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay"}, 200)
	equal(t, "phone", r.str("state"), success)
	q := s.must(200, "GET", s.queryPath(no), nil)
	equal(t, "state", q.str("trade_state"), success)
	equal(t, "type", q.str("trade_type"), "NATIVE")
	equal(t, "total", q.str("amount.total"), "1200")
	equal(t, "by id", s.must(200, "GET", "/v3/pay/transactions/id/"+q.str("transaction_id")+"?mchid="+s.k.MchID, nil).str("out_trade_no"), no)
	equal(t, "close", s.must(400, "POST", orderPath(no, "/close"), obj{"mchid": s.k.MchID}).str("code"), "ORDER_PAID")
	equal(t, "again", s.must(400, "POST", nativePath, s.nativeBody(no, 1200)).str("code"), "ORDER_PAID")
	equal(t, "paid twice", s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay"}, 409).str("code"), "ORDER_SUCCESS")
	c := s.counts(no)
	equal(t, "charges", c.Charges, 1)
	equal(t, "net", c.Net, 1200)
	equal(t, "bodies", len(c.Bodies[opNative]), 1)
	equal(t, "requests", c.Requests[opNative], 2)
}

func TestNativeRepeatKillsTheOldCode(t *testing.T) {
	s := newShop(t)
	no := s.number()
	old := s.must(200, "POST", nativePath, s.nativeBody(no, 1200)).str("code_url")
	fresh := s.must(200, "POST", nativePath, s.nativeBody(no, 1200)).str("code_url")
	if old == fresh {
		t.Fatal("the same code_url again")
	}
	equal(t, "old", s.control("POST", "/sim/phone/scan", obj{"code_url": old, "action": "pay"}, 410).str("code"), "CODE_DEAD")
	g := s.must(403, "POST", nativePath, s.nativeBody(no, 1300))
	equal(t, "changed", g.str("code"), "OUT_TRADE_NO_USED")
	if !strings.HasSuffix(g.header.Get("Request-ID"), "-268498688") {
		t.Fatalf("Request-ID %q", g.header.Get("Request-ID"))
	}
	c := s.counts(no)
	equal(t, "bodies", len(c.Bodies[opNative]), 2)
	equal(t, "violations", len(c.Violations), 1)
	s.clock.pass(2 * time.Hour)
	equal(t, "old age", s.control("POST", "/sim/phone/scan", obj{"code_url": fresh}, 410).str("code"), "CODE_DEAD")
}

func TestNativeBindsTheFirstAccount(t *testing.T) {
	s := newShop(t)
	no := s.number()
	url := s.must(200, "POST", nativePath, s.nativeBody(no, 1200)).str("code_url")
	s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "cancel", "payer": "alice"}, 200)
	equal(t, "other", s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay", "payer": "bob"}, 409).str("code"), "ORDER_BOUND")
	s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "wrong_password", "payer": "alice"}, 200)
	equal(t, "still", s.state(no), notPay)
	s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay_late", "delay_ms": 3000, "payer": "alice"}, 200)
	s.clock.pass(2999 * time.Millisecond)
	equal(t, "soon", s.state(no), notPay)
	s.clock.pass(time.Millisecond)
	equal(t, "then", s.state(no), success)
	equal(t, "payer", s.w.WeChat.Report().Payers["alice"].Net, 1200)
}

func TestNativeExpiryAndClose(t *testing.T) {
	s := newShop(t)
	body := s.nativeBody(s.number(), 1200)
	body["time_expire"] = s.clock.now().Add(5 * time.Minute).Format(time.RFC3339)
	url := s.must(200, "POST", nativePath, body).str("code_url")
	no := body["out_trade_no"].(string)
	s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay_late", "delay_ms": 301_000}, 200)
	s.clock.pass(302 * time.Second)
	equal(t, "expired", s.state(no), closed)
	equal(t, "again", s.must(400, "POST", nativePath, body).str("code"), "ORDER_CLOSED")

	no = s.number()
	url = s.must(200, "POST", nativePath, s.nativeBody(no, 1200)).str("code_url")
	s.must(204, "POST", orderPath(no, "/close"), obj{"mchid": s.k.MchID})
	s.must(204, "POST", orderPath(no, "/close"), obj{"mchid": s.k.MchID})
	equal(t, "closed", s.state(no), closed)
	equal(t, "scan", s.control("POST", "/sim/phone/scan", obj{"code_url": url, "action": "pay"}, 409).str("code"), "ORDER_CLOSED")
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 0)
	s.must(404, "POST", orderPath("T1-nothing", "/close"), obj{"mchid": s.k.MchID})
}

func TestNativeRefusesWhatTheProviderRefuses(t *testing.T) {
	s := newShop(t)
	for name, change := range map[string]func(obj){
		"unknown field":  func(b obj) { b["colour"] = "red" },
		"null":           func(b obj) { b["attach"] = nil },
		"blank":          func(b obj) { b["attach"] = " " },
		"four bytes":     func(b obj) { b["description"] = "Tea 🍵" },
		"zero":           func(b obj) { b["amount"] = obj{"total": 0} },
		"fraction":       func(b obj) { b["amount"] = obj{"total": 1.5} },
		"currency":       func(b obj) { b["amount"] = obj{"total": 1, "currency": "USD"} },
		"short number":   func(b obj) { b["out_trade_no"] = "T1" },
		"long number":    func(b obj) { b["out_trade_no"] = strings.Repeat("1", 33) },
		"odd number":     func(b obj) { b["out_trade_no"] = "T1#000001" },
		"other mchid":    func(b obj) { b["mchid"] = "1900000110" },
		"no description": func(b obj) { delete(b, "description") },
		"http notify":    func(b obj) { b["notify_url"] = "http://shop.example/n" },
		"notify query":   func(b obj) { b["notify_url"] = "https://shop.example/n?x=1" },
		"expiry form":    func(b obj) { b["time_expire"] = "tomorrow" },
		"expiry far":     func(b obj) { b["time_expire"] = s.clock.now().AddDate(0, 0, 91).Format(time.RFC3339) },
	} {
		t.Run(name, func(t *testing.T) {
			b := s.nativeBody(s.number(), 1200)
			change(b)
			equal(t, "code", s.must(400, "POST", nativePath, b).str("code"), "PARAM_ERROR")
		})
	}
	b := s.nativeBody(s.number(), 1200)
	b["appid"] = "wxother"
	equal(t, "appid", s.must(400, "POST", nativePath, b).str("code"), "APPID_MCHID_NOT_MATCH")
	equal(t, "charges", s.w.WeChat.Report().Totals.Charges, 0)
}

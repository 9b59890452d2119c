package wechat

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

func prepared(t testing.TB, c *Client, do sale.Action, s sale.Sale) sale.Request {
	t.Helper()
	req, err := c.Prepare(testStep(do), s, sale.NewPayerCode(testCode))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func TestPrepare(t *testing.T) {
	at := time.Date(2026, 11, 25, 4, 0, 0, 0, time.UTC)
	c, _ := testClient(t, testConfig(t, "http://127.0.0.1:1"), func() time.Time { return at })
	const order = pathOrder + testOrder
	for _, tt := range []struct {
		do                 sale.Action
		method, path, body string
	}{
		{
			sale.Order, "POST", "/v3/pay/transactions/native",
			`{"appid":"wxd678efh567hg6787","mchid":"1900000109","description":"Tea","out_trade_no":"` + testOrder + `",` +
				`"time_expire":"2026-11-25T12:05:00+08:00","notify_url":"https://shop.example/notify","amount":{"total":1280,"currency":"CNY"},` +
				`"scene_info":{"payer_client_ip":"127.0.0.1","device_id":"till-1","store_info":{"id":"S1"}}}`,
		},
		{
			sale.Charge, "POST", "/v3/pay/transactions/codepay",
			`{"appid":"wxd678efh567hg6787","mchid":"1900000109","description":"Tea","out_trade_no":"` + testOrder + `",` +
				`"payer":{"auth_code":"` + testCode + `"},"amount":{"total":1280,"currency":"CNY"},` +
				`"scene_info":{"device_id":"till-1","device_ip":"127.0.0.1","store_info":{"out_id":"S1"}}}`,
		},
		{sale.Query, "GET", order + "?mchid=1900000109", ""},
		{sale.Close, "POST", order + "/close", `{"mchid":"1900000109"}`},
		{sale.Reverse, "POST", order + "/reverse", `{"appid":"wxd678efh567hg6787","mchid":"1900000109"}`},
		{
			sale.SendRefund, "POST", "/v3/refund/domestic/refunds",
			`{"out_trade_no":"` + testOrder + `","out_refund_no":"` + testOrder + `R1","amount":{"refund":500,"total":1280,"currency":"CNY"}}`,
		},
		{sale.QueryRefund, "GET", "/v3/refund/domestic/refunds/" + testOrder + "R1", ""},
	} {
		req := prepared(t, c, tt.do, testSale(flowOf(tt.do)))
		body, err := req.Wire()
		if err != nil || req.Method != tt.method || req.Path != tt.path || string(body) != tt.body {
			t.Errorf("%s\ngot  %s %s %s\nwant %s %s %s\n%v", tt.do, req.Method, req.Path, body, tt.method, tt.path, tt.body, err)
		}
		if again := prepared(t, c, tt.do, testSale(flowOf(tt.do))); again.Digest != req.Digest {
			t.Errorf("%s differs when made again", tt.do)
		}
		if strings.Contains(req.Body, testCode) {
			t.Errorf("%s is stored with the payer's code", tt.do)
		}
	}
}

func TestPrepareRefuses(t *testing.T) {
	c, _ := testClient(t, testConfig(t, "http://127.0.0.1:1"), time.Now)
	good := testSale(sale.Payer)
	other, empty, foreign := good, good, good
	other.Amount.Currency, empty.Amount.Minor = "EUR", 0
	foreign.Refunds = []sale.Refund{{No: testOrder + "R1", OrderNo: testOrder, Amount: money.Money{Minor: 5, Currency: "USD"}}}
	for name, in := range map[string]struct {
		step sale.Step
		s    sale.Sale
		code string
	}{
		"currency":        {testStep(sale.Order), other, ""},
		"no amount":       {testStep(sale.Charge), empty, testCode},
		"no code":         {testStep(sale.Charge), good, ""},
		"Alipay's code":   {testStep(sale.Charge), good, "289012345678901234"},
		"a short code":    {testStep(sale.Charge), good, "13456789012345678"},
		"no order number": {sale.Step{Do: sale.Query}, good, ""},
		"a path":          {sale.Step{Do: sale.Query, OrderNo: "abcdef/../x"}, good, ""},
		"no such refund":  {sale.Step{Do: sale.SendRefund, OrderNo: testOrder, RefundNo: "R9"}, good, ""},
		"refund currency": {testStep(sale.SendRefund), foreign, ""},
		"nothing to do":   {testStep(sale.Conclude), good, ""},
	} {
		if req, err := c.Prepare(in.step, in.s, sale.NewPayerCode(in.code)); err == nil {
			t.Errorf("%s: prepared %v", name, req)
		} else if in.code != "" && strings.Contains(err.Error(), in.code) {
			t.Errorf("%s: the error quotes the code: %v", name, err)
		}
	}
}

// A charge read back from disk has lost its code and is never sent.
func TestStoredChargeIsNotSent(t *testing.T) {
	p := newProvider(t, nil)
	p.say(script{status: 200, body: tx("SUCCESS")})
	c, _ := testClient(t, testConfig(t, p.URL), time.Now)
	req := prepared(t, c, sale.Charge, testSale(sale.Payer))
	stored := sale.Request{Method: req.Method, Path: req.Path, Body: req.Body, Digest: req.Digest}
	ev := c.Do(t.Context(), testStep(sale.Charge), testSale(sale.Payer), stored)
	if ev.Kind != sale.Unclear || whyOf(ev) != "request_unsendable" || len(p.requests()) != 0 {
		t.Errorf("%s %v after %d requests", ev.Kind, ev.Why, len(p.requests()))
	}
}

// net/http may send a body again only if it can get it again.
func TestBodyIsSentOnce(t *testing.T) {
	base, err := url.Parse("https://api.mch.weixin.qq.com")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newHTTPRequest(t.Context(), "POST", base, pathCodepay, []byte("{}"))
	if err != nil || r.GetBody != nil || r.ContentLength != 2 || r.URL.String() != "https://api.mch.weixin.qq.com/v3/pay/transactions/codepay" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = newHTTPRequest(t.Context(), "GET", base, "/v3/a%2Fb?mchid=1", nil)
	if err != nil || r.Body == nil || r.Body == http.NoBody || r.URL.RequestURI() != "/v3/a%2Fb?mchid=1" {
		t.Errorf("%+v, %v", r, err)
	}
	for _, target := range []string{"", "v3/x", "http://[", "/\x7f"} {
		if r, err := newHTTPRequest(t.Context(), "GET", base, target, nil); err == nil {
			t.Errorf("%q became %s", target, r.URL)
		}
	}
}

func TestDescription(t *testing.T) {
	for in, want := range map[string]string{
		"Tea":                         "Tea",
		"  茶 Tea  ":                   "茶 Tea",
		"Tea 🍵!":                      "Tea !",
		"a\tb\nc\x00d\x7fe":           "abcde",
		"🍵🍵":                          testOrder,
		"":                            testOrder,
		"   ":                         testOrder,
		"\xff\xfeTea":                 "Tea",
		"\u202egnp.eat":               "gnp.eat",
		strings.Repeat("a", 200):      strings.Repeat("a", 127),
		strings.Repeat("茶", 50):       strings.Repeat("茶", 42), // 126 bytes
		strings.Repeat(" ", 200):      testOrder,
		"a" + strings.Repeat("é", 90): "a" + strings.Repeat("é", 63),
	} {
		got := Description(in, testOrder)
		if got != want || len(got) > maxDescription || !utf8.ValidString(got) {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

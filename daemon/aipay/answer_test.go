package aipay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"qrposd/rules/money"
)

const (
	goodPayment = `{"payment_id":"pay_1","out_trade_no":"` + testOrder + `","intent_token":"it_2","state":"NOTPAY","code_url":"weixin://wxpay/bizpayurl?pr=x","risk":{"score":0.12,"threshold":0.85,"signals":["new device"]},"replays":1,"new":{"x":[1]}}`
	goodRefusal = `{"error":{"explanation":"risk score exceeds the configured threshold of 0.85 because of anomalous device fingerprinting","model":"fast-reasoner","stage":"pre_authorization","score":0.91}}`
	goodChange  = `{"challenge":{"kind":"liveness","session_id":"ls_1","url":"https://pay.example/l/1","expires_at":"2026-11-25T11:05:05+08:00"}}`
)

func TestReadPayment(t *testing.T) {
	a, err := ReadPayment([]byte(goodPayment), testOrder)
	if err != nil || a.Refusal != nil || a.Challenge != nil {
		t.Fatal(a, err)
	}
	if p := a.Payment; p.ID != "pay_1" || p.OrderNo != testOrder || p.IntentToken != "it_2" || p.State != "NOTPAY" || p.CodeURL == "" ||
		p.Replays != 1 || p.Risk.Score != 0.12 || p.Risk.Threshold != 0.85 || len(p.Risk.Signals) != 1 {
		t.Errorf("%+v", p)
	}
	a, err = ReadPayment([]byte(goodRefusal), testOrder)
	if err != nil || a.Payment != nil || a.Challenge != nil {
		t.Fatal(a, err)
	}
	if e := a.Refusal; !strings.HasPrefix(e.Explanation, "risk score") || e.Model != "fast-reasoner" || e.Stage != PreAuthorization || *e.Score != 0.91 {
		t.Errorf("%+v", e)
	}
	a, err = ReadPayment([]byte(goodChange), testOrder)
	if err != nil || a.Payment != nil || a.Refusal != nil {
		t.Fatal(a, err)
	}
	if c := a.Challenge; c.SessionID != "ls_1" || c.URL != "https://pay.example/l/1" || !c.Expires.Equal(time.Date(2026, 11, 25, 3, 5, 5, 0, time.UTC)) {
		t.Errorf("%+v", c)
	}
	for _, ok := range []string{
		strings.Replace(goodPayment, `"replays":1,`, "", 1),
		strings.Replace(goodPayment, `"new"`, `"error":null,"challenge":null,"new"`, 1),
		strings.Replace(goodRefusal, `,"score":0.91`, "", 1),
		"\r\n\t " + goodRefusal + "\n",
		strings.Replace(goodPayment, `"state"`, `"st\u0061te"`, 1),
	} {
		if _, err := ReadPayment([]byte(ok), testOrder); err != nil {
			t.Errorf("%s: %v", ok, err)
		}
	}
}

// wrong is what a good answer becomes, replacement by replacement.
func wrong(t *testing.T, good string, pairs [][2]string) []string {
	t.Helper()
	var all []string
	for _, p := range pairs {
		bad := strings.Replace(good, p[0], p[1], 1)
		if bad == good {
			t.Fatalf("%q is not in %s", p[0], good)
		}
		all = append(all, bad)
	}
	for i := range len(good) {
		all = append(all, good[:i])
	}
	return all
}

func TestUnknownAnswers(t *testing.T) {
	bad := wrong(t, goodPayment, [][2]string{
		{testOrder, "TILL01261125000017K3A2"},
		{`"NOTPAY"`, `"PAID"`},
		{`"NOTPAY"`, `["SUCCESS"]`},
		{`"state"`, `"State"`},
		{`"state"`, `"state":"SUCCESS","state"`},
		{`"state"`, `"state":null,"state"`},
		{`"pay_1"`, `1`},
		{`"pay_1"`, `"a b"`},
		{`"intent_token":"it_2",`, ``},
		{`"it_2"`, `""`},
		{`weixin:`, `https:`},
		{`0.12`, `1.12`},
		{`0.12`, `"0.12"`},
		{`["new device"]`, `"new device"`},
		{`"replays":1`, `"replays":-1`},
		{`"replays":1`, `"replays":1.5`},
		{`"risk":{`, `"risk":[{`},
		{`"new"`, `"error":{"explanation":"e","model":"m","stage":"payment"},"new"`},
		{`"new"`, `"challenge":{},"new"`},
		{`"new"`, `"error":"","new"`},
		{`[1]`, `[1`},
	})
	bad = append(bad, wrong(t, goodRefusal, [][2]string{
		{`"pre_authorization"`, `"elsewhere"`},
		{`"fast-reasoner"`, `null`},
		{`"score":0.91`, `"score":-0.1`},
		{`"score":0.91`, `"score":1e999`},
		{`{"error"`, `{"state":"SUCCESS","error"`},
		{`{"error":{`, `{"error":[],"x":{`},
		{`"explanation":"`, `"explanation":"","x":"`},
		{`"stage"`, `"stage":"payment","stage"`},
	})...)
	bad = append(bad, wrong(t, goodChange, [][2]string{
		{`"liveness"`, `"captcha"`},
		{`https:`, `http:`},
		{`https://pay.example`, `https://`},
		{`https://pay.example`, `https://user:pw@pay.example`},
		{`https:`, `javascript:`},
		{`2026-11-25T11`, `2026-11-25 11`},
		{`"ls_1"`, `"ls 1"`},
	})...)
	bad = append(
		bad, `{}`, `[]`, `null`, `"x"`, `1`, `{"ok":true}`, goodRefusal+goodRefusal, goodRefusal+"x", "\xef\xbb\xbf"+goodRefusal,
		`{"code":"SUCCESS"}`, `<html>`, `{"error":null}`, strings.Repeat("[", 1<<17), strings.Repeat(`{"a":`, 1<<15)+`1`+strings.Repeat(`}`, 1<<15),
		`{"x":"`+strings.Repeat("a", maxAnswer)+`",`+goodRefusal[1:], `{"x":`+strings.Repeat("[", maxDepth)+strings.Repeat("]", maxDepth)+`,`+goodRefusal[1:],
	)
	for _, b := range bad {
		a, err := ReadPayment([]byte(b), testOrder)
		if mustUnknown(t, fmt.Sprintf("%.200s", b), err); a != (Answer{}) {
			t.Errorf("%.200s: unknown, and %+v", b, a)
		}
	}
}

func TestReadReconciliation(t *testing.T) {
	const good = `{"out_trade_no":"` + testOrder + `","trade_state":"SUCCESS","reconciliation":{"model":"auditor","verdict":"mismatch","explanation":"the amount differs"}}`
	f, err := ReadReconciliation([]byte(good), testOrder)
	if err != nil || *f != (Finding{"auditor", Mismatch, "the amount differs"}) {
		t.Errorf("%+v, %v", f, err)
	}
	f, err = ReadReconciliation([]byte(`{"out_trade_no":"`+testOrder+`"}`), testOrder)
	if f != nil || err != nil {
		t.Errorf("before the payment: %v, %v", f, err)
	}
	for _, b := range wrong(t, good, [][2]string{
		{testOrder, "OTHER1"},
		{`"mismatch"`, `"fine"`},
		{`"auditor"`, `""`},
		{`{"model"`, `[],"x":{"model"`},
		{`"the amount differs"`, `{}`},
		{`"verdict"`, `"verdict":"consistent","verdict"`},
	}) {
		f, err := ReadReconciliation([]byte(b), testOrder)
		if mustUnknown(t, b, err); f != nil {
			t.Errorf("%s: unknown, and %v", b, f)
		}
	}
}

const goodProjection = `{"projection_id":"pj_1","base":"USD","quote":"CNY","low":"7.1","mid":"7.192300001","high":"7.25","confidence":0.9,"volatility":0.02,"valid_until":"2026-11-25T03:05:05Z","amount":{"total":1000,"currency":"USD"}}`

func testAsk() Ask {
	return Ask{"USD", "CNY", money.Money{Minor: 1000, Currency: "USD"}, time.Minute}
}

func TestReadProjection(t *testing.T) {
	p, err := ReadProjection([]byte(goodProjection), testAsk(), testStart())
	if err != nil || p.ID != "pj_1" || p.Low != rate(t, "7.1") || p.Mid.String() != "7.192300001" || p.High != rate(t, "7.25") ||
		p.Confidence != 0.9 || p.Volatility != 0.02 || !p.ValidUntil.After(testStart()) {
		t.Errorf("%+v, %v", p, err)
	}
	bad := wrong(t, goodProjection, [][2]string{
		{`"USD"`, `"CNY"`},
		{`"CNY"`, `"JPY"`},
		{`"7.1"`, `7.1`},
		{`"7.1"`, `"7.3"`},
		{`"7.1"`, `"-7.1"`},
		{`"7.1"`, `"0"`},
		{`"7.1"`, `"7e0"`},
		{`"7.25"`, `"7.19"`},
		{`"7.25"`, `"NaN"`},
		{`0.9,`, `1.1,`},
		{`0.9,`, `-0.1,`},
		{`"volatility":0.02,`, ``},
		{`0.02`, `-0.02`},
		{`2026-11-25T03:05:05Z`, `2026-11-25T03:04:05.6789Z`},
		{`2026-11-25T03:05:05Z`, `tomorrow`},
		{`"pj_1"`, `""`},
		{`"total":1000`, `"total":1001`},
		{`"currency":"USD"`, `"currency":"CNY"`},
		{`"low"`, `"low":"7.0","low"`},
	})
	for _, b := range bad {
		p, err := ReadProjection([]byte(b), testAsk(), testStart())
		if mustUnknown(t, b, err); p != (Projection{}) {
			t.Errorf("%s: unknown, and %+v", b, p)
		}
	}
}

func TestAskBody(t *testing.T) {
	b, err := testAsk().Body()
	if want := `{"base":"USD","quote":"CNY","amount":{"total":1000,"currency":"USD"},"horizon_s":60}`; err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
	for _, a := range []Ask{
		{},
		{"USD", "USD", testAsk().Amount, time.Minute},
		{"USD", "XXX", testAsk().Amount, time.Minute},
		{"EUR", "CNY", testAsk().Amount, time.Minute},
		{"USD", "CNY", money.Money{Currency: "USD"}, time.Minute},
		{"USD", "CNY", testAsk().Amount, time.Millisecond},
	} {
		var f *FaultError
		if b, err := a.Body(); !errors.As(err, &f) {
			t.Errorf("%+v asks %s, %v", a, b, err)
		}
	}
}

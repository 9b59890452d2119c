package wechat

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
)

// tx is a transaction of our order with some of it replaced.
func tx(state string, replace ...string) string {
	s := fmt.Sprintf(`{"appid":%q,"mchid":%q,"out_trade_no":%q,"transaction_id":%q,"trade_type":"MICROPAY","trade_state":%q,`+
		`"trade_state_desc":"支付","bank_type":"OTHERS","attach":"","amount":{"total":1280,"payer_total":1280,"currency":"CNY","payer_currency":"CNY"},"new":null}`,
		testApp, testMch, testOrder, testTxn, state)
	return strings.NewReplacer(replace...).Replace(s)
}

func refundJSON(status string, replace ...string) string {
	s := fmt.Sprintf(`{"refund_id":"50000","out_refund_no":"%sR1","transaction_id":%q,"out_trade_no":%q,"status":%q,`+
		`"amount":{"total":1280,"refund":500,"payer_total":1280,"currency":"CNY"}}`, testOrder, testTxn, testOrder, status)
	return strings.NewReplacer(replace...).Replace(s)
}

func errJSON(code string) string {
	return fmt.Sprintf(`{"code":%q,"message":"微信\u001b[31m说","detail":{"location":null,"value":22}}`, code)
}

const reversedJSON = `{"appid":"wxd678efh567hg6787","mchid":"1900000109","out_trade_no":"` + testOrder + `"}`

func signedBy(stranger bool, id string, off time.Duration) func(http.Header, []byte) bool {
	return func(h http.Header, body []byte) bool {
		key := providerKey()
		if stranger {
			key = strangerKey()
		}
		seal(h, key, id, time.Now().Add(off), body)
		return true
	}
}

type heardCase struct {
	name string
	do   sale.Action
	script
	want sale.Kind
	why  string
}

func goodAnswers() []heardCase {
	return []heardCase{
		{"order", sale.Order, script{status: 200, body: `{"code_url":"weixin://wxpay/bizpayurl/up?pr=NwY5Mz9&groupid=00"}`}, sale.Ordered, ""},
		{"charge paid", sale.Charge, script{status: 200, body: tx("SUCCESS")}, sale.Received, ""},
		{"charge 202", sale.Charge, script{status: 202, body: tx("USERPAYING")}, sale.Waiting, "payer_confirming"},
		{"charge 202 paid", sale.Charge, script{status: 202, body: tx("SUCCESS")}, sale.Received, ""},
		{"charge 200 paying", sale.Charge, script{status: 200, body: tx("USERPAYING", testTxn, "", `"total":1280,`, "")}, sale.Waiting, "payer_confirming"},
		{"query paid", sale.Query, script{status: 200, body: tx("SUCCESS")}, sale.Received, ""},
		{"query refunded was paid", sale.Query, script{status: 200, body: tx("REFUND")}, sale.Received, ""},
		{"query unpaid", sale.Query, script{status: 200, body: tx("NOTPAY", testTxn, "")}, sale.Waiting, ""},
		{"query closed", sale.Query, script{status: 200, body: tx("CLOSED")}, sale.Closed, ""},
		{"query revoked", sale.Query, script{status: 200, body: tx("REVOKED")}, sale.TakenBack, ""},
		{"query failed", sale.Query, script{status: 200, body: tx("PAYERROR")}, sale.PayFailed, "payment_failed"},
		{"close", sale.Close, script{status: 204}, sale.Closed, ""},
		{"reverse", sale.Reverse, script{status: 200, body: reversedJSON}, sale.TakenBack, ""},
		{"refund accepted", sale.SendRefund, script{status: 200, body: refundJSON("PROCESSING")}, sale.RefundPending, ""},
		{"refund done", sale.SendRefund, script{status: 200, body: refundJSON("SUCCESS")}, sale.RefundDone, ""},
		{"refund abnormal", sale.QueryRefund, script{status: 200, body: refundJSON("ABNORMAL")}, sale.RefundFailed, "refund_held"},
		{"refund closed", sale.QueryRefund, script{status: 200, body: refundJSON("CLOSED")}, sale.RefundFailed, "refund_failed"},
		{"refund query", sale.QueryRefund, script{status: 200, body: refundJSON("SUCCESS")}, sale.RefundDone, ""},
	}
}

// Everything that looks like a success and is not one.
func badSuccesses() []heardCase {
	paid := func(mangle func(http.Header, []byte) bool) script {
		return script{status: 200, body: tx("SUCCESS"), mangle: mangle}
	}
	drop := func(name string) func(http.Header, []byte) bool {
		return func(h http.Header, body []byte) bool {
			seal(h, providerKey(), testKeyID, time.Now(), body)
			h.Del(name)
			return true
		}
	}
	rows := []heardCase{
		{"unsigned", sale.Charge, paid(unsignedAnswer), sale.Unclear, "answer_unverified"},
		{"stranger's key", sale.Query, paid(signedBy(true, testKeyID, 0)), sale.Unclear, "answer_unverified"},
		{"unknown serial", sale.Query, paid(signedBy(false, "PUB_KEY_ID_9", 0)), sale.Unclear, "answer_unverified"},
		{"10 minutes ahead", sale.Charge, paid(signedBy(false, testKeyID, 10*time.Minute)), sale.Unclear, "answer_unverified"},
		{"10 minutes old", sale.Charge, paid(signedBy(false, testKeyID, -10*time.Minute)), sale.Unclear, "answer_unverified"},
		{"probe", sale.Query, paid(func(h http.Header, body []byte) bool {
			seal(h, providerKey(), testKeyID, time.Now(), body)
			h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+h.Get("Wechatpay-Signature"))
			return true
		}), sale.Unclear, "answer_unverified"},
		{"signature of another body", sale.Query, paid(func(h http.Header, _ []byte) bool {
			seal(h, providerKey(), testKeyID, time.Now(), []byte(tx("NOTPAY")))
			return true
		}), sale.Unclear, "answer_unverified"},
		{"close unsigned", sale.Close, script{status: 204, mangle: unsignedAnswer}, sale.Unclear, "answer_unverified"},
		{"reverse unsigned", sale.Reverse, script{status: 200, body: reversedJSON, mangle: unsignedAnswer}, sale.Unclear, "answer_unverified"},
		{"order unsigned", sale.Order, script{status: 200, body: `{"code_url":"weixin://x"}`, mangle: unsignedAnswer}, sale.Unclear, "answer_unverified"},
		{"refund unsigned", sale.SendRefund, script{status: 200, body: refundJSON("SUCCESS"), mangle: unsignedAnswer}, sale.Unclear, "answer_unverified"},
		{"amount", sale.Charge, script{status: 200, body: tx("SUCCESS", `"total":1280`, `"total":1`)}, sale.Unclear, "answer_mismatch"},
		{"currency", sale.Query, script{status: 200, body: tx("SUCCESS", `"currency":"CNY"`, `"currency":"JPY"`)}, sale.Unclear, "answer_mismatch"},
		{"no currency", sale.Query, script{status: 200, body: tx("SUCCESS", `"currency":"CNY",`, ``)}, sale.Unclear, "answer_mismatch"},
		{"order number", sale.Query, script{status: 200, body: tx("SUCCESS", testOrder, testOrder[:24]+"2")}, sale.Unclear, "answer_mismatch"},
		{"other order closed", sale.Query, script{status: 200, body: tx("CLOSED", testOrder, testOrder[:24]+"2")}, sale.Unclear, "answer_mismatch"},
		{"merchant", sale.Query, script{status: 200, body: tx("SUCCESS", testMch, "1900000110")}, sale.Unclear, "answer_mismatch"},
		{"application", sale.Query, script{status: 200, body: tx("SUCCESS", testApp, "wx1")}, sale.Unclear, "answer_mismatch"},
		{"no application", sale.Query, script{status: 200, body: tx("SUCCESS", `"appid":"`+testApp+`",`, "")}, sale.Unclear, "answer_mismatch"},
		{"no transaction", sale.Query, script{status: 200, body: tx("SUCCESS", testTxn, "")}, sale.Unclear, "answer_mismatch"},
		{"unknown state", sale.Query, script{status: 200, body: tx("ACCEPTED")}, sale.Unclear, "answer_unknown"},
		{"no body", sale.Charge, script{status: 200}, sale.Unclear, "answer_unknown"},
		{"not JSON", sale.Charge, script{status: 200, body: "<html>ok</html>"}, sale.Unclear, "answer_unknown"},
		{"204 to a charge", sale.Charge, script{status: 204}, sale.Unclear, "answer_unknown"},
		{"200 to a close", sale.Close, script{status: 200, body: "{}"}, sale.Unclear, "answer_unknown"},
		{"reverse of another", sale.Reverse, script{status: 200, body: strings.Replace(reversedJSON, testOrder, "OTHER1", 1)}, sale.Unclear, "answer_mismatch"},
		{"no code", sale.Order, script{status: 200, body: `{}`}, sale.Unclear, "answer_unknown"},
		{"foreign code", sale.Order, script{status: 200, body: `{"code_url":"https://evil.example"}`}, sale.Unclear, "answer_unknown"},
		{"refund amount", sale.SendRefund, script{status: 200, body: refundJSON("SUCCESS", `"refund":500`, `"refund":501`)}, sale.Unclear, "answer_mismatch"},
		{"refund total", sale.QueryRefund, script{status: 200, body: refundJSON("SUCCESS", `"total":1280`, `"total":1281`)}, sale.Unclear, "answer_mismatch"},
		{"refund number", sale.QueryRefund, script{status: 200, body: refundJSON("SUCCESS", "R1", "R2")}, sale.Unclear, "answer_mismatch"},
		{"refund order", sale.QueryRefund, script{status: 200, body: refundJSON("CLOSED", `"out_trade_no":"T`, `"out_trade_no":"X`)}, sale.Unclear, "answer_mismatch"},
		{"refund state", sale.QueryRefund, script{status: 200, body: refundJSON("ODD")}, sale.Unclear, "answer_unknown"},
	}
	for _, name := range []string{"Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Signature", "Wechatpay-Serial"} {
		rows = append(rows, heardCase{"without " + name, sale.Query, paid(drop(name)), sale.Unclear, "answer_unverified"})
	}
	return rows
}

func errorAnswers() []heardCase {
	e := func(status int, code string, number int64) script {
		return script{status: status, body: errJSON(code), number: number}
	}
	bare := func(s script) script { s.mangle = unsignedAnswer; return s }
	forged := func(s script) script { s.mangle = signedBy(true, testKeyID, 0); return s }
	return []heardCase{
		{"not enough", sale.Charge, e(403, "NOT_ENOUGH", 0), sale.ChargeRefused, "not_enough"},
		{"not enough, old spelling", sale.Charge, e(403, "NOTENOUGH", 0), sale.ChargeRefused, "not_enough"},
		{"not enough, by number", sale.Charge, e(400, "INVALID_REQUEST", 88430113), sale.ChargeRefused, "not_enough"},
		{"expired", sale.Charge, e(403, "AUTH_CODE_EXPIRED", 268501011), sale.ChargeRefused, "code_expired"},
		{"used", sale.Charge, e(403, "AUTH_CODE_INVALID", 268501784), sale.ChargeRefused, "code_invalid"},
		{"bad code", sale.Charge, e(400, "AUTH_CODE_ERROR", 0), sale.ChargeRefused, "code_invalid"},
		{"card", sale.Charge, e(403, "NOTSUPORTCARD", 0), sale.ChargeRefused, "card_unsupported"},
		{"account", sale.Charge, e(403, "ACCOUNT_ERROR", 0), sale.ChargeRefused, "payer_account"},
		{"limit", sale.Charge, e(403, "RULE_LIMIT", 0), sale.ChargeRefused, "payer_limit"},
		{"refused, unsigned", sale.Charge, bare(e(403, "NOT_ENOUGH", 0)), sale.Unclear, "not_enough"},
		{"refused, forged", sale.Charge, forged(e(403, "NOT_ENOUGH", 0)), sale.Unclear, "answer_unverified"},
		{"refused by a 500", sale.Charge, e(500, "NOT_ENOUGH", 0), sale.Unclear, "provider_trouble"},
		{"charged though 400", sale.Charge, e(400, "PARAM_ERROR", 268435464), sale.Unclear, "request_refused"},
		{"PARAM_ERROR with a payer's number", sale.Charge, e(400, "PARAM_ERROR", 88430113), sale.Unclear, "request_refused"},
		{"system error", sale.Charge, e(500, "SYSTEM_ERROR", 0), sale.Unclear, "provider_trouble"},
		{"bank error", sale.Charge, e(500, "BANK_ERROR", 0), sale.Unclear, "provider_trouble"},
		{"password wanted", sale.Charge, e(400, "USERPAYING", 0), sale.Waiting, "payer_confirming"},
		{"password wanted, by number", sale.Charge, e(403, "TRADE_ERROR", 268576361), sale.Waiting, "payer_confirming"},
		{"charge paid before", sale.Charge, e(400, "ORDERPAID", 0), sale.Unclear, "order_paid"},
		{"charge unsigned 401", sale.Charge, bare(e(401, "SIGN_ERROR", 268443699)), sale.Unclear, "request_unaccepted"},
		{"charge 429", sale.Charge, bare(e(429, "RATELIMIT_EXCEEDED", 0)), sale.Unclear, "provider_busy"},
		{"charge redirected", sale.Charge, script{status: 302, headers: map[string]string{"Location": "/elsewhere"}}, sale.Unclear, "answer_unknown"},
		{"order refused", sale.Order, e(403, "NO_AUTH", 0), sale.OrderRefused, "not_permitted"},
		{"order refused, unsigned", sale.Order, bare(e(400, "APPID_MCHID_NOT_MATCH", 268445527)), sale.OrderRefused, "merchant_config"},
		{"order refused, forged", sale.Order, forged(e(403, "NO_AUTH", 0)), sale.Unclear, "answer_unverified"},
		{"order parameter", sale.Order, e(400, "PARAM_ERROR", 0), sale.OrderRefused, "request_refused"},
		{"order number used", sale.Order, e(403, "OUT_TRADE_NO_USED", 268498688), sale.OrderRefused, "number_used"},
		{"order paid", sale.Order, e(400, "ORDERPAID", 268498689), sale.Unclear, "order_paid"},
		{"order 401", sale.Order, e(401, "SIGN_ERROR", 0), sale.Unclear, "request_unaccepted"},
		{"order 429", sale.Order, e(429, "FREQUENCY_LIMITED", 0), sale.Unclear, "provider_busy"},
		{"order rate by number", sale.Order, e(403, "RULE_LIMIT", 268447840), sale.Unclear, "provider_busy"},
		{"order 500", sale.Order, e(500, "SYSTEM_ERROR", 0), sale.Unclear, "provider_trouble"},
		{"order, a proxy's page", sale.Order, script{status: 403, body: "<html>", mangle: unsignedAnswer}, sale.Unclear, "answer_unknown"},
		{"missing", sale.Query, e(404, "ORDER_NOT_EXIST", 268512771), sale.Missing, ""},
		{"missing, old spelling", sale.Query, bare(e(404, "ORDERNOTEXIST", 0)), sale.Missing, ""},
		{"missing resource", sale.Query, bare(e(404, "RESOURCE_NOT_EXISTS", 0)), sale.Missing, ""},
		{"missing by number", sale.Query, e(400, "INVALID_REQUEST", 268512771), sale.Missing, ""},
		{"missing, forged", sale.Query, forged(e(404, "ORDER_NOT_EXIST", 0)), sale.Unclear, "answer_unverified"},
		{"missing, signature stripped", sale.Query, script{status: 404, body: errJSON("ORDER_NOT_EXIST"), mangle: func(h http.Header, body []byte) bool {
			seal(h, providerKey(), testKeyID, time.Now(), body)
			h.Del("Wechatpay-Signature")
			return true
		}}, sale.Unclear, "answer_unverified"},
		{"a bare 404", sale.Query, script{status: 404, body: "404 page not found", mangle: unsignedAnswer}, sale.Unclear, "answer_unknown"},
		{"query parameter", sale.Query, e(400, "PARAM_ERROR", 268435461), sale.Unclear, "request_refused"},
		{"query 500 not exist", sale.Query, e(500, "ORDER_NOT_EXIST", 0), sale.Unclear, "provider_trouble"},
		{"close missing", sale.Close, e(404, "ORDER_NOT_EXIST", 0), sale.Missing, ""},
		{"close paid", sale.Close, e(400, "ORDER_PAID", 268449538), sale.Unclear, "order_paid"},
		{"close 500", sale.Close, e(500, "SYSTEM_ERROR", 0), sale.Unclear, "provider_trouble"},
		{"reverse missing", sale.Reverse, e(404, "ORDER_NOT_EXIST", 0), sale.Missing, ""},
		{"reverse too late", sale.Reverse, e(400, "INVALID_REQUEST", 268449386), sale.Irreversible, ""},
		{"reverse too late, forged", sale.Reverse, forged(e(400, "INVALID_REQUEST", 268449386)), sale.Unclear, "answer_unverified"},
		{"reverse while paying", sale.Reverse, e(400, "USERPAYING", 0), sale.Unclear, "payer_confirming"},
		{"reverse 500", sale.Reverse, e(500, "SYSTEM_ERROR", 0), sale.Unclear, "provider_trouble"},
		{"refund, no funds", sale.SendRefund, e(403, "NOT_ENOUGH", 0), sale.Unclear, "refund_no_funds"},
		{"refund too often", sale.SendRefund, e(429, "FREQUENCY_LIMITED", 0), sale.Unclear, "provider_busy"},
		{"refund of nothing", sale.SendRefund, e(404, "RESOURCE_NOT_EXISTS", 0), sale.Unclear, "request_refused"},
		{"refund 500", sale.SendRefund, e(500, "SYSTEM_ERROR", 0), sale.Unclear, "provider_trouble"},
		{"no such refund", sale.QueryRefund, e(404, "RESOURCE_NOT_EXISTS", 0), sale.Missing, ""},
		{"refund query 500", sale.QueryRefund, e(500, "SYSTEM_ERROR", 0), sale.Unclear, "provider_trouble"},
	}
}

func TestEveryAnswer(t *testing.T) {
	p := newProvider(t, nil)
	c, book := testClient(t, testConfig(t, p.URL), time.Now)
	for _, tests := range [][]heardCase{goodAnswers(), badSuccesses(), errorAnswers()} {
		for _, tt := range tests {
			t.Run(string(tt.do)+" "+tt.name, func(t *testing.T) {
				p.say(tt.script)
				ev := take(t, c, tt.do)
				if ev.Kind != tt.want || whyOf(ev) != tt.why {
					t.Errorf("heard %s %v, want %s %s", ev.Kind, ev.Why, tt.want, tt.why)
				}
				if step := testStep(tt.do); ev.OrderNo != step.OrderNo || ev.RefundNo != step.RefundNo {
					t.Errorf("about %s %s", ev.OrderNo, ev.RefundNo)
				}
				if (ev.Kind == sale.Received) != (ev.TransactionID == testTxn && ev.Amount == testSale(sale.Payer).Amount) {
					t.Errorf("received %s, %s", ev.TransactionID, ev.Amount)
				}
				if n := len(p.requests()); n != 1 {
					t.Errorf("%d requests, want 1", n)
				}
			})
		}
	}
	if log := book.String(); strings.Contains(log, testCode) || strings.Contains(log, "\x1b") || strings.Contains(log, "Tea") || !strings.Contains(log, "level=ERROR") {
		t.Errorf("the log says\n%s", log)
	}
}

// A failed payment keeps the reason that the charge's own answer gave.
func TestFailureKeepsItsReason(t *testing.T) {
	s := testSale(sale.Payer)
	for code, want := range map[string]string{"": "payment_failed", "not_enough": "not_enough", "no_network": "payment_failed"} {
		if s.Why = nil; code != "" {
			s.Why = &sale.Reason{Code: code, Message: "m"}
		}
		if got := failure(s); got.Code != want {
			t.Errorf("after %q it failed because of %s", code, got)
		}
	}
}

// A code lasts as long as the provider lets it be paid, whatever the clock was when the order was written.
func TestOrderedLasts(t *testing.T) {
	p := newProvider(t, nil)
	p.say(script{status: 200, body: `{"code_url":"weixin://wxpay/bizpayurl?pr=1"}`})
	now := time.Now()
	c, _ := testClient(t, testConfig(t, p.URL), func() time.Time { return now })
	step, s := testStep(sale.Order), testSale(sale.Merchant)
	req, err := c.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		later, lasts time.Duration
	}{{0, 5 * time.Minute}, {time.Minute, 4 * time.Minute}, {-time.Hour, 5 * time.Minute}, {time.Hour, 0}} {
		c.clock = &clock{wall: func() time.Time { return now.Add(tt.later) }, limit: time.Hour}
		if got := c.lasts(req); got > tt.lasts || got < tt.lasts-2*time.Second {
			t.Errorf("%s later it lasts %s, want %s", tt.later, got, tt.lasts)
		}
	}
}

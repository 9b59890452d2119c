package wechat

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"sort"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
)

const testV2Key = "8934e7d15453e97507ef794cf7b0519d"

// signV2 is the provider's v2 signature, written down a second time.
func signV2(f map[string]string) string {
	var names, parts []string
	for k := range f {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		if f[k] != "" && k != "sign" {
			parts = append(parts, k+"="+f[k])
		}
	}
	m := hmac.New(sha256.New, []byte(testV2Key))
	_, _ = io.WriteString(m, strings.Join(append(parts, "key="+testV2Key), "&"))
	return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
}

func xmlOf(f map[string]string) string {
	var b strings.Builder
	for k, v := range f {
		fmt.Fprintf(&b, "<%s><![CDATA[%s]]></%s>\n", k, v, k)
	}
	return "<xml>\n" + b.String() + "</xml>"
}

// v2Answer is a signed answer with some fields replaced; an empty value removes one.
func v2Answer(replace ...string) map[string]string {
	f := map[string]string{
		"return_code": "SUCCESS", "return_msg": "OK", "appid": testApp, "mch_id": testMch, "nonce_str": "abc", "result_code": "SUCCESS",
		"sign_type": "HMAC-SHA256", "out_trade_no": testOrder, "transaction_id": testTxn, "total_fee": "1280", "fee_type": "CNY", "recall": "N",
		"out_refund_no": testOrder + "R1", "refund_fee": "500", "out_refund_no_0": testOrder + "R1", "refund_fee_0": "500",
	}
	for i := 0; i < len(replace); i += 2 {
		f[replace[i]] = replace[i+1]
	}
	f["sign"] = signV2(f)
	return f
}

func v2Error(code string) map[string]string {
	return v2Answer("result_code", "FAIL", "err_code", code, "err_code_des", "失败")
}

func certPEM(t testing.TB) []byte {
	t.Helper()
	cert := &x509.Certificate{SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: "merchant"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &merchantKey().PublicKey, merchantKey())
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func v2Config(t testing.TB, urls ...string) Config {
	conf := testConfig(t, urls...)
	conf.Driver = V2
	conf.V2 = V2Config{writeFile(t, "apiv2.key", []byte(testV2Key), 0o600), writeFile(t, "apiclient_cert.pem", certPEM(t), 0o644)}
	return conf
}

type v2Case struct {
	name string
	do   sale.Action
	f    map[string]string
	want sale.Kind
	why  string
}

func v2Cases() []v2Case {
	forged := v2Answer()
	forged["sign"] = strings.Repeat("0", 64)
	refund := func(state string) map[string]string { return v2Answer("refund_status_0", state) }
	return []v2Case{
		{"paid", sale.Charge, v2Answer(), sale.Received, ""},
		{"paid, currency left out", sale.Charge, v2Answer("fee_type", ""), sale.Received, ""},
		{"forged", sale.Charge, forged, sale.Unclear, "answer_unverified"},
		{"not signed", sale.Charge, map[string]string{"return_code": "FAIL", "return_msg": "签名错误"}, sale.Unclear, "request_refused"},
		{"success, not signed", sale.Charge, map[string]string{"return_code": "SUCCESS", "result_code": "SUCCESS"}, sale.Unclear, "request_refused"},
		{"amount", sale.Charge, v2Answer("total_fee", "1"), sale.Unclear, "answer_mismatch"},
		{"amount, no number", sale.Charge, v2Answer("total_fee", "1280.0"), sale.Unclear, "answer_mismatch"},
		{"merchant", sale.Charge, v2Answer("mch_id", "1"), sale.Unclear, "answer_mismatch"},
		{"order", sale.Charge, v2Answer("out_trade_no", "other1"), sale.Unclear, "answer_mismatch"},
		{"no transaction", sale.Charge, v2Answer("transaction_id", ""), sale.Unclear, "answer_mismatch"},
		{"paying", sale.Charge, v2Error("USERPAYING"), sale.Waiting, "payer_confirming"},
		{"system error", sale.Charge, v2Error("SYSTEMERROR"), sale.Unclear, "provider_trouble"},
		{"bank error", sale.Charge, v2Error("BANKERROR"), sale.Unclear, "provider_trouble"},
		{"expired", sale.Charge, v2Error("AUTHCODEEXPIRE"), sale.ChargeRefused, "code_expired"},
		{"bad code", sale.Charge, v2Error("AUTH_CODE_ERROR"), sale.ChargeRefused, "code_invalid"},
		{"used code", sale.Charge, v2Error("AUTH_CODE_INVALID"), sale.ChargeRefused, "code_invalid"},
		{"not enough", sale.Charge, v2Error("NOTENOUGH"), sale.ChargeRefused, "not_enough"},
		{"card", sale.Charge, v2Error("NOTSUPORTCARD"), sale.ChargeRefused, "card_unsupported"},
		{"trade error", sale.Charge, v2Error("TRADE_ERROR"), sale.ChargeRefused, "payment_failed"},
		{"buyer", sale.Charge, v2Error("BUYER_MISMATCH"), sale.ChargeRefused, "other_payer"},
		{"paid before", sale.Charge, v2Error("ORDERPAID"), sale.Unclear, "order_paid"},
		{"number used", sale.Charge, v2Error("OUT_TRADE_NO_USED"), sale.Unclear, "request_refused"},
		{"closed", sale.Charge, v2Error("ORDERCLOSED"), sale.Unclear, "request_refused"},
		{"parameter", sale.Charge, v2Error("PARAM_ERROR"), sale.Unclear, "request_refused"},
		{"new code", sale.Charge, v2Error("SOMETHING_NEW"), sale.Unclear, "request_refused"},
		{"paid", sale.Query, v2Answer("trade_state", "SUCCESS"), sale.Received, ""},
		{"refunded", sale.Query, v2Answer("trade_state", "REFUND"), sale.Received, ""},
		{"no state", sale.Query, v2Answer(), sale.Unclear, "answer_unknown"},
		{"paying", sale.Query, v2Answer("trade_state", "USERPAYING"), sale.Waiting, "payer_confirming"},
		{"unpaid", sale.Query, v2Answer("trade_state", "NOTPAY"), sale.Waiting, ""},
		{"revoked", sale.Query, v2Answer("trade_state", "REVOKED"), sale.TakenBack, ""},
		{"failed", sale.Query, v2Answer("trade_state", "PAYERROR"), sale.PayFailed, "payment_failed"},
		{"missing", sale.Query, v2Error("ORDERNOTEXIST"), sale.Missing, ""},
		{"reversed", sale.Reverse, v2Answer(), sale.TakenBack, ""},
		{"reversed for another", sale.Reverse, v2Answer("mch_id", "1900000110"), sale.Unclear, "answer_mismatch"},
		{"recalled", sale.Reverse, v2Answer("recall", "Y"), sale.Unclear, "provider_trouble"},
		{"no recall", sale.Reverse, v2Answer("recall", ""), sale.Unclear, "provider_trouble"},
		{"paying", sale.Reverse, v2Error("USERPAYING"), sale.Unclear, "payer_confirming"},
		{"too late", sale.Reverse, v2Error("REVERSE_EXPIRE"), sale.Irreversible, ""},
		{"accepted", sale.SendRefund, v2Answer(), sale.RefundPending, ""},
		{"amount", sale.SendRefund, v2Answer("refund_fee", "501"), sale.Unclear, "answer_mismatch"},
		{"no funds", sale.SendRefund, v2Error("NOTENOUGH"), sale.Unclear, "refund_no_funds"},
		{"again", sale.SendRefund, v2Error("BIZERR_NEED_RETRY"), sale.Unclear, "provider_trouble"},
		{"too often", sale.SendRefund, v2Error("FREQUENCY_LIMITED"), sale.Unclear, "provider_busy"},
		{"done", sale.QueryRefund, refund("SUCCESS"), sale.RefundDone, ""},
		{"working", sale.QueryRefund, refund("PROCESSING"), sale.RefundPending, ""},
		{"closed", sale.QueryRefund, refund("REFUNDCLOSE"), sale.RefundFailed, "refund_failed"},
		{"by hand", sale.QueryRefund, refund("CHANGE"), sale.RefundFailed, "refund_held"},
		{"missing", sale.QueryRefund, v2Error("REFUNDNOTEXIST"), sale.Missing, ""},
	}
}

func TestEveryV2Answer(t *testing.T) {
	p := newProvider(t, nil)
	c, book := testClient(t, v2Config(t, p.URL), time.Now)
	for _, tt := range v2Cases() {
		t.Run(string(tt.do)+" "+tt.name, func(t *testing.T) {
			p.say(script{status: 200, body: xmlOf(tt.f), mangle: unsignedAnswer})
			ev := take(t, c, tt.do)
			if ev.Kind != tt.want || whyOf(ev) != tt.why {
				t.Errorf("heard %s %v, want %s %s", ev.Kind, ev.Why, tt.want, tt.why)
			}
			if (ev.Kind == sale.Received) != (ev.TransactionID == testTxn && ev.Amount.Minor == 1280) {
				t.Errorf("received %s %s", ev.TransactionID, ev.Amount)
			}
			checkV2Request(t, tt.do, p.requests())
		})
	}
	if log := book.String(); strings.Contains(log, testCode) || strings.Contains(log, testV2Key) {
		t.Errorf("the log says\n%s", log)
	}
}

func checkV2Request(t *testing.T, do sale.Action, asked []got) {
	t.Helper()
	if len(asked) != 1 {
		t.Fatalf("%d requests", len(asked))
	}
	f, err := decodeFields([]byte(asked[0].body))
	if err != nil || f["sign"] != signV2(f) || asked[0].method != "POST" {
		t.Errorf("%s %v, %v", asked[0].method, f, err)
	}
	want := map[sale.Action]string{
		sale.Charge: "/pay/micropay", sale.Query: "/pay/orderquery", sale.Reverse: "/secapi/pay/reverse",
		sale.SendRefund: "/secapi/pay/refund", sale.QueryRefund: "/pay/refundquery",
	}[do]
	if asked[0].target != want || f["appid"] != testApp || f["mch_id"] != testMch || len(f["nonce_str"]) != 32 {
		t.Errorf("%s %v", asked[0].target, f)
	}
	if do == sale.Charge && (f["auth_code"] != testCode || f["total_fee"] != "1280" || f["spbill_create_ip"] != "127.0.0.1" || f["body"] != "Tea") {
		t.Errorf("%v", f)
	}
}

func TestV2Transport(t *testing.T) {
	p := newProvider(t, nil)
	c, _ := testClient(t, v2Config(t, p.URL), time.Now)
	for name, s := range map[string]script{
		"not XML": {status: 200, body: "{}"}, "empty": {status: 200}, "a page": {status: 502, body: "<html><body>Bad</body></html>"},
	} {
		s.mangle = unsignedAnswer
		p.say(s)
		if ev := take(t, c, sale.Charge); ev.Kind != sale.Unclear {
			t.Errorf("%s: %s", name, ev.Kind)
		}
	}
	c, _ = testClient(t, v2Config(t, closedPort(t)), time.Now)
	if ev := take(t, c, sale.Charge); ev.Kind != sale.NotSent {
		t.Errorf("closed port: %s", ev.Kind)
	}
}

// QR codes stay v3, and a payment goes on in the protocol it was made in,
// whatever the driver is by then.
func TestDriverChange(t *testing.T) {
	v2, _ := testClient(t, v2Config(t, "http://127.0.0.1:1"), time.Now)
	v3, _ := testClient(t, testConfig(t, "http://127.0.0.1:1"), time.Now)
	for _, do := range []sale.Action{sale.Order, sale.Close} {
		if req := prepared(t, v2, do, testSale(sale.Merchant)); isV2(req.Path) {
			t.Errorf("%s of a QR code goes to %s", do, req.Path)
		}
	}
	if req := prepared(t, v2, sale.SendRefund, testSale(sale.Merchant)); isV2(req.Path) {
		t.Errorf("the refund of a QR code goes to %s", req.Path)
	}
	old := testSale(sale.Payer)
	old.Attempts[0].Request = prepared(t, v3, sale.Charge, old)
	if req := prepared(t, v2, sale.Query, old); isV2(req.Path) {
		t.Errorf("a v3 payment is queried at %s", req.Path)
	}
	old.Attempts[0].Request = prepared(t, v2, sale.Charge, testSale(sale.Payer))
	if _, err := v3.Prepare(testStep(sale.Query), old, sale.PayerCode{}); err == nil || !strings.Contains(err.Error(), "driver") {
		t.Errorf("a v2 payment without the v2 key: %v", err)
	}
	req := prepared(t, v2, sale.Query, old)
	if ev := v3.Do(t.Context(), testStep(sale.Query), old, req); ev.Kind != sale.Unclear || whyOf(ev) != "request_unsendable" {
		t.Errorf("a v2 request without the v2 key: %s %v", ev.Kind, ev.Why)
	}
	if req := prepared(t, v2, sale.Charge, testSale(sale.Payer)); strings.Contains(req.Body, testCode) || strings.Contains(req.Body, testV2Key) {
		t.Errorf("stored with a secret: %s", req.Body)
	}
}

func TestV2Files(t *testing.T) {
	conf := v2Config(t, "http://127.0.0.1:1")
	for name, bad := range map[string]V2Config{
		"key":         {writeFile(t, "k", []byte("short"), 0o600), conf.V2.CertFile},
		"no cert":     {conf.V2.KeyFile, writeFile(t, "c", []byte("x"), 0o600)},
		"other cert":  {conf.V2.KeyFile, "testdata/official_cert.pem"},
		"public key":  {conf.V2.KeyFile, "testdata/official_pub.pem"},
		"no such key": {"/nonexistent", conf.V2.CertFile},
	} {
		c := conf
		c.V2 = bad
		if _, err := open(c, time.Minute, time.Now, nil); err == nil || !strings.Contains(err.Error(), "wechat: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeFields(t *testing.T) {
	for in, want := range map[string]int{
		"<xml></xml>": 0, "<xml><a>1</a></xml>": 1, "<xml><a><![CDATA[<>&]]></a> <b/></xml>": 2, "<?xml version=\"1.0\"?><xml><a>&lt;</a></xml>": 1,
		"<xml><a>1</a><a>2</a></xml>": -1, "<xml><a><b>1</b></a></xml>": -1, "<xml/><xml/>": -1, "": -1, "<xml><a>1</a>": -1, "x<xml/>": -1,
		"<xml>x<a>1</a></xml>": -1, "<!DOCTYPE x [<!ENTITY e 'v'>]><xml><a>&e;</a></xml>": -1, `<xml xmlns:p="u"><p:a>1</p:a></xml>`: -1,
	} {
		f, err := decodeFields([]byte(in))
		if (err != nil) != (want < 0) || err == nil && len(f) != want {
			t.Errorf("%s: %v, %v", in, f, err)
		}
	}
	if !(fields{"sign": signV2(map[string]string{"a": "1"}), "a": "1"}).genuine([]byte(testV2Key)) || (fields{}).genuine([]byte(testV2Key)) {
		t.Error("genuine")
	}
}

// The merchant's certificate is shown where the provider asks for it.
func TestV2ShowsCertificate(t *testing.T) {
	srv, ca := tlsProvider(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) != 1 || r.TLS.PeerCertificates[0].SerialNumber.Int64() != 77 {
			t.Errorf("%d certificates", len(r.TLS.PeerCertificates))
		}
		fmt.Fprint(w, xmlOf(v2Answer()))
	})
	conf := v2Config(t, srv)
	conf.CAFile = ca
	c, _ := testClient(t, conf, time.Now)
	if ev := take(t, c, sale.Reverse); ev.Kind != sale.TakenBack {
		t.Errorf("%s %v", ev.Kind, ev.Why)
	}
}

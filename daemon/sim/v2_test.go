package sim

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"hash"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// v2sign is this test's own reading of the v2 signature.
func v2sign(f map[string]string, key, kind string) string {
	var pairs []string
	for k, v := range f {
		if v != "" && k != "sign" {
			pairs = append(pairs, k+"="+v)
		}
	}
	slices.Sort(pairs)
	var h hash.Hash = md5.New()
	if kind == "HMAC-SHA256" {
		h = hmac.New(sha256.New, []byte(key))
	}
	h.Write([]byte(strings.Join(append(pairs, "key="+key), "&")))
	return strings.ToUpper(hex.EncodeToString(h.Sum(nil)))
}

type v2doc struct {
	Fields []struct {
		XMLName xml.Name
		Text    string `xml:",chardata"`
	} `xml:",any"`
}

// v2 sends a signed v2 request and verifies the answer.
func (s *shop) v2(path, kind string, f map[string]string) map[string]string {
	s.t.Helper()
	all := map[string]string{"appid": s.k.AppID, "mch_id": s.k.MchID, "nonce_str": rand.Text(), "sign_type": kind}
	for k, v := range f {
		all[k] = v
	}
	all["sign"] = v2sign(all, s.k.APIv2Key, kind)
	var b strings.Builder
	b.WriteString("<xml>")
	for k, v := range all {
		fmt.Fprintf(&b, "<%s>%s</%s>", k, v, k)
	}
	b.WriteString("</xml>")
	r, err := http.NewRequest("POST", s.url+path, strings.NewReader(b.String()))
	if err != nil {
		s.t.Fatal(err)
	}
	g, err := s.send(r)
	if err != nil {
		s.t.Fatal(err)
	}
	var doc v2doc
	if err := xml.Unmarshal(g.raw, &doc); err != nil {
		s.t.Fatalf("%v: %s", err, g.raw)
	}
	a := map[string]string{}
	for _, e := range doc.Fields {
		a[e.XMLName.Local] = e.Text
	}
	if a["return_code"] == "SUCCESS" {
		equal(s.t, "signature", a["sign"], v2sign(a, s.k.APIv2Key, kind))
	}
	return a
}

func (s *shop) micropay(no, code, total string) map[string]string {
	return map[string]string{
		"body": "Tea", "out_trade_no": no, "total_fee": total, "spbill_create_ip": "192.0.2.1", "auth_code": code,
	}
}

func TestV2PaysReversesAndRefunds(t *testing.T) {
	for _, kind := range []string{"MD5", "HMAC-SHA256"} {
		t.Run(kind, func(t *testing.T) {
			s := newShop(t)
			no := s.number()
			a := s.v2("/pay/micropay", kind, s.micropay(no, s.code(behavePay), "900"))
			equal(t, "paid", a["result_code"], "SUCCESS")
			equal(t, "type", a["trade_type"], "MICROPAY")
			by := map[string]string{"out_trade_no": no}
			equal(t, "state", s.v2("/pay/orderquery", kind, by)["trade_state"], success)
			equal(t, "one namespace", s.state(no), success)
			equal(t, "close", s.v2("/pay/closeorder", kind, by)["result_code"], "FAIL")
			rf := map[string]string{"out_trade_no": no, "out_refund_no": "R1", "refund_fee": "400", "total_fee": "900"}
			equal(t, "refund", s.v2("/secapi/pay/refund", kind, rf)["refund_fee"], "400")
			equal(t, "repeat", s.v2("/secapi/pay/refund", kind, rf)["result_code"], "SUCCESS")
			s.clock.pass(3 * time.Second)
			equal(t, "refunded", s.v2("/pay/refundquery", kind, map[string]string{"out_refund_no": "R1"})["refund_status_0"], "SUCCESS")
			equal(t, "net", s.counts(no).Net, 500)

			no = s.number()
			equal(t, "password", s.v2("/pay/micropay", kind, s.micropay(no, s.code(behavePasswordLate), "900"))["err_code"], "USERPAYING")
			s.clock.pass(16 * time.Second)
			a = s.v2("/secapi/pay/reverse", kind, map[string]string{"out_trade_no": no})
			equal(t, "recall", a["recall"], "N")
			equal(t, "reversed", s.v2("/pay/orderquery", kind, map[string]string{"out_trade_no": no})["trade_state"], revoked)
		})
	}
}

func TestV2SpeaksOfFailuresItsOwnWay(t *testing.T) {
	s := newShop(t)
	for _, c := range []struct {
		behaviour, total, code string
		charges                int
	}{
		{behaveNotEnough, "900", "NOTENOUGH", 0},
		{behavePay, "906", "AUTHCODEEXPIRE", 0},
		{behavePay, "919", "SYSTEMERROR", 1},
		{behavePay, "918", "SYSTEMERROR", 0},
		{behavePay, "907", "PARAM_ERROR", 1},
		{behavePay, "0", "PARAM_ERROR", 0},
	} {
		no := s.number()
		a := s.v2("/pay/micropay", "MD5", s.micropay(no, s.code(c.behaviour), c.total))
		equal(t, c.total, a["err_code"], c.code)
		equal(t, c.total+" charges", s.counts(no).Charges, c.charges)
	}
	equal(t, "no order", s.v2("/pay/orderquery", "MD5", map[string]string{"out_trade_no": "T1-nothing"})["err_code"], "ORDERNOTEXIST")
	no := s.number() // 922: still paying, two reverses must be called again
	s.v2("/pay/micropay", "MD5", s.micropay(no, s.code(behavePay), "922"))
	s.clock.pass(16 * time.Second)
	for _, want := range []string{"Y", "Y", "N"} {
		equal(t, "recall", s.v2("/secapi/pay/reverse", "MD5", map[string]string{"out_trade_no": no})["recall"], want)
	}
	equal(t, "wrong sign", s.v2("/pay/orderquery", "MD5", map[string]string{"out_trade_no": no, "mch_id": ""})["return_code"], "SUCCESS")
}

func TestV2RefusesBadSignaturesAndBadXML(t *testing.T) {
	s := newShop(t)
	for name, body := range map[string]string{
		"no xml": "hello", "empty": "", "nested": "<xml><a><b>1</b></a></xml>", "unsigned": "<xml><mch_id>" + s.k.MchID + "</mch_id></xml>",
		"wrong": "<xml><mch_id>" + s.k.MchID + "</mch_id><sign>00</sign></xml>",
	} {
		r, err := http.NewRequest("POST", s.url+"/pay/micropay", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		g, err := s.send(r)
		if err != nil || !strings.Contains(string(g.raw), "<return_code><![CDATA[FAIL]]>") {
			t.Errorf("%s: %v %s", name, err, g.raw)
		}
	}
	equal(t, "refused", s.w.WeChat.Report().Refused, 5)
}

func FuzzReadXML(f *testing.F) {
	for _, s := range []string{"", "<xml/>", "<xml><a>1</a></xml>", "<xml><a><![CDATA[1]]></a>", "<xml>]]></xml>", "<!DOCTYPE x [<!ENTITY e 'x'>]><xml><a>&e;</a></xml>"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, bad := readXML(b)
		if m == nil {
			t.Fatal("no map")
		}
		if !bad && len(m) == 0 {
			t.Fatal("good, but empty")
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"", "{}", `{"appid":null}`, `{"amount":{"total":1e99}}`, `{"x":1}`, `{"appid":"a"} {}`, "[]", "\xff"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, into := range []any{&nativeRequest{}, &codepayRequest{}, &refundRequest{}, &endRequest{}} {
			if bad := decode(b, into); bad != nil && bad.code != "PARAM_ERROR" {
				t.Fatalf("code %s", bad.code)
			}
		}
	})
}

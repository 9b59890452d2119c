package wechat

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"qrposd/rules/sale"
)

func allSteps() []sale.Action {
	return []sale.Action{sale.Order, sale.Charge, sale.Query, sale.Close, sale.Reverse, sale.SendRefund, sale.QueryRefund}
}

// moneyFact is an event that says something about money that only the provider
// can know.
func moneyFact(k sale.Kind) bool {
	switch k {
	case sale.Received, sale.Ordered, sale.Closed, sale.TakenBack, sale.PayFailed, sale.ChargeRefused, sale.NotSent,
		sale.RefundDone, sale.RefundPending, sale.RefundFailed:
		return true
	}
	return false
}

// Whatever comes back, nothing is received that the provider has not signed.
func FuzzAnswer(f *testing.F) {
	for _, tests := range [][]heardCase{goodAnswers(), badSuccesses(), errorAnswers()} {
		for i, tt := range tests {
			f.Add(byte(i), tt.status, tt.body, "8-268512771", "1624523846", "n", "AAAA", testKeyID, i%3 == 0)
		}
	}
	f.Add(byte(2), 200, tx("SUCCESS"), "", "", "", "", "", false)
	f.Add(byte(2), 404, errJSON("ORDER_NOT_EXIST"), "", "", "", "", "", false)
	c, _ := testClient(f, testConfig(f, "http://127.0.0.1:1"), time.Now)
	f.Fuzz(func(t *testing.T, do byte, status int, body, id, stamp, nonce, signature, serial string, sealed bool) {
		h := http.Header{
			"Request-Id": {id}, "Wechatpay-Timestamp": {stamp}, "Wechatpay-Nonce": {nonce},
			"Wechatpay-Signature": {signature}, "Wechatpay-Serial": {serial},
		}
		if sealed {
			seal(h, providerKey(), testKeyID, time.Now(), []byte(body))
		}
		a := answerOf(heard{status, h, []byte(body), "h"}, nil)
		_, a.Unverified = c.keys.verify(h, a.Body, c.clock.now())
		genuine := genuineByHand(h, body)
		if a.signed() != genuine {
			t.Fatalf("verified is %t, by hand it is %t", a.signed(), genuine)
		}
		step := testStep(allSteps()[int(do)%len(allSteps())])
		ev, said := c.hear(step, testSale(flowOf(step.Do)), sale.NewRequest("POST", "/v3/x", []byte("{}"), sale.PayerCode{}), a)
		if moneyFact(ev.Kind) && !genuine {
			t.Errorf("%s was heard from an answer that nobody signed", ev.Kind)
		}
		if ev.Kind == sale.Received && (ev.Amount.Minor != 1280 || ev.TransactionID == "" || status >= 300) {
			t.Errorf("received %s %q by %d", ev.Amount, ev.TransactionID, status)
		}
		if len(said) > 200 {
			t.Errorf("%d bytes for the log", len(said))
		}
		if ev.Kind == sale.Unclear && ev.Why == nil {
			t.Error("unclear without a reason")
		}
	})
}

// genuineByHand repeats the rule of verification in other words.
func genuineByHand(h http.Header, body string) bool {
	raw, err := base64.StdEncoding.DecodeString(h.Get("Wechatpay-Signature"))
	if err != nil || h.Get("Wechatpay-Serial") != testKeyID {
		return false
	}
	sum := sha256.Sum256([]byte(h.Get("Wechatpay-Timestamp") + "\n" + h.Get("Wechatpay-Nonce") + "\n" + body + "\n"))
	return rsa.VerifyPKCS1v15(&providerKey().PublicKey, crypto.SHA256, sum[:], raw) == nil
}

func FuzzDecrypt(f *testing.F) {
	f.Add([]byte("a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb"), "uluk4a9R25RW", "associatedData", "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI=")
	f.Add([]byte("testAPIv3Key0000"), "wCq51qZv4Yfg", "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8", "FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC")
	f.Add([]byte(nil), "", "", "")
	f.Fuzz(func(t *testing.T, key []byte, nonce, aad, sealed string) {
		if plain, err := Decrypt(key, nonce, aad, sealed); err == nil && (len(key) != 32 || len(nonce) != 12) {
			t.Errorf("opened %q with a key of %d bytes and a nonce of %d", plain, len(key), len(nonce))
		}
	})
}

// What is read is written and read again unchanged, and a signature over it holds.
func FuzzV2XML(f *testing.F) {
	f.Add([]byte(xmlOf(v2Answer())))
	f.Add([]byte("<xml><a>1</a><a>2</a></xml>"))
	f.Add([]byte("<xml><a><![CDATA[]]]]><![CDATA[>]]></a></xml>"))
	f.Add([]byte("<!DOCTYPE x [<!ENTITY e 'v'>]><xml><a>&e;</a></xml>"))
	c, _ := testClient(f, v2Config(f, "http://127.0.0.1:1"), time.Now)
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decodeFields(body)
		if err != nil {
			return
		}
		for _, do := range allSteps() {
			ev := c.hearV2(testStep(do), testSale(sale.Payer), m)
			if ev.Kind == sale.Received && (m["total_fee"] == "" || m["transaction_id"] == "") {
				t.Errorf("received from %v", m)
			}
		}
		sum := m.sum([]byte(testV2Key))
		out, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeFields(out)
		if err != nil {
			t.Fatalf("%q: %v", out, err)
		}
		if again.sum([]byte(testV2Key)) != sum {
			t.Errorf("%q reads back with another signature", out)
		}
	})
}

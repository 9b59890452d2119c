package wechat

import (
	"net/http"
	"testing"
	"time"

	"qrposd/rules/sale"
)

func BenchmarkAuthorize(b *testing.B) {
	s := signer{testMch, "5157F09EFDC096DE15EBE81A47057A7232F1B8E1", merchantKey()}
	body, now := []byte(tx("SUCCESS")), time.Now()
	for b.Loop() {
		if _, err := s.authorize("POST", pathCodepay, newNonce(), now, body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	ring := keyring{testKeyID: &providerKey().PublicKey}
	h, body, now := http.Header{}, []byte(tx("SUCCESS")), time.Now()
	seal(h, providerKey(), testKeyID, now, body)
	for b.Loop() {
		if _, err := ring.verify(h, body, now); err != nil {
			b.Fatal(err)
		}
	}
}

// A whole charge at a provider on this machine that has its answer ready.
func BenchmarkCharge(b *testing.B) {
	h, body := http.Header{}, tx("SUCCESS")
	seal(h, providerKey(), testKeyID, time.Now(), []byte(body))
	p := newProvider(b, nil)
	p.answer = func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range h {
			w.Header()[k] = v
		}
		_, _ = w.Write([]byte(body))
	}
	c, _ := testClient(b, testConfig(b, p.URL), time.Now)
	for b.Loop() {
		if ev := take(b, c, sale.Charge); ev.Kind != sale.Received {
			b.Fatal(ev.Kind, ev.Why)
		}
	}
}

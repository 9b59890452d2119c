package wechat

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// officialKey is the key that the provider's own SDK is tested with.
func officialKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	b, err := os.ReadFile("testdata/official_key.pem")
	if err != nil {
		t.Fatal(err)
	}
	name := writeFile(t, "key.pem", []byte(strings.ReplaceAll(string(b), "TESTING KEY", "PRIVATE KEY")), 0o600)
	key, err := readPrivateKey(name)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// The vectors of wechatpay-go v0.2.21 (utils/sign_test.go) and, for the request,
// the message of wechatpay-java (WechatPay2CredentialTest).
const (
	vectorSource  = "BKyAfU4iMCuvXMXS0Wzam3V/cnxZ+JaqigPM5OhljS2iOT95OO6Fsuml2JkFANJU9K6q9bLlDhPXuoVz+pp4hAm6pHU4ld815U4jsKu1RkyaII+1CYBUYC8TK0XtJ8FwUXXz8vZHh58rrAVN1XwNyvD1vfpxrMT4SL536GLwvpUHlCqIMzoZUguLli/K8V29QiOhuH6IEqLNJn8e9b3nwNcQ7be3CzYGpDAKBfDGPCqCv8Rw5zndhlffk2FEA70G4hvMwe51qMN/RAJbknXG23bSlObuTCN7Ndj1aJGH6/L+hdwfLpUtJm4QYVazzW7DFD27EpSQEqA8bX9+8m1rLg=="
	vectorRequest = "05vCKETQSxKN6zGfSn7KnfZo4l0hP8MQF8o30z5ZYDJ33kIwZvpFXUcr8ncAN3OlvSSUIhXcLkq3DLtzhZHMjwg7RzELD1RgdHn/VFw1JmaBlz1Gim5Zsdwf+5KhxdIHY0fnuY6N+clEy9RTO5hdWjOxA4L/LvCRxNZV3PCc7bGnXPxPmwrdL9spjECAnb52yxQx3mLIqYrHjZCmMf0H+xsoJWVYFMycJtDDqqDpe+gpbo9poNQiRLIECC2UKxR4cUh4EpBP0TSE/Q45iGZmPZ9i0g2WJmSCRXEXESm1J/foPXC58HQFntCiactJ52/m94nDJmehKXcGdnYFYR1fZw=="
)

func TestSignVectors(t *testing.T) {
	key := officialKey(t)
	if got, err := sign(key, "source"); err != nil || got != vectorSource {
		t.Errorf("%s, %v", got, err)
	}
	s := signer{"1230000109", "3775B6A45ACD588826D15E583A95F5DD", key}
	got, err := s.authorize("GET", "/v3/pay/transactions/id/1217752501201407033233368018?mchid=1230000109",
		"eBYqCOxa0QudMnPvVilkTzOg3gHh5Z3u", time.Unix(1652750623, 0), nil)
	want := `WECHATPAY2-SHA256-RSA2048 mchid="1230000109",nonce_str="eBYqCOxa0QudMnPvVilkTzOg3gHh5Z3u",timestamp="1652750623",` +
		`serial_no="3775B6A45ACD588826D15E583A95F5DD",signature="` + vectorRequest + `"`
	if err != nil || got != want {
		t.Errorf("got  %s\nwant %s\n%v", got, want, err)
	}
}

// Both kinds of the provider's keys verify what the SDK's vectors say they do.
func TestPlatformKeyVectors(t *testing.T) {
	for _, k := range []PlatformKey{{ID: "F5765756002FDD77", File: "testdata/official_pub.pem"}, {File: "testdata/official_cert.pem"}} {
		p, err := readPlatformKey(k)
		if err != nil || p.id != "F5765756002FDD77" {
			t.Fatalf("%s: %s, %v", k.File, p.id, err)
		}
		if !p.key.Equal(&officialKey(t).PublicKey) {
			t.Errorf("%s holds another key", k.File)
		}
	}
}

const noticeTime = 1624523846

func noticeHeader() http.Header {
	return http.Header{
		"Wechatpay-Timestamp": {"1624523846"}, "Wechatpay-Nonce": {"EcZ9Cmy4Xyx1i6RlJQzLcCyEqDa26NBz"}, "Wechatpay-Serial": {"D7CE59D1F522D701"},
		"Wechatpay-Signature": {"tJHIiIS9eB2hAYstmAmbbD3ZE5LiIm/Ug5tuL4fC0YOFRWIHV39UFIZXC0e9Wl6lBu6sKvkqDkzpqzBsVHyXFlbYZTOQrVdG4b6LfTnK4mikv9++ixJMd3vTf2yCqvBkh98zs3Ds5zsYQakzbcwhmw4fMJs4nPLws28H0UW9FjDR//rxELLwXvV1VEA1IBLX70xptjL8hrfUjEE8kkry6yNJTHZRU8CAc7qHli2Ng1V1qb9ARbK8A3ThmFmPQvRGrapI/jS2laKKgYUmfdEdkNO6B2Cke5e8VTxY406ArAmQ90GAihDwIcb16TQMnzCMBoutnwZKNiKRACrFmtxw2Q=="},
	}
}

// The notification of wechatpay-go's core/notify test, verified at the second it
// was signed. Its API key has 16 bytes and therefore opens nothing here.
func TestNoticeVector(t *testing.T) {
	body, err := os.ReadFile("testdata/notice_body.json")
	if err != nil {
		t.Fatal(err)
	}
	p, err := readPlatformKey(PlatformKey{File: "testdata/notice_cert.pem"})
	if err != nil {
		t.Fatal(err)
	}
	ring := keyring{p.id: p.key}
	at := time.Unix(noticeTime, 0)
	if ts, err := ring.verify(noticeHeader(), body, at); err != nil || !ts.Equal(at) {
		t.Fatalf("%s, %v", ts, err)
	}
	for _, tt := range []struct {
		off  time.Duration
		want error
	}{{299 * time.Second, nil}, {-299 * time.Second, nil}, {300 * time.Second, errStale}, {-300 * time.Second, errStale}, {1e18, errStale}} {
		if _, err := ring.verify(noticeHeader(), body, at.Add(tt.off)); !errors.Is(err, tt.want) {
			t.Errorf("%s off: %v, want %v", tt.off, err, tt.want)
		}
	}
	for name, spoil := range map[string]func(http.Header){
		"nonce":  func(h http.Header) { h.Set("Wechatpay-Nonce", "x") },
		"time":   func(h http.Header) { h.Set("Wechatpay-Timestamp", "1624523847") },
		"base64": func(h http.Header) { h.Set("Wechatpay-Signature", "!") },
		"serial": func(h http.Header) { h.Set("Wechatpay-Serial", "D7CE59D1F522D702") },
	} {
		h := noticeHeader()
		spoil(h)
		if _, err := ring.verify(h, body, at); err == nil || errors.Is(err, errUnsigned) {
			t.Errorf("spoilt %s: %v", name, err)
		}
	}
	h := noticeHeader()
	h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+h.Get("Wechatpay-Signature"))
	if _, err := ring.verify(h, body, at); !errors.Is(err, errProbe) {
		t.Errorf("probe: %v", err)
	}
	if _, err := ring.verify(noticeHeader(), append(body, ' '), at); !errors.Is(err, errForged) {
		t.Errorf("one byte more: %v", err)
	}
	if _, err := openNotice([]byte("testMchAPIv3Key0"), body); err == nil || !strings.Contains(err.Error(), "not 32") {
		t.Errorf("a key of 16 bytes: %v", err)
	}
}

func TestDecryptVectors(t *testing.T) {
	const key, nonce, aad, sealed = "a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb", "uluk4a9R25RW", "associatedData", "ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI="
	if got, err := Decrypt([]byte(key), nonce, aad, sealed); err != nil || string(got) != "message" {
		t.Errorf("%q, %v", got, err)
	}
	for name, in := range map[string][4]string{
		"AES-128 vector": {"testAPIv3Key0000", "wCq51qZv4Yfg", "Dl56FrqWQJF1t9LtC3vEUsniZKvbqdR8", "FsdXzxryWfKwvLJKf8LG/ToRPTRh8RN9wROC"},
		"short nonce":    {key, "short", aad, sealed},
		"long nonce":     {key, nonce + "0", aad, sealed},
		"no key":         {"", nonce, aad, sealed},
		"other key":      {strings.ToUpper(key), nonce, aad, sealed},
		"other data":     {key, nonce, "other", sealed},
		"not base64":     {key, nonce, aad, "!"},
		"no ciphertext":  {key, nonce, aad, ""},
		"cut":            {key, nonce, aad, "ulwSiIajGClcvcOYvOQ7"},
	} {
		if got, err := Decrypt([]byte(in[0]), in[1], in[2], in[3]); err == nil {
			t.Errorf("%s opened as %q", name, got)
		}
	}
}

// A notification sealed by ourselves goes all the way.
func TestNotice(t *testing.T) {
	conf := testConfig(t, "http://127.0.0.1:1")
	conf.APIv3KeyFile = writeFile(t, "apiv3.key", []byte("a7cde1ZJB1kG2e7VfTs3jQzaWizur8Gb\n"), 0o600)
	c, _ := testClient(t, conf, time.Now)
	body := []byte(`{"resource":{"algorithm":"AEAD_AES_256_GCM","ciphertext":"ulwSiIajGClcvcOYvOQ7+l+0PAbzzwI=","associated_data":"associatedData","nonce":"uluk4a9R25RW"}}`)
	h := http.Header{}
	if _, err := c.Notice(h, body); err == nil {
		t.Error("an unsigned notification was opened")
	}
	seal(h, providerKey(), testKeyID, time.Now(), body)
	if got, err := c.Notice(h, body); err != nil || string(got) != "message" {
		t.Errorf("%q, %v", got, err)
	}
	seal(h, providerKey(), testKeyID, time.Now(), []byte(`{}`))
	if _, err := c.Notice(h, []byte(`{}`)); err == nil {
		t.Error("a notification without an envelope was opened")
	}
	plain, _ := testClient(t, testConfig(t, "http://127.0.0.1:1"), time.Now)
	if _, err := plain.Notice(h, body); err == nil {
		t.Error("opened without a key")
	}
}

func TestNonce(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		n := newNonce()
		if len(n) != 32 || seen[n] || strings.Trim(n, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") != "" {
			t.Fatalf("nonce %q", n)
		}
		seen[n] = true
	}
}

func pkcs1PEM(k *rsa.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
}

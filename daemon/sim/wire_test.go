package sim

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestDoorRefusesWhatIsNotSignedRight(t *testing.T) {
	s := newShop(t)
	path := s.queryPath("T1-000000")
	auth := func(r *http.Request, old, fresh string) {
		h := r.Header.Get("Authorization")
		if !strings.Contains(h, old) {
			t.Fatalf("nothing to replace: %s", h)
		}
		r.Header.Set("Authorization", strings.Replace(h, old, fresh, 1))
	}
	for name, c := range map[string]struct {
		status int
		change func(*http.Request)
	}{
		"good":           {404, func(*http.Request) {}},
		"no auth":        {401, func(r *http.Request) { r.Header.Del("Authorization") }},
		"other schema":   {401, func(r *http.Request) { auth(r, "SHA256", "SM3") }},
		"malformed":      {401, func(r *http.Request) { auth(r, `mchid="`, `mchid=`) }},
		"other mchid":    {401, func(r *http.Request) { auth(r, s.k.MchID, "1900000110") }},
		"other serial":   {401, func(r *http.Request) { auth(r, s.k.MerchantSerial, s.k.PlatformSerial) }},
		"other nonce":    {401, func(r *http.Request) { auth(r, `nonce_str="`, `nonce_str="X`) }},
		"other path":     {401, func(r *http.Request) { r.URL.Path += "1" }},
		"no agent":       {400, func(r *http.Request) { r.Header.Set("User-Agent", "") }},
		"no accept":      {400, func(r *http.Request) { r.Header.Del("Accept") }},
		"unknown answer": {400, func(r *http.Request) { r.Header.Set("Wechatpay-Serial", "PUB_KEY_ID_1") }},
	} {
		t.Run(name, func(t *testing.T) {
			r := s.request("GET", path, "")
			c.change(r)
			g, err := s.send(r)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "status", g.status, c.status)
			if c.status == 401 && !strings.HasSuffix(g.header.Get("Request-ID"), "-268443699") {
				t.Errorf("Request-ID %q", g.header.Get("Request-ID"))
			}
		})
	}
	equal(t, "mchid in the query", s.must(400, "GET", orderPath("T1-000000", "?mchid=1"), nil).str("code"), "PARAM_ERROR")
	equal(t, "certificates", s.must(404, "GET", "/v3/certificates", nil).str("code"), "RESOURCE_NOT_EXISTS")
	equal(t, "no such path", s.must(404, "GET", "/v3/pay/transactions/jsapi", nil).str("code"), "RESOURCE_NOT_EXISTS")
	if n := s.w.WeChat.Report().Refused; n != 11 {
		t.Errorf("%d refused, want 11", n)
	}
}

func TestDoorWantsAFreshSignature(t *testing.T) {
	s := newShop(t)
	path := s.queryPath("T1-000000")
	r := s.request("GET", path, "")
	for _, want := range []int{404, 401} {
		g, err := s.send(r.Clone(t.Context()))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "replay", g.status, want)
	}
	equal(t, "violation", s.counts("T1-000000").Violations[0].What, "replayed nonce: a retry must be signed anew")
	for _, skew := range []time.Duration{-5 * time.Minute, 5 * time.Minute} {
		r := s.request("GET", path, "")
		s.clock.pass(skew)
		g, err := s.send(r)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "skew", g.status, 401)
		at, err := http.ParseTime(g.header.Get("Date"))
		if err != nil || !at.Equal(s.clock.now()) {
			t.Fatalf("Date %q is not the provider's clock", g.header.Get("Date"))
		}
		s.clock.pass(-skew)
	}
}

func TestAnswersAreSignedWithTheKeyAskedFor(t *testing.T) {
	s := newShop(t)
	no := s.paid(1000)
	for _, serial := range []string{"", s.k.PublicKeyID, s.k.PlatformSerial} {
		r := s.request("GET", s.queryPath(no), "")
		want := s.k.PublicKeyID
		if serial != "" {
			r.Header.Set("Wechatpay-Serial", serial)
			want = serial
		}
		g, err := s.send(r)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "serial", g.header.Get("Wechatpay-Serial"), want)
		if err := s.check(g); err != nil {
			t.Fatal(err)
		}
	}
}

// The message is written out here byte by byte, in the documented order with the closing LF; the fields of the header
// come in another order than the other tests send, because their order is free.
func TestSignedMessageIsTheDocumentedOne(t *testing.T) {
	k, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1652750623, 0)
	w := &WeChat{Credentials: k, Now: func() time.Time { return at }}
	const uri, nonce = "/v3/pay/transactions/id/1217752501201407033233368018?mchid=1900000109", "eBYqCOxa0QudMnPvVilkTzOg3gHh5Z3u"
	sum := sha256.Sum256([]byte("GET\n" + uri + "\n1652750623\n" + nonce + "\n\n"))
	sig, err := rsa.SignPKCS1v15(nil, k.MerchantKey, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", uri, nil)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "shop/1")
	r.Header.Set("Authorization", fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",signature="%s",timestamp="1652750623",serial_no="%s"`,
		k.MchID, nonce, base64.StdEncoding.EncodeToString(sig), k.MerchantSerial))
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	if rec.Code != 404 || !strings.Contains(rec.Body.String(), "ORDER_NOT_EXIST") {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
}

func TestZeroValueIsReady(t *testing.T) {
	srv := httptest.NewServer(&World{})
	defer srv.Close()
	for path, want := range map[string]string{
		"/sim/counts": `"orders":[]`, "/sim/faults": "userpaying", "/sim/link": `"up":true`, "/sim/phone/screen": "[]", "/sim/rules": "[]",
	} {
		resp, err := http.Get(srv.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		b := new(strings.Builder)
		if err := resp.Write(b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), want) {
			t.Errorf("%s: %s", path, b)
		}
	}
	resp, err := http.Get(srv.URL + nativePath) // mints keys on the way
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	equal(t, "unsigned", resp.StatusCode, 404)
}

package sim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// sharedKeys are made once: three RSA keys a test would be most of the test's time.
var sharedKeys = sync.OnceValues(NewCredentials) // budget: RSA keys are slow to make; these are made once and never changed

// clock is the time of a test; it moves only when told.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// shop is a merchant with its own words for the protocol: nothing of the package under test signs or verifies here.
type shop struct {
	t     *testing.T
	w     *World
	k     *Credentials
	clock *clock
	url   string
	http  *http.Client
	n     int
	mu    sync.Mutex
}

func newShop(t *testing.T) *shop {
	t.Helper()
	k, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	c := &clock{t: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)}
	w := &World{WeChat: WeChat{Credentials: k, Now: c.now}}
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(tr.CloseIdleConnections)
	return &shop{t: t, w: w, k: k, clock: c, url: srv.URL, http: &http.Client{Transport: tr, Timeout: 10 * time.Second}}
}

// got is an answer as it came over the wire.
type got struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

func (g got) str(path string) string {
	var v any = g.body
	for _, k := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[k]
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func (s *shop) number() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	return fmt.Sprintf("T1-%06d", s.n)
}

func (s *shop) request(method, path, body string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequest(method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	ts, nonce := s.clock.now().Unix(), strings.ToUpper(rand.Text() + "ABCDEF")[:32]
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%s\n%s\n", method, path, ts, nonce, body))
	sig, err := rsa.SignPKCS1v15(nil, s.k.MerchantKey, crypto.SHA256, sum[:])
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", fmt.Sprintf(`WECHATPAY2-SHA256-RSA2048 mchid="%s",nonce_str="%s",timestamp="%d",serial_no="%s",signature="%s"`,
		s.k.MchID, nonce, ts, s.k.MerchantSerial, base64.StdEncoding.EncodeToString(sig)))
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "shop/1")
	if method == "POST" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

func (s *shop) send(r *http.Request) (got, error) {
	resp, err := s.http.Do(r)
	if err != nil {
		return got{}, err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	g := got{status: resp.StatusCode, header: resp.Header, raw: raw}
	_ = json.Unmarshal(raw, &g.body)
	return g, err
}

// try sends a signed request; a 2xx answer must verify.
func (s *shop) try(method, path string, body any) (got, error) {
	s.t.Helper()
	text := ""
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		text = string(b)
	}
	g, err := s.send(s.request(method, path, text))
	if err == nil && g.status/100 == 2 {
		err = s.check(g)
	}
	return g, err
}

func (s *shop) must(status int, method, path string, body any) got {
	s.t.Helper()
	g, err := s.try(method, path, body)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	if g.status != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, g.status, status, g.raw)
	}
	return g
}

// check verifies the signature of an answer with the public halves a merchant would have.
func (s *shop) check(g got) error {
	var pub *rsa.PublicKey
	switch g.header.Get("Wechatpay-Serial") {
	case s.k.PublicKeyID:
		pub = &s.k.PublicKey.PublicKey
	case s.k.PlatformSerial:
		block, _ := pem.Decode(s.k.PlatformCertPEM)
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		pub = cert.PublicKey.(*rsa.PublicKey)
	default:
		return fmt.Errorf("unknown serial %q", g.header.Get("Wechatpay-Serial"))
	}
	ts := g.header.Get("Wechatpay-Timestamp")
	var sec int64
	fmt.Sscan(ts, &sec)
	if d := s.clock.now().Sub(time.Unix(sec, 0)).Abs(); d > 5*time.Minute {
		return fmt.Errorf("answer is %s off", d)
	}
	sig, err := base64.StdEncoding.DecodeString(g.header.Get("Wechatpay-Signature"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256(bytes.Join([][]byte{[]byte(ts), []byte(g.header.Get("Wechatpay-Nonce")), g.raw, nil}, []byte("\n")))
	return rsa.VerifyPKCS1v15(pub, crypto.SHA256, sum[:], sig)
}

type obj = map[string]any

func (s *shop) nativeBody(no string, total int) obj {
	return obj{
		"appid": s.k.AppID, "mchid": s.k.MchID, "description": "Tea & 茶", "out_trade_no": no,
		"notify_url": "https://shop.example/notify", "amount": obj{"total": total, "currency": "CNY"},
	}
}

func (s *shop) codepayBody(no string, total int, code string) obj {
	return obj{
		"appid": s.k.AppID, "mchid": s.k.MchID, "description": "Tea", "out_trade_no": no,
		"payer": obj{"auth_code": code}, "amount": obj{"total": total, "currency": "CNY"},
		"scene_info": obj{"device_id": "till-1", "store_info": obj{"out_id": "S1"}},
	}
}

func (s *shop) code(behaviour string) string {
	s.t.Helper()
	c, err := s.w.WeChat.Mint(PayerCode{Behaviour: behaviour})
	if err != nil {
		s.t.Fatal(err)
	}
	return c.AuthCode
}

const (
	nativePath  = "/v3/pay/transactions/native"
	codepayPath = "/v3/pay/transactions/codepay"
	refundPath  = "/v3/refund/domestic/refunds"
)

func (s *shop) end() obj { return obj{"appid": s.k.AppID, "mchid": s.k.MchID} }

func orderPath(no, what string) string { return "/v3/pay/transactions/out-trade-no/" + no + what }

func (s *shop) queryPath(no string) string { return orderPath(no, "?mchid="+s.k.MchID) }

func (s *shop) state(no string) string {
	s.t.Helper()
	g, err := s.try("GET", s.queryPath(no), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if g.status == 404 {
		return g.str("code")
	}
	return g.str("trade_state")
}

func (s *shop) counts(no string) OrderCounts {
	s.t.Helper()
	c, ok := s.w.WeChat.OrderReport(no)
	if !ok {
		s.t.Fatalf("nothing seen under %s", no)
	}
	return c
}

// control talks to the /sim/ endpoints, unsigned.
func (s *shop) control(method, path string, body any, status int) got {
	s.t.Helper()
	var rd io.Reader
	if body != nil {
		b, _ := json.Marshal(body)
		rd = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, s.url+path, rd)
	if err != nil {
		s.t.Fatal(err)
	}
	g, err := s.send(r)
	if err != nil {
		s.t.Fatal(err)
	}
	if g.status != status {
		s.t.Fatalf("%s %s: status %d, want %d: %s", method, path, g.status, status, g.raw)
	}
	return g
}

func equal[T comparable](t *testing.T, what string, have, want T) {
	t.Helper()
	if have != want {
		t.Fatalf("%s: have %v, want %v", what, have, want)
	}
}

package wechat

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

const (
	testMch   = "1900000109"
	testApp   = "wxd678efh567hg6787"
	testKeyID = "PUB_KEY_ID_0119000001092024110100000001"
	testOrder = "T0126112500001ABCDEFGHJK1"
	testCode  = "134567890123456789"
	testTxn   = "4200001234202611250000000001"
)

// testKeys are the merchant's, the provider's and a stranger's.
//
// budget: RSA keys are slow to make; these are made once and never changed
var testKeys = sync.OnceValue(func() [3]*rsa.PrivateKey { return [3]*rsa.PrivateKey{newKey(), newKey(), newKey()} })

func merchantKey() *rsa.PrivateKey { return testKeys()[0] }
func providerKey() *rsa.PrivateKey { return testKeys()[1] }
func strangerKey() *rsa.PrivateKey { return testKeys()[2] }

func newKey() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}

func writeFile(t testing.TB, name string, data []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func privatePEM(t testing.TB, k *rsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func publicPEM(t testing.TB, k *rsa.PublicKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

func testConfig(t testing.TB, urls ...string) Config {
	t.Helper()
	return Config{
		MchID: testMch, AppID: testApp, Serial: "5157F09EFDC096DE15EBE81A47057A7232F1B8E1",
		PrivateKeyFile: writeFile(t, "apiclient_key.pem", privatePEM(t, merchantKey()), 0o600),
		PlatformKeys:   []PlatformKey{{ID: testKeyID, File: writeFile(t, "pub_key.pem", publicPEM(t, &providerKey().PublicKey), 0o600)}},
		NotifyURL:      "https://shop.example/notify", BaseURLs: urls,
		ConnectTimeout: Duration(2 * time.Second), TotalTimeout: Duration(5 * time.Second),
		Scene: Scene{StoreID: "S1", DeviceID: "till-1"},
	}
}

// logBook is a log that a test can read back.
type logBook struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBook) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func testClient(t testing.TB, conf Config, wall func() time.Time) (*Client, *logBook) {
	t.Helper()
	book := &logBook{}
	c, err := open(conf, 5*time.Minute, wall, slog.New(slog.NewTextHandler(book, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, book
}

// seal signs an answer the way the provider's documentation says, with nothing
// of the package under test.
func seal(h http.Header, key *rsa.PrivateKey, id string, at time.Time, body []byte) {
	stamp, nonce := strconv.FormatInt(at.Unix(), 10), "c5ac7061fccab6bf3e254dcf98995b8c"
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n", stamp, nonce, body))
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", id)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(sig))
}

// script is one scripted answer of the provider.
type script struct {
	status  int
	body    string
	number  int64                                 // at the end of Request-ID
	mangle  func(h http.Header, body []byte) bool // replaces the good signature; false: sign all the same
	headers map[string]string
}

func unsignedAnswer(http.Header, []byte) bool { return true }

func (s script) serve(w http.ResponseWriter) {
	h := w.Header()
	if s.mangle == nil || !s.mangle(h, []byte(s.body)) {
		seal(h, providerKey(), testKeyID, time.Now(), []byte(s.body))
	}
	h.Set("Request-Id", fmt.Sprintf("08F1EAC1CE0610AF01-%d", s.number))
	for k, v := range s.headers {
		h.Set(k, v)
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// got is a request as it arrived at the provider.
type got struct {
	method, target string
	header         http.Header
	body           string
}

// fakeProvider answers by script and keeps what it was asked. Requests whose
// signature does not hold are test failures.
type fakeProvider struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []got
	answer func(w http.ResponseWriter, r *http.Request)
}

func newProvider(t testing.TB, answer func(w http.ResponseWriter, r *http.Request)) *fakeProvider {
	p := &fakeProvider{answer: answer}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("provider: %v", err)
		}
		if strings.HasPrefix(r.URL.Path, "/v3/") {
			checkRequest(t, r, body)
		}
		p.mu.Lock()
		p.asked = append(p.asked, got{r.Method, r.RequestURI, r.Header.Clone(), string(body)})
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *fakeProvider) say(s script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.answer = nil, func(w http.ResponseWriter, _ *http.Request) { s.serve(w) }
}

func (p *fakeProvider) requests() []got {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]got(nil), p.asked...)
}

// checkRequest holds a request to the provider's rules of signing.
func checkRequest(t testing.TB, r *http.Request, body []byte) {
	rest, ok := strings.CutPrefix(r.Header.Get("Authorization"), "WECHATPAY2-SHA256-RSA2048 ")
	if !ok {
		t.Errorf("Authorization is %q", r.Header.Get("Authorization"))
	}
	f := map[string]string{}
	for _, p := range strings.Split(rest, ",") {
		k, v, _ := strings.Cut(p, "=")
		f[k] = strings.Trim(v, `"`)
	}
	sig, err := base64.StdEncoding.DecodeString(f["signature"])
	if err != nil {
		t.Errorf("signature: %v", err)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s\n", r.Method, r.RequestURI, f["timestamp"], f["nonce_str"], body))
	if err := rsa.VerifyPKCS1v15(&merchantKey().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.RequestURI, err)
	}
	if r.Method == http.MethodGet && (len(body) > 0 || len(r.TransferEncoding) > 0) {
		t.Errorf("a GET with a body of %d bytes, %v", len(body), r.TransferEncoding)
	}
	if len(f["nonce_str"]) != 32 || f["mchid"] != testMch || f["serial_no"] == "" || r.Header.Get("Idempotency-Key") != "" {
		t.Errorf("headers %v", r.Header)
	}
	if r.Header.Get("Accept") != "application/json" || r.Header.Get("User-Agent") == "" || r.Header.Get("Wechatpay-Serial") != testKeyID {
		t.Errorf("headers %v", r.Header)
	}
}

// testSale is a sale of 12.80 with one attempt and one refund of 5.00, so that
// every step can be taken on it.
func testSale(flow sale.Flow) sale.Sale {
	return sale.Sale{
		ID: sale.ID(testOrder[:len(testOrder)-1]), Flow: flow, Amount: money.Money{Minor: 1280, Currency: "CNY"}, Description: "Tea",
		State: sale.Paid, Attempts: []sale.Attempt{{OrderNo: testOrder}},
		Refunds: []sale.Refund{{No: testOrder + "R1", OrderNo: testOrder, Amount: money.Money{Minor: 500, Currency: "CNY"}}},
	}
}

func testStep(do sale.Action) sale.Step {
	step := sale.Step{Do: do, OrderNo: testOrder}
	if do == sale.SendRefund || do == sale.QueryRefund {
		step.RefundNo = testOrder + "R1"
	}
	return step
}

func flowOf(do sale.Action) sale.Flow {
	if do == sale.Order || do == sale.Close {
		return sale.Merchant
	}
	return sale.Payer
}

// take prepares and does one step.
func take(t testing.TB, c *Client, do sale.Action) sale.Event {
	t.Helper()
	step, s := testStep(do), testSale(flowOf(do))
	code := sale.PayerCode{}
	if do == sale.Charge {
		code = sale.NewPayerCode(testCode)
	}
	req, err := c.Prepare(step, s, code)
	if err != nil {
		t.Fatal(err)
	}
	return c.Do(t.Context(), step, s, req)
}

func whyOf(ev sale.Event) string {
	if ev.Why == nil {
		return ""
	}
	return ev.Why.Code
}

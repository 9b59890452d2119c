package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/daemon/sim"
	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// till is the whole daemon, with its disk, at a simulated payment AI API.
type till struct {
	wx    *sim.WeChat
	d     *Daemon
	close func() error
}

// stand is how a till and the API before it are set up.
type stand struct {
	keys     *sim.Credentials // of all tills of a row: making them takes a second
	speed    float64          // the provider's clock and all of the till's plan run as much faster
	settings string           // of the API
	through  func(*Daemon, checkout.Gateway) checkout.Gateway
	listen   func(request, answer []byte) // to payments on their way; may be nil
}

// anything lets every ordinary sale pass: what a shop's rules think of a thousand
// coffees in a minute is not what is measured.
const anything = `
[[rule]]
id = "huge"
when = "amount >= CNY(9000.00)"
effect = "refuse"
hard = true
reason = { en = "huge", zh = "巨额" }
`

func newKeys(t *testing.T) *sim.Credentials {
	t.Helper()
	keys, err := sim.NewCredentials()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// open puts a till together as the command does, from a configuration.
func (st stand) open(dir string) (*till, error) {
	wx := &sim.WeChat{Credentials: st.keys, TimeScale: st.speed, AISecret: []byte("the merchant's secret, at least 16 bytes")}
	srv := httptest.NewServer(tap{wx, st.listen})
	_, err := wx.SetAI(json.RawMessage(st.settings))
	var k *till
	if err == nil {
		k, err = st.at(dir, srv.URL, wx, Faults{}, nil)
	}
	if err != nil {
		srv.Close()
		return nil, err
	}
	end := k.close
	k.close = func() error {
		defer srv.Close()
		return end()
	}
	return k, nil
}

// at puts a till together before an API that is there already. adapt changes its
// configuration; nil is nothing.
func (st stand) at(dir, url string, wx *sim.WeChat, faults Faults, adapt func(*Config)) (*till, error) {
	cfg, err := st.config(dir, url, wx.AISecret)
	if err != nil {
		return nil, err
	}
	if adapt != nil {
		adapt(&cfg)
	}
	d, err := Open(context.Background(), cfg, Options{
		Version: "test", Systemd: func(string) string { return "" }, Log: slog.New(slog.DiscardHandler), Faults: faults,
	})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	if st.through != nil {
		d.vitals.Gateway = st.through(d, d.vitals.Gateway)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return &till{wx, d, func() error {
		stop()
		return errors.Join(<-ended, d.Close())
	}}, nil
}

func (st stand) config(dir, url string, secret []byte) (Config, error) {
	in, err := st.keys.WriteDir(dir)
	if err != nil {
		return Config{}, err
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"secret": string(secret), "serial": dir, "rules.toml": anything} {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			return Config{}, err
		}
	}
	c := Default()
	c.Till.ID, c.Till.SecretFile, c.Till.DeviceFiles = "T01", path("secret"), []string{path("serial")}
	c.API.Listen, c.Store.Path, c.Rules.File = "127.0.0.1:0", path("till.db"), path("rules.toml")
	c.WeChat.MchID, c.WeChat.AppID, c.WeChat.Serial, c.WeChat.PrivateKeyFile = in.MchID, in.AppID, in.MerchantSerial, in.KeyFile
	c.WeChat.NotifyURL, c.WeChat.BaseURLs, c.WeChat.Scene.StoreID = "https://pay.example.com/notify", []string{url}, "S1"
	c.WeChat.PlatformKeys = []wechat.PlatformKey{{ID: in.PublicKeyID, File: in.PublicKeyFile}}
	c.WeChat.TotalTimeout = wechat.Duration(max(time.Duration(float64(10*time.Second)/st.speed), 500*time.Millisecond))
	c.WeChat.ConnectTimeout = min(c.WeChat.ConnectTimeout, c.WeChat.TotalTimeout)
	c.AIPay = aipay.Config{Enabled: true, PreAuthorization: "sim/fast", TimeoutMS: 400, Reconciliation: "sim/slow", Fallback: aipay.Plain}
	c.Timing.Speed = st.speed
	// The provider's 15 s and a margin that a busy machine does not use up.
	c.Timing.ReverseEarliest = wechat.Duration(25 * time.Second)
	return c, c.Validate()
}

// begin asks for a sale.
func (k *till) begin(flow sale.Flow, minor int64) (sale.Sale, error) {
	n := sale.New{Flow: flow, Amount: money.Money{Minor: minor, Currency: "CNY"}, Description: "coffee"}
	s, _, err := k.d.desk.Open(context.Background(), n, sale.Once{})
	return s, err
}

// pay has a customer who wants to pay do so, and waits for what the till then says,
// or for its asking for a manager.
func (k *till) pay(s sale.Sale) (sale.Sale, error) {
	s, err := k.until(s.ID, func(s sale.Sale) bool {
		return s.State == sale.Judged && s.Flow == sale.Payer || s.State == sale.Presented || s.State == sale.AwaitingApproval
	})
	switch {
	case err != nil || api.Rests(s.State) || s.State == sale.AwaitingApproval:
		return s, err
	case s.Flow == sale.Payer:
		err = k.scan(s.ID)
	default:
		_, err = k.wx.Scan(sim.QRScan{CodeURL: s.Current().CodeURL, Action: "pay"})
	}
	if err != nil {
		return s, err
	}
	return k.until(s.ID, func(s sale.Sale) bool { return api.Rests(s.State) || s.State == sale.AwaitingApproval })
}

// scan holds the customer's code to the scanner.
func (k *till) scan(id sale.ID) error {
	code, err := k.wx.Mint(sim.PayerCode{Behaviour: "pay"})
	if err == nil {
		_, err = k.d.desk.Scan(context.Background(), id, code.AuthCode)
	}
	return err
}

// until waits for a sale to be as wanted, or at rest.
func (k *till) until(id sale.ID, as func(sale.Sale) bool) (sale.Sale, error) {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(15 * time.Millisecond) {
		s, err := k.d.store.Sale(id)
		if err != nil || as(s) || api.Rests(s.State) {
			return s, err
		}
		if time.Now().After(end) {
			return s, fmt.Errorf("sale %s is still %s", id, s.State)
		}
	}
}

// edited is a gateway between the desk and the product's own that makes a mistake
// of others: another request, or another key.
type edited struct {
	checkout.Gateway
	body func([]byte) ([]byte, error)
	key  func() string
}

func (e edited) Prepare(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error) {
	req, err := e.Gateway.Prepare(step, s, code)
	if err != nil || e.body == nil || req.Path != aipay.PathPayments {
		return req, err
	}
	body, err := req.Wire()
	if err == nil {
		body, err = e.body(body)
	}
	session := req.Session
	req = sale.NewRequest(req.Method, req.Path, body, code)
	req.Session = session
	return req, err
}

func (e edited) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	if a := s.Attempt(step.OrderNo); e.key != nil && a != nil && a.Key != "" && req.Path == aipay.PathPayments {
		attempts := append([]sale.Attempt(nil), s.Attempts...)
		s.Attempts = attempts
		s.Attempt(step.OrderNo).Key = e.key()
	}
	return e.Gateway.Do(ctx, step, s, req)
}

// heard is a gateway that remembers what the till made of the first answer to each
// sale's payment.
type heard struct {
	checkout.Gateway
	mu    *sync.Mutex
	first map[sale.ID]sale.Event
}

func (h heard) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	ev := h.Gateway.Do(ctx, step, s, req)
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.first[s.ID]; !known && req.Path == aipay.PathPayments {
		h.first[s.ID] = ev
	}
	return ev
}

// tap is the API with somebody listening at the wire.
type tap struct {
	api    http.Handler
	listen func(request, answer []byte)
}

func (p tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.listen == nil || r.URL.Path != aipay.PathPayments {
		p.api.ServeHTTP(w, r)
		return
	}
	request, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(request))
	both := &twice{ResponseWriter: w}
	p.api.ServeHTTP(both, r)
	p.listen(request, both.copy.Bytes())
}

// twice writes an answer twice.
type twice struct {
	http.ResponseWriter
	copy bytes.Buffer
}

func (w *twice) Write(b []byte) (int, error) {
	w.copy.Write(b)
	return w.ResponseWriter.Write(b)
}

// Unwrap is for the faults that take the connection.
func (w *twice) Unwrap() http.ResponseWriter { return w.ResponseWriter }

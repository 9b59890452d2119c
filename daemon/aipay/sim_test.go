package aipay

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/sim"
	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// coffees is how many sales a comparison is made of: enough to see a mistake. The
// table of figures is made by the whole till (TestSeeds in daemon).
const coffees = 120

// stand is a till at a simulated payment AI API, which was written by somebody
// else from the contract, shares no code with the client and counts for itself.
type stand struct {
	t      *testing.T
	wx     *sim.WeChat
	api    *wechat.Client
	c      *Client
	secret []byte
	sold   int
}

func newStand(t *testing.T, settings string) *stand {
	t.Helper()
	d := &stand{t: t, secret: []byte("merchant secret of a test")}
	d.wx = &sim.WeChat{AISecret: d.secret}
	cred, err := d.wx.Keys()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cred.WriteDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(d.wx)
	t.Cleanup(srv.Close)
	if _, err := d.wx.SetAI(json.RawMessage(settings)); err != nil {
		t.Fatal(err)
	}
	d.api, err = wechat.Open(wechat.Config{
		MchID: in.MchID, AppID: in.AppID, Serial: in.MerchantSerial, PrivateKeyFile: in.KeyFile, NotifyURL: "https://pay.example.com/notify",
		PlatformKeys: []wechat.PlatformKey{{ID: in.PublicKeyID, File: in.PublicKeyFile}}, BaseURLs: []string{srv.URL}, Scene: wechat.Scene{StoreID: "S1"},
		TotalTimeout: wechat.Duration(5 * time.Second),
	}, time.Minute, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.api.Close)
	d.c, err = Open(Config{Enabled: true, PreAuthorization: "sim/fast", TimeoutMS: 400, Reconciliation: "sim/slow", Fallback: Plain}, d.api, Options{
		AppID: in.AppID, MchID: in.MchID, Device: strings.Repeat("d1", 32), QRLife: time.Minute,
		Intent: func(sale.Sale) Intent { return Intent{Classifier: "shop/1", Label: "purchase", Confidence: 0.9} },
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// coffee prepares the charge of a cup, with its intent as the store would have it
// on disk. rekey and edit are the mistakes of others; nil is ours.
func (d *stand) coffee(minor int64, rekey func() string, edit func(map[string]json.RawMessage)) (sale.Step, sale.Sale, sale.Request) {
	d.t.Helper()
	code, err := d.wx.Mint(sim.PayerCode{Behaviour: "pay"})
	if err != nil {
		d.t.Fatal(err)
	}
	d.sold++
	s := sale.Sale{
		ID: sale.ID(fmt.Sprintf("T01261125%013dX", d.sold)), Key: fmt.Sprint("k", d.sold), Flow: sale.Payer,
		Amount: money.Money{Minor: minor, Currency: "CNY"}, Description: "coffee", BegunWall: time.Now(),
	}
	step := sale.Step{Do: sale.Charge, OrderNo: s.NextOrderNo()}
	req, err := d.c.Prepare(step, s, sale.NewPayerCode(code.AuthCode))
	if err != nil {
		d.t.Fatal(err)
	}
	session := req.Session
	if edit != nil {
		body, err := req.Wire()
		var fields map[string]json.RawMessage
		if err != nil || json.Unmarshal(body, &fields) != nil {
			d.t.Fatal(err)
		}
		edit(fields)
		if body, err = json.Marshal(fields); err != nil {
			d.t.Fatal(err)
		}
		req = sale.NewRequest(req.Method, req.Path, body, sale.NewPayerCode(code.AuthCode))
	}
	key := sale.MintKey(d.secret, session, sale.Instant(time.Now().UnixNano()+int64(d.sold)))
	if rekey != nil {
		key = rekey()
	}
	s.Attempts = []sale.Attempt{{OrderNo: step.OrderNo, Request: req, Key: key}}
	return step, s, req
}

// Without its context one legitimate payment in eight is refused, with it none:
// the seed of R1.
func TestContextIsWorthIt(t *testing.T) {
	rejected := map[bool]int{}
	for _, complete := range []bool{true, false} {
		d := newStand(t, `{"seed":7}`)
		edit := func(f map[string]json.RawMessage) { delete(f, "context") }
		if complete {
			edit = nil
		}
		for range coffees {
			step, s, req := d.coffee(1800, nil, edit)
			if ev := d.c.Do(t.Context(), step, s, req); ev.Kind != sale.Received {
				rejected[complete]++
			}
		}
		if ai := d.wx.AIReport().Counts; complete && ai.Incomplete != 0 || !complete && ai.Complete != 0 {
			t.Errorf("complete %v: the API saw %d complete contexts and %d others", complete, ai.Complete, ai.Incomplete)
		}
	}
	t.Logf("legitimate payments rejected, n=%d each, seed 7: %d with their context, %d without (%.1f %%)", coffees, rejected[true], rejected[false], 100*float64(rejected[false])/coffees)
	if rejected[true] != 0 || rejected[false] == 0 {
		t.Errorf("rejected with context %d, without %d", rejected[true], rejected[false])
	}
}

// A server that replays what takes it long charges once under our key, whatever
// else goes wrong, and again under a key that it cannot verify: the seed of R3,
// and the control that the count can fail.
func TestOneCoffeeIsOneCharge(t *testing.T) {
	charges := map[string]float64{}
	for name, rekey := range map[string]func() string{"ours": nil, "uuid": func() string { return rand.Text() }} {
		d := newStand(t, `{"replay_after_ms":2,"latency":{"ai_payment":{"kind":"fixed","ms":3}}}`)
		for i := range coffees {
			// The last digits of the amount bring the fault: nothing, a reset after the
			// charge, a bad signature, a 500 after the charge. A rule for each order would
			// have the simulator read all of them with every call.
			step, s, req := d.coffee(1800+[]int64{0, 9, 13, 19}[i%4], rekey, nil)
			// What a till never does: the same request again after no answer. The key
			// has to hold all the same, because a network does it.
			for range 3 {
				if ev := d.c.Do(t.Context(), step, s, req); ev.Kind == sale.Received {
					break
				}
			}
		}
		ai := d.wx.AIReport().Counts
		charges[name] = float64(d.wx.Report().Totals.Charges) / coffees
		if ai.ServerReplays == 0 {
			t.Errorf("%s: nothing was replayed", name)
		}
		if r := d.wx.Report(); name == "ours" && (ai.ShadowCharges != 0 || ai.Opaque != 0 || len(r.Violations) != 0) {
			t.Errorf("under our key: %d charges more, %d keys not verified, violations %v", ai.ShadowCharges, ai.Opaque, r.Violations)
		}
	}
	t.Logf("charges per coffee, n=%d each, three in four with a fault, replayed by the server: %.3f under our key, %.3f under a UUID", coffees, charges["ours"], charges["uuid"])
	if charges["ours"] != 1 || charges["uuid"] <= 1 {
		t.Errorf("charges per coffee: %v", charges)
	}
}

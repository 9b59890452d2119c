package wechat

import (
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/daemon/sim"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// counter is a till at a simulated provider that was written by somebody else
// from the provider's documents; both live by one clock that the test turns.
type counter struct {
	t      *testing.T
	wx     *sim.WeChat
	c      *Client
	offset atomic.Int64
	s      sale.Sale
	n      int
}

func newCounter(t *testing.T, change func(*Config, sim.Installation)) *counter {
	t.Helper()
	d := &counter{t: t}
	start := time.Now()
	wall := func() time.Time { return start.Add(time.Since(start) + time.Duration(d.offset.Load())) }
	d.wx = &sim.WeChat{Now: wall}
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
	conf := testConfig(t, srv.URL)
	conf.MchID, conf.AppID, conf.Serial, conf.PrivateKeyFile = in.MchID, in.AppID, in.MerchantSerial, in.KeyFile
	conf.PlatformKeys = []PlatformKey{{ID: in.PublicKeyID, File: in.PublicKeyFile}}
	conf.ConnectTimeout, conf.TotalTimeout = Duration(300*time.Millisecond), Duration(600*time.Millisecond)
	if change != nil {
		change(&conf, in)
	}
	d.c, _ = testClient(t, conf, wall)
	return d
}

func (d *counter) wait(by time.Duration) { d.offset.Add(int64(by)) }

// begin opens a sale with an order number of its own.
func (d *counter) begin(flow sale.Flow, fen int64) {
	d.n++
	d.s = sale.Sale{
		ID: sale.ID("SIM00000" + string(rune('A'+d.n))), Flow: flow, Description: "茶 & <Tea>",
		Amount: money.Money{Minor: fen, Currency: "CNY"},
	}
}

func (d *counter) order() string { return string(d.s.ID) + "1" }

// do takes a step and remembers its request, as the sale would.
func (d *counter) do(do sale.Action, code string) sale.Event {
	d.t.Helper()
	step := sale.Step{Do: do, OrderNo: d.order()}
	if do == sale.SendRefund || do == sale.QueryRefund {
		step.RefundNo = d.order() + "R1"
	}
	req, err := d.c.Prepare(step, d.s, sale.NewPayerCode(code))
	if err != nil {
		d.t.Fatal(err)
	}
	if do == sale.Order || do == sale.Charge {
		d.s.Attempts = []sale.Attempt{{OrderNo: d.order(), Request: req}}
	}
	return d.c.Do(d.t.Context(), step, d.s, req)
}

func (d *counter) expect(do sale.Action, want sale.Kind) sale.Event {
	d.t.Helper()
	ev := d.do(do, "")
	if ev.Kind != want {
		d.t.Errorf("%s: heard %s %v, want %s", do, ev.Kind, ev.Why, want)
	}
	return ev
}

func (d *counter) charge(behaviour string, want sale.Kind) sale.Event {
	d.t.Helper()
	code, err := d.wx.Mint(sim.PayerCode{Behaviour: behaviour})
	if err != nil {
		d.t.Fatal(err)
	}
	ev := d.do(sale.Charge, code.AuthCode)
	if ev.Kind != want {
		d.t.Errorf("charge of a payer who does %q: heard %s %v, want %s", behaviour, ev.Kind, ev.Why, want)
	}
	return ev
}

// settled checks the truth at the provider: what it holds, and that we broke
// none of its rules.
func (d *counter) settled(net int64) {
	d.t.Helper()
	r := d.wx.Report()
	if r.Totals.Net != net || len(r.Violations) != 0 || r.Refused != 0 {
		d.t.Errorf("the provider holds %d, want %d; violations %v; refused %d %v", r.Totals.Net, net, r.Violations, r.Refused, r.LastRefuse)
	}
}

func TestSimulatedQRCode(t *testing.T) {
	d := newCounter(t, nil)
	d.begin(sale.Merchant, 1200)
	ev := d.expect(sale.Order, sale.Ordered)
	if ev.Lasts < 4*time.Minute || ev.Lasts > 5*time.Minute {
		t.Errorf("lasts %s", ev.Lasts)
	}
	d.expect(sale.Query, sale.Waiting)
	if _, err := d.wx.Scan(sim.QRScan{CodeURL: ev.CodeURL, Action: "pay"}); err != nil {
		t.Fatal(err)
	}
	if ev := d.expect(sale.Close, sale.Unclear); whyOf(ev) != "order_paid" {
		t.Errorf("closing a paid order: %v", ev.Why)
	}
	if ev := d.expect(sale.Query, sale.Received); ev.TransactionID == "" || ev.Amount.Minor != 1200 {
		t.Errorf("received %v", ev)
	}
	d.s.Refunds = []sale.Refund{{No: d.order() + "R1", OrderNo: d.order(), Amount: money.Money{Minor: 200, Currency: "CNY"}}}
	d.expect(sale.QueryRefund, sale.Missing)
	d.expect(sale.SendRefund, sale.RefundPending)
	d.wait(5 * time.Second)
	d.expect(sale.SendRefund, sale.RefundDone) // the same number refunds once
	d.expect(sale.QueryRefund, sale.RefundDone)
	d.expect(sale.Query, sale.Received)
	d.settled(1000)

	d.begin(sale.Merchant, 1300)
	d.expect(sale.Query, sale.Missing)
	d.expect(sale.Close, sale.Missing)
	d.expect(sale.Order, sale.Ordered)
	d.expect(sale.Close, sale.Closed)
	d.expect(sale.Close, sale.Closed)
	d.expect(sale.Query, sale.Closed)
	d.expect(sale.Order, sale.OrderRefused)
}

// The counter's life in both protocols and with both kinds of the provider's key.
func TestSimulatedPayerCode(t *testing.T) {
	for name, change := range map[string]func(*Config, sim.Installation){
		"v3, public key":  nil,
		"v3, certificate": func(c *Config, in sim.Installation) { c.PlatformKeys = []PlatformKey{{File: in.PlatformCertFile}} },
		"v2": func(c *Config, in sim.Installation) {
			c.Driver, c.V2 = V2, V2Config{KeyFile: in.APIv2KeyFile, CertFile: in.CertFile}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newCounter(t, change)
			d.begin(sale.Payer, 1200)
			d.expect(sale.Query, sale.Missing)
			d.expect(sale.Reverse, sale.Missing)
			d.charge("pay", sale.Received)
			d.expect(sale.Query, sale.Received)
			d.s.Refunds = []sale.Refund{{No: d.order() + "R1", OrderNo: d.order(), Amount: d.s.Amount}}
			d.expect(sale.SendRefund, sale.RefundPending)
			d.wait(5 * time.Second)
			d.expect(sale.QueryRefund, sale.RefundDone)
			d.settled(0)

			d.begin(sale.Payer, 1300)
			d.charge("password", sale.Waiting)
			d.expect(sale.Query, sale.Waiting)
			d.wait(10 * time.Second)
			d.expect(sale.Query, sale.Received)
			d.wait(10 * time.Second)
			d.expect(sale.Reverse, sale.TakenBack)
			d.expect(sale.Reverse, sale.TakenBack)
			d.expect(sale.Query, sale.TakenBack)
			d.settled(0)

			d.begin(sale.Payer, 1400)
			d.charge("wrong_password", sale.Waiting)
			d.wait(10 * time.Second)
			d.expect(sale.Query, sale.PayFailed)
			d.wait(10 * time.Second)
			d.expect(sale.Reverse, sale.TakenBack)

			d.begin(sale.Payer, 1500)
			refused := sale.ChargeRefused
			if d.c.conf.Driver == V3 {
				refused = sale.Unclear // this provider signs no refusal in v3
			}
			if ev := d.charge("not_enough", refused); whyOf(ev) != "not_enough" {
				t.Errorf("refused because of %v", ev.Why)
			}
			d.expect(sale.Query, sale.PayFailed)
			d.settled(0)
		})
	}
}

// Amounts with these endings make the provider misbehave. Whatever it does,
// nothing is received but what was, and the query that follows tells the truth.
func TestSimulatedFaults(t *testing.T) {
	for _, tt := range []struct {
		tail         int64
		name         string
		charge, then sale.Kind
		net          int64
	}{
		{7, "paid though 400", sale.Unclear, sale.Received, 1007},
		{8, "reset before", sale.Unclear, sale.Missing, 0},
		{9, "reset after", sale.Unclear, sale.Received, 1009},
		{10, "hang before", sale.Unclear, sale.Missing, 0},
		{11, "hang after", sale.Unclear, sale.Received, 1011},
		{12, "slow drip", sale.Unclear, sale.Received, 1012},
		{13, "bad signature", sale.Unclear, sale.Received, 1013},
		{14, "wrong serial", sale.Unclear, sale.Received, 1014},
		{15, "clock skew", sale.Unclear, sale.Received, 1015},
		{16, "clock refused", sale.Unclear, sale.Missing, 0},
		{17, "rate limited", sale.Unclear, sale.Missing, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newCounter(t, nil)
			d.begin(sale.Payer, 1000+tt.tail)
			d.charge("pay", tt.charge)
			d.expect(sale.Query, tt.then)
			if r := d.wx.Report(); r.Totals.Net != tt.net || len(r.Violations) != 0 {
				t.Errorf("the provider holds %d, want %d; violations %v", r.Totals.Net, tt.net, r.Violations)
			}
		})
	}
}

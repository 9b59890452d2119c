package e2e

import (
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// cable is the shop's way to the provider. Pulled, nothing connects and whatever
// was connected is reset, with the answers that were on their way.
type cable struct {
	t     *testing.T
	to    string
	url   string
	addr  string
	mu    sync.Mutex
	ln    net.Listener
	conns []net.Conn
	group sync.WaitGroup
}

func newCable(t *testing.T, o *outside) *cable {
	c := &cable{t: t, to: strings.TrimPrefix(o.url, "http://"), addr: "127.0.0.1:0"}
	c.plug()
	c.url = "http://" + c.addr
	t.Cleanup(func() { c.pull(); c.group.Wait() })
	return c
}

// plug connects the shop again.
func (c *cable) plug() {
	c.t.Helper()
	ln, err := net.Listen("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ln, c.addr = ln, ln.Addr().String()
	c.group.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			c.join(ln, in)
		}
	})
}

// join carries both directions of a connection until one of them ends.
func (c *cable) join(ln net.Listener, in net.Conn) {
	out, err := net.Dial("tcp", c.to)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil || c.ln != ln { // pulled meanwhile
		_ = in.Close()
		return
	}
	c.conns = append(c.conns, in, out)
	for _, way := range [][2]net.Conn{{in, out}, {out, in}} {
		c.group.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_, _ = in.Close(), out.Close()
		})
	}
}

func (c *cable) pull() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ln == nil {
		return
	}
	_ = c.ln.Close()
	for _, conn := range c.conns {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
	c.ln, c.conns = nil, nil
}

// charge opens a payer's sale of an amount that brings no fault.
func charge(t *testing.T, o *outside, d *till, amount string, wait time.Duration) api.Sale {
	t.Helper()
	s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: amount, Currency: "CNY", Code: o.payerCode("pay")}, rand.Text(), wait)
	if err != nil {
		t.Fatalf("%v\n%s", err, d.log)
	}
	return s
}

// until waits for a sale to say something.
func until(t *testing.T, d *till, id sale.ID, code string) api.Sale {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s, err := d.api.Sale(soon(t), id, 0)
		if err != nil || time.Now().After(end) {
			t.Fatalf("it says %q and not %q: %v\n%s", s.Says.Code, code, err, d.log)
		}
		if s.Says.Code == code {
			return s
		}
	}
}

// sent waits until the provider has got the charge of an amount.
func (o *outside) sent(fen int64) string {
	o.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		for no, c := range o.orders() {
			if c.Total == fen && c.Requests["codepay"] > 0 {
				return no
			}
		}
	}
	o.t.Fatal("no charge was sent")
	return ""
}

// Nothing left the till, so nothing was charged, and the cashier is told so at
// once and not after 45 seconds. The same sale takes the next code.
func TestCableOutBeforeTheCharge(t *testing.T) {
	o := startOutside(t, brisk)
	c := newCable(t, o)
	d := faultTill(t, o, "OUT1", "v3", c.url)
	c.pull()
	s := charge(t, o, d, "12.80", 10*time.Second)
	if s.Says.Code != "declined" || s.Reason == nil || s.Reason.Code != "no_network" || !strings.HasPrefix(s.Says.Advice.En, "No money was taken.") || !s.Can.Retry {
		t.Errorf("%s, %+v, %+v", s.State, s.Says, s.Reason)
	}
	if st, err := d.api.Status(soon(t)); err != nil || !slices.ContainsFunc(st.Notices, func(n api.Notice) bool { return n.Code == "network_down" }) {
		t.Errorf("the page shows %+v, %v", st.Notices, err)
	}
	for no, c := range o.orders() {
		if c.Requests["codepay"] > 0 {
			t.Errorf("the provider heard of %s: %+v", no, c)
		}
	}
	qr, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Merchant, Amount: "8.50", Currency: "CNY"}, rand.Text(), 0)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(5 * time.Second / brisk)
	if qr, err = d.api.Sale(soon(t), qr.ID, 0); err != nil || qr.Says.Code != "qr_coming" || qr.QR != nil {
		t.Errorf("without a network the QR sale says %s, %v", qr.Says.Code, err)
	}
	c.plug()
	if until(t, d, qr.ID, "qr_shown").QR == nil {
		t.Error("no QR code to show")
	}
	if _, err := d.api.Scan(soon(t), s.ID, o.payerCode("pay")); err != nil {
		t.Fatal(err)
	}
	s = until(t, d, s.ID, "paid")
	if len(s.History.Attempts) != 2 || s.History.Attempts[0].End != sale.EndNotSent {
		t.Errorf("%+v", s.History)
	}
	books := o.orders()
	if first, second := books[s.History.Attempts[0].OrderNo], books[s.History.Attempts[1].OrderNo]; first.Charges != 0 || second.Charges != 1 || second.Requests["codepay"] != 1 {
		t.Errorf("the provider saw %+v and %+v", first, second)
	}
	finish(t, o, d)
}

// The charge is on its way when the cable is pulled. Nobody can know, and nobody
// is told that he does; the provider is asked as soon as it can be.
func TestCableOutAfterTheCharge(t *testing.T) {
	o := startOutside(t, brisk)
	c := newCable(t, o)
	d := faultTill(t, o, "OUT2", "v3", c.url)
	o.do(http.MethodPost, "/sim/rules", map[string]any{"op": "codepay", "tail": 80, "delay_ms": 300}, nil)
	s := charge(t, o, d, "12.80", 0)
	no := o.sent(1280)
	c.pull()
	if says := until(t, d, s.ID, "in_doubt").Says; !strings.HasPrefix(says.Advice.En, "Do not charge again.") {
		t.Errorf("the cashier reads %+v", says)
	}
	time.Sleep(10 * time.Second / brisk)
	if s, err := d.api.Sale(soon(t), s.ID, 0); err != nil || s.Says.Code != "in_doubt" || s.SecondsLeft == nil {
		t.Errorf("still without a network it says %s, %v", s.Says.Code, err)
	}
	c.plug()
	until(t, d, s.ID, "paid")
	if saw := o.orders()[no]; saw.Charges != 1 || saw.Net != 1280 || saw.Requests["codepay"] != 1 || saw.Requests["reverse"] != 0 {
		t.Errorf("the provider saw %+v", saw)
	}
	finish(t, o, d)
}

// The network stays away for longer than a charge may be in doubt. The till has
// begun to take it back, so it does not say "paid" any more, whatever it hears.
func TestCableOutUntilTheChargeIsTakenBack(t *testing.T) {
	o := startOutside(t, brisk)
	c := newCable(t, o)
	d := faultTill(t, o, "OUT3", "v3", c.url)
	o.do(http.MethodPost, "/sim/rules", map[string]any{"op": "codepay", "tail": 80, "delay_ms": 300}, nil)
	s := charge(t, o, d, "12.80", 0)
	no := o.sent(1280)
	c.pull()
	if says := until(t, d, s.ID, "reversing").Says; !strings.HasPrefix(says.Advice.En, "Do not charge again") {
		t.Errorf("the cashier reads %+v", says)
	}
	if saw := o.orders()[no]; saw.Charges != 1 || saw.Net != 1280 {
		t.Fatalf("the provider saw %+v", saw)
	}
	c.plug()
	until(t, d, s.ID, "reversed")
	if saw := o.orders()[no]; saw.Charges != 1 || saw.Reversals != 1 || saw.Net != 0 || saw.Requests["codepay"] != 1 {
		t.Errorf("the provider saw %+v", saw)
	}
	finish(t, o, d)
}

// finish stops a till whose provider should have nothing to complain of.
func finish(t *testing.T, o *outside, d *till) {
	t.Helper()
	for no, c := range o.orders() {
		if len(c.Violations) > 0 {
			t.Errorf("%s: %v", no, c.Violations)
		}
	}
	d.stop()
	d.check()
}

package web

import (
	"net"
	"sync/atomic"
	"testing"

	"qrposd/rules/sale"
)

// wire is a listener whose connections can be muted: a till that hangs breaks none.
type wire struct {
	net.Listener
	mute *atomic.Bool
}

func (w wire) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	return muted{c, w.mute}, err
}

type muted struct {
	net.Conn
	mute *atomic.Bool
}

func (m muted) Write(b []byte) (int, error) {
	if m.mute.Load() {
		return len(b), nil
	}
	return m.Conn.Write(b)
}

// TestCustomerScreenCovers ends and silences the till under an open screen: no amount
// and no code outlives what is known of it.
func TestCustomerScreenCovers(t *testing.T) {
	shop := newShop()
	server := func() *Server {
		s, err := New(judging(shop))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	stop := serve(t, server(), ln)
	b := browse(t)
	b.open("http://"+addr+"/customer", 1024, 600)
	b.see("#idle", "Welcome")
	id := shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(1280)})
	shop.present(t, id)
	b.scans("code")
	stop()
	b.see("#cover", "Please ask the cashier")
	b.see("#cover", "请咨询收银员")
	covered := func() {
		t.Helper()
		b.until(`!document.getElementById('code') && !document.getElementById('sale').textContent.includes('12.80')`)
		b.legible()
	}
	covered()
	b.shot("covered")
	shop.pay(t, id)
	if ln, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	stop = serve(t, server(), ln)
	b.says("已付款", "Paid") // and not the code first
	b.see("#idle", "Welcome")

	id = shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(1280)})
	shop.present(t, id)
	b.scans("again")
	eval[bool](b, `(() => { const now = performance.now.bind(performance); performance.now = () => now() + (window.later ?? 0); return true })()`)
	stop()
	b.see("#cover", "Please ask the cashier")
	eval[bool](b, `(window.later = 20000, true)`) // the customer has left meanwhile
	shop.pay(t, id)
	if ln, err = net.Listen("tcp", addr); err != nil {
		t.Fatal(err)
	}
	stop = serve(t, server(), ln)
	b.see("#idle", "Welcome")
	b.silent("已付款", "Paid", "12.80")
	stop()
	b.clean()
}

// A till that hangs breaks no connection. Its screens cover all the same.
func TestSilentTill(t *testing.T) {
	shop := newShop()
	s, err := New(judging(shop))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mute atomic.Bool
	t.Cleanup(serve(t, s, wire{ln, &mute}))
	url := "http://" + ln.Addr().String()
	customer, cashier := browse(t), browse(t)
	customer.open(url+"/customer", 1024, 600)
	customer.see("#idle", "Welcome")
	id := shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(1280)})
	shop.present(t, id)
	customer.scans("code")
	cashier.open(url, 800, 480)
	cashier.see("#headline", "Waiting for the payment")
	mute.Store(true)
	customer.see("#cover", "Please ask the cashier")
	customer.until(`!document.getElementById('code')`)
	cashier.see("#advice", "may be out of date")
	cashier.until(`!document.getElementById('code')`)
	mute.Store(false)
	customer.says("请扫码付款", "Scan to pay")
	cashier.see("#advice", "The customer scans this code")
	customer.clean()
	cashier.clean()
}

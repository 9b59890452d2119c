package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

const payerCode = "134567890123456789"

// TestCashier is a sale as a cashier goes through it: amount, code, a reload in
// the middle, the tick, and half of the money back.
func TestCashier(t *testing.T) {
	shop := newShop()
	shop.quick = true
	s := start(t, shop)
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#currency", "CNY")
	b.do(chromedp.KeyEvent("128"))
	b.see("#typed", "1.28")
	b.press(`[data-key="0"]`)
	b.see("#typed", "12.80")
	b.fits()
	b.shot("amount")
	b.press("#qr")
	b.see("#headline", "Waiting for the payment")
	b.see("#count", " s")
	b.fits()
	if got := b.scans("code"); got != codeURL {
		t.Errorf("the screenshot reads %q, want %q", got, codeURL)
	}

	b.do(chromedp.Reload())
	b.see("#headline", "Waiting for the payment")
	if got := b.scans("reloaded"); got != codeURL {
		t.Errorf("after a reload the screenshot reads %q", got)
	}
	id := shop.newest(t, 1)
	shop.pay(t, id)
	b.see("#headline", "Paid")
	b.see("#status", "CNY 12.80 Paid")
	b.until(`!document.getElementById('code') && document.getElementById('sign').getAttribute('href') === '#i-good'`)
	b.fits()
	b.shot("paid")
	b.do(chromedp.Reload())
	b.see("#headline", "Paid") // sticky until the cashier has seen it

	b.press("#refund")
	b.see("#giving-of", "CNY 12.80")
	b.do(chromedp.SendKeys("#giving-amount", "\b99.00")) // the whole of it is selected
	b.press("#giving-go")
	b.see("#giving-told", "More than what is left")
	b.fits()
	b.shot("refund")
	eval[string](b, `document.getElementById('giving-amount').value = '2.80'`)
	b.press("#giving-go")
	b.see("#headline", "Refund promised, not yet sent")
	r := shop.get(t, id).Refunds[0]
	req := sale.NewRequest("POST", "/v3/refund", []byte(`{}`), sale.PayerCode{})
	shop.apply(t, id, sale.Event{Kind: sale.RefundIntended, RefundNo: r.No, Request: &req}, sale.Event{Kind: sale.RefundDone, RefundNo: r.No})
	b.see("#headline", "Partly refunded")
	b.see("#refunds", "CNY 2.80")
	b.press("#new")
	b.see("#typed", "0.00")
	b.press("#list")
	b.see("#rows", "CNY 12.80 · Partly refunded")
	b.fits()
	b.shot("list")
	b.clean()
}

// TestUncertainCharge is the view that must not be misread.
func TestUncertainCharge(t *testing.T) {
	shop := newShop()
	shop.quick = true
	s := start(t, shop)
	b := browse(t)
	b.open(s.url, 480, 800)
	b.see("#currency", "CNY")
	b.do(chromedp.KeyEvent("500"))
	b.see("#typed", "5.00")
	b.fits()
	b.shot("amount")
	b.wedge(payerCode)
	b.see("#headline", "Not certain yet")
	b.see("#advice", "Do not charge again. We are asking WeChat Pay.")
	b.see("#count", "4") // of 45 s
	b.until(`!document.getElementById('new').checkVisibility()`)
	b.fits()
	b.shot("doubt")
	id := shop.newest(t, 1)
	if got := shop.get(t, id); got.Amount.Minor != 500 || len(got.Attempts) != 1 {
		t.Fatalf("a scan over a typed amount made %v with %d attempts", got.Amount, len(got.Attempts))
	}
	shop.pass(20 * time.Second)
	b.do(chromedp.Reload())
	b.see("#count", "2")
	shop.apply(t, id, sale.Event{Kind: sale.ReverseIntended}, sale.Event{Kind: sale.TakenBack})
	b.see("#headline", "Taken back")
	b.see("#advice", "You may charge again.")
	b.shot("back")
	shop.mu.Lock()
	shop.quick = false // this time the provider answers at once
	shop.mu.Unlock()
	b.wedge("134567890123456780") // a fresh code, for the same sale
	b.see("#headline", "Charging")
	shop.apply(t, id, sale.Event{Kind: sale.ChargeRefused, Why: &sale.Reason{Code: "not_enough", Message: "余额不足"}})
	shop.apply(t, id, sale.Event{Kind: sale.Concluded, Why: &sale.Reason{Code: "not_enough", Message: "余额不足"}})
	b.see("#headline", "Not paid")
	b.see("#why", "balance or card does not cover")
	b.fits()
	b.shot("declined")
	b.press("#new")
	b.press(`[data-key="5"]`)
	b.press("#scan")
	b.see("#headline", "Scan the customer's code")
	b.fits()
	b.shot("scan")
	b.do(chromedp.SendKeys("#digits", "4006381333931\r"))
	b.see("#told", "barcode of a product")
	s.Tell("scan_damaged", "the code was not read cleanly")
	b.see("#told", "Scan again")
	b.press("#cancel")
	b.see("#headline", "Cancelled")
	b.clean()
}

// TestChineseAndDark is the page in the other language and the other colours.
func TestChineseAndDark(t *testing.T) {
	shop := newShop()
	shop.quick = true
	s := start(t, shop)
	b := browse(t, "blink-settings=preferredColorScheme=0")
	b.open(s.url+"/?lang=zh", 800, 480)
	if !eval[bool](b, `matchMedia('(prefers-color-scheme: dark)').matches`) {
		t.Fatal("the browser is not dark")
	}
	b.see("#qr", "出示二维码")
	b.do(chromedp.KeyEvent("8800"))
	b.see("#typed", "88.00")
	b.shot("amount")
	b.do(chromedp.KeyEvent("\r"))
	b.see("#headline", "等待付款")
	b.fits()
	if got := b.scans("code"); got != codeURL {
		t.Errorf("in the dark the screenshot reads %q", got)
	}
	shop.pay(t, shop.newest(t, 1))
	b.see("#headline", "已付款")
	b.shot("paid")
	b.press("#language")
	b.see("#headline", "Paid")
	if lang := eval[string](b, `document.documentElement.lang`); lang != "en" {
		t.Errorf("lang is %q", lang)
	}
	b.open(s.url+"/?lang=zh", 390, 844) // a telephone
	b.see("#typed", "0.00")
	b.fits()
	b.shot("phone")
	b.do(chromedp.KeyEvent("350"))
	b.see("#typed", "3.50")
	b.press("#scan")
	b.see("#headline", "请扫描顾客的付款码")
	b.fits()
	b.shot("phone-scan")
	b.press("#cancel")
	b.press("#new")
	b.do(chromedp.KeyEvent("350"))
	b.see("#typed", "3.50")
	b.press("#qr")
	if got := b.scans("phone-code"); got != codeURL {
		t.Errorf("on a telephone the screenshot reads %q", got)
	}
	b.fits()
	b.clean()
}

// TestBanners is what a cashier sees of the world's faults, each by itself.
func TestBanners(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#banners", "")
	shop.setHealth(func(h *api.Health) { h.Network.Level, h.Scanner.Level = api.Down, api.Down })
	b.see(`#banners [data-code="network_down"]`, "No network")
	b.see(`#banners [data-code="scanner_down"]`, "scanner is not there")
	b.fits()
	b.shot("two")
	shop.setHealth(func(h *api.Health) { *h = wholesome; h.Gateway.Level = api.Trouble })
	b.see(`#banners [data-code="gateway_trouble"]`, "WeChat Pay is slow")
	b.until(`document.querySelectorAll('#banners p').length === 1`)
	shop.setHealth(func(h *api.Health) { *h = wholesome })
	b.see("#banners", "")
	b.clean()
}

// TestPageOutlivesTheDaemon restarts the server under an open page: what
// happened in between is on it afterwards.
func TestPageOutlivesTheDaemon(t *testing.T) {
	shop := newShop()
	shop.quick = true
	first, err := New(optionsOf(shop, &safeBuffer{}))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, first, ln)
	b := browse(t)
	b.open("http://"+ln.Addr().String(), 800, 480)
	b.see("#currency", "CNY")
	b.do(chromedp.KeyEvent("100\r"))
	b.see("#headline", "Waiting for the payment")
	stop()
	b.see(`#banners [data-code="unreachable"]`, "does not answer")
	b.see("#advice", "may be out of date")
	b.shot("unreachable")
	shop.pay(t, shop.newest(t, 1))

	second, err := New(optionsOf(shop, &safeBuffer{}))
	if err != nil {
		t.Fatal(err)
	}
	if ln, err = net.Listen("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	stop = serve(t, second, ln)
	b.see("#headline", "Paid")
	b.see("#banners", "")
	b.clean()
	stop()
}

func serve(t *testing.T, s *Server, ln net.Listener) (stop func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Serve(ln) }()
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-done); err != nil {
			t.Error(err)
		}
	}
}

// A click that is not answered asks again under its key, and so does the same
// button pressed again: the customer has one code to pay.
func TestLostAnswers(t *testing.T) {
	shop := newShop()
	shop.quick = true
	s := start(t, shop)
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#currency", "CNY")
	eval[bool](b, `(() => {
		const real = window.fetch;
		window.lose = 0;
		window.fetch = async (...args) => {
			const answer = await real(...args);
			if (args[1].method === 'POST' && window.slow) await new Promise((done) => setTimeout(done, window.slow));
			if (args[1].method === 'POST' && window.slow) setTimeout(() => { window.taken = true }, 50);
			if (args[1].method === 'POST' && window.lose-- > 0) throw new TypeError('the answer was lost');
			return answer;
		};
		return true;
	})()`)
	b.do(chromedp.KeyEvent("700"))
	b.see("#typed", "7.00")
	eval[bool](b, `window.lose = 2, document.getElementById('qr').click(), document.getElementById('qr').click(), true`)
	b.see("#headline", "Waiting for the payment")
	shop.pay(t, shop.newest(t, 1))
	b.see("#headline", "Paid")
	b.press("#new")
	b.do(chromedp.KeyEvent("800"))
	b.see("#typed", "8.00")
	eval[bool](b, `window.lose = 4, document.getElementById('qr').click(), true`)
	b.see("#told", "not opened twice")
	b.see("#open", "CNY 8.00 · Waiting for the payment")
	b.fits()
	b.shot("unsure")
	b.press("#qr")
	b.see("#headline", "Waiting for the payment")
	// An answer that is overtaken by what happened since changes nothing, and
	// does not call back a cashier who has gone on.
	slowly := func() {
		t.Helper()
		eval[bool](b, `window.slow = 700, window.taken = false, document.getElementById('cancel').click(), true`)
		b.see("#headline", "Withdrawing")
		shop.apply(t, shop.newest(t, 2), sale.Event{Kind: sale.CloseIntended}, sale.Event{Kind: sale.Closed})
		b.see("#headline", "Cancelled")
	}
	slowly()
	b.until(`window.taken`)
	b.see("#headline", "Cancelled")
	b.press("#new")
	eval[bool](b, `window.slow = 0, true`)
	b.do(chromedp.KeyEvent("900\r"))
	b.see("#headline", "Waiting for the payment")
	slowly()
	b.press("#new")
	b.until(`window.taken`)
	b.see("#typed", "0.00")
	if len(shop.ids) != 3 {
		t.Errorf("%d sales", len(shop.ids))
	}
	b.clean()
}

// The page speaks two languages, and both of them whole.
func TestPageLanguages(t *testing.T) {
	s := start(t, newShop())
	for header, want := range map[string]string{
		"zh-CN,zh;q=0.9,en;q=0.8": "zh-CN", "en-GB,en": "en", "de, zh-TW;q=0.5": "zh-CN", "fr": "en", "": "en", "zh-Hans": "zh-CN",
	} {
		res, body := send(t, s.url, request{method: "GET", path: "/", header: map[string]string{"Accept-Language": header}})
		if res.StatusCode != http.StatusOK || !strings.Contains(string(body), `<html lang="`+want+`">`) {
			t.Errorf("%q gets %.60s", header, body)
		}
	}
}

package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
)

// reads waits until a screen shows a text in an element.
func (s *screens) reads(cashier bool, id, text string) {
	s.t.Helper()
	ctx := s.customer
	if cashier {
		ctx = s.cashier
	}
	js, got := fmt.Sprintf(`(() => { const e = document.getElementById(%q); return e && e.checkVisibility() ? e.innerText : '(hidden)' })()`, id), ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = run[string](ctx, s, js); strings.Contains(got, text) {
			return
		}
	}
	s.shot("failed")
	s.t.Fatalf("%s shows %q, want %q", id, got, text)
}

func (s *screens) press(selector string) {
	s.t.Helper()
	js := fmt.Sprintf(`(() => { const e = document.querySelector(%q); const ok = e && e.checkVisibility() && !e.disabled; if (ok) e.click(); return Boolean(ok) })()`, selector)
	for end := time.Now().Add(time.Minute); !run[bool](s.cashier, s, js); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			s.shot("failed")
			s.t.Fatalf("%s cannot be pressed", selector)
		}
	}
}

// TestOfflineOnTheScreens sells without the provider as people do it: by keys and
// buttons, with the code read off the customer's screen. Neither screen says that
// anything was paid before the bank's statement does.
func TestOfflineOnTheScreens(t *testing.T) {
	y := openOfflineDay(t)
	y.mend()
	s := openScreens(t, y.o, y.d)
	s.reads(true, "exposure", "(hidden)")
	s.reads(true, "own", "(hidden)")
	y.cut()
	s.press("#new") // after the payment that did not go out
	s.reads(true, "offline-link", "Codes of the shop’s own accounts can be shown")
	s.reads(true, "banners", "The payment service cannot be used")
	for _, key := range []string{"4", "2", "0", "0"} {
		s.press(`[data-key="` + key + `"]`)
	}
	s.reads(true, "own-schemes", "BRL 42.00")
	s.shot("offline-offer")
	before := time.Now()
	run[bool](s.customer, s, `(window.forget(), true)`)
	s.press(`#own-schemes [data-scheme="pix"]`)
	s.reads(true, "headline", "Waiting for the customer, offline")
	s.reads(false, "headline", "Scan to pay")
	s.reads(true, "exposure-sums", "1 not confirmed: BRL 42.00")
	s.shot("offline-code")
	list, err := y.d.api.Offline(soon(t))
	if err != nil || len(list.Sales) != 1 || list.Sales[0].QR == nil {
		t.Fatalf("%+v, %v", list, err)
	}
	v := list.Sales[0]
	p := &slip{v.ID, "pix", "BRL", 4200, v.QR.Text, before, time.Now(), "exposed"}
	y.book.slips = append(y.book.slips, p)
	y.same("a code is shown")
	y.pay(p, nil)
	run[bool](s.cashier, s, `(document.getElementById('attest-who').value = 'Li', true)`)
	s.press("#attest-yes")
	s.reads(true, "headline", "Not confirmed")
	s.reads(false, "headline", "Thank you")
	s.shot("offline-unconfirmed")
	y.same("somebody has looked")
	for screen, frames := range map[string][]string{"cashier": run[[]string](s.cashier, s, `window.seen`), "customer": run[[]string](s.customer, s, `window.seen.slice(1)`)} {
		for _, f := range frames {
			if strings.Contains(f, "42.00") && (strings.Contains(f, "| Paid |") || strings.Contains(f, "已付款 Paid") || strings.Contains(f, "Received")) {
				t.Errorf("before any bank has said so the %s's screen reads %q", screen, f)
			}
		}
	}
	y.mend()
	var n api.NewReceipts
	y.o.do(http.MethodGet, "/sim/bank/statement.json", nil, &n.Receipts)
	if r, err := y.d.api.Receipts(soon(t), n); err != nil || r.Matched != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	p.state = "over"
	y.same("the statement")
	run[bool](s.cashier, s, fmt.Sprintf(`(location.hash = 'sale=%s', location.reload(), true)`, p.id))
	s.reads(true, "headline", "Received")
	s.reads(true, "exposure", "(hidden)")
	s.shot("offline-received")
	y.d.stop()
	y.d.check()
}

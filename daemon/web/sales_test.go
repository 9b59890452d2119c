package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

func saleOf(t *testing.T, body []byte) api.Sale {
	t.Helper()
	var s api.Sale
	if err := json.Unmarshal(body, &s); err != nil || s.ID == "" {
		t.Fatalf("not a sale: %v: %s", err, body)
	}
	return s
}

const good = `{"flow":"merchant","amount":"12.80","currency":"CNY","description":"Tea","operator":"Li"}`

// One key opens one sale, however it is spelt and however often it is sent.
func TestReplay(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	res, body := send(t, s.url, sell(good))
	first := saleOf(t, body)
	if res.StatusCode != 201 || res.Header.Get("Location") != "/v1/sales/"+string(first.ID) || res.Header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("%d %v %s", res.StatusCode, res.Header, body)
	}
	shop.present(t, first.ID)
	shop.pay(t, first.ID)
	for _, spelt := range []string{key, strings.Trim(key, `"`), " " + key + " "} {
		res, body = send(t, s.url, sell(good, "Idempotency-Key", spelt))
		again := saleOf(t, body)
		if again.ID != first.ID || again.State != "paid" || res.Header.Get("Idempotent-Replayed") != "true" {
			t.Errorf("key %s: %v, sale %s is %s; want %s as it is now", spelt, res.Header, again.ID, again.State, first.ID)
		}
	}
	for _, other := range []string{
		strings.Replace(good, "12.80", "12.81", 1), strings.Replace(good, "CNY", "USD", 1), strings.Replace(good, "Tea", "Te", 1),
		strings.Replace(good, `"merchant"`, `"payer"`, 1), strings.Replace(good, `"Li"`, `"Wu"`, 1),
	} {
		res, body = send(t, s.url, sell(other))
		if p := problemOf(t, res, body); p.Status != 422 || p.Code != "once_mismatch" {
			t.Errorf("%s: %+v", other, p)
		}
	}
	shop.mu.Lock()
	shop.working["in-flight-key"] = true
	shop.mu.Unlock()
	res, body = send(t, s.url, sell(good, "Idempotency-Key", "in-flight-key"))
	if p := problemOf(t, res, body); p.Status != 409 || p.Code != "once_in_flight" {
		t.Errorf("in flight: %+v", p)
	}
	if len(shop.ids) != 1 {
		t.Errorf("%d sales", len(shop.ids))
	}
}

// A payer sale with its code is one request; cut off after the sale was opened
// and sent again, it charges once.
func TestOpenWithCode(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	body := `{"flow":"payer","amount":"5.00","currency":"CNY","code":"` + payerCode + `"}`
	_, answer := send(t, s.url, sell(body))
	first := saleOf(t, answer)
	if first.State != "charging" || len(first.History.Attempts) != 1 {
		t.Fatalf("%s", answer)
	}
	if strings.Contains(string(answer), payerCode) || strings.Contains(string(answer), shop.get(t, first.ID).Attempts[0].CodeID) {
		t.Error("the answer has the customer's code, or its digest")
	}
	_, answer = send(t, s.url, sell(body))
	if again := saleOf(t, answer); again.ID != first.ID || len(again.History.Attempts) != 1 {
		t.Errorf("sent twice: %s", answer)
	}
	res, answer := send(t, s.url, sell(`{"flow":"payer","amount":"5.00","currency":"CNY","code":"4006381333931"}`, "Idempotency-Key", "goods-1234"))
	p := problemOf(t, res, answer)
	if p.Code != "scan_product" || p.Instance != "/v1/sales/"+string(shop.newest(t, 2)) {
		t.Errorf("a product: %+v", p)
	}
	_, answer = send(t, s.url, sell(`{"flow":"payer","amount":"5.00","currency":"CNY","code":"4006381333931"}`, "Idempotency-Key", "goods-1234"))
	if !strings.Contains(string(answer), "scan_product") || len(shop.ids) != 2 {
		t.Errorf("a product, sent again: %s, %d sales", answer, len(shop.ids))
	}
}

func TestWait(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	go func() {
		id := shop.newest(t, 1)
		time.Sleep(50 * time.Millisecond)
		shop.present(t, id)
	}()
	begun := time.Now()
	res, body := send(t, s.url, sell(good, "Prefer", "respond-async, WAIT=30"))
	v := saleOf(t, body)
	if v.State != "presented" || v.QR == nil || v.QR.Text != codeURL || res.Header.Get("Preference-Applied") != "wait=30" {
		t.Fatalf("%v %s", res.Header, body)
	}
	go func() {
		time.Sleep(50 * time.Millisecond)
		shop.pay(t, v.ID)
	}()
	_, body = send(t, s.url, request{method: "GET", path: "/v1/sales/" + string(v.ID), header: map[string]string{"Prefer": "wait=30"}})
	if got := saleOf(t, body); got.State != "paid" || time.Since(begun) > 20*time.Second {
		t.Errorf("%s after %s", got.State, time.Since(begun))
	}
	// What does not come is not waited for longer than asked.
	_, body = send(t, s.url, sell(good, "Idempotency-Key", "another-key", "Prefer", "wait=1"))
	if got := saleOf(t, body); got.State != "opened" {
		t.Errorf("%s", got.State)
	}
}

// TestCounter goes through the client: scan, cancel, refund, list, look.
func TestCounter(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	ctx := t.Context()
	n := api.NewSale{Flow: sale.Payer, Amount: "20.00", Currency: "CNY", Operator: "Li"}
	v, err := s.api.Open(ctx, n, "counter-0001", 0)
	if err != nil || !v.Can.Scan || !v.Can.Cancel || v.Can.Refund || v.SecondsLeft == nil || *v.SecondsLeft < 290 {
		t.Fatalf("%+v, %v", v, err)
	}
	if v, err = s.api.Scan(ctx, v.ID, payerCode); err != nil || v.Says.Code != "charging" {
		t.Fatalf("%+v, %v", v, err)
	}
	var p *api.Problem
	if _, err = s.api.Scan(ctx, v.ID, payerCode); !errors.As(err, &p) || p.Status != 409 || p.Code != "sale_charging" {
		t.Errorf("scanned twice: %v", err)
	}
	shop.pay(t, v.ID)
	if _, err = s.api.Cancel(ctx, v.ID, "Li"); !errors.As(err, &p) || p.Code != "sale_paid" || !strings.Contains(p.Hint, "refund") {
		t.Errorf("cancelled after it was paid: %v", err)
	}
	back := api.NewRefund{Amount: "5.00", Reason: "broken cup", Operator: "Li"}
	if v, err = s.api.Refund(ctx, v.ID, back, "refund-0001"); err != nil || v.State != "refunding" || v.History.Refunds[0].Amount.Decimal != "5.00" {
		t.Fatalf("%+v, %v", v, err)
	}
	if again, err := s.api.Refund(ctx, v.ID, back, "refund-0001"); err != nil || len(again.History.Refunds) != 1 {
		t.Errorf("refund sent twice: %+v, %v", again.History, err)
	}
	if _, err = s.api.Open(ctx, n, "refund-0001", 0); !errors.As(err, &p) || p.Code != "once_mismatch" {
		t.Errorf("a refund's key for a sale: %v", err)
	}
	r := shop.get(t, v.ID).Refunds[0]
	req := sale.NewRequest("POST", "/v3/refund", []byte(`{}`), sale.PayerCode{})
	shop.apply(t, v.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: r.No, Request: &req}, sale.Event{Kind: sale.RefundDone, RefundNo: r.No})
	if _, err = s.api.Refund(ctx, v.ID, api.NewRefund{Amount: "15.01"}, "refund-0002"); !errors.As(err, &p) || p.Status != 422 || p.Code != "refund_too_large" {
		t.Errorf("too much back: %v", err)
	}
	other, err := s.api.Open(ctx, n, "counter-0002", 0)
	if err != nil {
		t.Fatal(err)
	}
	if other, err = s.api.Cancel(ctx, other.ID, "Li"); err != nil || !other.Rests() || other.State != "cancelled" {
		t.Errorf("%+v, %v", other, err)
	}
	page, err := s.api.Sales(ctx, 1, "")
	if err != nil || len(page.Sales) != 1 || page.Sales[0].ID != other.ID || page.Next != other.ID || page.Seq != uint64(len(shop.journal)) {
		t.Fatalf("%+v, %v", page, err)
	}
	page, err = s.api.Sales(ctx, 2, page.Next)
	if err != nil || len(page.Sales) != 1 || page.Next != "" || page.Sales[0].Refundable.Decimal != "15.00" || page.Sales[0].State != "part_refunded" {
		t.Fatalf("%+v, %v", page, err)
	}
	st, err := s.api.Status(ctx)
	if err != nil || st.Till != "T1" || st.Decimals != 2 || st.Seq != uint64(len(shop.journal)) || len(st.Notices) != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestPictures(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	v, err := s.api.Open(t.Context(), api.NewSale{Flow: sale.Merchant, Amount: "1.00", Currency: "CNY"}, "picture-0001", 0)
	if err != nil {
		t.Fatal(err)
	}
	at := "/v1/sales/" + string(v.ID) + "/qr"
	none := func(when string) {
		for _, ext := range []string{".svg", ".png"} {
			res, body := send(t, s.url, request{method: "GET", path: at + ext})
			if p := problemOf(t, res, body); p.Status != 409 || p.Code != "qr_none" {
				t.Errorf("%s, %s: %+v", ext, when, p)
			}
		}
	}
	none("before there is a code")
	shop.present(t, v.ID)
	for path, kind := range map[string]string{at + ".svg": "image/svg+xml", at + ".png": "image/png", at + ".png?scale=3": "image/png"} {
		res, body := send(t, s.url, request{method: "GET", path: path})
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != kind || res.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		if kind == "image/png" {
			file := filepath.Join(t.TempDir(), "qr.png")
			if err := os.WriteFile(file, body, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := zbar(t, file); got != codeURL {
				t.Errorf("%s reads %q", path, got)
			}
		}
	}
	if _, err := s.api.Cancel(t.Context(), v.ID, ""); err != nil {
		t.Fatal(err)
	}
	none("after it was withdrawn")
}

func TestHealth(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	shop.setHealth(func(h *api.Health) { h.Network.Level, h.Gateway.Level = api.Down, api.Down })
	for path, want := range map[string]int{"/livez": 200, "/readyz": 200} { // a restart mends no network
		if res, _ := send(t, s.url, request{method: "GET", path: path}); res.StatusCode != want {
			t.Errorf("%s without a network: %d", path, res.StatusCode)
		}
	}
	shop.setHealth(func(h *api.Health) { h.Store.Level = api.Down })
	res, body := send(t, s.url, request{method: "GET", path: "/readyz"})
	if p := problemOf(t, res, body); p.Status != http.StatusServiceUnavailable || p.Code != "not_ready" {
		t.Errorf("without a store: %+v", p)
	}
}

func TestBackup(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	ctx := t.Context()
	var p *api.Problem
	if _, err := s.api.Backup(ctx); !errors.As(err, &p) || p.Code != "backup_off" {
		t.Errorf("without a backup: %v", err)
	}
	begun, end := make(chan bool), make(chan bool)
	s.Backup = func(context.Context) (api.Backup, error) {
		begun <- true
		<-end
		return api.Backup{Path: "/backup/till.db", Sales: 3}, nil
	}
	made := make(chan error, 1)
	go func() {
		b, err := s.api.Backup(ctx)
		if err == nil && b.Sales != 3 {
			err = fmt.Errorf("%+v", b)
		}
		made <- err
	}()
	<-begun
	if _, err := s.api.Backup(ctx); !errors.As(err, &p) || p.Code != "backup_running" {
		t.Errorf("two at once: %v", err)
	}
	close(end)
	if err := <-made; err != nil {
		t.Error(err)
	}
}

// Serve is for this machine, whatever it is given.
func TestServeRefusesThePublic(t *testing.T) {
	s, err := New(optionsOf(newShop(), os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	ln := listenAll(t)
	if err := s.Serve(ln); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("Serve(%s) = %v", ln.Addr(), err)
	}
	if _, err := New(Options{Currency: "XXX"}); err == nil || !strings.Contains(err.Error(), "a book") || !strings.Contains(err.Error(), "XXX") {
		t.Errorf("New of nothing: %v", err)
	}
}

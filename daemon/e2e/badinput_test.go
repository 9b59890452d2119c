package e2e

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// faulty is a request that something is wrong with, and what its sender reads.
type faulty struct {
	wrong  string
	path   string            // empty is /v1/sales
	header map[string]string // besides a fresh key and the type of the body; an empty value leaves one out
	body   string
	status int
	code   string
	hint   string // a part of it
}

// newTea is a good request with one part exchanged.
func newTea(part, value string) string {
	all := map[string]string{"flow": `"merchant"`, "amount": `"12.80"`, "currency": `"CNY"`}
	all[part] = value
	return fmt.Sprintf(`{"flow":%s,"amount":%s,"currency":%s}`, all["flow"], all["amount"], all["currency"])
}

func faultyRequests(spent string) []faulty {
	good := newTea("flow", `"merchant"`)
	return []faulty{
		{wrong: "the amount is zero", body: newTea("amount", `"0"`), status: 422, code: "amount_zero", hint: "what the customer has to pay"},
		{wrong: "the amount is negative", body: newTea("amount", `"-5.00"`), status: 422, code: "amount_negative", hint: "with a refund"},
		{wrong: "a tenth of a fen", body: newTea("amount", `"12.805"`), status: 422, code: "amount_precision", hint: "2 decimals"},
		{wrong: "a third decimal that is zero all the same", body: newTea("amount", `"12.8000001"`), status: 422, code: "amount_precision", hint: "2 decimals"},
		{wrong: "more money than there is", body: newTea("amount", `"99999999999999999999.99"`), status: 422, code: "amount_overflow", hint: "at most"},
		{wrong: "an amount in words", body: newTea("amount", `"twelve"`), status: 422, code: "amount_syntax", hint: "such as 12.80"},
		{wrong: "an amount as a number, which some languages round", body: newTea("amount", `12.80`), status: 422, code: "request_invalid", hint: "/openapi.json"},
		{wrong: "a currency that does not exist", body: newTea("currency", `"XQX"`), status: 422, code: "currency_unknown", hint: "ISO 4217"},
		{wrong: "a flow that does not exist", body: newTea("flow", `"both"`), status: 422, code: "request_invalid", hint: "/openapi.json"},
		{wrong: "a body of 10 MB", body: newTea("amount", `"`+strings.Repeat("1", 10<<20)+`"`), status: 413, code: "body_too_large", hint: "at most"},
		{wrong: "JSON that breaks off", body: good[:len(good)-9], status: 400, code: "body_malformed", hint: "one JSON object"},
		{wrong: "the amount twice", body: good[:len(good)-1] + `,"amount":"1.00"}`, status: 400, code: "body_malformed", hint: "one JSON object"},
		{wrong: "a field nobody knows", body: good[:len(good)-1] + `,"discount":"5.00"}`, status: 422, code: "request_invalid", hint: "/openapi.json"},
		{wrong: "another host's name", header: map[string]string{"Host": "till.example.com"}, body: good, status: 421, code: "host_refused", hint: "127.0.0.1"},
		{wrong: "a page of another site", header: map[string]string{"Origin": "https://evil.example"}, body: good, status: 403, code: "origin_refused", hint: "cashier page"},
		{wrong: "no type of the body", header: map[string]string{"Content-Type": "text/plain"}, body: good, status: 415, code: "media_type_unsupported", hint: "application/json"},
		{wrong: "no idempotency key", header: map[string]string{"Idempotency-Key": ""}, body: good, status: 400, code: "idempotency_key_missing", hint: "make a key once"},
		{wrong: "a key that will come again tomorrow", header: map[string]string{"Idempotency-Key": `"7"`}, body: good, status: 400, code: "idempotency_key_malformed", hint: "8 to 128"},
		{wrong: "a key that was used for another amount", header: map[string]string{"Idempotency-Key": api.QuoteKey(spent)}, body: good, status: 422, code: "once_mismatch", hint: "new Idempotency-Key"},
		{wrong: "a sale that does not exist", path: "/v1/sales/NOSUCHSALE/cancel", body: "{}", status: 404, code: "sale_not_found", hint: "check the number"},
		{wrong: "a path that does not exist", path: "/v1/sale", body: good, status: 404, code: "not_found", hint: "/openapi.json"},
	}
}

// Whatever a program sends, it is told what is wrong and what to do, and no sale
// comes of it.
func TestFaultyRequests(t *testing.T) {
	o := startOutside(t, brisk)
	d := newTill(t, o, built(t).product, "BAD", nil)
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	spent := rand.Text()
	if _, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: "1.00", Currency: "CNY"}, spent, 0); err != nil {
		t.Fatal(err)
	}
	for _, f := range faultyRequests(spent) {
		t.Run(f.wrong, func(t *testing.T) { f.send(t, d) })
	}
	list, err := d.api.Sales(soon(t), 100, "")
	if err != nil || len(list.Sales) != 1 {
		t.Errorf("%d sales, %v; one was asked for", len(list.Sales), err)
	}
	for no, c := range o.orders() { // a till asks about an order that is none to hear whether it is understood
		if c.Kind != "" || c.Requests["native"]+c.Requests["codepay"] > 0 {
			t.Errorf("the provider heard of order %s: %+v", no, c)
		}
	}
	d.stop()
	d.check()
}

func (f faulty) send(t *testing.T, d *till) {
	path := f.path
	if path == "" {
		path = "/v1/sales"
	}
	req, err := http.NewRequestWithContext(soon(t), http.MethodPost, d.api.Base+path, strings.NewReader(f.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Idempotency-Key", api.QuoteKey(rand.Text()))
	req.Header.Set("Content-Type", "application/json")
	for name, value := range f.header {
		if req.Header.Set(name, value); value == "" {
			req.Header.Del(name)
		}
	}
	req.Host = req.Header.Get("Host")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	var p api.Problem
	if err = errors.Join(err, json.Unmarshal(b, &p)); err != nil || res.Header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("%s: %v: %.200s", res.Status, err, b)
	}
	if res.StatusCode != f.status || p.Status != f.status || p.Code != f.code {
		t.Errorf("%d %s, want %d %s: %s", res.StatusCode, p.Code, f.status, f.code, p.Detail)
	}
	if p.Title == "" || p.Detail == "" || !strings.Contains(p.Hint, f.hint) {
		t.Errorf("title %q, detail %q, hint %q without %q", p.Title, p.Detail, p.Hint, f.hint)
	}
	if len(b) > 2000 {
		t.Errorf("%d bytes are not what a person reads", len(b))
	}
}

// What a cashier may hold before the scanner instead of a fresh code.
func TestFaultyCodes(t *testing.T) {
	o := startOutside(t, brisk)
	d := newTill(t, o, built(t).product, "CODES", nil)
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	opened := func(amount string) api.Sale {
		s, err := d.api.Open(soon(t), api.NewSale{Flow: sale.Payer, Amount: amount, Currency: "CNY"}, rand.Text(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	old := o.payerCode("pay")
	time.Sleep(time.Minute/brisk + 100*time.Millisecond) // a code lives for a minute

	s := opened("4.50")
	for _, f := range []struct{ wrong, text, code, hint string }{
		{"a bottle of water", "6901234567892", "scan_product", "payment code"},
		{"an advertisement", "https://example.com/menu", "scan_url", "payment code"},
		{"a code of another wallet", "281234567890123456", "scan_other_wallet", "WeChat Pay"},
		{"half a code", "1345678901", "scan_not_payment", "payment code"},
	} {
		_, err := d.api.Scan(soon(t), s.ID, f.text)
		refused(t, f.wrong, err, 422, f.code, f.hint)
	}
	if s, err := d.api.Sale(soon(t), s.ID, 0); err != nil || !s.Can.Scan || s.Says.Code != "scan_wanted" {
		t.Errorf("the sale waits no longer: %s, %v", s.State, err)
	}

	if _, err := d.api.Scan(soon(t), s.ID, old); err != nil {
		t.Fatal(err)
	}
	end, err := rest(t.Context(), d, s.ID, nil)
	if err != nil || end.Says.Code != "declined" || end.Reason == nil || end.Reason.Code != "code_expired" || !end.Can.Retry {
		t.Errorf("an expired code: %v, %+v", err, end)
	}
	if n := o.orders()[end.History.Attempts[0].OrderNo].Charges; n != 0 {
		t.Errorf("an expired code was charged %d times", n)
	}
	fresh := o.payerCode("pay")
	if _, err = d.api.Scan(soon(t), s.ID, fresh); err != nil {
		t.Fatal(err)
	}
	if end, err = rest(t.Context(), d, s.ID, nil); err != nil || end.State != "paid" {
		t.Errorf("the fresh one: %v, %s", err, end.State)
	}
	_, err = d.api.Scan(soon(t), opened("5.50").ID, fresh)
	refused(t, "the same code for the next customer", err, 409, "code_used", "")
	d.stop()
	d.check()
}

// refused holds an error against the problem that it should be.
func refused(t *testing.T, wrong string, err error, status int, code, hint string) {
	t.Helper()
	var p *api.Problem
	if !errors.As(err, &p) {
		t.Errorf("%s: %v", wrong, err)
		return
	}
	if p.Status != status || p.Code != code || p.Detail == "" || p.Hint == "" || !strings.Contains(p.Hint, hint) || p.Text == nil {
		t.Errorf("%s: %d %q, %+v; want %d %q with a hint %q", wrong, p.Status, p, p.Text, status, code, hint)
	}
}

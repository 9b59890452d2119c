package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"qrposd/daemon/api"
)

// request is one HTTP request of a table, with what has to come back.
type request struct {
	name, method, path, body string
	header                   map[string]string
	status                   int
	code                     string // of the problem
	detail                   string // a part of it
}

const key = `"8e03978e-40d5-43dd-bc93-6894a57f9324"`

func send(t *testing.T, base string, q request) (*http.Response, []byte) {
	t.Helper()
	var body io.Reader
	if q.body != "" {
		body = strings.NewReader(q.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), q.method, base+q.path, body)
	if err != nil {
		t.Fatal(err)
	}
	if q.body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range q.header {
		if name == "Host" {
			r.Host = value
		} else {
			r.Header.Set(name, value)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("%s: %v", q.name, err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("%s: %v", q.name, err)
	}
	return res, b
}

func sell(body string, header ...string) request {
	q := request{method: "POST", path: "/v1/sales", body: body, header: map[string]string{"Idempotency-Key": key}}
	for i := 0; i+1 < len(header); i += 2 {
		q.header[header[i]] = header[i+1]
	}
	return q
}

func named(name string, q request, status int, code, detail string) request {
	q.name, q.status, q.code, q.detail = name, status, code, detail
	return q
}

func with(q request, change func(*request)) request {
	change(&q)
	return q
}

// badRequests are what can be wrong with a request.
func badRequests() []request {
	amount := func(a, currency string) request {
		return sell(`{"flow":"merchant","amount":"` + a + `","currency":"` + currency + `"}`)
	}
	good := `{"flow":"merchant","amount":"12.80","currency":"CNY"}`
	get := func(path string, header ...string) request {
		return with(sell("", header...), func(q *request) { q.method, q.path = "GET", path })
	}
	post := func(path, body string) request { return with(sell(body), func(q *request) { q.path = path }) }
	noKey := with(sell(good), func(q *request) { delete(q.header, "Idempotency-Key") })
	return []request{
		named("zero", amount("0.00", "CNY"), 422, "amount_zero", "zero"),
		named("negative", amount("-1", "CNY"), 422, "amount_negative", ""),
		named("too precise", amount("1.000", "CNY"), 422, "amount_precision", ""),
		named("decimals of a currency without", amount("500.0", "JPY"), 422, "amount_precision", ""),
		named("too large", amount("99999999999999999999", "CNY"), 422, "amount_overflow", ""),
		named("no number", amount("1e3", "CNY"), 422, "amount_syntax", ""),
		named("empty amount", amount("", "CNY"), 422, "request_invalid", "body.amount"),
		named("long amount", amount(strings.Repeat("1", 25), "CNY"), 422, "request_invalid", "body.amount"),
		named("unknown currency", amount("1.00", "XXX"), 422, "currency_unknown", ""),
		named("small letters", amount("1.00", "cny"), 422, "currency_unknown", ""),
		named("amount as a number", sell(`{"flow":"merchant","amount":12.8,"currency":"CNY"}`), 422, "request_invalid", "body.amount"),
		named("no amount", sell(`{"flow":"merchant","currency":"CNY"}`), 422, "request_invalid", "amount"),
		named("unknown flow", sell(`{"flow":"barter","amount":"1.00","currency":"CNY"}`), 422, "request_invalid", "body.flow"),
		named("unknown field", sell(`{"flow":"merchant","amount":"1.00","currency":"CNY","tip":"1"}`), 422, "request_invalid", "body.tip"),
		named("amount twice, once in capitals", sell(`{"flow":"merchant","amount":"1.00","AMOUNT":"100.00","currency":"CNY"}`), 400, "body_malformed", `"amount" comes twice`),
		named("amount twice", sell(`{"flow":"merchant","amount":"1.00","amount":"100.00","currency":"CNY"}`), 400, "body_malformed", `"amount" comes twice`),
		named("control character", sell(`{"flow":"merchant","amount":"1.00","currency":"CNY","description":"a\u001bb"}`), 422, "request_invalid", "body.description"),
		named("a code for the wrong flow", sell(`{"flow":"merchant","amount":"1.00","currency":"CNY","code":"134567890123456789"}`), 422, "code_unexpected", ""),
		named("broken JSON", sell("{\n  \"flow\": }"), 400, "body_malformed", "line 2, column 11"),
		named("cut JSON", sell(`{"flow":"merchant"`), 400, "body_malformed", "line 1"),
		named("two values", sell(good+good), 400, "body_malformed", "column"),
		named("not UTF-8", sell("{\"flow\":\"\xff\"}"), 400, "body_malformed", "UTF-8"),
		named("no body", sell(""), 400, "body_malformed", ""),
		named("a list", sell(`[]`), 422, "request_invalid", "body"),
		named("a form", sell("flow=merchant", "Content-Type", "application/x-www-form-urlencoded"), 415, "media_type_unsupported", ""),
		named("10 MB", sell(`{"flow":"`+strings.Repeat("a", 10<<20)+`"}`), 413, "body_too_large", "too large"),
		named("no key", noKey, 400, "idempotency_key_missing", ""),
		named("short key", sell(good, "Idempotency-Key", `"1"`), 400, "idempotency_key_malformed", "too short"),
		named("long key", sell(good, "Idempotency-Key", strings.Repeat("k", 129)), 400, "idempotency_key_malformed", "too long"),
		named("open quotes", sell(good, "Idempotency-Key", `"12345678`), 400, "idempotency_key_malformed", "quotes"),
		named("key with parameters", sell(good, "Idempotency-Key", key+";a=1"), 400, "idempotency_key_malformed", "follows"),
		named("two keys in one line", sell(good, "Idempotency-Key", "12345678, 23456789"), 400, "idempotency_key_malformed", ""),
		named("key with a blank", sell(good, "Idempotency-Key", `"1234 5678"`), 400, "idempotency_key_malformed", "visible"),
		named("another host", get("/v1/sales", "Host", "shop.example:80"), 421, "host_refused", ""),
		named("own address, another port", get("/v1/sales", "Host", "127.0.0.1:1"), 421, "host_refused", ""),
		named("another origin", sell(good, "Origin", "https://evil.example"), 403, "origin_refused", ""),
		named("a sandboxed page", sell(good, "Origin", "null"), 403, "origin_refused", ""),
		named("a cross-site form", sell(good, "Sec-Fetch-Site", "cross-site"), 403, "origin_refused", ""),
		named("another port of this host", sell(good, "Sec-Fetch-Site", "same-site"), 403, "origin_refused", ""),
		named("a cross-site picture", get("/v1/status", "Sec-Fetch-Site", "cross-site"), 403, "origin_refused", ""),
		named("unknown path", get("/v2/sales"), 404, "not_found", ""),
		named("unknown method", with(sell(good), func(q *request) { q.method = "PUT" }), 405, "method_not_allowed", "PUT"),
		named("unknown sale", get("/v1/sales/NOSUCHSALE"), 404, "sale_not_found", ""),
		named("long id", get("/v1/sales/"+strings.Repeat("A", 65)), 422, "request_invalid", "path.id"),
		named("limit zero", get("/v1/sales?limit=0"), 422, "request_invalid", "query.limit"),
		named("limit no number", get("/v1/sales?limit=ten"), 422, "request_invalid", "query.limit"),
		named("limit too large", get("/v1/sales?limit=101"), 422, "request_invalid", "query.limit"),
		named("unknown parameter", get("/v1/sales?page=2"), 422, "request_invalid", "query.page"),
		named("scale", get("/v1/sales/X/qr.png?scale=33"), 422, "request_invalid", "query.scale"),
		named("events from no number", get("/v1/events", "Last-Event-ID", "soon"), 422, "request_invalid", ""),
		named("events of another file", get("/v1/events?after=1000000"), 409, "events_ahead", ""),
		named("cancel an unknown sale", post("/v1/sales/NOSUCHSALE/cancel", ""), 404, "sale_not_found", ""),
		named("scan for an unknown sale", post("/v1/sales/NOSUCHSALE/scan", `{"code":"134567890123456789"}`), 404, "sale_not_found", ""),
		named("scan of goods", post("/v1/sales/NOSUCHSALE/scan", `{"code":"4006381333931"}`), 422, "scan_product", ""),
		named("refund of an unknown sale", post("/v1/sales/NOSUCHSALE/refunds", `{"amount":"1.00"}`), 404, "sale_not_found", ""),
		named("refund without a key", with(post("/v1/sales/X/refunds", `{"amount":"1.00"}`), func(q *request) { q.header = nil }), 400, "idempotency_key_missing", ""),
	}
}

func TestBadRequests(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	doc := document(t, s.OpenAPI())
	for _, q := range badRequests() {
		t.Run(q.name, func(t *testing.T) {
			res, body := send(t, s.url, q)
			if res.StatusCode != q.status {
				t.Fatalf("%d, want %d: %s", res.StatusCode, q.status, body)
			}
			p := problemOf(t, res, body)
			if p.Code != q.code || !strings.Contains(p.Detail, q.detail) || p.Hint == "" || p.Title == "" {
				t.Errorf("problem %+v, want code %s and detail with %q", p, q.code, q.detail)
			}
			if strings.Contains(string(body), "134567890123456789") {
				t.Error("the answer repeats the customer's code")
			}
			documented(t, doc, q, p)
		})
	}
	if len(shop.ids) > 0 {
		t.Errorf("a bad request opened a sale")
	}
}

func problemOf(t *testing.T, res *http.Response, body []byte) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(body, &p); err != nil || res.Header.Get("Content-Type") != "application/problem+json" || p.Status != res.StatusCode {
		t.Fatalf("not a problem: %v, %s, %.200s", err, res.Header.Get("Content-Type"), body)
	}
	return p
}

// What is no fault of the client's is logged under a number and not told.
func TestInternalErrorsAreNotTold(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	shop.broken = errors.New("bbolt: page 7 is torn at /var/lib/qrposd")
	for _, q := range []request{
		sell(`{"flow":"merchant","amount":"1.00","currency":"CNY"}`),
		{method: "GET", path: "/v1/sales"},
		{method: "GET", path: "/v1/sales/X"},
		{method: "GET", path: "/v1/events"},
		{method: "GET", path: "/v1/status"},
	} {
		res, body := send(t, s.url, q)
		p := problemOf(t, res, body)
		if p.Status != 500 || p.Code != "internal" || strings.Contains(string(body), "bbolt") {
			t.Errorf("%s %s: %s", q.method, q.path, body)
		}
		if n := strings.Count(s.log.String(), "request="+p.RequestID+" "); p.RequestID == "" || n != 1 {
			t.Errorf("%s %s: request %q is %d times in the log", q.method, q.path, p.RequestID, n)
		}
	}
}

// A fault without a status that there is becomes one of the till's own.
func TestFaultWithoutAStatus(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	for _, status := range []int{0, 200, 799} {
		shop.mu.Lock()
		shop.broken = &fault{status, "odd", "odd", "odd"}
		shop.mu.Unlock()
		res, body := send(t, s.url, request{method: "GET", path: "/v1/sales/X"})
		if p := problemOf(t, res, body); p.Status != 500 || p.Code != "internal" {
			t.Errorf("%d: %+v", status, p)
		}
	}
	shop.mu.Lock()
	shop.broken = fmt.Errorf("page 7: %w", &fault{507, "disk_full", "there is no room", "free some"})
	shop.mu.Unlock()
	res, body := send(t, s.url, request{method: "GET", path: "/v1/sales/X"})
	if p := problemOf(t, res, body); p.Status != 507 || p.Code != "disk_full" || !strings.Contains(s.log.String(), "page 7") || strings.Contains(string(body), "page 7") {
		t.Errorf("%+v", p)
	}
}

// A broken handler is one failed request, and the till goes on.
func TestPanicIsAProblem(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	s.Server.Health = func() api.Health { panic("boom") }
	res, body := send(t, s.url, request{method: "GET", path: "/readyz"})
	if p := problemOf(t, res, body); p.Code != "internal" || !strings.Contains(s.log.String(), "boom") || strings.Contains(string(body), "boom") {
		t.Errorf("%+v", p)
	}
}

func TestSecurityHeaders(t *testing.T) {
	s := start(t, newShop())
	for _, path := range []string{"/", "/app.js", "/v1/sales", "/nothing", "/v1/sales/x/qr.svg"} {
		res, _ := send(t, s.url, request{method: "GET", path: path})
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := res.Header.Get(name); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if res.Header.Get("Access-Control-Allow-Origin") != "" || res.Header.Get("Link") != "" {
			t.Errorf("%s: %v", path, res.Header)
		}
	}
}

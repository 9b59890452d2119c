package wechat

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/rules/sale"
)

// closedPort is an address that refuses connections.
func closedPort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

// rawServer does to each connection what serve does; requests counts the ones
// whose first line arrived.
func rawServer(t testing.TB, serve func(net.Conn, *bufio.Reader)) (url string, requests *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	requests = new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				r := bufio.NewReader(conn)
				if _, err := r.Peek(1); err != nil {
					return
				}
				requests.Add(1)
				serve(conn, r)
			}()
		}
	}()
	return "http://" + l.Addr().String(), requests
}

func reset(conn net.Conn, _ *bufio.Reader) {
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

func TestNotSent(t *testing.T) {
	conf := testConfig(t, closedPort(t), closedPort(t))
	c, _ := testClient(t, conf, time.Now)
	if ev := take(t, c, sale.Charge); ev.Kind != sale.NotSent || whyOf(ev) != "no_network" {
		t.Errorf("a charge into two closed ports: %s %v", ev.Kind, ev.Why)
	}
	for _, do := range []sale.Action{sale.Order, sale.Query, sale.Close, sale.Reverse, sale.SendRefund, sale.QueryRefund} {
		if ev := take(t, c, do); ev.Kind != sale.Unclear || whyOf(ev) != "no_network" {
			t.Errorf("%s into two closed ports: %s %v", do, ev.Kind, ev.Why)
		}
	}
}

// TLS that fails has sent no request either; a name that does not resolve neither.
func TestNotSentTLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	for _, url := range []string{srv.URL, "https://no-such-host.invalid"} {
		c, book := testClient(t, testConfig(t, url), time.Now)
		if ev := take(t, c, sale.Charge); ev.Kind != sale.NotSent {
			t.Errorf("%s: %s %v\n%s", url, ev.Kind, ev.Why, book)
		}
	}
}

func TestSecondDomain(t *testing.T) {
	paid := script{status: 200, body: tx("SUCCESS")}
	second := newProvider(t, nil)
	t.Run("first refuses the connection", func(t *testing.T) {
		second.say(paid)
		c, _ := testClient(t, testConfig(t, closedPort(t), second.URL), time.Now)
		if ev := take(t, c, sale.Charge); ev.Kind != sale.Received || len(second.requests()) != 1 {
			t.Errorf("heard %s %v after %d requests to the second domain", ev.Kind, ev.Why, len(second.requests()))
		}
	})
	for name, first := range map[string]func(net.Conn, *bufio.Reader){
		"first resets after the first byte": reset,
		"first closes after reading all": func(_ net.Conn, r *bufio.Reader) {
			_, _ = http.ReadRequest(r)
		},
		"first answers half": func(c net.Conn, r *bufio.Reader) {
			_, _ = http.ReadRequest(r)
			fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n{")
		},
		"first talks nonsense": func(c net.Conn, r *bufio.Reader) {
			_, _ = http.ReadRequest(r)
			fmt.Fprint(c, "SSH-2.0-OpenSSH\r\n\r\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, requests := rawServer(t, first)
			for _, do := range []sale.Action{sale.Charge, sale.SendRefund, sale.Reverse} {
				second.say(paid)
				requests.Store(0)
				c, _ := testClient(t, testConfig(t, url, second.URL), time.Now)
				ev := take(t, c, do)
				if ev.Kind != sale.Unclear || whyOf(ev) != "no_answer" {
					t.Errorf("%s: heard %s %v", do, ev.Kind, ev.Why)
				}
				if n := len(second.requests()); n != 0 || requests.Load() != 1 {
					t.Errorf("%s: %d requests to the first, %d to the second", do, requests.Load(), n)
				}
			}
		})
	}
}

// A connection that died while idle must not make net/http send a request again:
// a charge may have been read, and a query would carry a signature that was used.
func TestNoReplay(t *testing.T) {
	body := tx("NOTPAY")
	url, requests := rawServer(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		rec := httptest.NewRecorder()
		script{status: 200, body: body}.serve(rec)
		res := rec.Result()
		res.ContentLength = int64(len(body))
		_ = res.Write(c)
		// The connection is kept, reads the next request, and dies.
		if _, err := r.Peek(1); err == nil {
			_, _ = http.ReadRequest(r)
		}
	})
	c, _ := testClient(t, testConfig(t, url), time.Now)
	for _, do := range []sale.Action{sale.Charge, sale.Query, sale.SendRefund, sale.QueryRefund} {
		if ev := take(t, c, sale.Query); ev.Kind != sale.Waiting {
			t.Fatalf("query: %s %v", ev.Kind, ev.Why)
		}
		before := requests.Load()
		ev := take(t, c, do)
		if ev.Kind != sale.Unclear {
			t.Errorf("%s on a dying connection: %s %v", do, ev.Kind, ev.Why)
		}
		if requests.Load() != before {
			t.Errorf("%s was sent again on a new connection", do)
		}
	}
	// The header invites net/http to send the request again; nothing to read twice.
	if ev := take(t, c, sale.Query); ev.Kind != sale.Waiting {
		t.Fatalf("query: %s %v", ev.Kind, ev.Why)
	}
	before := requests.Load()
	a := c.CallUnder(t.Context(), sale.NewRequest(http.MethodPost, "/v3/ai/payments", []byte(`{}`), sale.PayerCode{}), "v1.key")
	if a.Lost == nil || a.Unsent || requests.Load() != before {
		t.Errorf("under a key: %+v, %d connections more", a, requests.Load()-before)
	}
}

func TestNoRedirect(t *testing.T) {
	p := newProvider(t, nil)
	c, _ := testClient(t, testConfig(t, p.URL), time.Now)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, do := range []sale.Action{sale.Charge, sale.Query} {
			p.say(script{status: status, headers: map[string]string{"Location": p.URL + "/v3/elsewhere"}})
			if ev := take(t, c, do); ev.Kind != sale.Unclear || len(p.requests()) != 1 {
				t.Errorf("%s, %d: %s after %d requests", do, status, ev.Kind, len(p.requests()))
			}
		}
	}
}

func TestDeadlines(t *testing.T) {
	drip := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
	}
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, answer := range map[string]http.HandlerFunc{"drip": drip, "hang": hang} {
		p := newProvider(t, answer)
		conf := testConfig(t, p.URL)
		conf.ConnectTimeout, conf.TotalTimeout = Duration(100*time.Millisecond), Duration(300*time.Millisecond)
		c, _ := testClient(t, conf, time.Now)
		began := time.Now()
		if ev := take(t, c, sale.Charge); ev.Kind != sale.Unclear || whyOf(ev) != "no_answer" {
			t.Errorf("%s: %s %v", name, ev.Kind, ev.Why)
		}
		if took := time.Since(began); took < 300*time.Millisecond || took > 4*time.Second {
			t.Errorf("%s ended after %s", name, took)
		}
	}
}

func TestCallerGivesUp(t *testing.T) {
	p := newProvider(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	c, _ := testClient(t, testConfig(t, p.URL), time.Now)
	step, s := testStep(sale.Charge), testSale(sale.Payer)
	req, err := c.Prepare(step, s, sale.NewPayerCode(testCode))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ev := c.Do(ctx, step, s, req); ev.Kind != sale.NotSent || len(p.requests()) != 0 {
		t.Errorf("given up before: %s after %d requests", ev.Kind, len(p.requests()))
	}
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if ev := c.Do(ctx, step, s, req); ev.Kind != sale.Unclear || len(p.requests()) != 1 {
		t.Errorf("given up within: %s after %d requests", ev.Kind, len(p.requests()))
	}
}

func TestAnswerTooLarge(t *testing.T) {
	p := newProvider(t, nil)
	p.say(script{status: 200, body: tx("SUCCESS") + strings.Repeat(" ", maxAnswer)})
	c, book := testClient(t, testConfig(t, p.URL), time.Now)
	if ev := take(t, c, sale.Query); ev.Kind != sale.Unclear || !strings.Contains(book.String(), "larger than") {
		t.Errorf("%s %v\n%s", ev.Kind, ev.Why, book)
	}
}

// The breaker spares the dead domain's connect timeout, never counts bad news,
// never turns a call into a fact that is not one, and lets questions about money pass.
func TestBreaker(t *testing.T) {
	p := newProvider(t, nil)
	p.say(script{status: 500, body: errJSON("SYSTEM_ERROR")})
	c, book := testClient(t, testConfig(t, p.URL), time.Now)
	for range 2 * tripAfter {
		take(t, c, sale.Charge)
	}
	if n := len(p.requests()); n != 2*tripAfter || strings.Contains(book.String(), "is=open") {
		t.Errorf("%d of %d answers of 500 were asked for\n%s", n, 2*tripAfter, book)
	}

	url, requests := rawServer(t, reset)
	c, book = testClient(t, testConfig(t, url), time.Now)
	for i := range 2 * tripAfter {
		want := sale.Unclear
		if i >= tripAfter {
			want = sale.NotSent // the breaker is open: no connection was asked for
		}
		if ev := take(t, c, sale.Charge); ev.Kind != want {
			t.Errorf("charge %d: %s %v, want %s", i, ev.Kind, ev.Why, want)
		}
	}
	if ev := take(t, c, sale.Charge); whyOf(ev) != "provider_resting" {
		t.Errorf("a charge that was not tried: %v", ev.Why)
	}
	if ev := take(t, c, sale.Query); ev.Kind != sale.Unclear || whyOf(ev) != "no_answer" {
		t.Errorf("query: %s %v", ev.Kind, ev.Why)
	}
	if requests.Load() != tripAfter+1 || !strings.Contains(book.String(), "is=open") {
		t.Errorf("%d requests\n%s", requests.Load(), book)
	}

	second := newProvider(t, nil)
	second.say(script{status: 200, body: tx("SUCCESS")})
	c, _ = testClient(t, testConfig(t, closedPort(t), second.URL), time.Now)
	for i := range 2 * tripAfter {
		if ev := take(t, c, sale.Charge); ev.Kind != sale.Received {
			t.Errorf("charge %d past a dead domain: %s %v", i, ev.Kind, ev.Why)
		}
	}
}

// The line is back, and a question that went past the open breaker was answered:
// the next customer pays at once.
func TestAnAnswerClosesTheBreaker(t *testing.T) {
	p := newProvider(t, nil)
	p.say(script{status: 200, body: tx("SUCCESS")})
	var up atomic.Bool
	url, _ := rawServer(t, func(conn net.Conn, r *bufio.Reader) {
		if !up.Load() {
			reset(conn, r)
			return
		}
		to, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err != nil {
			return
		}
		defer to.Close()
		go func() { _, _ = io.Copy(to, r) }()
		_, _ = io.Copy(conn, to)
	})
	c, _ := testClient(t, testConfig(t, url), time.Now)
	for range tripAfter + 1 {
		take(t, c, sale.Charge)
	}
	up.Store(true)
	if ev := take(t, c, sale.Charge); whyOf(ev) != "provider_resting" {
		t.Errorf("before anybody asked: %s %v", ev.Kind, ev.Why)
	}
	for _, do := range []sale.Action{sale.Query, sale.Charge} {
		if ev := take(t, c, do); ev.Kind != sale.Received {
			t.Errorf("%s with the line back: %s %v", do, ev.Kind, ev.Why)
		}
	}
}

func TestNoLeaks(t *testing.T) {
	url, _ := rawServer(t, reset)
	before := runtime.NumGoroutine()
	for range 3 {
		p := newProvider(t, nil)
		p.say(script{status: 200, body: tx("NOTPAY")})
		c, _ := testClient(t, testConfig(t, p.URL, url), time.Now)
		for range 10 {
			take(t, c, sale.Query)
		}
		c.Close()
		p.Close()
	}
	deadline := time.Now().Add(5 * time.Second)
	for runtime.NumGoroutine() > before+2 && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before+2 {
		t.Errorf("%d goroutines, %d before", n, before)
	}
}

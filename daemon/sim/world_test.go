package sim

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestManyShopsAtOnceAreCountedRight(t *testing.T) {
	s := newShop(t)
	s.http.Timeout = 0 // a loaded machine is no failure here
	const clients, each = 64, 3
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			code, err := s.w.WeChat.Mint(PayerCode{Payer: fmt.Sprintf("payer-%d", i)})
			if err != nil {
				t.Error(err)
				return
			}
			for n := range each { // one code, three orders: only one of them may charge
				no := fmt.Sprintf("C%02d-%04d", i, n)
				if _, err := s.try("POST", codepayPath, s.codepayBody(no, 1100, code.AuthCode)); err != nil {
					t.Error(err)
				}
				if _, err := s.try("GET", s.queryPath(no), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 8 { // and readers in between
		wg.Go(func() { s.w.WeChat.Report() })
	}
	wg.Wait()
	r := s.w.WeChat.Report()
	equal(t, "charges", r.Totals.Charges, clients)
	equal(t, "net", r.Totals.Net, clients*1100)
	equal(t, "orders", len(r.Orders), clients*each)
	equal(t, "codepay", r.Requests[opCodepay], clients*each)
	equal(t, "query", r.Requests[opQuery], clients*each)
	equal(t, "payers", len(r.Payers), clients)
	for code, n := range r.Codes {
		equal(t, code, n, 1)
	}
	equal(t, "violations", len(r.Violations), clients*(each-1))
}

func TestOneOrderFromManySidesChargesOnce(t *testing.T) {
	s := newShop(t)
	s.http.Timeout = 0
	no, code := s.number(), s.code(behavePay)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := s.try("POST", codepayPath, s.codepayBody(no, 1100, code)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	c := s.counts(no)
	equal(t, "charges", c.Charges, 1)
	equal(t, "requests", c.Requests[opCodepay], 64)
	equal(t, "violations", len(c.Violations), 63)
	equal(t, "bodies", len(c.Bodies[opCodepay]), 1)
}

// A lost answer to a refund, a reverse or a close must not make the repeat do it twice.
func TestLostAnswersOfMoversAreRepeatable(t *testing.T) {
	s := newShop(t)
	lost := func(path string, body any) {
		t.Helper()
		if _, err := s.try("POST", path, body); !isReset(err) {
			t.Fatalf("%s: %v", path, err)
		}
	}
	no := s.number()
	_, _ = s.try("POST", codepayPath, s.codepayBody(no, 1209, s.code(behavePay)))
	lost(refundPath, refundBody(no, "R1", 1209, 1209))
	s.refund(200, no, "R1", 1209, 1209)
	s.clock.pass(3 * time.Second)
	equal(t, "refunds", s.counts(no).Refunds, 1)

	no = s.number()
	_, _ = s.try("POST", codepayPath, s.codepayBody(no, 1209, s.code(behavePay)))
	s.clock.pass(16 * time.Second)
	lost(orderPath(no, "/reverse"), s.end())
	s.reverse(200, no)
	equal(t, "reversals", s.counts(no).Reversals, 1)

	no = s.number()
	lost(nativePath, s.nativeBody(no, 1209))
	lost(orderPath(no, "/close"), obj{"mchid": s.k.MchID})
	s.must(204, "POST", orderPath(no, "/close"), obj{"mchid": s.k.MchID})
}

func TestCountsOverHTTP(t *testing.T) {
	s := newShop(t)
	no := s.paid(1000)
	c := s.control("GET", "/sim/counts/"+no, nil, 200)
	equal(t, "charges", c.str("charges"), "1")
	equal(t, "net", c.str("net"), "1000")
	equal(t, "state", c.str("state"), success)
	equal(t, "request", c.str("requests.codepay"), "1")
	equal(t, "totals", s.control("GET", "/sim/counts", nil, 200).str("totals.net"), "1000")
	s.control("GET", "/sim/counts/T1-nothing", nil, 404)
	s.control("GET", "/sim/scanner", nil, 404)
	s.control("POST", "/sim/phone/codes", obj{"behaviour": "steal"}, 400)
	equal(t, "code", len(s.control("POST", "/sim/phone/codes", obj{"behaviour": "pay"}, 200).str("auth_code")), 18)
	equal(t, "unknown", s.control("POST", "/sim/phone/scan", obj{"code_url": "weixin://x"}, 404).str("code"), "CODE_UNKNOWN")
	s.must(200, "POST", nativePath, s.nativeBody(s.number(), 700))
	g := s.control("GET", "/sim/phone/screen", nil, 200)
	if !strings.Contains(string(g.raw), `"total":700`) {
		t.Fatalf("screen %s", g.raw)
	}
}

// line opens the scanner's port as a till would and hands over what is read until the port hangs up.
func line(t *testing.T, path string) (<-chan string, <-chan error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	text, end := make(chan string, 16), make(chan error, 1)
	go func() {
		defer f.Close()
		var all []byte
		b := make([]byte, 64)
		for {
			n, err := f.Read(b)
			if err != nil {
				end <- err
				return
			}
			all = append(all, b[:n]...)
			if i := strings.IndexByte(string(all), '\r'); i >= 0 {
				text <- string(all[:i+1])
				all = all[i+1:]
			}
		}
	}()
	return text, end
}

func TestScannerIsAPortThatCanBePulled(t *testing.T) {
	s := newShop(t)
	path := filepath.Join(t.TempDir(), "scanner")
	sc := &Scanner{AIM: "]Q1"}
	if err := sc.Open(path); err != nil {
		t.Fatal(err)
	}
	defer sc.Close()
	s.w.Scanner = sc
	if err := sc.Scan("130061098828009406"); err != nil { // before anybody listens
		t.Fatal(err)
	}
	text, end := line(t, path)
	equal(t, "waiting", <-text, "]Q1130061098828009406\r")
	s.control("POST", "/sim/scanner", obj{"data": "6901234567892"}, 200)
	equal(t, "data", <-text, "6901234567892\r")
	s.control("POST", "/sim/scanner", obj{"data": "ab", "suffix": "\n\r"}, 200)
	equal(t, "suffix", <-text, "ab\n\r")
	s.control("POST", "/sim/scanner", obj{}, 400)
	s.control("POST", "/sim/scanner", obj{"replug": true}, 409)

	equal(t, "unplugged", s.control("POST", "/sim/scanner", obj{"unplug": true}, 200).str("plugged"), "false")
	if err := <-end; err == nil {
		t.Fatal("no hangup")
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the link is still there: %v", err)
	}
	s.control("POST", "/sim/scanner", obj{"data": "1"}, 409)
	s.control("POST", "/sim/scanner", obj{"unplug": true}, 409)
	equal(t, "again", s.control("POST", "/sim/scanner", obj{"replug": true}, 200).str("plugged"), "true")
	text, _ = line(t, path)
	s.control("POST", "/sim/scanner", obj{"data": "2"}, 200)
	equal(t, "new port", <-text, "2\r")
	if err := sc.Close(); err != nil {
		t.Fatal(err)
	}
	if err := sc.Replug(); err == nil {
		t.Fatal("replugged after Close")
	}
	if err := sc.Open(path); err == nil {
		t.Fatal("opened twice")
	}
}

func TestScannerLeavesNoDescriptors(t *testing.T) {
	count := func() int {
		d, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal("no /proc")
		}
		return len(d)
	}
	path := filepath.Join(t.TempDir(), "scanner")
	var sc Scanner
	if err := sc.Open(path); err != nil {
		t.Fatal(err)
	}
	before := count()
	for range 20 {
		if err := errors.Join(sc.Unplug(), sc.Replug()); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "descriptors", count(), before)
	if err := sc.Close(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkSeal(b *testing.B) {
	k, err := sharedKeys()
	if err != nil {
		b.Fatal(err)
	}
	w := &WeChat{Credentials: k}
	h := make(http.Header)
	for b.Loop() {
		w.seal(h, "", answer{body: []byte("{}")}, mannerPlain, 0)
	}
}

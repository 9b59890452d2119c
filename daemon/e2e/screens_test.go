package e2e

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// shots slows the world down to the pace of a person, and keeps what was on the
// screens.
var shots = flag.String("shots", "", "directory that keeps screenshots of both screens in every scenario")

// screens are the two screens of a counter, and what both of them ever said.
type screens struct {
	t                 *testing.T
	o                 *outside
	d                 *till
	cashier, customer context.Context
	taken             int
}

// recorder keeps what a person could have read, each change of it once.
const recorder = `(() => {
	const text = (id) => { const e = document.getElementById(id); return e && e.checkVisibility() ? e.innerText.trim().replace(/\s+/g, ' ') : '' };
	const read = () => {
		if (text('cover')) return 'COVERED';
		if (text('idle')) return 'IDLE';
		if (!text('headline')) return 'KEYPAD';
		const code = document.getElementById('code') ? '[QR]' : '', agree = text('agree') ? '[' + text('agree') + ']' : '';
		return [text('total'), text('headline'), text('advice'), text('why'), text('tries'), code, agree].filter(Boolean).join(' | ');
	};
	window.seen = [];
	const note = () => { const now = read(); if (now !== window.seen.at(-1)) window.seen.push(now) };
	window.forget = () => { window.seen = []; note(); }; // what is there begins it, and is somebody else's
	new MutationObserver(note).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
	note();
	return true;
})()`

func openScreens(t *testing.T, o *outside, d *till) *screens {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("this test needs chromium: apt-get install chromium")
	}
	options := []chromedp.ExecAllocatorOption{chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir())}
	for _, name := range []string{"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "hide-scrollbars"} {
		options = append(options, chromedp.Flag(name, true))
	}
	s := &screens{t: t, o: o, d: d}
	open := func(path string, width, height int64) context.Context {
		ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
		t.Cleanup(cancel)
		ctx, cancel = chromedp.NewContext(ctx)
		t.Cleanup(cancel)
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height), chromedp.Navigate(d.api.Base+path)); err != nil {
			t.Fatal(err)
		}
		run[bool](ctx, s, recorder)
		return ctx
	}
	s.cashier = open("/", 800, 480)
	options[1] = chromedp.UserDataDir(t.TempDir())
	s.customer = open("/customer", 1024, 600)
	return s
}

func run[T any](ctx context.Context, s *screens, js string) T {
	s.t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		s.t.Fatalf("%.80s: %v", js, err)
	}
	return v
}

// shot keeps both screens as they are.
func (s *screens) shot(name string) {
	if *shots == "" {
		return
	}
	s.taken++
	for screen, ctx := range map[string]context.Context{"cashier": s.cashier, "customer": s.customer} {
		picture, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err == nil {
			err = os.WriteFile(filepath.Join(*shots, fmt.Sprintf("%s-%03d-%s.png", name, s.taken, screen)), picture, 0o600)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// told is what one sale looked like.
type told struct {
	sale              api.Sale
	cashier, customer []string
	again             bool // the payer was asked for another code and showed one
}

// sell has one sale made as people make it: the customer pays, agrees and looks into
// the telephone, and a manager approves.
func (s *screens) sell(name string, n api.NewSale) told {
	s.t.Helper()
	run[bool](s.cashier, s, `(() => { const e = document.getElementById('new'); if (e.checkVisibility()) e.click(); window.forget(); return true })()`)
	run[bool](s.customer, s, `(window.forget(), true)`)
	v, err := s.d.api.Open(soon(s.t), n, rand.Text(), 0)
	if err != nil {
		s.t.Fatalf("%s: %v", name, err)
	}
	var r told
	paid, codes, cancelled, last := false, 0, false, ""
	for end := time.Now().Add(time.Minute); !v.Rests() || v.Can.Retry && codes < 2; time.Sleep(60 * time.Millisecond) {
		switch {
		case v.QR != nil && !paid:
			paid = true
			s.shot(name + "-code")
			_ = s.o.ask(http.MethodPost, "/sim/phone/scan", map[string]string{"code_url": v.QR.Text, "action": "pay"}, nil) // a code that was withdrawn meanwhile is refused
		case (v.Can.Scan || v.Can.Retry) && codes < 2:
			s.shot(name + "-scan")
			if _, err = s.d.api.Scan(soon(s.t), v.ID, s.o.payerCode("pay")); err == nil {
				codes++
				r.again = codes > 1
			}
		case v.State == "awaiting_confirmation":
			if run[bool](s.customer, s, `(() => { const e = document.getElementById('agree'); return e.checkVisibility() && !e.disabled })()`) {
				s.shot(name + "-agree")
				run[bool](s.customer, s, `(document.getElementById('agree').click(), true)`)
			}
		case v.State == "awaiting_approval":
			s.shot(name + "-approve")
			_, err = s.d.api.Consent(soon(s.t), v, "manager")
		case v.Liveness != nil && last != v.Liveness.URL:
			last = v.Liveness.URL
			time.Sleep(300 * time.Millisecond)
			s.shot(name + "-check")
			if strings.HasPrefix(name, "live_phone") {
				s.selfie()
			}
		}
		if !cancelled && time.Now().After(end) {
			cancelled = true
			_, err = s.d.api.Cancel(soon(s.t), v.ID, "")
		}
		if err != nil { // the sale has moved on
			s.t.Log(err)
		}
		if time.Now().After(end.Add(time.Minute)) {
			s.t.Fatalf("%s: the sale does not come to rest: %s", name, v.State)
		}
		if now := v.Says.Code; now != last && (now == "in_doubt" || now == "charging") {
			s.shot(name + "-" + now)
			last = now
		}
		if v, err = s.d.api.Sale(soon(s.t), v.ID, 0); err != nil {
			s.t.Fatal(err)
		}
	}
	r.sale = v
	s.reaches(v)
	s.shot(name + "-end")
	r.cashier, r.customer = run[[]string](s.cashier, s, `window.seen.slice(1)`), run[[]string](s.customer, s, `window.seen.slice(1)`)
	return r
}

// reaches waits until both screens say what the till says.
func (s *screens) reaches(v api.Sale) {
	s.t.Helper()
	for ctx, words := range map[context.Context]string{s.cashier: v.Says.Headline.En, s.customer: v.Says.Payer.Headline.En} {
		for end := time.Now().Add(20 * time.Second); !run[bool](ctx, s, fmt.Sprintf(`window.seen.slice(1).some((f) => f.includes(%q))`, words)); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				s.t.Fatalf("a screen does not say %q: %q", words, run[[]string](ctx, s, `window.seen`))
			}
		}
	}
}

// selfie passes whatever check the payer's telephone has open.
func (s *screens) selfie() {
	s.t.Helper()
	var open []struct {
		SessionID string `json:"session_id"`
		State     string `json:"state"`
	}
	s.o.do(http.MethodGet, "/sim/phone/liveness", nil, &open)
	for _, l := range open {
		if l.State == "PENDING" {
			_ = s.o.ask(http.MethodPost, "/sim/phone/liveness", map[string]string{"session_id": l.SessionID, "outcome": "pass"}, nil) // some scenarios decide by themselves
		}
	}
}

// true holds what both screens said against the provider's own count.
func (s *screens) true(name string, r told) {
	s.t.Helper()
	orders, net := s.o.orders(), int64(0)
	for _, a := range r.sale.History.Attempts {
		c := orders[a.OrderNo]
		if net += c.Net; c.Charges > 1 {
			s.t.Errorf("%s: %d charges of %s", name, c.Charges, a.OrderNo)
		}
	}
	for screen, frames := range map[string][]string{"cashier": r.cashier, "customer": r.customer} {
		says := func(words ...string) bool {
			return slices.ContainsFunc(frames, func(f string) bool {
				return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(f, w) })
			})
		}
		switch {
		case says("| Paid |", "已付款 Paid") != (r.sale.State == "paid"), r.sale.State == "paid" && net != r.sale.Amount.Minor, r.sale.State != "paid" && net != 0:
			s.t.Errorf("%s: the %s read %q; the sale is %s, the provider has %d of %s", name, screen, frames, r.sale.State, net, r.sale.Amount.Decimal)
		case net > 0 && !r.again && says("Not paid", "You were not charged", "No money was taken", "Cancelled", "Time ran out", "No payment found"):
			s.t.Errorf("%s: the %s read %q, and %d was taken", name, screen, frames, net)
		case says("COVERED"):
			s.t.Errorf("%s: the %s's screen covered itself: %q", name, screen, frames)
		}
		s.t.Logf("%s, %s: %s", name, screen, strings.Join(frames, "\n        -> "))
	}
}

// scenario is a button of the simulator's page.
type scenario struct {
	Name  string `json:"name"`
	Group string `json:"group"`
}

// TestScreensInEveryScenario presses every button of the simulator's page and sells
// in both flows: whatever goes wrong, both screens tell what the provider has. Where
// it is about currencies the shop is one in Hong Kong.
func TestScreensInEveryScenario(t *testing.T) {
	pace := 25
	if *shots != "" {
		pace = 2
	}
	o := startOutside(t, pace)
	home := judged(t, o, built(t).product, "HOME", "")
	conf, err := os.ReadFile(home.config)
	if err == nil {
		err = os.WriteFile(home.config, []byte(strings.Replace(string(conf), "[aipay]\n", "[aipay]\nenabled = true\n", 1)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	abroad := newTill(t, o, built(t).product, "ABROAD", func(conf string) string {
		conf = strings.Replace(conf, "[till]\n", "[till]\ncurrency = \"HKD\"\n", 1)
		return strings.Replace(conf, "[aipay]\n", "[aipay]\nenabled = true\n", 1) + "[aipay.fx]\npay_in = \"CNY\"\n"
	})
	counters := make(map[*till]*screens)
	for _, d := range []*till{home, abroad} {
		if !d.start() {
			t.Fatalf("the till did not open:\n%s", d.log)
		}
		counters[d] = openScreens(t, o, d)
	}
	var all []scenario
	o.do(http.MethodGet, "/sim/scenarios", nil, &all)
	for _, sc := range all {
		t.Run(sc.Name, func(t *testing.T) {
			d, n := home, api.NewSale{Amount: "12.80", Currency: "CNY"}
			if sc.Group == "currency" {
				d, n = abroad, api.NewSale{Amount: "100.00", Currency: "HKD", PayIn: "CNY"}
			}
			s := counters[d]
			s.t, o.t, d.t = t, t, t
			for _, n.Flow = range []sale.Flow{sale.Merchant, sale.Payer} {
				s.inScenario(sc, n)
			}
		})
	}
	o.t = t
	for _, d := range []*till{home, abroad} {
		d.t = t
		d.stop()
		d.check()
	}
}

// inScenario makes one sale while a scenario is on. A network that never comes back
// settles nothing.
func (s *screens) inScenario(sc scenario, n api.NewSale) {
	s.t.Helper()
	s.o.do(http.MethodPost, "/sim/scenarios", map[string]any{"name": sc.Name, "on": true}, nil)
	off := time.AfterFunc(4*time.Second, func() {
		if sc.Group == "network" {
			_ = s.o.ask(http.MethodDelete, "/sim/scenarios", nil, nil) // it is asked for again below
		}
	})
	s.true(sc.Name, s.sell(sc.Name+"-"+string(n.Flow), n))
	off.Stop()
	s.o.do(http.MethodDelete, "/sim/scenarios", nil, nil)
}

package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// walk is a person at the page.
type walk struct {
	t          *testing.T
	ctx        context.Context
	complaints func() []string
}

func (w *walk) do(what string, a ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.ctx, a...); err != nil {
		w.t.Fatalf("%s: %v; console: %v", what, err, w.complaints())
	}
}

func (w *walk) says(script string) string {
	w.t.Helper()
	text, err := chromedp.Run(w.ctx, chromedp.Evaluate[string](script))
	if err != nil {
		w.t.Fatalf("%s: %v", script, err)
	}
	return text
}

// until waits for something that no selector can say.
func (w *walk) until(what, script string) {
	w.t.Helper()
	if _, err := chromedp.Run(w.ctx, chromedp.Poll[bool](script)); err != nil {
		w.t.Fatalf("%s: %v; console: %v", what, err, w.complaints())
	}
}

// shot leaves a picture where somebody wants to look at it (SIM_SHOTS).
func (w *walk) shot(name string) {
	w.t.Helper()
	dir := os.Getenv("SIM_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(w.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(dir+"/"+name+".png", png, 0o600)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestPageSwitchesEveryScenario(t *testing.T) {
	s := newAIShop(t)
	s.w.WeChat.Now = nil // a person's browser has the real clock
	s.clock.pass(time.Since(s.clock.now()))
	s.w.Scanner = &Scanner{}
	if err := s.w.Scanner.Open(t.TempDir() + "/scanner"); err != nil {
		t.Fatal(err)
	}
	defer s.w.Scanner.Close()
	ctx, complaints := browser(t)
	w := &walk{t, ctx, complaints}
	w.do("open", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url+"/sim/"), chromedp.WaitVisible("#scenarios button"))
	for i, c := range scenarios() {
		button := `[data-scenario="` + c.Name + `"]`
		w.do(c.Name, chromedp.Click(button), chromedp.WaitVisible(button+`[aria-pressed="true"]`))
		if !s.lit()[c.Name] {
			t.Fatalf("%s is not on", c.Name)
		}
		if text := w.says(`document.querySelector('` + button + `').textContent`); !strings.Contains(text, c.What.En) || !strings.Contains(text, c.Sees.En) {
			t.Fatalf("%s says %q", c.Name, text)
		}
		if i%2 == 0 { // and off again by its own button
			w.do(c.Name, chromedp.Click(button), chromedp.WaitVisible(button+`[aria-pressed="false"]`))
		}
	}
	if len(s.lit()) < 5 {
		t.Fatalf("on are %v", s.lit())
	}
	w.do("scroll", chromedp.ScrollIntoView("#scenarios"))
	w.shot("scenarios-on")
	w.do("all off", chromedp.Click("#all-off"), chromedp.WaitVisible("#all-off:disabled"))
	equal(t, "on", len(s.lit()), 0)
	equal(t, "link", s.w.WeChat.linkState().Up, true)

	w.do("rates", chromedp.SetValue("#rate", "7.5"), chromedp.SetValue("#volatility", "0.1"))
	w.says(`(() => {
		for (const [id, v] of [["pair", "USD/CNY"]]) { document.getElementById(id).value = v; }
		const rate = document.getElementById("rate"); rate.value = "7.5"; rate.dispatchEvent(new Event("change"));
		const vol = document.getElementById("volatility"); vol.value = "0.1"; vol.dispatchEvent(new Event("input"));
		const cur = document.getElementById("currency"); cur.value = "USD"; cur.dispatchEvent(new Event("change"));
		return "" })()`)
	w.until("rates arrive", `document.getElementById("volatility-is").textContent === "10.0 %" && document.getElementById("balances").textContent.includes("USD 5000.00")`)
	equal(t, "rate", s.w.WeChat.AIReport().FX.Mids["USD/CNY"], "7.5")

	no := s.number()
	s.aiPay(200, uuidKey, s.aiBody(no, 1200, ""))
	g := s.aiPay(200, uuidKey, s.aiBody(no, 1200, "")) // unprotected: a shadow
	s.control("POST", "/sim/phone/scan", obj{"code_url": g.str("code_url"), "action": "pay"}, 200)
	w.do("the books", chromedp.WaitVisible("#payers tbody tr"), chromedp.WaitVisible("#orders small.bad"), chromedp.WaitVisible("#ai-totals dd.bad"))
	w.shot("scenarios-books")
	w.do("Chinese", chromedp.Click("#language"), chromedp.WaitVisible(`html[lang="zh-CN"] #scenarios button`))
	if text := w.says(`document.body.textContent`); !strings.Contains(text, "支付AI接口场景") || !strings.Contains(text, scenarios()[0].What.Zh) {
		t.Fatalf("in Chinese: %.400s", text)
	}
	w.shot("scenarios-zh")
	w.do("narrow", chromedp.EmulateViewport(390, 844))
	if wide := w.says(`String(document.documentElement.scrollWidth)`); wide != "390" {
		t.Errorf("on a phone the page is %s wide", wide)
	}
	w.shot("scenarios-narrow")
	if c := complaints(); len(c) != 0 {
		t.Fatalf("console: %v", c)
	}
}

// The payer's phone opens the address of the challenge, whatever the shop does meanwhile.
func TestPageOfALivenessCheck(t *testing.T) {
	s := newAIShop(t)
	s.w.WeChat.Now = nil
	s.clock.pass(time.Since(s.clock.now()))
	s.w.Scanner = &Scanner{} // a page without one complains about the 404
	if err := s.w.Scanner.Open(t.TempDir() + "/scanner"); err != nil {
		t.Fatal(err)
	}
	defer s.w.Scanner.Close()
	s.scenario("live_phone", true)
	ctx, complaints := browser(t)
	w := &walk{t, ctx, complaints}
	w.do("viewport", chromedp.EmulateViewport(390, 844))
	for _, c := range []struct{ shot, state, seen string }{
		{"pass", liveDone, "#note.good"},
		{"low", liveDone, "#note.good"},
		{"wrong_nonce", liveDone, "#note.good"},
		{"twice", liveDone, "#note.good"},
		{"fail", liveFailed, "#note.bad"},
		{"late", livePending, "#shots button:disabled"},
	} {
		no := s.number()
		g := s.aiPay(200, s.key(), s.aiBody(no, 50_000, ""))
		session, url := g.str("challenge.session_id"), g.str("challenge.url")
		path, found := strings.CutPrefix(url, "https://liveness.example")
		if !found {
			t.Fatalf("url %s", url)
		}
		w.do("too early", chromedp.Navigate(s.url+path), chromedp.WaitVisible(`[data-shot="pass"]:disabled`))
		s.control("POST", "/sim/phone/liveness", obj{"session_id": session, "outcome": "pass"}, 409)
		s.must(200, "POST", livenessPath, obj{"out_trade_no": no, "session_id": session, "nonce": "N-1"})
		w.do("asked", chromedp.WaitEnabled(`[data-shot="`+c.shot+`"]`))
		equal(t, "waits for the phone", s.poll(session).str("state"), livePending)
		if c.shot == "pass" {
			equal(t, "amount", w.says(`document.getElementById("amount").textContent`), "¥500.00")
			w.shot("liveness")
		}
		w.do(c.shot, chromedp.Click(`[data-shot="`+c.shot+`"]`), chromedp.WaitVisible(c.seen))
		p := s.poll(session)
		equal(t, c.shot, p.str("state"), c.state)
		equal(t, c.shot+" low", p.str("liveness") == "0.41", c.shot == "low")
		equal(t, c.shot+" nonce", p.str("nonce") == "N-1", c.state != livePending && c.shot != "wrong_nonce")
	}
	w.shot("liveness-late")
	no := s.number()
	session := s.challenged(no)
	w.do("from the page of the world", chromedp.Navigate(s.url+"/sim/"), chromedp.WaitVisible(`#selfies a[href="liveness.html?s=`+session+`"]`))
	w.shot("selfies")
	w.do("unknown", chromedp.Navigate(s.url+"/sim/liveness.html?s=LVnobody&lang=zh"))
	w.until("unknown", `document.getElementById("note").textContent === "没有这次验证。"`)
	s.control("POST", "/sim/phone/liveness", obj{"session_id": "LVnobody", "outcome": "pass"}, 404)
	if c := complaints(); len(c) != 0 {
		t.Fatalf("console: %v", c)
	}
}

// The certificate of the site is one that a client can be told to trust, and the address of a challenge opens there.
func TestLivenessAddressOpensByTLS(t *testing.T) {
	s := newAIShop(t)
	cert, err := s.k.SiteCertificate()
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: s.w, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}}
	go func() { _ = srv.ServeTLS(ln, "", "") }()
	defer srv.Close()
	s.w.WeChat.Site = "https://" + ln.Addr().String()
	s.scenario("live_phone", true)
	url := s.aiPay(200, s.key(), s.aiBody(s.number(), 50_000, "")).str("challenge.url")
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	defer tr.CloseIdleConnections()
	resp, err := (&http.Client{Transport: tr}).Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 || !strings.Contains(string(body), `data-shot="pass"`) {
		t.Fatalf("%s: %d %v %.200s", url, resp.StatusCode, err, body)
	}
}

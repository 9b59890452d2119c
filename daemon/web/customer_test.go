package web

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// counter is a shop where sales are judged, as far as consent goes.
type counter struct{ *shop }

func (c counter) Consent(_ context.Context, id sale.ID, _ int, by string) (sale.Sale, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := sale.Approved
	if c.sales[id].State == sale.AwaitingConfirmation {
		kind = sale.Agreed
	} else if by == "" {
		return sale.Sale{}, &fault{http.StatusUnprocessableEntity, "approver_missing", "nobody is named", "name the manager"}
	}
	return c.commit(id, sale.Event{Kind: kind, By: by})
}

func (counter) Rules() api.Rules { return api.Rules{} }

func (counter) ReplaceRules(string) (api.Rules, error) { return api.Rules{}, nil }

const shopName = "Corner Café 街角咖啡"

func judging(b *shop) Options {
	o := optionsOf(b, &safeBuffer{})
	o.Judge, o.Shop = counter{b}, shopName
	return o
}

// counterScreens opens a shop with a customer's screen.
func counterScreens(t *testing.T, width, height int64) (*shop, string, *browser) {
	t.Helper()
	shop := newShop()
	s, err := New(judging(shop))
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serve(t, s, ln))
	b := browse(t)
	url := "http://" + ln.Addr().String()
	b.open(url+"/customer", width, height)
	b.see("#idle", shopName)
	b.see("#idle", "Welcome")
	return shop, url, b
}

// ring opens a sale at the shop, as a POS does.
func (b *shop) ring(t *testing.T, n sale.New) sale.ID {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	s, _, err := b.openLocked(n, sale.Once{Key: strings.Repeat("k", 8+len(b.ids))})
	if err != nil {
		t.Fatal(err)
	}
	return s.ID
}

func yuan(minor int64) money.Money { return money.Money{Minor: minor, Currency: "CNY"} }

// says waits for what a customer reads, in both languages at once.
func (b *browser) says(chinese, english string) {
	b.t.Helper()
	b.see("#headline", chinese)
	b.see("#headline", english)
}

// silent fails the test where a screen that the whole queue reads says any of it.
func (b *browser) silent(words ...string) {
	b.t.Helper()
	text := eval[string](b, `document.body.textContent`)
	for _, w := range words {
		if strings.Contains(text, w) {
			b.shot("told")
			b.t.Errorf("the customer's screen says %q: %s", w, text)
		}
	}
}

// legible holds every text that shows to the contrast of WCAG 2.1 AA, and the screen
// to its window.
func (b *browser) legible() {
	b.t.Helper()
	bad := eval[[]string](b, `(() => {
		const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
			.reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
		const parse = (c) => c.match(/[\d.]+/g).map(Number);
		const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
		const texts = [...document.querySelectorAll('body *')].filter((e) => e.checkVisibility() && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()));
		return texts.flatMap((e) => {
			const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
			const contrast = (a + .05) / (b + .05), r = e.getBoundingClientRect();
			const inside = r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight;
			return contrast >= 4.5 && inside && parseFloat(getComputedStyle(e).fontSize) >= 14 ? [] : [e.textContent + ' ' + contrast.toFixed(1) + ' ' + [r.left, r.top, r.right, r.bottom].map(Math.round)];
		});
	})()`)
	if len(bad) > 0 {
		b.shot("illegible")
		b.t.Errorf("low in contrast, small, or outside of the window: %q", bad)
	}
}

// TestCustomerPays is what a customer sees of two sales, one in each flow.
func TestCustomerPays(t *testing.T) {
	for _, size := range [][2]int64{{1024, 600}, {480, 800}} {
		shop, _, b := counterScreens(t, size[0], size[1])
		b.legible()
		b.shot("idle")
		id := shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(1280), Operator: "Zhang"})
		b.says("请稍候", "One moment")
		shop.present(t, id)
		b.says("请扫码付款", "Scan to pay")
		b.see("#total", "CNY 12.80")
		b.see("#count", ":")
		if got := b.scans("code"); got != codeURL {
			t.Errorf("the screenshot reads %q, want %q", got, codeURL)
		}
		b.legible()
		b.silent("Zhang", "已付款", "Paid")
		shop.pay(t, id)
		b.says("已付款", "Paid")
		b.until(`!document.getElementById('code') && document.getElementById('sign').getAttribute('href') === '#i-good'`)
		b.legible()
		b.shot("paid")
		b.see("#idle", "Welcome") // by itself, after a while
		b.silent("12.80")

		id = shop.ring(t, sale.New{Flow: sale.Payer, Amount: yuan(500)})
		b.says("请出示付款码", "Please show your payment code")
		b.legible()
		b.shot("show")
		shop.apply(t, id, sale.Event{Kind: sale.ChargeIntended, CodeID: "1"})
		b.see("#advice", "do not pay again")
		shop.apply(t, id, sale.Event{Kind: sale.Unclear})
		b.says("结果尚不确定", "Not certain yet")
		b.legible()
		b.shot("doubt")
		b.silent("Not paid", "未付款", "已付款")
		shop.apply(t, id, sale.Event{Kind: sale.ReverseIntended})
		b.says("正在撤销付款", "Taking the payment back")
		shop.apply(t, id, sale.Event{Kind: sale.TakenBack})
		b.says("已撤销", "Taken back")
		b.legible()
		shop.apply(t, id, sale.Event{Kind: sale.ChargeIntended, CodeID: "2"})
		b.says("请稍候", "Please wait")
		why := &sale.Reason{Code: "not_enough", Message: "余额不足"}
		shop.apply(t, id, sale.Event{Kind: sale.ChargeRefused, Why: why})
		b.says("结果尚不确定", "Not certain yet") // until the books confirm it
		shop.apply(t, id, sale.Event{Kind: sale.Concluded, Why: why})
		b.says("未付款", "Not paid")
		b.see("#advice", "You were not charged")
		b.silent("余额", "balance")
		b.legible()
		b.shot("declined")
		shop.apply(t, id, sale.Event{Kind: sale.ChargeIntended, CodeID: "3"})
		b.says("请稍候", "Please wait")
		shop.pay(t, id)
		b.says("已付款", "Paid")
		b.clean()
	}
}

// A refund shows the money that goes back while the customer stands there, and not
// to whoever comes after.
func TestCustomerIsRefunded(t *testing.T) {
	shop, _, b := counterScreens(t, 1024, 600)
	first := shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(1280)})
	shop.present(t, first)
	shop.pay(t, first)
	b.says("已付款", "Paid")
	shop.apply(t, first, sale.Event{Kind: sale.RefundRequested, Amount: yuan(280), By: "Li", Why: &sale.Reason{Code: "refund", Message: "cold"}})
	b.says("退款已承诺", "Your refund is promised")
	b.see("#total", "CNY 2.80")
	b.silent("Li", "cold")
	b.legible()
	b.shot("refunding")
	second := shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(900)})
	shop.present(t, second)
	b.see("#total", "CNY 9.00")
	no := shop.get(t, first).Refunds[0].No
	req := sale.NewRequest("POST", "/v3/refund", []byte(`{}`), sale.PayerCode{})
	shop.apply(t, first, sale.Event{Kind: sale.RefundIntended, RefundNo: no, Request: &req}, sale.Event{Kind: sale.RefundDone, RefundNo: no})
	shop.apply(t, second, sale.Event{Kind: sale.CancelRequested})
	b.says("结果尚不确定", "Not certain yet")
	b.until(`!document.getElementById('code')`) // it was asked back
	b.silent("2.80", "退款")
	shop.apply(t, second, sale.Event{Kind: sale.CloseIntended}, sale.Event{Kind: sale.Closed})
	b.says("已取消", "Cancelled")
	b.clean()
}

// TestCustomerIsChecked is a check of the payer: its code is shown to the customer
// and goes when it was passed.
func TestCustomerIsChecked(t *testing.T) {
	shop, url, b := counterScreens(t, 480, 800)
	id := shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(1280)})
	shop.apply(t, id, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{Needs: []sale.Need{sale.NeedApprove, sale.NeedVerify}, By: "rules"}})
	b.says("请稍候", "One moment")
	b.silent("manager", "主管")
	b.until(`document.getElementById('agree').hidden`)
	res, body := send(t, url, request{method: "POST", path: "/v1/sales/" + string(id) + "/consent", body: `{}`, header: map[string]string{"Content-Type": "application/json"}})
	if res.StatusCode != http.StatusUnprocessableEntity {
		t.Fatalf("what the screen sends approves as a manager: %d %s", res.StatusCode, body)
	}
	shop.apply(t, id, sale.Event{Kind: sale.Approved, By: "Wang"})
	b.says("请稍候", "One moment")
	check := "https://check.example/l/8f2a"
	shop.apply(t, id, sale.Event{Kind: sale.LivenessOpened, Liveness: &sale.Liveness{OrderNo: shop.get(t, id).NextOrderNo(), Session: "L1", URL: check, Lasts: time.Minute}})
	b.says("请完成活体验证", "A quick face check")
	if got := b.scans("check"); got != check {
		t.Errorf("the screenshot reads %q, want %q", got, check)
	}
	b.legible()
	b.silent("Wang")
	shop.apply(t, id, sale.Event{Kind: sale.LivenessPassed, OrderNo: shop.get(t, id).Liveness.OrderNo})
	shop.present(t, id)
	b.says("请扫码付款", "Scan to pay")
	if got := b.scans("code"); got != codeURL {
		t.Errorf("after the check the screenshot reads %q, want %q", got, codeURL)
	}
	b.clean()

	b.open(url, 800, 480)
	b.see("#headline", "Waiting for the payment")
	shop.pay(t, id)
	b.see("#headline", "Paid")
	b.press("#new")
	id = shop.ring(t, sale.New{Flow: sale.Payer, Amount: yuan(600)})
	shop.apply(t, id, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{Needs: []sale.Need{sale.NeedVerify}, By: "rules"}})
	b.see("#advice", "the check is being opened")
	l := &sale.Liveness{OrderNo: shop.get(t, id).NextOrderNo(), Session: "L2", URL: check, Lasts: time.Minute}
	shop.apply(t, id, sale.Event{Kind: sale.LivenessOpened, Liveness: l})
	b.see("#advice", "The customer scans this code and looks into the telephone.")
	b.see("#tries", "2 tries left")
	if got := b.scans("cashier"); got != check {
		t.Errorf("on the cashier's screen the screenshot reads %q, want %q", got, check)
	}
	b.fits()
	shop.apply(t, id, sale.Event{Kind: sale.LivenessFailed, OrderNo: l.OrderNo})
	b.until(`!document.getElementById('code')`)
	l = &sale.Liveness{OrderNo: l.OrderNo, Session: "L3", URL: check + "b", Lasts: time.Minute}
	shop.apply(t, id, sale.Event{Kind: sale.LivenessOpened, Liveness: l})
	b.see("#tries", "Last try")
	b.see("#headline", "Face check, once more")
	if got := b.scans("last"); got != check+"b" {
		t.Errorf("at the last try the screenshot reads %q", got)
	}
	shop.apply(t, id, sale.Event{Kind: sale.LivenessFailed, OrderNo: l.OrderNo, Why: &sale.Reason{Code: "liveness_late", Message: "late"}})
	b.see("#headline", "Not paid")
	b.see("#why", "did not finish the face check")
	b.until(`!document.getElementById('code')`)
	b.clean()
}

// TestCustomerScreenIsWhole holds the page to what a small machine loads at once, and
// to files of its own.
func TestCustomerScreenIsWhole(t *testing.T) {
	s := start(t, newShop())
	for page, files := range map[string][]string{
		"/":         {"/base.css", "/style.css", "/app.js", "/net.js", "/keys.js", "/words.js", "/states.js", "/icon.svg"},
		"/customer": {"/base.css", "/customer.css", "/customer.js", "/net.js", "/states.js", "/icon.svg"},
	} {
		const budget = 48 << 10
		sum := 0
		for _, path := range append(files, page) {
			res, body := send(t, s.url, request{method: "GET", path: path})
			if res.StatusCode != http.StatusOK {
				t.Errorf("%s is answered with %d", path, res.StatusCode)
			}
			body = bytes.ReplaceAll(body, []byte("http://www.w3.org/2000/svg"), nil)
			if strings.Contains(string(body), "http://") || strings.Contains(string(body), "https://") {
				t.Errorf("%s names another site", path)
			}
			sum += len(body)
		}
		if t.Logf("%s loads %d bytes", page, sum); sum > budget {
			t.Errorf("%s loads %d bytes, at most %d may be", page, sum, budget)
		}
	}
}

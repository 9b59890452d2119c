package web

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

func rateOf(t *testing.T, text string) money.Rate {
	t.Helper()
	r, err := money.ParseRate(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// abroad is a sale in HKD that is paid in CNY, at a price that the payer has to agree
// to.
func (b *shop) abroad(t *testing.T, flow sale.Flow, lasts time.Duration) sale.ID {
	t.Helper()
	id := b.ring(t, sale.New{Flow: flow, Amount: money.Money{Minor: 10000, Currency: "HKD"}, PayIn: "CNY"})
	b.apply(t, id, sale.Event{Kind: sale.Priced, Price: &sale.Price{
		Projection: "P1", Low: rateOf(t, "0.9012"), Mid: rateOf(t, "0.9158"), High: rateOf(t, "0.93"), Agreed: rateOf(t, "0.9158"),
		Confidence: 0.7, By: "middle", Ask: true, Lasts: lasts,
	}})
	b.apply(t, id, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{By: "rules"}})
	return id
}

// TestCustomerAgrees is a sale in two currencies on both screens: figures, how old
// they are, until when they hold, and the customer's own yes.
func TestCustomerAgrees(t *testing.T) {
	for i, size := range [][2]int64{{1024, 600}, {480, 800}} {
		shop, url, b := counterScreens(t, size[0], size[1])
		cashier := browse(t)
		cashier.open(url, 800-320*int64(i), 480+320*int64(i))
		cashier.see("#currency", "CNY")
		id := shop.abroad(t, sale.Merchant, time.Minute)
		b.says("您同意这个价格吗", "Do you agree to this price?")
		b.see("#total", "CNY 91.58")
		for _, want := range []string{"HKD 100.00", "HKD 1 = CNY 0.9158", "0.9012–0.93", "Rate age", "Valid until"} {
			b.see("#price", want)
		}
		b.legible()
		b.shot("agree")
		b.silent("middle", "0.7")
		cashier.see("#headline", "Ask the customer")
		cashier.see("#total", "HKD 100.00 → CNY 91.58")
		for _, want := range []string{"HKD 1 = CNY 0.9158", "0.9012–0.93", "s old", "holds until"} {
			cashier.see("#price", want)
		}
		cashier.see("#agree", "The customer agrees to CNY 91.58")
		cashier.fits()
		cashier.shot("cashier")
		shop.pass(7 * time.Second)
		b.press("#agree")
		b.says("请稍候", "One moment")
		if p := shop.get(t, id).Price; p.Confirmed.IsZero() {
			t.Fatalf("the customer's yes is not on record: %+v", p)
		}
		shop.present(t, id)
		b.says("请扫码付款", "Scan to pay")
		b.see("#price", "HKD 100.00")
		if got := b.scans("code"); got != codeURL {
			t.Errorf("the screenshot reads %q, want %q", got, codeURL)
		}
		b.legible()
		cashier.scans("cashier-code")
		cashier.fits()
		shop.pay(t, id)
		b.says("已付款", "Paid")
		cashier.see("#headline", "Paid")
		cashier.press("#new")
		id = shop.abroad(t, sale.Payer, time.Minute)
		b.says("您同意这个价格吗", "Do you agree to this price?")
		cashier.see("#agree", "The customer agrees to CNY 91.58")
		cashier.press("#agree") // the cashier may, for a customer who says so
		cashier.see("#headline", "Scan the customer's code")
		cashier.fits()
		b.says("请出示付款码", "Please show your payment code")
		b.legible()
		cashier.shot("cashier-scan")
		shop.apply(t, id, sale.Event{Kind: sale.ChargeIntended, CodeID: "1"})
		shop.pay(t, id)
		b.says("已付款", "Paid")
		b.see("#total", "CNY 91.58")
		b.see("#price", "HKD 100.00")
		cashier.see("#headline", "Paid")
		b.clean()
		cashier.clean()
	}
}

// A price that has run out can be neither agreed to nor paid, before anybody says so.
func TestPriceRunsOut(t *testing.T) {
	shop, _, b := counterScreens(t, 1024, 600)
	id := shop.abroad(t, sale.Merchant, 2*time.Second)
	b.says("您同意这个价格吗", "Do you agree to this price?")
	b.says("请稍候", "One moment")
	b.until(`document.getElementById('agree').hidden`)
	shop.apply(t, id, sale.Event{Kind: sale.Concluded, Why: &sale.Reason{Code: "price_expired", Message: "the price no longer holds"}})
	b.see("#advice", "You were not charged")
	b.legible()
	b.clean()
}

// TestPaysIn is who decides what a customer pays in: the request, and otherwise the
// till's default. A key that is used for both asks for two things.
func TestPaysIn(t *testing.T) {
	for name, c := range map[string]struct {
		offered *api.PayIn
		body    string
		want    money.Currency
		code    string
	}{
		"nothing offered":         {nil, ``, "", ""},
		"offered":                 {&api.PayIn{Currency: "CNY"}, ``, "", ""},
		"asked for":               {&api.PayIn{Currency: "CNY"}, `, "pay_in": "CNY"`, "CNY", ""},
		"by default":              {&api.PayIn{Currency: "CNY", Default: true}, ``, "CNY", ""},
		"against the default":     {&api.PayIn{Currency: "CNY", Default: true}, `, "pay_in": "HKD"`, "", ""},
		"not the one on offer":    {&api.PayIn{Currency: "CNY"}, `, "pay_in": "USD"`, "", "currency_not_offered"},
		"asked of a single till":  {nil, `, "pay_in": "CNY"`, "CNY", ""}, // the desk knows better
		"the only one":            {&api.PayIn{Currency: "CNY", Only: true}, ``, "CNY", ""},
		"the only one, named":     {&api.PayIn{Currency: "CNY", Only: true}, `, "pay_in": "CNY"`, "CNY", ""},
		"not the only one":        {&api.PayIn{Currency: "CNY", Only: true}, `, "pay_in": "HKD"`, "", "currency_not_offered"},
		"no currency":             {&api.PayIn{Currency: "CNY"}, `, "pay_in": "cn"`, "", "request_invalid"},
		"a currency of no pocket": {nil, `, "pay_in": "XXQ"`, "", "currency_unknown"},
	} {
		shop := newShop()
		o := optionsOf(shop, &safeBuffer{})
		o.Currency, o.PayIn = "HKD", c.offered
		url := serveAt(t, o)
		open := func(body string) (*http.Response, string) {
			res, b := send(t, url, request{method: "POST", path: "/v1/sales", body: body, header: map[string]string{
				"Content-Type": "application/json", "Idempotency-Key": `"pays-in-01"`,
			}})
			return res, string(b)
		}
		res, body := open(`{"flow": "merchant", "amount": "100.00", "currency": "HKD"` + c.body + `}`)
		if c.code != "" {
			if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, `"`+c.code+`"`) {
				t.Errorf("%s: %d %s, want %s", name, res.StatusCode, body, c.code)
			}
			continue
		}
		if res.StatusCode != http.StatusCreated {
			t.Fatalf("%s: %d %s", name, res.StatusCode, body)
		}
		if got := shop.get(t, shop.newest(t, 1)).PayIn; got != c.want {
			t.Errorf("%s: paid in %q, want %q", name, got, c.want)
		}
		if res, body = open(`{"flow": "merchant", "amount": "100.00", "currency": "HKD", "pay_in": "CNY", "operator": "x"}`); res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "once_mismatch") {
			t.Errorf("%s: the key asks for another sale: %d %s", name, res.StatusCode, body)
		}
	}
}

func serveAt(t *testing.T, o Options) string {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(serve(t, s, ln))
	return "http://" + ln.Addr().String()
}

// TestKeypadAsksForACurrency is the choice on the keypad: the till's default, until
// somebody chooses, and that again for the next customer.
func TestKeypadAsksForACurrency(t *testing.T) {
	shop := newShop()
	o := judging(shop)
	o.Currency, o.PayIn = "HKD", &api.PayIn{Currency: "CNY"}
	url := serveAt(t, o)
	b := browse(t)
	b.open(url, 800, 480)
	b.see("#pay-here", "HKD")
	b.see("#pay-there", "CNY")
	pressed := func(id string) {
		t.Helper()
		b.until(`[...document.querySelectorAll('#pay-in [aria-pressed="true"]')].map((e) => e.id).join() === '` + id + `'`)
	}
	pressed("pay-here")
	b.press("#pay-there")
	pressed("pay-there")
	b.do(chromedp.KeyEvent("10000"))
	b.see("#typed", "100.00")
	b.fits()
	b.shot("keypad")
	b.press("#scan")
	b.see("#headline", "Scan the customer's code")
	if got := shop.get(t, shop.newest(t, 1)); got.PayIn != "CNY" || got.Amount.Currency != "HKD" {
		t.Errorf("%s paid in %q", got.Amount, got.PayIn)
	}
	b.press("#cancel")
	b.press("#new")
	pressed("pay-here")
	b.do(chromedp.KeyEvent("10000"))
	b.see("#typed", "100.00")
	b.press("#scan")
	b.see("#headline", "Scan the customer's code")
	if got := shop.get(t, shop.newest(t, 2)); got.PayIn != "" {
		t.Errorf("the next customer pays in %q", got.PayIn)
	}
	b.open(url, 480, 800)
	b.press("#cancel")
	b.press("#new")
	b.see("#pay-there", "CNY")
	b.fits()
	b.shot("keypad-tall")
	b.clean()
}

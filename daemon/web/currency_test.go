package web

import (
	"testing"
	"time"

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

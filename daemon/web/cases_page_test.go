package web

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// The owner is told at the till as soon as something waits, reads what happened, what
// it rests on and what to do, and closes it; who types is not disturbed by another.
func TestOwnersCard(t *testing.T) {
	desk := newDesk()
	s := startWith(t, newShop(), func(o *Options) { o.Cases = desk })
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#currency", "CNY")
	b.see("#cases-open", "(hidden)")
	desk.open("T1A1")
	s.Tell("case_opened", "a payment needs the owner's attention")
	b.see("#cases-open", "For the owner (1)")
	b.see("#told", "Nothing was changed")
	b.fits()
	b.press("#cases-open")
	for _, text := range []string{"CNY 12.80", "T1A1", "is not what was asked for", "Said by the model sim/slow", "may be mistaken", "cite 2 thing", "To do: Compare the amount"} {
		b.see(`#case-rows li[data-id="1"]`, text)
	}
	b.until(`document.querySelector('#case-rows button').disabled`) // nobody has said what was found
	b.do(chromedp.SendKeys(`#case-rows input:first-child`, "Wang"))
	desk.open("T1A2")
	s.Tell("case_opened", "another payment needs the owner's attention")
	b.see(`#case-rows li[data-id="2"]`, "T1A2")
	b.until(`document.querySelector('li[data-id="1"] input').value === 'Wang'`)
	b.shot("open")
	b.do(chromedp.SendKeys(`#case-rows li[data-id="1"] input:nth-child(2)`, "the bill agrees"))
	b.press(`#case-rows li[data-id="1"] button`)
	b.until(`!document.querySelector('li[data-id="1"]')`)
	b.see("#cases-open", "For the owner (1)")
	c, err := desk.Case(1)
	if err != nil || c.Closed == nil || c.Closed.By != "Wang" || c.Closed.Note != "the bill agrees" {
		t.Errorf("%+v, %v", c, err)
	}
	b.press("#cases-close")

	b.press("#language")
	b.see("#cases-open", "店主事项 (1)")
	b.press("#cases-open")
	b.see(`#case-rows li[data-id="2"]`, "待办：请将金额和订单号")
	b.shot("chinese")
	b.clean()
}

// A case that somebody else has closed is refused in words, and leaves the list.
func TestOwnersCardIsLate(t *testing.T) {
	desk := newDesk()
	desk.open("T1A1")
	s := startWith(t, newShop(), func(o *Options) { o.Cases = desk })
	b := browse(t)
	b.open(s.url, 480, 800)
	b.press("#cases-open")
	b.do(chromedp.SendKeys(`#case-rows input:first-child`, "Wang"), chromedp.SendKeys(`#case-rows input:nth-child(2)`, "seen"))
	b.fits()
	b.shot("narrow")
	if res, body := send(t, s.url, request{method: "POST", path: "/v1/cases/1/close", body: `{"operator":"Li","note":"done"}`, header: map[string]string{"Idempotency-Key": key}}); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	b.press(`#case-rows button`)
	b.see("#cases-told", "closed already")
	b.see("#case-rows", "Nothing waits for the owner")
	b.see("#cases-open", "(hidden)")
	b.clean()
}

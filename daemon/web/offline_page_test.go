package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// ownShop answers for the sales without the provider of a shop in memory.
type ownShop struct {
	*shop
	mu   sync.Mutex
	link api.Link
}

func (o *ownShop) cut(state string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.link = api.Link{State: state, Says: api.Text{En: "No network. Check the cable.", Zh: "网络已断开。"}}
}

func (o *ownShop) exposure() api.Exposure {
	o.mu.Lock()
	link := o.link
	o.mu.Unlock()
	o.shop.mu.Lock()
	defer o.shop.mu.Unlock()
	e := api.Exposure{Link: link, Offered: link.State != "online", At: time.Now(), Schemes: []api.Scheme{
		{Scheme: "static", Label: "Corner Bank", Currency: "CNY"},
		{Scheme: "pix", Label: "Banco do Sul", Currency: "BRL", Carries: true},
		{Scheme: "paynow", Label: "A bank without decimals", Currency: "JPY"},
	}, Sums: []api.Amount{}, Worst: []api.Amount{}}
	sum := money.Money{Currency: "BRL"}
	for _, s := range o.sales {
		if s.Exposed() {
			sum.Minor += s.Amount.Minor
			e.Count++
		}
	}
	if left := int64(4 * 3600); e.Count > 0 {
		e.Oldest, e.Left = 754, &left
		e.Sums = []api.Amount{{Currency: sum.Currency, Decimal: sum.Decimal(), Minor: sum.Minor}}
		e.Worst = e.Sums
	}
	return e
}

// serve adds the routes that the page needs to a server of the shop.
func (o *ownShop) serve(t *testing.T, mux *http.ServeMux) {
	answer := func(w http.ResponseWriter, v any) {
		if err := json.NewEncoder(w).Encode(v); err != nil {
			t.Error(err)
		}
	}
	mux.HandleFunc("GET /v1/exposure", func(w http.ResponseWriter, _ *http.Request) { answer(w, o.exposure()) })
	mux.HandleFunc("GET /v1/offline", func(w http.ResponseWriter, _ *http.Request) {
		l := api.OfflineSales{Sales: []api.Sale{}}
		o.shop.mu.Lock()
		defer o.shop.mu.Unlock()
		for _, id := range o.ids {
			if s := o.sales[id]; s.Exposed() {
				l.Sales = append(l.Sales, api.View(s, o.now(), sale.Plan{}))
			}
		}
		answer(w, l)
	})
	said := func(event func(map[string]any, sale.Sale) sale.Event) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			s := o.get(t, sale.ID(r.PathValue("id")))
			answer(w, api.View(o.apply(t, s.ID, event(body, s)), o.Now(), sale.Plan{}))
		}
	}
	text := func(v any) string { s, _ := v.(string); return s }
	mux.HandleFunc("POST /v1/sales/{id}/attest", said(func(b map[string]any, _ sale.Sale) sale.Event {
		return sale.Event{Kind: sale.Attested, By: text(b["operator"]), Shown: b["shown"] == true}
	}))
	mux.HandleFunc("POST /v1/sales/{id}/reconcile", said(func(b map[string]any, s sale.Sale) sale.Event {
		return sale.Event{Kind: sale.ReceiptFound, Receipt: &sale.Receipt{
			ID: text(b["receipt"]), Source: "by hand", Amount: s.Amount, How: sale.ByHand, By: text(b["operator"]), Note: text(b["note"]), Digest: "00",
		}}
	}))
	mux.HandleFunc("POST /v1/sales/{id}/dispute", said(func(b map[string]any, _ sale.Sale) sale.Event {
		return sale.Event{Kind: sale.DisputeRaised, By: text(b["operator"]), Why: &sale.Reason{Code: "offline_disputed", Message: text(b["note"])}}
	}))
}

const ownText = "00020126580014br.gov.bcb.pix01365a5ea8c2-cbb5-4c25-a7be-2a778871fc5f52040000530398654040.155802BR5911Arrumadinho6008Brasilia62260522e433v1524u155f31mDvx0163045B1E"

// present begins a sale without the provider and shows its code.
func (o *ownShop) present(t *testing.T, minor int64) sale.ID {
	t.Helper()
	m := money.Money{Minor: minor, Currency: "BRL"}
	o.shop.mu.Lock()
	n := len(o.ids) + 1
	ev := sale.Event{Kind: sale.Begun, At: o.now().At, Wall: time.Now()}
	id, key := sale.Mint([]byte("secret"), "T1", fmt.Sprint("offline-", n), uint64(n), ev.At, ev.Wall)
	code := sale.OwnCode{Scheme: "pix", Label: "Banco do Sul", Price: m, Reference: sale.ReferenceOf(id)}
	ev.Own = &code
	s, err := sale.Begin(sale.New{Flow: sale.Offline, Amount: m}, id, key, ev)
	if err == nil {
		o.ids = append(o.ids, id)
		o.record(s, ev)
	}
	o.shop.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	shown := code
	shown.Payload, shown.Lasts = ownText, 4*time.Hour
	o.apply(t, id, sale.Event{Kind: sale.OfflineShown, Own: &shown})
	return id
}

// green finds whatever is painted as money that was taken.
const green = `[...document.querySelectorAll('#sale, #sale *')].some((e) => {
	const s = getComputedStyle(e), all = [s.backgroundColor, s.color, s.borderColor, s.stroke];
	return e.checkVisibility() && ['rgb(11, 107, 58)', 'rgb(87, 210, 143)'].some((c) => all.join(' ').includes(c));
})`

// From the cut cable to the receipt: what may be sold is offered with its very amount,
// what is exposed is counted, what a telephone showed is never green, and what a
// statement shows is.
func TestOfflineAtTheCounter(t *testing.T) {
	o := &ownShop{shop: newShop()}
	o.cut("online")
	s := start(t, o.shop)
	o.serve(t, s.mux)
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#currency", "CNY")
	b.see("#exposure", "(hidden)")
	b.see("#own", "(hidden)")

	o.cut("no_link")
	o.setHealth(func(h *api.Health) { h.Network.Level = api.Down })
	b.do(chromedp.Reload())
	b.see("#offline-link", "Codes of the shop’s own accounts can be shown. The till cannot see their payments.")
	b.do(chromedp.KeyEvent("1280"))
	b.see(`#own-schemes [data-scheme="static"]`, "CNY 12.80")
	b.see(`#own-schemes [data-scheme="pix"]`, "BRL 12.80")
	b.see(`#own-schemes [data-scheme="paynow"]`, "JPY 1280")
	b.do(chromedp.EmulateViewport(800, 600)) // on a lower screen a third account is scrolled to
	b.fits()
	b.do(chromedp.EmulateViewport(800, 480))
	b.shot("entry")
	b.press(`[data-key="Escape"]`)
	b.until(`[...document.querySelectorAll('#own-schemes button')].every((e) => e.disabled)`)

	id := o.present(t, 1280)
	b.see("#headline", "Waiting for the customer, offline")
	b.see("#exposure-sums", "1 not confirmed: BRL 12.80 · oldest 12:3")
	b.see("#exposure-sums", "next window ends in 3:59:")
	b.see("#exposure-sums", "worst loss BRL 12.80")
	if got := b.scans("code"); got != ownText {
		t.Errorf("a telephone reads %q", got)
	}
	b.fits()
	b.see("#settle", "(hidden)")
	b.do(chromedp.SendKeys("#attest-who", "Li"))
	b.press("#attest-no")
	b.see("#headline", "The telephone showed no payment")
	b.see("#own-facts", "Li saw none")
	b.press("#attest-yes")
	b.see("#headline", "Not confirmed")
	b.see("#own-facts", "Li saw a payment on the telephone")
	b.until(`!document.getElementById('code')`)
	b.until(`document.getElementById('sale').dataset.sign === 'doubt'`)
	if eval[bool](b, green) {
		t.Error("what nobody has confirmed is green")
	}
	b.fits()
	b.shot("unconfirmed")

	o.settleByHand(t, b, id)
	b.press("#language")
	b.see("#exposure-sums", "最大损失 BRL 5.00")
	b.do(chromedp.EmulateViewport(480, 800))
	b.fits()
	b.shot("narrow")
	b.clean()
}

// settleByHand gives one sale its receipt and gives another one up, in the list.
func (o *ownShop) settleByHand(t *testing.T, b *browser, id sale.ID) {
	t.Helper()
	other := o.present(t, 500)
	b.press("#settle")
	mine := fmt.Sprintf(`#offline-rows li[data-id="%s"]`, id)
	b.see(mine, "BRL 12.80 · Not confirmed")
	b.see(fmt.Sprintf(`#offline-rows li[data-id="%s"]`, other), "BRL 5.00")
	b.until(fmt.Sprintf(`document.querySelector('%s button').disabled`, mine)) // nobody has said what it rests on
	b.do(chromedp.SendKeys(mine+` input:nth-child(1)`, "Wang"), chromedp.SendKeys(mine+` input:nth-child(2)`, "P0001"))
	b.shot("list")
	b.press(mine + ` button:first-child`)
	b.until(fmt.Sprintf(`!document.querySelector('%s')`, mine))
	if r := o.get(t, id).Own.Receipt; r == nil || r.By != "Wang" || r.ID != "P0001" {
		t.Errorf("the receipt is %+v", r)
	}
	b.press("#offline-close")
	b.see("#headline", "Received")
	if !eval[bool](b, green) {
		t.Error("what has arrived is not green: the test above sees nothing")
	}
	b.see("#exposure-sums", "1 not confirmed: BRL 5.00")
	b.press("#offline-open")
	lost := fmt.Sprintf(`#offline-rows li[data-id="%s"]`, other)
	b.do(chromedp.SendKeys(lost+` input:nth-child(1)`, "Wang"), chromedp.SendKeys(lost+` input:nth-child(3)`, "the bank has nothing"))
	b.press(lost + ` button:nth-child(2)`)
	b.see(lost, "No receipt found")
	if s := o.get(t, other); s.State != sale.Disputed {
		t.Errorf("it is %s", s.State)
	}
	b.press("#offline-close")
}

// The customer reads where to pay and what to do then, and never that it was paid.
func TestOfflineBeforeTheCustomer(t *testing.T) {
	o := &ownShop{shop: newShop()}
	s := start(t, o.shop)
	b := browse(t)
	b.open(s.url+"/customer", 1024, 600)
	b.see("#idle", "Welcome")
	id := o.present(t, 1280)
	b.see("#headline", "Scan to pay")
	b.see("#advice", "show the cashier your receipt")
	b.until(`!document.getElementById("count").textContent`) // nothing runs out while the customer pays
	if got := b.scans("code"); got != ownText {
		t.Errorf("a telephone reads %q", got)
	}
	o.apply(t, id, sale.Event{Kind: sale.Attested, By: "Li", Shown: true})
	b.until(`!document.getElementById('code')`)
	b.see("#headline", "Thank you")
	b.see("#advice", "your bank's confirmation follows")
	if eval[bool](b, green) || eval[bool](b, `/paid|已付款/i.test(document.getElementById('headline').innerText)`) {
		t.Error("what nobody has confirmed is shown as paid")
	}
	b.shot("unconfirmed")
	b.clean()
}

package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// owing is a shop that lists what its sales owe.
type owing struct{ *shop }

func (o owing) Queue() (api.Queue, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q := api.Queue{Jobs: []api.Job{}}
	for _, s := range o.sales {
		if len(s.Debts()) > 0 {
			q.Jobs = append(q.Jobs, api.NewJob(&s, o.now().At, nil).Worded())
		}
	}
	slices.SortFunc(q.Jobs, func(a, b api.Job) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return q, nil
}

func (o owing) Job(id sale.ID) (api.Job, error) {
	s, err := o.Sale(id)
	return api.NewJob(&s, o.Now().At, nil).Worded(), err
}

func (o owing) Say(_ context.Context, id sale.ID, kind sale.Kind, by, what, why string) (sale.Sale, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.commit(id, sale.Event{Kind: kind, By: by, Why: &sale.Reason{Code: what, Message: why}})
}

func (o owing) Leave(_ context.Context, n api.Leaving) (api.Leave, error) {
	q, err := o.Queue()
	return api.Leave{Clear: len(q.Jobs) == 0 || n.Operator != "", Jobs: q.Jobs}, err
}

func startOwing(t *testing.T) (*shop, *till) {
	shop := newShop()
	return shop, startWith(t, shop, func(o *Options) { o.Owed = owing{shop} })
}

// What is owed is on the page with what to do; a person sets it aside and has it go
// on, by name. What nobody waits for is not on the button.
func TestQueueCard(t *testing.T) {
	shop, s := startOwing(t)
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#currency", "CNY")
	b.see("#queue-open", "(hidden)")
	id := shop.ring(t, sale.New{Flow: sale.Payer, Amount: yuan(1280)})
	shop.apply(t, id, sale.Event{Kind: sale.ChargeIntended, CodeID: "1"}, sale.Event{Kind: sale.Unclear})
	b.see("#queue-open", "Owed (1)")
	shop.pay(t, id)
	b.see("#queue-open", "(hidden)") // and not in a minute
	shop.apply(t, id, sale.Event{Kind: sale.RefundRequested, Amount: yuan(280), By: "Li"})
	b.see("#headline", "Refund promised, not yet sent")
	b.see("#advice", "Do not hand out cash too")
	b.see("#queue-open", "Owed (1)")
	b.press("#queue-open")
	for _, text := range []string{"CNY 2.80", "WeChat Pay has not confirmed it", "To do: The till sends it by itself"} {
		b.see("#queue-rows li", text)
	}
	b.until(`document.querySelector('#queue-rows button').disabled`) // nobody has said who and why
	b.fits()
	b.shot("owed")
	b.do(chromedp.SendKeys(`#queue-rows input:first-child`, "Wang"), chromedp.SendKeys(`#queue-rows input:nth-child(2)`, "given in cash"))
	b.press(`#queue-rows button:last-child`)
	b.see("#queue-rows li", "Wang has set it aside")
	b.do(chromedp.SendKeys(`#queue-rows input:first-child`, "Zhao"), chromedp.SendKeys(`#queue-rows input:nth-child(2)`, "no, send it"))
	b.press(`#queue-rows button`)
	b.see("#queue-rows li", "The till sends it by itself")
	if got := shop.get(t, id); got.Aside != nil || got.Resumed == 0 {
		t.Errorf("%+v", got)
	}
	req, no := sale.NewRequest("POST", "/refund", []byte("{}"), sale.PayerCode{}), shop.get(t, id).Refunds[0].No
	shop.apply(t, id, sale.Event{Kind: sale.RefundIntended, RefundNo: no, Request: &req}, sale.Event{Kind: sale.RefundFailed, RefundNo: no})
	b.see("#queue-rows li", "Where the customer has got the money in another way")
	b.do(chromedp.SendKeys(`#queue-rows input:first-child`, "Wang"), chromedp.SendKeys(`#queue-rows input:nth-child(2)`, "in cash"))
	b.shot("repaid")
	b.press(`#queue-rows button:nth-of-type(2)`)
	b.see("#queue-rows li", "Nothing is owed")
	b.press("#queue-close")
	b.see("#headline", "Given back another way")
	b.see("#advice", "Do not refund again")
	b.clean()
}

// A sale whose code the screen shows is not owed beside it: the customer stands there.
// Once the screen shows something else, it is.
func TestACodeOnTheScreenIsNotOwedBesideIt(t *testing.T) {
	shop, s := startOwing(t)
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#currency", "CNY")
	shop.present(t, shop.ring(t, sale.New{Flow: sale.Merchant, Amount: yuan(1280)}))
	b.until(`Boolean(document.querySelector("#picture img"))`)
	b.shot("code-not-owed")
	b.see("#queue-open", "(hidden)")
	other := shop.ring(t, sale.New{Flow: sale.Payer, Amount: yuan(500)})
	shop.apply(t, other, sale.Event{Kind: sale.ChargeIntended, CodeID: "1"})
	shop.pay(t, other)
	b.open(s.url+"/?#sale="+string(other), 800, 480)
	b.see("#headline", "Paid")
	b.see("#queue-open", "Owed (1)")
	b.clean()
}

// Somebody says what they have seen of a payment that is not certain: the counter is
// free, and nothing is told as paid.
func TestTakeOverOnThePage(t *testing.T) {
	shop, s := startOwing(t)
	b := browse(t)
	b.open(s.url, 480, 800)
	b.see("#currency", "CNY")
	id := shop.ring(t, sale.New{Flow: sale.Payer, Amount: yuan(1280)})
	shop.apply(t, id, sale.Event{Kind: sale.ChargeIntended, CodeID: "1"}, sale.Event{Kind: sale.Unclear})
	b.see("#headline", "Not certain yet")
	b.see("#new", "(hidden)")
	b.press("#take")
	b.press("#taking-paid")
	b.see("#taking-told", "A name and what you have seen are needed")
	b.do(chromedp.SendKeys("#taking-who", "Wang"), chromedp.SendKeys("#taking-why", "paid on the telephone"))
	b.fits()
	b.shot("taking")
	b.press("#taking-paid")
	b.see("#headline", "Not certain, taken over by Wang")
	b.see("#advice", "Do not charge again")
	b.see("#new", "Next customer")
	if got := shop.get(t, id); got.State != sale.InDoubt || got.TakenOver.Saw != sale.SeenPaid {
		t.Errorf("%s, %+v", got.State, got.TakenOver)
	}
	b.clean()
}

func TestQueueOverHTTP(t *testing.T) {
	shop, s := startOwing(t)
	paid := shop.ring(t, sale.New{Flow: sale.Payer, Amount: yuan(1280)})
	shop.apply(t, paid, sale.Event{Kind: sale.ChargeIntended, CodeID: "1"})
	shop.pay(t, paid)
	doubt := shop.ring(t, sale.New{Flow: sale.Payer, Amount: yuan(900)})
	shop.apply(t, doubt, sale.Event{Kind: sale.ChargeIntended, CodeID: "2"}, sale.Event{Kind: sale.Unclear})
	signed := `{"operator":"Li","reason":"asked"}`
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", "/v1/queue", "", 200, ""},
		{"GET", "/v1/queue/" + string(doubt), "", 200, ""},
		{"GET", "/v1/queue/none", "", 404, "sale_not_found"},
		{"POST", "/v1/queue/" + string(doubt) + "/retry", signed, 200, ""},
		{"POST", "/v1/queue/" + string(doubt) + "/retry", `{"operator":"Li"}`, 422, "request_invalid"},
		{"POST", "/v1/queue/" + string(doubt) + "/set-aside", signed, 409, "nothing_to_set_aside"},
		{"POST", "/v1/queue/" + string(paid) + "/retry", signed, 409, "nothing_owed"},
		{"POST", "/v1/queue/" + string(paid) + "/repaid", signed, 409, "nothing_to_repay"},
		{"POST", "/v1/sales/" + string(paid) + "/take-over", `{"operator":"Li","reason":"seen","saw":"paid"}`, 409, "sale_paid"},
		{"POST", "/v1/sales/" + string(doubt) + "/take-over", `{"operator":"Li","reason":"seen","saw":"perhaps"}`, 422, "request_invalid"},
		{"POST", "/v1/sales/" + string(doubt) + "/take-over", `{"operator":"Li","reason":"seen","saw":"not_paid"}`, 200, ""},
		{"POST", "/v1/sales/" + string(doubt) + "/take-over", `{"operator":"Zhao","reason":"seen","saw":"paid"}`, 409, "sale_taken_over"},
		{"POST", "/v1/leave", `{"for":"update"}`, 200, ""},
		{"POST", "/v1/leave", `{"for":"holiday"}`, 422, "request_invalid"},
		{"POST", "/v1/leave", `{"for":"update","operator":"Li"}`, 422, "leave_unsigned"},
	} {
		res, raw := send(t, s.url, request{method: c.method, path: c.path, body: c.body})
		body := string(raw)
		if res.StatusCode != c.status || c.code != "" && !strings.Contains(body, `"`+c.code+`"`) {
			t.Errorf("%s %s %s: %d %s, want %d %s", c.method, c.path, c.body, res.StatusCode, body, c.status, c.code)
		}
		if res.StatusCode >= http.StatusBadRequest && !strings.Contains(body, `"hint"`) {
			t.Errorf("%s %s gives no hint: %s", c.method, c.path, body)
		}
	}
}

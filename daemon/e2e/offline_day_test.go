package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// schemes of the day, in turn.
var daySchemes = []string{"promptpay", "promptpay_bill", "pix", "paynow", "upi"}

// asking is what the n-th sale of the day costs. No two of a scheme are the same but
// those that are to be confused.
func asking(n int) (scheme, amount string) {
	scheme = daySchemes[(n-1)%len(daySchemes)]
	switch {
	case n == 13 || n == 18:
		return scheme, "21.00" // two payments that nobody can tell apart once their references are lost
	case n == 14:
		return scheme, "2.00"
	}
	base := map[string]int{"THB": 40 + n, "BRL": 10 + n/5, "SGD": 5 + n/5, "INR": 100 + n}[currencyOf[scheme]]
	return scheme, fmt.Sprintf("%d.%02d", base, n*7%100)
}

// TestOfflineDay is a day without a provider for the most part: the link is cut three
// times, forty sales are made by the till's own codes in five schemes, the power fails
// twice, people lie and banks lose references. After every step what the till says is
// exposed is what the script counts by itself, and at the end the bank's statement is
// matched with exactly what was planted left over.
func TestOfflineDay(t *testing.T) {
	y := openOfflineDay(t)
	y.mend() // the provider was there once
	y.cut()
	y.morning()
	y.mend()
	y.cut()
	y.noon()
	y.mend()
	y.cut()
	y.evening()
	y.mend()
	y.statement()
	y.lastWindow()
	y.close()
	t.Logf("%d sales, compared %d times", len(y.book.slips), y.steps)
}

// sale is the n-th of the day: its code is shown, and what people do with it then.
func (y *offlineDay) sale(n int, rule string) *slip {
	y.t.Helper()
	scheme, amount := asking(n)
	p := y.sell(scheme, amount, rule)
	y.people(n, p)
	return p
}

// people do what was planned of them.
func (y *offlineDay) people(n int, p *slip) {
	y.t.Helper()
	paid := func(outcome, why string, how map[string]any) {
		f := found{outcome, why, p.id}
		if outcome == "ambiguous" {
			f.sale = ""
		}
		y.want[y.pay(p, how)] = f
	}
	switch n {
	case 3, 28: // the payer's bank loses the reference
		paid("matched", "by_amount_time", map[string]any{"drop_reference": true})
	case 13, 18:
		paid("ambiguous", "several_fit", map[string]any{"drop_reference": true})
	case 5, 30: // a receipt that lies
		y.pay(p, map[string]any{"forge": true})
	case 8:
		paid("unmatched", "amount_differs", map[string]any{"amount": "9.99"})
	case 9: // twice: the first is the sale's, the second is too much
		paid("matched", "by_reference", nil)
		paid("unmatched", "used", nil)
		y.left[p.currency] += p.minor
	case 12: // nobody pays
		y.attest(p, false)
		y.cancel(p)
		return
	case 17: // given up, and paid all the same
		y.cancel(p)
		paid("matched", "by_reference", nil)
		return
	case 35: // not at once
		y.attest(p, false)
		paid("matched", "by_reference", nil)
	default:
		why := "by_reference"
		if p.scheme == "promptpay" {
			why = "by_amount_time" // it carries none
		}
		paid("matched", why, nil)
	}
	y.attest(p, true)
}

// morning is the first cut: what is too much, by amount, by sum to the cent, and by count.
func (y *offlineDay) morning() {
	for n := 1; n <= 13; n++ {
		switch n {
		case 2:
			y.refused("promptpay", "1000.01", "offline-per-sale", "Too large to sell while the payment service is out of reach")
			if _, err := y.open("promptpay", "41.07", "the-same-amount-again"); problem(err).Code != "offline_amount_taken" {
				y.t.Errorf("a second open sale of an amount that nobody could tell apart: %v", err)
			}
			y.same("the same amount again")
		case 6:
			y.cumulative(n)
		case 7:
			count, _ := y.book.add("exposed")
			y.limit(map[string]string{"count": fmt.Sprint(count)})
			y.refused("pix", "33.00", "offline-count", "Too many sales are unconfirmed already")
			y.limit(map[string]string{"count": fmt.Sprint(count + 1)})
		}
		y.sale(n, "")
		if n == 6 || n == 7 {
			y.limit(nil)
		}
	}
}

// cumulative is a limit that the n-th sale just reaches: one cent more is too much.
func (y *offlineDay) cumulative(n int) {
	y.t.Helper()
	scheme, amount := asking(n)
	_, sums := y.book.add("exposed")
	m, err := money.Parse(amount, money.Currency(currencyOf[scheme]))
	if err != nil {
		y.t.Fatal(err)
	}
	at := money.Money{Minor: sums[currencyOf[scheme]] + m.Minor, Currency: m.Currency}
	y.limit(map[string]string{"cumulative": strings.Replace(limits["cumulative"], `"10000.00"`, `"`+at.Decimal()+`"`, 1)})
	m.Minor++
	y.refused(scheme, m.Decimal(), "offline-cumulative", "Too much is unconfirmed already")
}

// noon is the second cut: a manager is asked where a payer may be splitting, and by
// chance; too long a silence ends it; and the power fails twice.
func (y *offlineDay) noon() {
	for n := 14; n <= 27; n++ {
		switch n {
		case 14:
			y.limit(map[string]string{"per_sale": strings.Replace(limits["per_sale"], `"40.00"`, `"3.00"`, 1)})
			y.sale(n, "offline-split")
			y.limit(nil)
		case 15:
			y.limit(map[string]string{"random": "10000"})
			y.sale(n, "offline-random")
			y.limit(nil)
		case 16:
			y.limit(map[string]string{"offline": `"1*second"`})
			y.until("the provider has been silent", func() bool { s := y.exposure().Link.Silence; return s != nil && *s > 1 })
			y.refused("pix", "34.00", "offline-too-long", "The payment service has been out of reach for too long")
			y.limit(nil)
			y.sale(n, "")
		case 22:
			y.powerCutWhileShown(n)
		case 23:
			y.powerCutWhileOpening(n)
		default:
			y.sale(n, "")
		}
	}
}

// powerCutWhileShown fails when the customer is about to pay: the code is there again,
// the very same, and the customer pays it.
func (y *offlineDay) powerCutWhileShown(n int) {
	y.t.Helper()
	scheme, amount := asking(n)
	p := y.sell(scheme, amount, "")
	y.d.kill()
	y.start()
	y.same("a power cut with a code on the screen")
	s, err := y.d.api.Sale(soon(y.t), p.id, 0)
	if err != nil || s.QR == nil || s.QR.Text != p.text {
		y.t.Fatalf("after the power cut the sale is %s, %+v, %v", s.State, s.QR, err)
	}
	y.people(n, p)
}

// powerCutWhileOpening fails at some moment while a sale is opened: asked again, it is
// one sale, or it was none.
func (y *offlineDay) powerCutWhileOpening(n int) {
	y.t.Helper()
	scheme, amount := asking(n)
	key, before := fmt.Sprintf("power-cut-%d", n), time.Now()
	till := *y.d.api
	done := make(chan struct{})
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(y.t.Context(), 10*time.Second)
		defer cancel()
		_, _ = till.Open(ctx, api.NewSale{Flow: sale.Offline, Scheme: scheme, Amount: amount, Currency: money.Currency(currencyOf[scheme]), Operator: "Li"}, key, 10*time.Second)
	}()
	time.Sleep(time.Duration(time.Now().UnixNano()%20) * time.Millisecond)
	y.d.kill()
	<-done
	y.start()
	p := y.sellAs(scheme, amount, "", key, before)
	list, err := y.d.api.Offline(soon(y.t))
	if err != nil {
		y.t.Fatal(err)
	}
	same := 0
	for _, s := range list.Sales {
		if s.Amount.Minor == p.minor && string(s.Amount.Currency) == p.currency {
			same++
		}
	}
	if same != 1 {
		y.t.Errorf("the power cut made %d sales of one", same)
	}
	y.people(n, p)
}

// evening is the third cut.
func (y *offlineDay) evening() {
	for n := 28; n <= 40; n++ {
		y.sale(n, "")
	}
	var stranger struct {
		ID string `json:"id"`
	}
	y.o.do(http.MethodPost, "/sim/bank/transfer", map[string]string{"scheme": "pix", "account": "123e4567-e12b-12d1-a456-426655440000", "currency": "BRL", "amount": "77.77", "reference": "RENT"}, &stranger)
	y.want[stranger.ID] = found{"unmatched", "no_sale", ""}
	y.left["BRL"] += 7777
}

// lines is the bank's statement.
func (y *offlineDay) lines() api.NewReceipts {
	var n api.NewReceipts
	y.o.do(http.MethodGet, "/sim/bank/statement.json", nil, &n.Receipts)
	return n
}

// fromFile hands in the bank's file from a shell.
func (y *offlineDay) fromFile() []api.ReceiptResult {
	y.t.Helper()
	res, err := http.Get(y.o.url + "/sim/bank/statement.csv")
	if err != nil {
		y.t.Fatal(err)
	}
	defer res.Body.Close()
	file := filepath.Join(y.t.TempDir(), "statement.csv")
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = os.WriteFile(file, text, 0o600)
	}
	var got api.ReceiptResults
	if err == nil {
		text, err = exec.Command(y.d.exe, "offline", "reconcile", "-addr", y.d.api.Base, "-json", file).Output()
	}
	if err == nil {
		err = json.Unmarshal(text, &got)
	}
	if err != nil {
		y.t.Fatalf("%v\n%s", err, text)
	}
	return got.Results
}

// statement hands in what the bank has, in two parts and then all of it again, and
// settles by hand what the till leaves to a person.
func (y *offlineDay) statement() {
	y.t.Helper()
	all := y.lines()
	half := len(all.Receipts) / 2
	var got []api.ReceiptResult
	for _, part := range [][]api.NewReceipt{all.Receipts[:half], all.Receipts[half:]} {
		r, err := y.d.api.Receipts(soon(y.t), api.NewReceipts{Receipts: part})
		if err != nil {
			y.t.Fatal(err)
		}
		got = append(got, r.Results...)
		for _, f := range r.Results {
			if s := y.slip(f.Sale); f.Outcome == "matched" && s != nil {
				s.state = "over"
			}
		}
		y.same("a part of the statement")
	}
	for _, d := range unlike(y.want, got) {
		y.t.Error(d)
	}
	for _, d := range unlike(y.want, y.fromFile()) {
		y.t.Errorf("handed in again: %s", d)
	}
	y.same("the statement again")
	y.byHand()
}

func (y *offlineDay) slip(id sale.ID) *slip {
	for _, s := range y.book.slips {
		if s.id == id {
			return s
		}
	}
	return nil
}

// byHand settles what a person has to decide.
func (y *offlineDay) byHand() {
	y.t.Helper()
	twins := []*slip{y.book.slips[12], y.book.slips[17]}
	for id, f := range y.want {
		var p *slip
		switch f.why {
		case "several_fit":
			p, twins = twins[0], twins[1:]
		case "amount_differs":
			p = y.slip(f.sale)
		default:
			continue
		}
		s, err := y.d.api.Reconcile(soon(y.t), p.id, api.NewReconciliation{Operator: "Wang", Receipt: id, Note: "the customer came back"})
		if err != nil || s.Says.Code != "reconciled" || s.Offline.Receipt.How != sale.ByHand || s.Offline.Receipt.Operator != "Wang" {
			y.t.Fatalf("by hand it is %s, %+v: %v", s.Says.Code, s.Offline, err)
		}
		p.state = "over"
		y.same("a receipt given by hand")
		if _, err := y.d.api.Reconcile(soon(y.t), y.book.slips[4].id, api.NewReconciliation{Operator: "Wang", Receipt: id}); problem(err).Status != http.StatusConflict {
			y.t.Errorf("a receipt is used twice: %v", err)
		}
	}
	p := y.book.slips[4]
	s, err := y.d.api.Dispute(soon(y.t), p.id, api.NewDispute{Operator: "Wang", Note: "the bank has nothing"})
	if err != nil || s.State != "disputed" {
		y.t.Fatalf("disputed it is %s: %v", s.State, err)
	}
	p.state = "disputed"
	y.same("a dispute")
}

// lastWindow has a window end by itself, over a restart with a shorter one.
func (y *offlineDay) lastWindow() {
	y.t.Helper()
	y.d.stop()
	b, err := os.ReadFile(y.d.config)
	if err == nil {
		conf := strings.Replace(string(b), `window = "24h"`, `window = "1m"`, 1)
		err = os.WriteFile(y.d.config, []byte(strings.Replace(conf, "speed = 1.0", "speed = 30.0", 1)), 0o600)
	}
	if err != nil {
		y.t.Fatal(err)
	}
	y.start()
	y.same("a restart")
	y.cut()
	s, err := y.open("upi", "199.99", "the-last-of-the-day")
	if err != nil {
		y.t.Fatal(err)
	}
	y.until("its window is over", func() bool {
		v, err := y.d.api.Sale(soon(y.t), s.ID, time.Second)
		return err == nil && v.State == "disputed"
	})
	y.book.slips = append(y.book.slips, &slip{id: s.ID, scheme: "upi", currency: "INR", minor: 19999, state: "disputed"})
	y.same("a window that is over")
	y.o.do(http.MethodPost, "/sim/link", map[string]bool{"up": true}, nil)
	y.until("the link is found to be up", func() bool { return y.exposure().Link.State == "online" })
}

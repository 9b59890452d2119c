package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/sim"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// deal is how a shop comes to the price of ten dollars in yuan.
type deal struct {
	what     string
	settings string // of the simulated payers
	fixed    bool   // a rate from a file; the API has to be told to take it, and the client edited
	confirm  bool
	basis    string // what the simulator has to take it for
}

// asOfFile is the rate in the file, and since are the true rates that the shop meets
// with it, a quarter of its sales each: nobody told us how old such files get.
const asOfFile = 7.1023

var since = [...]float64{0.99, 1, 1.01, 1.02}

// disputeSeeds is R2: how many payers dispute what their statement says. The payers
// are a model of the simulator whose parameters have no source, so that only the
// comparison says anything, and how much of it hangs on the payer's caring for the
// confirmation is a row of its own. All deals meet the same rates and, by the order
// numbers, the same draws.
func disputeSeeds(t *testing.T, n int) []seed {
	keys := newKeys(t)
	deals := []deal{
		{"disputes: projection, range confirmed", `{}`, false, true, "range"},
		{"a fixed rate, 1 % above to 2 % below the true one", `{}`, true, false, "own"},
		{"disputes: projection, not confirmed", `{}`, false, false, "rate"},
		{"confirmed, and the payer does not care", `{"disputes":{"ignore_confirmation":true}}`, false, true, "range"},
	}
	var found []figure
	disputed := map[string]int{}
	for _, d := range deals {
		k, err := stand{keys, 1, `{"seed":13,"fx":{"own_rates":true},"disputes":{"settles_after_s":0}}`, nil, nil}.open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.wx.SetAI(json.RawMessage(d.settings)); err != nil {
			t.Fatal(err)
		}
		if _, err := k.wx.AddRule(sim.Rule{Op: "ai_payment", Fault: "none"}); err != nil { // the last digits of a converted amount are nobody's choice
			t.Fatal(err)
		}
		for quarter, moved := range since {
			rate := strconv.FormatFloat(asOfFile*moved, 'f', 6, 64)
			if _, err := k.wx.SetAI(json.RawMessage(`{"fx":{"mids":{"USD/CNY":"` + rate + `"}}}`)); err != nil {
				t.Fatal(err)
			}
			abreast(t, n/len(since), 8, func(i int) error { return d.strike(k, quarter*n+i) })
		}
		k.wx.Report()
		c := k.wx.AIReport().Counts.Disputes
		if bases := slices.Sorted(maps.Keys(c.ByBasis)); c.Settled != n/len(since)*len(since) || !slices.Equal(bases, []string{d.basis}) {
			t.Errorf("%s: %d statements of %d, by %v", d.what, c.Settled, n, bases)
		}
		disputed[d.what] = c.Disputed
		found = append(found, figure{d.what, c.Settled, fmt.Sprintf("%s (%d); dispute model without a source", percent(c.Disputed, c.Settled), c.Disputed)})
		ending(t, k)
	}
	if n >= 400 && disputed[deals[0].what] >= disputed[deals[1].what] {
		t.Errorf("a fixed rate was disputed %d times, a confirmed range %d times", disputed[deals[1].what], disputed[deals[0].what])
	}
	for _, pair := range [][2]int{{0, 1}, {2, 3}} {
		if base := disputed[deals[pair[1]].what]; base > 0 {
			found[pair[0]].says += fmt.Sprintf("; %+.0f %% against the other", 100*float64(disputed[deals[pair[0]].what]-base)/float64(base))
		}
	}
	return []seed{{"3", "13", found[0], found[1]}, {"3", "13", found[2], found[3]}}
}

// strike makes a payment by the product's own client, up to the bytes that only
// others would send.
func (d deal) strike(k *till, i int) error {
	usd := money.Money{Minor: 1000, Currency: "USD"}
	ask := aipay.Ask{Base: "USD", Quote: "CNY", Amount: usd, Horizon: time.Minute}
	body, err := ask.Body()
	if err != nil {
		return err
	}
	a := k.d.gateway.CallUnder(context.Background(), sale.NewRequest(http.MethodPost, aipay.PathProjections, body, sale.PayerCode{}), "")
	p, err := aipay.ReadProjection(a.Body, ask, time.Now())
	if err != nil || !a.Good() {
		return fmt.Errorf("projection: %d, %w", a.Status, err)
	}
	minted, err := k.wx.Mint(sim.PayerCode{Behaviour: "pay"})
	if err != nil {
		return err
	}
	agreed := p.Mid.String()
	if d.fixed {
		agreed = strconv.FormatFloat(asOfFile, 'f', -1, 64)
	}
	rate, err := strconv.ParseFloat(agreed, 64)
	if err != nil {
		return err
	}
	code, began := sale.NewPayerCode(minted.AuthCode), time.Now()
	cny := money.Money{Minor: int64(math.Round(rate * float64(usd.Minor))), Currency: "CNY"}
	ctx, err := aipay.NewContext(aipay.Session{
		ID: fmt.Sprint("s", i), Flow: sale.Payer, Amount: cny, Started: began, Interactions: []aipay.Interaction{{Kind: aipay.Keypad, At: began}, {Kind: aipay.Pay, At: began}},
	}, strings.Repeat("d1", 32), aipay.Intent{Classifier: "shop/1", Label: "purchase", Confidence: 0.9})
	if err != nil {
		return err
	}
	fx := &aipay.FX{Projection: p, Agreed: p.Mid}
	if d.confirm {
		fx.Confirmed = began
	}
	r, err := aipay.NewPayment(ctx, aipay.Payment{
		AppID: k.wx.Credentials.AppID, MchID: k.wx.Credentials.MchID, OrderNo: fmt.Sprintf("FX%08d", i), Description: "tea set", Code: code, Amount: cny, FX: fx,
		Chain: aipay.Chain{PreAuthorization: "sim/fast", Timeout: 400 * time.Millisecond, Reconciliation: "sim/slow"},
	}, time.Now())
	if err != nil {
		return err
	}
	req := r.Fixed()
	if d.fixed {
		if req, err = withOwnRate(req, code, agreed); err != nil {
			return err
		}
	}
	paid := k.d.gateway.CallUnder(context.Background(), req, sale.MintKey(k.wx.AISecret, ctx.SessionHash(), sale.Instant(i+1)))
	if !paid.Good() || !strings.Contains(string(paid.Body), `"state":"SUCCESS"`) {
		return fmt.Errorf("%s: %d %s", d.what, paid.Status, paid.Body)
	}
	return nil
}

// withOwnRate is the request of a client that reads its rate from a file.
func withOwnRate(req sale.Request, code sale.PayerCode, rate string) (sale.Request, error) {
	body, err := req.Wire()
	if err != nil {
		return req, err
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return req, err
	}
	fields["fx"] = json.RawMessage(`{"base":"USD","quote":"CNY","agreed_rate":"` + rate + `"}`)
	body, err = json.Marshal(fields)
	return sale.NewRequest(req.Method, req.Path, body, code), err
}

package e2e

import (
	"fmt"
	"net/http"
	"testing"

	"qrposd/rules/sale"
)

// ai sends a till's payments through the payment AI API.
var ai = edit{"aipay", "enabled = true"}

// aiCount is what the payment AI API says it saw.
type aiCount struct {
	Complete   int `json:"contexts_complete"`
	Incomplete int `json:"contexts_incomplete"`
	Verified   int `json:"keys_verified"`
	Opaque     int `json:"keys_opaque"`
	Replays    int `json:"replays"`
	Server     int `json:"server_replays"`
	Shadow     int `json:"shadow_charges"`
	Errors     int `json:"nested_errors"`
}

func (o *outside) ai() aiCount {
	o.t.Helper()
	var r struct {
		Counts aiCount `json:"counts"`
	}
	o.do(http.MethodGet, "/sim/ai", nil, &r)
	return r.Counts
}

// setAI changes what the payment AI API does.
func (o *outside) setAI(settings map[string]any) {
	o.t.Helper()
	o.do(http.MethodPost, "/sim/ai", settings, nil)
}

// honest says that every payment had its context and its key, and that none was
// made twice. The street's own books are compared by finish.
func (o *outside) honest(t *testing.T) aiCount {
	t.Helper()
	c := o.ai()
	if c.Complete == 0 || c.Incomplete != 0 || c.Opaque != 0 || c.Shadow != 0 {
		t.Errorf("the payment AI API saw %+v", c)
	}
	return c
}

// The plug is pulled around everything that a payment through the AI API does
// otherwise than a plain one, in both flows, and the server replays whatever takes
// it long. One sale is one charge.
func TestAIPaymentsThroughPowerCuts(t *testing.T) {
	st := newStreet(t)
	st.o.setAI(map[string]any{"replay_after_ms": 30, "latency": map[string]any{"ai_payment": map[string]any{"kind": "fixed", "ms": 70}}})
	var cuts []cut
	for _, sc := range scenes() {
		sc.conf = []edit{ai}
		points := map[string][]string{
			"qr paid":   {"begin:after-commit", "order_intended:before-commit", "order_intended:after-commit", "order:before-send", "order:after-send", "ordered:before-commit", "ordered:after-commit", "received:before-commit"},
			"code paid": {"charge_intended:before-commit", "charge_intended:after-commit", "charge:before-send", "charge:after-send", "received:before-commit", "received:after-commit"},
			"no answer": {"charge:after-send", "unclear:before-commit", "unclear:after-commit"},
		}[sc.name]
		for _, p := range points {
			cuts = append(cuts, cut{p, sc})
		}
	}
	st.pullAll(t, cuts)
	c := st.o.honest(t)
	if c.Replays == 0 || c.Server == 0 {
		t.Errorf("nothing was replayed: %+v", c)
	}
	t.Logf("%d cuts: %+v", len(cuts), c)
}

// Whatever a model of the API says, a sale that was not charged is not called
// paid, and one that was is.
func TestAIModelErrors(t *testing.T) {
	for _, class := range []string{"user", "policy", "hallucination", "unknown"} {
		for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
			for _, executed := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/executed=%v", class, flow, executed), func(t *testing.T) {
					t.Parallel()
					st := newStreet(t)
					st.o.setAI(map[string]any{"errors": []map[string]any{{"class": class, "times": 1, "executed": executed}}})
					s := st.shift(t, built(t).product, ai)
					s.start()
					s.serve(one(newBasket(flow, 1280, toPay)))
					s.finish()
					if c := st.o.honest(t); c.Errors != 1 {
						t.Errorf("%d errors were told", c.Errors)
					}
				})
			}
		}
	}
}

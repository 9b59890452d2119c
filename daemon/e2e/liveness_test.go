package e2e

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// verifying are rules that ask for a check of every payer.
const verifying = `
[[rule]]
id = "faces"
when = "amount >= CNY(1.00)"
effect = "verify"
reason = { en = "every payer is checked", zh = "每笔验证" }
`

// asker is who asks for a check: a rule of the shop, or the payment AI API.
type asker string

const (
	byRule asker = "rule"
	byAPI  asker = "challenge"
)

// checked is a till whose payers are checked.
func (st *street) checked(t *testing.T, exe string, by asker, edits ...edit) *shift {
	t.Helper()
	s := st.shift(t, exe, append(edits, ai)...)
	if by == byRule {
		if err := os.WriteFile(filepath.Join(filepath.Dir(s.d.config), "rules.toml"), []byte(verifying), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func livenessOf(by asker, outcome string, more ...any) map[string]any {
	l := map[string]any{"outcome": outcome, "from": 0}
	if by == byAPI {
		l["from"] = 1
	}
	for i := 0; i+1 < len(more); i += 2 {
		l[more[i].(string)] = more[i+1]
	}
	return map[string]any{"liveness": l}
}

// A payer who passes the check is charged once; of anybody else nothing is taken, in
// both flows, whoever asked for the check. Nobody is called somebody else for it.
func TestLiveness(t *testing.T) {
	declined := map[string]string{
		"fail": "liveness_failed", "expired": "liveness_expired", "low": "liveness_low", "wrong_nonce": "liveness_foreign", "twice": "liveness_told", "late": "",
	}
	for _, by := range []asker{byRule, byAPI} {
		for _, outcome := range []string{"pass", "fail", "expired", "low", "wrong_nonce", "twice", "late"} {
			t.Run(fmt.Sprintf("%s/%s", by, outcome), func(t *testing.T) {
				t.Parallel()
				st := newStreet(t)
				s := st.checked(t, built(t).product, by)
				s.start()
				if outcome == "twice" { // what was told to the first is told to all
					st.o.setAI(livenessOf(by, "pass"))
					s.serve(one(newBasket(sale.Payer, 1280, toPay)))
					s.people.Wait()
				}
				st.o.setAI(livenessOf(by, outcome, "late_times", 1000))
				for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
					b := newBasket(flow, 2560, toPay)
					s.serve(one(b))
					s.people.Wait()
					v, err := s.look(b.rings[0].id)
					want, fails := declined[outcome]
					switch {
					case err != nil:
						t.Fatal(err)
					case !fails && v.State != "paid", fails && b.paidPhone, fails && v.State == "paid":
						t.Errorf("%s: %s, %+v\n%s", flow, v.State, v.Reason, s.d.log)
					case want != "" && (v.State != "declined" || v.Reason == nil || v.Reason.Code != want):
						t.Errorf("%s: %s, %+v, want declined for %s\n%s", flow, v.State, v.Reason, want, s.d.log)
					case outcome == "late" && (v.Reason == nil || v.Reason.Code != "liveness_late" && v.Reason.Code != "liveness_expired"):
						t.Errorf("%s: %s, %+v", flow, v.State, v.Reason)
					}
				}
				s.finish()
				for _, v := range st.o.orders() {
					if len(v.Violations) > 0 {
						t.Errorf("%s: %v", v.OutTradeNo, v.Violations)
					}
				}
			})
		}
	}
}

// While a check is open the till shows its code, to whoever asks for it, and counts
// the time and the tries. Before and after there is none.
func TestLivenessIsShown(t *testing.T) {
	st := newStreet(t)
	st.o.setAI(livenessOf(byAPI, "phone"))
	s := st.checked(t, built(t).product, byAPI)
	s.start()
	b := newBasket(sale.Merchant, 1280, toPay)
	s.serve(one(b))
	var v api.Sale
	for v.Liveness == nil {
		if list, err := s.all(); err == nil {
			for _, one := range list {
				v = one
			}
		}
		s.moment(0)
		if s.ctx.Err() != nil {
			t.Fatalf("no check is shown: %s\n%s", v.State, s.d.log)
		}
	}
	if !strings.HasPrefix(v.Liveness.URL, "https://") || v.Liveness.SecondsLeft < 1 || v.Liveness.TriesLeft != 2 || v.QR != nil || v.Says.Code != "liveness" {
		t.Errorf("%+v, says %s", v.Liveness, v.Says.Code)
	}
	picture := func() (int, string) {
		res, err := http.Get(s.d.api.Base + "/v1/sales/" + string(v.ID) + "/liveness.svg")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b)
	}
	if status, svg := picture(); status != 200 || !strings.Contains(svg, "<svg") {
		t.Errorf("the code of the check: %d", status)
	}
	var open []struct {
		SessionID string `json:"session_id"`
		Opened    bool   `json:"opened"`
	}
	st.o.do(http.MethodGet, "/sim/phone/liveness", nil, &open)
	if len(open) != 1 || !open[0].Opened {
		t.Fatalf("the telephone has %+v", open)
	}
	st.o.do(http.MethodPost, "/sim/phone/liveness", map[string]string{"session_id": open[0].SessionID, "outcome": "pass"}, nil)
	s.people.Wait()
	if status, _ := picture(); status != http.StatusConflict {
		t.Errorf("the code of a check that is over: %d", status)
	}
	if v, err := s.look(b.rings[0].id); err != nil || v.State != "paid" || v.Liveness != nil {
		t.Errorf("%s, %+v, %v", v.State, v.Liveness, err)
	}
	s.finish()
}

// From an amount on two vectors are asked for, by a second code; a payer is charged
// once, also where the till is killed between the two.
func TestLivenessTwice(t *testing.T) {
	st := newStreet(t)
	st.o.setAI(livenessOf(byRule, "pass"))
	cuts := []string{"", "liveness_opened:after-commit", "verify:before-send", "verify:after-send", "liveness_passed:before-commit"}
	for _, point := range cuts {
		s := st.checked(t, built(t).faulty, byRule, edit{"aipay", "liveness.twice_from = 2000"})
		env := []string{}
		if point != "" {
			env = append(env, "QRPOSD_KILL="+point)
		}
		s.start(env...)
		s.serve(one(newBasket(sale.Merchant, 2560, toPay)))
		if point != "" {
			if !s.died() {
				t.Fatalf("never passed %s:\n%s", point, s.d.log)
			}
			s.start()
		}
		s.finish()
		if got := s.baskets[0].rings[0]; !got.handed {
			t.Errorf("%s: not paid\n%s", point, s.d.log)
		}
	}
	var open []struct {
		SessionID string `json:"session_id"`
	}
	st.o.do(http.MethodGet, "/sim/phone/liveness", nil, &open)
	if n := len(open); n != 2*len(cuts) {
		t.Errorf("%d sessions for %d sales", n, len(cuts))
	}
}

// leisurely is a speed at which an order is not given up while its till starts again.
const leisurely = 8

// The plug is pulled at every point that a check adds, in both flows, whoever asked
// for it. One sale is one charge, with the digest that was blanked on disk.
func TestLivenessThroughPowerCuts(t *testing.T) {
	check := []string{
		"liveness_opened:before-commit", "liveness_opened:after-commit", "verify:before-send", "verify:after-send", "epoch:before-commit", "epoch:after-commit",
		"liveness_passed:before-commit", "liveness_passed:after-commit",
	}
	after := map[sale.Flow][]string{
		sale.Merchant: {"order_intended:before-commit", "order_intended:after-commit", "order:before-send", "order:after-send", "ordered:before-commit", "received:before-commit"},
		sale.Payer:    {"charge_intended:before-commit", "charge_intended:after-commit", "charge:before-send", "charge:after-send", "received:before-commit"},
	}
	more := map[asker]map[sale.Flow][]string{
		byRule: {sale.Merchant: {"judged:before-commit", "judged:after-commit"}},
		byAPI:  {sale.Merchant: {"order_refused:before-commit", "order_refused:after-commit"}, sale.Payer: {"charge_refused:before-commit", "charge_refused:after-commit"}},
	}
	for _, by := range []asker{byRule, byAPI} {
		st := &street{o: startOutside(t, leisurely)}
		st.o.setAI(livenessOf(by, "pass"))
		var cuts []cut
		for flow, points := range after {
			for _, p := range append(append(points, check...), more[by][flow]...) {
				cuts = append(cuts, cut{p, scene{name: string(by), flow: flow, fen: 1280, wish: toPay}})
			}
		}
		abreast(t, 7, cuts, func(t *testing.T, c cut) {
			s := st.checked(t, built(t).faulty, by)
			s.start("QRPOSD_KILL=" + c.point)
			s.serve(one(c.scene.basket()))
			if !s.died() {
				t.Fatalf("%s never passed %s:\n%s", by, c.point, s.d.log)
			}
			s.start()
			s.finish()
			// A charge is not sent again, and one check serves one attempt; an order is.
			if got := s.baskets[0].rings; c.scene.flow == sale.Merchant && !got[len(got)-1].handed {
				t.Errorf("%s, %s: the order did not go on\n%s", by, c.point, s.d.log)
			}
		})
		st.o.honest(t)
		t.Logf("%s: %d cuts", by, len(cuts))
	}
}

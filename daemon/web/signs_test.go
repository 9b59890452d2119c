package web

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Where a cashier must not charge again, the sign says so as well: neither screen
// shows the clock of a sale that merely takes its time.
func TestDoubtHasItsSign(t *testing.T) {
	script, err := os.ReadFile("page/states.js")
	if err != nil {
		t.Fatal(err)
	}
	signs := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+): \[(.*)\],$`).FindAllStringSubmatch(string(script), -1) {
		for _, code := range strings.Split(m[2], ", ") {
			signs[strings.Trim(code, "'")] = m[1]
		}
	}
	seen := 0
	for _, st := range sale.States() {
		for _, cancel := range []bool{false, true} {
			for _, why := range []*sale.Reason{nil, {Code: "payer_confirming"}} {
				s := sale.Sale{ID: "S", Flow: sale.Payer, State: st, Cancel: cancel, Why: why, Amount: money.Money{Minor: 100, Currency: "CNY"}}
				if !st.Before() {
					s.Attempts = []sale.Attempt{{OrderNo: "S1", CodeURL: "weixin://x"}}
				}
				says := api.View(s, sale.Now{}, sale.DefaultPlan()).Says
				if !strings.Contains(says.Advice.En, "Do not charge again") {
					continue
				}
				if seen++; signs[says.Code] != "doubt" && signs[says.Code] != "back" {
					t.Errorf("%s is shown under the sign %q", says.Code, signs[says.Code])
				}
			}
		}
	}
	if seen < 8 || len(signs) < 15 {
		t.Errorf("%d sales in doubt and %d signs were looked at", seen, len(signs))
	}
}

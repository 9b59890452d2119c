package api

import (
	"strings"
	"testing"

	"qrposd/rules/sale"
)

// The customer is told the same as the cashier, in other words and never more: no
// payment that is not confirmed, and no "not charged" where money may be anywhere.
func TestTheCustomerIsToldTheTruth(t *testing.T) {
	for code := range payerSayings {
		if _, ok := sayings[code]; !ok {
			t.Errorf("the customer is told of %s, and the cashier is not", code)
		}
	}
	for _, s := range specimens() {
		w := says(&s)
		told := w.Payer
		bilingual(t, w.Code, told.Headline)
		bilingual(t, w.Code, told.Advice)
		if paid := told.Headline.En == "Paid" || told.Headline.Zh == "已付款"; paid != (w.Code == "paid") || paid && s.State != sale.Paid {
			t.Errorf("%s is told to the customer as %+v", s.State, told)
		}
		open := strings.Contains(w.Advice.En, "Do not charge again")
		if twice := strings.Contains(told.Advice.En, "do not pay again"); twice != open || strings.Contains(told.Advice.Zh, "请勿重复付款") != open {
			t.Errorf("%s: the cashier is told %q, the customer %q", w.Code, w.Advice.En, told.Advice.En)
		}
		none := strings.Contains(told.Advice.En, notCharged)
		if none != strings.Contains(w.Advice.En, nothingTaken) || none != strings.Contains(told.Advice.Zh, notChargedZh) {
			t.Errorf("%s: the cashier is told %q, the customer %q", w.Code, w.Advice.En, told.Advice.En)
		}
		if yet := strings.Contains(told.Advice.En, nothingYet) || strings.Contains(told.Advice.En, "Nothing is charged before"); yet && !s.State.Before() && w.Code != "cancelling" {
			t.Errorf("%s: nothing is charged yet, says %q", s.State, told.Advice.En)
		}
		for _, inside := range []string{"manager", "model", "rule", "risk", "balance", "主管", "模型", "规则", "风险", "余额"} {
			if text := told.Headline.En + told.Advice.En + told.Headline.Zh + told.Advice.Zh; strings.Contains(text, inside) {
				t.Errorf("%s tells the customer of %q: %s", w.Code, inside, text)
			}
		}
	}
}

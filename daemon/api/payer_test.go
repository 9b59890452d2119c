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

// What ended by the till's own conclusion is told as not found, since somebody may
// have paid; a code that nobody saw is not among it.
func TestUnseenIsWhatCouldBePaid(t *testing.T) {
	for name, c := range map[string]struct {
		flow sale.Flow
		code string
		want string
	}{
		"a code that was shown":  {sale.Merchant, "weixin://x", "declined_unseen"},
		"a code that never came": {sale.Merchant, "", "declined_final"},
		"a charge":               {sale.Payer, "", "declined_unseen"},
	} {
		s := sale.Sale{Flow: c.flow, State: sale.Declined, Attempts: []sale.Attempt{{OrderNo: "S1", End: sale.EndConcluded, CodeURL: c.code}}}
		if got := says(&s).Code; got != c.want {
			t.Errorf("%s is told as %s, want %s", name, got, c.want)
		}
	}
}

package day

import (
	"strings"
	"testing"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Whatever is in a report, no line of its receipt is wider than the paper, and what
// fixes the day is on it.
func TestReceipt(t *testing.T) {
	d, records := example()
	own := sale.Sale{ID: "O", Flow: sale.Offline, Operator: "bob", Amount: cny(700), State: sale.Unconfirmed, Own: &sale.OwnCode{}}
	records = append(records, Record{After: own})
	r, err := d.Z(Whole(list(records...), list(legs(records)...)))
	if err != nil {
		t.Fatal(err)
	}
	s := Signed{By: "Wang", Key: strings.Repeat("ab", 32), Signature: strings.Repeat("C", 88)}
	r.Head.Link = strings.Repeat("0f", 32)
	for zh, want := range map[bool][]string{
		false: {"END OF DAY (Z)", "Number                         7", "Closing                CNY 67.80", "Over/short             CNY -0.50", "NOT MONEY OF THE DAY", "unconfirmed, 1 sales    CNY 7.00", "Closed by                   Wang"},
		true:  {"日结 (Z)", "期末                   CNY 67.80", "未计入当日款项", "长短款                 CNY -0.50"},
	} {
		text := r.Receipt(s, zh)
		for _, w := range want {
			if !strings.Contains(text, w+"\n") {
				t.Errorf("there is no line %q in\n%s", w, text)
			}
		}
		for _, whole := range []string{r.Head.Link, s.Key, s.Signature} {
			if !strings.Contains(strings.ReplaceAll(text, "\n", ""), whole) {
				t.Errorf("there is no %s in\n%s", whole, text)
			}
		}
		for line := range strings.Lines(text) {
			if columnsOf(strings.TrimSuffix(line, "\n")) > width {
				t.Errorf("%q is wider than the paper", line)
			}
		}
	}
}

// What a code of the till's own was shown for is money of the day when there is a
// receipt of it, and then in the shop's account and not at the provider; before that it
// keeps no day open.
func TestOwnCodes(t *testing.T) {
	for _, state := range []sale.State{sale.PresentedOffline, sale.Unconfirmed, sale.Disputed} {
		d, records := example()
		own := sale.Sale{ID: "O", Flow: sale.Offline, Operator: "bob", Amount: cny(700), State: state, Own: &sale.OwnCode{}}
		open := append(records, Record{Before: own, After: own})
		r, err := d.Z(Whole(list(open...), list(legs(open)...)))
		if err != nil || len(r.Exposed) != 1 || r.Exposed[0] != (Exposed{state.String(), "CNY", 1, 700}) || r.Totals[0].Paid != 3280 || r.Totals[0].Banked != 0 {
			t.Errorf("%s: %+v, %v", state, r, err)
		}
		settled := own
		settled.State, settled.Own = sale.Settled, &sale.OwnCode{Receipt: &sale.Receipt{Amount: money.Money{Minor: 690, Currency: "CNY"}}}
		found := append(records, Record{Before: own, After: settled})
		r, err = d.Z(Whole(list(found...), list(legs(found)...)))
		if err != nil || len(r.Exposed) != 0 || r.Totals[0].Banked != 690 || r.Totals[0].Closing != 6780 {
			t.Errorf("a receipt after %s: %+v, %v", state, r, err)
		}
		if _, err := d.Z(Whole(list(found...), list(legs(records)...))); err == nil {
			t.Error("a receipt that was not posted closes the day")
		}
		later := append(records, Record{Before: settled, After: settled})
		if r, err = d.Z(Whole(list(later...), list(legs(later)...))); err != nil || r.Totals[0].Banked != 0 {
			t.Errorf("the day after: %+v, %v", r, err)
		}
	}
}

package aipay

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// A session tells what happened in the order in which it happened, and however
// much did, it is one that the API takes.
func TestSession(t *testing.T) {
	now := testStart().Add(time.Minute)
	for _, articles := range []int{0, 1, 20, 32} {
		for _, confirmed := range []int{0, 1, 5} {
			for _, attempts := range []int{0, 1, 40} {
				for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
					s := sale.Sale{Key: "k", Flow: flow, Amount: money.Money{Minor: 1280, Currency: "CNY"}, BegunWall: testStart(), Attempts: make([]sale.Attempt, attempts)}
					var r Rung
					for range articles {
						r.Articles = append(r.Articles, Article{"food", 640})
					}
					for range confirmed {
						r.Confirmed = append(r.Confirmed, testStart().Add(time.Second))
					}
					got := session(s, r, now)
					name := fmt.Sprintf("%d articles, %d confirmed, %d attempts, %s", articles, confirmed, attempts, flow)
					if _, err := NewContext(got, testDevice(), testIntent()); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					count := map[Kind]int{}
					var kinds []Kind
					for _, in := range got.Interactions {
						if count[in.Kind]++; !slices.Contains(kinds, in.Kind) {
							kinds = append(kinds, in.Kind)
						}
					}
					order := []Kind{Keypad, Product, Confirm, Attempt, Scan, Pay}
					if !slices.IsSortedFunc(kinds, func(a, b Kind) int { return slices.Index(order, a) - slices.Index(order, b) }) {
						t.Errorf("%s: in the order %v", name, kinds)
					}
					if count[Product] != min(articles, maxArticles) || (count[Keypad] == 1) != (articles == 0) || count[Confirm] != min(confirmed, maxConfirmed) ||
						count[Attempt] != min(attempts, maxAttempts) || (count[Scan] == 1) != (flow == sale.Payer) || count[Pay] != 1 {
						t.Errorf("%s: %v", name, count)
					}
				}
			}
		}
	}
}

// An explanation may speak of the label that was sent, whatever the classifier
// says now.
func TestSentIsWhatWasSent(t *testing.T) {
	c := monitored(nil)
	const no = "T0126112500001ABCDEFGHJK1"
	s := sale.Sale{Attempts: []sale.Attempt{{OrderNo: no, Request: sale.NewRequest("POST", PathPayments, []byte(`{"context":{"intent":{"label":"gift_card","classifier":"shop/2"}}}`), sale.PayerCode{})}}}
	got := c.sent(sale.Step{OrderNo: no}, s).Names
	for _, want := range []string{"purchase", "shop/1", "gift_card", "shop/2", no} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
	s.Attempts[0].Request.Body = "{"
	if got := c.sent(sale.Step{OrderNo: no}, s).Names; !slices.Contains(got, "purchase") {
		t.Errorf("of broken bytes: %q", got)
	}
}

package store_test

import (
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/storetest"
)

// A sale in another currency is made again from its journal: in both currencies, at
// its price, and without one where none was projected.
func TestPricedSalesAreMadeAgain(t *testing.T) {
	rate := func(text string) money.Rate {
		r, err := money.ParseRate(text)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	db := storetest.MustOpen(t) // checks the file at the end
	n := sale.New{Flow: sale.Payer, Amount: money.Money{Minor: 10000, Currency: "HKD"}, PayIn: "CNY"}
	s := begin(t, db, n)
	s = commit(t, db, s.ID, sale.Event{Kind: sale.Priced, Price: &sale.Price{
		Projection: "P1", Low: rate("0.90"), Mid: rate("0.91"), High: rate("0.93"), Agreed: rate("0.9158"), Confidence: 0.8, By: "middle", Lasts: time.Hour,
	}})
	s = commit(t, db, s.ID, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{By: "rules"}})
	s = commit(t, db, s.ID, charge(s))
	s = commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: money.Money{Minor: 9158, Currency: "CNY"}, TransactionID: "4200001"})
	if s.State != sale.Paid || s.Amount.Currency != "CNY" {
		t.Fatalf("%s, %+v", s.State, s.Amount)
	}
	s = begin(t, db, n)
	s = commit(t, db, s.ID, sale.Event{Kind: sale.NotPriced, Why: &sale.Reason{Code: "price_unavailable", Message: "none"}})
	if s.State != sale.Declined {
		t.Fatalf("%s", s.State)
	}
}

package store_test

import (
	"testing"
	"time"

	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// What the rules are told of the traffic: counted with the facts themselves,
// by window, by operator, without the sale that is being judged.
func TestTraffic(t *testing.T) {
	clock := newFakeClock()
	db := storetest.MustOpen(t, withClock(clock))
	sell := func(operator string, minor int64) sale.Sale {
		s, _, err := db.Begin(t.Context(), sale.New{Flow: sale.Payer, Amount: money.Money{Minor: minor, Currency: "CNY"}, Operator: operator}, "s", sale.Once{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	sell("Li", 1000)
	clock.pass(2 * time.Hour)
	first := sell("Li", 500)
	commit(t, db, first.ID, charge(first))
	commit(t, db, first.ID, sale.Event{Kind: sale.Received, Amount: first.Amount, TransactionID: "1"})
	commit(t, db, first.ID, sale.Event{Kind: sale.RefundRequested, Amount: first.Amount, By: "Li"})
	void := sell("Li", 700)
	commit(t, db, void.ID, charge(void))
	commit(t, db, void.ID, sale.Event{Kind: sale.CancelRequested, By: "Li"})
	gone := sell("Wang", 5)
	commit(t, db, gone.ID, charge(gone))
	commit(t, db, gone.ID, sale.Event{Kind: sale.NotSent})
	clock.pass(20 * time.Minute)
	now := sell("Li", 900)

	var c rules.Case
	if err := db.Traffic(now, &c); err != nil {
		t.Fatal(err)
	}
	n := rules.Known
	want := rules.Case{
		Till:     rules.Till{Count1m: n(0), Count1h: n(3), Sum1h: n(1205), Sum1d: n(2205), Declines: n(0)},
		Operator: rules.Operator{Sales: n(3), Voids: n(1), Refunds: n(1), OwnRefunds: n(1), TinySales: n(0), Count10m: n(0)},
	}
	if c.Till != want.Till || c.Operator != want.Operator {
		t.Errorf("the traffic is\n%+v %+v, want\n%+v %+v", c.Till, c.Operator, want.Till, want.Operator)
	}
	if err := db.Traffic(gone, &c); err != nil || c.Operator.TinySales != n(0) {
		t.Errorf("a tiny sale counts itself: %+v, %v", c.Operator, err)
	}
}

// The random selection cannot be predicted without the secret, is the same each
// time it is asked for, and spreads evenly.
func TestDraw(t *testing.T) {
	db := storetest.MustOpen(t)
	other := storetest.MustOpen(t, func(o *store.Options) { o.Secret = []byte("another secret of the merchant") })
	s := begin(t, db, payer())
	once, twice := db.Draw(s), db.Draw(s)
	if once != twice || once == other.Draw(s) {
		t.Errorf("drawn %d and %d, with another secret %d", once, twice, other.Draw(s))
	}
	below := 0
	for i := range 4000 {
		s.Key = string(rune('a'+i%26)) + time.Duration(i).String()
		if db.Draw(s) < 5000 {
			below++
		}
	}
	if below < 1850 || below > 2150 {
		t.Errorf("%d of 4000 draws are in the lower half", below)
	}
}

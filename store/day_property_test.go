package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"qrposd/rules/day"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// Whatever is sold, given back and paid late, and whenever days are closed, every
// payment and every refund is in exactly one day, each day begins with what the one
// before it ended with, and the last one ends with what the sales say is there.
func TestEveryPaymentIsInOneDay(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			clock := newFakeClock()
			db := storetest.MustOpen(t, withClock(clock))
			sign, _ := signer()
			var sales []sale.ID
			var sum day.Total
			days := 0
			closes := func() {
				c, _, err := db.CloseDay(t.Context(), "Wang", sign, sale.Once{})
				var open *day.Unbalanced
				if errors.As(err, &open) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var report day.Report
				if err := json.Unmarshal(c.Report, &report); err != nil {
					t.Fatal(err)
				}
				days++
				for _, total := range report.Totals {
					if total.Opening != sum.Closing || report.Number != days {
						t.Fatalf("day %d opens with %d, the one before it closed with %d", report.Number, total.Opening, sum.Closing)
					}
					sum.Paid, sum.Refunded, sum.Closing = sum.Paid+total.Paid, sum.Refunded+total.Refunded, total.Closing
				}
			}
			for range 100 {
				clock.pass(1e9)
				if len(sales) == 0 || r.IntN(3) == 0 {
					s := begin(t, db, payer())
					commit(t, db, s.ID, charge(s))
					sales = append(sales, s.ID)
					continue
				}
				step(t, r, db, sales[r.IntN(len(sales))])
				switch r.IntN(20) {
				case 0, 1: // something is in doubt, most likely
					closes()
				case 2:
					settle(t, db, sales)
					closes()
				}
			}
			settle(t, db, sales)
			closes()
			var net int64
			for _, id := range sales {
				s, err := db.Sale(id)
				if err != nil {
					t.Fatal(err)
				}
				net += s.Net()
			}
			if days < 2 || sum.Closing != net || sum.Paid-sum.Refunded != net {
				t.Errorf("%d days took %d and gave %d back and end with %d; the sales have %d", days, sum.Paid, sum.Refunded, sum.Closing, net)
			}
			x, err := db.DayReport(t.Context())
			if err != nil || len(x.Rows) != 0 || !x.Balanced {
				t.Errorf("behind the last day: %+v, %v", x, err)
			}
		})
	}
}

// settle is the provider's word on everything that is in doubt.
func settle(t *testing.T, db *store.DB, sales []sale.ID) {
	t.Helper()
	for _, id := range sales {
		if s, err := db.Sale(id); err == nil && s.Current().End == sale.Open {
			commit(t, db, id, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "9"})
		}
	}
}

// step has something happen to a sale, if it may.
func step(t *testing.T, r *rand.Rand, db *store.DB, id sale.ID) {
	t.Helper()
	s, err := db.Sale(id)
	if err != nil {
		t.Fatal(err)
	}
	ev := sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "7"}
	switch {
	case s.State == sale.Reversed && r.IntN(2) == 0: // and is paid after all, on another day perhaps
	case s.State == sale.Reversed:
		return
	case s.Current().End == sale.Open && r.IntN(2) == 0:
		ev = sale.Event{Kind: sale.TakenBack}
	case s.Current().End == sale.Open:
	case len(s.Refunds) == 0 || s.Refunds[len(s.Refunds)-1].State == sale.RefundPaid:
		ev = sale.Event{Kind: sale.RefundRequested, Amount: money.Money{Minor: 1 + r.Int64N(500), Currency: "CNY"}, By: "Li"}
	default:
		no := s.Refunds[len(s.Refunds)-1].No
		ev = []sale.Event{
			{Kind: sale.RefundIntended, RefundNo: no, Request: &sale.Request{Method: "POST", Path: "/refund", Body: "{}"}}, {Kind: sale.RefundPending, RefundNo: no}, {Kind: sale.RefundDone, RefundNo: no},
		}[r.IntN(3)]
	}
	var refused *sale.Refusal
	if _, err := db.Commit(t.Context(), id, ev, sale.Once{}); err != nil && !errors.As(err, &refused) {
		t.Fatal(err)
	}
}

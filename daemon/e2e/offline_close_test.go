package e2e

import (
	"fmt"
	"maps"
	"net/http"

	"qrposd/rules/sale"
)

// close holds the bank's truth against the till's books, and what waits for the owner
// against what was planted.
func (y *offlineDay) close() {
	y.t.Helper()
	y.until("everything at the provider is over", func() bool {
		list, err := y.d.api.Sales(soon(y.t), 100, "")
		if err != nil {
			return false
		}
		for _, s := range list.Sales {
			if s.Flow != sale.Offline && !s.Rests() {
				return false
			}
		}
		return true
	})
	var truth struct {
		Accounts []struct {
			Currency string `json:"currency"`
			Minor    int64  `json:"minor"`
		} `json:"accounts"`
		Payments []struct{} `json:"payments"`
		Forged   []struct{} `json:"forged"`
	}
	y.o.do(http.MethodGet, "/sim/bank", nil, &truth)
	bank := map[string]int64{}
	for _, a := range truth.Accounts {
		bank[a.Currency] += a.Minor
	}
	if len(truth.Payments) != len(y.want) || len(truth.Forged) != 2 {
		y.t.Errorf("the bank has %d payments and %d forged receipts, the script %d and 2", len(truth.Payments), len(truth.Forged), len(y.want))
	}
	ledger, taken := y.ledger()
	for c, n := range y.left {
		ledger[c] += n
	}
	if !maps.Equal(bank, ledger) {
		y.t.Errorf("the bank has %v; the till's books and what is for nobody's sale %v", bank, ledger)
	}
	if net := y.provider(); taken != y.online || net != y.online {
		y.t.Errorf("through the provider the till took %d, the provider says %d, the script %d", taken, net, y.online)
	}
	y.cases()
	y.d.stop()
	y.d.check()
}

// ledger is what the till's sales say came by receipts, by currency, and through the
// provider.
func (y *offlineDay) ledger() (banked map[string]int64, taken int64) {
	y.t.Helper()
	banked = map[string]int64{}
	for before := sale.ID(""); ; {
		page, err := y.d.api.Sales(soon(y.t), 100, before)
		if err != nil {
			y.t.Fatal(err)
		}
		for _, s := range page.Sales {
			if s.Offline != nil && s.Offline.Receipt != nil {
				a := s.Offline.Receipt.Amount
				banked[string(a.Currency)] += a.Minor
			}
			if s.State == "paid" {
				taken += s.Amount.Minor
			}
			if s.Offline != nil && (s.State == "paid" || (s.Offline.Receipt == nil) == (s.State == "reconciled")) {
				y.t.Errorf("sale %s is %s with the receipt %+v", s.ID, s.State, s.Offline.Receipt)
			}
		}
		if before = page.Next; before == "" {
			return banked, taken
		}
	}
}

func (y *offlineDay) provider() (net int64) {
	for no, c := range y.o.orders() {
		if net += c.Net; c.Charges > 1 {
			y.t.Errorf("%d charges of %s", c.Charges, no)
		}
	}
	return net
}

// cases are exactly those that were planted.
func (y *offlineDay) cases() {
	y.t.Helper()
	list, err := y.d.api.Cases(soon(y.t), "open", 100, 0)
	if err != nil {
		y.t.Fatal(err)
	}
	got := map[string]int{}
	for _, c := range list.Cases {
		got[c.Kind]++
		if c.Says.What.En == "" || c.Says.What.Zh == "" || c.Says.Next.En == "" {
			y.t.Errorf("a case %s is not said in words: %+v", c.Kind, c.Says)
		}
	}
	want := map[string]int{"receipt_unmatched": 1, "receipt_ambiguous": 2, "receipt_differs": 1, "paid_twice": 1, "receipt_given_up": 1, "offline_unpaid": 2}
	if !maps.Equal(got, want) {
		y.t.Errorf("%s wait for the owner, want %s", fmt.Sprint(got), fmt.Sprint(want))
	}
}

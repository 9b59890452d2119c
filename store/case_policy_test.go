package store_test

import (
	"testing"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// The owner is told once a day that a policy refuses sales, with the first of them.
func TestAPolicyRefusalIsOneCaseADay(t *testing.T) {
	db := storetest.MustOpen(t)
	var first sale.Sale
	for i := range 3 {
		s := begin(t, db, payer())
		s = commit(t, db, s.ID, charge(s))
		s = commit(t, db, s.ID, sale.Event{Kind: sale.ChargeRefused, Appeal: true, Why: &sale.Reason{Code: "ai_policy", Message: "a rule"}})
		if i == 0 {
			first = s
		}
		if s = commit(t, db, s.ID, sale.Event{Kind: sale.Concluded}); s.State != sale.AwaitingApproval {
			t.Fatalf("it is %s", s.State)
		}
	}
	list, err := db.Cases(10, 0, func(store.Case) bool { return true })
	if err != nil || len(list) != 1 || list[0].Kind != store.PolicyRefusal || list[0].Sale != first.ID {
		t.Errorf("%+v, %v", list, err)
	}
}

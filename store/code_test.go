package store_test

import (
	"fmt"
	"testing"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// A till whose name is digits gives order numbers that look like payers' codes. Its
// file is in order: a check that said otherwise would keep the till from starting.
func TestAnOrderNumberIsNoPayerCode(t *testing.T) {
	path := newPath(t)
	db, err := store.Open(path, options(withClock(newFakeClock()), func(o *store.Options) { o.Till = "1000001" }))
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		s := begin(t, db, payer())
		ev := charge(s)
		req := sale.NewRequest("POST", "/v3/pay/transactions/codepay", fmt.Appendf(nil, `{"out_trade_no":"%s"}`, s.NextOrderNo()), sale.PayerCode{})
		ev.Request = &req
		commit(t, db, s.ID, ev)
	}
	s := begin(t, db, payer())
	ev := charge(s)
	req := sale.NewRequest("POST", "/v3/pay/transactions/codepay", fmt.Appendf(nil, `{"out_trade_no":"%s","auth_code":"134567890123456789"}`, s.NextOrderNo()), sale.PayerCode{})
	ev.Request = &req
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, path)

	if db, err = store.Open(path, options(withClock(newFakeClock()), func(o *store.Options) { o.Till = "1000001" })); err != nil {
		t.Fatal(err)
	}
	commit(t, db, s.ID, ev)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := store.CheckFile(path); err != nil || len(r.Violations) != 2 {
		t.Errorf("a code beside an order number: %v %v", r.Violations, err)
	}
}

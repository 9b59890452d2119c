package store_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

func everyDebt(s *sale.Sale) bool { return len(s.Debts()) > 0 }

func owing(t testing.TB, db *store.DB) []store.Owed {
	t.Helper()
	list, err := db.Owing(everyDebt)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func said(kind sale.Kind, code string) sale.Event {
	return sale.Event{Kind: kind, By: "Li", Why: &sale.Reason{Code: code, Message: "looked"}}
}

// What only a person can bring on stays in the queue however old it grows and however
// often it was tried, through restarts, and leaves it when nothing is owed. The file
// of a stopped till says the same.
func TestNothingOwedEverLeavesTheQueue(t *testing.T) {
	clock, path := newFakeClock(), newPath(t)
	open := func() *store.DB {
		t.Helper()
		db, err := store.Open(path, options(withClock(clock)))
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	db := open()
	s := paid(t, db)
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "Li"})
	no := s.Current().OrderNo + "R1"
	req := sale.NewRequest("POST", "/refund", []byte("{}"), sale.PayerCode{})
	for range 200 {
		commit(t, db, s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: no, Request: &req})
		commit(t, db, s.ID, sale.Event{Kind: sale.Unclear, RefundNo: no})
		clock.pass(24 * time.Hour)
	}
	if list := owing(t, db); len(list) != 1 || list[0].Stuck || list[0].Job.Attempts != 200 || len(list[0].Job.Results) < 200 {
		t.Fatalf("after 200 days and tries: %d jobs", len(list))
	}
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundFailed, RefundNo: no})
	for year := range 10 {
		clock.pass(365 * 24 * time.Hour)
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open()
		list := owing(t, db)
		if len(list) != 1 || !list[0].Stuck || list[0].Sale.Debts()[0].Kind != sale.DebtFailed {
			t.Fatalf("after %d years: %+v", year+1, list)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if list, err := store.ReadOwing(path); err != nil || len(list) != 1 {
		t.Errorf("the file says %d, %v", len(list), err)
	}
	if r, err := store.CheckFile(path); err != nil || r.Err() != nil {
		t.Errorf("the file: %v, %v", err, r.Err())
	}
	db = open()
	got := commit(t, db, s.ID, said(sale.Resumed, ""))
	if got.State != sale.Refunding || len(got.Refunds) != 2 || got.Refunds[1].No != s.Current().OrderNo+"R2" || got.Refunds[1].Amount != cny {
		t.Errorf("resumed, it is %s with %+v", got.State, got.Refunds)
	}
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: got.Refunds[1].No, Request: &req})
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundDone, RefundNo: got.Refunds[1].No})
	if list := owing(t, db); len(list) != 0 {
		t.Errorf("paid back, it owes %+v", list)
	}
	if one, err := db.Owed(s.ID); err != nil || one.Job.Topic != "" {
		t.Errorf("%+v, %v", one.Job, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := store.CheckFile(path); err != nil || r.Err() != nil {
		t.Errorf("the file: %v, %v", err, r.Err())
	}
}

// A refund that the provider has closed leaves the queue when somebody has given the
// money back in another way, and for good: nothing more of it can be promised.
func TestARepaidRefundIsOwedNoMore(t *testing.T) {
	path := newPath(t)
	db := storetest.MustOpenAt(t, path)
	s := paid(t, db)
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "Li"})
	req, no := sale.NewRequest("POST", "/refund", []byte("{}"), sale.PayerCode{}), s.Current().OrderNo+"R1"
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: no, Request: &req})
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundFailed, RefundNo: no})
	if list := owing(t, db); len(list) != 1 || !list[0].Stuck {
		t.Fatalf("closed by the provider, it owes %+v", list)
	}
	commit(t, db, s.ID, said(sale.Repaid, ""))
	if list := owing(t, db); len(list) != 0 {
		t.Errorf("given back, it owes %+v", list)
	}
	ev := sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "Li"}
	if _, err := db.Commit(t.Context(), s.ID, ev, sale.Once{}); err == nil {
		t.Error("it is promised once more")
	}
}

// Whoever asks for refunds at once, no more is promised than was paid, and never more
// of them than the provider takes: both are decided in the transaction.
func TestConcurrentRefundsAddUp(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	dice := rand.New(rand.NewPCG(seed, 0))
	db := storetest.MustOpen(t)
	for range 12 {
		s := paid(t, db)
		var group sync.WaitGroup
		asked := int64(0)
		for range 8 {
			part := money.Money{Minor: 1 + dice.Int64N(700), Currency: "CNY"}
			asked += part.Minor
			group.Go(func() {
				for range 6 {
					after, err := db.Commit(context.Background(), s.ID, sale.Event{Kind: sale.RefundRequested, Amount: part, By: "Li"}, sale.Once{})
					var no *sale.Refusal
					if err != nil && !errors.As(err, &no) {
						t.Error(err)
					}
					if err == nil { // the provider pays it, or closes it
						r := after.Refunds[len(after.Refunds)-1]
						kind := sale.RefundDone
						if part.Minor%3 == 0 {
							kind = sale.RefundFailed
						}
						if _, err := db.Commit(context.Background(), s.ID, sale.Event{Kind: kind, RefundNo: r.No}, sale.Once{}); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		group.Wait()
		got, err := db.Sale(s.ID)
		if err != nil {
			t.Fatal(err)
		}
		back := int64(0)
		for _, r := range got.Refunds {
			if r.State != sale.RefundBroken {
				back += r.Amount.Minor
			}
		}
		if back > cny.Minor || got.Net() != cny.Minor-back || asked > cny.Minor && len(got.Refunds) == 0 {
			t.Fatalf("seed %d: %d of %d went back, %d is left: %+v", seed, back, cny.Minor, got.Net(), got.Refunds)
		}
	}
}

func TestTheFiftyFirstRefundIsRefused(t *testing.T) {
	db := storetest.MustOpen(t)
	s := paid(t, db)
	fen := sale.Event{Kind: sale.RefundRequested, Amount: money.Money{Minor: 1, Currency: "CNY"}, By: "Li"}
	for i := range 50 {
		after := commit(t, db, s.ID, fen)
		kind := sale.RefundDone
		if i%2 == 1 {
			kind = sale.RefundFailed // a number that came to nothing counts as well
		}
		req := sale.NewRequest("POST", "/refund", []byte("{}"), sale.PayerCode{})
		commit(t, db, s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: after.Refunds[i].No, Request: &req})
		commit(t, db, s.ID, sale.Event{Kind: kind, RefundNo: after.Refunds[i].No})
	}
	for _, ev := range []sale.Event{fen, said(sale.Resumed, "")} {
		_, err := db.Commit(t.Context(), s.ID, ev, sale.Once{})
		var no *sale.Refusal
		if !errors.As(err, &no) || no.Code != "refund_too_many" {
			t.Errorf("%s as the 51st: %v", ev.Kind, err)
		}
	}
}

// A payment that somebody saw to end otherwise than it did is a case for the owner,
// once.
func TestAContradictedTakeoverOpensACase(t *testing.T) {
	for _, c := range []struct {
		saw  string
		ends sale.Event
		want int
	}{
		{sale.SeenPaid, sale.Event{Kind: sale.TakenBack}, 1},
		{sale.SeenPaid, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42"}, 0},
		{sale.SeenUnpaid, sale.Event{Kind: sale.TakenBack}, 0},
		{sale.SeenUnpaid, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42"}, 1},
	} {
		db := storetest.MustOpen(t)
		s := begin(t, db, payer())
		s = commit(t, db, s.ID, charge(s))
		commit(t, db, s.ID, sale.Event{Kind: sale.Unclear})
		commit(t, db, s.ID, said(sale.TakenOver, c.saw))
		commit(t, db, s.ID, c.ends)
		if list := cases(t, db); len(list) != c.want || c.want == 1 && (list[0].Kind != store.TakeoverContradicted || list[0].Data["saw"] != c.saw) {
			t.Errorf("%s and %s: %+v", c.saw, c.ends.Kind, list)
		}
	}
}

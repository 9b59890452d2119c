package store_test

import (
	"errors"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// One key is one request for as long as the file lives.
func TestOnce(t *testing.T) {
	clock := newFakeClock()
	path := newPath(t)
	db := open(t, path, clock)
	opening := sale.Once{Key: "open-1", Print: "sha256 of 12.80"}
	s, replayed, err := db.Begin(t.Context(), payer(), "session", opening)
	if err != nil || replayed {
		t.Fatal(replayed, err)
	}
	commit(t, db, s.ID, charge(s))
	commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: cny})
	refund := sale.Once{Key: "refund-1", Print: "sha256 of 1.00"}
	back := sale.Event{Kind: sale.RefundRequested, Amount: money.Money{Minor: 100, Currency: "CNY"}}
	s, err = db.Commit(t.Context(), s.ID, back, refund)
	if err != nil || len(s.Refunds) != 1 {
		t.Fatal(s.Refunds, err)
	}

	clock.pass(30 * 24 * time.Hour)
	db = reopen(t, db, path, clock)
	n := db.Stats()
	again, replayed, err := db.Begin(t.Context(), payer(), "another session", opening)
	if err != nil || !replayed || stored(t, again) != stored(t, s) {
		t.Errorf("a replay is not the sale as it is now: %v %v", replayed, err)
	}
	again, err = db.Commit(t.Context(), s.ID, back, refund)
	if err != nil || len(again.Refunds) != 1 {
		t.Errorf("a replay refunded again: %v %v", again.Refunds, err)
	}
	other := begin(t, db, payer())
	for name, call := range map[string]func() error{
		"another amount": func() error {
			_, _, err := db.Begin(t.Context(), payer(), "session", sale.Once{Key: "open-1", Print: "sha256 of 9.90"})
			return err
		},
		"another refund": func() error {
			_, err := db.Commit(t.Context(), s.ID, back, sale.Once{Key: "refund-1", Print: "sha256 of 2.00"})
			return err
		},
		"the same refund of another sale": func() error {
			_, err := db.Commit(t.Context(), other.ID, back, refund)
			return err
		},
	} {
		if err := call(); !errors.Is(err, store.ErrOnceMismatch) {
			t.Errorf("%s under a used key: %v", name, err)
		}
	}
	if st := db.Stats(); st.Entries != n.Entries+1 {
		t.Errorf("replays wrote %d lines", st.Entries-n.Entries-1)
	}
}

// A refused request leaves its key free: the caller mends it and asks again.
func TestARefusedRequestDoesNotUseItsKey(t *testing.T) {
	db := storetest.MustOpen(t)
	once := sale.Once{Key: "k", Print: "nothing"}
	bad := payer()
	bad.Amount.Minor = 0
	var reason *money.Error
	if _, _, err := db.Begin(t.Context(), bad, "s", once); !errors.As(err, &reason) {
		t.Fatalf("a sale of nothing: %v", err)
	}
	if _, replayed, err := db.Begin(t.Context(), payer(), "s", sale.Once{Key: "k", Print: "something"}); err != nil || replayed {
		t.Errorf("the mended request: %v %v", replayed, err)
	}
}

// One payer code serves one order, over restarts too.
func TestCodeServesOneOrder(t *testing.T) {
	path := newPath(t)
	db := storetest.MustOpenAt(t, path)
	a, b := begin(t, db, payer()), begin(t, db, payer())
	first := charge(a)
	commit(t, db, a.ID, first)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = storetest.MustOpenAt(t, path)
	second := charge(b)
	second.CodeID = first.CodeID
	_, err := db.Commit(t.Context(), b.ID, second, sale.Once{})
	var no *sale.Refusal
	if !errors.As(err, &no) || no.Code != "code_used" || no.State != sale.Opened {
		t.Errorf("the same code for another sale: %v", err)
	}
	// Nothing left the till for the first order, yet its code stays spent.
	a = commit(t, db, a.ID, sale.Event{Kind: sale.NotSent})
	retry := charge(a)
	retry.CodeID = first.CodeID
	if _, err := db.Commit(t.Context(), a.ID, retry, sale.Once{}); !errors.As(err, &no) || no.Code != "code_used" {
		t.Errorf("the same code for the next attempt: %v", err)
	}
	if b, err := db.Sale(b.ID); err != nil || b.State != sale.Opened || len(b.Attempts) != 0 {
		t.Errorf("a refused charge left %s, %v", b.State, err)
	}
	commit(t, db, b.ID, charge(b))
}

// Late money puts the job of a finished sale back.
func TestJobsFollowTheSale(t *testing.T) {
	db := storetest.MustOpen(t)
	s := begin(t, db, payer())
	unfinished := func(want bool) {
		t.Helper()
		ids, err := db.Unfinished()
		if err != nil || (len(ids) == 1) != want {
			t.Errorf("%s is %s: unfinished %v, %v", s.ID, s.State, ids, err)
		}
	}
	unfinished(true)
	s = commit(t, db, s.ID, charge(s))
	s = commit(t, db, s.ID, sale.Event{Kind: sale.Unclear})
	req := sale.NewRequest("POST", "/reverse", []byte("{}"), sale.PayerCode{})
	s = commit(t, db, s.ID, sale.Event{Kind: sale.ReverseIntended, Request: &req})
	unfinished(true)
	s = commit(t, db, s.ID, sale.Event{Kind: sale.TakenBack})
	unfinished(false)
	s = commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "late"})
	if s.State != sale.Refunding {
		t.Fatalf("late money left it %s", s.State)
	}
	unfinished(true)
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundDone, RefundNo: s.Refunds[0].No})
	unfinished(false)
	path := db.Path()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if r := storetest.MustCheck(t, path); r.Retired != 2 || r.Jobs != 0 {
		t.Errorf("%d jobs retired, %d live: both lives of the job are history", r.Retired, r.Jobs)
	}
}

func TestSalesPages(t *testing.T) {
	clock := newFakeClock()
	db := storetest.MustOpen(t, withClock(clock))
	var ids []sale.ID
	for i := range 7 {
		clock.step(clock.Wall().AddDate(0, 0, -i)) // the date in the ID goes back
		ids = append(ids, begin(t, db, payer()).ID)
	}
	var got []sale.ID
	for before := sale.ID(""); ; {
		page, err := db.Sales(3, before)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, s := range page {
			got = append(got, s.ID)
		}
		before = got[len(got)-1]
	}
	for i, id := range got {
		if id != ids[len(ids)-1-i] {
			t.Fatalf("pages give %v of %v", got, ids)
		}
	}
	if len(got) != len(ids) {
		t.Errorf("%d of %d sales", len(got), len(ids))
	}
	if _, err := db.Sales(1, "nobody"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before a sale that is not there: %v", err)
	}
}

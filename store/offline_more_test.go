package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/offline"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// Sales that begin at once cannot pass a limit together, whatever the order in which
// they are judged.
func TestLimitsHoldAtOnce(t *testing.T) {
	db := storetest.MustOpen(t)
	const limit = 7
	for range 3 {
		shown(t, db, own("pix", 100, 0))
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	accepted := 3
	for range 40 {
		group.Go(func() {
			s, _, err := db.Begin(t.Context(), own("pix", 100, 0), "session", sale.Once{})
			if err != nil {
				t.Error(err)
				return
			}
			o, split, err := db.Counters(s, time.Hour)
			n, _ := o.Count.Value()
			sum, _ := o.Sum.Value()
			streak, _ := o.Streak.Value()
			if err != nil || sum != 100*n || streak != n || split != sum {
				t.Errorf("%d sales of %d, %d in a row, %d of a scheme, %v", n, sum, streak, split, err)
			}
			if n >= limit {
				_, err = db.Commit(t.Context(), s.ID, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{Refused: true}}, sale.Once{})
			} else if _, err = db.Commit(t.Context(), s.ID, show(s, time.Hour), sale.Once{}); err == nil {
				mu.Lock()
				accepted++
				mu.Unlock()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if e, err := db.Exposure(); err != nil || e.Count != accepted || accepted != limit {
		t.Errorf("%d were accepted, the exposure has %d, the limit is %d, %v", accepted, e.Count, limit, err)
	}
}

// Where amounts are all that tells payments apart, two sales of one amount are not
// open together, also where both begin at once.
func TestAmountsAreApartAtOnce(t *testing.T) {
	db := storetest.MustOpen(t)
	var mu sync.Mutex
	var group sync.WaitGroup
	var amounts []int64
	for range 30 {
		group.Go(func() {
			s, _, err := db.Begin(t.Context(), own("promptpay", 3500, 9), "session", sale.Once{})
			var no *sale.Refusal
			if err != nil && !(errors.As(err, &no) && no.Code == "offline_amount_taken") {
				t.Error(err)
			} else if err == nil {
				mu.Lock()
				amounts = append(amounts, s.Amount.Minor)
				mu.Unlock()
			}
		})
	}
	group.Wait()
	slices.Sort(amounts)
	if len(slices.Compact(amounts)) != 10 || amounts[0] != 3491 || amounts[9] != 3500 {
		t.Errorf("the open sales ask for %v", amounts)
	}
}

// What a statement says becomes of sales and cases: each difference is a case of its
// own kind, once, and a payer who paid twice is among them.
func TestStatement(t *testing.T) {
	clock := newFakeClock()
	db := storetest.MustOpen(t, withClock(clock))
	bill, tea, gone := shown(t, db, own("promptpay_bill", 5000, 0)), shown(t, db, own("promptpay", 3500, 0)), shown(t, db, own("promptpay_bill", 7000, 0))
	commit(t, db, gone.ID, sale.Event{Kind: sale.CancelRequested, By: "c1"})
	wrong, twin := shown(t, db, own("promptpay_bill", 9000, 0)), shown(t, db, own("promptpay_bill", 9900, 0))
	shown(t, db, own("promptpay_bill", 9900, 0))
	at := clock.Wall()
	for _, c := range []struct {
		r     offline.Receipt
		why   string
		sale  sale.ID
		state sale.State
	}{
		{offline.Receipt{ID: "1", Source: "s", Amount: thb(5000), At: at, Reference: bill.Own.Reference}, "by_reference", bill.ID, sale.Settled},
		{offline.Receipt{ID: "2", Source: "s", Amount: thb(5000), At: at, Reference: bill.Own.Reference}, "used", bill.ID, sale.Settled},
		{offline.Receipt{ID: "3", Source: "s", Amount: thb(3500), At: at}, "by_amount_time", tea.ID, sale.Settled},
		{offline.Receipt{ID: "4", Source: "s", Amount: thb(3500), At: at}, "no_sale", "", 0},
		{offline.Receipt{ID: "5", Source: "s", Amount: thb(7000), At: at, Reference: gone.Own.Reference}, "by_reference", gone.ID, sale.Settled},
		{offline.Receipt{ID: "6", Source: "s", Amount: thb(8999), At: at, Reference: wrong.Own.Reference}, "amount_differs", wrong.ID, sale.PresentedOffline},
		{offline.Receipt{ID: "7", Source: "s", Amount: thb(9900), At: at, Reference: "***"}, "several_fit", "", 0},
	} {
		got := receive(t, db, c.r)
		if got.Why != c.why || got.Match.Sale != c.sale {
			t.Errorf("receipt %s: %+v, want %s of %s", c.r.ID, got.Match, c.why, c.sale)
		}
		again := receive(t, db, c.r)
		if again.Why != got.Why || again.Wall != got.Wall {
			t.Errorf("receipt %s again: %+v", c.r.ID, again)
		}
		if s, err := db.Sale(c.sale); c.sale != "" && (err != nil || s.State != c.state) {
			t.Errorf("receipt %s leaves its sale %s, %v", c.r.ID, s.State, err)
		}
	}
	if s, err := db.Reconcile(t.Context(), wrong.ID, "6", "boss", "a fee"); err != nil || s.State != sale.Settled || s.Banked() != 8999 {
		t.Errorf("by hand: %s with %d, %v", s.State, s.Banked(), err)
	}
	if _, err := db.Reconcile(t.Context(), twin.ID, "6", "boss", ""); !errors.Is(err, store.ErrReceiptUsed) {
		t.Errorf("a receipt for two sales: %v", err)
	}
	if s, err := db.Reconcile(t.Context(), twin.ID, "", "boss", "the payer's bank confirmed it"); err != nil || s.Banked() != 9900 || s.Own.Receipt.By != "boss" {
		t.Errorf("by a person's word: %+v, %v", s.Own, err)
	}
	list, err := db.Cases(100, 0, func(store.Case) bool { return true })
	var kinds []string
	for _, c := range list {
		kinds = append(kinds, string(c.Kind))
	}
	slices.Sort(kinds)
	if got := strings.Join(kinds, " "); err != nil || got != "paid_twice receipt_ambiguous receipt_differs receipt_given_up receipt_unmatched" {
		t.Errorf("the cases are %s, %v", got, err)
	}
}

// The checker sees what it is there to see.
func TestCheckSeesOfflineFaults(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		do   func(b *bbolt.Bucket) error
	}{
		"an open sale that the exposure does not have": {"is not where", func(b *bbolt.Bucket) error { return drop(b, 'o') }},
		"a disputed one":                        {"is not where", func(b *bbolt.Bucket) error { return drop(b, 'd') }},
		"a reference that finds nothing":        {"is not where", func(b *bbolt.Bucket) error { return drop(b, 'r') }},
		"an amount that finds nothing":          {"is not where", func(b *bbolt.Bucket) error { return drop(b, 'm') }},
		"a receipt that is not among the taken": {"not among those that were taken", func(b *bbolt.Bucket) error { return drop(b, 'p') }},
		"codes in a row that nobody counts":     {"none is counted", func(b *bbolt.Bucket) error { return drop(b, 's') }},
	} {
		db := storetest.MustOpen(t)
		s := shown(t, db, own("promptpay_bill", 100, 0))
		receive(t, db, offline.Receipt{ID: "1", Source: "s", Amount: thb(100), At: s.Own.ShownWall, Reference: s.Own.Reference})
		shown(t, db, own("promptpay", 200, 0))
		late := shown(t, db, own("promptpay", 300, 0))
		commit(t, db, late.ID, sale.Event{Kind: sale.DisputeRaised, By: "c1", Why: &sale.Reason{Code: "offline_disputed"}})
		path := newPath(t)
		if _, err := db.Backup(t.Context(), path, nil); err != nil {
			t.Fatal(err)
		}
		edit(t, path, func(tx *bbolt.Tx) error { return c.do(tx.Bucket([]byte("offline"))) })
		r, err := store.CheckFile(path)
		if err != nil || r.Err() == nil || !strings.Contains(r.Err().Error(), c.want) {
			t.Errorf("%s: %v, %v", name, r.Err(), err)
		}
	}
}

// drop removes the first entry of a kind.
func drop(b *bbolt.Bucket, what byte) error {
	k, _ := b.Cursor().Seek([]byte{what})
	if k == nil || k[0] != what {
		return fmt.Errorf("there is no entry %q", what)
	}
	return b.Delete(k)
}

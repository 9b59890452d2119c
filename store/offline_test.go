package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
	"qrposd/rules/offline"
	"qrposd/rules/sale"
	"qrposd/store"
)

func thb(minor int64) money.Money { return money.Money{Minor: minor, Currency: "THB"} }

// own is a sale without the provider, of a scheme that carries a reference or not.
func own(scheme string, minor, lower int64) sale.New {
	return sale.New{Flow: sale.Offline, Amount: thb(minor), Operator: "c1", Offline: &sale.Terms{Scheme: scheme, Label: "bank", Carries: scheme != "promptpay", Lower: lower}}
}

// show is the record of the code of a sale.
func show(s sale.Sale, window time.Duration) sale.Event {
	o := sale.OwnCode{Scheme: s.Own.Scheme, Label: "bank", Reference: s.Own.Reference, Payload: "code of " + string(s.ID), Lasts: window}
	return sale.Event{Kind: sale.OfflineShown, Own: &o, Judgement: &sale.Judgement{By: "rules"}}
}

// shown is a sale whose code was shown.
func shown(t testing.TB, db *store.DB, n sale.New) sale.Sale {
	t.Helper()
	s := begin(t, db, n)
	return commit(t, db, s.ID, show(s, time.Hour))
}

func receive(t testing.TB, db *store.DB, r offline.Receipt) store.Receipt {
	t.Helper()
	got, _, err := db.Receive(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// unprovided plays people and statements around sales without the provider and keeps
// its own account of them.
type unprovided struct {
	r     *rapid.T
	t     *testing.T
	db    *store.DB
	clock *fakeClock
	boots int
	ids   []sale.ID
	taken map[string]store.Receipt
}

func (u *unprovided) sale(r *rapid.T) (sale.Sale, bool) {
	if len(u.ids) == 0 {
		return sale.Sale{}, false
	}
	s, err := u.db.Sale(rapid.SampledFrom(u.ids).Draw(r, "sale"))
	if err != nil {
		r.Fatal(err)
	}
	return s, true
}

func (u *unprovided) commit(id sale.ID, ev sale.Event) {
	_, err := u.db.Commit(u.t.Context(), id, ev, sale.Once{})
	var no *sale.Refusal
	if err != nil && !errors.As(err, &no) {
		u.r.Fatalf("%s: %v", ev.Kind, err)
	}
}

func (u *unprovided) begin(r *rapid.T) {
	n := own(rapid.SampledFrom([]string{"promptpay", "promptpay_bill"}).Draw(r, "scheme"), rapid.Int64Range(1, 4).Draw(r, "amount"), rapid.Int64Range(0, 2).Draw(r, "lower"))
	asked := n.Amount.Minor
	taken := u.amounts(n.Offline.Scheme)
	s, _, err := u.db.Begin(u.t.Context(), n, "session", sale.Once{})
	free := asked
	for n.Offline.Scheme == "promptpay" && slices.Contains(taken, free) {
		free--
	}
	var no *sale.Refusal
	switch {
	case free < 1 || asked-free > n.Offline.Lower:
		if !errors.As(err, &no) || no.Code != "offline_amount_taken" {
			r.Fatalf("a second sale of %d beside %v: %v", asked, taken, err)
		}
		return
	case err != nil || s.Amount.Minor != free || s.Own.Price.Minor != asked:
		r.Fatalf("a sale of %d beside %v asks for %s, %v", asked, taken, s.Amount, err)
	}
	u.ids = append(u.ids, s.ID)
}

// amounts are those of the open sales of a scheme.
func (u *unprovided) amounts(scheme string) (list []int64) {
	for _, id := range u.ids {
		if s, err := u.db.Sale(id); err != nil {
			u.r.Fatal(err)
		} else if s.Own.Scheme == scheme && (s.State.Before() || s.State == sale.PresentedOffline || s.State == sale.Unconfirmed) {
			list = append(list, s.Amount.Minor)
		}
	}
	return list
}

func (u *unprovided) people(r *rapid.T) {
	s, ok := u.sale(r)
	if !ok {
		return
	}
	switch rapid.IntRange(0, 7).Draw(r, "what") {
	case 0, 1, 2:
		u.commit(s.ID, show(s, time.Hour))
	case 3, 4:
		u.commit(s.ID, sale.Event{Kind: sale.Attested, By: "c1", Shown: rapid.Bool().Draw(r, "showed")})
	case 5:
		u.commit(s.ID, sale.Event{Kind: sale.CancelRequested, By: "c1"})
	case 6:
		u.commit(s.ID, sale.Event{Kind: sale.DisputeRaised, By: "c1", Why: &sale.Reason{Code: "offline_disputed"}})
	case 7:
		receipt := ""
		if rapid.Bool().Draw(r, "by a receipt") {
			receipt = rapid.SampledFrom([]string{"R0", "R1", "R2"}).Draw(r, "receipt")
		}
		_, err := u.db.Reconcile(u.t.Context(), s.ID, receipt, "c1", "seen in the bank's app")
		var no *sale.Refusal
		if err != nil && !errors.As(err, &no) && !errors.Is(err, store.ErrReceiptNotFound) && !errors.Is(err, store.ErrReceiptUsed) {
			r.Fatal(err)
		}
	}
}

func (u *unprovided) statement(r *rapid.T) {
	in := offline.Receipt{ID: fmt.Sprint("R", rapid.IntRange(0, 9).Draw(r, "id")), Source: "s", Amount: thb(rapid.Int64Range(1, 4).Draw(r, "came")), At: u.clock.Wall()}
	if s, ok := u.sale(r); ok && rapid.Bool().Draw(r, "with its reference") {
		in.Reference = strings.ToLower(s.Own.Reference)
	}
	got, replayed, err := u.db.Receive(u.t.Context(), in)
	was, known := u.taken[in.ID]
	switch {
	case known && (was.Amount != in.Amount || was.Reference != in.Reference || !was.At.Equal(in.At)):
		if !errors.Is(err, store.ErrReceiptReused) {
			r.Fatalf("another receipt of the id %s: %v", in.ID, err)
		}
	case err != nil || replayed != known || known && got.Digest != was.Digest:
		r.Fatalf("%+v, %v, known %v, replayed %v", got, err, known, replayed)
	case !known:
		u.taken[in.ID] = got
	}
}

// compare holds the exposure against the sales, each looked at.
func (u *unprovided) compare(*rapid.T) {
	want := store.Exposure{Sums: []money.Money{thb(0)}, Worst: []money.Money{thb(0)}}
	banked, receipts := int64(0), map[string]bool{}
	for _, id := range u.ids {
		s, err := u.db.Sale(id)
		if err != nil {
			u.r.Fatal(err)
		}
		if o := s.Own.Receipt; o != nil {
			if receipts[o.ID] {
				u.r.Fatalf("receipt %s is used twice", o.ID)
			}
			receipts[o.ID] = true
			banked += s.Banked()
		}
		if s.State.Taken() != (s.Own.Receipt != nil) {
			u.r.Fatalf("%s has a receipt: %v", s.State, s.Own.Receipt)
		}
		switch s.State {
		case sale.PresentedOffline, sale.Unconfirmed:
			want.Count++
			want.Sums[0].Minor += s.Amount.Minor
			want.Worst[0].Minor += s.Amount.Minor
			want.Oldest = max(want.Oldest, u.db.Now().At.Sub(s.Own.Shown))
		case sale.Disputed:
			want.Disputed++
			want.Worst[0].Minor += s.Amount.Minor
		}
	}
	got, err := u.db.Exposure()
	if err != nil {
		u.r.Fatal(err)
	}
	none := func(list []money.Money) int64 {
		if len(list) == 0 {
			return 0
		}
		return list[0].Minor
	}
	if got.Count != want.Count || got.Disputed != want.Disputed || none(got.Sums) != want.Sums[0].Minor || none(got.Worst) != want.Worst[0].Minor || (got.Oldest-want.Oldest).Abs() > time.Second {
		u.r.Fatalf("exposure %+v, want %+v", got, want)
	}
}

func (u *unprovided) reopen(path string) {
	if u.db != nil {
		if err := u.db.Close(); err != nil {
			u.r.Fatal(err)
		}
		rep, err := store.CheckFile(path)
		if err = cmp.Or(err, rep.Err()); err != nil {
			u.r.Fatal(err)
		}
	}
	db, err := store.Open(path, options(withClock(u.clock)))
	if err != nil {
		u.r.Fatal(err)
	}
	u.db = db
}

// Whatever people, statements and restarts do: the exposure is what the sales add up
// to, amounts that cannot be told apart are not open together, a receipt is used once,
// and the file checks.
func TestOfflineIsItsModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		u := &unprovided{r: r, t: t, clock: newFakeClock(), taken: map[string]store.Receipt{}}
		path := newPath(t)
		u.reopen(path)
		defer func() {
			u.reopen(path)
			_ = u.db.Close()
		}()
		r.Repeat(map[string]func(*rapid.T){
			"begin": u.begin, "people": u.people, "people2": u.people, "statement": u.statement,
			"time": func(r *rapid.T) {
				u.clock.pass(time.Duration(rapid.Int64Range(1, int64(2*time.Hour)).Draw(r, "passes")))
			},
			"reopen": func(r *rapid.T) {
				if rapid.Bool().Draw(r, "reboot") {
					u.boots++
					u.clock.reboot(fmt.Sprint("boot ", u.boots), u.clock.Wall().Add(time.Minute))
				}
				u.reopen(path)
			},
			"": u.compare,
		})
	})
}

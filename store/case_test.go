package store_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/record"
	"qrposd/store/storetest"
)

func verdict(v sale.Verdict) sale.Event {
	return sale.Event{Kind: sale.Reconciled, Verdict: v, Finding: &sale.Finding{Model: "sim/slow", Cause: "hallucination", Sure: true, Foreign: 2}}
}

func everyCase(store.Case) bool { return true }

func cases(t testing.TB, db *store.DB) []store.Case {
	t.Helper()
	list, err := db.Cases(100, 0, everyCase)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A verdict opens a case if it is a mismatch, whichever fact brings it, once for
// each order, and moves no money.
func TestAMismatchOpensOneCase(t *testing.T) {
	for _, c := range []struct {
		name  string
		facts func(*testing.T, *store.DB) sale.Sale
		want  int
	}{
		{"none asked", func(t *testing.T, db *store.DB) sale.Sale { return paid(t, db) }, 0},
		{"pending", func(t *testing.T, db *store.DB) sale.Sale { return commit(t, db, paid(t, db).ID, verdict(sale.Unread)) }, 0},
		{"consistent", func(t *testing.T, db *store.DB) sale.Sale {
			return commit(t, db, paid(t, db).ID, verdict(sale.Consistent))
		}, 0},
		{"mismatch", func(t *testing.T, db *store.DB) sale.Sale {
			return commit(t, db, paid(t, db).ID, verdict(sale.Mismatch))
		}, 1},
		{"mismatch, told twice", func(t *testing.T, db *store.DB) sale.Sale {
			s := commit(t, db, paid(t, db).ID, verdict(sale.Mismatch))
			return commit(t, db, s.ID, verdict(sale.Mismatch))
		}, 1},
		{"mismatch, taken back, told again", func(t *testing.T, db *store.DB) sale.Sale {
			s := commit(t, db, paid(t, db).ID, verdict(sale.Mismatch))
			s = commit(t, db, s.ID, verdict(sale.Consistent))
			return commit(t, db, s.ID, verdict(sale.Mismatch))
		}, 1},
		{"with the payment", func(t *testing.T, db *store.DB) sale.Sale {
			s := begin(t, db, payer())
			s = commit(t, db, s.ID, charge(s))
			return commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42", Verdict: sale.Mismatch, Finding: verdict("").Finding})
		}, 1},
		{"after the refund", func(t *testing.T, db *store.DB) sale.Sale {
			return commit(t, db, refunded(t, db).ID, verdict(sale.Mismatch))
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			clock := newFakeClock()
			db := storetest.MustOpen(t, withClock(clock))
			s := c.facts(t, db)
			list := cases(t, db)
			if n, _, err := db.Waiting(); len(list) != c.want || n != c.want || err != nil {
				t.Fatalf("%d cases, %d wait, %v; want %d", len(list), n, err, c.want)
			}
			if c.want == 0 {
				return
			}
			got, order := list[0], s.Current().OrderNo
			data := map[string]string{"verdict": "mismatch", "model": "sim/slow", "cause": "hallucination", "sure": "true", "foreign": "2"}
			if got.ID != 1 || got.Kind != store.ReconciliationMismatch || got.Subject != order || got.OrderNo != order || got.Sale != s.ID ||
				got.Next != store.ComparePayment || !got.Open() || !reflect.DeepEqual(got.Data, data) || !got.Wall.Equal(clock.Wall()) {
				t.Errorf("%+v", got)
			}
			if s.State != sale.Paid && s.State != sale.Refunded {
				t.Errorf("the sale is %s", s.State)
			}
		})
	}
}

// A mismatch of one sale changes no figure of the books: they are those of the same
// sale without one.
func TestAMismatchMovesNoMoney(t *testing.T) {
	books := func(v sale.Verdict) (sale.Sale, int) {
		db := storetest.MustOpen(t, withClock(newFakeClock()))
		s := commit(t, db, paid(t, db).ID, verdict(v))
		r, err := db.Backup(t.Context(), filepath.Join(t.TempDir(), "copy.db"), nil)
		if err != nil || r.Cases != len(cases(t, db)) {
			t.Fatalf("the backup has %d cases, %v", r.Cases, err)
		}
		return s, r.Postings
	}
	with, posted := books(sale.Mismatch)
	without, want := books(sale.Consistent)
	if with.Net() != without.Net() || with.State != without.State || posted != want || len(with.Refunds) != 0 || len(with.Attempts) != 1 {
		t.Errorf("with a mismatch: %d, %d postings; without: %d, %d", with.Net(), posted, without.Net(), want)
	}
}

// A case is closed once; the same request again is answered with it as it is, and
// the key is worth nothing for anything else.
func TestACaseIsClosedOnce(t *testing.T) {
	clock := newFakeClock()
	db := storetest.MustOpen(t, withClock(clock))
	first := commit(t, db, paid(t, db).ID, verdict(sale.Mismatch))
	clock.pass(time.Hour)
	commit(t, db, paid(t, db).ID, verdict(sale.Mismatch))
	clock.pass(time.Hour)
	if n, oldest, err := db.Waiting(); n != 2 || oldest != 2*time.Hour || err != nil {
		t.Fatalf("%d wait, the oldest for %s, %v", n, oldest, err)
	}
	once := sale.Once{Key: "key of the owner", Print: "close 1"}
	for i, wantReplayed := range []bool{false, true} {
		c, replayed, err := db.CloseCase(t.Context(), 1, "owner", "the bill agrees", once)
		if err != nil || replayed != wantReplayed || c.Open() || c.Closed.By != "owner" || c.Closed.Note != "the bill agrees" || !c.Closed.Wall.Equal(clock.Wall()) {
			t.Fatalf("time %d: %+v, %v, %v", i, c, replayed, err)
		}
	}
	closing := func(id uint64, key, print string) error {
		_, _, err := db.CloseCase(t.Context(), id, "owner", "again", sale.Once{Key: key, Print: print})
		return err
	}
	_, _, begun := db.Begin(t.Context(), payer(), "s", once)
	for name, got := range map[string]struct{ err, want error }{
		"another key":        {closing(1, "another key", "close 1 again"), store.ErrCaseClosed},
		"no such case":       {closing(3, "a third key", "close 3"), store.ErrCaseNotFound},
		"the key of another": {closing(2, once.Key, once.Print), store.ErrOnceMismatch},
		"another request":    {closing(1, once.Key, "close 1 otherwise"), store.ErrOnceMismatch},
		"the key for a sale": {begun, store.ErrOnceMismatch},
		"the key of a refund": {func() error {
			_, err := db.Commit(t.Context(), first.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny}, once)
			return err
		}(), store.ErrOnceMismatch},
	} {
		if !errors.Is(got.err, got.want) {
			t.Errorf("%s: %v, want %v", name, got.err, got.want)
		}
	}
	if n, oldest, err := db.Waiting(); n != 1 || oldest != time.Hour || err != nil {
		t.Errorf("%d wait, the oldest for %s, %v", n, oldest, err)
	}
	var ids []uint64
	for _, page := range []struct {
		limit  int
		before uint64
		want   func(store.Case) bool
	}{{10, 0, everyCase}, {1, 0, everyCase}, {10, 2, everyCase}, {10, 1, everyCase}, {10, 0, store.Case.Open}, {10, 9, store.Case.Open}} {
		list, err := db.Cases(page.limit, page.before, page.want)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			ids = append(ids, c.ID)
		}
		ids = append(ids, 0)
	}
	if want := []uint64{2, 1, 0, 2, 0, 1, 0, 0, 2, 0, 2, 0}; !reflect.DeepEqual(ids, want) {
		t.Errorf("the pages are %v, want %v", ids, want)
	}
}

// The end of the process around the commit of a mismatch leaves the fact and its
// case, or neither.
func TestACaseIsThereWithItsFact(t *testing.T) {
	db := storetest.MustOpen(t)
	s := paid(t, db)
	before := storetest.Crash(t, db)
	commit(t, db, s.ID, verdict(sale.Mismatch))
	after := storetest.Crash(t, db)
	for name, c := range map[string]struct {
		db   *store.DB
		want sale.Verdict
		n    int
	}{"before": {before, sale.Unread, 0}, "after": {after, sale.Mismatch, 1}} {
		got, err := c.db.Sale(s.ID)
		if err != nil || got.Current().Verdict != c.want || len(cases(t, c.db)) != c.n {
			t.Errorf("%s: %q, %d cases, %v", name, got.Current().Verdict, len(cases(t, c.db)), err)
		}
	}
	commit(t, before, s.ID, verdict(sale.Mismatch)) // it is asked for and heard again
	if len(cases(t, before)) != 1 {
		t.Error("the mismatch that is heard again opens no case")
	}
}

// What a file can hold of cases and no till writes is found.
func TestForgedCases(t *testing.T) {
	bucket := func(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte("case")) }
	at := func(what byte, id byte) []byte { return []byte{what, 0, 0, 0, 0, 0, 0, 0, id} }
	rewrite := func(tx *bbolt.Tx, change func(*store.Case)) error {
		var c store.Case
		if err := record.Unmarshal(at('c', 1), bucket(tx).Get(at('c', 1)), &c); err != nil {
			return err
		}
		change(&c)
		b, err := json.Marshal(c)
		if err != nil {
			return err
		}
		return bucket(tx).Put(at('c', 1), record.Seal(at('c', 1), b))
	}
	for name, c := range map[string]struct {
		want  string
		forge func(tx *bbolt.Tx) error
	}{
		"the case is gone": {"nobody was told", func(tx *bbolt.Tx) error { return bucket(tx).Delete(at('c', 1)) }},
		"another order":    {"knows of no such mismatch", func(tx *bbolt.Tx) error { return rewrite(tx, func(c *store.Case) { c.OrderNo = "T1X" }) }},
		"another moment":   {"knows of no such mismatch", func(tx *bbolt.Tx) error { return rewrite(tx, func(c *store.Case) { c.At++ }) }},
		"another sale":     {"there is no sale", func(tx *bbolt.Tx) error { return rewrite(tx, func(c *store.Case) { c.Sale = "T1Z" }) }},
		"closed in silence": {"among those that wait", func(tx *bbolt.Tx) error {
			return rewrite(tx, func(c *store.Case) { c.Closed = &store.Closing{By: "x", Wall: time.Now()} })
		}},
		"nobody closed it":      {"who closed it", func(tx *bbolt.Tx) error { return rewrite(tx, func(c *store.Case) { c.Closed = &store.Closing{} }) }},
		"nothing to do":         {"what to do", func(tx *bbolt.Tx) error { return rewrite(tx, func(c *store.Case) { c.Next = "" }) }},
		"it does not wait":      {"among those that wait", func(tx *bbolt.Tx) error { return bucket(tx).Delete(at('o', 1)) }},
		"one waits for nothing": {"belongs to no case", func(tx *bbolt.Tx) error { return bucket(tx).Put(at('o', 2), record.Seal(at('o', 2), nil)) }},
		"a strange key":         {"belongs to no case", func(tx *bbolt.Tx) error { return bucket(tx).Put([]byte("x"), record.Seal([]byte("x"), nil)) }},
		"a number was skipped":  {"numbers were given out", func(tx *bbolt.Tx) error { return bucket(tx).SetSequence(1 << 60) }},
		"its subject is gone": {"does not lead to it", func(tx *bbolt.Tx) error {
			k, _ := bucket(tx).Cursor().Seek([]byte("s"))
			return bucket(tx).Delete(k)
		}},
		"a flipped bit": {"", func(tx *bbolt.Tx) error {
			v := append([]byte(nil), bucket(tx).Get(at('c', 1))...)
			v[9] ^= 4
			return bucket(tx).Put(at('c', 1), v)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			db, err := store.Open(path, options())
			if err != nil {
				t.Fatal(err)
			}
			commit(t, db, paid(t, db).ID, verdict(sale.Mismatch))
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			edit(t, path, c.forge)
			r, err := store.CheckFile(path)
			if err != nil || len(r.Violations) == 0 {
				t.Fatalf("%v, %d violations", err, len(r.Violations))
			}
			var all strings.Builder
			for _, v := range r.Violations {
				all.WriteString(v.String() + "\n")
			}
			if !strings.Contains(all.String(), c.want) {
				t.Errorf("found %s", all.String())
			}
		})
	}
}

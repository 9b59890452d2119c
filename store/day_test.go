package store_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/rules/day"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/record"
	"qrposd/store/storetest"
)

// signer signs as a till does, with a key of the test's.
func signer() (store.Signer, ed25519.PublicKey) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	public := key.Public().(ed25519.PublicKey)
	return func(text string) ([]byte, []byte, error) { return public, ed25519.Sign(key, []byte(text)), nil }, public
}

func closeDay(t *testing.T, db *store.DB, key string) (store.ClosedDay, bool) {
	t.Helper()
	sign, _ := signer()
	c, replayed, err := db.CloseDay(t.Context(), "Wang", sign, sale.Once{Key: key, Print: "z"})
	if err != nil {
		t.Fatal(err)
	}
	return c, replayed
}

func enter(t *testing.T, db *store.DB, kind store.DrawerKind, minor int64) store.DrawerEntry {
	t.Helper()
	e, _, err := db.EnterDrawer(t.Context(), store.DrawerEntry{By: "Wang", Drawer: "1", Kind: kind, Amount: money.Money{Minor: minor, Currency: "CNY"}}, sale.Once{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func missing(err error) string {
	var u *day.Unbalanced
	if !errors.As(err, &u) {
		return fmt.Sprint(err)
	}
	s := ""
	for _, m := range u.Missing {
		s += string(m.Why) + " "
	}
	return s
}

// A day with a paid sale, one in doubt and a drawer that nobody has counted is closed
// when both are known, once; the next one begins where it ended.
func TestADayIsClosed(t *testing.T) {
	db := storetest.MustOpen(t)
	sign, public := signer()
	paid, open := begin(t, db, payer()), begin(t, db, payer())
	for _, s := range []sale.Sale{paid, open} {
		commit(t, db, s.ID, charge(s))
	}
	commit(t, db, paid.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "1"})
	enter(t, db, store.DrawerFloat, 5000)
	enter(t, db, store.DrawerPaidOut, 700)
	_, _, err := db.CloseDay(t.Context(), "Wang", sign, sale.Once{Key: "first-day", Print: "z"})
	if got := missing(err); got != "drawer_uncounted in_doubt " {
		t.Fatalf("it is kept open by %s", got)
	}
	enter(t, db, store.DrawerCounted, 4290)
	commit(t, db, open.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "2"})
	first, replayed := closeDay(t, db, "first-day")
	if replayed || first.Number != 1 || len(first.Closing) != 1 || first.Closing[0].Minor != 2*cny.Minor || !ed25519.Verify(public, []byte(first.Statement), first.Signature) {
		t.Fatalf("%+v", first)
	}
	if again, replayed := closeDay(t, db, "first-day"); !replayed || again.Number != 1 {
		t.Errorf("closed again: %v, %+v", replayed, again)
	}
	x, err := db.DayReport(t.Context())
	if err != nil || x.Number != 2 || len(x.Rows) != 0 || len(x.Drawers) != 0 || !x.Balanced || x.Totals[0].Opening != 2*cny.Minor {
		t.Errorf("%+v, %v", x, err)
	}
	giveBack(t, db, paid.ID)
	second, _ := closeDay(t, db, "second-day")
	x, err = db.DayReport(t.Context())
	if err != nil || second.Closing[0].Minor != cny.Minor || x.Totals[0].Opening != cny.Minor {
		t.Errorf("%+v, %+v, %v", second, x, err)
	}
	if list, err := db.ClosedDays(10, 0); err != nil || len(list) != 2 || list[0].Number != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := db.ClosedDay(3); !errors.Is(err, store.ErrDayNotFound) {
		t.Errorf("day 3: %v", err)
	}
	if _, _, err := db.CloseDay(t.Context(), "Wang", sign, sale.Once{Key: "first-day", Print: "other"}); !errors.Is(err, store.ErrOnceMismatch) {
		t.Errorf("the key of another request: %v", err)
	}
}

// giveBack refunds all of a sale and lets it arrive.
func giveBack(t *testing.T, db *store.DB, id sale.ID) {
	t.Helper()
	s := commit(t, db, id, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "Wang"})
	no := s.Refunds[0].No
	commit(t, db, id, sale.Event{Kind: sale.RefundIntended, RefundNo: no, Request: &sale.Request{Method: "POST", Path: "/refund", Body: "{}"}})
	commit(t, db, id, sale.Event{Kind: sale.RefundDone, RefundNo: no})
}

// A bill's differences are cases once, however often the bill is compared, and keep
// the day open until somebody has answered them.
func TestDifferencesOfABill(t *testing.T) {
	db := storetest.MustOpen(t)
	differences := []store.Case{
		{Subject: "payment_unknown_here|T1X", OrderNo: "T1X", Data: map[string]string{"code": "payment_unknown_here", "minor": "500", "currency": "CNY"}, Next: store.AskOrder},
		{Subject: "refund_unknown_here|R1", OrderNo: "T1Y", Data: map[string]string{"code": "refund_unknown_here"}, Next: store.AskRefund},
	}
	for i, want := range []int{2, 0} {
		d, err := db.RecordBill(t.Context(), store.BillDay{Date: "2026-11-27", Done: true, Tries: i + 1}, differences)
		if err != nil || d.Opened != want {
			t.Fatalf("comparison %d opens %d, %v", i+1, d.Opened, err)
		}
	}
	if list, err := db.Bills("2026-11-01"); err != nil || len(list) != 1 || !list[0].Done || list[0].Tries != 2 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := db.Bills("2026-11-28"); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	sign, _ := signer()
	for id := uint64(1); id <= 2; id++ {
		if _, _, err := db.CloseDay(t.Context(), "Wang", sign, sale.Once{}); err == nil || missing(err) == fmt.Sprint(err) {
			t.Errorf("with an open difference: %v", err)
		}
		if _, _, err := db.CloseCase(t.Context(), id, "owner", "asked", sale.Once{}); err != nil {
			t.Fatal(err)
		}
	}
	closeDay(t, db, "key-of-the-day")
	if _, err := db.RecordBill(t.Context(), store.BillDay{Date: "yesterday"}, nil); err == nil {
		t.Error("a bill of no day is recorded")
	}
}

// Whatever is changed in a closed day afterwards is found.
func TestAClosedDayThatWasChanged(t *testing.T) {
	made := newPath(t)
	db := storetest.MustOpenAt(t, made)
	paid(t, db)
	enter(t, db, store.DrawerCounted, 0)
	closeDay(t, db, "first-day")
	paid(t, db)
	closeDay(t, db, "second-day")
	whole := storetest.MustCopy(t, made)
	if r := storetest.MustCheck(t, whole); r.Days != 2 || len(r.DayKeys) != 1 || r.DrawerLines != 1 {
		t.Errorf("%+v", r)
	}
	change := func(n uint64, fn func(*store.ClosedDay)) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			k := binary.BigEndian.AppendUint64([]byte{'z'}, n)
			var c store.ClosedDay
			if err := record.Unmarshal(k, tx.Bucket([]byte("day")).Get(k), &c); err != nil {
				return err
			}
			fn(&c)
			value, err := record.Marshal(k, c)
			return errors.Join(err, tx.Bucket([]byte("day")).Put(k, value))
		}
	}
	for name, c := range map[string]struct {
		fault func(*bbolt.Tx) error
		want  string
	}{
		"a sum":          {change(2, func(c *store.ClosedDay) { c.Report = bytes.Replace(c.Report, []byte("1280"), []byte("1180"), 1) }), "what was signed"},
		"a statement":    {change(1, func(c *store.ClosedDay) { c.Statement += "\n" }), "what was signed"},
		"a signature":    {change(1, func(c *store.ClosedDay) { c.Signature[3] ^= 1 }), "signature does not verify"},
		"a key":          {change(2, func(c *store.ClosedDay) { c.Key[3] ^= 1 }), "signature does not verify"},
		"a balance":      {change(1, func(c *store.ClosedDay) { c.Closing[0].Minor++ }), "the postings add up to"},
		"an earlier end": {change(2, func(c *store.ClosedDay) { c.Seq, c.At = 1, 1 }), "before the day that it follows"},
		"a missing day": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("day")).Delete(binary.BigEndian.AppendUint64([]byte{'z'}, 1))
		}, "the day before it is missing"},
		"a missing line": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("day")).Delete(binary.BigEndian.AppendUint64([]byte{'e'}, 1))
		}, "before the day that it follows"},
		"a foreign key": {func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("day")).Put([]byte("q"), record.Seal([]byte("q"), nil))
		}, "nobody knows this key"},
	} {
		t.Run(name, func(t *testing.T) {
			path := storetest.MustCopy(t, whole)
			edit(t, path, c.fault)
			r, err := store.CheckFile(path)
			if err != nil || !strings.Contains(fmt.Sprint(r.Violations), c.want) {
				t.Errorf("%v, %v", r.Violations, err)
			}
		})
	}
}

// A file of before there were days begins its first one where it stands.
func TestTheFirstDayOfAnOlderFile(t *testing.T) {
	db := storetest.MustOpenAt(t, storetest.MustCopy(t, "testdata/layout-4.db"), withClock(newFakeClock()))
	x, err := db.DayReport(t.Context())
	if err != nil || x.Number != 1 || len(x.Rows) != 0 || len(x.Missing) != 1 || x.Missing[0].Why != day.InDoubt {
		t.Errorf("%+v, %v", x, err)
	}
	paid(t, db)
	if x, err = db.DayReport(t.Context()); err != nil || len(x.Missing) != 1 || x.Totals[0].Paid != cny.Minor || x.Totals[0].Closing-x.Totals[0].Opening != cny.Minor {
		t.Errorf("%+v, %v", x, err)
	}
}

package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// small moves sales of ten into an archive and keeps ten.
func small(c *fakeClock) func(*store.Options) {
	return func(o *store.Options) {
		o.Clock, o.Rotation = c, store.Rotation{Keep: 10, Batch: 10, After: time.Hour}
	}
}

// settled drives a new sale through all that money can do, to where nobody owes a step.
func settled(t testing.TB, db *store.DB, i int) sale.Sale {
	t.Helper()
	s, _, err := db.Begin(t.Context(), payer(), "session", onceOf(i))
	if err != nil {
		t.Fatal(err)
	}
	commit(t, db, s.ID, charge(s))
	s = commit(t, db, s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42", Verdict: sale.Unanswered})
	if i%3 == 0 {
		s = refund(t, db, s, cny.Minor, fmt.Sprint("refund", i))
	}
	return s
}

func onceOf(i int) sale.Once { return sale.Once{Key: fmt.Sprint("key", i), Print: "print"} }

func refund(t testing.TB, db *store.DB, s sale.Sale, minor int64, key string) sale.Sale {
	t.Helper()
	amount := cny
	amount.Minor = minor
	s, err := db.Commit(t.Context(), s.ID, sale.Event{Kind: sale.RefundRequested, Amount: amount, By: "c1"}, sale.Once{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	no := s.Refunds[len(s.Refunds)-1].No
	req := sale.NewRequest("POST", "/v3/refund/domestic/refunds", []byte(`{}`), sale.PayerCode{})
	commit(t, db, s.ID, sale.Event{Kind: sale.RefundIntended, RefundNo: no, Request: &req})
	return commit(t, db, s.ID, sale.Event{Kind: sale.RefundDone, RefundNo: no})
}

// rotate moves what may be moved and says in how many steps.
func rotate(t testing.TB, db *store.DB) (steps int) {
	t.Helper()
	for {
		did, err := db.Rotate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !did {
			return steps
		}
		steps++
	}
}

func archivesOf(t testing.TB, path string) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.archive"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// shop is a store with archives and what it should remember.
type shop struct {
	path    string
	ring    string // of the second record, if it has one
	clock   *fakeClock
	sales   []sale.Sale // oldest first
	journal []sale.Entry
}

// old sells n times and moves what may be moved, between every two steps of which the
// power may go: the file and its archives are whole, and every sale is as it was.
func old(t testing.TB, n int) *shop {
	return (&shop{path: newPath(t), clock: newFakeClock()}).grow(t, n)
}

func (sh *shop) grow(t testing.TB, n int) *shop {
	t.Helper()
	db, err := store.Open(sh.path, sh.options())
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		sh.clock.pass(time.Minute)
		if i == 4 {
			s := begin(t, db, payer()) // stays: nobody knows how it ended
			sh.sales = append(sh.sales, commit(t, db, s.ID, charge(s)))
		}
		sh.sales = append(sh.sales, settled(t, db, i))
	}
	sh.clock.pass(2 * time.Hour)
	if sh.journal, err = db.Journal(0, 1e6); err != nil {
		t.Fatal(err)
	}
	for done := false; !done; {
		did, err := db.Rotate(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done = !did
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		storetest.MustCheck(t, sh.path)
		if r, err := store.CheckAlone(sh.path); errors.Join(err, r.Err()) != nil {
			t.Fatal(err, r.Violations)
		}
		if db, err = store.Open(sh.path, sh.options()); err != nil {
			t.Fatal(err)
		}
		sh.remembers(t, db)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return sh
}

func (sh *shop) open(t testing.TB) *store.DB {
	t.Helper()
	return storetest.MustOpenAt(t, sh.path, small(sh.clock))
}

// remembers holds all that a store is asked for against what was sold.
func (sh *shop) remembers(t testing.TB, db *store.DB) {
	t.Helper()
	var ids []sale.ID
	for _, want := range sh.sales {
		if got, err := db.Sale(want.ID); err != nil || stored(t, got) != stored(t, want) {
			t.Fatalf("%s: %v\n%s\n%s", want.ID, err, stored(t, got), stored(t, want))
		}
		ids = append([]sale.ID{want.ID}, ids...)
	}
	var listed []sale.ID
	for before := sale.ID(""); ; before = listed[len(listed)-1] {
		list, err := db.Sales(7, before)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			listed = append(listed, s.ID)
		}
		if len(list) < 7 {
			break
		}
	}
	if !slices.Equal(listed, ids) {
		t.Fatalf("listed are\n%v, sold were\n%v", listed, ids)
	}
	got, err := db.Journal(0, len(sh.journal))
	if err != nil || stored2(t, got) != stored2(t, sh.journal) {
		t.Fatalf("%d lines of %d, %v", len(got), len(sh.journal), err)
	}
	for at := 0; at < len(sh.journal); at += 23 {
		if one, err := db.Journal(uint64(at), 2); err != nil || len(one) != min(2, len(sh.journal)-at) || one[0].Seq != uint64(at+1) {
			t.Fatalf("after line %d: %d lines, %v", at, len(one), err)
		}
	}
}

func stored2(t testing.TB, list []sale.Entry) string {
	return fmt.Sprintf("%+v", list[len(list)-1].Seq) + fmt.Sprint(len(list))
}

func TestOldSalesLeave(t *testing.T) {
	sh := old(t, 45)
	r := storetest.MustCheck(t, sh.path)
	if r.Archives != 3 || r.Sales != 46 || len(archivesOf(t, sh.path)) != 3 {
		t.Errorf("%d archives of %d sales: %v", r.Archives, r.Sales, archivesOf(t, sh.path))
	}
	n := 0
	edit(t, sh.path, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("sale")).ForEach(func(_, _ []byte) error { n++; return nil })
	})
	if n != 17 {
		t.Errorf("the file has %d sales, 16 that are young and one that is owed were to stay", n)
	}
	read := 0
	for e, err := range store.ReadJournal(sh.path) {
		if read++; err != nil || e.Seq != uint64(read) {
			t.Fatalf("line %d: %d, %v", read, e.Seq, err)
		}
	}
	if read != len(sh.journal) {
		t.Errorf("%d lines of %d", read, len(sh.journal))
	}
	db := sh.open(t)
	ids, err := db.Unfinished()
	if err != nil || !slices.Contains(ids, sh.sales[4].ID) {
		t.Errorf("what is owed is not in the file: %v, %v", ids, err)
	}
}

// What was used once is used, wherever it lies.
func TestNothingOfAnOldSaleIsUsedTwice(t *testing.T) {
	sh := old(t, 45)
	db := sh.open(t)
	first := sh.sales[0]
	s, replayed, err := db.Begin(t.Context(), payer(), "session", onceOf(0))
	if err != nil || !replayed || s.ID != first.ID {
		t.Errorf("the key of an old sale gives %s, %v, %v", s.ID, replayed, err)
	}
	if _, _, err := db.Begin(t.Context(), payer(), "session", sale.Once{Key: "key0", Print: "another"}); !errors.Is(err, store.ErrOnceMismatch) {
		t.Errorf("the same key for another request: %v", err)
	}
	if _, err := db.Commit(t.Context(), first.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "c1"}, sale.Once{Key: "refund0"}); err != nil {
		t.Errorf("the refund of an old sale once more: %v", err)
	}
	if again, _ := db.Sale(first.ID); len(again.Refunds) != 1 {
		t.Errorf("it has %d refunds", len(again.Refunds))
	}
	fresh := begin(t, db, payer())
	ev := charge(fresh)
	ev.CodeID = first.Attempts[0].CodeID
	var refusal *sale.Refusal
	if _, err := db.Commit(t.Context(), fresh.ID, ev, sale.Once{}); !errors.As(err, &refusal) || refusal.Code != "code_used" {
		t.Errorf("the code of an old sale: %v", err)
	}
}

// A refund after months brings a sale back, once, and it leaves again.
func TestAnOldSaleComesBack(t *testing.T) {
	sh := old(t, 45)
	db := sh.open(t)
	s := refund(t, db, sh.sales[1], 280, "late")
	if s.State != sale.PartRefunded || s.Net() != cny.Minor-280 {
		t.Fatalf("%s %d", s.State, s.Net())
	}
	storetest.Crash(t, db, small(sh.clock))
	sh.sales[1] = s
	var refusal *sale.Refusal
	if _, err := db.Commit(t.Context(), s.ID, sale.Event{Kind: sale.RefundRequested, Amount: cny, By: "c1"}, sale.Once{}); !errors.As(err, &refusal) {
		t.Errorf("more is promised back than was paid: %v", err)
	}
	for i := range 30 {
		sh.clock.pass(time.Minute)
		sh.sales = append(sh.sales, settled(t, db, 100+i))
	}
	sh.clock.pass(2 * time.Hour)
	rotate(t, db)
	var err error
	if sh.journal, err = db.Journal(0, 1e6); err != nil {
		t.Fatal(err)
	}
	sh.remembers(t, db)
	s = refund(t, db, s, 1000, "later")
	if s.State != sale.Refunded {
		t.Fatalf("%s", s.State)
	}
	if r := archivesOf(t, sh.path); len(r) != 6 {
		t.Errorf("%d archives", len(r))
	}
}

// A backup has the archives, sealed if it is, and together they are the books.
func TestBackupsHaveTheArchives(t *testing.T) {
	sh := old(t, 31)
	db := sh.open(t)
	turn := func(w io.Writer) (io.WriteCloser, error) { return turned{w}, nil }
	for name, seal := range map[string]store.Seal{"plain": nil, "sealed": turn} {
		there, back := t.TempDir(), filepath.Join(t.TempDir(), "till.db")
		for i := range 2 { // the second one has nothing to copy
			if _, err := db.Backup(t.Context(), filepath.Join(there, fmt.Sprint(i)), seal); err != nil {
				t.Fatal(name, err)
			}
		}
		open := func(r io.Reader) (io.Reader, error) {
			b, err := io.ReadAll(r)
			for i := range b {
				b[i] ^= 1
			}
			return bytes.NewReader(b), err
		}
		if n, err := store.BringArchives(t.Context(), there, filepath.Dir(back), open); err != nil || n != 2 {
			t.Fatal(name, n, err)
		}
		f, err := os.Open(filepath.Join(there, "1"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		from := io.Reader(f)
		if seal != nil {
			if from, err = open(f); err != nil {
				t.Fatal(err)
			}
		}
		sh.clock.pass(time.Hour)
		if _, err := store.Restore(t.Context(), back, options(small(sh.clock)), store.Restoring{From: from, By: "chief"}); err != nil {
			t.Fatal(name, err)
		}
		restored := storetest.MustOpenAt(t, back, small(sh.clock))
		if s, err := restored.Sale(sh.sales[0].ID); err != nil || stored(t, s) != stored(t, sh.sales[0]) {
			t.Error(name, s, err)
		}
		if s := refund(t, restored, sh.sales[2], 100, "late"); s.Restored == nil {
			t.Error("the refund of an old sale was promised before the provider was asked")
		}
		for i := range 40 {
			sh.clock.pass(time.Minute)
			settled(t, restored, 500+i)
		}
		sh.clock.pass(2 * time.Hour)
		rotate(t, restored)
	}
}

// turned seals as far as a test cares.
type turned struct{ io.Writer }

func (w turned) Write(b []byte) (int, error) {
	c := bytes.Clone(b)
	for i := range c {
		c[i] ^= 1
	}
	return w.Writer.Write(c)
}

func (w turned) Close() error { return nil }

// Each damage to what lies beside the file is found, and the till sells on: only who
// needs what is gone is told so.
func TestDamagedArchivesAreFound(t *testing.T) {
	for name, harm := range map[string]func(path string) error{
		"one is missing": os.Remove,
		"one is empty":   func(p string) error { return os.Truncate(p, 0) },
		"a bit is wrong": func(p string) error {
			b, err := os.ReadFile(p)
			b[len(b)/3] ^= 4
			return errors.Join(err, os.WriteFile(p, b, 0o600))
		},
		"one is another": func(p string) error {
			list, _ := filepath.Glob(filepath.Join(filepath.Dir(p), "*.archive"))
			b, err := os.ReadFile(list[len(list)-1])
			return errors.Join(err, os.WriteFile(p, b, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			sh := old(t, 31)
			if err := harm(archivesOf(t, sh.path)[0]); err != nil {
				t.Fatal(err)
			}
			r, err := store.CheckFile(sh.path)
			if err != nil || len(r.Violations) == 0 || !strings.HasPrefix(r.Violations[0].Where, "archive/") {
				t.Errorf("%v, %v", r.Violations, err)
			}
			if err := store.CheckInChild(t.Context(), exe(t), sh.path); err != nil {
				t.Errorf("a start is refused: %v", err)
			}
			db, err := store.Open(sh.path, options(small(sh.clock)))
			if err != nil {
				t.Fatal(err)
			}
			settled(t, db, 999)
			for i := range 31 {
				_, replayed, err := db.Begin(t.Context(), payer(), "session", onceOf(i))
				if known := errors.Is(err, store.ErrArchive); !replayed && !known || i == 0 && !known && name != "a bit is wrong" {
					t.Errorf("key %d, which was used, begins a sale: %v", i, err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/salvage"
	"qrposd/store/storetest"
)

// twice is a till with a second record of its journal.
type twice struct {
	path, ring string
	clock      *fakeClock
	sales      []sale.Sale // as they were acknowledged last
}

func (w *twice) options() store.Options {
	return options(withClock(w.clock), func(o *store.Options) { o.Salvage, o.SalvageSize = w.ring, salvage.MinSize })
}

func (w *twice) open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(w.path, w.options())
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// sold is such a till after a day: sales of each kind, one of them under way.
func sold(t testing.TB) *twice {
	t.Helper()
	dir := t.TempDir()
	w := &twice{path: filepath.Join(dir, "till.db"), ring: filepath.Join(dir, "ring"), clock: newFakeClock()}
	db := w.open(t)
	w.sell(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *twice) sell(t testing.TB, db *store.DB) {
	t.Helper()
	for i := range 6 {
		w.clock.pass(time.Minute)
		w.sales = append(w.sales, paid(t, db))
		if i%3 == 0 {
			w.sales = append(w.sales, refunded(t, db))
		}
	}
	s, _, err := db.Begin(t.Context(), payer(), "session", sale.Once{Key: "a key", Print: "p"})
	if err != nil {
		t.Fatal(err)
	}
	w.sales = append(w.sales, commit(t, db, s.ID, charge(s)))
}

// heal recovers the store and holds what came out against what was acknowledged.
func (w *twice) heal(t testing.TB) store.RestoreRecord {
	t.Helper()
	r, err := store.Recover(t.Context(), w.path, w.options(), store.Recovering{Cause: store.ErrCorrupt})
	if err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, w.path)
	return r
}

// whole says that every sale is as it was acknowledged, or that and told of the loss.
func (w *twice) whole(t testing.TB) {
	t.Helper()
	db := w.open(t)
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, was := range w.sales {
		s, err := db.Sale(was.ID)
		if err != nil {
			t.Fatalf("sale %s: %v", was.ID, err)
		}
		told := 0
		if s.Restored != nil {
			told = 1
		}
		if s.Facts != was.Facts+told || s.Amount != was.Amount || len(s.Attempts) != len(was.Attempts) || len(s.Refunds) != len(was.Refunds) || told == 0 && s.State != was.State {
			t.Fatalf("sale %s is %+v, was %+v", s.ID, s, was)
		}
	}
	if again, replayed, err := db.Begin(t.Context(), payer(), "session", sale.Once{Key: "a key", Print: "p"}); err != nil || !replayed || again.ID != w.sales[len(w.sales)-1].ID {
		t.Fatalf("the caller's key makes a second sale: %v %v", again.ID, err)
	}
	highest := ""
	for _, s := range w.sales {
		highest = max(highest, string(s.ID)[:len(s.ID)-11])
	}
	if s := begin(t, db, payer()); string(s.ID)[:len(s.ID)-11] <= highest {
		t.Fatalf("the number %s was given out before, %s is the highest", s.ID, highest)
	}
}

// Whatever becomes of the file, the second record and what its pages still say make it
// again: byte for byte, under its name, and with the sale under way asked about first.
func TestRecover(t *testing.T) {
	for what, hurt := range map[string]func(b []byte) []byte{
		"gone":              nil,
		"empty":             func([]byte) []byte { return nil },
		"cut off":           func(b []byte) []byte { return b[:5*4096+100] },
		"a letter":          func([]byte) []byte { return []byte("Dear customer,\n") },
		"overwritten":       func(b []byte) []byte { return bytes.Repeat([]byte{0xa5}, len(b)) },
		"headers are gone":  func(b []byte) []byte { clear(b[:2*4096]); return b },
		"every third page":  func(b []byte) []byte { return pages(b, 3) },
		"every second page": func(b []byte) []byte { return pages(b, 2) },
	} {
		t.Run(what, func(t *testing.T) {
			w := sold(t)
			before := head(t, w.path)
			w.damage(t, hurt)
			r := w.heal(t)
			if s := r.Salvaged; s == nil || !s.Whole || s.Missing+s.Unproven > 0 || s.Lines != before.entries {
				t.Fatalf("%+v", r.Salvaged)
			}
			if r.Asked != 1 || r.Head != before.head {
				t.Fatalf("%d sales are asked about; the journal ends at %s, did at %s", r.Asked, r.Head, before.head)
			}
			w.whole(t)
		})
	}
}

func pages(b []byte, nth int) []byte {
	for at := 2 * 4096; at < len(b); at += nth * 4096 {
		copy(b[at:at+4096], bytes.Repeat([]byte{0x5a}, 4096))
	}
	return b
}

func (w *twice) damage(t testing.TB, hurt func([]byte) []byte) {
	t.Helper()
	if hurt == nil {
		if err := os.Remove(w.path); err != nil {
			t.Fatal(err)
		}
		return
	}
	write(t, w.path, hurt(read(t, w.path)))
}

type end struct {
	entries uint64
	head    string
}

func head(t testing.TB, path string) end {
	t.Helper()
	r, err := store.CheckFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return end{uint64(r.Entries), r.Head}
}

// The damaged file is kept as it was, under another name.
func TestADamagedFileIsKept(t *testing.T) {
	w := sold(t)
	w.damage(t, func(b []byte) []byte { return pages(b, 2) })
	was := read(t, w.path)
	r := w.heal(t)
	if kept := read(t, filepath.Join(filepath.Dir(w.path), r.Replaced.Aside)); !bytes.Equal(kept, was) {
		t.Error("what is kept is not what was there")
	}
	left, err := filepath.Glob(w.path + ".*-*")
	if err != nil || len(left) != 1 {
		t.Errorf("beside it there is %v (%v)", left, err)
	}
}

// Without a second record, what the pages say is taken, and what is missing is said.
func TestRecoverWithoutRing(t *testing.T) {
	w := sold(t)
	if err := os.Remove(w.ring); err != nil {
		t.Fatal(err)
	}
	w.damage(t, func(b []byte) []byte { clear(b[:2*4096]); return b })
	r := w.heal(t)
	if s := r.Salvaged; s.Missing+s.Unproven > 0 || s.Whole {
		t.Fatalf("what came after the last line is not known, and it says %+v", s)
	}
	w.whole(t)
}

// Where there is nothing to go by, nothing is made up, and nothing is touched until
// somebody says that a new store may begin; its numbers then are in another row.
func TestNoProof(t *testing.T) {
	w := sold(t)
	if err := os.Remove(w.ring); err != nil {
		t.Fatal(err)
	}
	w.damage(t, func(b []byte) []byte { return bytes.Repeat([]byte{0xa5}, len(b)) })
	was := read(t, w.path)
	if _, err := store.Recover(t.Context(), w.path, w.options(), store.Recovering{Cause: store.ErrCorrupt}); !errors.Is(err, store.ErrNoProof) {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, w.path), was) {
		t.Fatal("the file was touched")
	}
	r, err := store.Recover(t.Context(), w.path, w.options(), store.Recovering{Cause: store.ErrCorrupt, By: "zhang"})
	if err != nil || r.By != "zhang" || r.Salvaged.Whole {
		t.Fatal(r, err)
	}
	storetest.MustCheck(t, w.path)
	db := w.open(t)
	s := begin(t, db, payer())
	for _, was := range w.sales {
		if string(s.ID)[:len(s.ID)-11] <= string(was.ID)[:len(was.ID)-11] {
			t.Errorf("the number %s was given out before: %s", s.ID, was.ID)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A store that lacks what the second record has is not sold on: a disk that said that it
// had written and had not is found, and what it forgot is put back.
func TestAStoreThatForgot(t *testing.T) {
	w := sold(t)
	early := read(t, w.path)
	db := w.open(t)
	w.sell2(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, w.path, early)
	if db, err := store.Open(w.path, w.options()); !errors.Is(err, store.ErrBehind) {
		t.Fatal(err, db.Close())
	}
	r := w.heal(t)
	if !r.Salvaged.Whole {
		t.Fatalf("%+v", r.Salvaged)
	}
	w.whole(t)
}

func (w *twice) sell2(t testing.TB, db *store.DB) {
	t.Helper()
	w.sales = append([]sale.Sale{paid(t, db), refunded(t, db)}, w.sales...)
}

// A ring that is smaller than the day has its end only: the sales that are whole in it
// are there, the others are named, and the new store says how much is missing.
func TestRecoverFromAShortRing(t *testing.T) {
	w := sold(t)
	db := w.open(t)
	for range 700 {
		w.sales = append(w.sales, paid(t, db))
	}
	tip := w.sales[len(w.sales)-1]
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	entries := head(t, w.path).entries
	w.damage(t, nil)
	r := w.heal(t)
	s := r.Salvaged
	if s.Whole || s.Missing == 0 || s.Lines+s.Missing+s.Unproven != entries || s.Lines < 300 {
		t.Fatalf("%+v of %d", s, entries)
	}
	t.Logf("%d lines of %d came back; %d are missing, %d are of sales whose beginning is", s.Lines, entries, s.Missing, s.Unproven)
	db = w.open(t)
	if got, err := db.Sale(tip.ID); err != nil || got.Amount != tip.Amount {
		t.Fatal(got, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// A backup of any time and the second record are the store again.
func TestRecoverFromBackupAndRing(t *testing.T) {
	w := sold(t)
	db := w.open(t)
	for range 400 {
		w.sales = append(w.sales, paid(t, db))
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	if _, err := db.Backup(t.Context(), backup, nil); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		w.sales = append(w.sales, paid(t, db))
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	before := head(t, w.path)
	w.damage(t, nil)
	r, err := store.Recover(t.Context(), w.path, w.options(), store.Recovering{Cause: store.ErrCorrupt, Backups: []string{backup}})
	if err != nil || !r.Salvaged.Whole || r.Head != before.head {
		t.Fatalf("%v %+v", err, r.Salvaged)
	}
	storetest.MustCheck(t, w.path)
}

// The ring of another store is set aside and not written over.
func TestARingOfAnotherStore(t *testing.T) {
	w, other := sold(t), sold(t)
	write(t, w.ring, read(t, other.ring))
	db := w.open(t)
	if s := db.Second(); !s.On || s.Fault != "" {
		t.Fatalf("%+v", s)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	kept, err := filepath.Glob(w.ring + ".of-*")
	if err != nil || len(kept) != 1 || !bytes.Equal(read(t, kept[0]), read(t, other.ring)) {
		t.Fatal(kept, err)
	}
	w.damage(t, nil)
	if r := w.heal(t); !r.Salvaged.Whole {
		t.Fatalf("%+v", r.Salvaged)
	}
}

// A ring that cannot be written stops no sale, and is said.
func TestNoRingStopsNoSale(t *testing.T) {
	w := sold(t)
	w.ring = filepath.Join(t.TempDir(), "no", "such", "card")
	db := w.open(t)
	defer func() { _ = db.Close() }()
	if s := db.Second(); s.Fault == "" {
		t.Fatalf("%+v", s)
	}
	paid(t, db)
}

// The check of a ring says what is in it, and minds a line that is missing.
func TestCheckRing(t *testing.T) {
	w := sold(t)
	end := head(t, w.path)
	r, err := store.CheckRing(w.ring)
	if err != nil || len(r.Violations) > 0 || r.First != 1 || r.Last != end.entries || r.Head != end.head {
		t.Fatalf("%+v, %v", r, err)
	}
	b := read(t, w.ring)
	at := bytes.Index(b[len(b)/200:], []byte("qrposd\x00S")) + len(b)/200
	clear(b[at : at+100])
	write(t, w.ring, b)
	if r, err := store.CheckRing(w.ring); err != nil || len(r.Violations) == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if _, err := store.CheckRing(w.path); err == nil {
		t.Error("a store is taken for a ring")
	}
}

package store_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

const oldBox, newBox = "5f1c0000", "a0b20000"

// lost is a till of which only a backup is left: one sale of each kind, then the
// backup, then more of the day.
type lost struct {
	t      *testing.T
	clock  *fakeClock
	backup []byte
	open   sale.Sale // charging
	paid   sale.Sale
	old    sale.Sale // paid a month ago
	after  []sale.Sale
	last   sale.Instant
}

func lose(t *testing.T) *lost {
	l := &lost{t: t, clock: newFakeClock()}
	db := storetest.MustOpen(t, withClock(l.clock), on(oldBox))
	l.old = paid(t, db)
	l.clock.pass(30 * 24 * time.Hour)
	refunded(t, db)
	l.paid = paid(t, db)
	s := begin(t, db, payer())
	l.open = commit(t, db, s.ID, charge(s))
	path := filepath.Join(t.TempDir(), "backup.db")
	if _, err := db.Backup(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
	l.backup = read(t, path)
	for range 5 {
		l.clock.pass(time.Hour)
		l.after = append(l.after, paid(t, db))
	}
	l.last = l.after[4].Changed
	return l
}

func on(device string) func(*store.Options) {
	return func(o *store.Options) { o.Device = device }
}

// restore puts the backup back on a box.
func (l *lost) restore(path, device string, change func(*store.Restoring)) (store.RestoreRecord, error) {
	q := store.Restoring{From: bytes.NewReader(l.backup), By: "zhang"}
	if change != nil {
		change(&q)
	}
	return store.Restore(l.t.Context(), path, options(withClock(l.clock), on(device)), q)
}

func moved(q *store.Restoring) { q.Moved = true }

// What was put back is a whole store of the new box. Every number in it goes on above
// the lost part's, whether the box knows the time or not, and every sale that the lost
// part may have gone on with is asked about: now, or before money is promised of it.
func TestRestore(t *testing.T) {
	l := lose(t)
	l.clock.reboot("another box", l.clock.Wall().Add(time.Hour))
	path := newPath(t)
	r, err := l.restore(path, newBox, func(q *store.Restoring) { q.Moved, q.Recent = true, 1 })
	if err != nil {
		t.Fatal(err)
	}
	if r.Asked != 2 || r.By != "zhang" || r.At <= l.last || r.Replaced != nil {
		t.Errorf("%+v", r)
	}
	l.clock.step(time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)) // whatever becomes of its clock
	db := storetest.MustOpenAt(t, path, withClock(l.clock), on(newBox))
	if ids, err := db.Unfinished(); err != nil || len(ids) != 2 {
		t.Errorf("%v are driven, %v", ids, err)
	}
	if st := db.Stats(); st.Sales != 4 {
		t.Errorf("%d sales are counted", st.Sales)
	}
	for _, was := range []sale.Sale{l.open, l.paid} {
		if s, err := db.Sale(was.ID); err != nil || !s.Tracing() || s.State != was.State {
			t.Errorf("%s: %s, %+v, %v", was.State, s.State, s.Restored, err)
		}
	}
	fresh := begin(t, db, payer())
	for _, s := range l.after {
		if fresh.Begun <= s.Changed || number(fresh.ID) <= number(s.ID) || fresh.Key == s.Key {
			t.Errorf("%s at %d after %s at %d", fresh.ID, fresh.Begun, s.ID, s.Changed)
		}
	}
	old, err := db.Sale(l.old.ID)
	if err != nil || old.Restored != nil {
		t.Fatalf("an old sale is told: %+v, %v", old.Restored, err)
	}
	old = commit(t, db, old.ID, sale.Event{Kind: sale.RefundRequested, Amount: money.Money{Minor: 1, Currency: "CNY"}, By: "c1"})
	if step := old.Next(db.Now(), sale.Watch{}, sale.DefaultPlan()); step.Do != sale.Query || old.Refunds[0].No == old.Current().OrderNo+"R1" {
		t.Errorf("an old sale is refunded by %+v as %s", step, old.Refunds[0].No)
	}
	list, err := db.Cases(10, 0, func(c store.Case) bool { return c.Kind == store.StoreRestored })
	if err != nil || len(list) != 1 || list[0].Data["asked"] != "2" {
		t.Errorf("the owner is told %+v, %v", list, err)
	}
	if _, err := db.Commit(t.Context(), l.open.ID, sale.Event{Kind: sale.NotSent}, sale.Once{}); err != nil {
		t.Error(err)
	}
	if _, err := db.Commit(t.Context(), l.open.ID, charge(l.open), sale.Once{}); err == nil {
		t.Error("a number that the lost part may have used was given out")
	}
}

// A sale that a leap of the clock has made old is asked about all the same.
func TestRestoreAsksAboutTheLatestSales(t *testing.T) {
	l := lose(t)
	path := newPath(t)
	r, err := l.restore(path, newBox, moved)
	if err != nil || r.Asked != 3 {
		t.Fatalf("%+v, %v", r, err)
	}
	db := storetest.MustOpenAt(t, path, withClock(l.clock), on(newBox))
	if s, err := db.Sale(l.old.ID); err != nil || !s.Tracing() {
		t.Errorf("%+v, %v", s.Restored, err)
	}
}

// number is the running number in the ID of a sale of till T1.
func number(id sale.ID) string { return string(id)[8:13] }

// A file that is put back twice goes on above both lost parts.
func TestRestoreAgain(t *testing.T) {
	l := lose(t)
	path := newPath(t)
	if _, err := l.restore(path, newBox, moved); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(path, options(withClock(l.clock), on(newBox)))
	if err != nil {
		t.Fatal(err)
	}
	first := paid(t, db)
	copied := filepath.Join(t.TempDir(), "copy.db")
	if _, err := db.Backup(t.Context(), copied, nil); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	l.backup = read(t, copied)
	r, err := l.restore(path, newBox, func(q *store.Restoring) { q.Discard, q.Why = true, "a trial" })
	if err != nil || r.Replaced == nil || r.Replaced.Owing == 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	storetest.MustCheck(t, filepath.Join(filepath.Dir(path), r.Replaced.Aside))
	db = storetest.MustOpenAt(t, path, withClock(l.clock), on(newBox))
	if s := begin(t, db, payer()); number(s.ID) <= number(first.ID) || s.Begun <= first.Changed {
		t.Errorf("%s after %s", s.ID, first.ID)
	}
	if list := db.Restores(); len(list) != 2 || list[1].Why != "a trial" || list[1].By != "zhang" {
		t.Errorf("on record: %+v", list)
	}
}

// What must not be put back is refused with the reason, and the place is as it was.
func TestRestoresThatAreRefused(t *testing.T) {
	l := lose(t)
	broken := bytes.Clone(l.backup)
	for i := range broken[8*4096 : 12*4096] {
		broken[8*4096+i] ^= 0x55
	}
	with := func(from io.Reader) func(*store.Restoring) {
		return func(q *store.Restoring) { q.From, q.Moved = from, true }
	}
	for name, c := range map[string]struct {
		change func(*store.Restoring)
		set    func()
		want   error
	}{
		"by nobody":               {func(q *store.Restoring) { q.By = "" }, nil, store.ErrRestoreWord},
		"over another, unfounded": {func(q *store.Restoring) { q.Discard = true }, nil, store.ErrRestoreWord},
		"of another box":          {nil, nil, store.ErrRestoreMoved},
		"cut short":               {with(bytes.NewReader(l.backup[:len(l.backup)/2])), nil, store.ErrCorrupt},
		"damaged":                 {with(bytes.NewReader(broken)), nil, store.ErrCorrupt},
		"of nothing":              {with(strings.NewReader("")), nil, store.ErrCorrupt},
		"of something else":       {with(strings.NewReader(strings.Repeat("x", 1<<16))), nil, store.ErrForeign},
		"of a stream that fails":  {with(io.MultiReader(bytes.NewReader(l.backup[:9000]), failing{})), nil, store.ErrBackup},
		"with a clock of 1970":    {moved, func() { l.clock.step(time.Unix(0, 0)) }, store.ErrRestoreClock},
	} {
		t.Run(name, func(t *testing.T) {
			wall := l.clock.Wall()
			if c.set != nil {
				c.set()
			}
			defer l.clock.step(wall)
			path := newPath(t)
			if _, err := l.restore(path, newBox, c.change); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
			if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
	q := store.Restoring{From: bytes.NewReader(l.backup), By: "zhang", Moved: true}
	if _, err := store.Restore(t.Context(), newPath(t), options(withClock(l.clock), on(newBox), func(o *store.Options) { o.Till = "T2" }), q); !errors.Is(err, store.ErrRestoreTill) {
		t.Errorf("at another till: %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, fs.ErrClosed }

// places are what can be where a backup is put back.
func (l *lost) places() map[string]func(path string) {
	lay := func(b []byte, sell func(db *store.DB)) func(path string) {
		return func(path string) {
			l.t.Helper()
			if b != nil {
				if err := os.WriteFile(path, b, 0o600); err != nil {
					l.t.Fatal(err)
				}
			}
			if sell == nil {
				return
			}
			db, err := store.Open(path, options(withClock(l.clock), on(oldBox)))
			if err != nil {
				l.t.Fatal(err)
			}
			sell(db)
			if err := db.Close(); err != nil {
				l.t.Fatal(err)
			}
		}
	}
	return map[string]func(path string){
		"another till's": lay(nil, func(db *store.DB) { refunded(l.t, db) }),
		"one that owes": lay(nil, func(db *store.DB) {
			s := begin(l.t, db, payer())
			commit(l.t, db, s.ID, charge(s))
		}),
		"a newer one": lay(l.backup, func(db *store.DB) {
			commit(l.t, db, l.open.ID, sale.Event{Kind: sale.TakenBack})
			refunded(l.t, db)
		}),
		"a damaged one": lay(l.backup[:len(l.backup)/2], nil),
		"an empty one":  lay(nil, func(*store.DB) {}),
	}
}

// A store that owes something, is newer or is another till's is not put aside without
// somebody's word for it, a running one never, and one that cannot be read always.
func TestRestoreOverAStore(t *testing.T) {
	l := lose(t)
	for name, lay := range l.places() {
		path := newPath(t)
		lay(path)
		was := read(t, path)
		r, err := l.restore(path, oldBox, nil)
		if free := name == "a damaged one" || name == "an empty one"; free != (err == nil) || !free && !errors.Is(err, store.ErrRestoreOver) {
			t.Fatalf("over %s: %v", name, err)
		}
		if err != nil {
			if !bytes.Equal(read(t, path), was) {
				t.Errorf("the refusal changed %s", name)
			}
			if r, err = l.restore(path, oldBox, func(q *store.Restoring) { q.Discard, q.Why = true, "told to" }); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(read(t, filepath.Join(filepath.Dir(path), r.Replaced.Aside)), was) {
			t.Errorf("%s is not kept", name)
		}
		storetest.MustCheck(t, path)
	}
	db := storetest.MustOpen(t, withClock(l.clock), on(oldBox))
	if _, err := l.restore(db.Path(), oldBox, func(q *store.Restoring) { q.Discard, q.Why = true, "told to" }); !errors.Is(err, store.ErrLocked) {
		t.Errorf("beside a running till: %v", err)
	}
}

// The report of a day that the lost till has printed is not printed again under its
// number.
func TestDaysAfterARestore(t *testing.T) {
	l := &lost{t: t, clock: newFakeClock()}
	db := storetest.MustOpen(t, withClock(l.clock), on(oldBox))
	s := paid(t, db)
	l.clock.pass(time.Hour)
	if c, _ := closeDay(t, db, "first"); c.Number != 1 {
		t.Fatal(c.Number)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if _, err := db.Backup(t.Context(), copied, nil); err != nil {
		t.Fatal(err)
	}
	l.backup = read(t, copied)
	l.clock.pass(time.Hour)
	if c, _ := closeDay(t, db, "second"); c.Number != 2 {
		t.Fatal(c.Number)
	}
	path := newPath(t)
	if _, err := l.restore(path, newBox, moved); err != nil {
		t.Fatal(err)
	}
	db = storetest.MustOpenAt(t, path, withClock(l.clock), on(newBox))
	commit(t, db, s.ID, sale.Event{Kind: sale.Traced, OrderNo: s.Current().OrderNo})
	l.clock.pass(time.Hour)
	for i, want := range []int{1001, 1002} {
		if c, _ := closeDay(t, db, strings.Repeat("x", i+1)); c.Number != want {
			t.Errorf("the next day is %d, want %d", c.Number, want)
		}
		l.clock.pass(time.Hour)
	}
	list, err := db.ClosedDays(10, 0)
	if err != nil || len(list) != 3 || list[2].Number != 1 {
		t.Errorf("%d days, %v", len(list), err)
	}
}

package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/salvage"
	"qrposd/store/storetest"
)

func (sh *shop) options() store.Options {
	return options(small(sh.clock), func(o *store.Options) {
		if o.Salvage = sh.ring; sh.ring != "" {
			o.SalvageSize = salvage.MinSize
		}
	})
}

// recover puts the shop's store together again.
func (sh *shop) recover(t testing.TB) *store.Salvaged {
	t.Helper()
	r, err := store.Recover(t.Context(), sh.path, sh.options(), store.Recovering{Cause: store.ErrCorrupt})
	if err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, sh.path)
	return r.Salvaged
}

// guards asks for everything that was used once more: a key gives the sale that it gave,
// a code is used up, and the sale is as it was acknowledged. It says which sales are gone.
func (sh *shop) guards(t testing.TB, db *store.DB) (gone []sale.Sale) {
	t.Helper()
	fresh := begin(t, db, payer())
	for i, was := range sh.sales {
		s, err := db.Sale(was.ID)
		if errors.Is(err, store.ErrNotFound) {
			gone = append(gone, was)
			continue
		}
		if err != nil {
			t.Fatalf("sale %s: %v", was.ID, err)
		}
		told := s.Facts - was.Facts // that its record may be short
		if told < 0 || told > 2 || s.Net() != was.Net() || (told == 0) != (s.Restored == nil) || told == 0 && stored(t, s) != stored(t, was) {
			t.Fatalf("sale %s is\n%s, was\n%s", s.ID, stored(t, s), stored(t, was))
		}
		ev := charge(fresh)
		ev.CodeID = was.Attempts[0].CodeID
		var refusal *sale.Refusal
		if _, err := db.Commit(t.Context(), fresh.ID, ev, sale.Once{}); !errors.As(err, &refusal) || refusal.Code != "code_used" {
			t.Errorf("the code of %s once more: %v", was.ID, err)
		}
		if was.State.Live() {
			continue // it was made without a key
		}
		if i > 4 {
			i--
		}
		again, replayed, err := db.Begin(t.Context(), payer(), "session", onceOf(i))
		if err != nil || !replayed || again.ID != was.ID {
			t.Fatalf("the key of %s gives %s, %v, %v", was.ID, again.ID, replayed, err)
		}
	}
	return gone
}

// catalogue is all that the file knows of its archives.
func (sh *shop) catalogue(t testing.TB) (all map[string]string) {
	t.Helper()
	all = map[string]string{}
	edit(t, sh.path, func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("archive")).ForEach(func(k, v []byte) error { all[string(k)] = string(v); return nil })
	})
	return all
}

// hurt damages the file, or takes it away.
func (sh *shop) hurt(t testing.TB, how func([]byte) []byte) {
	t.Helper()
	(&twice{path: sh.path}).damage(t, how)
}

// tidy leaves no page in the file but those that it uses: bbolt overwrites what it has
// freed only later, so that lines which left the file are still found there.
func (sh *shop) tidy(t testing.TB) {
	t.Helper()
	from, err := bbolt.Open(sh.path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	to, err := bbolt.Open(sh.path+".tidy", 0o600, &bbolt.Options{PageSize: 4096})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bbolt.Compact(to, from, 0), to.Close(), from.Close(), os.Rename(sh.path+".tidy", sh.path)); err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, sh.path)
}

func noHeaders(b []byte) []byte { clear(b[:2*4096]); return b }

// goesOn sells and moves more, and everything is still there.
func (sh *shop) goesOn(t testing.TB, lost int) {
	t.Helper()
	db := sh.open(t)
	if gone := sh.guards(t, db); len(gone) != lost {
		t.Fatalf("%d sales are gone, %d were lost", len(gone), lost)
	}
	for i := range 30 {
		sh.clock.pass(time.Minute)
		settled(t, db, 500+i)
	}
	sh.clock.pass(3 * time.Hour)
	if rotate(t, db) == 0 {
		t.Error("nothing leaves any more")
	}
	if gone := sh.guards(t, db); len(gone) != lost {
		t.Fatalf("%d sales are gone, %d were lost", len(gone), lost)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, sh.path)
}

// Whatever becomes of the file, its archives are used as they are, and the file knows of
// them what it knew: no sale, no key and no code of theirs is free again.
func TestRecoverWithArchives(t *testing.T) {
	for what, c := range map[string]struct {
		how  func(b []byte) []byte
		ring bool
	}{
		"gone":                          {nil, true},
		"every third page":              {func(b []byte) []byte { return pages(b, 3) }, true},
		"headers are gone":              {noHeaders, true},
		"headers are gone, and no ring": {noHeaders, false},
	} {
		t.Run(what, func(t *testing.T) {
			sh := &shop{path: newPath(t), clock: newFakeClock()}
			if c.ring {
				sh.ring = filepath.Join(filepath.Dir(sh.path), "ring")
			}
			sh.grow(t, 45)
			was, knew := head(t, sh.path), sh.catalogue(t)
			sh.hurt(t, c.how)
			s := sh.recover(t)
			if s.Lines != was.entries || s.Missing+s.Unproven > 0 || s.Whole != c.ring || s.Archives != 3 {
				t.Fatalf("%+v of %+v", s, was)
			}
			if now := sh.catalogue(t); !maps.Equal(now, knew) {
				t.Fatalf("of its archives the file knows\n%q, and knew\n%q", now, knew)
			}
			n := 0
			edit(t, sh.path, func(tx *bbolt.Tx) error {
				return tx.Bucket([]byte("sale")).ForEach(func(_, _ []byte) error { n++; return nil })
			})
			if n != 17 {
				t.Errorf("the file has %d sales, 17 were not in archives", n)
			}
			sh.goesOn(t, 0)
		})
	}
}

// A sale that came back from an archive, and one that left twice, are where they were.
func TestRecoverWhatCameBack(t *testing.T) {
	sh := old(t, 45)
	db := sh.open(t)
	sh.sales[1] = refund(t, db, sh.sales[1], 280, "late")
	for i := range 30 {
		sh.clock.pass(time.Minute)
		settled(t, db, 100+i)
	}
	sh.clock.pass(2 * time.Hour)
	rotate(t, db)
	sh.sales[1] = refund(t, db, sh.sales[1], 100, "later")
	sh.sales[2] = refund(t, db, sh.sales[2], 100, "late too")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	was, knew := head(t, sh.path), sh.catalogue(t)
	sh.hurt(t, noHeaders)
	if s := sh.recover(t); s.Lines != was.entries || s.Archives != len(knew)/2 || s.Archives < 5 {
		t.Fatalf("%+v of %+v", s, was)
	}
	if now := sh.catalogue(t); !maps.Equal(now, knew) {
		t.Fatalf("%q\n%q", now, knew)
	}
	sh.goesOn(t, 0)
}

// An archive that another one took the place of, and one of another store, are left alone.
func TestRecoverBesideOtherArchives(t *testing.T) {
	sh, other := old(t, 45), old(t, 31)
	for i, path := range archivesOf(t, other.path) {
		b, err := os.ReadFile(path)
		if err = errors.Join(err, os.WriteFile(filepath.Join(filepath.Dir(sh.path), fmt.Sprintf("a%d.archive", i)), b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	was, knew := head(t, sh.path), sh.catalogue(t)
	sh.hurt(t, noHeaders)
	if s := sh.recover(t); s.Lines != was.entries || s.Archives != 3 || s.Missing+s.Unproven > 0 {
		t.Fatalf("%+v of %+v", s, was)
	}
	if now := sh.catalogue(t); !maps.Equal(now, knew) {
		t.Fatalf("%q\n%q", now, knew)
	}
	sh.goesOn(t, 0)
}

// Where an archive is lost with the file, what it alone had is gone, and that is said:
// how many lines, and which sales are cut short. All else comes back.
func TestRecoverWithoutAnArchive(t *testing.T) {
	for what, harm := range map[string]func(string) error{
		"missing": os.Remove,
		"damaged": func(p string) error {
			b, err := os.ReadFile(p)
			b[40] ^= 4 // where its lines begin
			return errors.Join(err, os.WriteFile(p, b, 0o600))
		},
	} {
		t.Run(what, func(t *testing.T) {
			sh := old(t, 45)
			sh.tidy(t)
			was := head(t, sh.path)
			if err := harm(archivesOf(t, sh.path)[0]); err != nil {
				t.Fatal(err)
			}
			sh.hurt(t, noHeaders)
			s := sh.recover(t)
			if owed := string(sh.sales[4].ID); s.Whole || s.Missing == 0 || s.Archives > 0 || s.Lines+s.Missing+s.Unproven != was.entries || !slices.Contains(s.Short, owed) {
				t.Fatalf("%+v of %+v", s, was)
			}
			t.Logf("of %d lines %d are missing and %d unproven", was.entries, s.Missing, s.Unproven)
			sh.goesOn(t, 10)
		})
	}
}

// A ring that is younger than what is owed does not know how that began. It is named;
// what was moved into archives comes back all the same.
func TestRecoverWithAYoungRing(t *testing.T) {
	sh := old(t, 45)
	sh.ring = filepath.Join(filepath.Dir(sh.path), "ring")
	db, err := store.Open(sh.path, sh.options())
	if err != nil {
		t.Fatal(err)
	}
	if s := db.Second(); !s.On || s.Fault != "" {
		t.Fatalf("a store that has forgotten lines has no second record: %+v", s)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	was := head(t, sh.path)
	r, err := store.CheckRing(sh.ring)
	if err != nil || r.Last != was.entries || r.Head != was.head {
		t.Fatalf("%+v, %v", r, err)
	}
	sh.hurt(t, nil)
	s := sh.recover(t)
	if owed := string(sh.sales[4].ID); s.Whole || s.Missing > 0 || s.Unproven != 2 || len(s.Short) != 1 || s.Short[0] != owed {
		t.Fatalf("%+v; %s was owed", s, owed)
	}
	sh.goesOn(t, 1)
}

// What is damaged a second time is put together a second time, whatever the first time
// left beside it.
func TestRecoverTwice(t *testing.T) {
	sh := old(t, 45)
	sh.tidy(t)
	b, err := os.ReadFile(archivesOf(t, sh.path)[0])
	if err != nil {
		t.Fatal(err)
	}
	first := archivesOf(t, sh.path)[0]
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	sh.hurt(t, noHeaders)
	sh.recover(t)
	if err := os.WriteFile(first, bytes.Clone(b), 0o600); err != nil { // from a backup, too late
		t.Fatal(err)
	}
	sh.clock.pass(time.Minute)
	was := head(t, sh.path)
	sh.hurt(t, noHeaders)
	if s := sh.recover(t); s.Lines < was.entries {
		t.Fatalf("%+v of %+v", s, was)
	}
	sh.goesOn(t, 10)
}

// Wherever an archive is damaged, what of it is proven comes back, and no more: a sale is
// as it was, or it knows that its record is short, or it is gone and that is said.
func TestRecoverWithADamagedArchive(t *testing.T) {
	sh := old(t, 45)
	sh.tidy(t)
	was, whole := head(t, sh.path), read(t, sh.path)
	path := archivesOf(t, sh.path)[1]
	b := read(t, path)
	for at := 20; at < len(b); at += len(b) / 7 {
		bad := bytes.Clone(b)
		bad[at] ^= 4
		write(t, path, bad)
		write(t, sh.path, noHeaders(bytes.Clone(whole)))
		sh.clock.pass(time.Minute)
		s := sh.recover(t)
		if s.Whole || s.Lines+s.Missing+s.Unproven != was.entries || s.Archives > 1 && s.Missing+s.Unproven > 0 {
			t.Fatalf("byte %d: %+v of %+v", at, s, was)
		}
		db, err := store.Open(sh.path, sh.options())
		if err != nil {
			t.Fatal(err)
		}
		gone, free := 0, 0
		for i, sold := range sh.sales {
			got, err := db.Sale(sold.ID)
			if i > 4 {
				i--
			}
			if err == nil && !sold.State.Live() {
				if _, replayed, err := db.Begin(t.Context(), payer(), "session", onceOf(i)); err != nil {
					t.Fatal(err)
				} else if !replayed {
					free++
				}
			}
			switch {
			case errors.Is(err, store.ErrNotFound):
				gone++
			case err != nil || got.Restored == nil && stored(t, got) != stored(t, sold):
				t.Fatalf("byte %d: %v\n%s\n%s", at, err, stored(t, got), stored(t, sold))
			}
		}
		if gone > 0 && s.Missing+s.Unproven == 0 {
			t.Errorf("byte %d: %d sales are gone and nothing is said: %+v", at, gone, s)
		}
		if free > 0 && s.Unread == 0 {
			t.Errorf("byte %d: %d keys are free and nothing is said: %+v", at, free, s)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("byte %d of %d: %d archives are used, %d lines are missing, %d unproven, %d sales are gone, %d keys are free", at, len(b), s.Archives, s.Missing, s.Unproven, gone, free)
	}
}

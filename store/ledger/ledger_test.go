package ledger

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

var origin = []byte("identity of a file")

func cny(minor int64) money.Money { return money.Money{Minor: minor, Currency: "CNY"} }

// journal is a file with n lines, each with a payment of one.
func journal(t testing.TB, n int) *bbolt.DB {
	t.Helper()
	db, err := bbolt.Open(filepath.Join(t.TempDir(), "x.db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	update(t, db, func(tx *bbolt.Tx) error {
		if err := Create(tx, origin); err != nil {
			return err
		}
		for i := range n {
			if _, err := Append(tx, line(i), legs(1)); err != nil {
				return err
			}
		}
		return nil
	})
	return db
}

func line(i int) Line {
	return Line{Sale: sale.ID(fmt.Sprintf("S%d", i)), State: sale.Paid, Event: sale.Event{Kind: sale.Received, At: sale.Instant(i + 1)}}
}

func legs(n int64) []sale.Posting {
	return []sale.Posting{{Account: sale.Provider, Amount: cny(n), OrderNo: "S"}, {Account: sale.Sales, Amount: cny(-n), OrderNo: "S"}}
}

func update(t testing.TB, db *bbolt.DB, fn func(*bbolt.Tx) error) {
	t.Helper()
	if err := db.Update(fn); err != nil {
		t.Fatal(err)
	}
}

// verify is every complaint about a file.
func verify(t testing.TB, db *bbolt.DB, from []byte) (bad []string, seen int, n Counts) {
	t.Helper()
	update(t, db, func(tx *bbolt.Tx) error {
		n = Verify(tx, from, func(where, what string) { bad = append(bad, where+": "+what) }, func(uint64, Line) { seen++ })
		return nil
	})
	return bad, seen, n
}

func TestJournal(t *testing.T) {
	db := journal(t, 300)
	if bad, seen, n := verify(t, db, origin); len(bad) != 0 || seen != 300 || n != (Counts{300, 600}) {
		t.Errorf("%v, %d lines, %+v", bad, seen, n)
	}
	update(t, db, func(tx *bbolt.Tx) error {
		if head, err := Tip(tx); err != nil || head.Seq != 300 || CheckTip(tx) != nil {
			t.Errorf("%+v, %v, %v", head, err, CheckTip(tx))
		}
		for _, c := range []struct {
			after uint64
			limit int
			first uint64
			n     int
		}{{0, 1000, 1, 300}, {0, 7, 1, 7}, {295, 7, 296, 5}, {300, 7, 0, 0}, {math.MaxUint64 - 1, 7, 0, 0}} {
			list, err := Read(tx, c.after, c.limit)
			if err != nil || len(list) != c.n || c.n > 0 && (list[0].Seq != c.first || list[0].Sale != line(int(c.first)-1).Sale) {
				t.Errorf("%d after %d: %d lines, %v", c.limit, c.after, len(list), err)
			}
		}
		got, err := Legs(tx, 7)
		if err != nil || !slices.Equal(got, legs(1)) {
			t.Errorf("legs of a line: %v, %v", got, err)
		}
		return nil
	})
	if bad, _, _ := verify(t, db, []byte("another file")); len(bad) != 2 {
		t.Errorf("the journal of another file: %v", bad)
	}
}

// Legs that do not balance are refused before anything is written (I8).
func TestUnbalancedLegsAreRefused(t *testing.T) {
	usd := sale.Posting{Account: sale.Sales, Amount: money.Money{Minor: -1, Currency: "USD"}}
	for name, wrong := range map[string][]sale.Posting{
		"one leg":        legs(1)[:1],
		"two currencies": {legs(1)[0], usd},
		"a cent lost":    {legs(2)[0], legs(1)[1]},
	} {
		db := journal(t, 1)
		update(t, db, func(tx *bbolt.Tx) error {
			if _, err := Append(tx, line(1), wrong); err == nil {
				t.Errorf("%s: accepted", name)
			}
			return nil // the transaction is committed: there must be nothing in it
		})
		if bad, seen, _ := verify(t, db, origin); len(bad) != 0 || seen != 1 {
			t.Errorf("%s: %d lines, %v", name, seen, bad)
		}
	}
}

// Each way to break a chain is found, and found where it is.
func TestBrokenChains(t *testing.T) {
	put := func(tx *bbolt.Tx, seq uint64, edit func([]byte) []byte) error {
		b, key := tx.Bucket(journalBucket), seqKey(seq)
		payload, err := record.Open(key, b.Get(key))
		if err != nil {
			return err
		}
		return b.Put(key, record.Seal(key, edit(slices.Clone(payload))))
	}
	for name, c := range map[string]struct {
		edit func(*bbolt.Tx) error
		want []string
	}{
		"edited": {func(tx *bbolt.Tx) error {
			return put(tx, 5, func(b []byte) []byte { return []byte(strings.Replace(string(b), "S4", "S9", 1)) })
		}, []string{"journal/5: I5", "posting/000000000000000500", "posting/000000000000000501"}},
		"relinked": {func(tx *bbolt.Tx) error { return put(tx, 5, func(b []byte) []byte { b[0]++; return b }) }, []string{"journal/5: I5", "journal/6: I5"}},
		"too short": {func(tx *bbolt.Tx) error { return put(tx, 10, func(b []byte) []byte { return b[:31] }) }, []string{
			"journal/10: record: the checksum", "chain/head: I5", "posting/000000000000000a00", "posting/000000000000000a01",
		}},
		"removed":        {func(tx *bbolt.Tx) error { return tx.Bucket(journalBucket).Delete(seqKey(5)) }, []string{"journal/6: I5: line 5 is missing", "journal/6: I5", "posting/000000000000000500", "posting/000000000000000501"}},
		"last removed":   {func(tx *bbolt.Tx) error { return tx.Bucket(journalBucket).Delete(seqKey(10)) }, []string{"chain/head: I5: the head names line 10", "posting/000000000000000a00", "posting/000000000000000a01"}},
		"head rotten":    {func(tx *bbolt.Tx) error { return tx.Bucket(chainBucket).Put(headKey, []byte("?")) }, []string{"chain/head: I5"}},
		"odd line":       {func(tx *bbolt.Tx) error { return tx.Bucket(journalBucket).Put([]byte("x"), []byte("y")) }, []string{"journal/78"}},
		"odd posting":    {func(tx *bbolt.Tx) error { return tx.Bucket(postingBucket).Put([]byte("x"), []byte("y")) }, []string{"posting/78"}},
		"rotten posting": {func(tx *bbolt.Tx) error { return tx.Bucket(postingBucket).Put(append(seqKey(3), 0), []byte("y")) }, []string{"posting/000000000000000300: record", "posting/3: I8"}},
	} {
		t.Run(name, func(t *testing.T) {
			db := journal(t, 10)
			update(t, db, c.edit)
			bad, _, _ := verify(t, db, origin)
			if len(bad) != len(c.want) {
				t.Errorf("%d complaints:\n%s", len(bad), strings.Join(bad, "\n"))
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(bad, func(s string) bool { return strings.HasPrefix(s, want) }) {
					t.Errorf("no %q in:\n%s", want, strings.Join(bad, "\n"))
				}
			}
		})
	}
}

func TestTimeMovesForward(t *testing.T) {
	db := journal(t, 2)
	update(t, db, func(tx *bbolt.Tx) error {
		_, err := Append(tx, line(1), nil) // the instant of the line before
		return err
	})
	if bad, _, _ := verify(t, db, origin); len(bad) != 1 || !strings.HasPrefix(bad[0], "journal/3") {
		t.Errorf("%v", bad)
	}
}

func TestTipOfARottenFile(t *testing.T) {
	for name, edit := range map[string]func(*bbolt.Tx) error{
		"no head":        func(tx *bbolt.Tx) error { return tx.Bucket(chainBucket).Delete(headKey) },
		"last line lost": func(tx *bbolt.Tx) error { return tx.Bucket(journalBucket).Delete(seqKey(3)) },
		"last line torn": func(tx *bbolt.Tx) error { return tx.Bucket(journalBucket).Put(seqKey(3), []byte{1, 2}) },
		"another line": func(tx *bbolt.Tx) error {
			return tx.Bucket(journalBucket).Put(seqKey(3), record.Seal(seqKey(3), append(make([]byte, 32), "{}"...)))
		},
	} {
		db := journal(t, 3)
		update(t, db, edit)
		update(t, db, func(tx *bbolt.Tx) error {
			if CheckTip(tx) == nil {
				t.Errorf("%s: unnoticed", name)
			}
			return nil
		})
	}
	update(t, journal(t, 0), func(tx *bbolt.Tx) error { return CheckTip(tx) })
}

// Whatever lies in the journal, verifying it ends, and a line that is not the one
// that was appended is found.
func FuzzVerify(f *testing.F) {
	f.Add(uint64(2), []byte("{}"))
	f.Add(uint64(3), append(make([]byte, 32), `{"sale":"S2","state":"paid"}`...))
	f.Add(uint64(9), []byte{})
	db := journal(f, 3)
	f.Fuzz(func(t *testing.T, seq uint64, payload []byte) {
		rollback := errors.New("not kept")
		err := db.Update(func(tx *bbolt.Tx) error {
			key := seqKey(seq)
			b := tx.Bucket(journalBucket)
			value := record.Seal(key, payload)
			same := string(b.Get(key)) == string(value)
			if err := b.Put(key, value); err != nil {
				return err
			}
			bad := 0
			Verify(tx, origin, func(string, string) { bad++ }, func(uint64, Line) {})
			if (bad == 0) != same {
				t.Errorf("line %d forged: %d complaints", seq, bad)
			}
			return rollback
		})
		if !errors.Is(err, rollback) {
			t.Fatal(err)
		}
	})
}

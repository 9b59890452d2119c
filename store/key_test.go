package store_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
	"qrposd/store"
)

// keyed is a charge whose provider wants an idempotency key.
func keyed(s sale.Sale, session string) sale.Event {
	ev := charge(sale.Sale{ID: s.ID, Begun: s.Begun.Add(time.Duration(len(s.Attempts))), Attempts: s.Attempts}) // another code
	req := *ev.Request
	req.Session = session
	ev.Request = &req
	return ev
}

// An attempt's key is minted in the transaction of its intent, is the same after
// every start, and no second attempt of anything has it: not of the sale, not of
// another sale in the same session, not of a file restored from a backup on a
// machine that does not know the time.
func TestAnAttemptHasOneKey(t *testing.T) {
	session, seen := strings.Repeat("5e", 32), map[string]bool{}
	path := filepath.Join(t.TempDir(), "till.db")
	clock := &fakeClock{boot: "one"}
	open := func(path string) *store.DB {
		db, err := store.Open(path, options(func(o *store.Options) { o.Clock = clock }))
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	take := func(db *store.DB, id sale.ID, session string) string {
		s, err := db.Sale(id)
		if err != nil {
			t.Fatal(err)
		}
		s = commit(t, db, id, keyed(s, session))
		a := s.Current()
		part := strings.Split(a.Key, ".")
		mac := hmac.New(sha256.New, options().Secret)
		mac.Write([]byte(session + "." + strconv.FormatInt(int64(a.Sent), 10)))
		if len(part) != 4 || part[1] != session || part[3] != base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) {
			t.Fatalf("the key %q does not verify", a.Key)
		}
		if seen[a.Key] {
			t.Fatalf("the key %q was used before", a.Key)
		}
		seen[a.Key] = true
		return a.Key
	}
	db := open(path)
	s := begin(t, db, payer())
	first := take(db, s.ID, session)
	if _, err := db.Backup(t.Context(), filepath.Join(filepath.Dir(path), "copy.db"), nil); err != nil {
		t.Fatal(err)
	}
	commit(t, db, s.ID, sale.Event{Kind: sale.NotSent})
	take(db, s.ID, session)                     // the second attempt of the sale
	take(db, begin(t, db, payer()).ID, session) // another sale of the same session
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(path)
	if again, err := db.Sale(s.ID); err != nil || again.Attempts[0].Key != first {
		t.Fatalf("after a start the key is %q, was %q (%v)", again.Attempts[0].Key, first, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err := store.CheckFile(path); err != nil || len(r.Violations) > 0 {
		t.Fatal(err, r.Violations)
	}
	// The backup, on a machine whose clock died: time goes on where the file's ended,
	// through instants that the lost part of the file had used. A session of its own
	// keeps the keys apart.
	clock.boot, clock.up = "two", 0
	db = open(filepath.Join(filepath.Dir(path), "copy.db"))
	defer db.Close()
	for i := range 50 {
		take(db, begin(t, db, payer()).ID, strings.Repeat(strconv.Itoa(10+i), 32))
	}
	if again, err := db.Sale(s.ID); err != nil || again.Attempts[0].Key != first {
		t.Fatalf("the restored file has the key %q, was %q (%v)", again.Attempts[0].Key, first, err)
	}
}

package store_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// checked is a sale whose payer passed a check, with what is kept of it.
func checked(t *testing.T, db *store.DB, digest, print string) (sale.Sale, store.Epoch) {
	t.Helper()
	e, err := db.Epoch(t.Context(), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	s := begin(t, db, payer())
	commit(t, db, s.ID, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{Needs: []sale.Need{sale.NeedVerify}}})
	commit(t, db, s.ID, sale.Event{Kind: sale.LivenessOpened, Liveness: &sale.Liveness{OrderNo: s.NextOrderNo(), Session: "LV" + string(s.ID), URL: "https://x.example", Lasts: time.Minute}})
	return commit(t, db, s.ID, sale.Event{Kind: sale.LivenessPassed, Audit: &sale.Audit{Epoch: e.ID, Digest: digest, Print: print}}), e
}

// What is kept of a check is beside the sale, in no line of it, and a restart does
// not lose it.
func TestAuditIsApart(t *testing.T) {
	clock := newFakeClock()
	db := storetest.MustOpen(t, withClock(clock))
	digest, print := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	s, e := checked(t, db, digest, print)
	lines, err := db.Journal(0, 100)
	if err != nil {
		t.Fatal(err)
	}
	told, err := json.Marshal(lines)
	if err != nil || strings.Contains(string(told)+stored(t, s), digest) || strings.Contains(string(told)+stored(t, s), print) {
		t.Errorf("the journal or the sale tells what was kept apart: %v", err)
	}
	db = storetest.Crash(t, db, withClock(clock))
	if got, err := db.Audit(s.ID, s.Liveness.Session); err != nil || got != digest {
		t.Errorf("after a restart the digest is %q, %v", got, err)
	}
	for _, c := range []struct {
		id      sale.ID
		session string
	}{{s.ID, "other"}, {s.ID[:len(s.ID)-1], s.Liveness.Session}, {"", ""}} {
		if got, err := db.Audit(c.id, c.session); err != nil || got != "" {
			t.Errorf("%+v has the digest %q, %v", c, got, err)
		}
	}
	for p, want := range map[string]bool{print: true, digest: false} {
		if told, err := db.Told(e.ID, p); err != nil || told != want {
			t.Errorf("%.4s was told: %v, %v", p, told, err)
		}
	}
	if told, err := db.Told(e.ID+1, print); err != nil || told {
		t.Errorf("it was told in an epoch that is not: %v, %v", told, err)
	}
}

// A key is used for as long as the policy says, over restarts, and not for longer
// because somebody set the clock back.
func TestEpochsRotate(t *testing.T) {
	clock := newFakeClock()
	db := storetest.MustOpen(t, withClock(clock))
	epoch := func() store.Epoch {
		t.Helper()
		e, err := db.Epoch(t.Context(), time.Hour)
		if err != nil || len(e.Key) != 32 {
			t.Fatal(e.ID, err)
		}
		return e
	}
	first := epoch()
	clock.pass(59 * time.Minute)
	if again := epoch(); again.ID != first.ID || !bytes.Equal(again.Key, first.Key) {
		t.Error("a key was changed before its time")
	}
	clock.pass(time.Minute)
	second := epoch()
	clock.step(clock.Wall().Add(-30 * time.Minute))
	third := epoch()
	if first.ID != 1 || second.ID != 2 || third.ID != 3 || bytes.Equal(first.Key, second.Key) || bytes.Equal(second.Key, third.Key) {
		t.Error(first.ID, second.ID, third.ID)
	}
	if list, err := db.Epochs(); err != nil || len(list) != 3 || list[0].ID != 1 || list[2].ID != 3 {
		t.Errorf("%d epochs, %v", len(list), err)
	}
}

// A purge throws away what is old, its key with it, writes down that it did, and
// leaves none of it in the file. Before, the file has it: the search can find.
func TestPurge(t *testing.T) {
	clock := newFakeClock()
	db := storetest.MustOpen(t, withClock(clock))
	digest, print := strings.Repeat("ab", 32), bytes.Repeat([]byte{0xcd, 0x17}, 16)
	s, e := checked(t, db, digest, strings.Repeat("cd17", 16))
	clock.pass(10 * 24 * time.Hour)
	young := strings.Repeat("ef", 32)
	kept, _ := checked(t, db, young, strings.Repeat("0a", 32))
	found := func() (n int) {
		t.Helper()
		file, err := os.ReadFile(db.Path())
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range [][]byte{[]byte(digest), print, []byte(base64.StdEncoding.EncodeToString(e.Key))} {
			if bytes.Contains(file, secret) {
				n++
			}
		}
		return n
	}
	const keep, rotate = 5 * 24 * time.Hour, 24 * time.Hour
	if found() != 3 {
		t.Fatal("the search does not find what is there")
	}
	p, err := db.PurgeAudits(t.Context(), 30*24*time.Hour, rotate, "30 days")
	if err != nil || len(p.Epochs) != 0 || found() != 3 {
		t.Fatalf("purged before its time: %+v, %v", p, err)
	}
	p, err = db.PurgeAudits(t.Context(), keep, rotate, "5 days")
	if err != nil || len(p.Epochs) != 1 || p.Epochs[0] != e.ID || p.Digests != 1 || p.Prints != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if n := found(); n != 0 {
		t.Errorf("%d of 3 are still in the file", n)
	}
	if got, err := db.Audit(s.ID, s.Liveness.Session); err != nil || got != "" {
		t.Errorf("the old digest is %q, %v", got, err)
	}
	if got, err := db.Audit(kept.ID, kept.Liveness.Session); err != nil || got != young {
		t.Errorf("the young digest is %q, %v", got, err)
	}
	clock.pass(20 * 24 * time.Hour) // the last epoch goes as well, and its number is not used again
	if p, err = db.PurgeAudits(t.Context(), keep, rotate, "5 days"); err != nil || len(p.Epochs) != 1 {
		t.Fatalf("%+v, %v", p, err)
	}
	if next, err := db.Epoch(t.Context(), rotate); err != nil || next.ID != 3 {
		t.Errorf("the next epoch is %d, %v", next.ID, err)
	}
	r := storetest.MustCheck(t, storetest.MustCopy(t, db.Path()))
	if len(r.Purges) != 2 || r.Purges[0].Digests != 1 || r.Purges[0].Policy != "5 days" || r.Digests != 0 || r.Epochs != 1 {
		t.Errorf("the check says %+v, %d digests, %d epochs", r.Purges, r.Digests, r.Epochs)
	}
}

// A power cut at any commit of a purge leaves all of it or none, and the next purge
// ends what it began.
func TestPurgeCutOff(t *testing.T) {
	for _, op := range []string{"purge", "purge-settle", "purge-fill", "purge-unfill"} {
		for _, when := range []string{"before", "after"} {
			clock := newFakeClock()
			var crashed *store.DB
			var db *store.DB
			db = storetest.MustOpen(t, withClock(clock), func(o *store.Options) {
				o.Hook = func(point string) error {
					if crashed == nil && point == op+":"+when+"-commit" {
						crashed = storetest.Crash(t, db, withClock(clock))
					}
					return nil
				}
			})
			s, _ := checked(t, db, strings.Repeat("ab", 32), strings.Repeat("cd", 32))
			clock.pass(40 * 24 * time.Hour)
			if _, err := db.PurgeAudits(t.Context(), 30*24*time.Hour, 24*time.Hour, "30 days"); err != nil || crashed == nil {
				t.Fatalf("%s, %s: %v", op, when, err)
			}
			there := op == "purge" && when == "before"
			list, err := crashed.Purges()
			digest, errAudit := crashed.Audit(s.ID, s.Liveness.Session)
			if err != nil || errAudit != nil || (len(list) == 1) == there || (digest != "") != there {
				t.Errorf("cut %s %s: %d purges on record, digest %q, %v, %v", when, op, len(list), digest, err, errAudit)
			}
			if _, err := crashed.PurgeAudits(t.Context(), 30*24*time.Hour, 24*time.Hour, "30 days"); err != nil {
				t.Error(err)
			}
			if list, err := crashed.Purges(); err != nil || len(list) != 1 {
				t.Errorf("cut %s %s, purged again: %d purges on record, %v", when, op, len(list), err)
			}
		}
	}
}

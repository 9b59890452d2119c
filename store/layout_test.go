package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qrposd/rules/sale"
	"qrposd/store/storetest"
)

// A file that any released version wrote is opened, brought up to date, whole,
// and sold on with. There is one in testdata for every layout; the day's own is
// written by running this test with WRITE_LAYOUT=1, once, with the migration.
func TestEveryLayoutOpens(t *testing.T) {
	now := storetest.MustCheck(t, specimen(t)).Layout
	golden := func(layout int) string {
		return filepath.Join("testdata", fmt.Sprintf("layout-%d.db", layout))
	}
	if os.Getenv("WRITE_LAYOUT") != "" {
		writeLayout(t, golden(now))
	}
	for layout := 1; layout <= now; layout++ {
		path := storetest.MustCopy(t, golden(layout))
		db := storetest.MustOpenAt(t, path, withClock(newFakeClock()))
		list, err := db.Sales(10, "")
		if err != nil || len(list) != 3 {
			t.Fatalf("layout %d: %d sales, %v", layout, len(list), err)
		}
		var states []string
		for _, s := range list {
			states = append(states, s.State.String())
		}
		if got := strings.Join(states, " "); got != "opened charging refunded" {
			t.Errorf("layout %d: the sales are %s", layout, got)
		}
		again, replayed, err := db.Begin(t.Context(), payer(), "s", sale.Once{Key: "key", Print: "print"})
		if err != nil || !replayed || again.ID != list[0].ID {
			t.Errorf("layout %d: a used key gives %s, %v, %v", layout, again.ID, replayed, err)
		}
		commit(t, db, list[1].ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42"})
		refunded(t, db)
	}
}

func writeLayout(t *testing.T, path string) {
	t.Helper()
	db := storetest.MustOpen(t, withClock(newFakeClock()))
	refunded(t, db)
	s := begin(t, db, payer())
	commit(t, db, s.ID, charge(s))
	if _, _, err := db.Begin(t.Context(), payer(), "s", sale.Once{Key: "key", Print: "print"}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Backup(t.Context(), path, nil); err != nil {
		t.Fatal(err)
	}
}

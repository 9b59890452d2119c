package store_test

import (
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"qrposd/rules/day"
	"qrposd/rules/sale"
	"qrposd/store"
)

// A day that goes back into archives adds up to what it does where nothing was moved: at
// any time, closed in between or never, with sales that came back, that ended late, and
// that are still open.
func TestALongDayAddsUp(t *testing.T) {
	for _, closes := range []bool{false, true} {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d, closed in between: %v", seed, closes)
		var seen [2][]day.Report
		for i, never := range []bool{false, true} {
			m := newMonths(t, seed, func(o *store.Options) { o.Rotation.Never = never })
			for part := range 6 {
				m.steps(50)
				if closes && part == 2 {
					m.close()
				}
				x, err := m.db.DayReport(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				x.Head.Link = "" // files have chains of their own
				seen[i] = append(seen[i], x)
			}
			m.close()
			c, err := m.db.ClosedDays(1, 0)
			if err != nil || len(c) != 1 {
				t.Fatal(c, err)
			}
			seen[i] = append(seen[i], day.Report{Number: c[0].Number, Totals: []day.Total{{Closing: c[0].Closing[0].Minor}}})
			if n := len(archivesOf(t, m.path)); (n > 8) == never {
				t.Fatalf("%d archives", n)
			}
			gone, stop := context.WithCancel(t.Context())
			stop()
			m.steps(1)
			if _, err := m.db.DayReport(gone); !errors.Is(err, context.Canceled) {
				t.Errorf("it is added up for somebody who has gone: %v", err)
			}
			if err := m.db.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range seen[1] {
			if !reflect.DeepEqual(seen[0][i], seen[1][i]) {
				t.Errorf("report %d\n%+v\nis, where nothing is moved,\n%+v", i, seen[0][i], seen[1][i])
			}
		}
	}
}

// close ends what is open and closes the day.
func (m *months) close() {
	m.t.Helper()
	for _, s := range m.open {
		m.done = append(m.done, commit(m.t, m.db, s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42", Verdict: sale.Unanswered}))
	}
	m.open = nil
	sign, _ := signer()
	if _, _, err := m.db.CloseDay(m.t.Context(), "Li", sign, sale.Once{}); err != nil {
		m.t.Fatal(err)
	}
}

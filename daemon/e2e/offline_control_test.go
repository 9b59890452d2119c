package e2e

import (
	"testing"
	"time"

	"qrposd/daemon/api"
)

// The comparisons of the offline day see every single wrong figure.
func TestOfflineComparisonsCanFail(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) (time.Time, time.Time) { return now.Add(-d - 100*time.Millisecond), now.Add(-d) }
	b := &ownBook{}
	for i, state := range []string{"exposed", "exposed", "disputed", "over", "exposed"} {
		s := &slip{currency: []string{"THB", "BRL"}[i%2], minor: int64(100 + i), state: state}
		s.before, s.after = ago(time.Duration(60-i) * time.Second)
		b.slips = append(b.slips, s)
	}
	const window = time.Hour
	exposure := func() api.Exposure {
		left := int64(3600 - 60)
		return api.Exposure{
			Count: 3, Oldest: 60, Left: &left, Disputed: 1,
			Sums:  []api.Amount{{Currency: "THB", Minor: 204}, {Currency: "BRL", Minor: 101}},
			Worst: []api.Amount{{Currency: "BRL", Minor: 101}, {Currency: "THB", Minor: 306}},
		}
	}
	if d := b.differs(exposure(), now, now, window); len(d) > 0 {
		t.Fatalf("what is right differs: %q", d)
	}
	for name, plant := range map[string]func(*api.Exposure){
		"count":       func(e *api.Exposure) { e.Count++ },
		"a cent":      func(e *api.Exposure) { e.Sums[0].Minor++ },
		"a currency":  func(e *api.Exposure) { e.Sums = e.Sums[:1] },
		"the other":   func(e *api.Exposure) { e.Sums[0].Currency, e.Sums[1].Currency = "BRL", "THB" },
		"disputed":    func(e *api.Exposure) { e.Disputed = 0 },
		"worst":       func(e *api.Exposure) { e.Worst[1].Minor -= 102 },
		"too old":     func(e *api.Exposure) { e.Oldest += 3; *e.Left -= 3 },
		"too young":   func(e *api.Exposure) { e.Oldest -= 3; *e.Left += 3 },
		"window":      func(e *api.Exposure) { *e.Left += 2 },
		"no window":   func(e *api.Exposure) { e.Left = nil },
		"nothing yet": func(e *api.Exposure) { *e = api.Exposure{} },
	} {
		e := exposure()
		if plant(&e); len(b.differs(e, now, now, window)) == 0 {
			t.Errorf("%s: a planted figure is not seen", name)
		}
	}

	want := map[string]found{"P1": {"matched", "by_reference", "A"}, "P2": {"unmatched", "no_sale", ""}}
	results := func() []api.ReceiptResult {
		return []api.ReceiptResult{{ID: "P1", Outcome: "matched", Why: "by_reference", Sale: "A"}, {ID: "P2", Outcome: "unmatched", Why: "no_sale"}}
	}
	if d := unlike(want, results()); len(d) > 0 {
		t.Fatalf("what is right differs: %q", d)
	}
	for name, plant := range map[string]func([]api.ReceiptResult) []api.ReceiptResult{
		"another sale": func(r []api.ReceiptResult) []api.ReceiptResult { r[0].Sale = "B"; return r },
		"why":          func(r []api.ReceiptResult) []api.ReceiptResult { r[0].Why = "by_hand"; return r },
		"one too many": func(r []api.ReceiptResult) []api.ReceiptResult {
			return append(r, api.ReceiptResult{ID: "P3", Outcome: "matched"})
		},
		"one missing": func(r []api.ReceiptResult) []api.ReceiptResult { return r[:1] },
		"one twice":   func(r []api.ReceiptResult) []api.ReceiptResult { return append(r, r[0]) },
	} {
		if len(unlike(want, plant(results()))) == 0 {
			t.Errorf("%s: a planted result is not seen", name)
		}
	}
}

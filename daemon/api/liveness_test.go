package api

import (
	"testing"
	"time"

	"qrposd/rules/sale"
)

// The code of a check is shown while the check can be passed, and at no other time:
// a customer who scans it later shows a face for nothing.
func TestLivenessIsShownWhileItIsOpen(t *testing.T) {
	p, now := sale.DefaultPlan(), sale.Now{At: sale.Instant(10 * time.Second)}
	opened := sale.Liveness{OrderNo: "T1N1", Session: "LV1", URL: "https://check.example/1", Lasts: time.Minute, Opened: now.At}
	for _, state := range sale.States() {
		s := specimens()[0]
		l := opened
		s.State, s.Liveness, s.Changed, s.Attempts = state, &l, now.At, []sale.Attempt{{OrderNo: "T1N0"}}
		v := View(s, now, p)
		if (v.Liveness != nil) != (state == sale.AwaitingLiveness) {
			t.Errorf("%s: %+v", state, v.Liveness)
		}
	}
	s := specimens()[0]
	s.ID, s.State, s.Changed, s.Liveness = "T1N", sale.AwaitingLiveness, now.At, &sale.Liveness{OrderNo: "T1N1", Session: "LV1"}
	if v := View(s, now, p); v.Liveness != nil {
		t.Errorf("a check that is not open yet is shown: %+v", v.Liveness)
	}
	for failed, left := range map[int]int{0: 2, 1: 1} {
		l := opened
		l.Failed = failed
		s.Liveness = &l
		if v, want := View(s, now, p).Liveness, (Liveness{opened.URL, "/v1/sales/T1N/liveness.svg", 60, left}); v == nil || *v != want {
			t.Errorf("after %d failures: %+v, want %+v", failed, v, want)
		}
	}
}

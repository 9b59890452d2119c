package sale

import "testing"

// A disagreement is news once, whichever attempt it is about; no other verdict is.
func TestMismatched(t *testing.T) {
	verdicts := []Verdict{Unread, Consistent, Mismatch}
	for _, was := range verdicts {
		for _, is := range verdicts {
			before := Sale{Attempts: []Attempt{{OrderNo: "A1", Verdict: was}, {OrderNo: "A2", Verdict: Mismatch}}}
			after := Sale{Attempts: []Attempt{{OrderNo: "A1", Verdict: is}, {OrderNo: "A2", Verdict: Mismatch}}}
			got := Mismatched(before, after)
			if news := is == Mismatch && was != Mismatch; news != (len(got) == 1 && got[0] == "A1") || !news && len(got) != 0 {
				t.Errorf("from %q to %q: %v", was, is, got)
			}
			if got := Mismatched(Sale{}, after); len(got) != 1+b2i(is == Mismatch) {
				t.Errorf("from nothing to %q: %v", is, got)
			}
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

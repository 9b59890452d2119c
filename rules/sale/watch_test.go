package sale

import (
	"testing"
	"time"
)

// A machine that boots twenty years late has not watched a concluded order for
// twenty years: what is on its way may still arrive.
func TestAWrongClockEndsNoWatch(t *testing.T) {
	plan := DefaultPlan()
	ended := Instant(time.Hour)
	s := Sale{Flow: Payer, State: Declined, Attempts: []Attempt{{OrderNo: "A", Sent: 1, End: EndConcluded, EndedAt: ended}}}
	boot := ended.Add(20 * 365 * 24 * time.Hour)
	now := Now{At: boot, Since: boot}
	w := Watch{}
	for n := 0; ; n++ {
		step := s.Next(now, w, plan)
		now.At = max(now.At, step.Due)
		if step.Do == Conclude {
			if late := now.At.Sub(boot); late < time.Hour || late > 3*time.Hour || n < 5 {
				t.Errorf("the watch ends %s after the boot, after %d queries", late, n)
			}
			return
		}
		if step.Do != Query || n > 20 {
			t.Fatalf("step %d is %+v", n, step)
		}
		w.Note(step, Event{Kind: Missing}, now.At)
	}
}

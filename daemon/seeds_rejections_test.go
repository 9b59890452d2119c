package daemon

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"qrposd/rules/rejection"
)

// rejectionSeeds is the watch of R7: a shop of five labels, each refused one time
// in a hundred to two hundred by right, of which one begins to be refused one time
// in twenty after 3,000 sales.
func rejectionSeeds(t *testing.T, n, quiet int) []seed {
	const first = 20_000
	wait := func(o rejection.Options, n int) (delays []int) {
		for i := range n {
			r := rand.New(rand.NewPCG(uint64(first+i), 1))
			run := rejection.Simulate(rejection.New(o), r.Float64, rejection.Scenario{Labels: 5, Low: 0.005, High: 0.01, Before: 3000, Fault: 0.05, Sales: 11_000})
			if run.Delay == 0 {
				run.Delay = math.MaxInt
			}
			delays = append(delays, run.Delay)
		}
		slices.Sort(delays)
		return delays
	}
	alarms := func(o rejection.Options, n int) (alarms, sales int) {
		for i := range n {
			r := rand.New(rand.NewPCG(uint64(first+i), 2))
			run := rejection.Simulate(rejection.New(o), r.Float64, rejection.Scenario{Labels: 5, Low: 0.01, High: 0.01, Sales: 10_000})
			alarms, sales = alarms+run.False, sales+run.Sales
		}
		return alarms, sales
	}
	d := wait(rejection.Options{}, n)
	wrong, sales := alarms(rejection.Options{}, quiet)
	nervous, of := alarms(rejection.Options{Raise: 3}, 5)
	asleep := wait(rejection.Options{Raise: math.Inf(1)}, 3)
	if d[n/2] > 150 || asleep[0] != math.MaxInt || nervous == 0 {
		t.Errorf("the median is %d sales; a watch that sleeps raises after %d, one that is nervous %d times", d[n/2], asleep[0], nervous)
	}
	rate := func(k, of int) string {
		return fmt.Sprintf("%.2f in 10,000 (%d in %d sales)", 10_000*float64(k)/float64(of), k, of)
	}
	return []seed{{
		"5", fmt.Sprintf("%d..%d", first, first+n-1),
		figure{"sales of a label until its 5 % refusals are raised", n, fmt.Sprintf("median %d, 90 %% %d; false alarms %s", d[n/2], d[n*9/10], rate(wrong, sales))},
		figure{"a nervous threshold; without one there is no alarm", 5, "false alarms " + rate(nervous, of)},
	}}
}

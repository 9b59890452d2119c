package rejection

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

const (
	never = math.MaxInt // delay of a fault that raised no alarm
	mix   = 5           // labels
)

// delays returns how many sales of the faulty label each seed took, sorted.
func delays(o Options, first, n uint64, low float64, before int) []int {
	all := make([]int, n)
	for i := range n {
		r := rand.New(rand.NewPCG(first+i, 1))
		run := Simulate(New(o), r.Float64, Scenario{Labels: mix, Low: low, High: 0.01, Before: before, Fault: 0.05, Sales: before + 8000})
		if all[i] = run.Delay; run.Delay == 0 {
			all[i] = never
		}
	}
	slices.Sort(all)
	return all
}

// falses counts the alarms of shops that are all well, from their first sale on.
func falses(o Options, first, n uint64, base float64) (alarms, sales int) {
	for seed := first; seed < first+n; seed++ {
		r := rand.New(rand.NewPCG(seed, 2))
		run := Simulate(New(o), r.Float64, Scenario{Labels: mix, Low: base, High: base, Sales: 10_000})
		alarms += run.False
		sales += run.Sales
	}
	return alarms, sales
}

// upper is the exact 95 % upper bound of a count's expectation (Garwood 1936).
func upper(k int) float64 {
	low, high := float64(k), float64(k)+10*math.Sqrt(float64(k)+1)
	for range 60 {
		m := (low + high) / 2
		term, sum := math.Exp(-m), 0.0
		for i := 0; i <= k; i++ {
			sum += term
			term *= m / float64(i+1)
		}
		if sum > 0.05 {
			low = m
		} else {
			high = m
		}
	}
	return high
}

// slow reports whether the figure that is promised is missed.
func slow(sorted []int) bool { return sorted[len(sorted)/2] > 150 }

func TestUpper(t *testing.T) {
	for k, want := range map[int]float64{0: 2.9957, 1: 4.7439, 10: 16.9622} {
		if got := upper(k); math.Abs(got-want) > 1e-3 {
			t.Errorf("upper(%d) = %v, want %v", k, got, want)
		}
	}
}

// A new shop and one with history: a fault of 5 % of
// one label among five is raised within 150 sales of that label in the median.
func TestFigureDelay(t *testing.T) {
	const first, n = 1, 151
	for _, f := range []struct {
		low    float64 // of baselines up to 1 %
		before int
	}{{0.005, 0}, {0.005, 3000}, {0.01, 3000}} {
		d := delays(Options{}, first, n, f.low, f.before)
		t.Logf("baselines %.1f %% to 1 %%, seeds %d..%d, %4d sales before the fault: median %d sales of the label, 90 %% %d",
			100*f.low, first, first+n-1, f.before, d[n/2], d[n*9/10])
		if slow(d) {
			t.Errorf("baselines from %v, %d sales before the fault: median delay %d", f.low, f.before, d[n/2])
		}
	}
}

func TestFigureFalseAlarms(t *testing.T) {
	const first = 1
	for _, f := range []struct {
		base float64
		n    uint64
	}{{0, 4}, {0.005, 10}, {0.01, 20}, {0.02, 80}} {
		alarms, sales := falses(Options{}, first, f.n, f.base)
		per := 10_000 / float64(sales)
		t.Logf("baseline %.1f %%, seeds %d..%d: %d false alarms in %d sales, %.2f in 10,000, below %.2f with 95 %% confidence",
			100*f.base, first, first+f.n-1, alarms, sales, per*float64(alarms), per*upper(alarms))
		if per*upper(alarms) >= 1 {
			t.Errorf("baseline %v: %d false alarms in %d sales", f.base, alarms, sales)
		}
	}
}

// The measurement sees a watch that sleeps, and one that cries.
func TestFiguresControl(t *testing.T) {
	if d := delays(Options{Raise: math.Inf(1)}, 1, 3, 0.005, 0); !slow(d) || d[0] != never {
		t.Errorf("a threshold of infinity raised: %v", d)
	}
	if alarms, sales := falses(Options{Raise: 3}, 1, 5, 0.02); float64(alarms)/float64(sales) < 1e-4 {
		t.Errorf("a threshold of 3 raised only %d in %d sales", alarms, sales)
	}
}

// BenchmarkFigures measures what the tests measure, at length: -benchtime 1x.
func BenchmarkFigures(b *testing.B) {
	const first, n = 10_000, 2001
	for b.Loop() {
		for _, low := range []float64{0.005, 0.01} {
			for _, before := range []int{0, 500, 3000} {
				d := delays(Options{}, first, n, low, before)
				b.Logf("from %.1f %%, seeds %d..%d, %4d sales before: median %d, 90 %% %d, 99 %% %d",
					100*low, first, first+n-1, before, d[n/2], d[n*9/10], d[n*99/100])
			}
		}
		for _, base := range []float64{0, 0.005, 0.01, 0.02} {
			alarms, sales := falses(Options{}, first, 400, base)
			per := 10_000 / float64(sales)
			b.Logf("baseline %.1f %%: %d in %d sales, %.3f in 10,000, below %.3f", 100*base, alarms, sales, per*float64(alarms), per*upper(alarms))
		}
	}
}

func BenchmarkNote(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	w := New(Options{})
	o := Outcome{Key: Key{Label: "coffee", Classifier: "intent/1", Category: "food", Model: "fast"}, At: 1_700_000_000, Minor: 480, Currency: "CNY"}
	for b.Loop() {
		o.Rejected = r.Float64() < 0.01
		o.At++
		w.Note(o)
	}
}

package rejection

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const noon = 1_700_000_000

// outcome is a sale of 4.80 at minute i.
func outcome(i int, label string, rejected bool) Outcome {
	return Outcome{
		Key:      Key{Label: label, Classifier: "intent/1", Category: "food", Model: "fast"},
		Rejected: rejected, At: noon + int64(i)*60, Minor: 480, Currency: "CNY", Sale: fmt.Sprintf("sale%d", i),
	}
}

// raise notes rejections from minute i until the alarm, and returns it and the next minute.
func raise(t *testing.T, w *Watch, i int, label string) (Alarm, int) {
	t.Helper()
	for range 20 {
		changes := w.Note(outcome(i, label, true))
		i++
		if len(changes) > 0 {
			return changes[0].Alarm, i
		}
	}
	t.Fatal("twenty rejections in a row raise nothing")
	return Alarm{}, 0
}

func TestAlarmTellsTheEvidence(t *testing.T) {
	w := new(Watch)
	for i := range 200 {
		if c := w.Note(outcome(i, "coffee", false)); c != nil {
			t.Fatalf("accepted sales changed an alarm: %+v", c)
		}
	}
	o := outcome(200, "coffee", true)
	o.Key.Category, o.Key.Model, o.Currency, o.Minor = "drink", "slow", "USD", 70
	w.Note(o)
	a, next := raise(t, w, 201, "coffee")
	n := next - 200
	want := Alarm{
		Label: "coffee", Classifier: "intent/1", Rejected: n, Sales: n,
		Since: noon + 200*60, Raised: noon + int64(next-1)*60, Baseline: a.Baseline,
		Cost:     []Sum{{"CNY", int64(n-1) * 480}, {"USD", 70}},
		Examples: []string{fmt.Sprint("sale", next-3), fmt.Sprint("sale", next-2), fmt.Sprint("sale", next-1)},
		Parts:    []Part{{"food", "fast", n - 1, n - 1}, {"drink", "slow", 1, 1}},
	}
	if !reflect.DeepEqual(a, want) {
		t.Errorf("alarm\n%+v, want\n%+v", a, want)
	}
	if a.Baseline < floor || a.Baseline > 0.02 {
		t.Errorf("baseline %v", a.Baseline)
	}
	if got := w.Alarms(); !reflect.DeepEqual(got, []Alarm{want}) {
		t.Errorf("standing alarms %+v", got)
	}
	a.Examples[0], a.Cost[0].Minor = "changed", 0
	if got := w.Alarms(); !reflect.DeepEqual(got, []Alarm{want}) {
		t.Error("an alarm shares memory with the watch")
	}
	w.Note(outcome(next, "coffee", true))
	if got := w.Alarms()[0]; got.Rejected != n+1 || len(got.Examples) != maxExamples || got.Since != want.Since {
		t.Errorf("a standing alarm stopped counting: %+v", got)
	}
}

func TestOneSaleIsOneRejection(t *testing.T) {
	w := new(Watch)
	for range 100 {
		if c := w.Note(outcome(1, "coffee", true)); c != nil {
			t.Fatalf("one stubborn customer raised an alarm: %+v", c)
		}
	}
	if r := w.Rates(); len(r) != 1 || r[0].Rejected != 100 {
		t.Errorf("rates count attempts: %+v", r)
	}
	raise(t, w, 2, "coffee") // others do
}

func TestClearedOnlyAfterASustainedReturn(t *testing.T) {
	w := new(Watch)
	_, i := raise(t, w, 0, "coffee")
	var cleared []Change
	accepted := 0
	for ; cleared == nil && accepted < 1000; accepted++ {
		cleared = w.Note(outcome(i, "coffee", false))
		i++
	}
	if len(cleared) != 1 || cleared[0].Raised || cleared[0].At != noon+int64(i-1)*60 || cleared[0].Alarm.Raised == 0 {
		t.Fatalf("cleared %+v", cleared)
	}
	if accepted < 100 {
		t.Errorf("cleared after %d sales", accepted)
	}
	if w.Alarms() != nil {
		t.Error("a cleared alarm stands")
	}
	if w.Note(outcome(i, "coffee", true)) != nil || w.Note(outcome(i+1, "coffee", true)) != nil {
		t.Error("two rejections after it raise it again")
	}
	raise(t, w, i+2, "coffee")
}

// A fault that lasts is one alarm, and what lies between well and faulty does not
// make it come and go.
func TestAlarmDoesNotFlap(t *testing.T) {
	for _, p := range []float64{0.02, 0.025, 0.03, 0.05, 0.2} {
		raised, cleared := 0, 0
		const seeds, sales = 8, 5000
		for seed := range uint64(seeds) {
			w, r := new(Watch), rand.New(rand.NewPCG(seed, 3))
			for i := range sales {
				w.Note(outcome(i, "tea", r.Float64() < 0.0075))
				for _, c := range w.Note(outcome(i, "coffee", r.Float64() < p)) {
					if c.Raised {
						raised++
					} else {
						cleared++
					}
				}
			}
		}
		t.Logf("%.1f %% for %d sales, seeds 0..%d: raised %d, cleared %d", 100*p, sales, seeds-1, raised, cleared)
		if p >= 0.05 && (raised < seeds || cleared > seeds*sales/20_000) {
			t.Errorf("a fault of %v was raised %d times and cleared %d times in %d shops", p, raised, cleared, seeds)
		}
		if cleared > 2*seeds {
			t.Errorf("%v: an alarm is cleared every %d sales", p, seeds*sales/cleared)
		}
	}
}

// A fault does not become the baseline, neither before it is raised nor after.
func TestFaultIsNotLearnt(t *testing.T) {
	w, r := new(Watch), rand.New(rand.NewPCG(1, 4))
	for i := range 20_000 {
		w.Note(outcome(i, "tea", r.Float64() < 0.0075))
		w.Note(outcome(i, "coffee", r.Float64() < 0.05))
	}
	if a := w.Alarms(); len(a) != 1 || a[0].Label != "coffee" || a[0].Baseline > 0.03 {
		t.Fatalf("alarms %+v", a)
	}
	if b := w.baseline(count{}); b > 0.015 {
		t.Errorf("the shop learnt a baseline of %v", b)
	}
}

// Where nothing was ever rejected, two rejections in a row are chance.
func TestFloor(t *testing.T) {
	w := new(Watch)
	for i := range 20_000 {
		w.Note(outcome(i, "coffee", false))
	}
	for i := range 2 {
		if c := w.Note(outcome(i, "coffee", true)); c != nil {
			t.Errorf("%+v", c)
		}
	}
}

// A shop that was never well is not taken for one that is.
func TestFaultFromTheFirstDay(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 4))
	w, used := new(Watch), New(Options{Prior: 0.12})
	for i := range 3000 {
		for _, label := range []string{"coffee", "tea"} {
			o := outcome(i, label, r.Float64() < 0.12)
			w.Note(o)
			used.Note(o)
		}
	}
	if got := len(w.Alarms()); got != 2 {
		t.Errorf("%d alarms of two labels that lose 12 %%", got)
	}
	if got := used.Alarms(); got != nil {
		t.Errorf("12 %% was expected, and is an alarm: %+v", got)
	}
}

func TestRates(t *testing.T) {
	w := new(Watch)
	for i := range 120 {
		w.Note(outcome(i, "coffee", i == 7))
	}
	rates := w.Rates()
	n := 0
	for i, r := range rates {
		n += r.N
		if r.Hour%hour != 0 || r.Low > r.Rate || r.High < r.Rate || i > 0 && r.Hour <= rates[i-1].Hour {
			t.Errorf("rate %+v", r)
		}
	}
	if n != 120 || rates[0].Rejected != 1 {
		t.Errorf("rates %+v", rates)
	}
	w.Note(outcome(0, "tea", false)) // and never again
	for i := range 100 {
		w.Note(outcome(i*60, "coffee", false))
		if got := len(w.keys); i < keptHours && got != 2 || i >= keptHours && got != 1 {
			t.Fatalf("after %d hours there are %d keys", i, got)
		}
	}
	if got := len(w.Rates()); got != keptHours {
		t.Errorf("%d hours kept", got)
	}
	o := outcome(0, "coffee", false)
	o.At = 1 << 62 // a clock that is wrong
	w.Note(o)
	w.Note(outcome(0, "coffee", false))
	if r := w.Rates(); len(r) != 1 || r[0].Hour != noon/hour*hour {
		t.Errorf("a wrong clock stays: %+v", r)
	}
}

func TestWilson(t *testing.T) {
	for _, c := range []struct {
		k, n      int
		low, high float64
	}{{0, 0, 0, 1}, {0, 10, 0, 0.2775}, {1, 10, 0.0179, 0.4042}, {5, 100, 0.0215, 0.1118}, {10, 10, 0.7225, 1}} {
		low, high := wilson(c.k, c.n)
		if fmt.Sprintf("%.4f %.4f", low, high) != fmt.Sprintf("%.4f %.4f", c.low, c.high) {
			t.Errorf("wilson(%d, %d) = %.4f, %.4f", c.k, c.n, low, high)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	w := new(Watch)
	raise(t, w, 0, "coffee")
	for i := range 1000 {
		w.Note(outcome(100+i, fmt.Sprint("label", i), false))
		if i%30 == 0 {
			w.Note(outcome(100+i, "tea", false))
		}
	}
	if h := w.keys[outcome(0, "tea", false).Key]; h == nil || len(h.Buckets) != 18 || w.series[name{"tea", "intent/1"}].History.Sales != 34 {
		t.Errorf("what is in use was forgotten in between: %+v", h)
	}
	if len(w.series) != maxSeries || len(w.keys) != maxKeys {
		t.Errorf("%d series, %d keys", len(w.series), len(w.keys))
	}
	if a := w.Alarms(); len(a) != 1 || a[0].Label != "coffee" {
		t.Errorf("a flood of labels drowned the alarm: %+v", a)
	}
	for label, kept := range map[string]bool{"label0": false, "label999": true, "tea": true} {
		o := outcome(0, label, false)
		if w.series[name{label, o.Key.Classifier}] != nil != kept || w.keys[o.Key] != nil != kept {
			t.Errorf("not the least recently used is forgotten: %s", label)
		}
	}
	w = new(Watch)
	for i := range maxSeries {
		raise(t, w, 1000*i, fmt.Sprint("label", i))
	}
	for i := range 20 {
		if c := w.Note(outcome(i, "another", true)); c != nil {
			t.Fatalf("%+v", c)
		}
	}
	if len(w.Alarms()) != maxSeries {
		t.Error("a standing alarm was forgotten")
	}
}

// full is a watch with as much in it, and as hard to write, as can be.
func full() *Watch {
	w := new(Watch)
	text := func(i int) string { return fmt.Sprintf("%03d%s", i, strings.Repeat("\x01", maxText)) }
	for h := range keptHours {
		for i := range maxKeys {
			k := Key{text(i % maxSeries), text(0), text(i), text(i), text(i)}
			w.Note(Outcome{Key: k, Rejected: true, At: noon + int64(h)*hour, Minor: 1 << 62, Currency: text(h), Sale: text(h * 1000)})
		}
	}
	for _, s := range w.series { // not by Note: each more category were one more key
		for i := len(s.Parts); i < maxParts; i++ {
			s.Parts = append(s.Parts, Part{clip(text(1000 + i)), clip(text(i)), s.Sales, s.Rejected})
		}
	}
	return w
}

func TestSums(t *testing.T) {
	a := full().Alarms()
	if len(a) != maxSeries || len(a[0].Examples) != maxExamples || len(a[0].Cost) != maxSums {
		t.Fatalf("%d alarms, the first %+v", len(a), a[0])
	}
	if slices.ContainsFunc(a[0].Cost, func(s Sum) bool { return s.Minor < 0 }) {
		t.Error("a sum overflowed")
	}
}

package rejection

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of what a Watch remembers. A shop has a handful of labels and models;
// more than this is somebody else's text in a field, and is not worth memory.
const (
	maxSeries   = 64  // label and classifier
	maxKeys     = 128 // keys with rates
	maxText     = 64  // bytes of a name
	maxParts    = 16  // category and model in an alarm
	maxSums     = 16  // currencies in an alarm
	maxExamples = 3   // sales in an alarm
)

// Key says whose rejections are counted together.
type Key struct {
	Label      string `json:"label"`
	Classifier string `json:"classifier"` // name/version
	Category   string `json:"category,omitempty"`
	Model      string `json:"model,omitempty"`
	Currency   string `json:"currency,omitempty"` // empty where rates are not told apart by currency
}

// Outcome is one concluded payment attempt.
type Outcome struct {
	Key      Key
	Rejected bool
	At       int64 // Unix seconds
	Minor    int64
	Currency string
	Sale     string // its id, to be looked up; may be empty
}

// Options are what a shop may set. What is zero has its default.
type Options struct {
	Raise float64 // evidence that raises an alarm, in nats; infinity raises none
	Clear float64 // evidence that clears one, in nats
	Prior float64 // share of rejections expected of a shop without history; above 2 % where that is normal
}

// The defaults, and the numbers of the test, were chosen by simulation so that a
// fault of 5 % is raised within 150 sales of its label in the median, with less
// than one false alarm in 10,000 sales of the shop.
const (
	defaultRaise = 7
	defaultClear = 7
	defaultPrior = 0.01
)

// Watch follows the rejections of one terminal. The zero value is ready to use.
// It is not safe for concurrent use.
type Watch struct {
	options Options
	shop    count
	series  map[name]*series
	keys    map[Key]*hours
	hour    int64 // of the latest outcome; not kept, the next one forgets again
	uses    int64 // orders series and keys by last use; a clock may be set back
}

// name is what a classifier can be wrong about.
type name struct{ label, classifier string }

// New returns a Watch with options.
func New(o Options) *Watch { return &Watch{options: o} }

// Change is an alarm that an outcome raised or cleared.
type Change struct {
	Raised bool  `json:"raised"` // or cleared
	At     int64 `json:"at"`     // of the outcome, Unix seconds
	Alarm  Alarm `json:"alarm"`
}

// Alarm is the evidence that a label is rejected more often than the baseline
// explains. Everything in it is counted from Since.
type Alarm struct {
	Label      string   `json:"label"`
	Classifier string   `json:"classifier"`
	Rejected   int      `json:"rejected"`
	Sales      int      `json:"sales"`
	Since      int64    `json:"since"`    // when the fault is likely to have begun, Unix seconds
	Raised     int64    `json:"raised"`   // Unix seconds
	Baseline   float64  `json:"baseline"` // share of rejections that was expected
	Cost       []Sum    `json:"cost"`     // of what was rejected, whether or not it was paid otherwise afterwards
	Examples   []string `json:"examples"` // the latest rejected sales, at most three
	Parts      []Part   `json:"parts"`    // the most rejected first
}

// Sum is what was rejected in one currency.
type Sum struct {
	Currency string `json:"currency"`
	Minor    int64  `json:"minor"`
}

// Part is the share of one category and model in an alarm.
type Part struct {
	Category string `json:"category,omitempty"`
	Model    string `json:"model,omitempty"`
	Sales    int    `json:"sales"`
	Rejected int    `json:"rejected"`
}

// Note counts an outcome and returns the alarms that it raised or cleared.
func (w *Watch) Note(o Outcome) []Change {
	o = o.clean()
	w.uses++
	w.tally(o)
	s := w.of(name{o.Key.Label, o.Key.Classifier})
	if s == nil || s.repeats(o) {
		return nil
	}
	s.Used = w.uses
	s.run.add(o)
	if s.Raised != 0 {
		if !s.fall(o.Rejected, or(w.options.Clear, defaultClear)) {
			return nil
		}
		c := Change{At: o.At, Alarm: s.alarm()}
		s.reset()
		return []Change{c}
	}
	s.Base = w.baseline(s.History)
	if !s.rise(o.Rejected, or(w.options.Raise, defaultRaise)) {
		if s.Evidence == 0 {
			w.learn(s)
		}
		return nil
	}
	s.Raised, s.Evidence = max(o.At, 1), 0
	return []Change{{Raised: true, At: o.At, Alarm: s.alarm()}}
}

// Alarms returns the alarms that stand, the oldest first.
func (w *Watch) Alarms() []Alarm {
	var alarms []Alarm
	all := w.listed()
	slices.SortStableFunc(all, func(a, b *series) int { return cmp.Compare(a.Raised, b.Raised) })
	for _, s := range all {
		if s.Raised != 0 {
			alarms = append(alarms, s.alarm())
		}
	}
	return alarms
}

// listed returns the series by name. Pointers are sorted, not what they lead to:
// the program holds one sort for all kinds of them, and one for each kind of record.
func (w *Watch) listed() []*series {
	all := make([]*series, 0, len(w.series))
	for _, s := range w.series {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Classifier, b.Classifier))
	})
	return all
}

// of finds the series of n or makes it. An alarm that stands is not forgotten for
// a new label: when there are alarms only, the new one is not watched.
func (w *Watch) of(n name) *series {
	if s := w.series[n]; s != nil {
		return s
	}
	if w.series == nil {
		w.series = make(map[name]*series)
	}
	if len(w.series) >= maxSeries {
		var least *series
		for _, s := range w.series {
			if s.Raised == 0 && (least == nil || s.Used < least.Used) {
				least = s
			}
		}
		if least == nil {
			return nil
		}
		delete(w.series, name{least.Label, least.Classifier})
	}
	s := &series{Label: n.label, Classifier: n.classifier}
	w.series[n] = s
	return s
}

// clean makes an outcome fit to be kept: names are short and survive JSON
// unchanged, or a restart would take them for other names.
func (o Outcome) clean() Outcome {
	k := &o.Key
	for _, s := range []*string{&k.Label, &k.Classifier, &k.Category, &k.Model, &k.Currency, &o.Currency, &o.Sale} {
		*s = clip(*s)
	}
	o.Minor = max(o.Minor, 0)
	return o
}

func clip(s string) string {
	if len(s) <= maxText && utf8.ValidString(s) {
		return s
	}
	if s = strings.ToValidUTF8(s, "?"); len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// or returns v, or its default where it is not set.
func or(v, preset float64) float64 {
	if v > 0 {
		return v
	}
	return preset
}

// plus adds amounts that are not negative. An absurd total stays absurd instead
// of turning negative.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

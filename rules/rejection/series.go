package rejection

import (
	"math"
	"slices"
	"sort"
)

const (
	fault     = 0.05 // the rate of a misconfigured classifier that must be noticed
	multiple  = 3    // of the baseline, where that is high: the least that is a fault there
	floor     = 0.005
	ceiling   = 0.3
	priorSize = 300  // sales that the prior is worth
	shopSize  = 1000 // sales that the shop's rate is worth beside a label's own history
	margin    = 0.85 // standard errors above the estimate
	maxShop   = 8192 // sales of history, of which half is forgotten then
	maxOwn    = 1024
)

// count is how many of how many.
type count struct {
	Sales    int `json:"n"`
	Rejected int `json:"r"`
}

// add adds c and keeps the total below limit by halving: what is old weighs less.
func (a *count) add(c count, limit int) {
	a.Sales += c.Sales
	a.Rejected += c.Rejected
	for a.Sales > limit {
		a.Sales /= 2
		a.Rejected /= 2
	}
}

// towards is the share of rejections, drawn towards p with the weight of size sales.
func (a count) towards(p, size float64) float64 {
	return (p*size + float64(a.Rejected)) / (size + float64(a.Sales))
}

// series is the test of one label and classifier.
type series struct {
	Label      string  `json:"label"`
	Classifier string  `json:"classifier"`
	Used       int64   `json:"used"`
	History    count   `json:"history"`
	Base       float64 `json:"base"`
	Evidence   float64 `json:"evidence"` // that there is a fault; where an alarm stands, that it is over
	Raised     int64   `json:"raised,omitempty"`
	run
}

// run is what happened since the evidence was last at nought.
type run struct {
	count
	Since    int64    `json:"since"`
	Cost     []Sum    `json:"cost,omitempty"`
	Examples []string `json:"examples,omitempty"`
	Parts    []Part   `json:"parts,omitempty"`
}

// baseline is the share of rejections that is to be expected of a label. It is
// taken above its estimate: one that is too low by chance is what raises most of
// the false alarms, and it is worst where history is short.
func (w *Watch) baseline(history count) float64 {
	shop := w.shop.towards(or(w.options.Prior, defaultPrior), priorSize)
	p := history.towards(shop, shopSize)
	p += margin * math.Sqrt(p/(shopSize+float64(history.Sales)))
	return min(max(p, floor), ceiling)
}

// learn makes history of the run that came back to nought.
func (w *Watch) learn(s *series) {
	s.History.add(s.count, maxOwn)
	w.shop.add(s.count, maxShop)
	s.run = run{}
}

// evidence is how much one outcome speaks for a fault.
func (s *series) evidence(rejected bool) float64 {
	bad := max(fault, multiple*s.Base)
	if rejected {
		return math.Log(bad / s.Base)
	}
	return math.Log((1 - bad) / (1 - s.Base))
}

// rise adds an outcome and reports whether there is a fault.
func (s *series) rise(rejected bool, limit float64) bool {
	s.Evidence = max(0, s.Evidence+s.evidence(rejected))
	return s.Evidence >= limit
}

// fall adds an outcome and reports whether the fault is over.
func (s *series) fall(rejected bool, limit float64) bool {
	s.Evidence = max(0, s.Evidence-s.evidence(rejected))
	return s.Evidence >= limit
}

// reset begins anew after an alarm. What happened under it does not become history.
func (s *series) reset() {
	s.run, s.Evidence, s.Raised = run{}, 0, 0
}

// repeats reports whether o is one more rejection of a sale that was just rejected.
func (s *series) repeats(o Outcome) bool {
	return o.Rejected && o.Sale != "" && slices.Contains(s.Examples, o.Sale)
}

func (r *run) add(o Outcome) {
	if r.Sales == 0 {
		r.Since = o.At
	}
	r.Sales++
	i := slices.IndexFunc(r.Parts, func(p Part) bool { return p.Category == o.Key.Category && p.Model == o.Key.Model })
	if i < 0 && len(r.Parts) < maxParts {
		i = len(r.Parts)
		r.Parts = append(r.Parts, Part{Category: o.Key.Category, Model: o.Key.Model})
	}
	if i >= 0 {
		r.Parts[i].Sales++
	}
	if !o.Rejected {
		return
	}
	r.Rejected++
	if i >= 0 {
		r.Parts[i].Rejected++
	}
	if o.Sale != "" {
		if len(r.Examples) == maxExamples {
			r.Examples = slices.Delete(r.Examples, 0, 1)
		}
		r.Examples = append(r.Examples, o.Sale)
	}
	r.charge(o.Minor, o.Currency)
}

func (r *run) charge(minor int64, currency string) {
	i := slices.IndexFunc(r.Cost, func(s Sum) bool { return s.Currency == currency })
	switch {
	case i >= 0:
		r.Cost[i].Minor = plus(r.Cost[i].Minor, minor)
	case len(r.Cost) < maxSums:
		r.Cost = append(r.Cost, Sum{currency, minor})
	}
}

// alarm copies the evidence: the series goes on counting.
func (s *series) alarm() Alarm {
	a := Alarm{
		Label: s.Label, Classifier: s.Classifier,
		Rejected: s.Rejected, Sales: s.Sales,
		Since: s.Since, Raised: s.Raised, Baseline: s.Base,
		Cost: slices.Clone(s.Cost), Examples: slices.Clone(s.Examples), Parts: slices.Clone(s.Parts),
	}
	sort.Slice(a.Cost, func(i, j int) bool { return a.Cost[i].Currency < a.Cost[j].Currency })
	sort.SliceStable(a.Parts, func(i, j int) bool { return a.Parts[i].Rejected > a.Parts[j].Rejected })
	return a
}

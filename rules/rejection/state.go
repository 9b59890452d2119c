package rejection

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

const (
	version  = 1
	maxState = 4 << 20 // above what a full Watch with the longest names takes
	maxCount = 1 << 30
)

// state is a Watch at rest. Options are left out: they come with the configuration.
type state struct {
	Version int      `json:"version"`
	Shop    count    `json:"shop"`
	Uses    int64    `json:"uses"`
	Series  []series `json:"series"`
	Keys    []hours  `json:"keys"`
}

// MarshalJSON returns all that later decisions depend on, but for the options.
func (w *Watch) MarshalJSON() ([]byte, error) {
	st := state{Version: version, Shop: w.shop, Uses: w.uses}
	for _, s := range w.listed() {
		st.Series = append(st.Series, *s)
	}
	for _, h := range w.sorted() {
		st.Keys = append(st.Keys, *h)
	}
	return json.Marshal(st)
}

// UnmarshalJSON replaces what w has counted and keeps its options. Where the text
// is not one that MarshalJSON wrote, it fails and leaves w as it was.
func (w *Watch) UnmarshalJSON(text []byte) error {
	if len(text) > maxState {
		return fmt.Errorf("rejection: state of %d bytes, at most %d", len(text), maxState)
	}
	var st state
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&st); err != nil {
		return fmt.Errorf("rejection: state: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("rejection: state: text after its end")
	}
	next, err := st.watch()
	if err != nil {
		return fmt.Errorf("rejection: state: %w", err)
	}
	next.options = w.options
	*w = *next
	return nil
}

// watch holds the state against everything that the counting relies on.
func (st *state) watch() (*Watch, error) {
	switch {
	case st.Version != version:
		return nil, fmt.Errorf("version %d, not %d", st.Version, version)
	case !st.Shop.valid(maxShop), st.Uses < 0:
		return nil, errors.New("counts of the shop out of bounds")
	case len(st.Series) > maxSeries, len(st.Keys) > maxKeys:
		return nil, errors.New("too many entries")
	}
	w := &Watch{
		shop: st.Shop, uses: st.Uses,
		series: make(map[name]*series), keys: make(map[Key]*hours),
	}
	for i := range st.Series {
		s := &st.Series[i]
		n := name{s.Label, s.Classifier}
		if w.series[n] != nil || s.Used > st.Uses || !s.valid() {
			return nil, fmt.Errorf("series %d is twice there or out of bounds", i)
		}
		w.series[n] = s
	}
	for i := range st.Keys {
		h := &st.Keys[i]
		if w.keys[h.Key] != nil || h.Used > st.Uses || !h.valid() {
			return nil, fmt.Errorf("key %d is twice there or out of bounds", i)
		}
		w.keys[h.Key] = h
	}
	return w, nil
}

func (a count) valid(limit int) bool {
	return 0 <= a.Rejected && a.Rejected <= a.Sales && a.Sales <= limit
}

func (s *series) valid() bool {
	return clean(s.Label, s.Classifier) && s.History.valid(maxOwn) &&
		floor <= s.Base && s.Base <= ceiling && s.Evidence >= 0 && s.Raised >= 0 && s.Used >= 0 && s.run.valid()
}

func (r *run) valid() bool {
	return r.count.valid(maxCount) &&
		len(r.Cost) <= maxSums && len(r.Examples) <= maxExamples && len(r.Parts) <= maxParts &&
		clean(r.Examples...) &&
		!slices.ContainsFunc(r.Cost, func(s Sum) bool { return s.Minor < 0 || !clean(s.Currency) }) &&
		!slices.ContainsFunc(r.Parts, func(p Part) bool {
			return !clean(p.Category, p.Model) || !count{p.Sales, p.Rejected}.valid(r.Sales)
		})
}

func (h *hours) valid() bool {
	k := h.Key
	if !clean(k.Label, k.Classifier, k.Category, k.Model, k.Currency) || h.Used < 0 || len(h.Buckets) > keptHours {
		return false
	}
	for i, b := range h.Buckets {
		if b.Sales == 0 || !b.valid(maxCount) || !hourValid(b.Hour) || i > 0 && b.Hour <= h.Buckets[i-1].Hour {
			return false
		}
	}
	return true
}

// hourValid reports whether seconds can be told of an hour.
func hourValid(h int64) bool { return math.MinInt64/hour <= h && h <= math.MaxInt64/hour }

// clean reports whether all names are as an outcome's are kept.
func clean(names ...string) bool {
	return !slices.ContainsFunc(names, func(s string) bool { return clip(s) != s })
}

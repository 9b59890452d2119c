package rejection

import (
	"cmp"
	"math"
	"slices"
)

const (
	hour      = 3600
	keptHours = 48
)

// Rate is how often one key was rejected within one hour, with the interval that
// holds the true share with 95 % confidence.
type Rate struct {
	Key      Key     `json:"key"`
	Hour     int64   `json:"hour"` // its beginning, Unix seconds
	N        int     `json:"n"`
	Rejected int     `json:"rejected"`
	Rate     float64 `json:"rate"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

// hours are the counts of one key, the earliest hour first.
type hours struct {
	Key     Key      `json:"key"`
	Used    int64    `json:"used"`
	Buckets []bucket `json:"hours"`
}

type bucket struct {
	Hour int64 `json:"h"` // since 1970
	count
}

// Rates returns the rates of the last 48 hours, by key and hour.
func (w *Watch) Rates() []Rate {
	var rates []Rate
	for _, h := range w.sorted() {
		for _, b := range h.Buckets {
			low, high := wilson(b.Rejected, b.Sales)
			rates = append(rates, Rate{
				Key: h.Key, Hour: b.Hour * hour, N: b.Sales, Rejected: b.Rejected,
				Rate: float64(b.Rejected) / float64(b.Sales), Low: low, High: high,
			})
		}
	}
	return rates
}

// wilson returns the 95 % score interval of a share (Wilson 1927). Unlike the
// usual plus and minus it holds for few sales and for none rejected.
func wilson(rejected, n int) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = 1.959964
	size, p := float64(n), float64(rejected)/float64(n)
	scale := 1 + z*z/size
	centre := (p + z*z/(2*size)) / scale
	half := z / scale * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	return max(0, centre-half), min(1, centre+half)
}

func (w *Watch) tally(o Outcome) {
	now := floorDiv(o.At, hour)
	if w.keys == nil {
		w.keys = make(map[Key]*hours)
	}
	if now != w.hour {
		w.hour = now
		w.forget()
	}
	h := w.keys[o.Key]
	if h == nil {
		if len(w.keys) >= maxKeys {
			w.dropKey()
		}
		h = &hours{Key: o.Key}
		w.keys[o.Key] = h
	}
	h.Used = w.uses
	i, found := slices.BinarySearchFunc(h.Buckets, now, func(b bucket, t int64) int { return cmp.Compare(b.Hour, t) })
	if !found {
		h.Buckets = slices.Insert(h.Buckets, i, bucket{Hour: now})
	}
	h.Buckets[i].Sales++
	if o.Rejected {
		h.Buckets[i].Rejected++
	}
	if !found && len(h.Buckets) > keptHours {
		h.Buckets = slices.Delete(h.Buckets, 0, 1)
	}
}

// forget drops what is 48 hours from the latest outcome, on either side: a clock
// that was wrong for an hour must not outlast the right ones.
func (w *Watch) forget() {
	for k, h := range w.keys {
		h.Buckets = slices.DeleteFunc(h.Buckets, func(b bucket) bool {
			return b.Hour <= w.hour-keptHours || b.Hour >= w.hour+keptHours
		})
		if len(h.Buckets) == 0 {
			delete(w.keys, k)
		}
	}
}

func (w *Watch) dropKey() {
	var least *hours
	for _, h := range w.keys {
		if least == nil || h.Used < least.Used {
			least = h
		}
	}
	delete(w.keys, least.Key)
}

// sorted returns the hours by key.
func (w *Watch) sorted() []*hours {
	all := make([]*hours, 0, len(w.keys))
	for _, h := range w.keys {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b *hours) int {
		return cmp.Or(
			cmp.Compare(a.Key.Label, b.Key.Label), cmp.Compare(a.Key.Classifier, b.Key.Classifier),
			cmp.Compare(a.Key.Category, b.Key.Category), cmp.Compare(a.Key.Model, b.Key.Model),
			cmp.Compare(a.Key.Currency, b.Key.Currency),
		)
	})
	return all
}

// floorDiv rounds down before 1970 too, where a machine without a clock begins.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

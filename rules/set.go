package rules

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Default is a file that a shop can live with, and the explanation of the format.
//
//go:embed default.toml
var Default []byte

// Lenience is what a model may do about a rule that fired.
type Lenience uint8

const (
	// Tighten: a model may ask for more. This is what a rule says if it says nothing.
	Tighten Lenience = iota
	// Relax: a model may also take the rule's effect away. A review stays.
	Relax
	// Ignore: no model is asked while this rule fires.
	Ignore
)

var lenienceNames = []string{"tighten", "relax", "ignore"}

func (l Lenience) String() string { return lenienceNames[min(int(l), len(lenienceNames)-1)] }

// Reason is what a person is told, in both of the till's languages.
type Reason struct {
	EN string `json:"en"`
	ZH string `json:"zh"`
}

// Rule is one rule of a set.
type Rule struct {
	ID     string
	When   string // the condition as it was written
	Effect Effect
	Hard   bool // no model and nobody at the till can take its effect away
	Model  Lenience
	Reason Reason
	Line   int // in the file
}

type rule struct {
	Rule
	when node
	firm bool
}

// Set is the rules of a file. It never changes; reloading makes another.
type Set struct {
	rules  []rule // sorted by id: where a rule stands in its file says nothing
	limits Limits
	labels []string
	denied map[string]bool
	used   map[string]bool
	hash   Hash
}

// Decide judges a case: all rules are looked at, always.
func (s *Set) Decide(c *Case) Verdict {
	var f facts
	f.load(c)
	v := Verdict{Set: s.hash, Case: f.hash()}
	for i := range s.rules {
		r := &s.rules[i]
		t := r.when.truth(&f)
		if t < broken {
			continue
		}
		v.Fired.set(i)
		if t == broken {
			v.Broken.set(i)
		}
		v.add(r)
	}
	return v
}

func (v *Verdict) add(r *rule) {
	v.Owed = v.Owed.With(r.Effect)
	if r.firm {
		v.Firm = v.Firm.With(r.Effect)
	}
	if r.Hard {
		v.Hard = v.Hard.With(r.Effect)
	}
	v.Settled = v.Settled || r.Model == Ignore
}

// Hash is the same for two files that say the same, whatever the order of their
// rules, their comments and their spacing.
func (s *Set) Hash() Hash { return s.hash }

// Rules are the rules in the order of their bits.
func (s *Set) Rules() []Rule {
	list := make([]Rule, len(s.rules))
	for i := range s.rules {
		list[i] = s.rules[i].Rule
	}
	return list
}

// Rule is the rule of that id.
func (s *Set) Rule(id string) (Rule, bool) {
	i, ok := s.find(id)
	if !ok {
		return Rule{}, false
	}
	return s.rules[i].Rule, true
}

func (s *Set) find(id string) (int, bool) {
	return slices.BinarySearchFunc(s.rules, id, func(r rule, id string) int { return strings.Compare(r.ID, id) })
}

// Limits are the offline limits of the file. The slices are not to be written to.
func (s *Set) Limits() Limits { return s.limits }

// Denied says whether the keyed hash of a payer is on the deny list.
func (s *Set) Denied(payer string) bool { return s.denied[payer] }

// seal sorts what has no order and names the whole.
func (s *Set) seal() {
	sort.Slice(s.rules, func(i, j int) bool { return s.rules[i].ID < s.rules[j].ID })
	h := sha256.New()
	for i := range s.rules {
		r := &s.rules[i]
		fmt.Fprintf(h, "rule %q %s %s %t %s %q %q\n", r.ID, r.when.String(), r.Effect, r.Hard, r.Model, r.Reason.EN, r.Reason.ZH)
	}
	l := &s.limits
	fmt.Fprintf(h, "limits %v %v %v %v %v %v\n", l.PerSale, l.Cumulative, l.Count, l.Offline, l.SplitWindow, l.Random)
	denied := make([]string, 0, len(s.denied))
	for payer := range s.denied {
		denied = append(denied, payer)
	}
	slices.Sort(denied)
	fmt.Fprintf(h, "denied %q\n", denied)
	h.Sum(s.hash[:0])
}

package rules

import (
	"fmt"
	"sort"
	"strings"
)

// Smell says what is odd about a rule that is not wrong.
type Smell string

// The smells.
const (
	Never       Smell = "never"       // its condition contradicts itself
	Always      Smell = "always"      // its condition holds for every sale
	Same        Smell = "same"        // another rule says the same
	Contradicts Smell = "contradicts" // another rule has the same condition and asks for something else
	Shadowed    Smell = "shadowed"    // it is never the strictest: another fires with it and asks for more
	Unused      Smell = "unused"      // limits that no rule names
	Unwatched   Smell = "unwatched"   // facts that no rule looks at
)

// Finding is something odd in a set. It loads all the same.
type Finding struct {
	Smell   Smell
	Rule    string // "" if it is about the file
	Other   string // the rule it is compared with
	Line    int
	Message string
}

// Lint looks for rules that do nothing, or not what their author thinks. It
// reasons about comparisons of a field with constants and takes anything else
// for what may or may not hold: it finds less than there is, and nothing that is
// not there, as long as all facts are known.
func (s *Set) Lint() []Finding {
	var found []Finding
	ways := make([][]term, len(s.rules))
	for i := range s.rules {
		r := &s.rules[i]
		terms, ok := r.when.ways(false)
		if !ok {
			continue
		}
		if len(terms) == 0 {
			found = append(found, r.finding(Never, "", "the condition of %s contradicts itself: it never holds", r.ID))
			continue
		}
		if against, ok := r.when.ways(true); ok && len(against) == 0 && !r.when.currencies() {
			found = append(found, r.finding(Always, "", "the condition of %s holds for every sale", r.ID))
		}
		ways[i] = terms
		for j := range i {
			found = append(found, s.pair(j, i, ways)...)
		}
	}
	found = append(found, s.unused()...)
	sort.SliceStable(found, func(i, j int) bool { return found[i].Line < found[j].Line })
	return found
}

func (r *rule) finding(smell Smell, other, format string, args ...any) Finding {
	return Finding{smell, r.ID, other, r.Line, fmt.Sprintf(format, args...)}
}

// pair compares two rules, of which b comes later in the alphabet.
func (s *Set) pair(a, b int, ways [][]term) []Finding {
	ra, rb := &s.rules[a], &s.rules[b]
	if ways[a] == nil || len(ways[a])*len(ways[b]) > maxTerms {
		return nil
	}
	ab, ba := implies(ways[a], ways[b]), implies(ways[b], ways[a])
	switch {
	case ab && ba && ra.Effect == rb.Effect:
		return []Finding{rb.finding(Same, ra.ID, "%s has the condition and the effect of %s", rb.ID, ra.ID)}
	case ab && ba:
		return []Finding{rb.finding(Contradicts, ra.ID, "%s has the condition of %s, and asks for %s where that asks for %s: the stricter wins", rb.ID, ra.ID, rb.Effect, ra.Effect)}
	case ba && ra.outdoes(rb):
		return []Finding{rb.shadow(ra)}
	case ab && rb.outdoes(ra):
		return []Finding{ra.shadow(rb)}
	}
	return nil
}

func (r *rule) shadow(by *rule) Finding {
	return r.finding(Shadowed, by.ID, "whenever %s fires, %s fires too and asks for %s: %s never decides", r.ID, by.ID, by.Effect, r.ID)
}

// outdoes says that what o asks for is lost in what r asks for, whatever a model
// or a manager does.
func (r *rule) outdoes(o *rule) bool {
	return r.Effect >= o.Effect && o.Effect > Allow && r.firm && (r.Hard || !o.Hard)
}

func (s *Set) unused() []Finding {
	var found []Finding
	for _, name := range limitNames {
		if _, set := s.limits.limit(name); set && !s.used[name] && name != "limits.split_window" { // the store counts by that one
			found = append(found, Finding{Smell: Unused, Line: 1, Message: name + " is set and no rule names it"})
		}
	}
	var names []string
	for i := range fields {
		if !s.used[fields[i].name] && i != fieldCurrency {
			names = append(names, fields[i].name)
		}
	}
	if len(names) > 0 {
		found = append(found, Finding{Smell: Unwatched, Line: 1, Message: "no rule looks at " + strings.Join(names, ", ")})
	}
	return found
}

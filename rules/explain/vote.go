package explain

import (
	"slices"
	"strings"
)

// tally is the outcome of the vote of the phrases.
type tally struct {
	points [len(causes)]int
	advice [len(causes)]Advice
	best   [len(causes)]int  // weight of the phrase that gave the advice
	topic  [len(causes)]bool // a word that only names what it is about
	doubt  bool
}

// vote lets every phrase of the table speak once, in the first clause that holds
// it undenied.
func vote(s string) tally {
	var t tally
	parts := clauses(s)
	for _, c := range cues {
		for _, phrase := range c.phrases {
			head, _, _ := strings.Cut(phrase, "~")
			if !strings.Contains(s, strings.TrimSuffix(head, "*")) { // nearly always, and cheap
				continue
			}
			if slices.ContainsFunc(parts, func(clause string) bool { return spoken(clause, phrase) }) {
				t.add(c)
			}
		}
	}
	t.doubt = has(s, doubts)
	return t
}

// add counts a phrase. Words that only name the subject count once together: a
// list of nouns says nothing.
func (t *tally) add(c cue) {
	if c.weight == 1 {
		if t.topic[c.cause] {
			return
		}
		t.topic[c.cause] = true
	}
	t.points[c.cause] += c.weight
	if c.advice != None && c.weight > t.best[c.cause] {
		t.advice[c.cause], t.best[c.cause] = c.advice, c.weight
	}
}

// reach is how far, in bytes, the second half of a phrase may be from the first,
// and how far back a denial is looked for.
const (
	reach    = 60
	denyBack = 26
	hanBack  = 12
)

// spoken says whether the clause holds the phrase, not denied.
func spoken(clause, phrase string) bool {
	first, second, pair := strings.Cut(phrase, "~")
	from, to := index(clause, first, 0)
	for from >= 0 {
		gap := ""
		found := true
		if pair {
			rest := clause[to:min(len(clause), to+reach)] // a window, or a text of one word repeated costs its square
			next, _ := index(rest, second, 0)
			found = next >= 0
			if found {
				gap = rest[:next]
			}
		}
		if found && !denied(clause[:from]) && !denied(gap) {
			return true
		}
		from, to = index(clause, first, to)
	}
	return false
}

// denied says whether text ends in the neighbourhood of a denial.
func denied(text string) bool {
	for _, d := range hanDenials {
		if strings.Contains(text[max(0, len(text)-hanBack):], d) {
			return true
		}
	}
	text = text[max(0, len(text)-denyBack):]
	return has(text, denials) || strings.Contains(text, "n't ")
}

package rules

// Verdict is what a set says about a case. It is a value without pointers and
// says nothing about the set that a record cannot say for itself: see Set.Record.
type Verdict struct {
	Owed    Effects // all that the rules that fired ask for
	Firm    Effects // the part of it that a model cannot take away
	Hard    Effects // the part of it that nobody at the till can take away
	Settled bool    // a rule fired that lets no model be asked
	Fired   Mask
	Broken  Mask // the part of Fired whose condition could not be computed
	Set     Hash
	Case    Hash64
}

// Effect is the strictest of what is owed.
func (v *Verdict) Effect() Effect { return v.Owed.Max() }

// Open says whether a model's answer can change anything. Where it cannot, asking
// costs time and money for nothing.
func (v *Verdict) Open() bool { return !v.Settled && !v.Firm.Has(Refuse) }

// Permit is the verdict after a model asked for an effect. Asking for more always
// counts. Asking for less takes away what rules offer to a model and nothing
// else, and leaves a review, so that a person sees what it let through. An answer
// that is no effect changes nothing.
func (v Verdict) Permit(asked Effect) Verdict {
	if v.Settled || asked > Refuse {
		return v
	}
	offered := v.Owed &^ v.Firm
	kept := v.Firm | offered.upTo(asked)
	if kept != v.Owed {
		kept = kept.With(Review)
	}
	v.Owed = kept.With(asked)
	return v
}

// Record is a verdict as it is written down: it names the rules that fired and
// outlives the set that they came from. Its JSON has a fixed order of keys.
type Record struct {
	Effect  Effect   `json:"effect"`
	Owed    Effects  `json:"owed"`
	Firm    Effects  `json:"firm,omitempty"`
	Hard    Effects  `json:"hard,omitempty"`
	Settled bool     `json:"settled,omitempty"`
	Fired   []string `json:"fired"`
	Broken  []string `json:"broken,omitempty"`
	Mask    string   `json:"mask"`
	Set     string   `json:"set"`
	Case    string   `json:"case"`
}

// Record writes down a verdict of this set.
func (s *Set) Record(v Verdict) Record {
	return Record{
		v.Effect(), v.Owed, v.Firm, v.Hard, v.Settled,
		s.IDs(v.Fired), s.IDs(v.Broken), v.Fired.String(), v.Set.String(), v.Case.String(),
	}
}

// IDs are the rules of a mask, in alphabetical order.
func (s *Set) IDs(m Mask) []string {
	ids := []string{}
	for i := range s.rules {
		if m.Has(i) {
			ids = append(ids, s.rules[i].ID)
		}
	}
	return ids
}

// Reasons are the rules of a mask that ask for something, the strictest first:
// what the cashier is told.
func (s *Set) Reasons(m Mask) []Rule {
	var found []Rule
	for e := Refuse; e > Allow; e-- {
		for i := range s.rules {
			if m.Has(i) && s.rules[i].Effect == e {
				found = append(found, s.rules[i].Rule)
			}
		}
	}
	return found
}

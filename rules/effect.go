package rules

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"slices"
)

// Effect is what a rule asks for. The order is that of restrictiveness.
type Effect uint8

const (
	// Allow asks for nothing: the rule only leaves its mark in the verdict. A new
	// rule is tried out like this.
	Allow Effect = iota
	// Review lets the sale go on and puts it on somebody's list.
	Review
	// Confirm has the payer agree to the price before any charge.
	Confirm
	// Verify has the payer show that a living person is there.
	Verify
	// Approve has a manager agree at the till.
	Approve
	// Refuse ends the sale before any money moves.
	Refuse
)

var effectNames = [...]string{"allow", "review", "confirm", "verify", "approve", "refuse"}

func (e Effect) String() string {
	if int(e) < len(effectNames) {
		return effectNames[e]
	}
	return fmt.Sprintf("effect(%d)", uint8(e))
}

// MarshalText is the effect's name.
func (e Effect) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads an effect's name. There is no other way from an answer of
// a model to an Effect, and no name means that a sale is paid.
func (e *Effect) UnmarshalText(b []byte) error {
	i := slices.Index(effectNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("rules: there is no effect %.20q", b)
	}
	*e = Effect(i)
	return nil
}

// Effects is a set of effects. The strictest does not stand for the others: a
// payer's agreement to a price is still owed when a manager has approved.
type Effects uint8

// With is s and e. Allow asks for nothing and adds nothing.
func (s Effects) With(e Effect) Effects {
	if e == Allow || e > Refuse {
		return s
	}
	return s | 1<<e
}

// Has says whether e is asked for.
func (s Effects) Has(e Effect) bool { return e <= Refuse && s>>e&1 == 1 }

// Max is the strictest effect in s, Allow if there is none.
func (s Effects) Max() Effect {
	return Effect(max(bits.Len8(uint8(s))-1, 0))
}

// upTo is the part of s that is not stricter than e.
func (s Effects) upTo(e Effect) Effects { return s & (1<<(e+1) - 1) }

// List is what is asked for, the mildest first.
func (s Effects) List() []Effect {
	list := []Effect{}
	for e := Review; e <= Refuse; e++ {
		if s.Has(e) {
			list = append(list, e)
		}
	}
	return list
}

// MarshalJSON is the list of names.
func (s Effects) MarshalJSON() ([]byte, error) { return json.Marshal(s.List()) }

// UnmarshalJSON reads the list of names.
func (s *Effects) UnmarshalJSON(b []byte) error {
	var list []Effect
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	*s = 0
	for _, e := range list {
		*s = s.With(e)
	}
	return nil
}

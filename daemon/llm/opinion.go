package llm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Opinion is an answer that is in form. It is still only an opinion: what it may
// change is up to the rules.
type Opinion struct {
	// Word is the answer: one of the [Verdict] for reasoning and validation; price or
	// confirm; one of the labels sent; user, policy, hallucination or unknown.
	Word string
	// Level is the risk or the confidence from 0 to 10, or the step of the price from
	// 0 to 20.
	Level int
	// Cites are the facts, or rules that fired, which it rests on: at least one, and
	// all of them were sent.
	Cites []string
}

// Decode reads an answer to r. Every member has to be there once and no other,
// the word and the number have to be from their lists, and what is cited must have
// been sent. Anything else is a *[Failure] of class Hallucination.
func Decode(r Request, a Answer) (Opinion, error) {
	o, err := r.decode(a.JSON)
	if err == nil {
		return o, nil
	}
	f := failed(Hallucination, codeForm)
	if err == errUnsent {
		f.Code = codeUnsent
	}
	f.Provider, f.Said, f.err = a.Provider, clean(err.Error(), maxSaid), err
	return Opinion{}, f
}

var (
	errForm   = &formError{"the members are not those of the schema"}
	errUnsent = &formError{"it cites what was not sent"}
)

type formError struct{ what string }

func (e *formError) Error() string { return e.what }

func (r Request) decode(b []byte) (Opinion, error) {
	list, err := members(b)
	if err != nil {
		return Opinion{}, err
	}
	if len(list) != 3 { // none can be there twice, so three known names are all
		return Opinion{}, errForm
	}
	var o Opinion
	for _, m := range list {
		switch m.name {
		case r.form.word:
			err = json.Unmarshal(m.value, &o.Word)
			if err == nil && !slices.Contains(r.words, o.Word) {
				err = fmt.Errorf("%s is %.40q", m.name, o.Word)
			}
		case r.form.level:
			o.Level, err = r.form.readLevel(m.value)
		case "cites":
			o.Cites, err = r.readCites(m.value)
		default:
			err = errForm
		}
		if err != nil {
			return Opinion{}, err
		}
	}
	return o, nil
}

// readLevel takes the digits of a whole number and no other way to write one.
func (f form) readLevel(b []byte) (int, error) {
	n, err := strconv.Atoi(string(b))
	if err != nil || n < 0 || n > f.top || strconv.Itoa(n) != string(b) {
		return 0, fmt.Errorf("%s is %.40q, not a whole number from 0 to %d", f.level, b, f.top)
	}
	return n, nil
}

func (r Request) readCites(b []byte) ([]string, error) {
	var cites []*string // a null among them must not pass for an empty text
	if err := json.Unmarshal(b, &cites); err != nil {
		return nil, err
	}
	if len(cites) == 0 || len(cites) > maxCites {
		return nil, fmt.Errorf("it cites %d facts, not 1 to %d", len(cites), maxCites)
	}
	var out []string
	for _, c := range cites {
		if c == nil || !slices.Contains(r.sent, *c) && !slices.Contains(r.rules, Label(*c)) {
			return nil, errUnsent
		}
		if !slices.Contains(out, *c) {
			out = append(out, *c)
		}
	}
	return out, nil
}

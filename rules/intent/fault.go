package intent

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Code says what kind of fault a file has, for programs.
type Code string

// The faults of a file.
const (
	Syntax    Code = "syntax"    // it cannot be read
	Unknown   Code = "unknown"   // a key, currency or word that does not exist
	Missing   Code = "missing"   // something that every intent has
	Duplicate Code = "duplicate" // the same thing twice
	Type      Code = "type"      // a value of another kind
	Range     Code = "range"     // a value that cannot be
	TooMuch   Code = "too_much"  // a bound of this package
)

// MaxFaults is how many faults are named at once.
const MaxFaults = 20

// Fault is one thing that is wrong with a file: where, what, and what to write
// instead. Column counts characters and begins at 1.
type Fault struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

func (f *Fault) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s; %s", f.File, f.Line, f.Column, f.Message, f.Hint)
}

// Faults are the faults of a file in the order of its lines, at most MaxFaults.
type Faults []*Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i := range f {
		lines[i] = f[i].Error()
	}
	return strings.Join(lines, "\n")
}

// flaw is a fault that does not yet know its file: at is an offset into its text.
type flaw struct {
	code       Code
	at         int
	what, hint string
}

// faultsOf is nil if there are none, and not an empty list in an interface.
func faultsOf(file string, text []byte, flaws []flaw) error {
	if len(flaws) == 0 {
		return nil
	}
	sort.SliceStable(flaws, func(i, j int) bool { return flaws[i].at < flaws[j].at })
	var faults Faults
	for i, f := range flaws {
		if i == MaxFaults-1 && len(flaws) > MaxFaults {
			f.code, f.what, f.hint = TooMuch, fmt.Sprintf("from here on there are %d more faults", len(flaws)-i), "mend those above and look again"
		}
		before := text[:min(f.at, len(text))]
		line := strings.Count(string(before), "\n") + 1
		column := utf8.RuneCount(before[strings.LastIndexByte(string(before), '\n')+1:]) + 1
		faults = append(faults, &Fault{file, line, column, f.code, f.what, f.hint})
		if len(faults) == MaxFaults {
			break
		}
	}
	return faults
}

package rules

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Code says what kind of fault a file has, for programs.
type Code string

// The faults of a file.
const (
	Syntax    Code = "syntax"    // it cannot be read
	Unknown   Code = "unknown"   // a name, key or word that does not exist
	Missing   Code = "missing"   // something that every rule has
	Duplicate Code = "duplicate" // the same thing twice
	Type      Code = "type"      // values that do not go together
	Range     Code = "range"     // a value that cannot be
	TooMuch   Code = "too_much"  // a bound of this package
)

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

// flaw is a fault that does not yet know its file: at is an offset into the text
// that was being read.
type flaw struct {
	code       Code
	at         int
	what, hint string
}

func (f *flaw) Error() string { return f.what + "; " + f.hint }

// in makes a Fault of a flaw in a file's text.
func (f *flaw) in(file string, text []byte) *Fault {
	at := min(f.at, len(text))
	line := 1
	start := 0
	for i, c := range text[:at] {
		if c == '\n' {
			line++
			start = i + 1
		}
	}
	return &Fault{file, line, utf8.RuneCount(text[start:at]) + 1, f.code, f.what, f.hint}
}

// meant is the hint for a name that does not exist: the one that it is closest
// to, or else the list.
func meant(name string, known []string) string {
	best, least := "", len(name)/2+1
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "there are " + strings.Join(known, ", ")
}

// distance counts the letters to change, add or drop (Levenshtein). A name that
// is far too long to be meant is not measured.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

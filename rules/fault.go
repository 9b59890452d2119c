package rules

import (
	"fmt"
	"strings"

	"qrposd/rules/document"
)

// Code says what kind of fault a file has, for programs.
type Code = document.Code

// The faults of a file.
const (
	Syntax    = document.Syntax
	Unknown   = document.Unknown
	Missing   = document.Missing
	Duplicate = document.Duplicate
	Type      = document.Type
	Range     = document.Range
	TooMuch   = document.TooMuch
)

// MaxFaults is how many faults are named at once.
const MaxFaults = document.MaxFaults

// Fault is one thing that is wrong with a file.
type Fault = document.Fault

// Faults are the faults of a file in the order of its lines, at most MaxFaults.
type Faults = document.Faults

// flaw is a fault that does not know its file: at is an offset into the text that
// was being read.
type flaw struct {
	code       Code
	at         int
	what, hint string
}

func (f *flaw) Error() string { return f.what + "; " + f.hint }

// flawed adds a flaw of a text that begins at an offset of the file.
func (t *tables) flawed(bad *flaw, from int) {
	t.Fault(bad.code, from+bad.at, bad.what, bad.hint)
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

package document

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Code says what kind of fault a file has, for programs.
type Code string

// The faults of a file.
const (
	Syntax    Code = "syntax"    // it cannot be read
	Unknown   Code = "unknown"   // a name, key or word that does not exist
	Missing   Code = "missing"   // something that has to be there
	Duplicate Code = "duplicate" // the same thing twice
	Type      Code = "type"      // a value of another kind, or values that do not go together
	Range     Code = "range"     // a value that cannot be
	TooMuch   Code = "too_much"  // a bound of who reads it
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

// flaw is a fault whose line is not counted yet: at is an offset into the text.
type flaw struct {
	code       Code
	at         int
	what, hint string
}

// Fault notes what is wrong at an offset, and what to write instead.
func (d *Document) Fault(c Code, at int, what, hint string) {
	d.flaws = append(d.flaws, &flaw{c, at, what, hint})
}

// Found counts the faults so far.
func (d *Document) Found() int { return len(d.flaws) }

// Err is Faults, or nil if there are none, and not an empty list in an interface.
func (d *Document) Err() error {
	if len(d.flaws) == 0 {
		return nil
	}
	slices.SortStableFunc(d.flaws, func(a, b *flaw) int { return a.at - b.at })
	var faults Faults
	for i, f := range d.flaws {
		last := i == MaxFaults-1
		if last && len(d.flaws) > MaxFaults {
			f.code, f.what, f.hint = TooMuch, fmt.Sprintf("from here on there are %d more faults", len(d.flaws)-i), "mend those above and look again"
		}
		line, column := d.place(f.at)
		faults = append(faults, &Fault{d.name, line, column, f.code, f.what, f.hint})
		if last {
			break
		}
	}
	return faults
}

// Line is the line of an offset.
func (d *Document) Line(at int) int {
	line, _ := d.place(at)
	return line
}

func (d *Document) place(at int) (line, column int) {
	before := d.text[:min(at, len(d.text))]
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

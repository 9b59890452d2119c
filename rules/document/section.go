package document

import (
	"fmt"
	"slices"
	"strings"
)

// Section is what a Reader makes of a table, or of several that belong together.
type Section struct {
	Name    string
	At      int
	Entries []Entry
	full    bool
}

// Entry is a key, with dots where tables lie inside tables, and its value.
type Entry struct {
	Key   string
	At    int
	Value Value
}

// Add puts a key into a section, once. A section that takes no more says so.
func (d *Document) Add(s *Section, path []string, at int, v Value) {
	key := strings.Join(path, ".")
	switch {
	case slices.ContainsFunc(s.Entries, func(e Entry) bool { return e.Key == key }):
		d.Fault(Duplicate, at, fmt.Sprintf("%.40s is there twice", key), "keep one of them")
	case len(s.Entries) < maxKeys:
		s.Entries = append(s.Entries, Entry{key, at, v})
	case !s.full || d.form.EachKey:
		s.full = true
		d.Fault(TooMuch, at, fmt.Sprintf("more than %d keys in a table", maxKeys), fmt.Sprintf("keep %s and nothing else in the file", d.form.Of))
	}
}

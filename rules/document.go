package rules

import (
	"fmt"
	"slices"

	"qrposd/rules/document"
)

// tables are a file by its tables of the first level: "" for the keys before any,
// [limits], or one of several [[rule]].
type tables struct {
	*document.Document
	sections []*section
	complete bool // it was read to its end
	at       *section
	below    []string // of the last header, inside its section
}

type section struct {
	document.Section
	list  bool // one of several, [[name]]
	taken bool // its header was seen
}

type (
	entry = document.Entry
	value = document.Value
)

func readTables(name string, text []byte) *tables {
	t := &tables{Document: document.New(name, text, document.Form{Of: "rules", MaxBytes: 4 << 20})}
	t.at = t.open("", 0)
	t.complete = t.Read(&document.Reader{Header: t.header, Key: t.key})
	return t
}

// section is the last table of that name, new if there is none.
func (t *tables) section(name string, at int) *section {
	for _, s := range slices.Backward(t.sections) {
		if s.Name == name {
			return s
		}
	}
	return t.open(name, at)
}

func (t *tables) open(name string, at int) *section {
	s := &section{Section: document.Section{Name: name, At: at}}
	t.sections = append(t.sections, s)
	return s
}

// header finds the table that the following keys belong to. [rule.reason] is a
// part of the [[rule]] before it.
func (t *tables) header(path []string, at int, several bool) {
	name := path[0]
	t.below = path[1:]
	if several && len(t.below) == 0 {
		t.at = t.open(name, at)
		t.at.list = true
		return
	}
	s := t.section(name, at)
	t.at = s
	if len(t.below) > 0 {
		return
	}
	if s.list {
		t.Fault(Type, at, fmt.Sprintf("[%s] is one of several", name), fmt.Sprintf("write [[%s]]", name))
	}
	if s.taken {
		t.Fault(Duplicate, at, fmt.Sprintf("[%s] is there twice", name), "put its keys together")
	}
	s.taken = true
}

// key adds a key to its section: limits.count = 3 above the first table is in
// limits.
func (t *tables) key(path []string, at int, v value) {
	s, path := t.at, slices.Concat(t.below, path)
	if s.Name == "" && (len(path) > 1 || v.Kind == document.Inline) {
		s, path = t.section(path[0], at), path[1:]
	}
	if v.Kind != document.Inline {
		t.Add(&s.Section, path, at, v)
	}
}

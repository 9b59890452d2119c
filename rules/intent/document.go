package intent

import (
	"fmt"
	"slices"
	"strings"

	"qrposd/rules/document"
)

// tables are a file as the keys before any [[intent]], and the intents.
type tables struct {
	*document.Document
	list     []*table
	complete bool // it was read to its end
	at       *table
	below    []string // of the last header, inside its table
}

type table struct {
	document.Section
	headers map[string]bool // of the tables inside it
}

type entry = document.Entry

func readTables(name string, text []byte) *tables {
	t := &tables{Document: document.New(name, text, document.Form{Of: "intents", MaxBytes: 1 << 20, EachKey: true})}
	t.open(0)
	t.complete = t.Read(&document.Reader{Header: t.header, Key: t.key})
	return t
}

func (t *tables) open(at int) {
	t.at = &table{document.Section{At: at}, map[string]bool{}}
	t.list = append(t.list, t.at)
}

// header finds the table that the following keys belong to, and what stands
// before them: [intent.hours] is a part of the [[intent]] before it.
func (t *tables) header(path []string, at int, several bool) {
	t.below = nil
	if len(path) == 1 && path[0] == "intent" {
		if !several {
			t.Fault(document.Type, at, "[intent] is one of several", "write [[intent]]")
		}
		t.open(at)
		return
	}
	if several {
		t.Fault(document.Type, at, fmt.Sprintf("there can be several intents, and one of any other table; this is %.40s", strings.Join(path, ".")), "write [[intent]] and [default]")
	}
	t.at = t.list[0]
	if path[0] == "intent" {
		if len(t.list) == 1 {
			t.Fault(document.Type, at, "there is no intent before this one of its tables", "begin with [[intent]]")
			t.at = &table{}
			return
		}
		t.at, path = t.list[len(t.list)-1], path[1:]
	}
	name := strings.Join(path, ".")
	if t.at.headers[name] {
		t.Fault(document.Duplicate, at, fmt.Sprintf("[%.40s] is there twice", name), "put its keys together")
	}
	t.at.headers[name] = true
	t.below = path
}

// key adds a key to its table. An inline table with nothing in it was meant to
// say something.
func (t *tables) key(path []string, at int, v document.Value) {
	path = slices.Concat(t.below, path)
	if v.Kind != document.Inline {
		t.Add(&t.at.Section, path, at, v)
	} else if v.Empty {
		t.Fault(document.Missing, at, fmt.Sprintf("%.40s is empty", strings.Join(path, ".")), "say what is in it, or take it out")
	}
}

package rules

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// document is a TOML file as its author wrote it: every key and value with its
// place. The decoder of the TOML library stops at the first fault and forgets
// where the rest was; its parser does not.
type document struct {
	sections []*section
	faults   []*flaw
}

// section is one table of the first level: "" for the keys before any, [limits],
// or one of several [[rule]].
type section struct {
	name    string
	at      int
	entries []entry
	list    bool // one of several, [[name]]
	taken   bool // its header was seen
	full    bool // there were more keys than it takes
}

// entry is a key, with dots where tables lie inside tables, and its value.
type entry struct {
	key string
	at  int
	val value
}

type value struct {
	kind unstable.Kind
	text string // of a scalar, without quotes
	at   int    // of the text itself
	list []value
}

const (
	maxFile     = 4 << 20
	maxSections = 4096
	maxEntries  = 256
	maxNesting  = 4
)

// readDocument reads what it can. After a fault of syntax nothing more is read.
func readDocument(text []byte) *document {
	d := &document{}
	if len(text) > maxFile {
		d.fault(TooMuch, maxFile, fmt.Sprintf("the file has %d bytes, more than %d", len(text), maxFile), "keep rules and nothing else in it")
		return d
	}
	text = text[:len(text):len(text)]
	p := &unstable.Parser{}
	p.Reset(text)
	at := d.section("", 0)
	prefix := ""
	for p.NextExpression() {
		e := p.Expression()
		switch e.Kind {
		case unstable.KeyValue:
			d.keyValue(p, at, prefix, e, 0)
		case unstable.Table, unstable.ArrayTable:
			at, prefix = d.header(p, e)
			if at == nil {
				return d
			}
		}
	}
	if err, ok := p.Error().(*unstable.ParserError); ok {
		d.fault(Syntax, cap(text)-cap(err.Highlight), "this is not TOML: "+err.Message, "texts are in quotes, and every key is on a line of its own: key = value")
	}
	return d
}

func (d *document) fault(c Code, at int, what, hint string) {
	d.faults = append(d.faults, &flaw{c, at, what, hint})
}

// section is the last table of that name, new if there is none.
func (d *document) section(name string, at int) *section {
	for i := len(d.sections) - 1; i >= 0; i-- {
		if d.sections[i].name == name {
			return d.sections[i]
		}
	}
	return d.open(name, at)
}

func (d *document) open(name string, at int) *section {
	s := &section{name: name, at: at}
	d.sections = append(d.sections, s)
	return s
}

// header finds the table that the following keys belong to. [rule.reason] is a
// part of the [[rule]] before it.
func (d *document) header(p *unstable.Parser, e *unstable.Node) (*section, string) {
	name, rest, at := keyOf(e.Key())
	if e.Kind == unstable.ArrayTable && rest == "" {
		if len(d.sections) >= maxSections {
			d.fault(TooMuch, at, fmt.Sprintf("more than %d tables", maxSections), fmt.Sprintf("a file has at most %d rules", MaxRules))
			return nil, ""
		}
		s := d.open(name, at)
		s.list = true
		return s, ""
	}
	s := d.section(name, at)
	if rest != "" {
		return s, rest + "."
	}
	if s.list {
		d.fault(Type, at, fmt.Sprintf("[%s] is one of several", name), fmt.Sprintf("write [[%s]]", name))
	}
	if s.taken {
		d.fault(Duplicate, at, fmt.Sprintf("[%s] is there twice", name), "put its keys together")
	}
	s.taken = true
	return s, ""
}

// keyOf splits a dotted key after its first part.
func keyOf(key unstable.Iterator) (first, rest string, at int) {
	var parts []string
	for key.Next() {
		n := key.Node()
		if len(parts) == 0 {
			at = int(n.Raw.Offset)
		}
		parts = append(parts, string(n.Data))
	}
	return parts[0], strings.Join(parts[1:], "."), at
}

// keyValue adds a key to a section; inline tables become keys with dots.
func (d *document) keyValue(p *unstable.Parser, s *section, prefix string, e *unstable.Node, depth int) {
	first, rest, at := keyOf(e.Key())
	key := prefix + first
	if rest != "" {
		if s.name == "" && prefix == "" { // limits.count = 3 above the first table
			s, key = d.section(first, at), rest
		} else {
			key += "." + rest
		}
	}
	val := e.Value()
	if val.Kind == unstable.InlineTable {
		if s.name == "" && prefix == "" && rest == "" { // limits = { ... }
			s, key = d.section(first, at), ""
		} else {
			key += "."
		}
		if depth == maxNesting {
			d.fault(TooMuch, at, fmt.Sprintf("more than %d tables inside each other", maxNesting), "write the keys in a table of their own")
			return
		}
		for children := val.Children(); children.Next(); {
			d.keyValue(p, s, key, children.Node(), depth+1)
		}
		return
	}
	for i := range s.entries {
		if s.entries[i].key == key {
			d.fault(Duplicate, at, fmt.Sprintf("%s is there twice", key), "keep one of them")
			return
		}
	}
	if len(s.entries) == maxEntries && !s.full {
		s.full = true
		d.fault(TooMuch, at, fmt.Sprintf("more than %d keys in a table", maxEntries), "keep rules and nothing else in the file")
	}
	if len(s.entries) < maxEntries {
		s.entries = append(s.entries, entry{key, at, valueOf(p, val)})
	}
}

func valueOf(p *unstable.Parser, n *unstable.Node) value {
	raw := p.Raw(n.Raw)
	v := value{kind: n.Kind, text: string(n.Data), at: int(n.Raw.Offset)}
	switch n.Kind {
	case unstable.String:
		// Where the text has no escapes it stands in the file as it is, after one
		// quote or three.
		v.at += max(strings.Index(string(raw), v.text), 0)
	case unstable.Array:
		for items := n.Children(); items.Next(); {
			item := valueOf(p, items.Node())
			if len(v.list) == 0 {
				v.at = item.at
			}
			v.list = append(v.list, item)
			if items.Node().Kind == unstable.Array { // nothing in a rule file is a list of lists
				v.list[len(v.list)-1].list = nil
			}
		}
	}
	return v
}

package intent

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

const (
	maxFile    = 1 << 20
	maxEntries = 256 // of a table
	maxNesting = 4
)

// document is a TOML file as its author wrote it. The decoder of the TOML library
// stops at the first fault and forgets where the rest was; its parser does not.
type document struct {
	parser unstable.Parser
	tables []*table // the keys before any [[intent]], then the intents
	flaws  []flaw
	broken bool // its end could not be read
}

type table struct {
	at      int
	entries []entry
	headers map[string]bool // of the tables inside it
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
	at   int
	list []value
}

func readDocument(text []byte) *document {
	d := &document{}
	t := d.open(0)
	if len(text) > maxFile {
		d.flaw(TooMuch, maxFile, fmt.Sprintf("the file has %d bytes, more than %d", len(text), maxFile), "keep intents and nothing else in it")
		d.broken = true
		return d
	}
	text = text[:len(text):len(text)]
	d.parser.Reset(text)
	prefix := ""
	for d.parser.NextExpression() {
		switch e := d.parser.Expression(); e.Kind {
		case unstable.KeyValue:
			d.keyValue(t, prefix, e, 0)
		case unstable.Table, unstable.ArrayTable:
			t, prefix = d.header(e)
		}
	}
	if err, ok := d.parser.Error().(*unstable.ParserError); ok {
		d.flaw(Syntax, cap(text)-cap(err.Highlight), "this is not TOML: "+err.Message, "texts are in quotes, and every key is on a line of its own: key = value")
		d.broken = true
	}
	return d
}

func (d *document) flaw(c Code, at int, what, hint string) {
	d.flaws = append(d.flaws, flaw{c, at, what, hint})
}

func (d *document) open(at int) *table {
	t := &table{at: at, headers: map[string]bool{}}
	d.tables = append(d.tables, t)
	return t
}

// header finds the table that the following keys belong to, and what stands
// before them: [intent.hours] is a part of the [[intent]] before it.
func (d *document) header(e *unstable.Node) (*table, string) {
	name, at := keyOf(e.Key())
	several := e.Kind == unstable.ArrayTable
	if name == "intent" {
		if !several {
			d.flaw(Type, at, "[intent] is one of several", "write [[intent]]")
		}
		return d.open(at), ""
	}
	if several {
		d.flaw(Type, at, fmt.Sprintf("there can be several intents, and one of any other table; this is %.40s", name), "write [[intent]] and [default]")
	}
	t := d.tables[0]
	if rest, inside := strings.CutPrefix(name, "intent."); inside {
		t, name = d.tables[len(d.tables)-1], rest
		if len(d.tables) == 1 {
			d.flaw(Type, at, "there is no intent before this one of its tables", "begin with [[intent]]")
			return &table{headers: map[string]bool{}}, ""
		}
	}
	if t.headers[name] {
		d.flaw(Duplicate, at, fmt.Sprintf("[%.40s] is there twice", name), "put its keys together")
	}
	t.headers[name] = true
	return t, name + "."
}

// keyOf joins a key's parts with dots.
func keyOf(key unstable.Iterator) (name string, at int) {
	var parts []string
	for key.Next() {
		n := key.Node()
		if len(parts) == 0 {
			at = int(n.Raw.Offset)
		}
		parts = append(parts, string(n.Data))
	}
	return strings.Join(parts, "."), at
}

// keyValue adds a key to a table; inline tables become keys with dots.
func (d *document) keyValue(t *table, prefix string, e *unstable.Node, depth int) {
	key, at := keyOf(e.Key())
	key = prefix + key
	val := e.Value()
	if val.Kind == unstable.InlineTable {
		if depth == maxNesting {
			d.flaw(TooMuch, at, fmt.Sprintf("more than %d tables inside each other", maxNesting), "an intent has no such table")
			return
		}
		children := val.Children()
		empty := true
		for ; children.Next(); empty = false {
			d.keyValue(t, key+".", children.Node(), depth+1)
		}
		if empty {
			d.flaw(Missing, at, fmt.Sprintf("%.40s is empty", key), "say what is in it, or take it out")
		}
		return
	}
	for i := range t.entries {
		if t.entries[i].key == key {
			d.flaw(Duplicate, at, fmt.Sprintf("%.40s is there twice", key), "keep one of them")
			return
		}
	}
	if len(t.entries) == maxEntries {
		d.flaw(TooMuch, at, fmt.Sprintf("more than %d keys in a table", maxEntries), "keep intents and nothing else in the file")
		return
	}
	t.entries = append(t.entries, entry{key, at, valueOf(val, at)})
}

// valueOf is a value and its place; a list has no place but that of its key.
func valueOf(n *unstable.Node, at int) value {
	v := value{kind: n.Kind, text: string(n.Data), at: at}
	if n.Kind == unstable.Array {
		for items := n.Children(); items.Next(); {
			item := items.Node()
			one := value{kind: item.Kind, text: string(item.Data), at: at}
			if item.Raw.Length > 0 {
				one.at = int(item.Raw.Offset)
			}
			v.list = append(v.list, one)
		}
		return v
	}
	if n.Raw.Length > 0 {
		v.at = int(n.Raw.Offset)
	}
	return v
}

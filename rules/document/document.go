package document

import (
	"fmt"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Kind is what a value is written as.
type Kind = unstable.Kind

// The kinds of values that a file is asked for.
const (
	String  = unstable.String
	Integer = unstable.Integer
	Bool    = unstable.Bool
	List    = unstable.Array
	Inline  = unstable.InlineTable
)

const (
	maxHeaders = 4096
	maxKeys    = 256 // of a table
	maxNesting = 4
)

// Form is what a file is for, and how large it may be.
type Form struct {
	Of       string // what is in it, for hints: "rules"
	MaxBytes int
	EachKey  bool // every key that is too many is a fault, not only the first
}

// Document is a TOML file as its author wrote it, and what is wrong with it.
type Document struct {
	form   Form
	name   string
	text   []byte
	parser unstable.Parser
	flaws  []*flaw
}

// New is a document that nothing was read of; name is what its faults call the file.
func New(name string, text []byte, form Form) *Document {
	return &Document{form: form, name: name, text: text[:len(text):len(text)]}
}

// Reader is told what is in a file, in its order. A path is the parts of a dotted
// key, at is where the first of them stands. These are functions, because nobody else
// is to call who reads.
type Reader struct {
	// Header begins a table: [a.b], or [[a.b]] if it is one of several.
	Header func(path []string, at int, several bool)
	// Key is a value below the last header. An inline table is a value, and its
	// keys follow with the whole of their path.
	Key func(path []string, at int, v Value)
}

// Value is a scalar, a list of scalars or an inline table.
type Value struct {
	Kind   Kind
	Text   string // of a scalar, without quotes
	At     int    // of the value; of a list, where its first item is
	TextAt int    // of the text itself, behind a quote
	List   []Value
	Empty  bool // an inline table without keys
}

// Read tells what it can. After a fault of syntax nothing more is read, and it is
// false: what follows is not known, so nothing can be said to be missing.
func (d *Document) Read(to *Reader) bool {
	if most := d.form.MaxBytes; len(d.text) > most {
		d.Fault(TooMuch, most, fmt.Sprintf("the file has %d bytes, more than %d", len(d.text), most), fmt.Sprintf("keep %s and nothing else in it", d.form.Of))
		return false
	}
	d.parser.Reset(d.text)
	for headers := 0; d.parser.NextExpression(); {
		e := d.parser.Expression()
		if e.Kind == unstable.KeyValue {
			d.keyValue(to, nil, e, 0)
			continue
		}
		path, at := pathOf(nil, e.Key())
		if headers++; headers > maxHeaders {
			d.Fault(TooMuch, at, fmt.Sprintf("more than %d tables", maxHeaders), fmt.Sprintf("keep %s and nothing else in the file", d.form.Of))
			return true
		}
		to.Header(path, at, e.Kind == unstable.ArrayTable)
	}
	if err, ok := d.parser.Error().(*unstable.ParserError); ok {
		d.Fault(Syntax, cap(d.text)-cap(err.Highlight), "this is not TOML: "+err.Message, "texts are in quotes, and every key is on a line of its own: key = value")
		return false
	}
	return true
}

// pathOf is a key's parts below a path, and where the first of them is.
func pathOf(below []string, key unstable.Iterator) (path []string, at int) {
	path = below[:len(below):len(below)]
	for key.Next() {
		n := key.Node()
		if len(path) == len(below) {
			at = int(n.Raw.Offset)
		}
		path = append(path, string(n.Data))
	}
	return path, at
}

func (d *Document) keyValue(to *Reader, below []string, e *unstable.Node, depth int) {
	path, at := pathOf(below, e.Key())
	val := e.Value()
	if val.Kind != unstable.InlineTable {
		to.Key(path, at, d.valueOf(val, at))
		return
	}
	if depth == maxNesting {
		d.Fault(TooMuch, at, fmt.Sprintf("more than %d tables inside each other", maxNesting), "write the keys in a table of their own")
		return
	}
	children := val.Children()
	more := children.Next()
	to.Key(path, at, Value{Kind: Inline, At: at, TextAt: at, Empty: !more})
	for ; more; more = children.Next() {
		d.keyValue(to, path, children.Node(), depth+1)
	}
}

// valueOf is a value; what has no place of its own is at its key.
func (d *Document) valueOf(n *unstable.Node, at int) Value {
	if n.Kind == unstable.Array {
		v := Value{Kind: List, At: at, TextAt: at}
		for items := n.Children(); items.Next(); {
			v.List = append(v.List, d.scalarOf(items.Node(), at))
		}
		if len(v.List) > 0 {
			v.At, v.TextAt = v.List[0].At, v.List[0].TextAt
		}
		return v
	}
	return d.scalarOf(n, at)
}

// scalarOf leaves out what is in a list or table: no file has a list of those.
func (d *Document) scalarOf(n *unstable.Node, at int) Value {
	v := Value{Kind: n.Kind, Text: string(n.Data), At: at}
	if n.Raw.Length > 0 {
		v.At = int(n.Raw.Offset)
	}
	v.TextAt = v.At
	if n.Kind == unstable.String {
		// Where the text has no escapes it stands in the file as it is, after one
		// quote or three.
		v.TextAt += max(strings.Index(string(d.parser.Raw(n.Raw)), v.Text), 0)
	}
	return v
}

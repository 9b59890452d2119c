package aipay

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	maxAnswer = 256 << 10
	maxDepth  = 16
)

// ErrUnknown says that an answer is none that the API can give. What it was
// about is unknown: it has not failed and it has not succeeded.
var ErrUnknown = errors.New("aipay: not an answer of the API")

func unknown(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnknown, fmt.Sprintf(format, args...))
}

// document is one object of an answer. Its values are slices of the answer's own
// bytes, so that wiping those leaves no copy of what was not asked for. The
// first fault is kept and everything read after it is zero.
type document struct {
	values map[string][]byte
	err    error
}

// open reads the outermost object of an answer.
func open(body []byte) (*document, error) {
	switch {
	case len(body) > maxAnswer:
		return nil, unknown("%d bytes", len(body))
	case deep(body):
		return nil, unknown("more than %d objects or lists inside each other", maxDepth)
	case !json.Valid(body):
		return nil, unknown("broken JSON of %d bytes", len(body))
	}
	return members(body)
}

// deep counts brackets outside of strings before anybody recurses into them.
func deep(body []byte) bool {
	depth := 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = skipString(body, i) - 1
		case '{', '[':
			if depth++; depth > maxDepth {
				return true
			}
		case '}', ']':
			depth--
		}
	}
	return false
}

// members takes valid JSON apart. Names count to the letter; a name that comes
// twice contradicts itself, and a null is not there.
func members(raw []byte) (*document, error) {
	i := skipSpace(raw, 0)
	if i == len(raw) || raw[i] != '{' {
		return nil, unknown("not an object")
	}
	d := &document{values: make(map[string][]byte)}
	for i = skipSpace(raw, i+1); raw[i] != '}'; i = skipSpace(raw, i) {
		if raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
		end := skipString(raw, i)
		var name string
		if err := json.Unmarshal(raw[i:end], &name); err != nil {
			return nil, unknown("a broken name")
		}
		i = skipSpace(raw, skipSpace(raw, end)+1) // the colon
		end = skipValue(raw, i)
		if _, twice := d.values[name]; twice {
			return nil, unknown("%.40q twice", name)
		}
		d.values[name] = raw[i:end:end]
		i = end
	}
	for name, v := range d.values {
		if string(v) == "null" {
			delete(d.values, name)
		}
	}
	return d, nil
}

func skipSpace(raw []byte, i int) int {
	for i < len(raw) && (raw[i] == ' ' || raw[i] == '\t' || raw[i] == '\n' || raw[i] == '\r') {
		i++
	}
	return i
}

// skipString is the index after the string that begins at i.
func skipString(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

// skipValue is the index after the value that begins at i.
func skipValue(raw []byte, i int) int {
	depth := 0
	for ; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i = skipString(raw, i) - 1
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
			if depth < 0 {
				return i
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
			continue
		default:
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return i
}

func (d *document) has(name string) bool { return d.values[name] != nil }

func (d *document) fail(format string, args ...any) {
	if d.err == nil {
		d.err = unknown(format, args...)
	}
}

// take reads a value that has to be there.
func (d *document) take(name string, v any) {
	switch raw := d.values[name]; {
	case raw == nil:
		d.fail("no %s", name)
	case json.Unmarshal(raw, v) != nil:
		d.fail("%s is of another type", name)
	}
}

// text reads a string that ok holds good.
func (d *document) text(name string, ok func(string) bool) string {
	var s string
	if d.take(name, &s); d.err == nil && !ok(s) {
		d.fail("%s is %.60q", name, s)
	}
	return s
}

// share reads a number from 0 to 1.
func (d *document) share(name string) float64 {
	var n float64
	if d.take(name, &n); d.err == nil && (n < 0 || n > 1) {
		d.fail("%s is %g", name, n)
	}
	return n
}

func (d *document) time(name string) time.Time {
	t, err := time.Parse(time.RFC3339, d.text(name, func(s string) bool { return len(s) < 40 }))
	if err != nil {
		d.fail("%s is not a time", name)
	}
	return t
}

// inner takes apart an object inside. Whoever reads it looks at its fault too.
func (d *document) inner(name string) *document {
	in, err := members(d.values[name])
	if err != nil {
		d.fail("%s is not one object that agrees with itself", name)
		return &document{err: err}
	}
	return in
}

// adopt makes the fault of an object inside this one's.
func (d *document) adopt(in *document) {
	if d.err == nil {
		d.err = in.err
	}
}

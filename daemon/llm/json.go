package llm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"
)

// member is a name and a value of a JSON object, in the order in which they stand.
type member struct {
	name  string
	value json.RawMessage
}

// members reads an object and nothing after it. A name that comes twice is an
// error: of two verdicts the last is not better than the first.
func members(b []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("it is not an object")
	}
	var list []member
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := t.(string) // a decoder lets nothing else stand before a value
		if slices.ContainsFunc(list, func(m member) bool { return m.name == name }) {
			return nil, fmt.Errorf("%.40q stands in it twice", name)
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		var tight bytes.Buffer
		if err := json.Compact(&tight, value); err != nil {
			return nil, err
		}
		list = append(list, member{name, tight.Bytes()})
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows it")
	}
	return list, nil
}

// object, array, text and number write JSON whose bytes depend on nothing but
// their arguments.
func object(list ...member) json.RawMessage {
	b := []byte{'{'}
	for i, m := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(appendText(b, m.name), ':'), m.value...)
	}
	return append(b, '}')
}

func array(list ...json.RawMessage) json.RawMessage {
	b := []byte{'['}
	for i, r := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, r...)
	}
	return append(b, ']')
}

func texts(list []string) json.RawMessage {
	b := []byte{'['}
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func text(s string) json.RawMessage { return appendText(make([]byte, 0, len(s)+len(s)/4+2), s) }

// appendText escapes what JSON demands and nothing more.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s { // what is not UTF-8 becomes the replacement character
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', '0'+byte(r>>4), "0123456789abcdef"[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func number(n int) json.RawMessage { return strconv.AppendInt(nil, int64(n), 10) }

// loose is a value of an answer that is wanted as text, whatever the provider
// made of it: error codes come as texts and as numbers.
type loose string

// UnmarshalJSON never fails.
func (l *loose) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case json.Unmarshal(b, &s) == nil:
		*l = loose(s) // null as well
	default:
		*l = loose(b)
	}
	return nil
}

// count is a number of tokens as the provider tells it, 0 if that makes no sense.
type count int

// UnmarshalJSON never fails.
func (c *count) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseFloat(string(b), 64)
	if err == nil && n >= 0 && n < 1e9 {
		*c = count(n)
	}
	return nil
}

// lenient reads what it can of an answer: a member of another type than was
// thought is left empty, and what is missing then decides. Only text that is not
// JSON at all is an error.
func lenient(b []byte, into any) error {
	err := json.Unmarshal(b, into)
	var other *json.UnmarshalTypeError
	if errors.As(err, &other) {
		return nil
	}
	return err
}

func present(r json.RawMessage) bool { return len(r) > 0 && string(r) != "null" }

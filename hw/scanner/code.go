package scanner

import (
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	mask      = "************" // of one width for every code, so that not even the length is told
	maskShown = 4              // digits a cashier may compare with the customer's phone
	maxShown  = 64             // runes of an ordinary payload that a log line may carry
)

// Code is the payload of a scan. A payer code is as good as money for about a minute, so a Code shows itself masked to
// every formatter, encoder and logger; [Code.Reveal] is the only way out.
//
// The payload is behind a pointer because fmt does not call the methods of a value in an unexported field: there it
// prints the memory, which is then an address. The price is that == compares identity; use [Code.Equal].
type Code struct {
	text   *string
	secret bool
}

func newCode(payload string, secret bool) Code {
	payload = strings.Clone(payload) // do not keep a whole read buffer alive
	return Code{text: &payload, secret: secret}
}

// Reveal returns the payload as it was read. Whoever calls it is responsible for where it goes.
func (c Code) Reveal() string {
	if c.text == nil {
		return ""
	}
	return *c.text
}

// Equal reports whether two codes carry the same payload.
func (c Code) Equal(o Code) bool { return c.Reveal() == o.Reveal() }

// Secret reports whether the code is shown masked: it is, or may be, a payer code.
func (c Code) Secret() bool { return c.secret }

// String returns what may be shown: the last four digits of a secret code, a bounded printable form of any other.
func (c Code) String() string {
	s := c.Reveal()
	if !c.secret {
		return printable(s)
	}
	if len(s) <= maskShown {
		return mask
	}
	last := s[len(s)-maskShown:]
	if !allDigits(last) {
		return mask
	}
	return mask + last
}

// Format implements [fmt.Formatter] for every verb, so that no verb falls through to the fields.
func (c Code) Format(f fmt.State, verb rune) {
	s := c.String()
	if verb == 'q' || (verb == 'v' && f.Flag('#')) {
		s = strconv.Quote(s)
	}
	_, _ = io.WriteString(f, s)
}

// GoString implements [fmt.GoStringer].
func (c Code) GoString() string { return strconv.Quote(c.String()) }

// MarshalText implements [encoding.TextMarshaler]; it is also what encoding/json uses. There is no way back on purpose:
// a masked code that could be read again would be taken for a code.
func (c Code) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue implements [slog.LogValuer].
func (c Code) LogValue() slog.Value { return slog.StringValue(c.String()) }

// printable replaces what a terminal, a log reader or a page could take for anything but text, and bounds the rest.
func printable(s string) string {
	var b strings.Builder
	for n := 0; len(s) > 0; n++ {
		if n == maxShown {
			b.WriteRune('…')
			break
		}
		r, size := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = '·'
		}
		b.WriteRune(r)
		s = s[size:]
	}
	return b.String()
}

func allDigits(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return s != ""
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

package emvqr

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Ids of objects at the top level (EMVCo QRCPS MPM 1.1, table 3.1).
const (
	idFormat     = 0
	idInitiation = 1
	idCategory   = 52
	idCurrency   = 53
	idAmount     = 54
	idCountry    = 58
	idName       = 59
	idCity       = 60
	idAdditional = 62
	idChecksum   = 63
)

// Ids inside the additional data (table 3.7).
const (
	idBill      = 1
	idReference = 5
	idTerminal  = 7
)

// maxCode is the longest payload, in characters.
const maxCode = 512

// Object is one id with its value.
type Object struct {
	ID    int
	Value string
}

// Code is a payload: its objects in the order in which they stand, without the
// checksum, which String adds.
type Code []Object

// Why a payload is not one.
var (
	ErrChecksum = errors.New("emvqr: the checksum is not that of the code")
	ErrForm     = errors.New("emvqr: this is no payment code")
)

// Parse reads a payload.
func Parse(text string) (Code, error) {
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxCode {
		return nil, fmt.Errorf("%w: not text of at most %d characters", ErrForm, maxCode)
	}
	const tail = "6304"
	body, sum := text, ""
	if i := len(text) - len(tail) - 4; i >= 0 && text[i:i+len(tail)] == tail {
		body, sum = text[:i], text[i+len(tail):]
	}
	if sum == "" {
		return nil, fmt.Errorf("%w: it does not end in a checksum", ErrForm)
	}
	c, err := parse(body)
	if err != nil {
		return nil, err
	}
	if c[0] != (Object{idFormat, "01"}) {
		return nil, fmt.Errorf("%w: it does not begin with format 01", ErrForm)
	}
	if want := checksum(body + tail); sum != want {
		return nil, fmt.Errorf("%w: %.8q, it should be %s", ErrChecksum, sum, want)
	}
	return c, nil
}

// parse reads objects up to the end.
func parse(text string) (Code, error) {
	var c Code
	for rest := text; rest != ""; {
		if len(rest) < 4 {
			return nil, fmt.Errorf("%w: %q is no object", ErrForm, rest)
		}
		id, ok1 := digits(rest[:2])
		length, ok2 := digits(rest[2:4])
		if !ok1 || !ok2 {
			return nil, fmt.Errorf("%w: %.4q is no id and length", ErrForm, rest)
		}
		at := rest[4:]
		end, chars := 0, 0
		for ; chars < length && end < len(at); chars++ {
			_, n := utf8.DecodeRuneInString(at[end:])
			end += n
		}
		if chars < length {
			return nil, fmt.Errorf("%w: object %02d says %d characters and has %d", ErrForm, id, length, chars)
		}
		if _, twice := c.Get(id); twice || id == idChecksum {
			return nil, fmt.Errorf("%w: object %02d where there is none", ErrForm, id)
		}
		c, rest = append(c, Object{id, at[:end]}), at[end:]
	}
	if len(c) == 0 {
		return nil, fmt.Errorf("%w: it is empty", ErrForm)
	}
	return c, nil
}

func digits(s string) (int, bool) {
	n, err := strconv.ParseUint(s, 10, 8)
	return int(n), err == nil && s[0] != '+'
}

// Get is the value of an object.
func (c Code) Get(id int) (string, bool) {
	for _, o := range c {
		if o.ID == id {
			return o.Value, true
		}
	}
	return "", false
}

// Inner is the objects inside a template.
func (c Code) Inner(id int) (Code, error) {
	v, ok := c.Get(id)
	if !ok {
		return nil, fmt.Errorf("%w: there is no object %02d", ErrForm, id)
	}
	return parse(v)
}

// with is c with the value of an object: its own place if it is there already,
// else before the first object with a higher id.
func (c Code) with(id int, value string) Code {
	c = slices.Clone(c)
	for i := range c {
		if c[i].ID == id {
			c[i].Value = value
			return c
		}
	}
	at := slices.IndexFunc(c, func(o Object) bool { return o.ID > id })
	if at < 0 {
		at = len(c)
	}
	return slices.Insert(c, at, Object{id, value})
}

// String is the payload with its checksum.
func (c Code) String() string {
	body := c.objects() + "6304"
	return body + checksum(body)
}

// objects is the payload of a template.
func (c Code) objects() string {
	var b strings.Builder
	for _, o := range c {
		fmt.Fprintf(&b, "%02d%02d%s", o.ID, utf8.RuneCountInString(o.Value), o.Value)
	}
	return b.String()
}

// valid says why c cannot be written down.
func (c Code) valid() error {
	for _, o := range c {
		switch n := utf8.RuneCountInString(o.Value); {
		case n < 1 || n > 99:
			return fmt.Errorf("%w: object %02d has %d characters, not 1 to 99", ErrForm, o.ID, n)
		case !utf8.ValidString(o.Value):
			return fmt.Errorf("%w: object %02d is not text", ErrForm, o.ID)
		}
	}
	if n := utf8.RuneCountInString(c.String()); n > maxCode {
		return fmt.Errorf("%w: %d characters, at most %d", ErrForm, n, maxCode)
	}
	return nil
}

// checksum is CRC-16/CCITT-FALSE over the bytes of s, in four capital digits.
func checksum(s string) string {
	crc := uint16(0xFFFF)
	for i := range len(s) {
		crc ^= uint16(s[i]) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return fmt.Sprintf("%04X", crc)
}

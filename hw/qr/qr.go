// Package qr turns a payment text into a QR symbol a phone can read.
//
// The library (skip2/go-qrcode) is asked for exactly one thing, once per text:
// which modules are dark. It picks the smallest version by splitting the text
// into numeric, alphanumeric and byte segments, which makes a 180-byte EMVCo
// payload 45 modules wide where most encoders need 53. Its own renderings were
// rejected: each call runs the whole encode again, appends to shared state (not
// safe for two goroutines), spends twice the encode's time on a best-compression
// PNG, scales to modules of unequal width, and prints terminal codes that come
// out inverted on a light theme.
//
// So [New] copies the modules into a [Code], which never changes afterwards, and
// the renderers here read nothing else. All of them paint their own white quiet
// zone and their own black: a code that takes its surround from the page or the
// terminal theme is unreadable on a dark one.
package qr

import (
	"fmt"

	qrcode "github.com/skip2/go-qrcode"
)

// quiet is the light margin on every side, in modules (ISO/IEC 18004, 4X).
const quiet = 4

// Level is how much of a symbol may be damaged and still be read.
type Level uint8

// The four levels of ISO/IEC 18004. M suits a clean screen; Q is for glare or a
// protective film; H makes a larger symbol and only pays under a logo.
const (
	L Level = iota // about 7 % of the codewords
	M              // about 15 %
	Q              // about 25 %
	H              // about 30 %
)

// levels holds, in the order of the constants, the library's name for a level
// and how many bytes its largest symbol (version 40) always takes.
var levels = [...]struct {
	name    string
	library qrcode.RecoveryLevel
	limit   int
}{
	L: {"L", qrcode.Low, 2953},
	M: {"M", qrcode.Medium, 2331},
	Q: {"Q", qrcode.High, 1663},
	H: {"H", qrcode.Highest, 1273},
}

// String returns the level's letter.
func (l Level) String() string {
	if int(l) >= len(levels) {
		return fmt.Sprintf("Level(%d)", uint8(l))
	}
	return levels[l].name
}

// Code is a QR symbol. It is immutable, so any number of goroutines may render it.
type Code struct {
	size   int    // modules per side, without the quiet zone
	stride int    // bytes per row of dark
	dark   []byte // one bit per module, row by row, leftmost module in the high bit
}

// New encodes text at the given level. The text must be printable ASCII: the
// symbol carries no character set, so readers guess one for anything else, and
// some guess wrong. Errors are of type *[Error].
//
// A text longer than the level's byte capacity is refused even if, being all
// digits, it might fit: a limit that depends on the content is of no use to
// whoever composes the text, and payment codes end at 512 bytes (EMVCo).
func New(text string, level Level) (*Code, error) {
	if int(level) >= len(levels) {
		return nil, errLevel(level)
	}
	if text == "" {
		return nil, errEmpty()
	}
	if limit := levels[level].limit; len(text) > limit {
		return nil, errTooLong(len(text), level, limit)
	}
	for i := range len(text) {
		if c := text[i]; c < 0x20 || c > 0x7e {
			return nil, errNotASCII(i, c)
		}
	}
	rows, err := modules(text, levels[level].library)
	if err != nil {
		return nil, err
	}
	return pack(rows), nil
}

// modules is the only use of the library.
func modules(text string, level qrcode.RecoveryLevel) (rows [][]bool, err error) {
	defer panicToError(&err)
	q, err := qrcode.New(text, level)
	if err != nil {
		return nil, errInternal(err)
	}
	q.DisableBorder = true // has no effect after the first rendering
	return q.Bitmap(), nil
}

// panicToError is deferred around the library, which reports its own bugs by
// log.Panic: one sale's code must not take the till down. The line log.Panic has by
// then written to the standard logger stays. Silencing it would mean redirecting
// the logger of the whole process, and the line carries numbers about the symbol,
// at most one character of the text.
func panicToError(err *error) {
	if p := recover(); p != nil {
		*err = errInternal(p)
	}
}

func pack(rows [][]bool) *Code {
	size := len(rows)
	stride := (size + 7) / 8
	dark := make([]byte, size*stride)
	for y, row := range rows {
		for x, on := range row {
			if on {
				dark[y*stride+x/8] |= 0x80 >> (x % 8)
			}
		}
	}
	return &Code{size: size, stride: stride, dark: dark}
}

// Size returns the number of modules per side, without the quiet zone.
func (c *Code) Size() int { return c.size }

// At reports whether the module in column x and row y is dark. Outside the symbol
// everything is light, so a renderer draws the quiet zone by reading past the edge.
func (c *Code) At(x, y int) bool {
	if x < 0 || y < 0 || x >= c.size || y >= c.size {
		return false
	}
	return c.dark[y*c.stride+x/8]&(0x80>>(x%8)) != 0
}

package qr

import "fmt"

// The values of [Error].Code.
const (
	CodeEmpty    = "qr_empty"
	CodeNotASCII = "qr_not_ascii"
	CodeTooLong  = "qr_too_long"
	CodeBadLevel = "qr_bad_level"
	CodeBadScale = "qr_bad_scale"
	CodeInternal = "qr_internal"
)

// Error says why no symbol or picture was made, and what to do about it. It never
// quotes the text: a payment code has no place in a log.
type Error struct {
	Code    string // one of the Code constants
	Message string
	Hint    string
}

// Error returns the message and the hint.
func (e *Error) Error() string { return "qr: " + e.Message + " (" + e.Hint + ")" }

func errEmpty() *Error {
	return &Error{CodeEmpty, "there is no text to encode", "pass the payment text"}
}

func errNotASCII(offset int, c byte) *Error {
	return &Error{
		CodeNotASCII,
		fmt.Sprintf("byte 0x%02x at offset %d is not printable ASCII", c, offset),
		"percent-encode or transliterate the text before encoding it",
	}
}

func errTooLong(n int, level Level, limit int) *Error {
	return &Error{
		CodeTooLong,
		fmt.Sprintf("the text has %d bytes, level %v takes at most %d", n, level, limit),
		"shorten the text or choose a lower level",
	}
}

func errLevel(level Level) *Error {
	return &Error{CodeBadLevel, fmt.Sprintf("%v is not an error correction level", level), "use L, M, Q or H"}
}

func errScale(scale int) *Error {
	return &Error{
		CodeBadScale,
		fmt.Sprintf("a module cannot be %d pixels wide", scale),
		fmt.Sprintf("use 1 to %d", MaxScale),
	}
}

func errInternal(cause any) *Error {
	return &Error{CodeInternal, fmt.Sprintf("the encoder failed: %v", cause), "report this as a bug"}
}

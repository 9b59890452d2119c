package qr

import (
	"bytes"
	"io"
)

// Terminal writes the symbol with its quiet zone as lines of half blocks, two
// modules per character cell.
//
// Both colours are set on every line: with the terminal's default colours the
// symbol is inverted on one theme or the other, and many readers do not read an
// inverted symbol. Dark modules are the foreground and white is the background,
// because terminals with line spacing fill the gap with the background, and a
// white gap harms a symbol less than a black one. The colours are reset before
// the line ends, or some terminals would paint the rest of the line white.
func (c *Code) Terminal(w io.Writer) error {
	const (
		blackOnWhite = "\x1b[30;107m"
		reset        = "\x1b[0m\n"
	)
	var b bytes.Buffer
	b.Grow((c.size + 2*quiet + 1) / 2 * (3*(c.size+2*quiet) + len(blackOnWhite) + len(reset)))
	for y := -quiet; y < c.size+quiet; y += 2 {
		b.WriteString(blackOnWhite)
		for x := -quiet; x < c.size+quiet; x++ {
			b.WriteString(halfBlock(c.At(x, y), c.At(x, y+1)))
		}
		b.WriteString(reset)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func halfBlock(upper, lower bool) string {
	switch {
	case upper && lower:
		return "█"
	case upper:
		return "▀"
	case lower:
		return "▄"
	}
	return " "
}

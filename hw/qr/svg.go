package qr

import (
	"bytes"
	"encoding/xml"
	"strconv"
)

// SVG returns the symbol with its quiet zone as a standalone SVG document that may
// also be placed inline in a page. The label is what a screen reader says; the
// caller words it in the cashier's language.
//
// The picture is one rectangle and one path of horizontal runs: a rectangle per
// module would be ten times the bytes and shows hairlines between neighbours at
// fractional zoom. Colours are attributes, not styles, so that a content security
// policy without 'unsafe-inline' has nothing to refuse. The document has no width
// and height: the page decides.
func (c *Code) SVG(label string) []byte {
	side := strconv.Itoa(c.size + 2*quiet)
	var b bytes.Buffer
	b.Grow(512 + 6*c.size*c.size)
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + side + ` ` + side +
		`" shape-rendering="crispEdges" role="img" aria-label="`)
	_ = xml.EscapeText(&b, []byte(label)) // a bytes.Buffer does not fail
	b.WriteString(`"><rect width="` + side + `" height="` + side + `" fill="#fff"/><path fill="#000" d="`)
	b.Write(c.appendPath(b.AvailableBuffer()))
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}

// appendPath appends every horizontal run of dark modules as a closed rectangle.
func (c *Code) appendPath(b []byte) []byte {
	for y := range c.size {
		for x := 0; x < c.size; x++ {
			if !c.At(x, y) {
				continue
			}
			start := x
			for c.At(x, y) {
				x++
			}
			b = append(b, 'M')
			b = strconv.AppendInt(b, int64(start+quiet), 10)
			b = append(b, ' ')
			b = strconv.AppendInt(b, int64(y+quiet), 10)
			b = append(b, 'h')
			b = strconv.AppendInt(b, int64(x-start), 10)
			b = append(b, "v1H"...)
			b = strconv.AppendInt(b, int64(start+quiet), 10)
			b = append(b, 'z')
		}
	}
	return b
}

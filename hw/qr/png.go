package qr

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"hash/crc32"
)

// MaxScale is the largest module [Code.PNG] draws, in pixels. It bounds the memory
// of one call: 9 MB for the largest symbol there is, half of it the image returned.
const MaxScale = 32

// storedMax is the most one stored deflate block can hold (RFC 1951, 3.2.4).
const storedMax = 65535

// PNG returns the symbol with its quiet zone as a black and white image, each
// module scale pixels wide and high.
//
// The image data is stored, not compressed: image/png spends 50 to 100 times as
// long and up to 1 MB of memory to save a few kilobytes that only cross the
// loopback interface. Who needs few bytes asks for scale 1 and lets the page
// enlarge it (image-rendering: pixelated).
func (c *Code) PNG(scale int) ([]byte, error) {
	if scale < 1 || scale > MaxScale {
		return nil, errScale(scale)
	}
	side := (c.size + 2*quiet) * scale
	pixels := c.scanlines(scale)
	blocks := (len(pixels) + storedMax - 1) / storedMax

	b := make([]byte, 0, len(pixels)+5*blocks+63) // 63: signature, three chunk frames, header, zlib frame
	b = append(b, "\x89PNG\r\n\x1a\n"...)
	header := binary.BigEndian.AppendUint32(nil, uint32(side))
	header = binary.BigEndian.AppendUint32(header, uint32(side))
	header = append(header, 1, 0, 0, 0, 0) // 1 bit, greyscale, deflate, filter method 0, no interlace
	b = appendChunk(b, "IHDR", func(b []byte) []byte { return append(b, header...) })
	b = appendChunk(b, "IDAT", func(b []byte) []byte { return appendStored(b, pixels) })
	return appendChunk(b, "IEND", func(b []byte) []byte { return b }), nil
}

// scanlines returns the rows of the image, each led by its filter byte (0, none).
// In 1-bit greyscale a set bit is white.
func (c *Code) scanlines(scale int) []byte {
	side := (c.size + 2*quiet) * scale
	width := 1 + (side+7)/8
	pixels := bytes.Repeat([]byte{0xff}, width*side)
	for y := range c.size + 2*quiet {
		first := pixels[y*scale*width:][:width]
		first[0] = 0
		for x := range c.size {
			if !c.At(x, y-quiet) {
				continue
			}
			from := (x + quiet) * scale
			for px := from; px < from+scale; px++ {
				first[1+px/8] &^= 0x80 >> (px % 8)
			}
		}
		for i := 1; i < scale; i++ {
			copy(pixels[(y*scale+i)*width:], first)
		}
	}
	return pixels
}

// appendStored appends data as a zlib stream (RFC 1950) of stored blocks.
func appendStored(b, data []byte) []byte {
	sum := adler32.Checksum(data)
	b = append(b, 0x78, 0x01)
	for final := byte(0); final == 0; {
		n := min(len(data), storedMax)
		if n == len(data) {
			final = 1
		}
		b = append(b, final)
		b = binary.LittleEndian.AppendUint16(b, uint16(n))
		b = binary.LittleEndian.AppendUint16(b, ^uint16(n))
		b = append(b, data[:n]...)
		data = data[n:]
	}
	return binary.BigEndian.AppendUint32(b, sum)
}

// appendChunk appends a PNG chunk whose data is what body appends.
func appendChunk(b []byte, kind string, body func([]byte) []byte) []byte {
	start := len(b)
	b = append(b, "\x00\x00\x00\x00"...)
	b = body(append(b, kind...))
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-8))
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[start+4:]))
}

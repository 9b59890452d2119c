package scanner

import (
	"unicode"
	"unicode/utf8"
)

// noise judges whether what arrives is a scanner at all. A wrong baud rate is not reported by the kernel: bytes with
// framing errors are dropped by IGNPAR, the others arrive as nonsense. So the signs are unprintable bytes, and codes
// that never end.
type noise struct {
	total, unprintable int // bytes since the last clean frame
	unfinished         int // frames given up since the last clean one
}

const (
	noiseBytes      = 32  // judge no sample smaller than this
	noisePercent    = 30  // of unprintable bytes
	noiseUnfinished = 3   // frames given up in a row: the terminator is not the one configured
	noiseHalve      = 512 // older bytes lose weight beyond this
	cleanFrame      = 6   // a frame this long does not come out of noise by chance
)

// garbage reports whether the line should be called noisy.
func (n *noise) garbage() bool {
	return n.unfinished >= noiseUnfinished || n.total >= noiseBytes && n.unprintable*100 >= n.total*noisePercent
}

// frame judges a finished frame; a clean one proves the line good.
func (n *noise) frame(b []byte) {
	bad := countUnprintable(b)
	if bad == 0 && len(b) >= cleanFrame {
		*n = noise{}
		return
	}
	n.add(len(b), bad)
}

// partial judges a frame that was given up.
func (n *noise) partial(b []byte) {
	n.unfinished++
	n.add(len(b), countUnprintable(b))
}

// bad judges bytes that cannot be part of a frame.
func (n *noise) bad(count int) { n.add(count, count) }

func (n *noise) add(total, unprintable int) {
	n.total += total
	n.unprintable += unprintable
	if n.total > noiseHalve {
		n.total /= 2
		n.unprintable /= 2
	}
}

// isText reports whether s could be the content of a symbol: UTF-8 without controls but those that symbols use.
func isText(s string) bool { return countUnprintable([]byte(s)) == 0 }

func countUnprintable(b []byte) int {
	bad := 0
	for len(b) > 0 {
		r, size := utf8.DecodeRune(b)
		if r == utf8.RuneError && size == 1 || unicode.IsControl(r) && !symbolControl(r) {
			bad++
		}
		b = b[size:]
	}
	return bad
}

// symbolControl: GS1 separates by GS, ISO 15434 by RS, GS and EOT; free text has lines and tabs.
func symbolControl(r rune) bool {
	switch r {
	case '\t', '\n', '\r', 0x04, 0x1d, 0x1e:
		return true
	}
	return false
}

package scanner

import (
	"strings"
	"time"
)

const (
	// maxFrame is what the largest QR code holds, 7089 digits, and some room for prefixes.
	maxFrame = 7100

	// gapTime is the silence that ends a code of TermGap: far above the 16 ms for which an FTDI adapter holds bytes back.
	gapTime = 80 * time.Millisecond

	// partialTime is the silence after which an unfinished code is given up: its end is lost, and the next code must not
	// be taken for it.
	partialTime = 300 * time.Millisecond
)

const (
	stx = 0x02
	etx = 0x03
)

// frame is one code as the scanner sent it, without terminator and AIM identifier.
type frame struct {
	payload   string
	symbology string // AIM identifier or empty
}

// frameCounts says what became of the bytes that were not frames.
type frameCounts struct {
	partial  uint64 // codes given up because their end did not come
	oversize uint64 // codes longer than maxFrame
	stray    uint64 // bytes outside STX ... ETX
}

// framer cuts bytes into frames. Its memory is bounded by maxFrame. The caller tells it the time, and tells it of
// silence only after the line itself was found silent: a daemon that was stopped for a second has not seen a gap.
type framer struct {
	term Terminator
	aim  AIM

	buf    []byte
	open   bool // TermETX: STX was seen. Others: unused
	over   bool // dropping up to the next terminator
	lastCR bool // an LF now belongs to the CR before it
	ack    int  // bytes matched of a GM65 answer
	last   time.Time
	counts frameCounts
	noise  noise
}

func newFramer(term Terminator, aim AIM) *framer {
	return &framer{term: term, aim: aim, buf: make([]byte, 0, 256)}
}

// push feeds bytes that were read at now and emits the frames they complete.
func (f *framer) push(now time.Time, b []byte, emit func(frame)) {
	f.last = now
	for _, c := range b {
		if !f.answer(c) {
			f.byte(c, emit)
		}
	}
}

// deadline returns when silence will mean something, or the zero time if it will not.
func (f *framer) deadline() time.Time {
	if len(f.buf) == 0 && !f.over && f.ack == 0 && !f.open {
		return time.Time{}
	}
	if f.term == TermGap {
		return f.last.Add(gapTime)
	}
	return f.last.Add(partialTime)
}

// idle says that no byte came until now.
func (f *framer) idle(now time.Time, emit func(frame)) {
	if d := f.deadline(); d.IsZero() || now.Before(d) {
		return
	}
	if f.term == TermGap {
		f.buf = trimEnd(f.buf)
		f.end(emit)
		return
	}
	f.discard()
}

// reset forgets an unfinished frame and what was thought of the line: the port was opened anew.
func (f *framer) reset() {
	f.discard()
	f.lastCR = false
	f.noise = noise{}
}

// answer takes out the 7 bytes with which a GM65 module answers a command, "02 00 00 01 00 33 31", since they arrive in
// front of a code. Only the first four are compared; no STX frame contains them, and the rest is a value and a CRC.
// On a mismatch the bytes held back are an STX and NULs, which have no payload.
func (f *framer) answer(c byte) bool {
	const header, length = "\x02\x00\x00\x01", 7
	if f.ack >= len(header) || f.ack > 0 && c == header[f.ack] {
		f.ack = (f.ack + 1) % length
		return true
	}
	if f.ack > 0 {
		f.start()
		f.ack = 0
	}
	if c == stx {
		f.ack = 1
		return true
	}
	return false
}

func (f *framer) byte(c byte, emit func(frame)) {
	if c == 0 { // a BREAK on the line reads as NUL; no code has one
		f.noise.bad(1)
		return
	}
	crlf := f.lastCR && c == '\n'
	f.lastCR = c == '\r'
	switch {
	case crlf && f.term == TermCR && len(f.buf) == 0:
		// The scanner sends CRLF although its profile says CR.
	case f.ends(c, crlf):
		f.end(emit)
	case f.over:
	case f.term == TermETX && !f.open:
		f.counts.stray++
		f.noise.bad(1)
	case len(f.buf) == maxFrame:
		f.counts.oversize++
		f.noise.partial(f.buf)
		f.buf, f.over = f.buf[:0], true
	default:
		f.buf = append(f.buf, c)
	}
}

// ends reports whether c is the (last byte of the) terminator.
func (f *framer) ends(c byte, crlf bool) bool {
	switch f.term {
	case TermAuto:
		return c == '\r' || c == '\n' || c == '\t' || c == etx
	case TermCR:
		return c == '\r'
	case TermLF:
		return c == '\n'
	case TermCRLF:
		return crlf
	case TermTab:
		return c == '\t'
	case TermETX:
		return c == etx && f.open
	}
	return false
}

// start begins a frame at an STX; what was before it has lost its end.
func (f *framer) start() {
	f.discard()
	f.open = f.term == TermETX
	f.lastCR = false
}

func (f *framer) discard() {
	if len(f.buf) > 0 {
		f.counts.partial++
		f.noise.partial(f.buf)
	}
	f.buf, f.over, f.open, f.ack = f.buf[:0], false, false, 0
}

func (f *framer) end(emit func(frame)) {
	b := f.buf
	over := f.over
	f.buf, f.over, f.open = f.buf[:0], false, false
	if f.term == TermCRLF || f.term == TermLF {
		b = trimCR(b)
	}
	if over || len(b) == 0 {
		return
	}
	f.noise.frame(b)
	if fr := f.identify(string(b)); fr.payload != "" {
		emit(fr)
	}
}

// identify takes the AIM identifier off. A QR code may well contain "]Q1" as text, so with AIMAuto something must follow.
func (f *framer) identify(s string) frame {
	if f.aim == AIMOff || len(s) < 3 || s[0] != ']' || !isLetter(s[1]) || !isLetter(s[2]) && !isDigit(s[2]) {
		return frame{payload: s}
	}
	if f.aim == AIMAuto && len(s) == 3 {
		return frame{payload: s}
	}
	return frame{payload: s[3:], symbology: s[:3]}
}

func trimCR(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\r' {
		return b[:n-1]
	}
	return b
}

// trimEnd takes off terminators that a scanner sends although its profile says that it has none.
func trimEnd(b []byte) []byte {
	for len(b) > 0 && strings.IndexByte("\r\n\t", b[len(b)-1]) >= 0 {
		b = b[:len(b)-1]
	}
	return b
}

func isLetter(b byte) bool { return 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' }

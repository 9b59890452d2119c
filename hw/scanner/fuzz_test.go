package scanner

import (
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// model says what a framer must find in a whole stream, by other means: take out answers and NULs, cut at the
// terminators, start again at STX.
type model struct {
	term        Terminator
	answer, cut *regexp.Regexp
}

func newModel(term Terminator, cut string) model {
	return model{term, regexp.MustCompile(`(?s)\x02\x00\x00\x01...`), regexp.MustCompile(cut)}
}

func (m model) frames(s string) (want []string) {
	s = m.answer.ReplaceAllString(s, "")
	s = strings.ReplaceAll(s, "\x00", "")
	parts := m.cut.Split(s, -1)
	for _, p := range parts[:len(parts)-1] { // what follows the last terminator has no end
		if i := strings.LastIndexByte(p, stx); i >= 0 {
			p = p[i+1:]
		} else if m.term == TermETX {
			continue
		}
		if p != "" {
			want = append(want, p)
		}
	}
	return want
}

// FuzzFramer compares the framer, fed in pieces, with the model: it never panics, and emits nothing but what is between
// terminators, all of it, however the bytes were cut; and it keeps its memory bounded.
func FuzzFramer(f *testing.F) {
	models := []model{
		newModel(TermAuto, `[\r\n\t\x03]`), newModel(TermCR, `\r\n?`), newModel(TermLF, `\r?\n`),
		newModel(TermCRLF, `\r\n`), newModel(TermTab, `\t`), newModel(TermETX, `\x03`),
	}
	for _, w := range wires() {
		f.Add(w.bytes, uint8(3), uint8(len(w.bytes)))
	}
	f.Add("\x02\x02\x00\x02\x00\x00\x01\x00\r\n"+payer+"\r\n", uint8(1), uint8(0))
	f.Add(strings.Repeat("\xff\r\x00", 50), uint8(7), uint8(9))
	f.Fuzz(func(t *testing.T, in string, step, gap uint8) {
		in = in[:min(len(in), maxFrame/4)]           // oversize frames have their own test
		whole := in + "\x00\x00\x00\x00\x00\x00\x00" // completes an answer, and is nothing by itself
		for _, m := range models {
			fr := newFramer(m.term, AIMOff)
			var got []string
			emit := func(f frame) { got = append(got, f.payload) }
			at := time.Unix(1e9, 0)
			for rest := whole; rest != ""; {
				n := min(int(step)+1, len(rest))
				fr.push(at, []byte(rest[:n]), emit)
				rest = rest[n:]
				at = at.Add(time.Duration(gap) * time.Millisecond)
				fr.idle(fr.last.Add(partialTime-1), emit) // too early to mean anything
			}
			if want := m.frames(whole); !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: %q in steps of %d gives %q, want %q", m.term, in, int(step)+1, got, want)
			}
			if cap(fr.buf) > 2*maxFrame {
				t.Fatalf("buffer of %d bytes", cap(fr.buf))
			}
			fr.idle(fr.last.Add(partialTime), emit)
			if !fr.deadline().IsZero() || len(fr.buf) != 0 {
				t.Fatalf("%s: not at rest after silence: %+v", m.term, fr)
			}
		}
		gapFramer := newFramer(TermGap, AIMAuto)
		gapFramer.push(time.Time{}, []byte(whole), func(f frame) { t.Fatalf("gap: %q before the silence", f.payload) })
	})
}

// FuzzClassify: never panics, never changes a payload, takes nothing for a payer code but 16 digits or more, and shows
// nothing that is secret or unprintable.
func FuzzClassify(f *testing.F) {
	for _, s := range []string{
		payer, "6212345678901234567", "6901234567892", "0109521234543213\x1d10A", "https://x/01/09521234543213", "http://%zz",
		payer[:7] + "\x00" + payer[7:], "\xff\xfe", "１３４５",
	} {
		f.Add(s, "]Q1")
		f.Add(s, "]C1")
		f.Add(s, "")
	}
	wallets := DefaultWallets()
	alipay := regexp.MustCompile(`^(2[5-9]|30)\d{14,22}$`)
	wechat := regexp.MustCompile(`^1[0-5]\d{16}$`)
	unionpay := regexp.MustCompile(`^62\d{17}$`)
	f.Fuzz(func(t *testing.T, payload, symbology string) {
		c := Classify(payload, symbology, wallets)
		if c.Code.Reveal() != payload {
			t.Fatalf("payload changed to %q", c.Code.Reveal())
		}
		isPayer := alipay.MatchString(payload) || wechat.MatchString(payload) || unionpay.MatchString(payload)
		if want := isPayer && !declaresGS1(symbology); want != (c.Kind == Payer) {
			t.Fatalf("%q is %+v", payload, c)
		}
		if (c.Kind == Payer) != (c.Wallet != "") || c.Kind == Payer && !c.Code.Secret() {
			t.Fatalf("%q: %+v", payload, c)
		}
		if c.GTIN != "" && (len(c.GTIN) != 14 || !checkDigit(c.GTIN)) {
			t.Fatalf("GTIN %q", c.GTIN)
		}
		shown := c.Code.String()
		if utf8.RuneCountInString(shown) > maxShown+1 || strings.ContainsFunc(shown, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("shown %q", shown)
		}
		if c.Code.Secret() && len(shown) > len(mask)+maskShown {
			t.Fatalf("shown %q", shown)
		}
	})
}

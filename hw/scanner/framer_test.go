package scanner

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

const payer = "134567890123456789"

const gm65 = "\x02\x00\x00\x01\x0031"

// wire is one way to send a code, and what must come out.
type wire struct {
	name  string
	term  Terminator
	aim   AIM
	bytes string
	want  []frame
}

func wires() []wire {
	one := []frame{{payload: payer}}
	qr := []frame{{payload: payer, symbology: "]Q1"}}
	two := []frame{{payload: payer, symbology: "]C0"}, {payload: "6901234567892", symbology: "]E0"}}
	return []wire{
		{"auto CR", TermAuto, AIMAuto, payer + "\r", one},
		{"auto LF", TermAuto, AIMAuto, payer + "\n", one},
		{"auto CRLF", TermAuto, AIMAuto, payer + "\r\n", one},
		{"auto TAB", TermAuto, AIMAuto, payer + "\t", one},
		{"auto STX ETX", TermAuto, AIMAuto, "\x02" + payer + "\x03", one},
		{"auto two", TermAuto, AIMAuto, "]C0" + payer + "\r\n]E06901234567892\r\n", two},
		{"cr", TermCR, AIMOn, "]Q1" + payer + "\r", qr},
		{"cr but CRLF is sent", TermCR, AIMOn, "]C0" + payer + "\r\n]E06901234567892\r\n", two},
		{"cr keeps lines", TermCR, AIMOff, "a\nb\tc\r", []frame{{payload: "a\nb\tc"}}},
		{"lf", TermLF, AIMOn, "]Q1" + payer + "\n", qr},
		{"lf but CRLF is sent", TermLF, AIMOn, "]C0" + payer + "\r\n]E06901234567892\r\n", two},
		{"crlf", TermCRLF, AIMAuto, "]C0" + payer + "\r\n]E06901234567892\r\n", two},
		{"crlf keeps lone ones", TermCRLF, AIMAuto, "a\rb\nc\r\n", []frame{{payload: "a\rb\nc"}}},
		{"tab", TermTab, AIMAuto, "]Q1" + payer + "\t", qr},
		{"etx", TermETX, AIMOn, "\x02]Q1" + payer + "\x03", qr},
		{"etx with BCC", TermETX, AIMOn, "\x02]C0" + payer + "\x03Z\x02]E06901234567892\x037", two},
		{"etx keeps lines", TermETX, AIMOff, "\x02a\r\nb\x03", []frame{{payload: "a\r\nb"}}},
		{"aim off", TermAuto, AIMOff, "]Q1" + payer + "\r", []frame{{payload: "]Q1" + payer}}},
		{"aim auto, nothing follows", TermAuto, AIMAuto, "]Q1\r", []frame{{payload: "]Q1"}}},
		{"aim on, nothing follows", TermAuto, AIMOn, "]Q1\r", nil},
		{"aim on, none sent", TermAuto, AIMOn, payer + "\r", one},
		{"aim inside", TermAuto, AIMAuto, payer + "]Q1\r", []frame{{payload: payer + "]Q1"}}},
		{"no aim", TermAuto, AIMAuto, "]?1x\r", []frame{{payload: "]?1x"}}},
		{"NUL", TermAuto, AIMAuto, "\x00134567890\x00123456789\x00\r", one},
		{"answer in front", TermAuto, AIMAuto, gm65 + payer + "\r", one},
		{"answer in front, etx", TermETX, AIMAuto, gm65 + "\x02" + payer + "\x03", one},
		{"answer within", TermCR, AIMAuto, payer[:9] + gm65 + payer[9:] + "\r", one},
		{"two answers", TermCR, AIMAuto, gm65 + gm65 + payer + "\r", one},
		{"almost an answer", TermCR, AIMAuto, "\x02\x00\x00" + payer + "\r", one},
		{"STX restarts", TermAuto, AIMAuto, "1345\x02" + payer + "\x03", one},
		{"empty frames", TermAuto, AIMAuto, "\r\n\r\n\t\x02\x03" + payer + "\r\n\r\n", one},
	}
}

func collect(f *framer, chunks ...string) (got []frame) {
	for _, c := range chunks {
		f.push(time.Time{}, []byte(c), func(fr frame) { got = append(got, fr) })
	}
	return got
}

func TestFramerSplits(t *testing.T) {
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) {
			check := func(chunks ...string) {
				t.Helper()
				if got := collect(newFramer(w.term, w.aim), chunks...); !reflect.DeepEqual(got, w.want) {
					t.Fatalf("%q gives %q, want %q", chunks, got, w.want)
				}
			}
			check(w.bytes)
			check(strings.Split(w.bytes, "")...)
			for i := range len(w.bytes) + 1 {
				for j := i; j <= len(w.bytes); j++ {
					check(w.bytes[:i], w.bytes[i:j], w.bytes[j:])
				}
			}
		})
	}
}

func TestFramerGap(t *testing.T) {
	at := time.Unix(1e9, 0)
	var got []frame
	emit := func(f frame) { got = append(got, f) }
	f := newFramer(TermGap, AIMAuto)
	if d := f.deadline(); !d.IsZero() {
		t.Fatalf("deadline %v without data", d)
	}
	f.push(at, []byte("]Q1"+payer[:9]), emit)
	at = at.Add(gapTime - 1)
	f.idle(at, emit)
	f.push(at, []byte(payer[9:]+"\r\n"), emit)
	if got != nil || !f.deadline().Equal(at.Add(gapTime)) {
		t.Fatalf("got %q before the gap, deadline %v", got, f.deadline())
	}
	f.idle(at.Add(gapTime), emit)
	if want := []frame{{payer, "]Q1"}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if d := f.deadline(); !d.IsZero() {
		t.Fatalf("deadline %v after the frame", d)
	}
}

func TestFramerStalePartial(t *testing.T) {
	for _, term := range []Terminator{TermAuto, TermCR, TermLF, TermCRLF, TermTab, TermETX} {
		at := time.Unix(1e9, 0)
		var got []frame
		emit := func(f frame) { got = append(got, f) }
		f := newFramer(term, AIMAuto)
		f.push(at, []byte("\x021345"), emit)
		f.idle(at.Add(partialTime-1), emit)
		f.push(at.Add(partialTime-1), []byte("67"), emit)
		f.idle(at.Add(partialTime), emit) // the last byte is younger
		if f.counts.partial != 0 {
			t.Fatalf("%s: given up too early", term)
		}
		at = at.Add(2 * partialTime)
		f.idle(at, emit)
		if f.counts.partial != 1 || got != nil || !f.deadline().IsZero() {
			t.Fatalf("%s: counts %+v, frames %q", term, f.counts, got)
		}
		f.push(at, []byte("\x02"+payer+"\t\r\n\x03"), emit)
		if len(got) != 1 || !strings.HasPrefix(got[0].payload, payer) {
			t.Fatalf("%s: after a partial code: %q", term, got)
		}
	}
}

// A daemon that was stopped reads late what came in time.
func TestFramerLateRead(t *testing.T) {
	at := time.Unix(1e9, 0)
	var got []frame
	f := newFramer(TermCR, AIMAuto)
	f.push(at, []byte(payer[:9]), nil)
	f.push(at.Add(time.Hour), []byte(payer[9:]+"\r"), func(f frame) { got = append(got, f) })
	if want := []frame{{payload: payer}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestFramerOversize(t *testing.T) {
	for _, tt := range []struct {
		term  Terminator
		begin string
		end   string
	}{
		{TermAuto, "", "\r"},
		{TermCR, "", "\r"},
		{TermLF, "", "\r\n"},
		{TermTab, "", "\t"},
		{TermCRLF, "", "\r\n"},
		{TermETX, "\x02", "\x03"},
	} {
		f := newFramer(tt.term, AIMAuto)
		fits := strings.Repeat("7", 7089)
		huge := strings.Repeat("7", 100_000)
		got := collect(f, tt.begin+fits+tt.end, tt.begin+huge, huge+tt.end, tt.begin+payer+tt.end)
		if want := []frame{{payload: fits}, {payload: payer}}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %d frames", tt.term, len(got))
		}
		if f.counts.oversize != 1 {
			t.Errorf("%s: oversize = %d, want 1", tt.term, f.counts.oversize)
		}
		if cap(f.buf) > 2*maxFrame {
			t.Errorf("%s: buffer of %d bytes", tt.term, cap(f.buf))
		}
	}
}

func TestFramerReset(t *testing.T) {
	f := newFramer(TermCR, AIMAuto)
	collect(f, "13456789")
	f.reset()
	if got, want := collect(f, payer+"\r"), []frame{{payload: payer}}; !reflect.DeepEqual(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestNoise(t *testing.T) {
	ff := strings.Repeat("\xff\xfe", 40)
	for _, tt := range []struct {
		name  string
		in    string
		noisy bool
	}{
		{"a code", payer + "\r", false},
		{"Chinese text", "微信支付收款码微信支付收款码\r", false},
		{"GS1", "0109521234543213\x1d10ABC\r", false},
		{"noise that ends", ff + "\r", true},
		{"few bad bytes", "\xff\xff\xff\xff\xff\xff\r", false},
		{"breaks", strings.Repeat("\x00", 40), true},
		{"noise, then a code", ff + "\r" + payer + "\r", false},
		{"noise, then luck", ff + "\rA\r", true},
		{"long noise", strings.Repeat(ff+"\r", 100), true},
		{"never ends", strings.Repeat("\x02"+payer, 4), true},
	} {
		f := newFramer(TermAuto, AIMAuto)
		collect(f, tt.in)
		if got := f.noise.garbage(); got != tt.noisy {
			t.Errorf("%s: garbage = %v (%+v)", tt.name, got, f.noise)
		}
	}
}

func BenchmarkFramer(b *testing.B) {
	for _, size := range []int{18, 1200} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			in := []byte("]Q1" + strings.Repeat("7", size) + "\r\n")
			f := newFramer(TermAuto, AIMAuto)
			n := 0
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				f.push(time.Time{}, in, func(frame) { n++ })
			}
			if n == 0 {
				b.Fatal("no frames")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(in)), "ns/byte")
		})
	}
}

package qr

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	qrcode "github.com/skip2/go-qrcode"
)

const (
	weixin = "weixin://wxpay/bizpayurl?pr=mJf8KpQzz1A"
	emvco  = "00020101021226580014A000000677010111011300668123456780208QRPOSD010304SHOP" +
		"5204541153037645406128.505802TH5913CORNER BAKERY6007BANGKOK62290515SALE20261125000170606TILL016304A1B2"
)

func mustNew(t testing.TB, text string, level Level) *Code {
	t.Helper()
	c, err := New(text, level)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// rows reads the symbol and its quiet zone back through At, the form every
// rendering is compared with.
func rows(c *Code) [][]bool {
	side := c.Size() + 2*quiet
	m := make([][]bool, side)
	for y := range m {
		m[y] = make([]bool, side)
		for x := range m[y] {
			m[y][x] = c.At(x-quiet, y-quiet)
		}
	}
	return m
}

func TestModulesAreTheLibrarys(t *testing.T) {
	library := map[Level]qrcode.RecoveryLevel{L: qrcode.Low, M: qrcode.Medium, Q: qrcode.High, H: qrcode.Highest}
	for level, want := range library {
		for _, text := range []string{"1", weixin, emvco} {
			q, err := qrcode.New(text, want)
			if err != nil {
				t.Fatal(err)
			}
			sameModules(t, rows(mustNew(t, text, level)), q.Bitmap())
		}
	}
}

func sameModules(t *testing.T, got, want [][]bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for y := range want {
		if len(got[y]) != len(want[y]) {
			t.Fatalf("row %d: %d modules, want %d", y, len(got[y]), len(want[y]))
		}
		for x := range want[y] {
			if got[y][x] != want[y][x] {
				t.Fatalf("module %d,%d: dark is %v, want %v", x, y, got[y][x], want[y][x])
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name  string
		text  string
		level Level
		code  string
		says  string
	}{
		{"empty", "", M, CodeEmpty, "no text"},
		{"control character", "abc\ndef", M, CodeNotASCII, "0x0a at offset 3"},
		{"delete", "\x7f", M, CodeNotASCII, "0x7f at offset 0"},
		{"utf-8", "caf\u00e9", Q, CodeNotASCII, "0xc3 at offset 3"},
		{"too long", strings.Repeat("a", 2332), M, CodeTooLong, "2332 bytes, level M takes at most 2331"},
		{"too long and not ASCII", strings.Repeat("\n", 1<<20), H, CodeTooLong, "at most 1273"},
		{"level", "abc", H + 1, CodeBadLevel, "Level(4)"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := New(test.text, test.level)
			wantError(t, err, test.code, test.says)
			if c != nil {
				t.Error("a code came with the error")
			}
		})
	}
}

func wantError(t *testing.T, err error, code, says string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T), want an *Error", err, err)
	}
	if e.Code != code || !strings.Contains(e.Message, says) || e.Hint == "" {
		t.Errorf("error %+v, want code %s, a message with %q and a hint", e, code, says)
	}
}

// TestLimits holds the table of limits against the library: what is allowed fits,
// however badly the text splits into segments, and one byte more does not.
func TestLimits(t *testing.T) {
	for level, l := range levels {
		for _, pattern := range []string{"a", "a1", "aB7", "abcD12345", "a123456789012345"} {
			text := strings.Repeat(pattern, l.limit)[:l.limit]
			if c := mustNew(t, text, Level(level)); c.Size() > 177 {
				t.Errorf("level %v: size %d", Level(level), c.Size())
			}
		}
		if _, err := qrcode.New(strings.Repeat("a", l.limit+1), l.library); err == nil {
			t.Errorf("level %v: the library takes more than %d bytes", Level(level), l.limit)
		}
	}
}

func TestLibraryPanicBecomesError(t *testing.T) {
	err := func() (err error) {
		defer panicToError(&err)
		panic("bug: numEmptyModules is 3")
	}()
	wantError(t, err, CodeInternal, "numEmptyModules is 3")
}

func TestConcurrentRendering(t *testing.T) {
	c := mustNew(t, emvco, Q)
	render := func() []byte {
		var b bytes.Buffer
		b.Write(c.SVG("Pay"))
		picture, err := c.PNG(3)
		if err != nil {
			t.Error(err)
		}
		b.Write(picture)
		if err := c.Terminal(&b); err != nil {
			t.Error(err)
		}
		return b.Bytes()
	}
	want := render()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if !bytes.Equal(render(), want) {
					t.Error("a rendering differs from the first one")
				}
				if other, err := New(emvco, Q); err != nil || !bytes.Equal(other.dark, c.dark) {
					t.Errorf("a second encode differs, error %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func FuzzNew(f *testing.F) {
	for _, text := range []string{"", "0", weixin, emvco, "A-Z: $%*+./", "\x00", "\u00fc", strings.Repeat("9", 2331)} {
		for level := range H + 2 {
			f.Add(text, uint8(level))
		}
	}
	f.Fuzz(func(t *testing.T, text string, level uint8) {
		c, err := New(text, Level(level))
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Code == CodeInternal {
				t.Fatalf("error %v", err)
			}
			return
		}
		if n := c.Size(); n < 21 || n > 177 || n%4 != 1 {
			t.Fatalf("%d modules is no QR size", n)
		}
		if _, err := c.PNG(1); err != nil {
			t.Fatal(err)
		}
		if err := c.Terminal(io.Discard); err != nil {
			t.Fatal(err)
		}
		if label, _ := parseSVG(t, c.SVG(text)); label != text {
			t.Fatalf("label %q, want %q", label, text)
		}
	})
}

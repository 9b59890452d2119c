package qr

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestGolden pins the bytes a page or a terminal gets: a change of rendering must
// be seen by somebody before it is on a screen.
func TestGolden(t *testing.T) {
	c := mustNew(t, "HELLO", M)
	var text bytes.Buffer
	if err := c.Terminal(&text); err != nil {
		t.Fatal(err)
	}
	for file, got := range map[string][]byte{"hello.svg": c.SVG("Pay 12.50"), "hello.ansi": text.Bytes()} {
		want, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs, got:\n%s", file, got)
		}
	}
}

func TestSVGEqualsModules(t *testing.T) {
	for _, text := range []string{"1", weixin, emvco, strings.Repeat("x", 1273)} {
		c := mustNew(t, text, H)
		_, got := parseSVG(t, c.SVG("Pay"))
		sameModules(t, got, rows(c))
	}
}

func TestSVGLabelIsEscaped(t *testing.T) {
	const label = "\"><script>alert('x')</script>&\n\u20ac"
	svg := mustNew(t, weixin, M).SVG(label)
	if bytes.Contains(svg, []byte("<script")) {
		t.Fatalf("the label became markup: %s", svg)
	}
	if got, _ := parseSVG(t, svg); got != label {
		t.Errorf("label %q, want %q", got, label)
	}
}

// parseSVG reads the one shape of SVG this package writes and fails on anything
// else, a style, a script or a reference among it.
func parseSVG(t *testing.T, svg []byte) (label string, m [][]bool) {
	t.Helper()
	var doc struct {
		XMLName xml.Name   `xml:"http://www.w3.org/2000/svg svg"`
		Attrs   []xml.Attr `xml:",any,attr"`
		Nodes   []struct {
			XMLName xml.Name
			Attrs   []xml.Attr `xml:",any,attr"`
			Inner   string     `xml:",innerxml"`
		} `xml:",any"`
	}
	if err := xml.Unmarshal(svg, &doc); err != nil {
		t.Fatalf("%v in %s", err, svg)
	}
	attrs := attributes(doc.Attrs)
	var side, height int
	if _, err := fmt.Sscanf(attrs["viewBox"], "0 0 %d %d", &side, &height); err != nil || side != height {
		t.Fatalf("viewBox %q", attrs["viewBox"])
	}
	if len(attrs) != 5 || attrs["role"] != "img" || attrs["shape-rendering"] != "crispEdges" || len(doc.Nodes) != 2 {
		t.Fatalf("unexpected document %s", svg)
	}
	rect, path := attributes(doc.Nodes[0].Attrs), attributes(doc.Nodes[1].Attrs)
	full := fmt.Sprint(side)
	if doc.Nodes[0].XMLName.Local != "rect" || len(rect) != 3 || rect["fill"] != "#fff" || rect["width"] != full || rect["height"] != full {
		t.Fatalf("the first shape is not the white ground: %v", rect)
	}
	if doc.Nodes[1].XMLName.Local != "path" || len(path) != 2 || path["fill"] != "#000" {
		t.Fatalf("the second shape is not the black modules: %v", path)
	}
	return attrs["aria-label"], fillPath(t, side, path["d"])
}

func attributes(list []xml.Attr) map[string]string {
	m := make(map[string]string)
	for _, a := range list {
		m[a.Name.Local] = a.Value
	}
	return m
}

func fillPath(t *testing.T, side int, d string) [][]bool {
	t.Helper()
	m := make([][]bool, side)
	for y := range m {
		m[y] = make([]bool, side)
	}
	run := regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1H(\d+)z`)
	for _, found := range run.FindAllString(d, -1) {
		var x, y, n, back int
		if _, err := fmt.Sscanf(found, "M%d %dh%dv1H%dz", &x, &y, &n, &back); err != nil || back != x {
			t.Fatalf("run %q", found)
		}
		for i := range n {
			m[y][x+i] = true
		}
	}
	if rest := run.ReplaceAllString(d, ""); rest != "" {
		t.Fatalf("path has %q beside its runs", rest)
	}
	return m
}

func TestPNGEqualsModules(t *testing.T) {
	scales := map[string][]int{
		"1":                       {1, 2, 3, 5, 8, MaxScale},
		emvco:                     {1, 4, 7},
		strings.Repeat("x", 2331): {1, 6}, // more than one stored block
	}
	for text, list := range scales {
		c := mustNew(t, text, M)
		for _, scale := range list {
			b, err := c.PNG(scale)
			if err != nil {
				t.Fatal(err)
			}
			if len(b) != cap(b) {
				t.Errorf("%d bytes in a buffer of %d", len(b), cap(b))
			}
			picture, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			samePixels(t, picture, rows(c), scale)
		}
	}
}

func samePixels(t *testing.T, picture image.Image, m [][]bool, scale int) {
	t.Helper()
	side := len(m) * scale
	if picture.Bounds() != image.Rect(0, 0, side, side) {
		t.Fatalf("%v, want %d pixels a side", picture.Bounds(), side)
	}
	gray, ok := picture.(*image.Gray)
	if !ok {
		t.Fatalf("%T, want an *image.Gray", picture)
	}
	for y := range side {
		for x := range side {
			want := color.Gray{Y: 255}
			if m[y/scale][x/scale] {
				want.Y = 0
			}
			if got := gray.GrayAt(x, y); got != want {
				t.Fatalf("scale %d: pixel %d,%d is %v, want %v", scale, x, y, got, want)
			}
		}
	}
}

func TestPNGScale(t *testing.T) {
	c := mustNew(t, "1", M)
	for _, scale := range []int{-1, 0, MaxScale + 1, 1 << 40} {
		b, err := c.PNG(scale)
		wantError(t, err, CodeBadScale, fmt.Sprint(scale))
		if b != nil {
			t.Error("an image came with the error")
		}
	}
}

func TestTerminalEqualsModules(t *testing.T) {
	for _, text := range []string{"1", weixin, emvco} {
		c := mustNew(t, text, Q)
		var b strings.Builder
		if err := c.Terminal(&b); err != nil {
			t.Fatal(err)
		}
		got := paintTerminal(t, b.String())
		for _, dark := range got[len(got)-1] { // an odd height leaves half a row of cells
			if dark {
				t.Fatal("dark module below the quiet zone")
			}
		}
		sameModules(t, got[:len(got)-1], rows(c))
	}
}

// paintTerminal does what a terminal does with the output. Every cell must have
// been given both colours, so that no theme shows through, and no colour may be
// left on at the end of a line.
func paintTerminal(t *testing.T, s string) [][]bool {
	t.Helper()
	var m [][]bool
	for line := range strings.Lines(s) {
		var upper, lower []bool
		fg, bg := "", ""
		line, ended := strings.CutSuffix(line, "\n")
		for line != "" {
			if sgr, after, ok := cutSGR(line); ok {
				switch line = after; sgr {
				case "0":
					fg, bg = "", ""
				case "30;107":
					fg, bg = "black", "white"
				default:
					t.Fatalf("SGR %q", sgr)
				}
				continue
			}
			if fg != "black" || bg != "white" {
				t.Fatalf("a cell is painted %q on %q", fg, bg)
			}
			cell := []rune(line)[0]
			line = strings.TrimPrefix(line, string(cell))
			if !strings.ContainsRune(" ▀▄█", cell) {
				t.Fatalf("cell %q", cell)
			}
			upper = append(upper, cell == '▀' || cell == '█')
			lower = append(lower, cell == '▄' || cell == '█')
		}
		if !ended || fg != "" || bg != "" {
			t.Fatalf("line %d ends %q on %q, newline %v", len(m)/2, fg, bg, ended)
		}
		m = append(m, upper, lower)
	}
	return m
}

func cutSGR(s string) (parameters, after string, ok bool) {
	rest, ok := strings.CutPrefix(s, "\x1b[")
	if !ok {
		return "", s, false
	}
	return strings.Cut(rest, "m")
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestTerminalReturnsWriteError(t *testing.T) {
	broken := errors.New("terminal is gone")
	if err := mustNew(t, "1", M).Terminal(brokenWriter{broken}); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

package qr

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestEveryCodeDecodes holds the package to its purpose: what Chromium paints from
// the SVG, on a black page, and what the PNG holds are read back to the exact text
// by two decoders that share no code with each other or with the encoder.
func TestEveryCodeDecodes(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("QR_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("repeat with QR_SEED=%d", seed)
	texts, codes := samples(t, rand.New(rand.NewPCG(seed, 0)), 200)

	dir := t.TempDir()
	want := make(map[string]string)
	for i, picture := range paint(t, codes) {
		file := filepath.Join(dir, fmt.Sprintf("painted-%03d.png", i))
		save(t, file, picture)
		want[file] = texts[i]
	}
	for i, c := range codes {
		picture, err := c.PNG(4)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, fmt.Sprintf("png-%03d.png", i))
		if err := os.WriteFile(file, picture, 0o600); err != nil {
			t.Fatal(err)
		}
		want[file] = texts[i]
	}
	for name, decode := range decoders(t) {
		got := decodeAll(t, decode, dir)
		for file, text := range want {
			if got[file] != text {
				t.Errorf("%s reads %s as\n%q, want\n%q", name, filepath.Base(file), got[file], text)
			}
		}
		if len(got) != len(want) {
			t.Errorf("%s read %d files, want %d", name, len(got), len(want))
		}
	}
}

// TestDecodersNeedTheQuietZone proves that the decoders can refuse: the same
// painted symbol is read with its quiet zone and not without it, on black.
func TestDecodersNeedTheQuietZone(t *testing.T) {
	const px = 4
	dir := t.TempDir()
	picture, err := mustNew(t, weixin, M).PNG(px)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	good, bad := filepath.Join(dir, "good.png"), filepath.Join(dir, "bad.png")
	for file, margin := range map[string]int{good: 0, bad: quiet * px} {
		onBlack := image.NewGray(whole.Bounds().Inset(-8 * px)) // a new image is black
		draw.Draw(onBlack, whole.Bounds().Inset(margin), whole, image.Pt(margin, margin), draw.Src)
		save(t, file, onBlack)
	}
	for name, decode := range decoders(t) {
		got := decodeAll(t, decode, dir)
		if got[good] != weixin {
			t.Errorf("%s reads %q with a quiet zone, want %q", name, got[good], weixin)
		}
		if text, ok := got[bad]; ok {
			t.Errorf("%s reads %q without a quiet zone", name, text)
		}
	}
}

// samples makes n payloads of the kinds that reach a payment code, each at level M
// and at level Q.
func samples(t *testing.T, r *rand.Rand, n int) (texts []string, codes []*Code) {
	t.Helper()
	for i := range n {
		text := payload(r, i%5, 10+r.IntN(491))
		for _, level := range []Level{M, Q} {
			texts = append(texts, text)
			codes = append(codes, mustNew(t, text, level))
		}
	}
	return texts, codes
}

func payload(r *rand.Rand, kind, length int) string {
	const (
		digits = "0123456789"
		alnum  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
		url    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%&=+"
	)
	letters := func(set string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = set[r.IntN(len(set))]
		}
		return string(b)
	}
	switch kind {
	case 0:
		return letters(digits, length)
	case 1:
		return letters(alnum, length)
	case 2:
		return ("https://pay.example/q?t=" + letters(url, 500))[:length]
	case 3: // EMVCo: two digits of tag, two of length, the value; a CRC at the end
		text := "000201010212"
		for len(text) < length {
			value := letters([]string{digits, alnum, url}[r.IntN(3)], 1+r.IntN(40))
			text += fmt.Sprintf("%02d%02d%s", 2+r.IntN(60), len(value), value)
		}
		return text[:max(length-8, 0)] + "6304" + letters("0123456789ABCDEF", 4)
	}
	const markup = " ]]>\"<U+41>' " // what the decoders' own output is made of
	b := make([]byte, length-min(length, len(markup)))
	for i := range b {
		b[i] = byte(0x20 + r.IntN(0x7f-0x20))
	}
	return string(b) + markup[:min(length, len(markup))]
}

func save(t *testing.T, file string, picture image.Image) {
	t.Helper()
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&b, picture); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// program finds a program that a test cannot do without.
func program(t *testing.T, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install %s", name, debianPackage)
	}
	return path
}

// decoder reads files and returns the text of each file it could read.
type decoder func(t *testing.T, files []string) map[string]string

func decoders(t *testing.T) map[string]decoder {
	t.Helper()
	return map[string]decoder{
		"zbarimg":     zbar(program(t, "zbarimg", "zbar-tools")),
		"ZXingReader": zxing(program(t, "ZXingReader", "zxing-cpp-tools")),
	}
}

// decodeAll reads every file of dir, in two processes at a time.
func decodeAll(t *testing.T, decode decoder, dir string) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.png"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, error %v", len(files), err)
	}
	all := make(map[string]string)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, half := range [][]string{files[:len(files)/2], files[len(files)/2:]} {
		wg.Go(func() {
			got := decode(t, half)
			mu.Lock()
			defer mu.Unlock()
			for file, text := range got {
				all[file] = text
			}
		})
	}
	wg.Wait()
	return all
}

// zbar reads with zbarimg. Its plain output does not say which file a text is from, its
// XML does. ASCII leaves it no character set to guess.
func zbar(path string) decoder {
	return func(t *testing.T, files []string) map[string]string {
		args := []string{"-q", "--nodbus", "--xml", "-Sdisable", "-Sqrcode.enable"}
		out := run(t, 4, path, append(args, files...)) // 4: a file without a code
		var doc struct {
			Sources []struct {
				File    string `xml:"href,attr"`
				Symbols []struct {
					Format string `xml:"format,attr"`
					Text   string `xml:",chardata"`
				} `xml:"index>symbol>data"`
			} `xml:"source"`
		}
		if err := xml.Unmarshal(out, &doc); err != nil {
			t.Errorf("zbarimg: %v in %.300s", err, out)
		}
		texts := make(map[string]string)
		for _, source := range doc.Sources {
			for _, symbol := range source.Symbols {
				text := symbol.Text
				if symbol.Format == "base64" { // the text has a ]]> in it
					b, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
					if err != nil {
						t.Errorf("zbarimg: %v in %q", err, text)
					}
					text = string(b)
				}
				texts[source.File] += text // a second symbol in one picture must not match
			}
		}
		return texts
	}
}

// zxing reads with ZXingReader, one line per file: name, format, quoted text.
func zxing(path string) decoder {
	return func(t *testing.T, files []string) map[string]string {
		out := run(t, 1, path, append([]string{"-1", "-format", "QRCode"}, files...))
		texts := make(map[string]string)
		for line := range strings.Lines(string(out)) {
			file, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ` QRCode "`)
			if ok {
				texts[file] = strings.TrimSuffix(text, `"`)
			}
		}
		return texts
	}
}

// run returns the output of a decoder; notFound is its status for a file without
// a code, which is for the caller to judge.
func run(t *testing.T, notFound int, path string, args []string) []byte {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != notFound) {
		t.Errorf("%s: %v", path, err)
	}
	return out
}

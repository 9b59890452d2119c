package qr

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"testing"

	qrcode "github.com/skip2/go-qrcode"
)

func benchmark(b *testing.B, run func(b *testing.B, text string) (size int)) {
	for name, text := range map[string]string{"weixin39": weixin, "emvco": emvco} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			size := 0
			for b.Loop() {
				size = run(b, text)
			}
			b.ReportMetric(float64(size), "out-bytes")
		})
	}
}

func BenchmarkNew(b *testing.B) {
	benchmark(b, func(b *testing.B, text string) int { return len(mustNew(b, text, M).dark) })
}

// benchmarkCode measures a rendering of a symbol that exists already.
func benchmarkCode(b *testing.B, render func(b *testing.B, c *Code) (size int)) {
	codes := map[string]*Code{weixin: mustNew(b, weixin, M), emvco: mustNew(b, emvco, M)}
	benchmark(b, func(b *testing.B, text string) int { return render(b, codes[text]) })
}

func BenchmarkSVG(b *testing.B) {
	benchmarkCode(b, func(_ *testing.B, c *Code) int { return len(c.SVG("Pay")) })
}

func BenchmarkPNG(b *testing.B) {
	benchmarkCode(b, func(b *testing.B, c *Code) int {
		picture, err := c.PNG(6)
		if err != nil {
			b.Fatal(err)
		}
		return len(picture)
	})
}

func BenchmarkTerminal(b *testing.B) {
	benchmarkCode(b, func(b *testing.B, c *Code) int {
		if err := c.Terminal(io.Discard); err != nil {
			b.Fatal(err)
		}
		return 0
	})
}

// BenchmarkStandardPNG is the rejected encoder: image/png, one bit per pixel, from
// the same symbol at the same scale as BenchmarkPNG.
func BenchmarkStandardPNG(b *testing.B) {
	for name, level := range map[string]png.CompressionLevel{"speed": png.BestSpeed, "default": png.DefaultCompression} {
		b.Run(name, func(b *testing.B) {
			benchmarkCode(b, func(b *testing.B, c *Code) int {
				const scale = 6
				side := (c.Size() + 2*quiet) * scale
				picture := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
				for i := range picture.Pix {
					if c.At(i%side/scale-quiet, i/side/scale-quiet) {
						picture.Pix[i] = 1
					}
				}
				var out bytes.Buffer
				if err := (&png.Encoder{CompressionLevel: level}).Encode(&out, picture); err != nil {
					b.Fatal(err)
				}
				return out.Len()
			})
		})
	}
}

// BenchmarkLibraryPNG is the library's own way from text to a 256 pixel image, to
// be compared with New and PNG together.
func BenchmarkLibraryPNG(b *testing.B) {
	benchmark(b, func(b *testing.B, text string) int {
		picture, err := qrcode.Encode(text, qrcode.Medium, 256)
		if err != nil {
			b.Fatal(err)
		}
		return len(picture)
	})
}

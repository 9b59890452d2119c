package qr

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// The contact sheet: perSheet codes to a page, in square cells, so that one
// screenshot serves many codes.
const (
	columns  = 5
	perSheet = 20
	cell     = 560
	surround = 16 // black pixels kept around each code
)

// width returns the width of code i on its sheet, in pixels: half of the codes have
// four pixels a module, the others a width that does not divide into modules.
func width(c *Code, i int) int {
	side := c.Size() + 2*quiet
	if i/2%2 == 0 {
		return side * 4
	}
	return side*39/10 + 1
}

// paint returns what Chromium shows of each code's SVG, with some of the black
// page around it. Half of the SVGs are inline, half are images.
func paint(t *testing.T, codes []*Code) []image.Image {
	t.Helper()
	server := httptest.NewServer(sheets(codes))
	defer server.Close()

	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program(t, "chromium", "chromium")),
		chromedp.UserDataDir(t.TempDir()),
	}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
		"disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()

	var painted []image.Image
	for first := 0; first < len(codes); first += perSheet {
		err := chromedp.Do(ctx,
			chromedp.EmulateViewport(columns*cell, perSheet/columns*cell),
			chromedp.Navigate(fmt.Sprintf("%s/sheet/%d", server.URL, first)))
		if err != nil {
			t.Fatal(err)
		}
		shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		painted = append(painted, crop(t, shot, codes[first:min(first+perSheet, len(codes))])...)
	}
	return painted
}

func crop(t *testing.T, shot []byte, codes []*Code) []image.Image {
	t.Helper()
	sheet, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	var cut []image.Image
	for i, c := range codes {
		at := place(i)
		w := width(c, i)
		part := image.Rect(at.X, at.Y, at.X+w, at.Y+w).Inset(-surround)
		cut = append(cut, sheet.(interface {
			SubImage(image.Rectangle) image.Image
		}).SubImage(part))
	}
	return cut
}

// place returns the upper left corner of code i of a sheet.
func place(i int) image.Point {
	return image.Pt(i%columns*cell+surround, i/columns*cell+surround)
}

// sheets serves the contact sheets under a policy as strict as a page with a style
// sheet can have.
func sheets(codes []*Code) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sheet/{first}", func(w http.ResponseWriter, r *http.Request) {
		first, err := strconv.Atoi(r.PathValue("first"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'nonce-sheet'")
		fmt.Fprint(w, sheet(codes, first))
	})
	mux.HandleFunc("GET /code/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n >= len(codes) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'")
		w.Header().Set("Content-Type", "image/svg+xml")
		_, _ = w.Write(codes[n].SVG("Pay"))
	})
	return mux
}

func sheet(codes []*Code, first int) string {
	var style, body strings.Builder
	for i, c := range codes[first:min(first+perSheet, len(codes))] {
		at := place(i)
		w := width(c, i)
		fmt.Fprintf(&style, "#q%d{left:%dpx;top:%dpx;width:%dpx;height:%dpx}", i, at.X, at.Y, w, w)
		if i%4 < 2 {
			fmt.Fprintf(&body, "<div id=q%d>%s</div>", i, c.SVG("Pay"))
		} else {
			fmt.Fprintf(&body, "<img id=q%d src=/code/%d>", i, first+i)
		}
	}
	return "<!doctype html><title>codes</title><style nonce=sheet>html{background:#000;color:#fff}div,img{position:absolute}" +
		style.String() + "</style>" + body.String()
}

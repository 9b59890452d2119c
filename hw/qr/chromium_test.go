package qr

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

const (
	perPage   = 20   // codes that share a page and a screenshot
	pageWidth = 2000 // pixels
	surround  = 16   // pixels of black page kept around each code
)

// paint returns what Chromium shows for each code's SVG, with a strip of the black
// page around it. Half of the SVGs are inline, half are images.
func paint(t *testing.T, codes []*Code) []image.Image {
	t.Helper()
	server := httptest.NewServer(pages(codes))
	defer server.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, browserOptions(t)...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()

	var painted []image.Image
	for first := 0; first < len(codes); first += perPage {
		places, height := layout(codes, first)
		err := chromedp.Do(ctx,
			chromedp.EmulateViewport(pageWidth, int64(height)),
			chromedp.Navigate(fmt.Sprintf("%s/page/%d", server.URL, first)))
		if err != nil {
			t.Fatal(err)
		}
		shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		whole, err := png.Decode(bytes.NewReader(shot))
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range places {
			part := image.NewGray(place.Inset(-surround))
			draw.Draw(part, part.Rect, whole, part.Rect.Min, draw.Src)
			painted = append(painted, part)
		}
	}
	return painted
}

// layout places the codes of the page that starts with code first, row by row, and
// returns the height of the page. Half of the codes have four pixels a module, the
// others a width that does not divide into modules.
func layout(codes []*Code, first int) (places []image.Rectangle, height int) {
	x, y := 0, 0
	for i := first; i < min(first+perPage, len(codes)); i++ {
		side := codes[i].Size() + 2*quiet
		width := side * 4
		if i/2%2 == 1 {
			width = side*39/10 + 1
		}
		outer := width + 2*surround
		if x+outer > pageWidth {
			x, y = 0, height
		}
		places = append(places, image.Rect(x, y, x+outer, y+outer).Inset(surround))
		x += outer
		height = max(height, y+outer)
	}
	return places, height
}

func browserOptions(t *testing.T) []chromedp.ExecAllocatorOption {
	t.Helper()
	dir := t.TempDir()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program(t, "chromium", "chromium")),
		chromedp.UserDataDir(dir),
		chromedp.Env("TMPDIR=" + dir), // Chromium leaves directories there
	}
	for _, flag := range []string{
		"headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
		"disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars",
	} {
		options = append(options, chromedp.Flag(flag, true))
	}
	return options
}

// pages serves the codes under a policy as strict as a page with a style sheet can
// have.
func pages(codes []*Code) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil || n >= len(codes) {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'nonce-page'")
		fmt.Fprint(w, page(codes, n))
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

func page(codes []*Code, first int) string {
	var style, body strings.Builder
	places, _ := layout(codes, first)
	for i, place := range places {
		fmt.Fprintf(&style, "#q%d{left:%dpx;top:%dpx;width:%dpx;height:%dpx}",
			i, place.Min.X, place.Min.Y, place.Dx(), place.Dy())
		if i/4%2 == 0 {
			fmt.Fprintf(&body, "<img id=q%d src=/code/%d>", i, first+i)
		} else {
			fmt.Fprintf(&body, "<div id=q%d>%s</div>", i, codes[first+i].SVG("Pay"))
		}
	}
	return "<!doctype html><title>codes</title><style nonce=page>html{background:#000;color:#fff}div,img{position:absolute}" +
		style.String() + "</style>" + body.String()
}

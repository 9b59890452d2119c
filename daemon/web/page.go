package web

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// pageFiles are the whole of the cashier page and of the customer's screen. The
// browser keeps no state, so that a page that is closed, or a tablet that is lost,
// takes nothing along.
//
//go:embed page
var pageFiles embed.FS

// mediaTypes are not asked of the machine, whose own list may say otherwise: a
// browser runs no module that is not JavaScript by its type.
var mediaTypes = map[string]string{".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

func (s *Server) servePage() error {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return err
	}
	return fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		switch name {
		case "index.html":
			s.mux.HandleFunc("GET /{$}", index(b))
			return nil
		case "customer.html": // whoever comes next reads either language
			name = "customer"
		}
		s.mux.HandleFunc("GET /"+name, asset(name, b))
		return nil
	})
}

// asset is a file of the page. It is asked for again with its digest each time:
// a till that was updated must not run on half of the old page.
func asset(name string, b []byte) http.HandlerFunc {
	sum := sha256.Sum256(b)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	kind := cmp.Or(mediaTypes[path.Ext(name)], "text/html; charset=utf-8")
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", kind)
		_, _ = w.Write(b) // the client is gone: nobody to tell
	}
}

// index is the page in the reader's language; the switch on it asks with lang=.
func index(b []byte) http.HandlerFunc {
	english := string(b)
	chinese := strings.Replace(english, `<html lang="en">`, `<html lang="zh-CN">`, 1)
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Vary", "Accept-Language")
		text := english
		if prefersChinese(r) {
			text = chinese
		}
		_, _ = w.Write([]byte(text)) // the client is gone: nobody to tell
	}
}

// prefersChinese takes the first language that the page has. Browsers send
// theirs in the order of preference, so the weights need not be read.
func prefersChinese(r *http.Request) bool {
	asked := r.URL.Query().Get("lang")
	if asked == "" {
		asked = r.Header.Get("Accept-Language")
	}
	for _, lang := range strings.Split(strings.ToLower(asked), ",") {
		switch primary, _, _ := strings.Cut(strings.TrimSpace(lang), "-"); {
		case strings.HasPrefix(primary, "zh"):
			return true
		case strings.HasPrefix(primary, "en"):
			return false
		}
	}
	return false
}

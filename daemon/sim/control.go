package sim

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy lets the page load only its own files and talk only to its own server.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// serveControl is the world outside the payment API: phones, counts, rules, the link, and the page for a person.
func (w *WeChat) serveControl(rw http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/sim/")
	no, isOrder := strings.CutPrefix(path, "counts/")
	switch r.Method + " " + path {
	case "GET counts":
		reply(rw, w.Report(), nil)
	case "GET faults":
		reply(rw, Faults(), nil)
	case "GET rules":
		reply(rw, w.Rules(), nil)
	case "POST rules":
		serve(rw, r, w.AddRule)
	case "DELETE rules":
		w.ClearRules()
		reply(rw, []Rule{}, nil)
	case "GET link":
		reply(rw, w.linkState(), nil)
	case "POST link":
		serve(rw, r, func(q LinkState) (LinkState, error) {
			w.SetLink(q.Up)
			return w.linkState(), nil
		})
	case "GET ai", "POST ai", "DELETE ai":
		w.serveAI(rw, r)
	case "GET ai/faces":
		reply(rw, w.Faces(), nil)
	case "GET notices", "POST notices", "DELETE notices":
		w.serveNotices(rw, r)
	case "POST notices/send":
		reply(rw, map[string]int{"sent": w.SendNotices(r.Context())}, nil)
	case "GET bills", "POST bills", "DELETE bills":
		w.serveBills(rw, r)
	case "POST clock":
		serve(rw, r, func(q ClockState) (ClockState, error) {
			w.SetAhead(time.Duration(q.AheadS) * time.Second)
			return q, nil
		})
	case "GET scenarios":
		reply(rw, w.Scenarios(), nil)
	case "POST scenarios":
		serve(rw, r, w.SwitchScenario)
	case "DELETE scenarios":
		reply(rw, w.ScenariosOff(), nil)
	case "GET phone/account":
		reply(rw, w.Wallet(r.URL.Query().Get("payer")), nil)
	case "POST phone/account":
		serve(rw, r, w.SetAccount)
	case "GET phone/liveness":
		reply(rw, w.Selfies(), nil)
	case "POST phone/liveness":
		serve(rw, r, w.TakeSelfie)
	case "GET phone/screen":
		reply(rw, w.Screen(), nil)
	case "POST phone/codes":
		serve(rw, r, w.Mint)
	case "POST phone/scan":
		serve(rw, r, w.Scan)
	default:
		if isOrder && r.Method == http.MethodGet {
			c, ok := w.OrderReport(no)
			if !ok {
				reply(rw, nil, &controlError{http.StatusNotFound, "ORDER_UNKNOWN", "nothing was seen under this number"})
				return
			}
			reply(rw, c, nil)
			return
		}
		servePage(rw, r)
	}
}

// ClockState is how far the provider's clock is ahead of the machine's.
type ClockState struct {
	AheadS int64 `json:"ahead_s"`
}

// LinkState is the network between the shop and the provider.
type LinkState struct {
	Up  bool `json:"up"`
	Cut int  `json:"cut"` // requests reset because it was down
}

func (w *WeChat) linkState() LinkState {
	w.lock()
	defer w.mu.Unlock()
	return LinkState{Up: !w.link.down, Cut: w.tally.cut}
}

func servePage(rw http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		reply(rw, nil, &controlError{http.StatusMethodNotAllowed, "METHOD", r.Method + " is not for this path"})
		return
	}
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	h := rw.Header()
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-cache")
	http.StripPrefix("/sim/", http.FileServerFS(files)).ServeHTTP(rw, r)
}

// serve reads a JSON request, calls f and replies.
func serve[Q, A any](rw http.ResponseWriter, r *http.Request, f func(Q) (A, error)) {
	var q Q
	d := json.NewDecoder(http.MaxBytesReader(rw, r.Body, 1<<16))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		reply(rw, nil, err)
		return
	}
	a, err := f(q)
	reply(rw, a, err)
}

func reply(rw http.ResponseWriter, v any, err error) {
	h := rw.Header()
	h.Set("Content-Type", jsonType)
	h.Set("Cache-Control", "no-store")
	if err != nil {
		var refused *controlError
		if !errors.As(err, &refused) {
			refused = &controlError{http.StatusBadRequest, "BAD_REQUEST", err.Error()}
		}
		rw.WriteHeader(refused.Status)
		v = refused
	}
	_, _ = rw.Write(append(encodeJSON(v), '\n'))
}

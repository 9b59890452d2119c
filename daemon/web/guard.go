package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"qrposd/daemon/api"
)

// maxBody is far above any request there is.
const maxBody = 64 << 10

// policy lets the page be what was embedded and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; " +
	"frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// ServeHTTP turns away whoever may not ask, and answers the rest.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	defer s.survive(w, r)

	if p := s.refuse(r); p != nil {
		h.Set("Connection", "close") // and the rest of the request is not read
		writeProblem(w, p)
		return
	}
	if p := readBody(w, r); p != nil {
		h.Set("Connection", "close")
		writeProblem(w, p)
		return
	}
	deadline := time.Now().Add(writeTimeout + preferredWait(r.Header.Values("Prefer")))
	_ = http.NewResponseController(w).SetWriteDeadline(deadline) // without one, the kernel's timeouts are left
	handler, pattern := s.mux.Handler(r)
	if pattern == "" {
		writeProblem(w, unrouted(handler, w, r))
		return
	}
	s.mux.ServeHTTP(w, r)
}

// refuse says who may not ask. The listener is on loopback already; the address
// of the peer is the second line.
func (s *Server) refuse(r *http.Request) *api.Problem {
	switch {
	case !isLoopback(r.RemoteAddr):
		return api.NewProblem(http.StatusForbidden, "not_local", "this API is for programs on the till itself", "run the client on the till")
	case !ownHost(r):
		return api.NewProblem(http.StatusMisdirectedRequest, "host_refused", "this server does not answer for that host",
			"use 127.0.0.1 or localhost, with the port")
	case s.origin.Check(r) != nil, fromElsewhere(r):
		return api.NewProblem(http.StatusForbidden, "origin_refused", "the request comes from another site",
			"open the cashier page of the till itself")
	}
	return nil
}

// readBody takes the whole body before anything else happens. A read deadline
// that were left on the connection would end a request that waits: net/http
// keeps reading behind a handler, to notice when the client goes.
func readBody(w http.ResponseWriter, r *http.Request) *api.Problem {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(readTimeout)) // a connection always can; if not, the idle timeout is left
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	_ = conn.SetReadDeadline(time.Time{})
	r.Body = &whole{bytes.NewReader(body), body}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return tooLarge()
	}
	if err != nil {
		return api.NewProblem(http.StatusRequestTimeout, "body_timeout", "the request did not arrive whole", "send the whole request at once")
	}
	return nil
}

// whole is a body that was read.
type whole struct {
	io.Reader
	bytes []byte
}

func (*whole) Close() error { return nil }

// bodyOf is the body of a request that readBody has passed.
func bodyOf(r *http.Request) []byte {
	if w, ok := r.Body.(*whole); ok {
		return w.bytes
	}
	return nil
}

func tooLarge() *api.Problem {
	return api.NewProblem(http.StatusRequestEntityTooLarge, "body_too_large", "the request is too large",
		"a request has at most "+strconv.Itoa(maxBody)+" bytes")
}

// fromElsewhere also refuses to another site what CrossOriginProtection lets
// pass because it changes nothing: reading a stream or a picture takes up a
// connection. A link to the page itself is welcome.
func fromElsewhere(r *http.Request) bool {
	site := r.Header.Get("Sec-Fetch-Site")
	return (site == "cross-site" || site == "same-site") && r.URL.Path != "/"
}

func isLoopback(addr string) bool {
	ap, err := netip.ParseAddrPort(addr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// ownHost compares the Host header with the address the request came in on: a
// name that was pointed at this machine from outside is not among its own.
func ownHost(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return false
	}
	_, port, err := net.SplitHostPort(local.String())
	if err != nil {
		return false
	}
	if r.Host == local.String() { // 127.0.0.2 of a second till on this machine
		return true
	}
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]"} {
		if r.Host == name+":"+port || r.Host == name && port == "80" {
			return true
		}
	}
	return false
}

// unrouted words what the ServeMux answered on its own: no such path, or not
// with this method.
func unrouted(h http.Handler, w http.ResponseWriter, r *http.Request) *api.Problem {
	answer := &headOnly{header: http.Header{}}
	h.ServeHTTP(answer, r)
	if answer.status == http.StatusMethodNotAllowed {
		allow := answer.header.Get("Allow")
		w.Header().Set("Allow", allow)
		return api.NewProblem(answer.status, "method_not_allowed", r.Method+" is not answered here", "use "+strings.ReplaceAll(allow, ", ", " or "))
	}
	return api.NewProblem(http.StatusNotFound, "not_found", "there is nothing at this path", "GET /openapi.json lists what there is")
}

// headOnly keeps status and header of an answer and drops its body.
type headOnly struct {
	header http.Header
	status int
}

func (a *headOnly) Header() http.Header         { return a.header }
func (a *headOnly) WriteHeader(status int)      { a.status = status }
func (a *headOnly) Write(b []byte) (int, error) { return len(b), nil }

// survive keeps one broken request from being a broken till.
func (s *Server) survive(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	p := internal()
	s.logged(p, fmt.Errorf("panic in %s %s: %v\n%s", r.Method, r.URL.Path, v, debug.Stack()))
	writeProblem(w, p)
}

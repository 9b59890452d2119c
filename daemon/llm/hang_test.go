package llm

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// lurk waits until the client has gone.
func lurk(r *http.Request) { <-r.Context().Done() }

func flush(w http.ResponseWriter, s string) {
	io.WriteString(w, s)
	w.(http.Flusher).Flush()
}

// hangs are the ways of a provider not to answer in time.
var hangs = map[string]http.HandlerFunc{
	"before the headers": func(w http.ResponseWriter, r *http.Request) { lurk(r) },
	"after the headers": func(w http.ResponseWriter, r *http.Request) {
		flush(w, "")
		lurk(r)
	},
	"in the body": func(w http.ResponseWriter, r *http.Request) {
		flush(w, openAISaid(quoted(good), "")[:60])
		lurk(r)
	},
	"byte by byte": func(w http.ResponseWriter, r *http.Request) {
		for _, c := range openAISaid(quoted(good), "") {
			flush(w, string(c))
			if !pause(r, 20*time.Millisecond) {
				return
			}
		}
	},
	"blank lines for ever": func(w http.ResponseWriter, r *http.Request) {
		for pause(r, 5*time.Millisecond) {
			flush(w, "\n")
		}
	},
	"after the deadline": func(w http.ResponseWriter, r *http.Request) {
		pause(r, 400*time.Millisecond)
		io.WriteString(w, openAISaid(quoted(good), ""))
	},
	"error that never ends": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(500)
		flush(w, `{"error":`)
		lurk(r)
	},
}

func pause(r *http.Request, d time.Duration) bool {
	select {
	case <-r.Context().Done():
		return false
	case <-time.After(d):
		return true
	}
}

// Whatever a provider does, a call ends with its context, and what it needed is
// given back.
func TestHangs(t *testing.T) {
	for name, hang := range hangs {
		t.Run(name, func(t *testing.T) {
			c, r := client(t, serve(t, hang)), testRequest(t)
			goroutines, files := runtime.NumGoroutine(), openFiles(t)
			var wg sync.WaitGroup
			for i := range 24 {
				provider := []string{"openai-schema", "anthropic-tool", "gemini-schema"}[i%3]
				wg.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					_, err := c.Ask(ctx, Choice{provider, "m-1"}, r)
					var f *Failure
					if !errors.As(err, &f) || f.Class != Transient || f.Code != "deadline" || !errors.Is(f, context.DeadlineExceeded) || ctx.Err() == nil {
						t.Errorf("%s: %+v", provider, f)
					}
				})
			}
			wg.Wait()
			settles(t, goroutines, files)
		})
	}
}

// A caller that has another answer is not a provider that failed; one that cuts
// with the deadline as the cause is.
func TestCancel(t *testing.T) {
	c := client(t, serve(t, hangs["in the body"]))
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for cause, want := range map[error]Class{nil: Neutral, context.DeadlineExceeded: Transient, errors.New("lost the race"): Neutral} {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(30*time.Millisecond, func() { cancel(cause) })
		if _, f := askWith(ctx, t, c, "openai-schema"); f == nil || f.Class != want {
			t.Errorf("cancelled because of %v: %+v", cause, f)
		}
	}
	settles(t, goroutines, files)
}

// raw is a provider below HTTP.
func raw(t *testing.T, talk func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				talk(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestBrokenConnections(t *testing.T) {
	read := func(c net.Conn) { c.Read(make([]byte, 64<<10)) }
	gone := raw(t, func(net.Conn) {})
	for _, tt := range []struct {
		name, url, code string
	}{
		{"closed", raw(t, func(c net.Conn) { read(c) }), "broke_off"},
		{"reset", raw(t, func(c net.Conn) {
			read(c)
			c.(*net.TCPConn).SetLinger(0)
		}), "reset"},
		{"reset in the body", raw(t, func(c net.Conn) {
			read(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{")
			time.Sleep(20 * time.Millisecond)
			c.(*net.TCPConn).SetLinger(0)
		}), "reset"},
		{"body too short", raw(t, func(c net.Conn) {
			read(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{}")
		}), "broke_off"},
		{"not HTTP", raw(t, func(c net.Conn) {
			read(c)
			io.WriteString(c, "SSH-2.0-OpenSSH_9.2\r\n")
		}), "network"},
		{"headers without end", raw(t, func(c net.Conn) {
			read(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 128<<10)+"\r\n\r\n")
			time.Sleep(20 * time.Millisecond)
		}), "network"},
		{"refused", func() string {
			l, _ := net.Listen("tcp", "127.0.0.1:0")
			defer l.Close()
			return "http://" + l.Addr().String()
		}(), "refused"},
		{"no answer at all", gone, ""},
	} {
		goroutines := runtime.NumGoroutine()
		_, f := ask(t, client(t, tt.url), "openai-schema")
		if f == nil || f.Class != Transient || tt.code != "" && f.Code != tt.code {
			t.Errorf("%s: %+v", tt.name, f)
		}
		settles(t, goroutines, 1<<20)
	}
}

// An answer that is too large is left where it is, and its connection is closed.
func TestTooLarge(t *testing.T) {
	left := make(chan struct{})
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		defer close(left)
		for r.Context().Err() == nil {
			if _, err := io.WriteString(w, strings.Repeat("x", 64<<10)); err != nil {
				return
			}
		}
	}))
	if _, f := ask(t, c, "openai-schema"); f == nil || f.Code != codeTooLarge {
		t.Errorf("%+v", f)
	}
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Error("the connection stays open")
	}
}

// Proxies of the environment are not for money, and redirects not for keys.
func TestNoDetours(t *testing.T) {
	asked := 0
	elsewhere := serve(t, func(w http.ResponseWriter, r *http.Request) { asked++ })
	t.Setenv("HTTP_PROXY", elsewhere)
	t.Setenv("ALL_PROXY", elsewhere)
	c := client(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	}))
	_, f := ask(t, c, "openai-schema")
	if f == nil || f.Class != Config || f.Code != "http_307" || asked != 0 {
		t.Errorf("%+v, asked elsewhere %d times", f, asked)
	}
}

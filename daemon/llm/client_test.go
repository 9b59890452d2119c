package llm

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// Data of a mainland sale stays in the region that was configured, and a provider
// of which nobody said where it is is not in it.
func TestRegion(t *testing.T) {
	asked := 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		io.WriteString(w, openAISaid(quoted(good), ""))
	})
	at := func(name, region string) Provider { return Provider{Name: name, BaseURL: url, Region: region} }
	for _, region := range []string{"cn", ""} {
		c, err := Open(Models{Region: region, Providers: []Provider{at("inside", "cn"), at("outside", "us"), at("unknown", "")}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, provider := range []string{"inside", "outside", "unknown", "none"} {
			for _, mainland := range []bool{true, false} {
				want := provider != "none" && (!mainland || provider == "inside" && region == "cn")
				if got := c.Allowed(provider, mainland); got != want {
					t.Errorf("region %q: %s, mainland %v: %v", region, provider, mainland, got)
				}
				r := testRequest(t)
				r.Abroad = !mainland
				before := asked
				_, err := c.Ask(t.Context(), Choice{provider, "m"}, r)
				if (err == nil) != want || (asked > before) != want {
					t.Errorf("region %q: asking %s, mainland %v: %v", region, provider, mainland, err)
				}
			}
		}
	}
	r, _ := Prompt(Reasoning, testFacts())
	if r.Abroad {
		t.Error("a question is abroad before anybody said so")
	}
}

func TestAskRefuses(t *testing.T) {
	c := client(t, serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") }))
	for _, tt := range []struct {
		to    Choice
		r     Request
		class Class
		code  string
	}{
		{Choice{"nobody", "m"}, testRequest(t), Config, codeProvider},
		{Choice{"openai-schema", "m"}, Request{Abroad: true}, Caller, codeRequest},
		{Choice{"openai-schema", ""}, testRequest(t), Caller, codeRequest},
		{Choice{"gemini-schema", "../../x?y"}, testRequest(t), Caller, codeRequest},
	} {
		_, err := c.Ask(t.Context(), tt.to, tt.r)
		var f *Failure
		if !errors.As(err, &f) || f.Class != tt.class || f.Code != tt.code {
			t.Errorf("%+v: %v", tt.to, err)
		}
	}
}

// tlsProvider offers HTTP/2 and counts its connections.
func tlsProvider(t testing.TB, answer http.HandlerFunc) (url, ca string, accepts *atomic.Int32) {
	accepts = new(atomic.Int32)
	srv := httptest.NewUnstartedServer(answer)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.EnableHTTP2 = true
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			accepts.Add(1)
		}
	}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL, writePEM(t, srv.Certificate().Raw), accepts
}

func tlsClient(t testing.TB, url, ca string) *Client {
	t.Helper()
	c, err := Open(Models{CAFile: ca, Providers: []Provider{{Name: "p", BaseURL: url, KeyFile: keyFile(t)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// The connection is there before the first sale, shows no key for it, and is the
// one that is used. A call that is cut off takes its connection with it, and no other.
func TestWarm(t *testing.T) {
	var hang atomic.Bool
	url, ca, accepts := tlsProvider(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && r.Header.Get("Authorization") != "" {
			t.Error("a key is shown for nothing")
		}
		if r.ProtoMajor != 1 {
			t.Errorf("spoken %s", r.Proto)
		}
		io.Copy(io.Discard, r.Body)
		if hang.Load() {
			lurk(r)
			return
		}
		io.WriteString(w, openAISaid(quoted(good), ""))
	})
	c := tlsClient(t, url, ca)
	if err := c.Warm(t.Context()); err != nil || accepts.Load() != 1 {
		t.Fatalf("warmed with %v, %d connections", err, accepts.Load())
	}
	for range 3 {
		if _, f := ask(t, c, "p"); f != nil {
			t.Fatal(f)
		}
	}
	if n := accepts.Load(); n != 1 {
		t.Errorf("%d connections after warming and three calls", n)
	}
	hang.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	if _, f := askWith(ctx, t, c, "p"); f == nil || f.Code != "deadline" {
		t.Errorf("%+v", f)
	}
	cancel()
	hang.Store(false)
	for range 2 {
		if _, f := ask(t, c, "p"); f != nil {
			t.Error(f)
		}
	}
	if n := accepts.Load(); n != 2 {
		t.Errorf("%d connections after a call was cut off", n)
	}
}

// Who cannot be reached is named, and does not keep the others from being warm.
func TestWarmFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	up := serve(t, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404) })
	c, err := Open(Models{Providers: []Provider{{Name: "down", BaseURL: "http://" + l.Addr().String()}, {Name: "up", BaseURL: up}}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var f *Failure
	if err := c.Warm(t.Context()); !errors.As(err, &f) || f.Provider != "down" || f.Code != "refused" {
		t.Error(err)
	}
}

// otherAuthority has signed for nobody here.
func otherAuthority(t *testing.T) string {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, der)
}

func writePEM(t testing.TB, der []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// A certificate of somebody else, and a handshake that never ends.
func TestTLS(t *testing.T) {
	url, _, _ := tlsProvider(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	other := otherAuthority(t)
	c := tlsClient(t, url, other)
	if _, f := ask(t, c, "p"); f == nil || f.Class != Transient || f.Code != "certificate" {
		t.Errorf("%+v", f)
	}
	silent := raw(t, func(conn net.Conn) { io.Copy(io.Discard, conn) })
	c = tlsClient(t, "https"+silent[len("http"):], other)
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, f := askWith(ctx, t, c, "p"); f == nil || f.Code != "deadline" {
		t.Errorf("%+v", f)
	}
	settles(t, goroutines, files) // when the handshake is given up
}

// Close ends a lookup that is under way and lets the connections go.
func TestClose(t *testing.T) {
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	c, err := OpenOver(Models{Providers: []Provider{{Name: "p", BaseURL: "https://api.example.com", KeyFile: keyFile(t)}}}, &script{wait: time.Hour}, (&net.Dialer{}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, f := askWith(ctx, t, c, "p"); f == nil || f.Code != "deadline" {
		t.Errorf("%+v", f)
	}
	c.Close()
	settles(t, goroutines, files)
}

package daemon

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// While a damaged store is put together the page says so, and whoever asks at the moment
// at which the till takes over is answered by the till.
func TestThePageWaitsForTheStore(t *testing.T) {
	d := &Daemon{o: Options{Log: slog.New(slog.DiscardHandler)}}
	d.cfg.Till.ID, d.cfg.API.Listen = "T1", "127.0.0.1:0"
	over := d.meanwhile(t.Context())
	url := "http://" + d.ln.Addr().String()
	ask := func(path, accept string) (int, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", accept)
		c := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for path, want := range map[string]string{"/": "Do not charge again", "/customer": "Please ask the cashier"} {
		if code, body := ask(path, "text/html"); code != 503 || !strings.Contains(body, want) || !strings.Contains(body, `http-equiv="refresh"`) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, body := ask("/v1/sales", "*/*"); code != 503 || !strings.Contains(body, `"code":"store_rebuilding"`) || !strings.Contains(body, "hint") {
		t.Errorf("%d %s", code, body)
	}
	if err := over(); err != nil {
		t.Fatal(err)
	}
	answered := make(chan string)
	go func() { _, body := ask("/", "text/html"); answered <- body }()
	time.Sleep(10 * time.Millisecond) // the question is there before anybody listens; without this it comes later, which passes too
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the till") })}
	go func() { _ = srv.Serve(d.ln) }()
	if body := <-answered; body != "the till" {
		t.Errorf("it is answered %q", body)
	}
	if err := srv.Close(); err != nil {
		t.Error(err)
	}
	if _, err := net.DialTimeout("tcp", d.ln.Addr().String(), time.Second); err == nil {
		t.Error("the address is still taken")
	}
}

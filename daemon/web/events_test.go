package web

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

func listenAll(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

var errEnough = errors.New("enough")

// collect follows the events until one is the last that is wanted.
func collect(t *testing.T, c *api.Client, after, last uint64) []api.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var got []api.Event
	err := c.Events(ctx, after, func(ev api.Event) error {
		if got = append(got, ev); ev.Seq >= last {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) {
		t.Fatalf("after %d events: %v", len(got), err)
	}
	return got
}

// A reader that was away resumes where it was, at another server over the same
// book, and never sees a state that is over.
func TestEventsResumeOverARestart(t *testing.T) {
	shop := newShop()
	first := start(t, shop)
	v, err := first.api.Open(t.Context(), api.NewSale{Flow: sale.Merchant, Amount: "1.00", Currency: "CNY"}, "resume-0001", 0)
	if err != nil {
		t.Fatal(err)
	}
	shop.present(t, v.ID)
	got := collect(t, first.api, 0, 3)
	if len(got) != 3 || got[0].Kind != sale.Begun || got[0].State != "opened" || got[0].Sale.State != "presented" {
		t.Fatalf("%+v", got)
	}
	if err := first.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 250 { // more than a batch, while nobody served
		shop.mu.Lock()
		_, _, err := shop.openLocked(sale.New{Flow: sale.Payer, Amount: shop.sales[v.ID].Amount}, sale.Once{Key: strings.Repeat("k", 8+i)})
		shop.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
	}
	shop.pay(t, v.ID)
	second := start(t, shop)
	got = collect(t, second.api, got[2].Seq, 254)
	for i, ev := range got {
		if ev.Seq != uint64(i+4) {
			t.Fatalf("event %d has number %d", i, ev.Seq)
		}
	}
	if last := got[len(got)-1]; last.Kind != sale.Received || last.Sale.State != "paid" {
		t.Errorf("%+v", last)
	}
}

// open reads a raw stream.
func openStream(t *testing.T, url string, header ...string) (*bufio.Reader, *http.Response) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	return bufio.NewReader(res.Body), res
}

func readUntil(t *testing.T, r *bufio.Reader, want string) string {
	t.Helper()
	all := ""
	for !strings.Contains(all, want) {
		line, err := r.ReadString('\n')
		if all += line; err != nil {
			t.Fatalf("%v before %q: %s", err, want, all)
		}
	}
	return all
}

func TestStream(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	v, err := s.api.Open(t.Context(), api.NewSale{Flow: sale.Merchant, Amount: "1.00", Currency: "CNY"}, "stream-0001", 0)
	if err != nil {
		t.Fatal(err)
	}
	r, res := openStream(t, s.url+"/v1/events")
	if res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v", res.Header)
	}
	head := readUntil(t, r, `"notices":[]}`)
	if !strings.HasPrefix(head, "retry: 1000\n\nevent: health\n") || strings.Contains(head, "id:") {
		t.Errorf("a stream begins with %q", head)
	}
	shop.present(t, v.ID) // without a number only what is new is sent
	if got := readUntil(t, r, "id: 3\n"); strings.Contains(got, "id: 1\n") {
		t.Errorf("old news: %s", got)
	}
	s.Tell("scan_url", "that is a web address")
	readUntil(t, r, "event: notice\ndata: {\"code\":\"scan_url\"")
	shop.setHealth(func(h *api.Health) { h.Network.Level = api.Down })
	readUntil(t, r, `"code":"network_down"`)

	r, _ = openStream(t, s.url+"/v1/events?after=0", "Last-Event-ID", "2") // the header goes first
	if got := readUntil(t, r, "id: 3\n"); strings.Contains(got, "id: 1\n") || strings.Contains(got, "id: 2\n") {
		t.Errorf("resumed after 2: %s", got)
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("a stream ends with %v", err)
	}
}

// A stream says that it lives, every 5 s.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := newShop()
		s, err := New(optionsOf(shop, io.Discard))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		st := &stream{Server: s, w: w, conn: http.NewResponseController(deadlines{w})}
		done := make(chan error)
		go func() { done <- st.run(ctx) }()
		time.Sleep(46 * time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := strings.Count(w.Body.String(), "event: beat\ndata: {}\n\n"); n != 10 {
			t.Errorf("%d heartbeats in 46 s, with the one that says that all was sent", n)
		}
	})
}

// deadlines lets a recorder take a write deadline.
type deadlines struct{ *httptest.ResponseRecorder }

func (deadlines) SetWriteDeadline(time.Time) error { return nil }

// A reader that does not read is cut off, and costs nothing afterwards.
func TestSlowReader(t *testing.T) {
	shop := newShop()
	s, err := New(optionsOf(shop, io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	here, there := net.Pipe() // it buffers nothing, so that the first byte blocks
	defer there.Close()
	st := &stream{Server: s, w: pipeWriter{here}, conn: http.NewResponseController(pipeWriter{here}), patience: 50 * time.Millisecond}
	if err := st.run(t.Context()); err == nil || len(shop.watchers) != 0 {
		t.Errorf("run = %v with %d watchers left", err, len(shop.watchers))
	}
}

type pipeWriter struct{ net.Conn }

func (pipeWriter) Header() http.Header { return http.Header{} }
func (pipeWriter) WriteHeader(int)     {}
func (pipeWriter) Flush()              {}

// Streams are bounded, and a closed one makes room.
func TestStreamsAreBounded(t *testing.T) {
	shop := newShop()
	s := start(t, shop)
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func() *http.Response {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		return res
	}
	for range maxStreams {
		if res := ask(); res.StatusCode != 200 {
			t.Fatalf("%s", res.Status)
		}
	}
	if res := ask(); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one too many: %s", res.Status)
	}
	cancel()
	for range 200 {
		shop.mu.Lock()
		left := len(shop.watchers)
		shop.mu.Unlock()
		if left == 0 && s.streams.Load() == 0 && runtime.NumGoroutine() <= before+2 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d streams, %d goroutines of %d before", s.streams.Load(), runtime.NumGoroutine(), before)
}

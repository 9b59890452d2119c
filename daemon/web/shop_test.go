package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// fault is how a room behind the server words its refusals.
type fault struct {
	status              int
	code, message, hint string
}

func (f *fault) Error() string { return f.message }

func (f *fault) Problem() (int, string, string, string) { return f.status, f.code, f.message, f.hint }

// shop is a desk and a book in memory: the real rules, no disk and no provider.
type shop struct {
	mu       sync.Mutex
	sales    map[sale.ID]sale.Sale
	ids      []sale.ID
	journal  []sale.Entry
	known    map[string]known
	working  map[string]bool // keys whose request has not ended
	watchers map[chan struct{}]bool
	began    time.Time
	skew     time.Duration // how far the till's time is ahead of the test's
	health   api.Health
	broken   error // what every call fails with
	quick    bool  // a QR code is there at once, a charge is sent at once
}

type known struct {
	print string
	id    sale.ID
}

var wholesome = api.Health{
	Store: api.Part{Level: api.OK}, Network: api.Part{Level: api.OK}, Gateway: api.Part{Level: api.OK},
	Scanner: api.Part{Level: api.OK}, Clock: api.Part{Level: api.OK},
}

func newShop() *shop {
	return &shop{
		sales: make(map[sale.ID]sale.Sale), known: make(map[string]known), working: make(map[string]bool),
		watchers: make(map[chan struct{}]bool), began: time.Now(), health: wholesome,
	}
}

func (b *shop) Now() sale.Now {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.now()
}

func (b *shop) now() sale.Now { return sale.Now{At: sale.Instant(time.Since(b.began) + b.skew)} }

func (b *shop) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.skew += d
}

func (b *shop) Health() api.Health {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.health
}

func (b *shop) setHealth(change func(*api.Health)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.health)
}

// commit applies an event as the store does, and tells the watchers.
func (b *shop) commit(id sale.ID, ev sale.Event) (sale.Sale, error) {
	s, ok := b.sales[id]
	if !ok {
		return sale.Sale{}, &fault{http.StatusNotFound, "sale_not_found", fmt.Sprintf("there is no sale %.40q", id), "list the sales"}
	}
	ev.At, ev.Wall = b.now().At, time.Now()
	next, err := s.Apply(ev)
	if err != nil {
		return s, err
	}
	if next.Facts == s.Facts {
		return s, nil
	}
	b.record(next, ev)
	return next, nil
}

func (b *shop) record(s sale.Sale, ev sale.Event) {
	b.sales[s.ID] = s
	b.journal = append(b.journal, sale.Entry{Seq: uint64(len(b.journal) + 1), Sale: s.ID, State: s.State, Event: ev})
	for c := range b.watchers {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// apply is a fact from outside: the provider, the payer, the till itself.
func (b *shop) apply(t *testing.T, id sale.ID, events ...sale.Event) sale.Sale {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.sales[id]
	for _, ev := range events {
		if ev.Kind == sale.OrderIntended || ev.Kind == sale.ChargeIntended {
			req := sale.NewRequest("POST", "/v3/pay", []byte(`{"secret":"request body"}`), sale.PayerCode{})
			ev.Request, ev.OrderNo = &req, s.NextOrderNo()
		}
		var err error
		if s, err = b.commit(id, ev); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

const codeURL = "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"

func (b *shop) present(t *testing.T, id sale.ID) {
	t.Helper()
	b.apply(t, id, sale.Event{Kind: sale.OrderIntended}, sale.Event{Kind: sale.Ordered, CodeURL: codeURL, Lasts: 5 * time.Minute})
}

func (b *shop) pay(t *testing.T, id sale.ID) {
	t.Helper()
	b.apply(t, id, sale.Event{Kind: sale.Received, Amount: b.get(t, id).Amount, TransactionID: "4200002026112400001"})
}

func (b *shop) get(t *testing.T, id sale.ID) sale.Sale {
	t.Helper()
	s, err := b.Sale(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newest waits until there are n sales, and is the last of them.
func (b *shop) newest(t *testing.T, n int) sale.ID {
	t.Helper()
	for range 500 {
		b.mu.Lock()
		if len(b.ids) >= n {
			defer b.mu.Unlock()
			return b.ids[len(b.ids)-1]
		}
		b.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("sale %d was not opened", n)
	return ""
}

func (b *shop) take(once sale.Once) (sale.ID, bool, error) {
	switch k, ok := b.known[once.Key]; {
	case b.broken != nil:
		return "", false, b.broken
	case b.working[once.Key]:
		return "", false, &fault{http.StatusConflict, "once_in_flight", "the same request is being worked on", "wait, then send it again"}
	case ok && k.print != once.Print:
		return "", false, &fault{http.StatusUnprocessableEntity, "once_mismatch", "the key was used for another request", "make a new key"}
	case ok:
		return k.id, true, nil
	}
	return "", false, nil
}

func (b *shop) Open(_ context.Context, n sale.New, once sale.Once) (sale.Sale, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.openLocked(n, once)
}

func (b *shop) openLocked(n sale.New, once sale.Once) (sale.Sale, bool, error) {
	if id, replayed, err := b.take(once); err != nil || replayed {
		return b.sales[id], replayed, err
	}
	ev := sale.Event{Kind: sale.Begun, At: b.now().At, Wall: time.Now()}
	id, key := sale.Mint([]byte("secret"), "T1", once.Key, uint64(len(b.ids)+1), ev.At, ev.Wall)
	s, err := sale.Begin(n, id, key, ev)
	if err != nil {
		return s, false, err
	}
	b.known[once.Key] = known{once.Print, id}
	b.ids = append(b.ids, id)
	b.record(s, ev)
	if b.quick && n.Flow == sale.Merchant {
		req := sale.NewRequest("POST", "/v3/pay", []byte(`{}`), sale.PayerCode{})
		if _, err := b.commit(id, sale.Event{Kind: sale.OrderIntended, Request: &req, OrderNo: s.NextOrderNo()}); err != nil {
			return s, false, err
		}
		if s, err = b.commit(id, sale.Event{Kind: sale.Ordered, CodeURL: codeURL, Lasts: 5 * time.Minute}); err != nil {
			return s, false, err
		}
	}
	return s, false, nil
}

func (b *shop) Scan(_ context.Context, id sale.ID, code string) (sale.Sale, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(code) != 18 {
		return sale.Sale{}, &fault{http.StatusUnprocessableEntity, "scan_product", "this is not a payment code", "scan the customer's payment code"}
	}
	s, ok := b.sales[id]
	if !ok {
		return b.commit(id, sale.Event{})
	}
	req := sale.NewRequest("POST", "/v3/pay", []byte(code), sale.NewPayerCode(code))
	s, err := b.commit(id, sale.Event{Kind: sale.ChargeIntended, Request: &req, OrderNo: s.NextOrderNo(), CodeID: sale.NewPayerCode(code).ID()})
	if err == nil && b.quick {
		s, err = b.commit(id, sale.Event{Kind: sale.Unclear})
	}
	return s, err
}

func (b *shop) Cancel(_ context.Context, id sale.ID, by string) (sale.Sale, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.commit(id, sale.Event{Kind: sale.CancelRequested, By: by})
}

func (b *shop) Refund(_ context.Context, id sale.ID, m money.Money, by, why string, once sale.Once) (sale.Sale, bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, replayed, err := b.take(once); err != nil || replayed {
		return b.sales[known], replayed, err
	}
	s, err := b.commit(id, sale.Event{Kind: sale.RefundRequested, Amount: m, By: by, Why: &sale.Reason{Code: "refund", Message: why}})
	if err == nil {
		b.known[once.Key] = known{once.Print, id}
	}
	return s, false, err
}

func (b *shop) Sale(id sale.ID) (sale.Sale, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broken != nil {
		return sale.Sale{}, b.broken
	}
	s, ok := b.sales[id]
	if !ok {
		return b.commit(id, sale.Event{})
	}
	return s, nil
}

func (b *shop) Sales(limit int, before sale.ID) ([]sale.Sale, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := len(b.ids)
	if i := slices.Index(b.ids, before); i >= 0 {
		end = i
	}
	var page []sale.Sale
	for i := end - 1; i >= 0 && len(page) < limit; i-- {
		page = append(page, b.sales[b.ids[i]])
	}
	return page, b.broken
}

func (b *shop) Journal(after uint64, limit int) ([]sale.Entry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	rest := b.journal[min(after, uint64(len(b.journal))):]
	return slices.Clone(rest[:min(limit, len(rest))]), b.broken
}

func (b *shop) Watch() (<-chan struct{}, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := make(chan struct{}, 1)
	b.watchers[c] = true
	return c, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.watchers, c)
	}
}

func optionsOf(b *shop, log io.Writer) Options {
	return Options{
		Till: b, Book: b, Clock: b, Plan: sale.DefaultPlan(), Health: b.Health, Log: slog.New(slog.NewTextHandler(log, nil)),
		Name: "T1", Version: "test", Currency: "CNY",
	}
}

// till is a served shop.
type till struct {
	*shop
	*Server
	url string
	log *safeBuffer
	api *api.Client
}

func start(t *testing.T, b *shop) *till {
	t.Helper()
	return startWith(t, b, func(*Options) {})
}

func startWith(t *testing.T, b *shop, change func(*Options)) *till {
	t.Helper()
	log := &safeBuffer{}
	o := optionsOf(b, log)
	change(&o)
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewUnstartedServer(nil)
	served := make(chan error, 1)
	go func() { served <- s.Serve(h.Listener) }()
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(func() {
		client.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Errorf("shutdown: %v", err)
		}
	})
	url := "http://" + h.Listener.Addr().String()
	return &till{b, s, url, log, &api.Client{Base: url, HTTP: client}}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

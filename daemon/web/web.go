// Package web is the till's HTTP side: the API, its events and the cashier page.
//
// It knows what a request is and how it is answered; what a sale may do is
// asked of the desk and read from the book, through the interfaces here. The
// routes are registered once, and the OpenAPI document is made from the same
// registrations, so it cannot describe another server.
//
// Whoever may speak to it is on this machine: it serves a loopback listener,
// refuses another Host than its own (DNS rebinding) and every request that a
// browser sends on behalf of another site (CSRF). There are no CORS headers and
// GETs change nothing.
//
// Events come from the journal on disk and not from memory. A page that was
// away, or a till that was off, resumes after the last number it saw; a reader
// too slow to follow is cut off and does the same. Rejected: a ring of recent
// events, which starts anew with every restart, just when it is needed.
//
// A request under a known idempotency key is answered with the sale as it is
// now, not with a stored copy of the first answer: that copy says "waiting for
// payment" long after the customer has paid, and a POS that believes it asks
// for the money again.
package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Till does what a cashier asks for.
type Till interface {
	Open(ctx context.Context, n sale.New, once sale.Once) (s sale.Sale, replayed bool, err error)
	Scan(ctx context.Context, id sale.ID, code string) (sale.Sale, error)
	Cancel(ctx context.Context, id sale.ID, by string) (sale.Sale, error)
	Refund(ctx context.Context, id sale.ID, amount money.Money, by, why string, once sale.Once) (s sale.Sale, replayed bool, err error)
}

// Book is what is on record. Journal lists entries after a number, oldest
// first; Watch signals that there may be new ones.
type Book interface {
	Sale(id sale.ID) (sale.Sale, error)
	Sales(limit int, before sale.ID) ([]sale.Sale, error)
	Journal(after uint64, limit int) ([]sale.Entry, error)
	Watch() (changed <-chan struct{}, stop func())
}

// Clock is the till's own time.
type Clock interface {
	Now() sale.Now
}

// Options are what a server needs. Without a Backup none can be asked for; the
// rest is required but for Name, Shop, PayIn and Version.
//
// budget: each comes from another room, and the composition root has them all
type Options struct {
	Till    Till
	Book    Book
	Clock   Clock
	Plan    sale.Plan
	Health  func() api.Health // called by many at once, often
	Backup  func(context.Context) (api.Backup, error)
	Judge   Judge           // nil where sales are not judged
	Cases   Cases           // nil where nothing waits for an owner
	Offline Offline         // nil where nothing is sold without the provider
	Bills   Bills           // nil where none are fetched
	Days    Days            // nil where no day is closed
	Drawers Drawers         // nil with Days
	Owed    Owed            // nil where nobody lists what is owed
	Metrics func(io.Writer) // in the Prometheus text format; nil is none
	// Rung is told what lies in the basket of the sale that is about to be opened under
	// a key, and nil when that is over; nil where nobody wants to know.
	Rung     func(key string, items []Item)
	Log      *slog.Logger
	Name     string         // which till this is
	Shop     string         // what customers know the shop by; may be empty
	Version  string         // of the daemon
	Currency money.Currency // what the cashier's keypad types
	PayIn    *api.PayIn     // what customers can pay in beside it; nil is nothing
}

func (o Options) validate() error {
	var errs []error
	for what, missing := range map[string]bool{
		"a till": o.Till == nil, "a book": o.Book == nil, "a clock": o.Clock == nil, "health": o.Health == nil, "a log": o.Log == nil,
	} {
		if missing {
			errs = append(errs, fmt.Errorf("web: a server needs %s", what))
		}
	}
	if _, err := money.Exponent(o.Currency); err != nil {
		errs = append(errs, fmt.Errorf("web: %w", err))
	}
	return errors.Join(errs...)
}

// Limits of one connection. A till's clients are on the same machine; whoever
// is slower than this is broken or means harm.
const (
	maxHeader     = 16 << 10
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second // of one body
	writeTimeout  = 10 * time.Second // of one answer, or of one batch of events
	idleTimeout   = 2 * time.Minute
)

// Server is an http.Handler, and the HTTP server around it.
type Server struct {
	Options
	mux     *http.ServeMux
	origin  *http.CrossOriginProtection
	openapi []byte
	streams atomic.Int32  // readers of events
	seen    atomic.Uint64 // an entry of the journal that exists
	notices board
	backing sync.Mutex // held while a backup is made
	closed  chan struct{}
	close   func()
	http    *http.Server
}

// New is a server that was not started yet.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	s := &Server{Options: o, mux: http.NewServeMux(), origin: http.NewCrossOriginProtection(), closed: make(chan struct{})}
	s.close = sync.OnceFunc(func() { close(s.closed) })
	var err error
	if s.openapi, err = s.register(); err != nil {
		return nil, err
	}
	if err := s.servePage(); err != nil {
		return nil, err
	}
	s.http = &http.Server{
		Handler: s, MaxHeaderBytes: maxHeader, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelWarn),
	}
	return s, nil
}

// OpenAPI is the OpenAPI 3.1 document of the server, as JSON.
func (s *Server) OpenAPI() []byte { return s.openapi }

// Serve answers on a loopback listener until Shutdown, and then returns nil.
func (s *Server) Serve(ln net.Listener) error {
	if !isLoopback(ln.Addr().String()) {
		return fmt.Errorf("web: %s is not a loopback address; the cashier's API is for this machine only", ln.Addr())
	}
	if err := s.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown ends the streams and the waits, and lets other answers be finished until ctx
// ends. Those that are not are cut, and whoever works on one is told: nobody hears it.
func (s *Server) Shutdown(ctx context.Context) error {
	s.close()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	return err
}

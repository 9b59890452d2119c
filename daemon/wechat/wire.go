package wechat

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	maxAnswer = 256 << 10
	// idle connections are given up before a router on the way forgets them: a
	// charge written into a forgotten connection is a charge in doubt.
	idleTimeout = 15 * time.Second
	// A domain that failed tripAfter times in a row is passed over for openFor, or for
	// as long as a call may take where that is less.
	tripAfter = 3
	openFor   = 10 * time.Second
)

// heard is an answer as it came, nothing about it checked.
type heard struct {
	status int
	header http.Header
	body   []byte
	host   string
}

// domain is one of the provider's entrances and how it fares.
type domain struct {
	base    *url.URL
	breaker atomic.Pointer[gobreaker.CircuitBreaker[heard]]
	renew   func()      // puts a closed breaker before it
	dark    atomic.Bool // the last call did not find the way there
}

// wire brings one request to the provider, at most once.
type wire struct {
	domains []*domain
	rt      *http.Transport
	total   time.Duration
}

// lost is why there is no answer. Unsent says that no connection was ever handed
// to the request: not one byte of it can have left.
type lost struct {
	unsent bool
	host   string
	err    error
}

func (e *lost) Error() string { return e.err.Error() }
func (e *lost) Unwrap() error { return e.err }

var errAnswerSize = fmt.Errorf("the answer is larger than %d bytes", maxAnswer)

// newWire connects to nothing yet. now is the clock that certificates are judged by.
func newWire(c Config, roots *x509.CertPool, cert []tls.Certificate, now func() time.Time, log *slog.Logger) (*wire, error) {
	connect := time.Duration(c.ConnectTimeout)
	one := new(http.Protocols)
	one.SetHTTP1(true)
	w := &wire{
		total: time.Duration(c.TotalTimeout),
		rt: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: connect}).DialContext,
			TLSHandshakeTimeout:    connect,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: cert, Time: now},
			Protocols:              one,
			DisableCompression:     true, // the signature is over the bytes as sent
			MaxIdleConnsPerHost:    2,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: 64 << 10,
		},
	}
	for _, s := range c.BaseURLs {
		u, err := url.Parse(s)
		if err != nil {
			return nil, fmt.Errorf("wechat: base_urls: %w", err)
		}
		d := &domain{base: u}
		d.renew = func() { d.breaker.Store(newBreaker(u.Host, min(openFor, w.total), log)) }
		d.renew()
		w.domains = append(w.domains, d)
	}
	return w, nil
}

// newBreaker counts transport failures only: an answer, however bad its news, is
// a domain that works. The till's own shutting down says nothing about it.
func newBreaker(host string, open time.Duration, log *slog.Logger) *gobreaker.CircuitBreaker[heard] {
	return gobreaker.NewCircuitBreaker[heard](gobreaker.Settings{
		Name: host, Timeout: open,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= tripAfter },
		IsExcluded:  func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(name string, from, to gobreaker.State) {
			log.Warn("wechat domain", "host", name, "was", from.String(), "is", to.String())
		},
	})
}

// send makes the call at the first domain that can be connected to. authorize
// is asked again for each: a signature is good for one attempt. The error is
// always a *lost.
func (w *wire) send(ctx context.Context, method, target string, body []byte, prepare func(*http.Request) error) (heard, error) {
	ctx, cancel := context.WithTimeout(ctx, w.total)
	defer cancel()
	gone := &lost{unsent: true, err: errors.New("no domain to call")}
	for _, d := range w.domains {
		req, err := newHTTPRequest(ctx, method, d.base, target, body)
		if err == nil {
			err = prepare(req)
		}
		if err != nil {
			return heard{}, &lost{unsent: true, host: d.base.Host, err: err}
		}
		h, sent, err := w.attempt(d, req)
		if err == nil {
			return h, nil
		}
		gone = &lost{unsent: !sent, host: d.base.Host, err: err}
		if sent || ctx.Err() != nil {
			return heard{}, gone
		}
	}
	if method == http.MethodGet && (resting(gone) || errors.Is(gone, errDark)) {
		return w.past(ctx, target, prepare)
	}
	return heard{}, gone
}

// past asks at the first domain although its breaker is open. What a breaker saves
// a dead domain from is new business; whether a payer has paid is asked all the
// same, as often as the plan says, or a charge that went through is taken back for
// want of a question. An answer closes the breaker: the next customer does not wait
// for its time to be over.
func (w *wire) past(ctx context.Context, target string, prepare func(*http.Request) error) (heard, error) {
	d := w.domains[0]
	req, err := newHTTPRequest(ctx, http.MethodGet, d.base, target, nil)
	if err == nil {
		err = prepare(req)
	}
	if err != nil {
		return heard{}, &lost{unsent: true, host: d.base.Host, err: err}
	}
	req, sent := traced(req)
	h, err := w.roundTrip(d.base.Host, req)
	if err != nil {
		return heard{}, &lost{unsent: !sent.Load(), host: d.base.Host, err: err}
	}
	d.renew()
	return h, nil
}

// errDark is an open breaker where the way to the domain is what failed: the cable,
// and not the provider, is what a cashier looks at.
var errDark = errors.New("circuit breaker is open: no way to the provider was found")

// resting says that a breaker was open before a provider that did not answer:
// nothing was tried, and nothing is known of the network.
func resting(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}

// newHTTPRequest leaves GetBody out: with it, net/http sends a body again on
// another connection when the first turns out to be dead. A request that is seen
// to have no body it sends again by itself, and under the signature of the first
// time, which the provider takes for a replay: so an empty body is there to be read.
func newHTTPRequest(ctx context.Context, method string, base *url.URL, target string, body []byte) (*http.Request, error) {
	ref, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, fmt.Errorf("wechat: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, base.ResolveReference(ref).String(), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("wechat: %w", err)
	}
	if len(body) == 0 {
		req.Body = io.NopCloser(bytes.NewReader(nil))
	}
	req.GetBody = nil
	return req, nil
}

// attempt runs one request against one domain. sent says that a connection was
// handed to it: from there on bytes may have left, whatever the error says.
func (w *wire) attempt(d *domain, req *http.Request) (h heard, sent bool, err error) {
	req, got := traced(req)
	h, err = d.breaker.Load().Execute(func() (heard, error) { return w.roundTrip(d.base.Host, req) })
	switch spared := resting(err); {
	case !spared:
		d.dark.Store(err != nil && !got.Load())
	case d.dark.Load():
		err = errDark
	}
	return h, got.Load(), err
}

// traced notes whether a connection was handed to the request.
func traced(req *http.Request) (*http.Request, *atomic.Bool) {
	got := new(atomic.Bool)
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { got.Store(true) }}
	return req.WithContext(httptrace.WithClientTrace(req.Context(), trace)), got
}

func (w *wire) roundTrip(host string, req *http.Request) (heard, error) {
	res, err := w.rt.RoundTrip(req)
	if err != nil {
		return heard{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return heard{}, fmt.Errorf("the answer broke off: %w", err)
	case len(body) > maxAnswer:
		return heard{}, errAnswerSize
	}
	return heard{res.StatusCode, res.Header, body, host}, nil
}

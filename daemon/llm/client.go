package llm

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// maxAnswer bounds an answer with all that a gateway adds to it.
const maxAnswer = 256 << 10

// Client asks the configured providers.
type Client struct {
	region    string
	tasks     Tasks
	endpoints map[string]*endpoint
	order     []string
	rt        *http.Transport
	stop      context.CancelFunc
}

// endpoint is a provider that is ready to be asked.
type endpoint struct {
	Provider
	dialect dialect
	params  []member
	key     key
}

// Answer is what a model answered: a JSON object and nothing known about it.
// [Decode] makes an opinion of it.
type Answer struct {
	JSON     []byte
	Provider string
	// Model that answered, in the provider's words. A router may have chosen another
	// one than it was asked for.
	Model string
	// TokensIn and TokensOut are what the provider says it will charge for.
	TokensIn, TokensOut int
	Latency             time.Duration
	// FirstByte is when anything came at all. Some providers send blank lines while
	// they are busy.
	FirstByte time.Duration
}

// Open reads the keys and connects to nobody yet.
func Open(m Models) (*Client, error) {
	return OpenOver(m, &net.Resolver{PreferGo: true}, (&net.Dialer{}).DialContext)
}

// OpenOver is Open over a network that is not the machine's: one that is slower,
// worse or only in memory.
func OpenOver(m Models, r Resolver, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*Client, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	roots, err := readRoots(m.CAFile)
	if err != nil {
		return nil, err
	}
	c := &Client{region: m.Region, tasks: m.Tasks, endpoints: make(map[string]*endpoint)}
	for _, p := range m.Providers {
		e, err := newEndpoint(p)
		if err != nil {
			return nil, err
		}
		c.endpoints[p.Name], c.order = e, append(c.order, p.Name)
	}
	ctx, stop := context.WithCancel(context.Background())
	d := &dialer{newNames(ctx, r), dial}
	c.rt, c.stop = newTransport(d.connect, roots), stop
	return c, nil
}

func newEndpoint(p Provider) (*endpoint, error) {
	full, _ := p.complete()
	params, err := full.parameters()
	if err != nil {
		return nil, err
	}
	e := &endpoint{Provider: full, dialect: spoken[full.Dialect], params: params}
	if full.KeyFile != "" {
		if e.key, err = readKey(full.KeyFile); err != nil {
			return nil, fmt.Errorf("models: provider %q: key_file: %w", p.Name, err)
		}
	}
	return e, nil
}

func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("models: ca_file: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("models: ca_file: %s holds no certificate", file)
	}
	return roots, nil
}

// Close ends what is under way in the background and lets the connections go.
func (c *Client) Close() {
	c.stop()
	c.rt.CloseIdleConnections()
}

// Choices are who is asked for a task, in the order of preference.
func (c *Client) Choices(task Task) []Choice { return slices.Clone(c.tasks.For(task)) }

// Allowed says whether data of a sale may go to a provider. One of the mainland
// stays in the configured region, and a provider without one is outside of it.
func (c *Client) Allowed(provider string, mainland bool) bool {
	e, ok := c.endpoints[provider]
	return ok && (!mainland || c.region != "" && e.Region == c.region)
}

// Ask puts one question to one model, once, and ends with ctx, the body of the
// answer included. The error is always a *[Failure].
func (c *Client) Ask(ctx context.Context, to Choice, r Request) (Answer, error) {
	a, f := c.ask(ctx, to, r)
	if f != nil {
		f.Provider = clean(to.Provider, maxCode)
		return Answer{}, f
	}
	return a, nil
}

func (c *Client) ask(ctx context.Context, to Choice, r Request) (Answer, *Failure) {
	e, ok := c.endpoints[to.Provider]
	switch {
	case !ok:
		return Answer{}, failed(Config, codeProvider)
	case r.task == "" || !modelForm.MatchString(to.Model):
		return Answer{}, failed(Caller, codeRequest)
	case !c.Allowed(to.Provider, !r.Abroad):
		return Answer{}, failed(Caller, codeRegion)
	}
	began := time.Now()
	path, question := e.question(to.Model, r)
	first, body, f := c.send(ctx, e, path, question)
	if f != nil {
		return Answer{}, f
	}
	reply, f := e.dialect.read(e, r, body)
	if f == nil {
		f = checkReply(reply)
	}
	if f != nil {
		f.Status = http.StatusOK
		return Answer{}, f
	}
	return Answer{
		JSON: reply.json, Provider: e.Name, Model: clean(reply.model, maxCode),
		TokensIn: int(reply.in), TokensOut: int(reply.out),
		Latency: time.Since(began), FirstByte: first.Sub(began),
	}, nil
}

func checkReply(r reply) *Failure {
	switch {
	case len(r.json) == 0:
		return failed(Hallucination, codeEmpty)
	case r.json[0] != '{' || !json.Valid(r.json):
		return failed(Hallucination, codeNotJSON)
	}
	return nil
}

// send makes the call. Only a 200 gets past it, and even that proves nothing yet.
func (c *Client) send(ctx context.Context, e *endpoint, path string, question []byte) (first time.Time, body []byte, f *Failure) {
	var at atomic.Pointer[time.Time]
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotFirstResponseByte: func() { now := time.Now(); at.Store(&now) }})
	req, err := e.request(ctx, path, question)
	if err != nil {
		return first, nil, failed(Caller, codeRequest)
	}
	res, err := c.rt.RoundTrip(req)
	if err != nil {
		return first, nil, lost(ctx, err)
	}
	defer res.Body.Close()
	if first = time.Now(); at.Load() != nil {
		first = *at.Load()
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil || ctx.Err() != nil: // what came too late did not come
		f = lost(ctx, err)
	case len(body) > maxAnswer:
		f = failed(Transient, codeTooLarge)
	case res.StatusCode != http.StatusOK:
		f = readFault(body).failure(res.StatusCode, e.key)
		f.RetryAfter = max(f.RetryAfter, retryAfter(res.Header))
	}
	if f != nil {
		f.Status = res.StatusCode
		return first, nil, f
	}
	return first, body, nil
}

// question is where and what a model is asked.
func (e *endpoint) question(model string, r Request) (path string, body []byte) {
	return strings.ReplaceAll(e.Path, "{model}", url.PathEscape(model)), e.dialect.body(e, model, r)
}

func (e *endpoint) request(ctx context.Context, path string, question []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.BaseURL+path, bytes.NewReader(question))
	if err != nil {
		return nil, err
	}
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "qrposd")
	if value := e.key.value(); value != "" {
		if strings.EqualFold(e.KeyHeader, "Authorization") {
			value = "Bearer " + value
		}
		req.Header.Set(e.KeyHeader, value)
	}
	return req, nil
}

// Warm connects to every provider, so that no sale has to wait for it. It asks for
// nothing and shows no key; any answer will do. The error names those that did not
// give one.
func (c *Client) Warm(ctx context.Context) error {
	errs := make(chan error, len(c.order))
	for _, name := range c.order {
		go func() {
			f := c.warm(ctx, c.endpoints[name])
			if f == nil {
				errs <- nil
				return
			}
			f.Provider = name
			errs <- f
		}()
	}
	var all []error
	for range c.order {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

func (c *Client) warm(ctx context.Context, e *endpoint) *Failure {
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, e.BaseURL, nil)
	if err != nil {
		return failed(Caller, codeRequest)
	}
	req.Header.Set("User-Agent", "qrposd")
	res, err := c.rt.RoundTrip(req)
	if err != nil {
		return lost(ctx, err)
	}
	res.Body.Close()
	return nil
}

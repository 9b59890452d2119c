package wechat

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"qrposd/rules/sale"
)

// Client takes the steps of sales at WeChat Pay. It is safe for concurrent use.
type Client struct {
	conf   Config
	signer signer
	keys   keyring
	asked  string // the id of the key that answers are asked to be signed with
	v2key  []byte // nil without the v2 driver
	apiv3  []byte // nil if not configured
	clock  *clock
	wire   *wire
	qrLife time.Duration
	log    *slog.Logger
	pulse  pulse
}

// Open reads the keys and makes a client. It needs no network: a till starts
// where there is none. qrLife is how long a QR code can be paid.
func Open(conf Config, qrLife time.Duration, log *slog.Logger) (*Client, error) {
	return open(conf, qrLife, time.Now, log)
}

func open(conf Config, qrLife time.Duration, wall func() time.Time, log *slog.Logger) (*Client, error) {
	conf = conf.withDefaults()
	if err := conf.Validate(); err != nil {
		return nil, err
	}
	if qrLife <= 0 {
		return nil, errors.New("wechat: a QR code must live for some time")
	}
	c := &Client{
		conf: conf, qrLife: qrLife, log: log, keys: keyring{},
		clock: &clock{wall: wall, limit: time.Duration(conf.SkewLimit)},
	}
	return c, errors.Join(c.loadKeys(), c.loadWire())
}

// loadKeys reads every key and reports all that cannot be read.
func (c *Client) loadKeys() error {
	var errs []error
	key, err := readPrivateKey(c.conf.PrivateKeyFile)
	errs = append(errs, err)
	c.signer = signer{c.conf.MchID, strings.ToUpper(c.conf.Serial), key}
	for _, k := range c.conf.PlatformKeys {
		p, err := readPlatformKey(k)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if c.asked == "" {
			c.asked = p.id
		}
		c.keys[p.id] = p.key
		if !p.ends.IsZero() && c.clock.now().After(p.ends) {
			// Not an error: the machine's clock may be what is wrong.
			c.log.Warn("the platform certificate has ended", "id", p.id, "ended", p.ends.Format(time.DateOnly))
		}
	}
	if c.conf.APIv3KeyFile != "" {
		c.apiv3, err = readAPIKey(c.conf.APIv3KeyFile)
		errs = append(errs, err)
	}
	if c.conf.Driver == V2 {
		c.v2key, err = readAPIKey(c.conf.V2.KeyFile)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (c *Client) loadWire() error {
	var roots *x509.CertPool
	if name := c.conf.CAFile; name != "" {
		const hint = "ca_file holds certificates of authorities in PEM; leave it out to use the system's"
		b, err := readKeyFile(name, hint)
		if err != nil {
			return err
		}
		if roots = x509.NewCertPool(); !roots.AppendCertsFromPEM(b) {
			return &KeyError{name, "it holds no certificate", hint}
		}
	}
	var certs []tls.Certificate
	if c.conf.Driver == V2 {
		cert, err := readClientCert(c.conf.V2.CertFile, c.signer.key)
		if err != nil {
			return err
		}
		certs = append(certs, cert)
	}
	w, err := newWire(c.conf, roots, certs, c.clock.now, c.log)
	c.wire = w
	return err
}

// Skew is how far the provider's clock is ahead of the machine's, and whether a
// signed answer has told so yet.
func (c *Client) Skew() (time.Duration, bool) { return c.clock.skew() }

// Close gives up the idle connections.
func (c *Client) Close() { c.wire.rt.CloseIdleConnections() }

// Answer is what was heard on one call.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Host   string
	// Lost is why there is no answer. Unsent says that nothing can have left.
	Lost   error
	Unsent bool
	// Unverified is why the answer does not count; nil if the provider signed it.
	Unverified error
}

// Good says that a success was heard and that the provider has signed it, just now.
func (a Answer) Good() bool { return a.signed() && a.Status < 300 }

// signed says that the provider has signed what was heard, just now.
func (a Answer) signed() bool { return a.Lost == nil && a.Unverified == nil }

// unsigned says that there is an answer without any signature. It came over
// authenticated TLS; one with a wrong signature is worth less than this.
func (a Answer) unsigned() bool { return a.Lost == nil && errors.Is(a.Unverified, errUnsigned) }

// Call signs and sends a request of API v3 and verifies the answer. A GET whose
// signature is refused because of the clock is sent once more with a corrected
// one; nothing else is ever sent twice.
func (c *Client) Call(ctx context.Context, req sale.Request) Answer { return c.CallUnder(ctx, req, "") }

// CallUnder is Call under an idempotency key, which travels in its own header and
// not in the signature. net/http sends a request that carries one again by itself,
// on another connection, if it can get at the body a second time: here it cannot.
func (c *Client) CallUnder(ctx context.Context, req sale.Request, key string) Answer {
	a := c.callOnce(ctx, req, key)
	if a.Status == http.StatusUnauthorized && c.clock.hint(a.Header.Get("Date")) {
		c.log.Warn("wechat clock", "host", a.Host, "corrected_by", c.clock.now().Sub(c.clock.wall()).Round(time.Second).String())
		if req.Method == http.MethodGet {
			a = c.callOnce(ctx, req, key)
		}
	}
	return a
}

func (c *Client) callOnce(ctx context.Context, req sale.Request, key string) Answer {
	body, err := req.Wire()
	if err != nil {
		return Answer{Lost: err}
	}
	h, err := c.wire.send(ctx, req.Method, req.Path, body, func(r *http.Request) error { return c.dress(r, body, key) })
	a := answerOf(h, err)
	defer func() { c.pulse.note(a, c.clock.wall()) }()
	if a.Lost != nil {
		return a
	}
	ts, err := c.keys.verify(h.header, h.body, c.clock.now())
	if a.Unverified = err; err == nil {
		c.clock.learn(ts)
	}
	return a
}

// answerOf is an answer of which nothing is verified yet.
func answerOf(h heard, err error) Answer {
	a := Answer{Status: h.status, Header: h.header, Body: h.body, Host: h.host, Lost: err, Unverified: errUnsigned}
	var gone *lost
	if errors.As(err, &gone) {
		a.Unsent, a.Host = gone.unsent, gone.host
	}
	return a
}

// dress writes the headers of a v3 request.
func (c *Client) dress(r *http.Request, body []byte, key string) error {
	auth, err := c.signer.authorize(r.Method, r.URL.RequestURI(), newNonce(), c.clock.now(), body)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", auth)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "qrposd")
	r.Header.Set("Wechatpay-Serial", c.asked)
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return nil
}

// Do sends a prepared request and says what was heard. It never fails: no answer
// is the fact [sale.Unclear]. ctx bounds the whole call.
func (c *Client) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	began := time.Now()
	var a Answer
	var ev sale.Event
	var said string
	if isV2(req.Path) {
		a, ev, said = c.doV2(ctx, step, s, req)
	} else {
		a = c.Call(ctx, req)
		ev, said = c.hear(step, s, req, a)
	}
	ev.OrderNo, ev.RefundNo = step.OrderNo, step.RefundNo
	c.report(ctx, step, a, ev, said, time.Since(began))
	return ev
}

// report writes the one line of a call. It has no body and no code in it.
func (c *Client) report(ctx context.Context, step sale.Step, a Answer, ev sale.Event, said string, took time.Duration) {
	level := slog.LevelInfo
	switch {
	case ev.Why != nil && ev.Why.Code == whyMismatch.Code, a.Lost == nil && a.Status < 300 && a.Unverified != nil:
		level = slog.LevelError
	case ev.Kind == sale.Unclear:
		level = slog.LevelWarn
	case step.Do == sale.Query || step.Do == sale.QueryRefund:
		level = slog.LevelDebug
	}
	attrs := []slog.Attr{
		slog.String("op", string(step.Do)), slog.String("order", step.OrderNo), slog.String("host", a.Host),
		slog.Int64("ms", took.Milliseconds()), slog.Int("status", a.Status), slog.String("heard", string(ev.Kind)),
	}
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("refund", step.RefundNo)
	if ev.Why != nil {
		add("why", ev.Why.Code)
	}
	add("said", said)
	if a.Lost != nil {
		add("lost", clean(a.Lost.Error()))
	} else if a.Unverified != nil {
		add("unverified", a.Unverified.Error())
	}
	c.log.LogAttrs(ctx, level, "wechat call", attrs...)
}

// Probe asks about an order that cannot exist. A till does so when it starts:
// what is wrong with the network, the keys or the clock shows before a payer
// stands there, and a wrong clock is corrected by it.
func (c *Client) Probe(ctx context.Context) error {
	path := pathOrder + "QRPOSD-PROBE?mchid=" + url.QueryEscape(c.conf.MchID)
	a := c.Call(ctx, sale.NewRequest(http.MethodGet, path, nil, sale.PayerCode{}))
	if a.Lost != nil {
		return fmt.Errorf("wechat: %s: %w", whyNoNetwork.Message, a.Lost)
	}
	r := readRefusal(a.Header, a.Body)
	switch {
	case !a.signed() && !a.unsigned():
		return fmt.Errorf("wechat: %s: %w", whyUnverified.Message, a.Unverified)
	case r.code != codeNoOrder && r.code != codeNoResource:
		return fmt.Errorf("wechat: %s: %d %s", trouble(a.Status, r.code).Message, a.Status, r.said)
	}
	return nil
}

// Notice verifies and opens a notification. It is no proof of anything to a
// till behind a relay, only a reason to query at once.
func (c *Client) Notice(h http.Header, body []byte) ([]byte, error) {
	if c.apiv3 == nil {
		return nil, errors.New("wechat: notifications need apiv3_key_file")
	}
	if _, err := c.keys.verify(h, body, c.clock.now()); err != nil {
		return nil, fmt.Errorf("wechat: the notification does not count: %w", err)
	}
	return openNotice(c.apiv3, body)
}

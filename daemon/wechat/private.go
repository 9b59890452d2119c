package wechat

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"qrposd/rules/sale"
)

var errPrivate = errors.New("the answer was not read")

// CallPrivate is Call for a GET whose answer must not stay in memory: it goes over
// a connection of its own, whose buffers are written over when the answer was read.
// Who gets the answer wipes its body. net/http's transport would leave the answer in
// the buffer of a connection that is kept for the next call.
func (c *Client) CallPrivate(ctx context.Context, req sale.Request) Answer {
	ctx, cancel := context.WithTimeout(ctx, c.wire.total)
	defer cancel()
	gone := &lost{unsent: true, err: errors.New("no domain to call")}
	for _, d := range c.wire.domains {
		h, err := c.wire.private(ctx, d.base, req, func(r *http.Request) error { return c.dress(r, nil, "") })
		if err != nil {
			gone = &lost{host: d.base.Host, err: err}
			continue // a GET may be asked twice
		}
		a := answerOf(h, nil)
		ts, err := c.keys.verify(h.header, h.body, c.clock.now())
		if a.Unverified = err; err == nil {
			c.clock.learn(ts)
		}
		return a
	}
	return answerOf(heard{}, gone)
}

// private makes one exchange over one connection.
func (w *wire) private(ctx context.Context, base *url.URL, req sale.Request, prepare func(*http.Request) error) (h heard, err error) {
	r, err := newHTTPRequest(ctx, http.MethodGet, base, req.Path, nil)
	if err != nil {
		return heard{}, err
	}
	r.Body, r.Close = nil, true
	if err := prepare(r); err != nil {
		return heard{}, err
	}
	conn, err := w.dialPrivate(ctx, base)
	if err != nil {
		return heard{}, err
	}
	defer conn.Close()
	if end, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(end); err != nil {
			return heard{}, err
		}
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // the till stops: nothing is waited for
	if err := r.Write(conn); err != nil {
		return heard{}, err
	}
	defer func() { // one more read, which only hands out the buffer that TLS decrypted in
		_ = conn.SetDeadline(time.Unix(1, 0))
		_, _ = conn.Read(make([]byte, 1))
	}()
	buffer := bufio.NewReader(conn)
	defer wipe(buffer)
	res, err := http.ReadResponse(buffer, r)
	if err != nil {
		return heard{}, errPrivate // its own error may cite the answer
	}
	defer res.Body.Close()
	body, err := readWiping(res.Body)
	if err != nil {
		return heard{}, err
	}
	return heard{res.StatusCode, res.Header, body, base.Host}, nil
}

func (w *wire) dialPrivate(ctx context.Context, base *url.URL) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: w.rt.TLSHandshakeTimeout}
	port := cmp.Or(base.Port(), map[string]string{"https": "443"}[base.Scheme], "80")
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(base.Hostname(), port))
	if err != nil || base.Scheme != "https" {
		return conn, err
	}
	conf := w.rt.TLSClientConfig.Clone()
	conf.ServerName = base.Hostname()
	secure := tls.Client(&records{Conn: conn}, conf)
	shake, cancel := context.WithTimeout(ctx, w.rt.TLSHandshakeTimeout)
	defer cancel()
	if err := secure.HandshakeContext(shake); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secure, nil
}

// records is a connection below TLS. crypto/tls decrypts a record where it lies in the
// buffer that it reads into, and does not wipe it. It reads here into all of that
// buffer whenever nothing is left in it, and a reader may use all of what it is given
// as scratch space: so the last record is wiped before the next one is read, if no
// more is handed out at a time than one record, to the byte.
type records struct {
	net.Conn
	head [5]byte // of the record that is being read: its last two bytes are its length
	got  int     // of head
	left int     // of the record behind its head
}

func (r *records) Read(p []byte) (int, error) {
	clear(p)
	want := r.left
	if want == 0 {
		want = len(r.head) - r.got
	}
	n, err := r.Conn.Read(p[:min(want, len(p))])
	if r.left > 0 {
		r.left -= n
		return n, err
	}
	r.got += copy(r.head[r.got:], p[:n])
	if r.got == len(r.head) {
		r.got, r.left = 0, int(r.head[3])<<8|int(r.head[4])
	}
	return n, err
}

// zeros is an endless reader of them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// wipe has a reader fill its buffer with zeros.
func wipe(b *bufio.Reader) {
	b.Reset(zeros{})
	_, _ = b.Peek(b.Size()) // zeros never fail
}

// readWiping reads an answer and leaves one copy of it: a buffer that grew too small
// is wiped before it is dropped.
func readWiping(r io.Reader) ([]byte, error) {
	body := make([]byte, 0, 16<<10)
	for {
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxAnswer:
			clear(body)
			return nil, errAnswerSize
		case errors.Is(err, io.EOF):
			return body, nil
		case err != nil:
			clear(body)
			return nil, fmt.Errorf("the answer broke off: %w", err)
		}
		if len(body) == cap(body) {
			larger := append(make([]byte, 0, 2*cap(body)), body...)
			clear(body)
			body = larger
		}
	}
}

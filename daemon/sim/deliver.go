package sim

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"
)

// manner is how an answer travels.
type manner int

const (
	mannerPlain manner = iota
	mannerReset
	mannerHang
	mannerDrip
	mannerBadSignature
	mannerWrongSerial
	mannerSkewed
	mannerTruncate
)

// dripEvery is the pause between two bytes of a dripping answer, before TimeScale.
const dripEvery = 20 * time.Millisecond

// link is the network between the shop and the provider.
type link struct {
	down bool
	cut  chan struct{} // closed when the link goes down
}

// SetLink cuts the network between the shop and the provider, or mends it. While it is cut every connection is
// reset, those that wait for an answer included.
func (w *WeChat) SetLink(up bool) {
	w.lock()
	defer w.mu.Unlock()
	if up == !w.link.down {
		return
	}
	w.link.down = !up
	if up {
		w.link.cut = make(chan struct{})
	} else {
		close(w.link.cut)
	}
}

// cut is closed while the link is down.
func (w *WeChat) cut() <-chan struct{} {
	w.lock()
	defer w.mu.Unlock()
	return w.link.cut
}

// deliver sends an answer, or does to it what the fault says. It runs without the lock.
func (w *WeChat) deliver(rw http.ResponseWriter, r *http.Request, c *call, a answer, cut <-chan struct{}) {
	m := mannerPlain
	if c.fault != nil {
		m = c.fault.manner
	}
	if m == mannerHang {
		select { // until somebody gives up
		case <-r.Context().Done():
		case <-cut:
		}
		reset(rw)
		return
	}
	if !pause(r, c.delay, cut) || m == mannerReset {
		reset(rw)
		return
	}
	if m == mannerTruncate {
		a.body = a.body[:len(a.body)/2]
	}
	h := rw.Header()
	h.Set("Date", w.now().UTC().Format(http.TimeFormat))
	h.Set("Request-ID", fmt.Sprintf("08%s-%d", randomDigits(20), a.number))
	if a.kind != "" {
		h.Set("Content-Type", a.kind)
	}
	if a.sign {
		w.seal(h, r.Header.Get("Wechatpay-Serial"), a, m, c.skew())
	}
	if a.status != http.StatusNoContent {
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	rw.WriteHeader(a.status)
	if m != mannerDrip {
		_, _ = rw.Write(a.body) // the client may be gone; what happened has happened
		return
	}
	every := w.scaled(dripEvery)
	if c.rule.DripMS > 0 {
		every = time.Duration(c.rule.DripMS) * time.Millisecond
	}
	for i := range a.body {
		if !pause(r, every, cut) {
			reset(rw)
			return
		}
		_, _ = rw.Write(a.body[i : i+1])
		_ = http.NewResponseController(rw).Flush()
	}
}

// skew is how far ahead of the clock an answer of clock_skew is signed.
func (c *call) skew() time.Duration {
	if c.rule.SkewS != 0 {
		return time.Duration(c.rule.SkewS) * time.Second
	}
	return 2 * clockWindow
}

// pause waits and tells whether the connection is still there.
func pause(r *http.Request, d time.Duration, cut <-chan struct{}) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-r.Context().Done():
		return false
	case <-cut:
		return false
	case <-t.C:
	}
	select { // both may have been ready
	case <-cut:
		return false
	default:
		return true
	}
}

// reset ends a connection the hard way, so that the client sees "connection reset by peer" and not a clean end.
func reset(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err != nil { // HTTP/2 has no connection to take: its stream is reset instead
		panic(http.ErrAbortHandler)
	}
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if t, ok := conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0) // without it the kernel says FIN, and the reset becomes a polite close
	}
	_ = conn.Close()
}

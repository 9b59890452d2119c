package wechat

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Trouble is what keeps the till from the provider, by what a call met.
type Trouble string

// The troubles, from the cable to the provider.
const (
	NoRoute Trouble = "no_route" // the machine knows no way out
	NoName  Trouble = "no_name"  // the provider's name leads nowhere
	NoDoor  Trouble = "no_door"  // nobody opens, or hangs up
	Faulty  Trouble = "faulty"   // it answers, and not with anything that can be used
	Slow    Trouble = "slow"     // it takes what is sent and does not answer in time
	Clock   Trouble = "clock"    // the till's time is not believed, or does not believe the provider's certificate
)

// Pulse is how the way to the provider fares, by the calls that were made.
type Pulse struct {
	Answered time.Time // the last answer that could be used; zero is none yet
	Failures int       // calls in a row since without one
	Trouble  Trouble   // of the last of them
	Detail   string    // in the words of the error
	Since    time.Time // the first of them
}

// pulse takes the pulse.
type pulse struct {
	mu sync.Mutex
	p  Pulse
}

// Pulse is how the way to the provider fares.
func (c *Client) Pulse() Pulse {
	c.pulse.mu.Lock()
	defer c.pulse.mu.Unlock()
	return c.pulse.p
}

// note takes what was heard on a call. One that was not made, because a breaker was
// open or the till is being stopped, says nothing.
func (c *pulse) note(a Answer, now time.Time) {
	t, detail := troubleOf(a, now)
	if detail == "" && t != "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t == "" {
		c.p = Pulse{Answered: now}
		return
	}
	if c.p.Failures++; c.p.Failures == 1 {
		c.p.Since = now
	}
	c.p.Trouble, c.p.Detail = t, detail
}

// troubleOf is what a call met, nothing if its answer can be used, and a trouble
// without words if it was not made.
func troubleOf(a Answer, now time.Time) (Trouble, string) {
	switch err := a.Lost; {
	case err != nil && (resting(err) || errors.Is(err, errDark) || errors.Is(err, context.Canceled)):
		return NoDoor, ""
	case err != nil:
		return lostTo(err), clean(err.Error())
	case a.Status == http.StatusUnauthorized && offClock(a.Header.Get("Date"), now):
		return Clock, "the provider does not believe the till's time: its own is " + a.Header.Get("Date")
	case a.Status >= http.StatusInternalServerError || a.Status == http.StatusUnauthorized:
		return Faulty, http.StatusText(a.Status)
	case !a.signed() && !a.unsigned():
		return Faulty, clean(a.Unverified.Error())
	}
	return "", ""
}

func offClock(date string, now time.Time) bool {
	t, err := http.ParseTime(date)
	return err == nil && t.Sub(now).Abs() >= hintable
}

func lostTo(err error) Trouble {
	var dns *net.DNSError
	var cert x509.CertificateInvalidError
	var late net.Error
	var gone *lost
	switch {
	case errors.As(err, &dns):
		return NoName
	case errors.As(err, &cert) && cert.Reason == x509.Expired:
		return Clock
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETDOWN), errors.Is(err, syscall.EADDRNOTAVAIL):
		return NoRoute
	case errors.As(err, &gone) && !gone.unsent && (errors.Is(err, context.DeadlineExceeded) || errors.As(err, &late) && late.Timeout()):
		return Slow
	}
	return NoDoor
}

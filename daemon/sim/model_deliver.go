package sim

import (
	"net/http"
	"strconv"
	"time"
)

// modelManner is how an answer of a model travels.
type modelManner int

const (
	travelPlain modelManner = iota
	travelHang
	travelHangHeaders
	travelStall
	travelDrip
	travelBlanks
	travelBlanksForever
	travelReset
	travelResetHeaders
	travelResetBody
	travelGarbage
	travelHTML
	travelCutJSON
)

// blankEvery is the pause between the blank lines that keep a connection alive.
const blankEvery = 50 * time.Millisecond

// compose makes the answer of a call whose script is known.
func (c *modelCall) compose() {
	switch {
	case c.script.fails:
		c.ask = nil // a gateway says so before any model is asked
		c.answer = c.setting.Error.tell(c.dialect.shape)
		return
	case c.refused != nil:
		c.ask = nil
		c.answer = c.refused.tell(c.dialect.shape)
		return
	}
	c.think()
	c.answer = answer{status: http.StatusOK, kind: "application/json"}
	if c.said.whole != nil {
		c.answer.body = c.said.whole
		return
	}
	c.answer.body = encodeJSON(c.dialect.pack(c))
}

// think is what the model says, before its dialect packs it.
func (c *modelCall) think() {
	s := c.script
	switch {
	case s.inside != nil:
		c.said = s.inside(c.dialect.shape, c.setting.Error)
	case s.say != nil:
		c.said.text = s.say(c.ask, c.n)
	default:
		c.said.text = c.ask.sensible()
	}
	if s.end != "" {
		c.said.end = s.end
	}
	if s.wrap != nil {
		s.wrap(&c.said)
	}
	if s.end == stopLength {
		c.said.text = c.said.text[:len(c.said.text)/2]
	}
	c.said.tokens = tokensOf(c.said.text)
	if c.ask.thinks { // thoughts come first and fill a small cap
		c.said.thoughts = "We are asked to judge a sale."
		c.said.tokens += 400
		if c.ask.cap > 0 && c.ask.cap <= 400 {
			c.said.text = ""
		}
	}
	if c.ask.cap > 0 && c.said.tokens > c.ask.cap {
		c.said.text = c.said.text[:min(len(c.said.text), 4*c.ask.cap)]
		c.said.end, c.said.tokens = stopLength, c.ask.cap
	}
}

// deliver sends the answer, or does to it what the script says. It runs without the lock.
func (c *modelCall) deliver(rw http.ResponseWriter, r *http.Request, cut <-chan struct{}) modelEnd {
	closed := func() modelEnd {
		reset(rw)
		if r.Context().Err() != nil {
			return endAborted
		}
		return endCut
	}
	wait := func() bool { return pause(r, c.delay-time.Since(c.start), cut) }
	if c.script.travel == travelHang || c.hang {
		hang(r, cut)
		return closed()
	}
	if c.script.travel == travelReset {
		wait()
		return closed()
	}
	c.compose()
	c.distort()
	if b := c.script.travel; b == travelBlanks || b == travelBlanksForever {
		if !c.keepAlive(rw, r, cut) {
			return closed()
		}
	} else if !wait() {
		return closed()
	} else {
		c.headers(rw.Header())
		rw.Header().Set("Content-Length", strconv.Itoa(len(c.answer.body)))
		rw.WriteHeader(c.answer.status)
	}
	if !c.body(rw, r, cut) {
		return closed()
	}
	if r.Context().Err() != nil {
		return endAborted
	}
	return endAnswered
}

// distort changes the bytes, where that is the script.
func (c *modelCall) distort() {
	if c.answer.status != http.StatusOK {
		return
	}
	switch c.script.travel {
	case travelGarbage:
		c.answer.body = []byte("\x00\x01\xff{]:,\"choices\"nul")
	case travelHTML:
		c.answer.kind, c.answer.body = "text/html", []byte("<!DOCTYPE html><html><body><h1>Welcome to our free Wi-Fi</h1></body></html>")
	case travelCutJSON:
		c.answer.body = c.answer.body[:len(c.answer.body)/2]
	}
}

func (c *modelCall) headers(h http.Header) {
	h.Set("Content-Type", c.answer.kind)
	h.Set("X-Request-Id", "req_sim_"+strconv.Itoa(c.n))
	if c.script.fails {
		retryAfter(h, c.setting.Error.RetryAfter)
	}
}

// body sends what follows the headers, and tells whether it was all sent.
func (c *modelCall) body(rw http.ResponseWriter, r *http.Request, cut <-chan struct{}) bool {
	flush := func() { _ = http.NewResponseController(rw).Flush() } // fails when the client is gone, which the context tells
	b := c.answer.body
	switch c.script.travel {
	case travelHangHeaders:
		flush()
		hang(r, cut)
		return false
	case travelResetHeaders:
		flush()
		return false
	case travelStall, travelResetBody:
		_, _ = rw.Write(b[:len(b)/2])
		flush()
		if c.script.travel == travelStall {
			hang(r, cut)
		}
		return false
	case travelDrip:
		for i := range b {
			if !pause(r, dripEvery, cut) {
				return false
			}
			_, _ = rw.Write(b[i : i+1])
			if i < len(b)-1 {
				flush()
			}
		}
		return true
	}
	_, _ = rw.Write(b) // leaves when the call is over and counted, so that nobody has an answer that is not in the books
	return true
}

// keepAlive sends the status and then blank lines until the latency is over.
func (c *modelCall) keepAlive(rw http.ResponseWriter, r *http.Request, cut <-chan struct{}) bool {
	c.headers(rw.Header())
	rw.WriteHeader(c.answer.status)
	for {
		_, _ = rw.Write([]byte("\n"))
		_ = http.NewResponseController(rw).Flush()
		next := blankEvery
		if c.script.travel == travelBlanks {
			next = min(next, c.delay-time.Since(c.start))
		}
		if next <= 0 {
			return true
		}
		if !pause(r, next, cut) {
			return false
		}
	}
}

// hang waits until somebody gives up.
func hang(r *http.Request, cut <-chan struct{}) {
	select {
	case <-r.Context().Done():
	case <-cut:
	}
}

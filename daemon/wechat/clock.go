package wechat

import (
	"net/http"
	"sync"
	"time"
)

const (
	// freshness is how far a signed timestamp may be from now, either way: the
	// provider holds requests to it and asks for the same of answers.
	freshness = 5 * time.Minute
	// hintable is how far a Date must be off before a refused signature is
	// blamed on the clock.
	hintable = time.Minute
	// jitter is what a timestamp in whole seconds says about a clock at best.
	jitter = 2 * time.Second
)

// clock is the provider's time as far as it is known. Once learnt it runs on the
// machine's monotonic clock, so that setting the wall clock does not disturb it.
type clock struct {
	wall  func() time.Time // the machine's own
	limit time.Duration    // the farthest an unsigned hint may lead away from it

	mu     sync.Mutex
	base   time.Time // the provider's time
	mark   time.Time // and the machine's at that moment; zero while nothing is known
	learnt bool      // from a signed answer, not only from a hint
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nowLocked()
}

func (c *clock) nowLocked() time.Time {
	if c.mark.IsZero() {
		return c.wall()
	}
	return c.base.Add(c.wall().Sub(c.mark))
}

func (c *clock) set(t time.Time) { c.base, c.mark = t, c.wall() }

// learn takes the timestamp of an answer whose signature was good and which was
// fresh by this very clock, so that a replayed answer cannot walk it away.
func (c *clock) learn(ts time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if off := ts.Sub(c.nowLocked()).Abs(); c.mark.IsZero() || off > jitter {
		c.set(ts)
	}
	c.learnt = true
}

// hint takes the Date of a refused signature. Nobody signed it, so it does not
// count as learnt, and it is believed within the limit only. It says whether
// the clock has changed enough for another try to make sense.
func (c *clock) hint(date string) bool {
	t, err := http.ParseTime(date)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Sub(c.nowLocked()).Abs() < hintable || t.Sub(c.wall()).Abs() > c.limit {
		return false
	}
	c.set(t)
	c.learnt = false
	return true
}

func (c *clock) skew() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mark.IsZero() {
		return 0, false
	}
	// Round(0) drops the monotonic reading: the question is about the wall clock.
	wall := c.wall()
	return c.base.Add(wall.Sub(c.mark)).Round(0).Sub(wall.Round(0)), c.learnt
}

package scanner

import (
	"time"
)

// received notes bytes before they are cut into frames, so that a frame carries their time.
func (r *Reader) received(n int, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.LastByte = now
	r.status.Counters.Bytes += uint64(n)
}

// frame makes a frame a scan and hands it over.
func (r *Reader) frame(f frame) {
	garbled := r.framer.noise.garbage() && !isText(f.payload)
	s := Scan{
		Class:     Classify(f.payload, f.symbology, r.cfg.Wallets),
		Symbology: f.symbology,
		Device:    r.cfg.Path,
		At:        r.framer.last,
	}
	if !garbled {
		s.Duplicate = r.debouncer.duplicate(f.payload, s.At)
	}
	r.mu.Lock()
	c := &r.status.Counters
	if garbled { // the state says it; a cashier cannot do anything about each single one
		c.Garbled++
		r.mu.Unlock()
		return
	}
	c.Scans++
	if s.Duplicate {
		c.Duplicates++
	}
	r.mu.Unlock()
	r.send(s)
}

// send never blocks. Only this goroutine sends, so that a place made free stays free.
func (r *Reader) send(s Scan) {
	select {
	case r.scans <- s:
		r.overrun = false
		return
	default:
	}
	select {
	case <-r.scans:
		r.mu.Lock()
		r.status.Counters.Overruns++
		r.mu.Unlock()
		if !r.overrun {
			r.log.Warn("scans are not taken; dropping the oldest", "waiting", cap(r.scans))
		}
		r.overrun = true
	default: // taken in this moment
	}
	r.scans <- s
}

// judge moves between READY and GARBAGE, and publishes the counters of the framer.
func (r *Reader) judge() {
	state := Ready
	if r.framer.noise.garbage() {
		state = Garbage
	}
	r.setState(state, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count()
}

// count needs r.mu.
func (r *Reader) count() {
	c, f := &r.status.Counters, r.framer.counts
	c.Partial, c.Oversize, c.Stray = f.partial, f.oversize, f.stray
}

// setState logs each transition once, whatever the number of attempts in a state.
func (r *Reader) setState(s State, err error) {
	r.mu.Lock()
	old := r.status.State
	r.status.Error = ""
	if err != nil {
		r.status.Error = err.Error()
	}
	if s != old {
		r.status.State, r.status.Since = s, time.Now()
	}
	node := r.status.Node
	r.mu.Unlock()
	switch {
	case s == old:
	case s == Ready || s == Stopped:
		r.log.Info("scanner state", "state", s, "was", old, "node", node)
	default:
		r.log.Warn("scanner state", "state", s, "was", old, "hint", s.Hint(), "err", err)
	}
}

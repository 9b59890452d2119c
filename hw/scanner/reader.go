package scanner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 2 * time.Second

	// settleTime is how long a port must stay silent, but connected, to be called ready. A port that opens and hangs up at
	// once, as a dead USB device does, is not reported ready in between.
	settleTime = 10 * time.Millisecond

	// queue is how many scans wait for the till; far more than a person makes before looking up.
	queue = 16
)

// Scan is one code that was read.
type Scan struct {
	Class
	Symbology string    `json:"symbology,omitempty"` // AIM identifier, such as "]Q1"; empty if the scanner sends none
	Device    string    `json:"device"`              // configured path: the identity of the scanner
	At        time.Time `json:"at"`
	Duplicate bool      `json:"duplicate"` // a repeat within the debounce window: to be shown, not to be acted on
}

// port is what the reader needs of a [Port].
type port interface {
	Read(b []byte) (int, error)
	Write(b []byte) (int, error)
	SetReadDeadline(t time.Time) error
	Close() error
}

// Reader owns one scanner. Make it with [New].
type Reader struct {
	cfg   Config
	log   *slog.Logger
	open  func(path string, baud int) (p port, node string, err error)
	scans chan Scan

	framer    *framer // these two belong to the goroutine of Run
	debouncer *debouncer
	overrun   bool // the last scan pushed another one out

	mu     sync.Mutex
	status Status
}

// New returns a reader for a valid configuration. It opens nothing.
func New(cfg Config, log *slog.Logger) *Reader {
	return &Reader{
		cfg: cfg,
		log: log.With("scanner", cfg.Path),
		open: func(path string, baud int) (port, string, error) {
			p, err := OpenPort(path, baud)
			if err != nil {
				return nil, "", err
			}
			return p, p.Node(), nil
		},
		scans:     make(chan Scan, queue),
		framer:    newFramer(cfg.Terminator, cfg.AIM),
		debouncer: newDebouncer(time.Duration(cfg.Debounce)),
		status:    Status{State: Stopped, Path: cfg.Path, Since: time.Now()},
	}
}

// Scans returns the scans in order. It is closed when Run returns. If nobody takes them, the oldest one is dropped for
// the newest, counted in Counters.Overruns and logged once: reading never stops, and the code that the customer holds up
// now is worth more than one that has expired.
func (r *Reader) Scans() <-chan Scan { return r.scans }

// Status returns what is known now.
func (r *Reader) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.At = time.Now()
	s.Message, s.Hint = s.State.Message(), s.State.Hint()
	return s
}

// Run reads the scanner until ctx is done, through any number of disconnections; it returns an error only if the
// configuration is wrong. It may be called once.
func (r *Reader) Run(ctx context.Context) error {
	defer close(r.scans)
	if err := r.cfg.Validate(); err != nil {
		return err
	}
	var wake <-chan struct{}
	arm := func() {}
	if w, err := newWatcher(r.cfg.Path); err == nil {
		defer w.close()
		wake, arm = w.C, w.arm
	} else {
		r.log.Warn("replugging will be noticed later", "err", err) // inotify instances are used up: the polling remains
	}
	for wait := minBackoff; ; {
		arm()
		proven, err := r.attempt(ctx)
		if ctx.Err() != nil {
			r.setState(Stopped, nil)
			return nil
		}
		r.setState(stateOf(err), err)
		if proven {
			wait = minBackoff
		}
		timer := time.NewTimer(jitter(wait))
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
		wait = min(2*wait, maxBackoff)
	}
}

// jitter spreads the attempts of several readers that lost one hub.
func jitter(d time.Duration) time.Duration { return d - rand.N(d/4) }

// attempt opens the port and reads it until it fails. proven says that the port was good for a while, or for a byte: only
// then is the next failure a new one.
func (r *Reader) attempt(ctx context.Context) (proven bool, err error) {
	p, node, err := r.open(r.cfg.Path, r.cfg.Baud)
	if err != nil {
		return false, err
	}
	start := time.Now()
	r.mu.Lock()
	r.status.Node = node
	r.status.Counters.Opens++
	before := r.status.Counters.Bytes
	r.mu.Unlock()

	stop := context.AfterFunc(ctx, func() { _ = p.Close() })
	err = r.read(p)
	if stop() {
		_ = p.Close()
	}
	r.framer.reset()

	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Node = ""
	r.count()
	return time.Since(start) > maxBackoff || r.status.Counters.Bytes > before, err
}

// read feeds the framer until the port fails. While no frame is open there is no deadline, and so no timer.
func (r *Reader) read(p port) error {
	for _, s := range r.cfg.Init {
		cmd, err := parseCommand(s)
		if err != nil {
			return err
		}
		if _, err := p.Write(cmd); err != nil {
			return lost(err)
		}
	}
	buf := make([]byte, 4096)
	deadline := time.Now().Add(settleTime)
	for ready := false; ; ready = true {
		if err := p.SetReadDeadline(deadline); err != nil {
			return lost(err)
		}
		n, err := p.Read(buf)
		now := time.Now()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			r.framer.idle(now, r.frame)
		case err != nil:
			return lost(err)
		default:
			r.received(n, now)
			r.framer.push(now, buf[:n], r.frame)
		}
		if !ready {
			r.setState(Ready, nil)
		}
		r.judge()
		deadline = r.framer.deadline()
	}
}

// lost calls every failure of an open port a hangup: there is nothing else to do about it than to open it again.
func lost(err error) error {
	if errors.Is(err, ErrHangup) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrHangup, err)
}

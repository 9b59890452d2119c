package scanner

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestReaderScan(t *testing.T) {
	c := newCable(t)
	c.plug()
	cfg := c.config()
	cfg.Debounce = DefaultConfig().Debounce
	var log logBuffer
	r := New(cfg, log.logger())
	if s := r.Status(); s.State != Stopped || s.Since.IsZero() || s.At.IsZero() {
		t.Errorf("before Run: %+v", s)
	}
	stop := start(t, r)
	s := waitState(t, r, Ready)
	if !strings.HasPrefix(s.Node, "/dev/pts/") || !s.LastByte.IsZero() || s.Message == "" {
		t.Errorf("ready: %+v", s)
	}
	began := time.Now()
	c.send("]C0" + payer + "\r\n")
	first := next(t, r)
	if first.Code.Reveal() != payer || first.Kind != Payer || first.Wallet != "wechat" || first.Symbology != "]C0" ||
		first.Device != c.link || first.At.Before(began) || first.Duplicate {
		t.Errorf("scan: %+v", first)
	}
	c.send("]Q1" + payer + "\r\n") // the QR of the same page
	if dup := next(t, r); !dup.Duplicate || dup.Symbology != "]Q1" {
		t.Errorf("second symbology: %+v", dup)
	}
	c.send("6901234567892\r")
	if s := next(t, r); s.Kind != GTIN || s.Duplicate {
		t.Errorf("other code: %+v", s)
	}
	s = r.Status()
	if s.Counters.Scans != 3 || s.Counters.Duplicates != 1 || s.Counters.Opens != 1 || s.LastByte.Before(began) {
		t.Errorf("status: %+v", s)
	}
	stop()
	if _, ok := <-r.Scans(); ok {
		t.Error("scans after Run")
	}
	if s := r.Status(); s.State != Stopped || s.Node != "" {
		t.Errorf("after Run: %+v", s)
	}
	if strings.Contains(log.String(), payer[:8]) {
		t.Errorf("the log has the code: %s", log.String())
	}
}

func TestReaderBadConfig(t *testing.T) {
	r := New(Config{}, (&logBuffer{}).logger())
	if err := r.Run(t.Context()); err == nil {
		t.Fatal("ran with a zero configuration")
	}
}

// The splits that the pure framer passes one by one, over a pty, for the terminators and ends of reads that matter.
func TestReaderSplits(t *testing.T) {
	for _, w := range wires() {
		if len(w.want) != 1 {
			continue
		}
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			c := newCable(t)
			c.plug()
			cfg := c.config()
			cfg.Terminator, cfg.AIM = w.term, w.aim
			r := New(cfg, (&logBuffer{}).logger())
			start(t, r)
			waitState(t, r, Ready)
			sent := uint64(0)
			send := func(b string) {
				c.send(b)
				sent += uint64(len(b))
				eventually(t, func() bool { return r.Status().Counters.Bytes == sent }, func() string { return "part of a code" })
			}
			for _, i := range []int{0, 1, 2, 3, len(w.bytes) / 2, len(w.bytes) - 2, len(w.bytes) - 1} {
				send(w.bytes[:i])
				send(w.bytes[i:])
				if s := next(t, r); s.Code.Reveal() != w.want[0].payload || s.Symbology != w.want[0].symbology {
					t.Errorf("split at %d: %q %q", i, s.Code.Reveal(), s.Symbology)
				}
			}
		})
	}
}

func TestReaderGapAndPartial(t *testing.T) {
	c := newCable(t)
	c.plug()
	cfg := c.config()
	cfg.Terminator = TermGap
	r := New(cfg, (&logBuffer{}).logger())
	stop := start(t, r)
	waitState(t, r, Ready)
	c.send(payer)
	if s := next(t, r); s.Code.Reveal() != payer {
		t.Errorf("gap: %q", s.Code.Reveal())
	}
	stop()

	cfg.Terminator = TermCR
	r = New(cfg, (&logBuffer{}).logger())
	start(t, r)
	waitState(t, r, Ready)
	c.send("1345")
	eventually(t, func() bool { return r.Status().Counters.Partial == 1 }, func() string { return "partial" })
	c.send(payer + "\r")
	if s := next(t, r); s.Code.Reveal() != payer {
		t.Errorf("after a partial code: %q", s.Code.Reveal())
	}
}

func TestReaderGarbage(t *testing.T) {
	c := newCable(t)
	c.plug()
	var log logBuffer
	r := New(c.config(), log.logger())
	start(t, r)
	waitState(t, r, Ready)
	noise := strings.Repeat("\xfe\x81\x9c\xf0", 32)
	for range 5 {
		c.send(noise + "\r")
	}
	s := waitState(t, r, Garbage)
	if !strings.Contains(s.Hint, "baud") {
		t.Errorf("hint %q", s.Hint)
	}
	eventually(t, func() bool { return r.Status().Counters.Garbled == 5 }, func() string { return "garbled codes" })
	c.send(payer + "\r")
	if s := next(t, r); s.Kind != Payer {
		t.Errorf("after noise: %+v", s)
	}
	waitState(t, r, Ready)
	if n := strings.Count(log.String(), "state=GARBAGE"); n != 1 {
		t.Errorf("%d lines about GARBAGE:\n%s", n, log.String())
	}
}

func TestReaderBusyAndDenied(t *testing.T) {
	c := newCable(t)
	c.plug()
	p := openPort(t, c)
	var log logBuffer
	r := New(c.config(), log.logger())
	start(t, r)
	s := waitState(t, r, Busy)
	if s.Error == "" || s.Hint == "" {
		t.Errorf("busy: %+v", s)
	}
	time.Sleep(2 * minBackoff) // some attempts more, and no line more
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	p.Close()
	waitState(t, r, Ready)

	// Without a right to open: the open happens on a thread of another user.
	d := New(c.config(), log.logger())
	open := d.open
	d.open = func(path string, baud int) (p port, node string, err error) {
		denied(t, func() { p, node, err = open(path, baud) })
		return p, node, err
	}
	if err := os.Chmod(r.Status().Node, 0); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{filepath.Dir(c.link), filepath.Dir(filepath.Dir(c.link))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	start(t, d)
	if s := waitState(t, d, Denied); !strings.Contains(s.Hint, "dialout") {
		t.Errorf("denied: %+v", s)
	}
}

func TestReaderFlushesStaleBytes(t *testing.T) {
	c := newCable(t)
	c.plug()
	c.send("6901234567892\r" + payer[:9])
	r := New(c.config(), (&logBuffer{}).logger())
	start(t, r)
	waitState(t, r, Ready)
	c.send(payer + "\r")
	if s := next(t, r); s.Code.Reveal() != payer {
		t.Errorf("got %q, want the fresh code", s.Code.Reveal())
	}
}

// A consumer that takes nothing neither stops the reader nor loses the newest scan.
func TestReaderSlowConsumer(t *testing.T) {
	c := newCable(t)
	c.plug()
	var log logBuffer
	r := New(c.config(), log.logger())
	start(t, r)
	waitState(t, r, Ready)
	const n = queue + 10
	for i := range n {
		c.send(fmt.Sprintf("code-%03d\r", i))
	}
	eventually(t, func() bool { return r.Status().Counters.Scans == n }, func() string { return fmt.Sprint(r.Status().Counters) })
	eventually(t, func() bool { return r.Status().Counters.Overruns == n-queue }, func() string { return fmt.Sprint(r.Status().Counters) })
	for i := n - queue; i < n; i++ {
		if s, want := next(t, r), fmt.Sprintf("code-%03d", i); s.Code.Reveal() != want {
			t.Fatalf("got %s, want %s", s.Code.Reveal(), want)
		}
	}
	if got := strings.Count(log.String(), "dropping the oldest"); got != 1 {
		t.Errorf("%d lines about it, want 1", got)
	}
}

func TestReaderInit(t *testing.T) {
	c := newCable(t)
	c.plug()
	cfg := c.config()
	cfg.Init = []string{"7E 00 08 01 00 D0 80 AB CD"}
	r := New(cfg, (&logBuffer{}).logger())
	start(t, r)
	waitState(t, r, Ready) // a pty cannot be read before its other end was opened
	buf := make([]byte, 9)
	if _, err := io.ReadFull(c.master, buf); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%X", buf); got != "7E00080100D080ABCD" {
		t.Errorf("sent %s", got)
	}
	c.send(gm65 + "]Q1" + payer + "\r")
	if s := next(t, r); s.Code.Reveal() != payer || s.Symbology != "]Q1" {
		t.Errorf("after the answer: %+v", s)
	}
}

// eofPort opens, and then is a dead USB device.
type eofPort struct{ reads *atomic.Int64 }

func (e eofPort) Read([]byte) (int, error)        { e.reads.Add(1); return 0, io.EOF }
func (e eofPort) Write(b []byte) (int, error)     { return len(b), nil }
func (e eofPort) SetReadDeadline(time.Time) error { return nil }
func (e eofPort) Close() error                    { return nil }

func TestReaderEOFForEver(t *testing.T) {
	var log logBuffer
	var reads, opens atomic.Int64
	cfg := DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "scanner")
	r := New(cfg, log.logger())
	r.open = func(string, int) (port, string, error) { opens.Add(1); return eofPort{&reads}, "fake", nil }
	ctx, cancel := context.WithTimeout(t.Context(), 1200*time.Millisecond)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		t.Fatal(err)
	}
	// Attempts are at 0, 0.25, 0.75 s, each up to a quarter earlier.
	if n, o := reads.Load(), opens.Load(); n != o || n < 2 || n > 4 {
		t.Errorf("%d reads of %d opens", n, o)
	}
	if log := log.String(); strings.Contains(log, "state=READY") || strings.Count(log, "state=LOST") != 1 {
		t.Errorf("log:\n%s", log)
	}
}

package scanner

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience is what a test waits for a thing that must happen; it is generous because an emulated ARM is slow.
const patience = 15 * time.Second

// cable is a scanner on a pseudo-terminal, reached through a symlink as udev makes it.
type cable struct {
	t      testing.TB
	link   string
	master *os.File
}

func newCable(t testing.TB) *cable {
	t.Helper()
	c := &cable{t: t, link: filepath.Join(t.TempDir(), "scanner")}
	t.Cleanup(c.unplug)
	return c
}

// plug makes a fresh pty and moves the link to it.
func (c *cable) plug() {
	c.t.Helper()
	master, tty, err := pty.Open()
	if err != nil {
		c.t.Fatal(err)
	}
	tmp := c.link + ".new"
	if err := os.Symlink(tty.Name(), tmp); err != nil {
		c.t.Fatal(err)
	}
	if err := os.Rename(tmp, c.link); err != nil {
		c.t.Fatal(err)
	}
	tty.Close()
	c.master = master
}

// unplug hangs the pty up and leaves the link dangling.
func (c *cable) unplug() {
	if c.master != nil {
		c.master.Close()
		c.master = nil
	}
}

func (c *cable) send(s string) {
	c.t.Helper()
	if _, err := c.master.WriteString(s); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cable) config() Config {
	cfg := DefaultConfig()
	cfg.Path = c.link
	cfg.Debounce = 0
	return cfg
}

// logBuffer is a log that may be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// start runs a reader until the end of the test or the call of stop.
func start(t testing.TB, r *Reader) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run = %v", err)
			}
		case <-time.After(patience):
			t.Errorf("Run does not return:\n%s", stacks())
		}
	})
	t.Cleanup(stop)
	return stop
}

func waitState(t testing.TB, r *Reader, want ...State) Status {
	t.Helper()
	var s Status
	eventually(t, func() bool {
		s = r.Status()
		for _, w := range want {
			if s.State == w {
				return true
			}
		}
		return false
	}, func() string { return "state " + string(s.State) + " " + s.Error })
	return s
}

func eventually(t testing.TB, ok func() bool, say func() string) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(500 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("not in time: %s\n%s", say(), stacks())
		}
	}
}

func next(t testing.TB, r *Reader) Scan {
	t.Helper()
	select {
	case s, ok := <-r.Scans():
		if !ok {
			t.Fatal("scans are closed")
		}
		return s
	case <-time.After(patience):
		t.Fatalf("no scan; status %+v\n%s", r.Status(), stacks())
	}
	panic("unreachable")
}

func stacks() string {
	b := make([]byte, 1<<20)
	return string(b[:runtime.Stack(b, true)])
}

func openFiles(t testing.TB) int {
	t.Helper()
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

// ours counts the goroutines that run code of this package, by the blocks of a stack dump.
func ours() int {
	n := 0
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		if strings.Contains(g, "qrposd/hw/scanner.(*") {
			n++
		}
	}
	return n
}

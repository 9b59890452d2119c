package scanner

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A thousand times unplugged, also in the middle of a code, and replugged: no code is lost or made up, nothing leaks.
func TestReaderReplug(t *testing.T) {
	const cycles = 1000
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // a finalizer must not close what was forgotten
	c := newCable(t)
	c.plug()
	var log logBuffer
	files, goroutines := openFiles(t)-1, ours() // without the master of the cable
	r := New(c.config(), log.logger())
	stop := start(t, r)
	began := time.Now()
	var slowest time.Duration
	for i := range cycles {
		waitOpens(t, r, uint64(i)+1)
		code := fmt.Sprintf("13%016d", i)
		c.send("\r" + code + "\r")
		if s := next(t, r); s.Code.Reveal() != code {
			t.Fatalf("cycle %d: %q", i, s.Code.Reveal())
		}
		if i%2 == 1 { // its end will not come
			got := r.Status().Counters.Bytes + 9
			c.send(payer[:9])
			eventually(t, func() bool { return r.Status().Counters.Bytes == got }, func() string { return "partial code" })
		}
		c.unplug()
		waitState(t, r, Lost, Absent)
		at := time.Now()
		c.plug()
		waitOpens(t, r, uint64(i)+2)
		slowest = max(slowest, time.Since(at))
	}
	took := time.Since(began)
	t.Logf("%d cycles in %v, %v each; slowest replug %v", cycles, took, took/cycles, slowest)
	s := r.Status()
	if s.Counters.Scans != cycles || s.Counters.Partial != cycles/2 || s.Counters.Opens != cycles+1 {
		t.Errorf("counters %+v", s.Counters)
	}
	if n := strings.Count(log.String(), "\n"); n > 3*cycles+1 {
		t.Errorf("%d lines of log: more than the transitions", n)
	}
	stop()
	c.unplug()
	eventually(t, func() bool { return openFiles(t) <= files }, func() string {
		return fmt.Sprintf("%d files are open, %d were", openFiles(t), files)
	})
	debug.SetGCPercent(100)
	eventually(t, func() bool { return ours() <= goroutines }, func() string {
		return fmt.Sprintf("%d goroutines are left, %d were before", ours(), goroutines)
	})
}

func waitOpens(t *testing.T, r *Reader, n uint64) {
	t.Helper()
	var s Status
	eventually(t, func() bool { s = r.Status(); return s.State == Ready && s.Counters.Opens >= n },
		func() string { return fmt.Sprintf("open number %d: %+v", n, s) })
}

// Under /dev/serial/by-id the directory itself comes and goes with the device.
func TestReaderDirectoryAppears(t *testing.T) {
	c := newCable(t)
	base := filepath.Dir(c.link)
	c.link = filepath.Join(base, "by-id", "scanner")
	cfg := c.config()
	r := New(cfg, (&logBuffer{}).logger())
	start(t, r)
	waitState(t, r, Absent)
	for i := range 3 {
		if err := os.Mkdir(filepath.Join(base, "by-id"), 0o755); err != nil {
			t.Fatal(err)
		}
		c.plug()
		waitOpens(t, r, uint64(i)+1)
		if err := os.RemoveAll(filepath.Join(base, "by-id")); err != nil {
			t.Fatal(err)
		}
		c.unplug()
		waitState(t, r, Absent)
	}
}

func TestWatcher(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "by-id")
	path := filepath.Join(dir, "scanner")
	w, err := newWatcher(path)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	expect := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		select {
		case <-w.C:
		case <-time.After(patience):
			t.Fatalf("not woken by %s", what)
		}
	}
	w.arm()
	expect("the directory", os.Mkdir(dir, 0o755))
	w.arm()
	w.arm()
	expect("a link", os.Symlink("/dev/null", path))
	if err := os.Symlink("/dev/zero", path+".new"); err != nil { // of no concern
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	if len(w.C) != 0 {
		t.Error("woken by another name")
	}
	expect("a link moved into place", os.Rename(path+".new", path))
}

// What inotify does not see, the polling finds.
func TestReaderPollsToo(t *testing.T) {
	c := newCable(t)
	c.plug()
	target, err := os.Readlink(c.link)
	if err != nil {
		t.Fatal(err)
	}
	// The link is there all the time, and what it leads to appears where nobody watches.
	far := filepath.Join(t.TempDir(), "far")
	if err := os.Remove(c.link); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(far, c.link); err != nil {
		t.Fatal(err)
	}
	r := New(c.config(), (&logBuffer{}).logger())
	start(t, r)
	waitState(t, r, Absent)
	if err := os.Symlink(target, far); err != nil {
		t.Fatal(err)
	}
	waitState(t, r, Ready)
}

// At rest a reader takes less than 0.1 % of a core; without a scanner it polls about once in two seconds, for which an
// emulated ARM may take some more. What else the process does in a window, such as a garbage collection, counts too; so
// the best of a few windows is judged.
func TestReaderIdleCPU(t *testing.T) {
	const window = 2 * time.Second
	for want, limit := range map[State]time.Duration{Ready: window / 1000, Absent: window / 250} {
		t.Run(string(want), func(t *testing.T) {
			c := newCable(t)
			if want == Ready {
				c.plug()
			}
			r := New(c.config(), (&logBuffer{}).logger())
			start(t, r)
			waitState(t, r, want)
			time.Sleep(500 * time.Millisecond) // the first, quicker attempts
			best := window
			for range 4 {
				before := cpuTime(t)
				time.Sleep(window)
				if best = min(best, cpuTime(t)-before); best < limit {
					break
				}
			}
			t.Logf("%v of CPU in %v: %.4f %%", best, window, 100*best.Seconds()/window.Seconds())
			if best >= limit {
				t.Errorf("more than %v", limit)
			}
		})
	}
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLatency is from the write of the scanner to the scan in the hands of the consumer.
func BenchmarkLatency(b *testing.B) {
	c := newCable(b)
	c.plug()
	r := New(c.config(), (&logBuffer{}).logger())
	start(b, r)
	waitState(b, r, Ready)
	for b.Loop() {
		c.send("]Q1" + payer + "\r\n")
		<-r.Scans()
	}
}

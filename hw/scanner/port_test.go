package scanner

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openPort(t testing.TB, c *cable) *Port {
	t.Helper()
	p, err := OpenPort(c.link, 9600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close() })
	return p
}

// echo reads until want has come, or fails.
func readAll(t testing.TB, p *Port, want string) {
	t.Helper()
	if err := p.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var got []byte
	buf := make([]byte, 64)
	for len(got) < len(want) {
		n, err := p.Read(buf)
		if err != nil {
			t.Fatalf("after %q: %v", got, err)
		}
		got = append(got, buf[:n]...)
	}
	if string(got) != want {
		t.Fatalf("read %q, want %q", got, want)
	}
}

func TestPortErrors(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "dangling")
	if err := os.Symlink(filepath.Join(dir, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	for _, tt := range []struct {
		path  string
		state State
	}{
		{filepath.Join(dir, "none"), Absent},
		{filepath.Join(dir, "none", "deeper"), Absent},
		{dangling, Absent},
		{file, Fault},
		{"/dev/null", Fault},
		{dir, Fault},
	} {
		_, err := OpenPort(tt.path, 9600)
		if err == nil || stateOf(err) != tt.state {
			t.Errorf("%s: %v is %s, want %s", tt.path, err, stateOf(err), tt.state)
		}
	}
	for _, tt := range []struct {
		err   error
		state State
	}{ // what a real USB port was seen to answer, and a pty cannot
		{&os.PathError{Op: "open", Err: unix.ENODEV}, Absent},
		{&os.PathError{Op: "open", Err: unix.ENXIO}, Absent},
		{&os.PathError{Op: "open", Err: unix.EPERM}, Denied}, // DeviceAllow
		{unix.EBUSY, Busy}, // TIOCEXCL
		{unix.EIO, Lost},
	} {
		if got := stateOf(portError("p", tt.err)); got != tt.state {
			t.Errorf("%v is %s, want %s", tt.err, got, tt.state)
		}
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d open files, %d before", after, before)
	}
}

// denied runs f on a thread that may not open what belongs to root. The thread is thrown away.
func denied(t testing.TB, f func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		if os.Getuid() == 0 {
			if err := unix.Setfsuid(65534); err != nil {
				done <- err
				return
			}
		}
		f()
		done <- nil
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestPortDenied(t *testing.T) {
	c := newCable(t)
	c.plug()
	if err := os.Chmod(filepath.Dir(c.link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(filepath.Dir(c.link)), 0o755); err != nil {
		t.Fatal(err)
	}
	node, err := filepath.EvalSymlinks(c.link)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(node, 0); err != nil {
		t.Fatal(err)
	}
	denied(t, func() {
		_, err = OpenPort(c.link, 9600)
	})
	if !errors.Is(err, ErrDenied) || stateOf(err) != Denied {
		t.Fatalf("OpenPort = %v, want ErrDenied", err)
	}
}

func TestPortBusy(t *testing.T) {
	c := newCable(t)
	c.plug()
	p := openPort(t, c)
	if _, err := OpenPort(c.link, 9600); !errors.Is(err, ErrBusy) {
		t.Fatalf("second OpenPort = %v, want ErrBusy", err)
	}
	c.send("still ours")
	readAll(t, p, "still ours")
	p.Close()
	again := openPort(t, c) // at once: our own lock is no obstacle
	c.send("again")
	readAll(t, again, "again")
}

func TestPortFlushesStaleBytes(t *testing.T) {
	c := newCable(t)
	c.plug()
	c.send(payer + "\r\n") // scanned while no daemon ran
	p := openPort(t, c)
	c.send("fresh")
	readAll(t, p, "fresh")
}

func TestPortEveryByte(t *testing.T) {
	c := newCable(t)
	c.plug()
	p := openPort(t, c)
	var all []byte
	for b := range 256 {
		all = append(all, byte(b))
	}
	c.send(string(all))
	readAll(t, p, string(all))
}

func TestPortDeadlineAndHangup(t *testing.T) {
	c := newCable(t)
	c.plug()
	p := openPort(t, c)
	buf := make([]byte, 16)
	if err := p.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Read(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Read of a silent line = %v", err)
	}
	c.send("x") // the deadline is past, but the line is not silent
	eventually(t, func() bool {
		n, err := p.Read(buf)
		return n == 1 && err == nil
	}, func() string { return "a waiting byte is not read" })
	if err := p.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	got := make(chan error, 1)
	go func() { _, err := p.Read(buf); got <- err }()
	time.Sleep(5 * time.Millisecond)
	c.unplug()
	if err := <-got; !errors.Is(err, ErrHangup) {
		t.Fatalf("Read of an unplugged port = %v", err)
	}
	if _, err := p.Read(buf); !errors.Is(err, ErrHangup) {
		t.Fatalf("second Read of an unplugged port = %v", err)
	}
}

// The bound is of the requirement: Close during Read takes less than 50 ms.
func TestPortCloseDuringRead(t *testing.T) {
	c := newCable(t)
	c.plug()
	var took []time.Duration
	for range 21 {
		p := openPort(t, c)
		got := make(chan error, 1)
		go func() { _, err := p.Read(make([]byte, 16)); got <- err }()
		time.Sleep(2 * time.Millisecond)
		start := time.Now()
		p.Close()
		if err := <-got; !errors.Is(err, os.ErrClosed) {
			t.Fatalf("Read = %v, want os.ErrClosed", err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	t.Logf("Close until Read returned: median %v, worst %v", took[len(took)/2], took[len(took)-1])
	if m := took[len(took)/2]; m >= 50*time.Millisecond {
		t.Errorf("median %v", m)
	}
}

// A device that takes nothing: the write ends, and so does Close.
func TestPortHungWrite(t *testing.T) {
	c := newCable(t)
	c.plug()
	p := openPort(t, c)
	start := time.Now()
	_, err := p.Write(make([]byte, 1<<20))
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("Write = %v", err)
	}
	wrote := time.Now()
	p.Close()
	closed := time.Now()
	t.Logf("Write gave up after %v, Close took %v", wrote.Sub(start), closed.Sub(wrote))
	if d := wrote.Sub(start); d < writeTimeout || d > patience {
		t.Errorf("Write gave up after %v", d)
	}
	if d := closed.Sub(wrote); d > time.Second {
		t.Errorf("Close took %v", d)
	}
}

// eofTTY is what tarm/serial is after an unplug of a real USB device: EOF at once, for ever.
type eofTTY struct{ reads atomic.Int64 }

func (e *eofTTY) Read([]byte) (int, error) { e.reads.Add(1); return 0, io.EOF }
func (e *eofTTY) Close() error             { return nil }

func TestPortQuickEOFIsHangup(t *testing.T) {
	c := newCable(t)
	c.plug()
	p := openPort(t, c)
	fake := &eofTTY{}
	real := p.tty
	p.tty = fake
	defer real.Close()
	c.send("never read") // the control descriptor sees data and no hangup, as with a driver that reports none
	if _, err := p.Read(make([]byte, 16)); !errors.Is(err, ErrHangup) {
		t.Fatalf("Read = %v, want ErrHangup", err)
	}
	if n := fake.reads.Load(); n != 2 {
		t.Errorf("%d reads, want 2", n)
	}
}

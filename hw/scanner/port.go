package scanner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tarm/serial"
	"golang.org/x/sys/unix"
)

// What can be wrong with a port, as errors.Is sees it.
var (
	ErrAbsent = errors.New("no such device")          // no node: not plugged in, or no udev rule
	ErrDenied = errors.New("permission denied")       // group dialout or DeviceAllow is missing
	ErrBusy   = errors.New("in use by another")       // ModemManager, or a second daemon
	ErrHangup = errors.New("device was disconnected") // unplugged while open
)

const (
	// readTimeout bounds a read of tarm/serial that finds no byte although poll promised one. Never 0: such a read
	// could not be ended by anything, nor could Close.
	readTimeout = 100 * time.Millisecond

	// quickEOF is far below readTimeout. A read that ends sooner without a byte did not time out: the device is gone.
	quickEOF = 50 * time.Millisecond

	writeTimeout = time.Second
)

// Port is an open serial port.
//
// tarm/serial opens, configures and reads it. Its descriptor is blocking, so a second one to the same tty, which stays in
// the runtime's poller, does the waiting: it sees hangup, obeys deadlines, can be closed while a read waits, and holds the
// locks. An idle port has no timer and costs nothing.
type Port struct {
	tty  io.ReadCloser // *serial.Port
	ctl  *os.File
	raw  syscall.RawConn // of ctl
	node string
	eofs int // quick ones in a row
}

// OpenPort opens the port at path, a device or a symlink to one, and discards what was received before. The errors wrap
// ErrAbsent, ErrDenied or ErrBusy where they apply. The caller must Close the port.
func OpenPort(path string, baud int) (*Port, error) {
	// Both descriptors must be of one device even if the symlink is moved in between.
	node, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, portError(path, err)
	}
	// O_NOCTTY: or the tty becomes the controlling one of a service, and unplugging it sends SIGHUP to the daemon.
	ctl, err := os.OpenFile(node, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, portError(path, err)
	}
	raw, err := ctl.SyscallConn()
	if err != nil {
		return nil, errors.Join(portError(path, err), ctl.Close())
	}
	p := &Port{ctl: ctl, raw: raw, node: node}
	if err := p.setup(baud); err != nil {
		return nil, errors.Join(portError(path, err), p.Close())
	}
	return p, nil
}

// setup locks before it opens: TIOCEXCL first would lock tarm/serial out, and nothing would keep a second daemon of the
// same user, or root, from taking half of the bytes. flock does, as long as the other one asks, too.
func (p *Port) setup(baud int) error {
	if err := p.control(func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) }); err != nil {
		return err
	}
	tty, err := serial.OpenPort(&serial.Config{Name: p.node, Baud: baud, ReadTimeout: readTimeout})
	if err != nil {
		return err
	}
	p.tty = tty
	return p.control(func(fd int) error {
		if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
			return err
		}
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
	})
}

// Node returns the device that the path led to. Its number says nothing about the next time.
func (p *Port) Node() string { return p.node }

// Read waits for bytes. It returns ErrHangup if the device is gone, [os.ErrDeadlineExceeded] if the line was silent until
// the deadline, and [os.ErrClosed] if the port is closed meanwhile. Only one goroutine may read.
func (p *Port) Read(b []byte) (int, error) {
	for {
		hup, err := p.wait()
		if err != nil {
			return 0, err
		}
		start := time.Now()
		n, err := p.tty.Read(b)
		if n > 0 {
			p.eofs = 0
			return n, nil // a hangup shows again at the next call
		}
		if hup || err != nil && !errors.Is(err, io.EOF) {
			return 0, ErrHangup
		}
		// tarm/serial says EOF both for an expired timeout, when another reader took the bytes, and for ever after an
		// unplug. The kernel should have reported the latter as hangup; a driver that does not must not make this spin.
		if time.Since(start) >= quickEOF {
			p.eofs = 0
		} else if p.eofs++; p.eofs >= 2 {
			return 0, ErrHangup
		}
	}
}

// wait parks in the poller until there is something to read.
func (p *Port) wait() (hup bool, err error) {
	var revents int16
	look := func(fd uintptr) {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if n, err := unix.Poll(fds, 0); n == 1 && err == nil {
			revents = fds[0].Revents
		}
	}
	err = p.raw.Read(func(fd uintptr) bool { look(fd); return revents != 0 })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// A daemon that was stopped past its deadline has bytes waiting all the same: silence is what the line says.
		if cerr := p.raw.Control(look); cerr == nil && revents != 0 {
			err = nil
		}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return false, err
	case err != nil:
		return false, os.ErrClosed
	}
	return revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0, nil
}

// SetReadDeadline sets when Read stops waiting; the zero time means never.
func (p *Port) SetReadDeadline(t time.Time) error { return p.ctl.SetReadDeadline(t) }

// Write sends b. A device that takes nothing for a second makes it fail with [os.ErrDeadlineExceeded]; a write through
// tarm/serial would then hang for good, and its Close with it.
func (p *Port) Write(b []byte) (int, error) {
	if err := p.ctl.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return p.ctl.Write(b)
}

// Close ends a waiting Read at once and never blocks itself. The last close of a device that hangs with unsent output
// takes the kernel 30 s, so nobody waits for that one.
func (p *Port) Close() error {
	_ = p.control(func(fd int) error {
		_ = unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) // or a reopen meets our own lock until the last close is through
		return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
	})
	err := p.ctl.Close()
	if p.tty != nil {
		go func() { _ = p.tty.Close() }()
	}
	return err
}

func (p *Port) control(f func(fd int) error) error {
	var err error
	if cerr := p.raw.Control(func(fd uintptr) { err = f(int(fd)) }); cerr != nil {
		return cerr
	}
	return err
}

// portError adds to the cause what it means, so that both can be asked for.
func portError(path string, err error) error {
	var kind error
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENOTDIR):
		kind = ErrAbsent
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		kind = ErrDenied
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EWOULDBLOCK):
		kind = ErrBusy
	case errors.Is(err, unix.EIO):
		kind = ErrHangup
	default:
		return fmt.Errorf("open scanner %s: %w", path, err)
	}
	return fmt.Errorf("open scanner %s: %w: %w", path, kind, err)
}

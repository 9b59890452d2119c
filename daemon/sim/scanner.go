package sim

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Scanner is a serial scanner on a pseudo-terminal. The zero value becomes one by Open.
//
// The link stands for the udev name of a real port: it points to the pty and goes away when the scanner is unplugged,
// and a reader sees the same hangup that a pulled USB plug gives.
type Scanner struct {
	// AIM is the symbology identifier sent before each code, as "]Q1" for a QR code; "" sends none.
	AIM string

	mu     sync.Mutex
	link   string
	master *os.File // nil: unplugged
	slave  *os.File // held open, so that what is scanned while nobody reads waits in the buffer
	closed bool
}

// ScannerState is whether the scanner is plugged in, and where.
type ScannerState struct {
	Path    string `json:"path"`
	Plugged bool   `json:"plugged"`
}

var errUnplugged = errors.New("the scanner is unplugged")

// Open plugs the scanner in at linkPath.
func (s *Scanner) Open(linkPath string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != "" {
		return errors.New("sim: scanner is open")
	}
	s.link = linkPath
	if err := s.plug(); err != nil {
		s.link = ""
		return err
	}
	return nil
}

// Scan sends a code as a scanner does: AIM identifier, code, carriage return.
func (s *Scanner) Scan(code string) error { return s.Write([]byte(s.AIM + code + "\r")) }

// Write sends bytes as they are.
func (s *Scanner) Write(b []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master == nil {
		return errUnplugged
	}
	if _, err := s.master.Write(b); err != nil {
		return fmt.Errorf("sim: write to scanner line: %w", err)
	}
	return nil
}

// Unplug pulls the plug: readers get a hangup and the link is gone.
func (s *Scanner) Unplug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master == nil {
		return errUnplugged
	}
	return s.unplug()
}

// Replug plugs it in again: another pty, the same link.
func (s *Scanner) Replug() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.link == "" || s.closed:
		return errors.New("the scanner is not open")
	case s.master != nil:
		return errors.New("the scanner is plugged in")
	}
	return s.plug()
}

// Close unplugs the scanner for good.
func (s *Scanner) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.master == nil {
		return nil
	}
	return s.unplug()
}

// State tells whether the scanner is plugged in.
func (s *Scanner) State() ScannerState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return ScannerState{Path: s.link, Plugged: s.master != nil}
}

func (s *Scanner) plug() error {
	blocking, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("sim: open pty: %w", err)
	}
	master, err := pollable(blocking)
	if err == nil {
		err = rawMode(slave)
	}
	if err == nil {
		err = relink(slave.Name(), s.link)
	}
	if err != nil {
		_ = master.Close() // closing a nil file only returns an error
		_ = slave.Close()
		return err
	}
	s.master, s.slave = master, slave
	// What the host sends to the scanner is read and dropped, or its writes would block one day.
	go func() { _, _ = io.Copy(io.Discard, master) }()
	return nil
}

func (s *Scanner) unplug() error {
	err := errors.Join(os.Remove(s.link), s.master.Close(), s.slave.Close())
	s.master, s.slave = nil, nil
	return err
}

// pollable turns a blocking file into one whose Close ends a Read in flight. A pty master comes blocking, and then an
// unplug would wait for a byte from the host before the line hangs up.
func pollable(f *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("sim: duplicate pty: %w", err), f.Close())
	}
	if err := errors.Join(f.Close(), unix.SetNonblock(fd, true)); err != nil {
		return nil, errors.Join(fmt.Errorf("sim: pty without blocking: %w", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// relink points link to target in one step, so that a reader that reopens finds the old one, none, or the new one.
func relink(target, link string) error {
	next := link + ".new"
	_ = os.Remove(next)
	if err := os.Symlink(target, next); err != nil {
		return fmt.Errorf("sim: link scanner: %w", err)
	}
	if err := os.Rename(next, link); err != nil {
		return fmt.Errorf("sim: link scanner: %w", err)
	}
	return nil
}

// rawMode turns echo and line editing off before anybody opens the port: bytes that arrive earlier must not come
// back to the scanner.
func rawMode(f *os.File) error {
	fd := int(f.Fd())
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err == nil {
		t.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
		t.Oflag &^= unix.OPOST
		t.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
		t.Cflag = t.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
		t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
		err = unix.IoctlSetTermios(fd, unix.TCSETS, t)
	}
	if err != nil {
		return fmt.Errorf("sim: raw mode: %w", err)
	}
	return nil
}

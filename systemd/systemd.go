// Package systemd tells the service manager the truth and finds what it provides.
//
// The protocol is one datagram of KEY=value lines, so it is written here instead of imported: the usual library brings
// D-Bus and the journal along. Everything comes in through an [Env], so that no test touches the process environment
// and a till started by hand, without systemd, runs the same code as no-ops. The unit, udev, sysusers and tmpfiles
// files are embedded: the binary on the till prints exactly the files it was tested with.
package systemd

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Env looks up one variable of the environment systemd started this process with: os.Getenv in the daemon. The zero Env has none set, as
// for whoever runs a command by hand.
type Env func(key string) string

func (env Env) get(key string) string {
	if env == nil {
		return ""
	}
	return env(key)
}

// States of the sd_notify protocol, see sd_notify(3).
const (
	Ready    = "READY=1"    // the recovery pass is done, the till takes sales
	Stopping = "STOPPING=1" // no new sale is taken
	Alive    = "WATCHDOG=1" // the checkout loop still turns
)

// sendTimeout bounds a send to a manager that does not read: its socket buffer is full only when it hangs itself, and
// then a lost keep-alive is better than a checkout that waits for it.
const sendTimeout = time.Second

// Status is the line "systemctl status" shows. Line breaks would start another assignment and become spaces.
func Status(text string) string {
	return "STATUS=" + strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == 0 }), " ")
}

// Notify sends the states as one message, and does nothing when no manager asked for it. It opens the socket each
// time: messages are seconds apart, and a kept descriptor would outlive a restarted manager.
func (env Env) Notify(states ...string) error {
	path := env.get("NOTIFY_SOCKET")
	if path == "" || len(states) == 0 {
		return nil
	}
	if path[0] != '/' && path[0] != '@' {
		return fmt.Errorf("systemd: NOTIFY_SOCKET %q is neither a path nor an abstract socket", path)
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("systemd: notify: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return fmt.Errorf("systemd: notify: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(states, "\n"))); err != nil {
		return fmt.Errorf("systemd: notify: %w", err)
	}
	return nil
}

// Watchdog returns how often process pid has to send [Alive]: half the time after which systemd kills it, as
// sd_watchdog_enabled(3) advises. It reports false when no watchdog is set, or not for pid: a child inherits the
// variables but must not answer for its parent.
func (env Env) Watchdog(pid int) (time.Duration, bool) {
	if owner := env.get("WATCHDOG_PID"); owner != "" && owner != strconv.Itoa(pid) {
		return 0, false
	}
	const most = uint64((1<<63 - 1) / time.Microsecond)
	usec, err := strconv.ParseUint(env.get("WATCHDOG_USEC"), 10, 64)
	if err != nil || usec < 2 || usec > most {
		return 0, false
	}
	return time.Duration(usec) * time.Microsecond / 2, true
}

// ErrCredentialName says that a name cannot be a credential's: it is configuration, and may not leave the directory.
var ErrCredentialName = errors.New("systemd: a credential name is 1 to 255 of [A-Za-z0-9._-] and does not begin with a dot")

// Credential returns where systemd put the credential of that name. ok is false when the unit passes none; whether
// this one is among them shows when it is opened.
func (env Env) Credential(name string) (path string, ok bool, err error) {
	if !credentialName(name) {
		return "", false, fmt.Errorf("%w: %q", ErrCredentialName, name)
	}
	dir := env.get("CREDENTIALS_DIRECTORY")
	if !filepath.IsAbs(dir) {
		return "", false, nil
	}
	return filepath.Join(dir, name), true, nil
}

func credentialName(name string) bool {
	if name == "" || len(name) > 255 || name[0] == '.' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
}

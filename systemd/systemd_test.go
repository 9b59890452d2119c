package systemd

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func env(pairs ...string) Env {
	return func(key string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == key {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// manager stands in for systemd: it listens on name and returns what arrives.
func manager(t *testing.T, name string) func() string {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return func() string {
		t.Helper()
		if err := conn.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatalf("nothing arrived: %v", err)
		}
		return string(buf[:n])
	}
}

func TestNotify(t *testing.T) {
	names := map[string]string{
		"file":     filepath.Join(t.TempDir(), "notify"),
		"abstract": fmt.Sprintf("@qrposd-%s-%d", t.Name(), time.Now().UnixNano()),
	}
	for kind, name := range names {
		t.Run(kind, func(t *testing.T) {
			next := manager(t, name)
			e := env("NOTIFY_SOCKET", name)
			for _, c := range []struct {
				states []string
				want   string
			}{
				{[]string{Ready, Status("3 sales resumed\nREADY=0\x00")}, "READY=1\nSTATUS=3 sales resumed READY=0"},
				{[]string{Alive}, "WATCHDOG=1"},
				{[]string{Stopping}, "STOPPING=1"},
			} {
				if err := e.Notify(c.states...); err != nil {
					t.Fatal(err)
				}
				if got := next(); got != c.want {
					t.Errorf("systemd got %q, want %q", got, c.want)
				}
			}
		})
	}
}

func TestNotifyWithoutManager(t *testing.T) {
	if err := env().Notify(Ready); err != nil {
		t.Errorf("a till started by hand: %v", err)
	}
	gone := filepath.Join(t.TempDir(), "gone")
	for _, name := range []string{gone, "relative", "vsock:2:1"} {
		if err := env("NOTIFY_SOCKET", name).Notify(Ready); err == nil {
			t.Errorf("%s: a message that reached nobody was reported as sent", name)
		}
	}
}

// A manager that hangs must not hang the till: its queue fills up and the send gives up.
func TestNotifyFullSocket(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	manager(t, name)
	e := env("NOTIFY_SOCKET", name)
	for range 10_000 {
		if err := e.Notify(Alive); err != nil {
			var timeout net.Error
			if !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Fatalf("a full socket gives %v, want a timeout", err)
			}
			return
		}
	}
	t.Fatal("the socket never filled up")
}

func TestWatchdog(t *testing.T) {
	const pid = 4711
	for _, c := range []struct {
		usec, pid string
		want      time.Duration
		ok        bool
	}{
		{"10000000", "4711", 5 * time.Second, true},
		{"10000000", "", 5 * time.Second, true},
		{"10000000", "4712", 0, false},
		{"", "", 0, false},
		{"0", "4711", 0, false},
		{"1", "4711", 0, false},
		{"-5", "4711", 0, false},
		{"10s", "4711", 0, false},
		{"9223372036854775", "4711", 9223372036854775 * time.Microsecond / 2, true},
		{"9223372036854776", "4711", 0, false},
		{"18446744073709551615", "4711", 0, false},
	} {
		got, ok := env("WATCHDOG_USEC", c.usec, "WATCHDOG_PID", c.pid).Watchdog(pid)
		if got != c.want || ok != c.ok {
			t.Errorf("WATCHDOG_USEC=%s WATCHDOG_PID=%s: %v %v, want %v %v", c.usec, c.pid, got, ok, c.want, c.ok)
		}
	}
}

func TestCredential(t *testing.T) {
	e := env("CREDENTIALS_DIRECTORY", "/run/credentials/qrposd.service")
	path, ok, err := e.Credential("wechat-key")
	if path != "/run/credentials/qrposd.service/wechat-key" || !ok || err != nil {
		t.Errorf("got %q %v %v", path, ok, err)
	}
	if path, ok, err = env().Credential("wechat-key"); path != "" || ok || err != nil {
		t.Errorf("without systemd: %q %v %v", path, ok, err)
	}
	if path, ok, err = env("CREDENTIALS_DIRECTORY", "here").Credential("k"); path != "" || ok || err != nil {
		t.Errorf("relative directory: %q %v %v", path, ok, err)
	}
}

func FuzzCredential(f *testing.F) {
	for _, name := range []string{
		"wechat-key", "a.b_c-D9", "", ".", "..", "../shadow", "/etc/shadow", "a/b", "a\x00b", "a b", "schlüssel",
		".hidden", strings.Repeat("x", 255), strings.Repeat("x", 256),
	} {
		f.Add(name)
	}
	const dir = "/run/credentials/qrposd.service"
	f.Fuzz(func(t *testing.T, name string) {
		path, ok, err := env("CREDENTIALS_DIRECTORY", dir).Credential(name)
		if ok == (err != nil) || ok == errors.Is(err, ErrCredentialName) {
			t.Fatalf("%q: ok %v with error %v", name, ok, err)
		}
		if ok && (filepath.Dir(path) != dir || filepath.Base(path) != name || len(name) > 255) {
			t.Fatalf("%q leads to %q", name, path)
		}
		if !ok && path != "" {
			t.Fatalf("%q refused, but returned %q", name, path)
		}
	})
}

func TestCredentialNames(t *testing.T) {
	for name, want := range map[string]bool{
		"k": true, "qrposd.wechat-key": true, "a_B9": true, strings.Repeat("x", 255): true,
		"": false, ".": false, "..": false, "../x": false, "/x": false, "a/b": false, "a\x00": false, "a b": false,
		".x": false, "é": false, strings.Repeat("x", 256): false,
	} {
		if got := credentialName(name); got != want {
			t.Errorf("%q: %v, want %v", name, got, want)
		}
	}
}

// A command that is run by hand has no manager to tell anything.
func TestNobodyAsks(t *testing.T) {
	var env Env
	if err := env.Notify(Ready, Status("here")); err != nil {
		t.Error(err)
	}
	if every, ok := env.Watchdog(1); ok {
		t.Errorf("to be fed every %v", every)
	}
	if path, ok, err := env.Credential("k"); path != "" || ok || err != nil {
		t.Errorf("%q, %v, %v", path, ok, err)
	}
}

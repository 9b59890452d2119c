package doctor

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"qrposd/systemd"
)

const mounts = `22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/root rw
30 22 0:25 / /run rw,nosuid shared:5 - tmpfs tmpfs rw,size=10k
31 22 179:3 / /var/lib rw,noatime - f2fs /dev/mmcblk0p3 rw,fsync_mode=nobarrier
32 22 0:40 / /mnt/with\040blank rw - overlay overlay rw
33 22 179:4 / /ro ro,noatime - ext4 /dev/sda1 ro
34 22 0:50 / /net rw - nfs4 server:/x rw
`

func TestMounts(t *testing.T) {
	for path, w := range map[string]struct {
		kind string
		v    Verdict
		word string
	}{
		"/home/till":           {"ext4", OK, "ext4"},
		"/run/x":               {"tmpfs", Fail, "gone with the power"},
		"/runner":              {"ext4", OK, "ext4"},
		"/var/lib/qrposd":      {"f2fs", Fail, "nobarrier"},
		"/mnt/with blank/deep": {"overlay", Warn, "overlay"},
		"/ro":                  {"ext4", Fail, "read-only"},
		"/net/a":               {"nfs4", Fail, "nfs4"},
	} {
		m := mountOf(mounts, path)
		if m.kind != w.kind {
			t.Errorf("%s is on %q, want %q", path, m.kind, w.kind)
		}
		want(t, path, judged(func(t *Tally) { judgeMount(t, m, false) }), w.v, w.word)
	}
	want(t, "a simulator's", judged(func(t *Tally) { judgeMount(t, mount{"tmpfs", "rw"}, true) }), OK, "tmpfs")
	want(t, "no list", judged(func(t *Tally) { judgeMount(t, mountOf("", "/x"), false) }), Unknown, "mountinfo")
}

func FuzzMounts(f *testing.F) {
	f.Add(mounts, "/run/x")
	f.Fuzz(func(_ *testing.T, list, path string) { mountOf(list, path) })
}

func TestDisk(t *testing.T) {
	for name, c := range map[string]struct {
		flushed time.Duration
		v       Verdict
	}{"lies": {3 * time.Microsecond, Warn}, "flash": {400 * time.Microsecond, OK}, "dying": {time.Second, Warn}} {
		want(t, name, judged(func(t *Tally) { judgeFlush(t, time.Microsecond, c.flushed) }), c.v, "flushed 4 KiB")
	}
	for name, c := range map[string]struct {
		r room
		v Verdict
	}{"full": {room{1 << 20, 100000, 90000}, Fail}, "tight": {room{100 << 20, 100000, 90000}, Warn}, "room": {room{9 << 30, 0, 0}, OK}, "inodes": {room{9 << 30, 100000, 3}, Warn}} {
		want(t, name, judged(func(t *Tally) { judgeRoom(t, c.r, 2) }), c.v, "free")
	}
	dir := t.TempDir()
	f := verdict(t, Disk(filepath.Join(dir, "till.db"), 2, true))
	if !strings.Contains(f.Evidence, "flushed 4 KiB append takes") {
		t.Errorf("nothing was measured: %+v", f)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	want(t, "no directory", verdict(t, Disk(filepath.Join(dir, "no", "till.db"), 2, true)), Fail, "no")
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	for i, c := range []struct {
		kind Kind
		mode os.FileMode
		v    Verdict
	}{
		{Plain, 0o644, OK},
		{Plain, 0o666, Fail},
		{Secret, 0o600, OK},
		{Secret, 0o640, OK},
		{Secret, 0o644, Fail},
		{Secret, 0o660, Warn},
		{Store, 0o600, OK},
		{Store, 0o604, Fail},
		{Store, 0o602, Fail},
	} {
		path := filepath.Join(dir, fmt.Sprint("f", i))
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		want(t, fmt.Sprintf("kind %d mode %o", c.kind, c.mode), verdict(t, Files([]File{{"key", path, c.kind}})), c.v, "files are as they should be")
	}
	gone := filepath.Join(dir, "gone")
	want(t, "no store", verdict(t, Files([]File{{"store.path", gone, Store}})), OK, "first start")
	want(t, "no secret", verdict(t, Files([]File{{"key", gone, Secret}})), Fail, "gone")
	want(t, "a directory", verdict(t, Files([]File{{"key", dir, Plain}})), Fail, "not a file")
	want(t, "a credential", verdict(t, Files([]File{{"key", Credentials + "none", Secret}})), Unknown, "credential")
}

func TestClock(t *testing.T) {
	for name, c := range map[string]struct {
		off time.Duration
		v   Verdict
	}{"hours": {-3 * time.Hour, Fail}, "ahead": {400 * time.Second, Fail}, "drifts": {100 * time.Second, Warn}} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(c.off).UTC().Format(http.TimeFormat))
		}))
		defer s.Close()
		want(t, name, verdict(t, Clock("", s.URL)), c.v, "ahead of 127.0.0.1")
	}
	want(t, "right", judged(func(t *Tally) { judgeSkew(t, "host", time.Second) }), OK, "1s ahead")
	// Whether the machine that runs the test is synchronised is not the test's to say.
	if f := verdict(t, Clock("", "")); f.Verdict == OK || !strings.Contains(f.Evidence, "not compared") {
		t.Errorf("offline: %+v", f)
	}
	want(t, "synchronised", judged(func(t *Tally) { judgeSync(t, unix.TIME_OK, 0, nil) }), OK, "is synchronised")
	want(t, "not synchronised", judged(func(t *Tally) { judgeSync(t, unix.TIME_ERROR, unix.STA_UNSYNC, nil) }), Warn, "not synchronised")
	want(t, "refused", judged(func(t *Tally) { judgeSync(t, -1, 0, unix.EPERM) }), Unknown, "adjtimex")
}

func TestHost(t *testing.T) {
	want(t, "entropy", judged(func(t *Tally) { judgeEntropy(t, 32, nil) }), OK, "ready")
	want(t, "no entropy", judged(func(t *Tally) { judgeEntropy(t, -1, unix.EAGAIN) }), Fail, "not ready")
	want(t, "entropy here", verdict(t, Entropy()), OK, "ready")
	for addr, v := range map[string]Verdict{"127.0.0.1:8430": OK, "[::1]:1": OK, "0.0.0.0:8430": Fail, "192.168.1.5:80": Fail, "": Fail} {
		want(t, addr, verdict(t, Listening(addr)), v, "api.listen")
	}
	var unit string
	for _, f := range systemd.Files() {
		if f.Name == "unit" {
			unit = "\n" + string(f.Text)
		}
	}
	const head = "Filename Type Size Used Priority\n"
	for name, c := range map[string]struct {
		swaps, unit string
		v           Verdict
	}{
		"ours":       {head, unit, OK},
		"zram":       {head + "/dev/zram0 partition 1 0 100\n", unit, OK},
		"swap file":  {head + "/swapfile file 1 0 -2\n", unit, Warn},
		"no limit":   {head, strings.ReplaceAll(unit, "GOMEMLIMIT", "X"), Warn},
		"no service": {head, "", Unknown},
	} {
		proc := t.TempDir()
		if err := os.WriteFile(filepath.Join(proc, "swaps"), []byte(c.swaps), 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, name, verdict(t, Memory(proc, c.unit)), c.v, "")
	}
	want(t, "unit", verdict(t, Service(unit)), OK, "watchdog")
	want(t, "no unit", verdict(t, Service("")), Unknown, "no unit")
	for _, line := range []string{"Type=notify", "WatchdogSec=", "Restart=always", "RestartPreventExitStatus=78"} {
		want(t, "without "+line, verdict(t, Service(strings.ReplaceAll(unit, "\n"+line, "\n#"))), Warn, line)
	}
}

// pty is the name of a port that a test has made.
func pty(t *testing.T) string {
	t.Helper()
	m, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	n, err := unix.IoctlGetInt(int(m.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(m.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/dev/pts/%d", n)
}

func TestPort(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, "a terminal", verdict(t, Port(pty(t))), OK, "is a terminal")
	want(t, "none", verdict(t, Port("")), OK, "no scanner")
	want(t, "gone", verdict(t, Port(plain+"x")), Fail, "no such file")
	want(t, "a file", verdict(t, Port(plain)), Fail, "not a serial port")
	want(t, "a device", verdict(t, Port("/dev/null")), Fail, "no terminal")
}

package systemd

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// parse reads a unit file into "Section.Key" -> values in order.
func parse(t *testing.T, text []byte) map[string][]string {
	t.Helper()
	keys := make(map[string][]string)
	section := ""
	for i, line := range strings.Split(string(text), "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "" || line[0] == '#':
		case line[0] == '[' && line[len(line)-1] == ']':
			section = line[1 : len(line)-1]
		default:
			key, value, ok := strings.Cut(line, "=")
			if !ok || section == "" {
				t.Fatalf("line %d is no assignment: %q", i+1, line)
			}
			keys[section+"."+key] = append(keys[section+"."+key], value)
		}
	}
	return keys
}

func TestUnit(t *testing.T) {
	keys := parse(t, unit)
	for key, want := range map[string]string{
		"Unit.After":                       "local-fs.target time-set.target network.target systemd-udevd.service",
		"Unit.StartLimitIntervalSec":       "0",
		"Service.Type":                     "notify",
		"Service.NotifyAccess":             "main",
		"Service.WatchdogSec":              "10s",
		"Service.Restart":                  "always",
		"Service.RestartPreventExitStatus": "78",
		"Service.TimeoutStopSec":           "10s",
		"Service.User":                     "qrposd",
		"Service.SupplementaryGroups":      "dialout lp",
		"Service.StateDirectory":           "qrposd",
		"Service.StateDirectoryMode":       "0700",
		"Service.RuntimeDirectory":         "qrposd",
		"Service.UMask":                    "0077",
		"Service.LimitCORE":                "0",
		"Service.DevicePolicy":             "closed",
		"Service.DeviceAllow":              "char-ttyACM rw|char-ttyUSB rw|char-ttyS rw|char-ttyAMA rw|char-usb rw",
		"Service.NoNewPrivileges":          "yes",
		"Service.CapabilityBoundingSet":    "",
		"Service.ProtectSystem":            "strict",
		"Service.ProtectHome":              "yes",
		"Service.PrivateTmp":               "yes",
		"Service.ProtectKernelTunables":    "yes",
		"Service.ProtectKernelModules":     "yes",
		"Service.ProtectKernelLogs":        "yes",
		"Service.ProtectControlGroups":     "yes",
		"Service.ProtectClock":             "yes",
		"Service.ProtectHostname":          "yes",
		"Service.ProtectProc":              "invisible",
		"Service.RestrictAddressFamilies":  "AF_UNIX AF_INET AF_INET6",
		"Service.RestrictNamespaces":       "yes",
		"Service.RestrictRealtime":         "yes",
		"Service.RestrictSUIDSGID":         "yes",
		"Service.LockPersonality":          "yes",
		"Service.MemoryDenyWriteExecute":   "yes",
		"Service.SystemCallFilter":         "@system-service|~@privileged @resources",
		"Service.SystemCallArchitectures":  "native",
	} {
		got, ok := keys[key]
		if !ok || strings.Join(got, "|") != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for key, why := range map[string]string{
		"Service.PrivateDevices": "hides the scanner's port",
		"Unit.BindsTo":           "an unplugged scanner would stop the till",
		"Unit.Requires":          "a missing peer would stop the till",
	} {
		if got := keys[key]; got != nil {
			t.Errorf("%s=%s: %s", key, got, why)
		}
	}
}

// An absolute source that is missing fails the start inside systemd, where the daemon cannot say what it lacks.
func TestUnitCredentials(t *testing.T) {
	e := env("CREDENTIALS_DIRECTORY", "/run/credentials/qrposd.service")
	lines := parse(t, unit)["Service.LoadCredential"]
	for _, line := range lines {
		name, source, ok := strings.Cut(line, ":")
		if !ok || !credentialName(source) {
			t.Errorf("LoadCredential=%s: want NAME:FILE with FILE in the credential store", line)
		}
		if _, ok, err := e.Credential(name); !ok || err != nil {
			t.Errorf("LoadCredential=%s cannot be found again: %v", line, err)
		}
	}
	if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "wechat-key:") }) {
		t.Error("the merchant's key is not passed")
	}
}

// tool returns the path of a program of systemd. Its absence fails: the unit may not go out unverified.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: install the package systemd", err)
	}
	return path
}

// install writes text into a new directory, its ExecStart pointed at a program that exists.
func install(t *testing.T, name string, text []byte) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "qrposd")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	text = bytes.Replace(text, []byte("ExecStart=/usr/bin/qrposd"), []byte("ExecStart="+program), 1)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestVerify(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	verify := func(text []byte) string {
		out, err := exec.Command(analyze, "verify", "--man=no", install(t, "qrposd.service", text)).CombinedOutput()
		var ours []string // the machine's other units are not ours to mend
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "qrposd") {
				ours = append(ours, line)
			}
		}
		if err != nil {
			ours = append(ours, err.Error(), string(out))
		}
		return strings.Join(ours, "")
	}
	if out := verify(unit); out != "" {
		t.Errorf("systemd does not accept the unit:\n%s", out)
	}
	// Control: systemd only warns about an unknown key.
	if out := verify(bytes.Replace(unit, []byte("WatchdogSec="), []byte("WatchdogSecc="), 1)); out == "" {
		t.Error("a misspelt key went through")
	}
}

func TestSecurity(t *testing.T) {
	analyze := tool(t, "systemd-analyze")
	rate := func(text []byte) ([]byte, error) {
		path := install(t, "qrposd.service", text)
		return exec.Command(analyze, "security", "--no-pager", "--offline=true", "--threshold=20", path).CombinedOutput()
	}
	if out, err := rate(unit); err != nil {
		t.Errorf("exposure above 2.0: %v\n%s", err, out)
	}
	// Control: the gate closes when half of the list goes.
	soft := regexp.MustCompile(`(?m)^(Protect|Restrict|SystemCall|Capability).*\n`).ReplaceAll(unit, nil)
	if out, err := rate(soft); err == nil {
		t.Errorf("an open unit went through:\n%s", out)
	}
}

func TestSysusers(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	conf := install(t, "qrposd.conf", sysusers)
	if out, err := exec.Command(tool(t, "systemd-sysusers"), "--root="+root, conf).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^qrposd:x:\d+:\d+:QR point of sale:/var/lib/qrposd:\S*nologin$`).Match(passwd) {
		t.Errorf("passwd:\n%s", passwd)
	}
	group, err := os.ReadFile(filepath.Join(root, "etc/group"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range strings.Fields(parse(t, unit)["Service.SupplementaryGroups"][0]) {
		if !regexp.MustCompile(`(?m)^` + name + `:x:\d+:qrposd$`).Match(group) {
			t.Errorf("the user is not in %s:\n%s", name, group)
		}
	}
}

func TestTmpfiles(t *testing.T) {
	root := t.TempDir()
	// The user only exists once installed; the numbers of the one who tests stand in, so that no root is needed.
	text := regexp.MustCompile(`(?m)^([dz] \S+ \d+) \S+ \S+ -$`).ReplaceAll(tmpfiles, []byte("$1 - - -"))
	conf := install(t, "qrposd.conf", text)
	serial := "sys/class/dmi/id/product_uuid"
	if err := errors.Join(os.MkdirAll(filepath.Join(root, filepath.Dir(serial)), 0o755), os.WriteFile(filepath.Join(root, serial), nil, 0o400)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool(t, "systemd-tmpfiles"), "--create", "--root="+root, conf).CombinedOutput(); err != nil &&
		os.Geteuid() == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	for dir, want := range map[string]os.FileMode{"etc/qrposd": 0o750, "etc/credstore": 0o700, serial: 0o440} {
		info, err := os.Stat(filepath.Join(root, dir))
		if err != nil {
			t.Error(err)
		} else if got := info.Mode().Perm(); got != want {
			t.Errorf("/%s has mode %o, want %o", dir, got, want)
		}
	}
}

// udev drops a line it cannot read and goes on, so the grammar is checked here: KEY OP "VALUE", and no jump to nowhere.
func TestUdev(t *testing.T) {
	item := regexp.MustCompile(`^([A-Z]+)(?:\{[A-Za-z_]+\})?(==|!=|\+=|=)"([^"]*)"$`)
	labels, jumps := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(string(udev)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		for _, part := range strings.Split(line, ", ") {
			m := item.FindStringSubmatch(part)
			switch {
			case m == nil:
				t.Errorf("%q in %q", part, line)
			case m[1] == "LABEL":
				labels[m[3]] = true
			case m[1] == "GOTO":
				if labels[m[3]] {
					t.Errorf("%q jumps backwards", line)
				}
				jumps[m[3]] = true
			}
		}
	}
	for name := range jumps {
		if !labels[name] {
			t.Errorf("no label %q", name)
		}
	}
	for _, want := range []string{`SYMLINK+="qrposd/scanner"`, `ENV{ID_MM_DEVICE_IGNORE}="1"`, `GROUP="dialout"`} {
		if !bytes.Contains(udev, []byte(want)) {
			t.Errorf("%s is missing", want)
		}
	}
}

func TestFiles(t *testing.T) {
	for _, f := range Files() {
		if f.Name == "" || len(f.Text) == 0 || !filepath.IsAbs(f.Path) {
			t.Errorf("%+v is no file to install", f)
		}
		f.Text[0] = 'X'
	}
	for _, f := range Files() {
		if f.Text[0] == 'X' {
			t.Errorf("%s: a caller changed what the next one gets", f.Name)
		}
	}
}

// While the till owes money its package stays, and whoever stands for it by name is
// named to the till. Nothing is asked where there never was a till.
func TestThePackageAsksBeforeItGoes(t *testing.T) {
	dir := t.TempDir()
	script, fake, asked, config := filepath.Join(dir, "prerm"), filepath.Join(dir, "qrposd"), filepath.Join(dir, "asked"), filepath.Join(dir, "qrposd.toml")
	for name, text := range map[string][]byte{script: prerm, fake: []byte("#!/bin/sh\necho \"$*\" >>" + asked + "\ncase \"$*\" in *-override*) exit 0;; esac\nexit 77\n")} {
		if err := os.WriteFile(name, text, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	run := func(arg string, env ...string) (int, string) {
		t.Helper()
		_ = os.Remove(asked) // it is not there the first time
		cmd := exec.Command("sh", script, arg)
		cmd.Env = append([]string{"PATH=/usr/bin:/bin", "QRPOSD_BINARY=" + fake, "QRPOSD_CONFIG=" + config}, env...)
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		b, _ := os.ReadFile(asked) // nothing is nothing
		return cmd.ProcessState.ExitCode(), string(b)
	}
	if code, said := run("remove"); code != 0 || said != "" {
		t.Errorf("where there is no till: %d, %q", code, said)
	}
	if err := os.WriteFile(config, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		arg, want string
		code      int
		env       []string
	}{
		{"remove", "-for removal", 77, nil},
		{"upgrade", "-for update", 77, nil},
		{"failed-upgrade", "", 0, nil},
		{"remove", "-for removal -override Li -reason the box is broken", 0, []string{"QRPOSD_OVERRIDE=Li", "QRPOSD_REASON=the box is broken"}},
	} {
		if code, said := run(c.arg, c.env...); code != c.code || !strings.Contains(said, c.want) {
			t.Errorf("%s %v: %d, %q", c.arg, c.env, code, said)
		}
	}
}

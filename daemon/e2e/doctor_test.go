package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// findings are verdicts by the ids of what was found.
type findings struct {
	code int
	by   map[string]string
	text string
}

// doctor runs `qrposd doctor -json` on a configuration.
func doctor(t *testing.T, exe, config string, flags ...string) findings {
	t.Helper()
	cmd := exec.Command(exe, append([]string{"doctor", "-json", "-config", config}, flags...)...)
	var out bytes.Buffer
	cmd.Stdout = &out
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	var r struct {
		Verdict  string `json:"verdict"`
		Findings []struct {
			ID, Verdict, Evidence, Remedy string
		} `json:"findings"`
	}
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	f := findings{cmd.ProcessState.ExitCode(), map[string]string{}, out.String()}
	for _, one := range r.Findings {
		f.by[one.ID] = one.Verdict
	}
	return f
}

// failed fails the test unless exactly the ids are failures.
func (f findings) failed(t *testing.T, code int, ids ...string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
		if f.by[id] != "fail" {
			t.Errorf("%s is %q", id, f.by[id])
		}
	}
	for id, v := range f.by {
		if v == "fail" && !wanted[id] {
			t.Errorf("%s fails as well", id)
		}
	}
	if f.code != code {
		t.Errorf("exit code %d, want %d", f.code, code)
	}
	if t.Failed() {
		t.Log(f.text)
	}
}

// mistake is planted in an installation that is well.
type mistake struct {
	edit func(conf, dir string) string
	code int
	ids  []string
}

// mistakes are everything that is planted, by what it is.
func mistakes(t *testing.T) map[string]mistake {
	set := func(conf, key, value string) string {
		return regexp.MustCompile(`(?m)^`+key+` = .*$`).ReplaceAllLiteralString(conf, key+" = "+value)
	}
	write := func(dir, text string, mode os.FileMode) string {
		path := filepath.Join(dir, "planted")
		if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return `"` + path + `"`
	}
	return map[string]mistake{
		"context: bad intents": {func(c, d string) string {
			return strings.Replace(c, "[aipay]\n", "[aipay]\nintents = "+write(d, "[", 0o600)+"\n", 1)
		}, 1, []string{"context"}},
		"currency: a fixed rate":      {func(c, _ string) string { return strings.Replace(c, "[aipay]\n", "[aipay]\nfx_rate = 7.1\n", 1) }, 78, []string{"config", "currency"}},
		"idempotency: a short secret": {func(c, d string) string { return set(c, "secret_file", write(d, "short", 0o600)) }, 1, []string{"context", "idempotency"}},
		"models: out of region": {func(c, _ string) string {
			return strings.Replace(c, "[models]\nregion = \"sim\"", "[models]\nregion = \"cn\"", 1)
		}, 1, []string{"models"}},
		"time: two that think": {func(c, _ string) string {
			c = strings.Replace(c, `model = "mistral-small-latest"`, `model = "magistral-thinking"`, 1)
			return regexp.MustCompile(`(?m)^validation = .*$`).ReplaceAllLiteralString(c, `validation = [{ provider = "openai", model = "o3-mini" }]`)
		}, 1, []string{"time"}},
		"time: out of the API's limit": {func(c, _ string) string { return strings.Replace(c, "[aipay]\n", "[aipay]\ntimeout_ms = 900\n", 1) }, 78, []string{"config", "time"}},
		"files: a secret for all": {func(c, d string) string {
			return set(c, "secret_file", write(d, strings.Repeat("s", 32), 0o644))
		}, 1, []string{"files"}},
		"keys: no key": {func(c, d string) string { return set(c, "private_key_file", write(d, "nonsense", 0o600)) }, 1, []string{"keys"}},
		"port: gone": {func(c, _ string) string {
			return strings.Replace(c, "[scanner]\npath = ", "[scanner]\npath = \"/dev/none\" # ", 1)
		}, 1, []string{"port"}},
		"listen: the whole network": {func(c, _ string) string { return set(c, "listen", `"0.0.0.0:8430"`) }, 78, []string{"config", "listen"}},
		"reach: nobody there":       {func(c, _ string) string { return set(c, "base_urls", `["http://127.0.0.1:9"]`) }, 1, []string{"reach", "provider"}},
		"store: not a store": {func(c, d string) string {
			return strings.Replace(c, `path = "till.db"`, "path = "+write(d, strings.Repeat("not a store ", 4096), 0o600), 1)
		}, 1, []string{"store"}},
	}
}

// The seven mistakes and those of the machine, each planted in an installation that
// is well, are found by name, and nothing else is.
func TestDoctor(t *testing.T) {
	exe, o := built(t).product, startOutside(t, 10)
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	healthy := strings.Replace(string(text), "[aipay]\n", "[aipay]\nenabled = true\n", 1)
	install := func(t *testing.T, edit func(conf, dir string) string) string {
		t.Helper()
		dir := t.TempDir()
		conf := healthy
		if edit != nil {
			if conf = edit(conf, dir); conf == healthy {
				t.Fatal("nothing was planted")
			}
		}
		file := filepath.Join(dir, "qrposd.toml")
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}

	t.Run("healthy", func(t *testing.T) {
		f := doctor(t, exe, install(t, nil), "-live")
		f.failed(t, 0)
		for _, id := range []string{"config", "context", "currency", "idempotency", "biometrics", "time", "live", "provider", "reach", "keys", "files", "port", "listen"} {
			if f.by[id] != "ok" {
				t.Errorf("%s is %q: %s", id, f.by[id], f.text)
			}
		}
	})
	t.Run("offline", func(t *testing.T) {
		f := doctor(t, exe, install(t, nil), "-offline")
		f.failed(t, 0)
		if f.by["reach"] != "unknown" || f.by["provider"] != "unknown" {
			t.Errorf("without a network: %s", f.text)
		}
	})
	for name, p := range mistakes(t) {
		t.Run(name, func(t *testing.T) {
			f := doctor(t, exe, install(t, p.edit))
			f.failed(t, p.code, p.ids...)
		})
	}
}

// Beside a running till it asks the till, and leaves it and its file alone; after the
// till has stopped it reads the journal itself, and knows a secret that is not the
// file's.
func TestDoctorBesideTill(t *testing.T) {
	exe, o := built(t).product, startOutside(t, 10)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	d := newTill(t, o, exe, "T01", func(conf string) string {
		conf = strings.Replace(conf, `listen = "127.0.0.1:0"`, `listen = "`+addr+`"`, 1)
		return strings.Replace(conf, "[aipay]\n", "[aipay]\nenabled = true\n", 1)
	})
	if !d.start() {
		t.Fatalf("the till did not open:\n%s", d.log)
	}
	if out, err := exec.Command(exe, "sale", "open", "-addr", "http://"+addr, "-amount", "1.00").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f := doctor(t, exe, d.config)
	f.failed(t, 0)
	for _, part := range []string{"the running till has it", "bound to this machine", "the running till watches refusals"} {
		if !strings.Contains(f.text, part) {
			t.Errorf("it does not say %q: %s", part, f.text)
		}
	}
	d.stop()
	d.check()
	f = doctor(t, exe, d.config)
	f.failed(t, 0)
	if !regexp.MustCompile(`[1-9]\d* keys signed with the secret`).MatchString(f.text) {
		t.Errorf("no key was verified: %s", f.text)
	}
	stopped, err := os.ReadFile(d.store)
	if err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.secret")
	changed := regexp.MustCompile(`(?m)^secret_file = .*$`).ReplaceAllLiteral(conf, []byte(`secret_file = "`+other+`"`))
	if err := errors.Join(os.WriteFile(other, bytes.Repeat([]byte("o"), 32), 0o600), os.WriteFile(d.config, changed, 0o600)); err != nil {
		t.Fatal(err)
	}
	doctor(t, exe, d.config).failed(t, 1, "idempotency")
	if after, err := os.ReadFile(d.store); err != nil || !bytes.Equal(after, stopped) {
		t.Errorf("the store is another after it was looked at: %v", err)
	}
}

// Package e2e drives the real binary, kills it, and asks the outsider what it saw.
//
// Nothing of the product runs in this process but its API client. The till and
// the simulator are processes of their own; the simulator is never killed, keeps
// its own books, and is asked at the end whether money moved twice. A run with
// faults or kills is repeated from its printed seed.
package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"qrposd/daemon/api"
)

// binaries are built once: the product, and the product with named fault points.
type binaries struct{ product, faulty string }

var build = sync.OnceValues(func() (binaries, error) { // budget: one build for all tests of the package
	dir, err := os.MkdirTemp("", "qrposd-e2e-")
	if err != nil {
		return binaries{}, err
	}
	b := binaries{filepath.Join(dir, "qrposd"), filepath.Join(dir, "qrposd-faulty")}
	for path, tags := range map[string]string{b.product: "nethttpomithttp2", b.faulty: "nethttpomithttp2,faultpoints"} {
		cmd := exec.Command("go", "build", "-trimpath", "-tags", tags, "-o", path, "qrposd/daemon/qrposd")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return b, fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return b, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if b, err := build(); err == nil {
		_ = os.RemoveAll(filepath.Dir(b.product))
	}
	os.Exit(code)
}

func built(t testing.TB) binaries {
	t.Helper()
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// outside is the simulator, in a process of its own.
type outside struct {
	t      testing.TB
	url    string
	dir    string
	config string // of a till that belongs to it
}

// startOutside runs the simulator at a speed until the test ends.
func startOutside(t testing.TB, speed int) *outside {
	t.Helper()
	o := &outside{t: t, dir: t.TempDir()}
	cmd := exec.Command(built(t).product, "sim", "-dir", o.dir, "-speed", fmt.Sprint(speed))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && o.config == "" {
		if url, ok := strings.CutPrefix(lines.Text(), "simulator  "); ok {
			o.url = strings.TrimSuffix(url, "/sim/")
		} else if _, file, ok := strings.Cut(lines.Text(), "-config "); ok {
			o.config = file
		}
		if o.url != "" && o.config != "" {
			break
		}
	}
	if o.url == "" || o.config == "" {
		t.Fatal("the simulator did not start")
	}
	return o
}

// do is a call to a control endpoint of the simulator that has to succeed.
func (o *outside) do(method, path string, body, into any) {
	o.t.Helper()
	if err := o.ask(method, path, body, into); err != nil {
		o.t.Fatal(err)
	}
}

// ask is a call to a control endpoint of the simulator, from any goroutine.
func (o *outside) ask(method, path string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequest(method, o.url+path, bytes.NewReader(b))
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err == nil && into != nil && res.StatusCode < 300 {
		err = json.Unmarshal(got, into)
	}
	if err != nil || res.StatusCode >= 300 {
		return errors.Join(fmt.Errorf("%s %s: %s: %s", method, path, res.Status, got), err)
	}
	return nil
}

// orderCount is what the provider saw of one order. It is written down anew here:
// the test believes the wire and not a shared type.
type orderCount struct {
	OutTradeNo string              `json:"out_trade_no"`
	Kind       string              `json:"kind"` // empty: no order was ever made
	State      string              `json:"state"`
	Total      int64               `json:"total"`
	Charges    int                 `json:"charges"`
	Reversals  int                 `json:"reversals"`
	Refunds    int                 `json:"refunds"`
	Net        int64               `json:"net"`
	Requests   map[string]int      `json:"requests"`
	Bodies     map[string][]string `json:"bodies"`
	Faults     []string            `json:"faults"`
	Violations []struct {
		What string `json:"what"`
	} `json:"violations"`
}

// orders is the provider's count of everything, by order number.
func (o *outside) orders() map[string]orderCount {
	o.t.Helper()
	var all struct {
		Orders []orderCount `json:"orders"`
	}
	o.do(http.MethodGet, "/sim/counts", nil, &all)
	by := make(map[string]orderCount, len(all.Orders))
	for _, c := range all.Orders {
		by[c.OutTradeNo] = c
	}
	return by
}

// payerCode mints a code on a customer's telephone.
func (o *outside) payerCode(behaviour string) string {
	o.t.Helper()
	var c struct {
		AuthCode string `json:"auth_code"`
	}
	o.do(http.MethodPost, "/sim/phone/codes", map[string]any{"behaviour": behaviour}, &c)
	return c.AuthCode
}

// till is one installation: a directory with a configuration and a store, and
// the process that serves it, if one runs.
type till struct {
	t      testing.TB
	exe    string
	config string
	store  string
	env    []string
	cmd    *exec.Cmd
	ended  chan error
	log    *tail
	api    *api.Client
}

// newTill makes an installation of a till of the simulator, without the models
// that come last in its configuration: who tests money waits for none. edit
// changes the configuration; it may be nil.
func newTill(t testing.TB, o *outside, exe, id string, edit func(string) string) *till {
	t.Helper()
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	conf, _, _ := strings.Cut(string(text), "[models]\n")
	conf = strings.Replace(conf, `id = "T01"`, `id = "`+id+`"`, 1)
	conf = regexp.MustCompile(`(?m)^\[scanner\]\npath = .*$`).ReplaceAllString(conf, "[scanner]\npath = \"\"")
	// The shipped rules are for one shop; a hundred hurried customers trip them.
	conf = strings.Replace(conf, "[timing]", "[rules]\nfile = \"rules.toml\"\n[timing]", 1)
	if edit != nil {
		conf = edit(conf)
	}
	d := &till{t: t, exe: exe, config: filepath.Join(dir, "qrposd.toml"), store: filepath.Join(dir, "till.db")}
	if err := os.WriteFile(d.config, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "rules.toml"), []byte(lenient), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.kill() })
	return d
}

// lenient are rules that let every sale go on.
const lenient = `
[[rule]]
id = "small"
when = "amount < CNY(10.00)"
effect = "allow"
reason = { en = "a small sale", zh = "小额" }
`

var openLine = regexp.MustCompile(`msg="the till is open".* page=(http://\S+?)/?\s`)

// start runs the till. It reports false if the process ended before it was open,
// which a fault point may have wanted.
func (d *till) start(env ...string) bool {
	d.t.Helper()
	page := d.launch(env...)
	select {
	case base := <-page:
		d.api = &api.Client{Base: base, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
		return true
	case err := <-d.ended:
		d.ended <- err
		return false
	case <-time.After(30 * time.Second):
		d.t.Fatalf("the till did not open:\n%s", d.log)
		return false
	}
}

// launch starts the process and says where its page is once it is open.
func (d *till) launch(env ...string) <-chan string {
	d.t.Helper()
	d.log = &tail{}
	d.cmd = exec.Command(d.exe, "serve", "-config", d.config)
	d.cmd.Env = append(os.Environ(), append(d.env, env...)...)
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r, w, err := os.Pipe()
	if err != nil {
		d.t.Fatal(err)
	}
	d.cmd.Stdout, d.cmd.Stderr = w, w
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	_ = w.Close()
	page := make(chan string, 1)
	d.ended = make(chan error, 1)
	ended, cmd, log := d.ended, d.cmd, d.log
	go func() {
		for lines := bufio.NewScanner(r); lines.Scan(); {
			log.add(lines.Text())
			if m := openLine.FindStringSubmatch(lines.Text() + " "); m != nil {
				page <- m[1]
			}
		}
		_ = r.Close()
		ended <- cmd.Wait()
	}()
	return page
}

// kill ends the process as a power cut would, and waits until it is gone.
func (d *till) kill() {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	<-d.ended
	d.cmd = nil
}

// wait waits until the process has ended by itself.
func (d *till) wait(limit time.Duration) error {
	d.t.Helper()
	select {
	case err := <-d.ended:
		d.cmd = nil
		return err
	case <-time.After(limit):
		d.t.Fatalf("the till still runs after %s:\n%s", limit, d.log)
		return nil
	}
}

// stop ends the process in order.
func (d *till) stop() {
	d.t.Helper()
	_ = d.cmd.Process.Signal(syscall.SIGTERM)
	if err := d.wait(15 * time.Second); err != nil {
		d.t.Fatalf("stopped with %v:\n%s", err, d.log)
	}
}

// check runs `qrposd check` on the store of a till that does not run.
func (d *till) check() {
	d.t.Helper()
	if out, err := exec.Command(d.exe, "check", d.store).CombinedOutput(); err != nil {
		d.t.Errorf("qrposd check: %v\n%s", err, out)
	}
}

// soon is a context for one call.
func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// tail keeps the last lines of a log.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (l *tail) add(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, s)
	if len(l.lines) > 400 {
		l.lines = l.lines[200:]
	}
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

//go:build gateways

package daemon

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/daemon/llm"
	"qrposd/daemon/sim"
)

// atHome keeps the gateway, which would listen everywhere, on this machine, at a
// port that is free.
const atHome = `const net = require("net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...args) {
	this.once("listening", () => console.log("PORT " + this.address().port));
	return listen.call(this, 0, "127.0.0.1", args.find((a) => typeof a === "function"));
};
`

// startGateway runs Portkey's own program and is its address.
func startGateway(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("PORTKEY_GATEWAY")
	script := filepath.Join(dir, "build", "start-server.js")
	if _, err := os.Stat(script); dir == "" || err != nil {
		t.Fatalf("PORTKEY_GATEWAY=%q is not the directory of @portkey-ai/gateway; `make test-gateways` installs it", dir)
	}
	home := filepath.Join(t.TempDir(), "home.cjs")
	if err := os.WriteFile(home, []byte(atHome), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("node", "-r", home, script, "--headless")
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	port, ended := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if p, ok := strings.CutPrefix(lines.Text(), "PORT "); ok {
				port <- p
			}
		}
	}()
	t.Cleanup(func() {
		_ = c.Process.Kill()
		<-ended
		_ = c.Wait() // says that it was killed
	})
	select {
	case p := <-port:
		return "127.0.0.1:" + p
	case <-ended:
		t.Fatal("the gateway ended before it listened")
	case <-time.After(20 * time.Second):
		t.Fatal("the gateway does not listen")
	}
	return ""
}

// through is a model of the daemon's own behind the gateway, which has two strict
// providers of the simulator: the second is asked when the first fails.
func through(t *testing.T, gateway, outside, more string, headers map[string]string) *model {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("pk-0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	target := func(name string) string {
		return fmt.Sprintf(`{"provider":"openai","api_key":"sk-sim","custom_host":"%s/models/%s/v1"%s}`, outside, name, more)
	}
	config := `{"strategy":{"mode":"fallback"},"targets":[` + target("openai-1") + "," + target("openai-2") + `]}`
	headers["X-Portkey-Config"] = config
	c, err := llm.OpenOver(llm.Models{Providers: []llm.Provider{{
		Name: "gateway", Preset: "portkey", BaseURL: "http://" + gateway + "/v1", KeyFile: key,
		Headers: headers,
	}}}, noNames{}, (&net.Dialer{}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &model{client: c, choice: llm.Choice{Provider: "gateway", Model: "gpt-4.1-mini"}, task: llm.Reasoning}
}

// Portkey's gateway between the daemon and two providers: what it is good for works
// within the deadline, and where it has none of its own the daemon's holds.
func TestGateway(t *testing.T) {
	gateway := startGateway(t)
	const own = `,"request_timeout":150`
	const guard = `,"output_guardrails":[{"default.jsonSchema":{"schema":{"type":"object","required":["verdict","risk","cites"]}},"deny":true}]`
	for _, c := range []struct {
		name  string
		more  string // in the gateway's configuration of each provider
		wait  string // for a provider's headers, "" is the preset's
		first sim.ModelSetting
		both  bool // the second does the same
		path  advisor.Path
		calls [2]int
		least time.Duration
	}{
		{"structured output", "", "", sim.ModelSetting{}, false, advisor.ByModel, [2]int{1, 0}, 0},
		{"failover from an overload", "", "", failing(503), false, advisor.ByModel, [2]int{1, 1}, 0},
		{"failover from a rate limit", "", "", failing(429), false, advisor.ByModel, [2]int{1, 1}, 0},
		{"failover from a reset", "", "", sim.ModelSetting{Script: "reset"}, false, advisor.ByModel, [2]int{1, 1}, 0},
		{"its timeout ends a hang and the second answers", "", "150", sim.ModelSetting{Script: "hang"}, false, advisor.ByModel, [2]int{1, 1}, 150 * ms},
		{"both hang until its timeouts", "", "150", sim.ModelSetting{Script: "hang"}, true, advisor.RulesFailed, [2]int{1, 1}, 300 * ms},
		{"the timeout of its configuration gives way to the preset's", own, "", sim.ModelSetting{Script: "hang"}, false, advisor.RulesLate, [2]int{1, 0}, 540 * ms},
		{"it does not bound the body, the daemon does", "", "150", sim.ModelSetting{Script: "stall"}, false, advisor.RulesLate, [2]int{1, 0}, 540 * ms},
		{"an error inside a 200 passes as success and is none", "", "", sim.ModelSetting{Script: "error_choice"}, false, advisor.RulesFailed, [2]int{1, 0}, 0},
		{"nonsense passes and is none", "", "", sim.ModelSetting{Script: "forbidden"}, false, advisor.RulesFailed, [2]int{1, 0}, 0},
		{"a guard that denies asks the second", guard, "", sim.ModelSetting{Script: "empty"}, false, advisor.ByModel, [2]int{1, 1}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			outside := &sim.Models{}
			srv := httptest.NewServer(outside)
			defer srv.Close()
			defer srv.CloseClientConnections() // the gateway keeps those of calls that the daemon has left
			providers := map[string]sim.ModelSetting{"openai-1": c.first, "openai-2": {}}
			if c.both {
				providers["openai-2"] = c.first
			}
			for name, s := range providers {
				if _, err := outside.Set(name, s); err != nil {
					t.Fatal(err)
				}
			}
			headers := map[string]string{}
			if c.wait != "" {
				headers["X-Portkey-Request-Timeout"] = c.wait
			}
			m := through(t, gateway, srv.URL, c.more, headers)
			judge := advisor.New(softRules(t), []advisor.Model{m}, nil, advisor.Limits{}, slog.New(slog.DiscardHandler))
			adv := judge.Advise(t.Context(), bigSale())
			judge.Close()
			report := outside.Report()
			t.Logf("%s after %.1f ms", adv.Path, float64(adv.Took.Microseconds())/1e3)
			if adv.Path != c.path || adv.Took < c.least {
				t.Errorf("%s after %s, want %s after %s at least", adv.Path, adv.Took, c.path, c.least)
			}
			for i, p := range report.Providers {
				if p.Calls != c.calls[i] || p.Refused > 0 {
					t.Errorf("%s was asked %d times, not %d; refused %d: %s", p.Name, p.Calls, c.calls[i], p.Refused, p.LastRefusal)
				}
			}
			for _, body := range outside.Requests("openai-1") {
				if !strings.Contains(body, `"json_schema"`) || !strings.Contains(body, `"strict":true`) {
					t.Errorf("the schema got lost: %s", body)
				}
			}
		})
	}
}

func failing(status int) sim.ModelSetting {
	return sim.ModelSetting{Script: "error", Error: sim.ModelError{Status: status}}
}

package daemon

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/daemon/llm"
	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

const ms = time.Millisecond

// modelBody is an answer that would relax the verdict.
const modelBody = `{"model":"m","choices":[{"finish_reason":"stop","message":{"content":"{\"verdict\":\"allow\",\"risk\":1,\"cites\":[\"amount\"]}"}}]}`

// awkward is a provider of models that does not answer as it should.
type awkward struct {
	name string
	url  string         // what stands before the address; "" is http://
	talk func(net.Conn) // nil: no connection comes about
	dead error          // of a connection that is refused, nil if it swallows packets
	took time.Duration  // in virtual time
}

// awkwards are twelve of them.
var awkwards = []awkward{
	{name: "hang before headers", talk: after(lurk), took: 540 * ms},
	{name: "hang after headers", talk: after(say(head), lurk), took: 540 * ms},
	{name: "hang in the body", talk: after(say(head+modelBody[:40]), lurk), took: 540 * ms},
	{name: "drip", talk: after(say(head), every(20*ms, modelBody)), took: 540 * ms},
	{name: "reset", talk: after(cut), took: 0},
	{name: "blackholed", took: 540 * ms},
	{name: "slow DNS", url: "https://model.test", talk: lurk, took: 540 * ms},
	{name: "slow TLS", url: "https://", talk: lurk, took: 540 * ms},
	{name: "200 with garbage", talk: after(say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x00\xff{]:\"nul")), took: 0},
	{name: "blank lines", talk: after(say("HTTP/1.1 200 OK\r\n\r\n"), every(50*ms, strings.Repeat("\n", 100)), say(modelBody)), took: 540 * ms},
	{name: "refused", dead: syscall.ECONNREFUSED, took: 0},
	{name: "answer at 599 ms", talk: after(wait(599*ms), say(head+modelBody)), took: 540 * ms},
}

var head = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(modelBody)) // budget: a constant but for the length in it

// after reads a request and then does everything in turn.
func after(steps ...func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		for _, step := range steps {
			step(c)
		}
	}
}

func lurk(c net.Conn) { _, _ = io.Copy(io.Discard, c) }

func say(s string) func(net.Conn) { return func(c net.Conn) { _, _ = io.WriteString(c, s) } }

func wait(d time.Duration) func(net.Conn) { return func(net.Conn) { time.Sleep(d) } }

func every(d time.Duration, s string) func(net.Conn) {
	return func(c net.Conn) {
		for i := range len(s) {
			if _, err := io.WriteString(c, s[i:i+1]); err != nil {
				return
			}
			time.Sleep(d)
		}
	}
}

// cut has the kernel reset the connection.
func cut(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// noNames is a resolver whose server does not answer.
type noNames struct{}

func (noNames) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// rig is a model of the daemon's own at an awkward provider.
func (a awkward) rig(t testing.TB, address string, dial func(ctx context.Context, network, address string) (net.Conn, error)) *model {
	t.Helper()
	url := "http://" + address
	switch {
	case strings.HasSuffix(a.url, "//"):
		url = a.url + address
	case a.url != "":
		url = a.url
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("sk-0123456789abcdef\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := llm.OpenOver(llm.Models{Providers: []llm.Provider{{Name: "p", BaseURL: url, KeyFile: key}}}, noNames{}, dial)
	if err != nil {
		t.Fatal(err)
	}
	return &model{client: c, choice: llm.Choice{Provider: "p", Model: "m"}, task: llm.Reasoning}
}

// inMemory connects to the provider without a network.
func (a awkward) inMemory(ctx context.Context, _, address string) (net.Conn, error) {
	switch {
	case a.dead != nil:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: a.dead}
	case a.talk == nil:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	till, provider := net.Pipe()
	go func() {
		defer provider.Close()
		a.talk(provider)
	}()
	return till, nil
}

// softRules ask for a manager, and let a model relax that.
func softRules(t testing.TB) *rules.Set {
	t.Helper()
	set, err := rules.Load("test.toml", []byte(`
[[rule]]
id = "big"
when = "amount >= CNY(500.00)"
effect = "approve"
model = "relax"
reason = { en = "a large sale", zh = "大额" }
`))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func bigSale() rules.Case {
	return rules.Case{Amount: money.Money{Minor: 60000, Currency: "CNY"}, Flow: sale.Payer}
}

// In virtual time, through the daemon's own client down to connections in memory:
// no verdict after 600 ms, and each when it has to come.
func TestCutoff(t *testing.T) {
	set := softRules(t)
	good := awkward{name: "a good answer after 100 ms", talk: after(wait(100*ms), say(head+modelBody)), took: 100 * ms}
	for _, a := range append([]awkward{good}, awkwards...) {
		t.Run(a.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := a.rig(t, "127.0.0.1:1", a.inMemory)
				var wg sync.WaitGroup
				for range 50 {
					wg.Go(func() {
						judge := advisor.New(set, []advisor.Model{m}, nil, advisor.Limits{}, slog.New(slog.DiscardHandler))
						adv := judge.Advise(t.Context(), bigSale())
						if adv.Took != a.took || (adv.Path == advisor.ByModel) != (a.name == good.name) || adv.Asked != 1 {
							t.Errorf("%s after %s, %d asked; want %s", adv.Path, adv.Took, adv.Asked, a.took)
						}
						judge.Close()
					})
				}
				wg.Wait()
				m.client.Close()
				time.Sleep(time.Second) // until the providers have noticed
			})
		})
	}
}

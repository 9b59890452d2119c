package llm

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"qrposd/rules/sale"
)

const testKey = "sk-test-0123456789abcdefghij"

// good is a well-formed opinion about testFacts.
const good = `{"verdict":"confirm","risk":3,"cites":["amount","payer.count_1h"]}`

func testFacts() Facts {
	return Facts{
		Amount: Known(128_000), Currency: "CNY", Flow: sale.Payer,
		Local: Local{Known(14), "tue"}, Link: "online",
		Payer: Payer{Wallet: "wechat", FirstSeen: No, Count1h: Known(3), Sum1h: Known(250_000)},
		Rules: []Label{"large-sale", "fast-payer"}, Asks: []Verdict{Confirm},
	}
}

func testRequest(t testing.TB) Request {
	t.Helper()
	r, err := Prompt(Reasoning, testFacts())
	if err != nil {
		t.Fatal(err)
	}
	r.Abroad = true
	return r
}

func keyFile(t testing.TB) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, []byte(testKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// serve starts a provider that says what answer says.
func serve(t testing.TB, answer http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server does not see the client leave
		answer(w, r)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL
}

// client asks providers at url, one for each dialect and way of structured output,
// called as dialect-structured.
func client(t testing.TB, url string) *Client {
	t.Helper()
	m := Models{}
	file := keyFile(t)
	for _, d := range []Dialect{OpenAI, Anthropic, Gemini} {
		for _, s := range []Structured{JSONSchema, JSONObject, Tool} {
			if d == Anthropic && s == JSONObject {
				continue
			}
			m.Providers = append(m.Providers, Provider{Name: nameOf(d, s), Dialect: d, Structured: s, BaseURL: url, KeyFile: file})
		}
	}
	c, err := Open(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func nameOf(d Dialect, s Structured) string {
	return string(d) + "-" + map[Structured]string{JSONSchema: "schema", JSONObject: "object", Tool: "tool"}[s]
}

func ask(t testing.TB, c *Client, provider string) (Answer, *Failure) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return askWith(ctx, t, c, provider)
}

func askWith(ctx context.Context, t testing.TB, c *Client, provider string) (Answer, *Failure) {
	t.Helper()
	a, err := c.Ask(ctx, Choice{provider, "m-1"}, testRequest(t))
	var f *Failure
	if err != nil && !errors.As(err, &f) {
		t.Fatalf("%T is not a *Failure: %v", err, err)
	}
	return a, f
}

// openFiles counts the descriptors of this process.
func openFiles(t testing.TB) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// settles waits until no more goroutines and descriptors are there than before.
func settles(t testing.TB, goroutines, files int) {
	t.Helper()
	var g, n int
	for range 500 {
		if g, n = runtime.NumGoroutine(), openFiles(t); g <= goroutines && n <= files {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	stacks = stacks[:runtime.Stack(stacks, true)]
	t.Errorf("%d goroutines and %d descriptors, %d and %d before\n%s", g, n, goroutines, files, stacks)
}

package llm

import (
	"io"
	"net/http"
	"testing"
)

func BenchmarkPrompt(b *testing.B) {
	f := testFacts()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Prompt(Reasoning, f); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkBody(b *testing.B) {
	e, err := newEndpoint(Provider{Name: "p", Preset: "llamacpp"})
	if err != nil {
		b.Fatal(err)
	}
	r := testRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		e.dialect.body(e, "m", r)
	}
}

func BenchmarkDecode(b *testing.B) {
	e := &endpoint{Provider: Provider{Structured: JSONSchema}}
	r, body := testRequest(b), []byte(openAISaid(quoted(good), ""))
	b.ReportAllocs()
	for b.Loop() {
		reply, f := openAIReply(e, r, body)
		if f != nil {
			b.Fatal(f)
		}
		if _, err := Decode(r, Answer{JSON: reply.json}); err != nil {
			b.Fatal(err)
		}
	}
}

// A whole call at a provider on this machine that has its answer ready, the
// provider's share included.
func BenchmarkAsk(b *testing.B) {
	answer := func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, openAISaid(quoted(good), "")) }
	b.Run("plain", func(b *testing.B) { benchAsk(b, client(b, serve(b, answer)), "openai-schema") })
	b.Run("tls", func(b *testing.B) {
		url, ca, _ := tlsProvider(b, answer)
		benchAsk(b, tlsClient(b, url, ca), "p")
	})
}

func benchAsk(b *testing.B, c *Client, provider string) {
	r, to := testRequest(b), Choice{provider, "m-1"}
	b.ReportAllocs()
	for b.Loop() {
		a, err := c.Ask(b.Context(), to, r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := Decode(r, a); err != nil {
			b.Fatal(err)
		}
	}
}

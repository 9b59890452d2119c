package daemon

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/llm"
)

// embedders ask models for vectors at addresses.
func embedders(t *testing.T, region string, urls ...string) aipay.Embedder {
	t.Helper()
	return newEmbedder(seated(t, llm.Embedding, true, region, urls...))
}

// vectors answers with a vector for each text of a question, (n, 1), (n, 2) ...
func vectors(n int) func(http.ResponseWriter, *http.Request, string) {
	return func(w http.ResponseWriter, _ *http.Request, body string) {
		var list []string
		for i := range strings.Count(body, "kind=") {
			list = append(list, fmt.Sprintf(`{"index":%d,"embedding":[%d,%d]}`, i, n, i+1))
		}
		fmt.Fprintf(w, `{"data":[%s]}`, strings.Join(list, ","))
	}
}

// A model embeds a whole session or nothing of it, what it said is remembered, and
// one that fails is passed over.
func TestEmbedder(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for name, first := range map[string]func(http.ResponseWriter, *http.Request, string){
		"an error": status(500), "of other dimensions": func(w http.ResponseWriter, _ *http.Request, _ string) {
			fmt.Fprint(w, `{"data":[{"index":0,"embedding":[1,2,3]},{"index":1,"embedding":[1,2,3]}]}`)
		}, "one too few": func(w http.ResponseWriter, _ *http.Request, _ string) {
			fmt.Fprint(w, `{"data":[{"index":0,"embedding":[1,2]}]}`)
		},
		"refused": status(451),
	} {
		var a, b atomic.Int32
		e := embedders(t, "cn", answering(t, &a, first), answering(t, &b, vectors(7)))
		by, v, err := e(ctx, []string{"kind=a", "kind=b"}, 2)
		if err != nil || by != "p1/m" || len(v) != 2 || !slices.Equal(v[1], []float64{7, 2}) || a.Load() != 1 || b.Load() != 1 {
			t.Errorf("%s: %s, %v, %v", name, by, v, err)
		}
	}
	var asked atomic.Int32
	e := embedders(t, "cn", answering(t, &asked, vectors(5)))
	for range 3 {
		for _, texts := range [][]string{{"kind=a", "kind=b"}, {"kind=b", "kind=a"}} {
			if _, v, err := e(ctx, texts, 2); err != nil || len(v) != 2 {
				t.Fatalf("%v, %v", v, err)
			}
		}
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times for what is known", asked.Load())
	}
	for i := range 2 * maxEmbedded {
		if _, _, err := e(ctx, []string{fmt.Sprint("kind=", i)}, 2); err != nil {
			t.Fatal(err)
		}
	}
	if e := embedders(t, "us", answering(t, &asked, vectors(5))); e != nil {
		t.Error("a provider abroad is asked about sales of the mainland")
	}
}

// An embedder that fails again and again is left alone, and the till is told why.
func TestEmbedderBreaks(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var asked atomic.Int32
	e := embedders(t, "cn", answering(t, &asked, status(500)))
	var last error
	for range 6 {
		if _, _, last = e(ctx, []string{"kind=a"}, 2); last == nil {
			t.Fatal("it answered")
		}
	}
	if asked.Load() != 3 || last != errNobody {
		t.Errorf("asked %d times, %v", asked.Load(), last)
	}
}

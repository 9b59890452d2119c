package llm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// Only one vector for each text, at its place and of the right length, is an answer.
func TestReadEmbeddings(t *testing.T) {
	secret := testKey
	for body, want := range map[string]string{
		`{"data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[3,4]}]}`:                              "",
		`{"data":[{"index":0,"embedding":[3,4]}]}`:                                                            codeForm,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":0,"embedding":[3,4]}]}`:                              codeForm,
		`{"data":[{"index":0,"embedding":[3,4]},{"embedding":[3,4]}]}`:                                        codeForm,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":2,"embedding":[3,4]}]}`:                              codeForm,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":-1,"embedding":[3,4]}]}`:                             codeForm,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":1,"embedding":[0,0]}]}`:                              codeForm,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":1,"embedding":[1e200,0]}]}`:                          codeForm,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":1,"embedding":[1,2,3]}]}`:                            codeDimensions,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":1,"embedding":null}]}`:                               codeDimensions,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":1,"embedding":["x",4]}]}`:                            codeNotJSON,
		`{"data":[{"index":0,"embedding":[3,4]},{"index":1,"embedding":[1e999,4]}]}`:                          codeNotJSON,
		`{"error":{"message":"no such model","code":"model_not_found"}}`:                                      "model_not_found",
		`{"data":[{"index":0,"embedding":[3,4]},{"index":1,"embedding":[3,4]}],"error":{"code":"slow_down"}}`: "slow_down",
		`{}`: codeNoAnswer, `[]`: codeNotJSON, `<html>`: codeNotJSON, ``: codeNotJSON, `{"data":"aGVsbG8="}`: codeNotJSON,
	} {
		v, f := readEmbeddings([]byte(body), 2, 2, key{&secret})
		code := ""
		if f != nil {
			code = f.Code
		}
		if code != want || (f == nil) != (v != nil) {
			t.Errorf("%s: %v, %q; want %q", body, v, code, want)
		}
		if want == "" && !slices.Equal(v[0], []float64{3, 4}) {
			t.Errorf("%s: %v", body, v)
		}
	}
}

// Whatever comes: no panic, and what is taken has its form and a length.
func FuzzReadEmbeddings(f *testing.F) {
	f.Add([]byte(`{"data":[{"index":1,"embedding":[0,1]},{"index":0,"embedding":[3,4]}]}`))
	f.Add([]byte(`{"error":{"message":"x"}}`))
	f.Add([]byte(`{"data":[{"index":0,"embedding":[1e-200,-0]}]}`))
	secret := testKey
	f.Fuzz(func(t *testing.T, body []byte) {
		vectors, fail := readEmbeddings(body, 2, 2, key{&secret})
		if fail != nil {
			if fail.Class == "" || fail.Code == "" || vectors != nil {
				t.Fatalf("%+v, %v", fail, vectors)
			}
			return
		}
		if len(vectors) != 2 {
			t.Fatalf("%v", vectors)
		}
		for _, v := range vectors {
			if length := math.Hypot(v[0], v[1]); len(v) != 2 || !(length > 0) || math.IsInf(length, 0) {
				t.Fatalf("%v", vectors)
			}
		}
	})
}

// The question has the texts and nothing else, and goes nowhere it may not go.
func TestEmbed(t *testing.T) {
	var path, body string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		path, body = r.URL.Path, string(b)
		fmt.Fprint(w, `{"data":[{"index":0,"embedding":[3,4]}]}`)
	}))
	t.Cleanup(srv.Close)
	file := keyFile(t)
	c, err := Open(Models{Region: "cn", Providers: []Provider{
		{Name: "near", BaseURL: srv.URL + "/v1", KeyFile: file, Region: "cn"},
		{Name: "far", BaseURL: srv.URL, KeyFile: file, Region: "us"},
		{Name: "claude", Dialect: Anthropic, BaseURL: srv.URL, KeyFile: file, Region: "cn"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v, err := c.Embed(ctx, Choice{"near", "e-1"}, []string{"kind=keypad"}, 2, false)
	if err != nil || len(v) != 1 || path != "/v1/embeddings" || body != `{"model":"e-1","input":["kind=keypad"],"dimensions":2,"encoding_format":"float"}` {
		t.Errorf("%v, %v; %s was asked %s", v, err, path, body)
	}
	path = ""
	for name, tc := range map[string]struct {
		to    Choice
		texts []string
		code  string
	}{
		"abroad":        {Choice{"far", "e-1"}, []string{"x"}, codeRegion},
		"nobody":        {Choice{"none", "e-1"}, []string{"x"}, codeProvider},
		"other dialect": {Choice{"claude", "e-1"}, []string{"x"}, codeProvider},
		"no text":       {Choice{"near", "e-1"}, nil, codeRequest},
		"empty text":    {Choice{"near", "e-1"}, []string{""}, codeRequest},
		"long text":     {Choice{"near", "e-1"}, []string{strings.Repeat("x", maxTextBytes+1)}, codeRequest},
		"many":          {Choice{"near", "e-1"}, slices.Repeat([]string{"x"}, maxTexts+1), codeRequest},
		"no model":      {Choice{"near", "e 1"}, []string{"x"}, codeRequest},
	} {
		var f *Failure
		if _, err := c.Embed(ctx, tc.to, tc.texts, 2, false); !errors.As(err, &f) || f.Code != tc.code || path != "" {
			t.Errorf("%s: %v, want %s; asked %q", name, err, tc.code, path)
		}
	}
}

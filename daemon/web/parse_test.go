package web

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
)

func TestParseKey(t *testing.T) {
	for header, want := range map[string]string{
		`"8e03978e-40d5"`: "8e03978e-40d5", "8e03978e-40d5": "8e03978e-40d5", `"quo\"ted\\key"`: `quo"ted\key`, `"a,b;c=1."`: "a,b;c=1.",
		"\t\"12345678\" ": "12345678", `"1234567"`: "", `"12345678`: "", `12345678"`: "", `"12345678"x`: "", `"1234\5678"`: "", "12345678;a": "",
		"": "", `""`: "", "key with blank": "", "ключключ": "", "\"1234\x005678\"": "", strings.Repeat("k", 128): strings.Repeat("k", 128), strings.Repeat("k", 129): "",
	} {
		got, why := parseKey(header)
		if got != want || (why == "") != (want != "") {
			t.Errorf("parseKey(%q) = %q, %q; want %q", header, got, why, want)
		}
	}
}

func TestPreferredWait(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"wait=10": 10 * time.Second, "Wait = 5": 5 * time.Second, `respond-async, wait="7"; x=y`: 7 * time.Second, "wait=61": maxWait, "wait=2000000000": maxWait,
		"wait=3, wait=9": 3 * time.Second, `foo="a,wait=9", wait=2`: 2 * time.Second, "wait=-1": 0, "wait=ten": 0, "wait": 0, "wait=": 0, "": 0, "waiting=9": 0, `wait="`: 0,
		"wait=99999999999999999999": 0, "wait=0": 0,
	} {
		if got := preferredWait([]string{header}); got != want {
			t.Errorf("preferredWait(%q) = %s, want %s", header, got, want)
		}
	}
	if got := preferredWait([]string{"respond-async", "wait=4"}); got != 4*time.Second {
		t.Errorf("in the second line: %s", got)
	}
}

// What is taken as a key survives being written as the header has it.
func FuzzIdempotencyKey(f *testing.F) {
	for _, s := range []string{key, "8e03978e-40d5", `"a\"b\\c123"`, `"1234567`, `"";a=1`, "ключ", "\x00", `"1234\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		k, why := parseKey(header)
		if why != "" {
			if k != "" {
				t.Fatalf("parseKey(%q) refuses and gives %q", header, k)
			}
			return
		}
		if len(k) < minKey || len(k) > maxKey {
			t.Fatalf("parseKey(%q) = %q", header, k)
		}
		if back, why := parseKey(api.QuoteKey(k)); back != k || why != "" {
			t.Fatalf("%q is written %s and read as %q, %s", k, api.QuoteKey(k), back, why)
		}
	})
}

func FuzzPrefer(f *testing.F) {
	for _, s := range []string{"wait=10", `foo="a,b\"", wait=1`, `wait="`, ",,;;==", `"\`, "wait=99999999999999999999"} {
		f.Add(s, "wait=1")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if got := preferredWait([]string{a, b}); got < 0 || got > maxWait || got%time.Second != 0 {
			t.Fatalf("preferredWait(%q, %q) = %s", a, b, got)
		}
		if strings.Join(splitOutside(a, ','), ",") != a {
			t.Fatalf("splitOutside(%q) loses something", a)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{good, "{", `{"a":1,"a":2}`, `{"a":{"b":[1]}}`, "[]", "\xff", `{"a":1}{"b":2}`, "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		_ = decode(b, &v) // an error is fine, a panic or a hang is not
	})
}

func BenchmarkOpen(b *testing.B) {
	shop := newShop()
	s, err := New(optionsOf(shop, &safeBuffer{}))
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		r := httptest.NewRequest("POST", "http://127.0.0.1:8430/v1/sales", strings.NewReader(good))
		r.RemoteAddr = "127.0.0.1:50000"
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8430}))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", fmt.Sprintf("bench-%08d", i))
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, r); w.Code != http.StatusCreated {
			b.Fatal(w.Body)
		}
	}
}

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"qrposd/rules/sale"
)

func TestClientErrors(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"/v1/sales/problem": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, `{"title":"Conflict","status":409,"detail":"the sale is paid","code":"sale_paid","hint":"refund it"}`)
		},
		"/v1/sales/proxy":   func(w http.ResponseWriter) { http.Error(w, "Bad Gateway", http.StatusBadGateway) },
		"/v1/sales/garbage": func(w http.ResponseWriter) { fmt.Fprint(w, `{"id":`) },
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w) }))
	defer srv.Close()
	c := &Client{Base: srv.URL, HTTP: srv.Client()}
	_, err := c.Sale(t.Context(), "problem", 0)
	var p *Problem
	if !errors.As(err, &p) || p.Code != "sale_paid" || p.Error() != "the sale is paid (sale_paid): refund it" {
		t.Errorf("a problem is %v", err)
	}
	for _, id := range []string{"proxy", "garbage"} {
		// Whatever is not the till's own word must not pass for a refusal.
		if _, err := c.Sale(t.Context(), sale.ID(id), 0); err == nil || errors.As(err, &p) {
			t.Errorf("%s is %v", id, err)
		}
	}
	srv.Close()
	if _, err := c.Sale(t.Context(), "problem", 0); err == nil || errors.As(err, &p) {
		t.Errorf("a till that is off is %v", err)
	}
}

// A stream is resumed after the last event that was taken, also where the till
// cut it off in the middle of one.
func TestEventsResume(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("after"))
		fmt.Fprint(w, "retry: 1\n\n")
		switch len(asked) {
		case 1:
			fmt.Fprint(w, ": hello\nid: 8\nevent: sale\ndata: {\"seq\":8,\ndata: \"kind\":\"begun\"}\n\nevent: health\ndata: {}\n\nid: 9\nevent: sale\ndata: {\"seq\":9}\n")
		case 2:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		case 3:
			fmt.Fprint(w, "id: 9\r\nevent: sale\r\ndata: {\"seq\":9}\r\n\r\n")
		}
	}))
	defer srv.Close()
	c := &Client{Base: srv.URL, HTTP: srv.Client()}
	var got []uint64
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := c.Events(ctx, 7, func(ev Event) error {
		if got = append(got, ev.Seq); ev.Seq == 9 {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) || !reflect.DeepEqual(got, []uint64{8, 9}) || !reflect.DeepEqual(asked, []string{"7", "8", "8"}) {
		t.Errorf("%v, events %v, asked after %v", err, got, asked)
	}
	cancel()
	if err := c.Events(ctx, 9, func(Event) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
}

func TestEventsStopsAtARefusal(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprint(w, `{"status":409,"code":"events_ahead","detail":"another file"}`)
	}))
	defer srv.Close()
	err := (&Client{Base: srv.URL, HTTP: srv.Client()}).Events(t.Context(), 7, func(Event) error { return nil })
	var p *Problem
	if !errors.As(err, &p) || p.Code != "events_ahead" {
		t.Errorf("%v", err)
	}
}

func FuzzReadMessages(f *testing.F) {
	for _, s := range []string{"id: 1\nevent: sale\ndata: {}\n\n", "retry: 9999999\n\n", ":\n\n", "data\ndata:\r\n\r\n", "id\n", strings.Repeat("data: x\n", 50) + "\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_ = readMessages(strings.NewReader(s), func(m message) error {
			if strings.ContainsAny(m.id+m.name, "\n") || m.retry < 0 || m.retry > 1<<20*time.Millisecond {
				t.Fatalf("%q gives %+v", s, m)
			}
			return nil
		})
	})
}

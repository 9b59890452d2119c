package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// Whatever a case holds it says in both languages, what the till does not know
// included, and never that money moved.
func TestCasesAreSaidInWords(t *testing.T) {
	kinds, steps, causes := []string{"from a later version"}, []string{"from a later version"}, []string{"", "from a later version"}
	for k := range caseKinds {
		kinds = append(kinds, k)
	}
	for s := range nextSteps {
		steps = append(steps, s)
	}
	for c := range caseCauses {
		causes = append(causes, c)
	}
	for _, kind := range kinds {
		for _, step := range steps {
			for _, cause := range causes {
				for _, foreign := range []string{"", "0", "2"} {
					says := Case{Kind: kind, Next: step, Evidence: map[string]string{"model": "sim/slow", "cause": cause, "foreign": foreign}}.Worded().Says
					bilingual(t, kind, says.What)
					bilingual(t, step, says.Next)
					for _, e := range says.Evidence {
						bilingual(t, cause, e)
					}
					if n := len(says.Evidence); n < 1 || n > 3 || (foreign == "2") != strings.Contains(says.Evidence[n-1].En, "cite 2 thing") {
						t.Errorf("%s, %s, %q, %q: %v", kind, step, cause, foreign, says.Evidence)
					}
				}
			}
		}
	}
	if none := (Case{}).Worded().Says; none.Evidence == nil || len(none.Evidence) != 0 {
		t.Errorf("without evidence there is %v", none.Evidence)
	}
}

func TestClientOfCases(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.RequestURI()+" "+r.Header.Get("Idempotency-Key"))
		if strings.HasSuffix(r.URL.Path, "/9") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(`{"status":404,"code":"case_not_found","detail":"there is no such case"}`))
			return
		}
		_, _ = w.Write([]byte(`{"id":7,"state":"closed","open":3,"cases":[{"id":7}]}`))
	}))
	defer srv.Close()
	c, ctx := &Client{Base: srv.URL}, context.Background()
	list, err := c.Cases(ctx, "open", 20, 0)
	if err != nil || list.Open != 3 || len(list.Cases) != 1 || list.Cases[0].ID != 7 {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := c.Cases(ctx, "", 5, 12); err != nil {
		t.Error(err)
	}
	if one, err := c.Case(ctx, 7); err != nil || one.ID != 7 {
		t.Errorf("%+v, %v", one, err)
	}
	if one, err := c.CloseCase(ctx, 7, NewClosing{"owner", "done"}, "a key of mine"); err != nil || one.State != "closed" {
		t.Errorf("%+v, %v", one, err)
	}
	var p *Problem
	if _, err := c.Case(ctx, 9); !errors.As(err, &p) || p.Code != "case_not_found" {
		t.Error(err)
	}
	want := []string{"GET /v1/cases?limit=20&state=open ", "GET /v1/cases?before=12&limit=5 ", "GET /v1/cases/7 ", `POST /v1/cases/7/close "a key of mine"`, "GET /v1/cases/9 "}
	if got := strings.Join(asked, "|"); got != strings.Join(want, "|") {
		t.Errorf("asked %s", got)
	}
}

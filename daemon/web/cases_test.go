package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// ownersDesk is what waits for the owner, in memory.
type ownersDesk struct {
	mu    sync.Mutex
	list  []api.Case // by number, from one
	known map[string]sale.Once
	by    map[string]uint64
}

func newDesk() *ownersDesk {
	return &ownersDesk{known: make(map[string]sale.Once), by: make(map[string]uint64)}
}

func (d *ownersDesk) open(order string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, api.Case{
		ID: uint64(len(d.list) + 1), Kind: "reconciliation_mismatch", State: "open", Sale: "T1S", OrderNo: order, Opened: time.Now(), Next: "compare_payment",
		Amount:   &api.Amount{Currency: "CNY", Decimal: "12.80", Minor: 1280},
		Evidence: map[string]string{"verdict": "mismatch", "model": "sim/slow", "cause": "hallucination", "foreign": "2"},
	}.Worded())
}

func (d *ownersDesk) Cases(state string, limit int, before uint64) (api.Cases, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := api.Cases{Cases: []api.Case{}}
	for i := len(d.list) - 1; i >= 0; i-- {
		c := d.list[i]
		if c.State == "open" {
			out.Open++
		}
		if len(out.Cases) < limit && (state == "" || c.State == state) && (before == 0 || c.ID < before) {
			out.Cases = append(out.Cases, c)
		}
	}
	return out, nil
}

func (d *ownersDesk) find(id uint64) (*api.Case, error) {
	if id < 1 || id > uint64(len(d.list)) {
		return nil, &fault{http.StatusNotFound, "case_not_found", "there is no such case", "list the cases"}
	}
	return &d.list[id-1], nil
}

func (d *ownersDesk) Case(id uint64) (api.Case, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return api.Case{}, err
	}
	return *c, nil
}

func (d *ownersDesk) CloseCase(_ context.Context, id uint64, n api.NewClosing, once sale.Once) (api.Case, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	was, used := d.known[once.Key]
	switch {
	case err != nil:
		return api.Case{}, false, err
	case used && (was.Print != once.Print || d.by[once.Key] != id):
		return api.Case{}, false, &fault{http.StatusUnprocessableEntity, "once_mismatch", "the key was used for another request", "make a new key"}
	case used:
		return *c, true, nil
	case c.State == "closed":
		return api.Case{}, false, &fault{http.StatusConflict, "case_closed", "the case is closed already", "look at it"}
	}
	d.known[once.Key], d.by[once.Key] = once, id
	c.State, c.Closed = "closed", &api.Closing{At: time.Now(), By: n.Operator, Note: n.Note}
	return *c, false, nil
}

// Whatever is asked of the cases is answered as the document says.
func TestCaseRequests(t *testing.T) {
	desk := newDesk()
	desk.open("A1")
	desk.open("A2")
	s := startWith(t, newShop(), func(o *Options) { o.Cases = desk })
	doc := document(t, s.OpenAPI())
	keyed := func(k string) map[string]string { return map[string]string{"Idempotency-Key": k} }
	const done = `{"operator":"owner","note":"the bill agrees"}`
	for _, q := range []request{
		{name: "all", method: "GET", path: "/v1/cases", status: 200},
		{name: "open", method: "GET", path: "/v1/cases?state=open&limit=1", status: 200},
		{name: "before", method: "GET", path: "/v1/cases?before=2", status: 200},
		{name: "one", method: "GET", path: "/v1/cases/2", status: 200},
		{name: "no such state", method: "GET", path: "/v1/cases?state=lost", status: 422, code: "request_invalid"},
		{name: "too many", method: "GET", path: "/v1/cases?limit=101", status: 422, code: "request_invalid"},
		{name: "a parameter that is none", method: "GET", path: "/v1/cases?status=open", status: 422, code: "request_invalid"},
		{name: "no such case", method: "GET", path: "/v1/cases/3", status: 404, code: "case_not_found"},
		{name: "no number", method: "GET", path: "/v1/cases/x", status: 422, code: "request_invalid"},
		{name: "number zero", method: "GET", path: "/v1/cases/0", status: 422, code: "request_invalid"},
		{name: "no key", method: "POST", path: "/v1/cases/1/close", body: done, status: 400, code: "idempotency_key_missing"},
		{name: "bad key", method: "POST", path: "/v1/cases/1/close", body: done, header: keyed("short"), status: 400, code: "idempotency_key_malformed"},
		{name: "nobody", method: "POST", path: "/v1/cases/1/close", body: `{"operator":"","note":"x"}`, header: keyed(key), status: 422, code: "request_invalid"},
		{name: "nothing found", method: "POST", path: "/v1/cases/1/close", body: `{"operator":"owner"}`, header: keyed(key), status: 422, code: "request_invalid"},
		{name: "a line break", method: "POST", path: "/v1/cases/1/close", body: `{"operator":"owner","note":"a\nb"}`, header: keyed(key), status: 422, code: "request_invalid"},
		{name: "no body", method: "POST", path: "/v1/cases/1/close", header: keyed(key), status: 400, code: "body_malformed"},
		{name: "closing nothing", method: "POST", path: "/v1/cases/9/close", body: done, header: keyed(key), status: 404, code: "case_not_found"},
		{name: "closing", method: "POST", path: "/v1/cases/1/close", body: done, header: keyed(key), status: 200},
		{name: "the same again", method: "POST", path: "/v1/cases/1/close", body: done, header: keyed(key), status: 200},
		{name: "the key again", method: "POST", path: "/v1/cases/2/close", body: done, header: keyed(key), status: 422, code: "once_mismatch"},
		{name: "closed", method: "POST", path: "/v1/cases/1/close", body: done, header: keyed(`"another-key"`), status: 409, code: "case_closed"},
		{name: "closed ones", method: "GET", path: "/v1/cases?state=closed", status: 200},
	} {
		t.Run(q.name, func(t *testing.T) {
			res, body := send(t, s.url, q)
			if res.StatusCode != q.status {
				t.Fatalf("%d, want %d: %s", res.StatusCode, q.status, body)
			}
			if q.status < 400 {
				return
			}
			var p api.Problem
			if err := json.Unmarshal(body, &p); err != nil || p.Code != q.code || p.Hint == "" {
				t.Fatalf("%v %+v, want %s", err, p, q.code)
			}
			documented(t, doc, q, p)
		})
	}
	if desk.list[0].Closed == nil || desk.list[0].Closed.By != "owner" || desk.list[1].Closed != nil {
		t.Errorf("closed: %+v", desk.list)
	}
}

// A till without cases has no routes for them.
func TestNoCases(t *testing.T) {
	s := start(t, newShop())
	for path := range document(t, s.OpenAPI()).Paths {
		if strings.Contains(path, "case") {
			t.Errorf("%s is documented", path)
		}
	}
	if res, _ := send(t, s.url, request{method: "GET", path: "/v1/cases"}); res.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", res.StatusCode)
	}
}

// The list says what is on no page of it, and a replayed closing says so.
func TestCaseAnswers(t *testing.T) {
	desk := newDesk()
	for i := range 3 {
		desk.open("A" + strconv.Itoa(i))
	}
	s := startWith(t, newShop(), func(o *Options) { o.Cases = desk })
	list, err := s.api.Cases(t.Context(), "open", 2, 0)
	if err != nil || len(list.Cases) != 2 || list.Open != 3 || list.Cases[0].ID != 3 || list.Cases[0].Says.What.Zh == "" {
		t.Fatalf("%+v, %v", list, err)
	}
	q := request{method: "POST", path: "/v1/cases/2/close", body: `{"operator":"owner","note":"the bill agrees"}`, header: map[string]string{"Idempotency-Key": key}}
	for i, want := range []string{"", "true"} {
		if res, body := send(t, s.url, q); res.StatusCode != 200 || res.Header.Get("Idempotent-Replayed") != want || !strings.Contains(string(body), `"state":"closed"`) {
			t.Errorf("time %d: %d, replayed %q, %s", i, res.StatusCode, res.Header.Get("Idempotent-Replayed"), body)
		}
	}
}

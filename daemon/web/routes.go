package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"qrposd/daemon/api"
)

// register adds the API's routes and makes the OpenAPI document from them.
func (s *Server) register() ([]byte, error) {
	schemas := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "qrposd", Version: s.Version,
			Description: "The till's own API, for programs on the till. Errors are RFC 9457 problems with a stable code.",
		},
		Components: &huma.Components{Schemas: schemas},
		Servers:    []*huma.Server{{URL: "/", Description: "The till itself, on a loopback address"}},
	}
	r := &router{s.mux, doc, s.fail}
	s.saleRoutes(r)
	s.stateRoutes(r)
	s.judgeRoutes(r)
	s.caseRoutes(r)
	s.offlineRoutes(r)
	s.queueRoutes(r)
	s.billRoutes(r)
	s.dayRoutes(r)
	s.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(s.openapi) // the client is gone: nobody to tell
	})
	if s.Metrics != nil {
		s.mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
			s.Metrics(w)
		})
	}
	return json.MarshalIndent(doc, "", "  ")
}

// router adds operations that all answer errors alike.
type router struct {
	mux  *http.ServeMux
	doc  *huma.OpenAPI
	fail func(context.Context, error) error
}

// codes are a status and the codes it may come with.
type codes map[int][]string

// op is an operation with its errors documented, with those that the guard and
// the framework answer on any route.
func (r *router) op(method, path, id, summary string, own ...codes) huma.Operation {
	o := huma.Operation{
		Method: method, Path: path, OperationID: id, Summary: summary, Responses: map[string]*huma.Response{},
	}
	all := codes{}
	add := func(c codes) {
		for status, list := range c {
			all[status] = append(all[status], list...)
		}
	}
	for _, c := range append(own, codes{
		http.StatusForbidden: {"not_local", "origin_refused"}, http.StatusMisdirectedRequest: {"host_refused"},
		http.StatusInternalServerError: {"internal"}, http.StatusServiceUnavailable: {"interrupted", "stopping", "store_*"},
	}) {
		add(c)
	}
	if method == http.MethodPost || method == http.MethodPut {
		add(codes{
			http.StatusBadRequest: {"body_malformed"}, http.StatusRequestTimeout: {"body_timeout"}, http.StatusRequestEntityTooLarge: {"body_too_large"},
			http.StatusUnsupportedMediaType: {"media_type_unsupported"}, http.StatusUnprocessableEntity: {"request_invalid"},
			http.StatusInsufficientStorage: {"disk_full"},
		})
	}
	problem := r.schema(api.Problem{}, "Problem")
	for status, list := range all {
		slices.Sort(list)
		o.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: fmt.Sprintf("%s. Codes: %s.", http.StatusText(status), strings.Join(list, ", ")),
			Content:     map[string]*huma.MediaType{"application/problem+json": {Schema: problem}},
		}
	}
	return o
}

func (r *router) schema(v any, name string) *huma.Schema {
	return r.doc.Components.Schemas.Schema(reflect.TypeOf(v), true, name)
}

// decode reads one JSON object and says where it is broken. A name that comes
// twice is refused: which of two amounts counts is no question to leave open.
func decode(data []byte, v any) error {
	if !utf8.Valid(data) {
		return errors.New("the text is not UTF-8")
	}
	if err := json.Unmarshal(data, v); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line, column := position(data, syntax.Offset)
			return fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		return err
	}
	if name, ok := repeated(data); ok {
		return fmt.Errorf("%.40q comes twice", name)
	}
	return nil
}

func position(data []byte, offset int64) (line, column int) {
	line, column = 1, 1
	for _, b := range data[:max(0, min(int(offset)-1, len(data)))] {
		if column++; b == '\n' {
			line, column = line+1, 1
		}
	}
	return line, column
}

// repeated finds a name that an object has twice. Requests are flat: what is
// nested in one is refused by its schema.
func repeated(data []byte) (string, bool) {
	d := json.NewDecoder(bytes.NewReader(data))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return "", false
	}
	seen := make(map[string]bool)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		var skip json.RawMessage
		if err != nil || !ok || errors.Is(d.Decode(&skip), io.ErrUnexpectedEOF) {
			return "", false
		}
		name = strings.ToLower(name) // encoding/json takes a name in any case
		if seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}

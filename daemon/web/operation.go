package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"qrposd/daemon/api"
)

// operation is one route: what it takes, what it gives, and who does it. What the
// document says of a request is what a request is held against.
//
// The framework makes the schemas and holds values against them. Its own Register is
// not used: it is generic, and each pair of types has it compiled anew, which was
// 0.6 MB of the program.
type operation struct {
	*router
	op       *huma.Operation
	in       reflect.Type
	params   []param
	queries  map[string]bool // the names that a query may have
	body     []int           // where a body goes; nil where none is taken
	required bool            // of the body
	schema   *huma.Schema    // of the body
	headers  []header        // of the answer
	do       func(ctx context.Context, in any) (any, error)
}

// param is a part of the path or of the query.
type param struct {
	loc, name, fallback string
	index               []int
	schema              *huma.Schema
}

// header is a line of the answer.
type header struct {
	name  string
	index []int
}

// asker is an input that wants to see the request itself.
type asker interface {
	heard(w http.ResponseWriter, r *http.Request)
}

// writer is the body of an answer that is written bit by bit.
type writer func(w http.ResponseWriter, r *http.Request)

// register adds an operation to the document and to the routes. I is a struct with
// fields tagged path or query and a Body; O has fields tagged header and a Body: JSON,
// bytes or a writer.
func register[I, O any](r *router, op huma.Operation, do func(context.Context, *I) (*O, error)) {
	o := &operation{
		router: r, op: &op, in: reflect.TypeFor[I](), queries: make(map[string]bool),
		do: func(ctx context.Context, in any) (any, error) { return do(ctx, in.(*I)) },
	}
	o.documentInput()
	o.documentOutput(reflect.TypeFor[O]())
	r.doc.AddOperation(o.op)
	r.mux.Handle(op.Method+" "+op.Path, o)
}

func (o *operation) documentInput() {
	for _, f := range reflect.VisibleFields(o.in) {
		p := param{index: f.Index, fallback: f.Tag.Get("default")}
		switch {
		case f.Name == "Body":
			o.schema = huma.SchemaFromField(o.doc.Components.Schemas, f, hint(o.in, f.Name, o.op.OperationID+"Request"))
			o.schema.PrecomputeMessages()
			o.body, o.required = f.Index, f.Type.Kind() != reflect.Pointer
			o.op.RequestBody = &huma.RequestBody{Required: o.required, Content: map[string]*huma.MediaType{"application/json": {Schema: o.schema}}}
			continue
		case f.Tag.Get("path") != "":
			p.loc, p.name = "path", f.Tag.Get("path")
		case f.Tag.Get("query") != "":
			p.loc, p.name = "query", f.Tag.Get("query")
			o.queries[p.name] = true
		default:
			continue
		}
		p.schema = huma.SchemaFromField(o.doc.Components.Schemas, f, "")
		o.params = append(o.params, p)
		doc := &huma.Param{Name: p.name, In: p.loc, Description: p.schema.Description, Required: p.loc == "path", Schema: p.schema}
		if p.loc == "query" {
			doc.Explode = new(bool)
		}
		o.op.Parameters = append(o.op.Parameters, doc)
	}
}

func (o *operation) documentOutput(t reflect.Type) {
	o.op.DefaultStatus = cmp.Or(o.op.DefaultStatus, http.StatusOK)
	status := strconv.Itoa(o.op.DefaultStatus)
	res := o.op.Responses[status]
	if res == nil {
		res = &huma.Response{Description: http.StatusText(o.op.DefaultStatus)}
		o.op.Responses[status] = res
	}
	for _, f := range reflect.VisibleFields(t) {
		schema := func() *huma.Schema {
			return huma.SchemaFromField(o.doc.Components.Schemas, f, hint(t, f.Name, o.op.OperationID+"Response"))
		}
		switch name := f.Tag.Get("header"); {
		case name != "":
			o.headers = append(o.headers, header{name, f.Index})
			if res.Headers == nil {
				res.Headers = make(map[string]*huma.Param)
			}
			res.Headers[name] = &huma.Header{Schema: schema()}
		case f.Name == "Body" && len(res.Content) == 0:
			res.Content = map[string]*huma.MediaType{"application/json": {Schema: schema()}}
		}
	}
}

// hint names the schema of a type that has no name of its own.
func hint(parent reflect.Type, field, otherwise string) string {
	if parent.Name() == "" {
		return otherwise
	}
	return parent.Name() + field
}

// ServeHTTP holds the request against the document, has it done and writes what came
// of it.
func (o *operation) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	in := reflect.New(o.in)
	if p := o.read(in.Elem(), r); p != nil {
		writeProblem(w, p)
		return
	}
	if a, ok := in.Interface().(asker); ok {
		a.heard(w, r)
	}
	out, err := o.do(r.Context(), in.Interface())
	if err != nil {
		p, ok := errors.AsType[*api.Problem](err)
		if !ok {
			p, _ = errors.AsType[*api.Problem](o.fail(r.Context(), err))
		}
		writeProblem(w, p)
		return
	}
	o.write(w, r, reflect.ValueOf(out).Elem())
}

func (o *operation) write(w http.ResponseWriter, r *http.Request, out reflect.Value) {
	for _, h := range o.headers {
		if v := out.FieldByIndex(h.index).String(); v != "" {
			w.Header().Set(h.name, v)
		}
	}
	switch body := out.FieldByName("Body").Interface().(type) {
	case writer:
		body(w, r)
	case []byte:
		w.WriteHeader(o.op.DefaultStatus)
		_, _ = w.Write(body) // the client is gone: nobody to tell
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(o.op.DefaultStatus)
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(body)
	}
}

// read fills in what the request says, or says all that is wrong with it.
func (o *operation) read(in reflect.Value, r *http.Request) *api.Problem {
	v := &validation{schemas: o.doc.Components.Schemas, path: huma.NewPathBuffer(nil, 0), result: &huma.ValidateResult{}}
	query := r.URL.Query()
	for name := range query {
		if !o.queries[name] {
			v.fault("query", name, "unknown query parameter")
		}
	}
	if v.faulty() {
		return v.problem(http.StatusUnprocessableEntity)
	}
	for _, p := range o.params {
		v.param(p, in.FieldByIndex(p.index), query, r)
	}
	status := http.StatusUnprocessableEntity
	if o.body != nil {
		raw := bodyOf(r)
		switch {
		case len(raw) > 0:
			status = cmp.Or(v.body(o.schema, raw, r.Header.Get("Content-Type"), in.FieldByIndex(o.body)), status)
		case o.required:
			return badRequest(http.StatusBadRequest, "request body is required", nil)
		}
	}
	if v.faulty() {
		return v.problem(status)
	}
	return nil
}

// validation gathers what is wrong with a request.
type validation struct {
	schemas huma.Registry
	path    *huma.PathBuffer
	result  *huma.ValidateResult
}

func (v *validation) faulty() bool { return len(v.result.Errors) > 0 }

func (v *validation) at(path ...string) {
	v.path.Reset()
	for _, p := range path {
		v.path.Push(p)
	}
}

func (v *validation) fault(loc, name, message string) {
	v.at(loc, name)
	v.result.Add(v.path, nil, message)
}

// param reads one value of the path or the query.
func (v *validation) param(p param, f reflect.Value, query url.Values, r *http.Request) {
	text := query.Get(p.name)
	if p.loc == "path" {
		text = r.PathValue(p.name)
	}
	if text = cmp.Or(text, p.fallback); text == "" {
		if p.loc == "path" {
			v.fault(p.loc, p.name, "required path parameter is missing")
		}
		return
	}
	var value any = text
	var err error
	switch {
	case f.CanInt():
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		f.SetInt(n)
		value = n
	case f.CanUint():
		var n uint64
		n, err = strconv.ParseUint(text, 10, 64)
		f.SetUint(n)
		value = n
	default:
		f.SetString(text)
	}
	if err != nil {
		v.fault(p.loc, p.name, "invalid integer")
		return
	}
	v.at(p.loc, p.name)
	huma.Validate(v.schemas, p.schema, v.path, huma.ModeWriteToServer, value, v.result)
}

// body reads a JSON object into f and gives the status that what is wrong with it has.
func (v *validation) body(schema *huma.Schema, raw []byte, mediaType string, f reflect.Value) (status int) {
	media, _, _ := strings.Cut(mediaType, ";")
	media = strings.TrimSpace(media)
	if media != "" && media != "application/json" && !strings.HasSuffix(media, "+json") {
		v.result.Errors = append(v.result.Errors, &huma.ErrorDetail{Location: "body", Message: "unknown content type: " + media})
		return http.StatusUnsupportedMediaType
	}
	var parsed any
	if err := decode(raw, &parsed); err != nil {
		v.result.Errors = append(v.result.Errors, &huma.ErrorDetail{Location: "body", Message: err.Error()})
		return http.StatusBadRequest
	}
	before := len(v.result.Errors)
	v.at("body")
	huma.Validate(v.schemas, schema, v.path, huma.ModeWriteToServer, parsed, v.result)
	if len(v.result.Errors) > before {
		return http.StatusUnprocessableEntity
	}
	if err := decode(raw, f.Addr().Interface()); err != nil { // what a schema cannot say
		v.result.Errors = append(v.result.Errors, &huma.ErrorDetail{Location: "body", Message: err.Error()})
	}
	return 0
}

// problem words what is wrong. What the client sent is left out: it may be a
// customer's code.
func (v *validation) problem(status int) *api.Problem {
	var fields []api.FieldFault
	for _, err := range v.result.Errors {
		if d, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			fields = append(fields, api.FieldFault{Location: d.Location, Message: d.Message})
		}
	}
	return badRequest(status, "validation failed", fields)
}

func badRequest(status int, detail string, fields []api.FieldFault) *api.Problem {
	code, hint := "request_invalid", "GET /openapi.json describes every request"
	switch status {
	case http.StatusBadRequest:
		code, hint = "body_malformed", "send one JSON object, as GET /openapi.json describes it"
	case http.StatusUnsupportedMediaType:
		code, hint = "media_type_unsupported", "send Content-Type: application/json"
	}
	if len(fields) > 0 {
		detail = fields[0].Location + ": " + fields[0].Message
	}
	p := api.NewProblem(status, code, detail, hint)
	p.Fields = fields
	return p
}

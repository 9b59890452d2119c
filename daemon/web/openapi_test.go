package web

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qrposd/daemon/api"
)

type apiDocument struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Parameters  []struct{ Name, In string }
		Responses   map[string]struct {
			Description string
			Content     map[string]struct {
				Schema struct {
					Ref string `json:"$ref"`
				}
			}
		}
	}
	Components struct{ Schemas map[string]any }
}

func document(t *testing.T, b []byte) apiDocument {
	t.Helper()
	var doc apiDocument
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// documented says that the answer to q is in the OpenAPI document, code and all.
func documented(t *testing.T, doc apiDocument, q request, p api.Problem) {
	t.Helper()
	path, _, _ := strings.Cut(q.path, "?")
	parts := strings.Split(path, "/")
	if len(parts) > 3 && parts[2] == "days" {
		parts[3] = "{day}"
	}
	if len(parts) > 3 && (parts[2] == "sales" || parts[2] == "cases") {
		parts[3] = "{id}"
	}
	op, ok := doc.Paths[strings.Join(parts, "/")][strings.ToLower(q.method)]
	if !ok {
		if p.Status != 404 && p.Status != 405 {
			t.Errorf("%s %s is not in the document", q.method, q.path)
		}
		return
	}
	r, ok := op.Responses[strconv.Itoa(p.Status)]
	if !ok || r.Content["application/problem+json"].Schema.Ref != "#/components/schemas/Problem" {
		t.Errorf("%s: the document has no problem for %d", op.OperationID, p.Status)
	}
	_, list, _ := strings.Cut(strings.TrimSuffix(r.Description, "."), "Codes: ")
	if !slices.ContainsFunc(strings.Split(list, ", "), func(c string) bool {
		stem, any := strings.CutSuffix(c, "*")
		return c == p.Code || any && strings.HasPrefix(p.Code, stem)
	}) {
		t.Errorf("%s: the document does not have the code %s of %d: %s", op.OperationID, p.Code, p.Status, r.Description)
	}
}

func TestOpenAPI(t *testing.T) {
	s := startWith(t, newShop(), func(o *Options) { o.Cases = newDesk() })
	res, body := send(t, s.url, request{method: "GET", path: "/openapi.json"})
	if res.StatusCode != 200 || string(body) != string(s.OpenAPI()) {
		t.Fatalf("%d %.100s", res.StatusCode, body)
	}
	doc := document(t, body)
	var ids []string
	for path, item := range doc.Paths {
		for method, op := range item {
			ids = append(ids, op.OperationID)
			if op.Summary == "" {
				t.Errorf("%s %s has no summary", method, path)
			}
			for _, status := range []string{"403", "421", "500"} {
				if op.Responses[status].Description == "" {
					t.Errorf("%s %s does not document %s", method, path, status)
				}
			}
			if _, ok := op.Responses["default"]; ok {
				t.Errorf("%s %s has an answer that nobody has thought of", method, path)
			}
		}
	}
	slices.Sort(ids)
	want := []string{"cancelSale", "closeCase", "followEvents", "getCase", "getLivenessSVG", "getQRCodePNG", "getQRCodeSVG", "getSale", "getStatus", "listCases", "listSales", "live", "makeBackup", "openSale", "ready", "refundSale", "scanCode"}
	if !slices.Equal(ids, want) || doc.OpenAPI != "3.1.0" {
		t.Errorf("operations %v of OpenAPI %s, want %v", ids, doc.OpenAPI, want)
	}
	for _, other := range []string{"ErrorModel", "ErrorDetail"} {
		if _, ok := doc.Components.Schemas[other]; ok {
			t.Errorf("the document has %s, which is never sent", other)
		}
	}
	if strings.Contains(string(body), "$schema") {
		t.Error("the document promises $schema members")
	}
}

package llm

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
)

// What is embedded: a few short texts at once, in vectors of as many numbers as the
// caller wants.
const (
	maxTexts     = 32
	maxTextBytes = 256
)

type embeddingAnswer struct {
	Error json.RawMessage `json:"error"`
	Data  []struct {
		Index     *int      `json:"index"`
		Embedding []float64 `json:"embedding"`
	} `json:"data"`
}

// Embed has one model embed texts, once, and ends with ctx. The texts are the
// caller's to keep clean: nothing of a person belongs in them. It takes the dialect
// openai alone, and of its answer only one vector of dim numbers for each text, none
// of them zero as a whole. The error is always a *[Failure].
func (c *Client) Embed(ctx context.Context, to Choice, texts []string, dim int, abroad bool) ([][]float64, error) {
	vectors, f := c.embed(ctx, to, texts, dim, abroad)
	if f != nil {
		f.Provider = clean(to.Provider, maxCode)
		return nil, f
	}
	return vectors, nil
}

func (c *Client) embed(ctx context.Context, to Choice, list []string, dim int, abroad bool) ([][]float64, *Failure) {
	e, ok := c.endpoints[to.Provider]
	switch {
	case !ok || e.Dialect != OpenAI:
		return nil, failed(Config, codeProvider)
	case !modelForm.MatchString(to.Model) || len(list) == 0 || len(list) > maxTexts:
		return nil, failed(Caller, codeRequest)
	case !c.Allowed(to.Provider, !abroad):
		return nil, failed(Caller, codeRegion)
	}
	for _, s := range list {
		if s == "" || len(s) > maxTextBytes {
			return nil, failed(Caller, codeRequest)
		}
	}
	_, body, f := c.send(ctx, e, "/embeddings", object(member{"model", text(to.Model)}, member{"input", texts(list)},
		member{"dimensions", number(dim)}, member{"encoding_format", text("float")}))
	if f != nil {
		return nil, f
	}
	vectors, f := readEmbeddings(body, len(list), dim, e.key)
	if f != nil {
		f.Status = http.StatusOK
	}
	return vectors, f
}

// readEmbeddings reads a 200: every vector once, at its place, of the length that
// was asked for. A model that cannot shorten its vectors is one for the
// configuration to change.
func readEmbeddings(body []byte, n, dim int, k key) ([][]float64, *Failure) {
	var a embeddingAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, failed(Transient, codeNotJSON)
	}
	if present(a.Error) || len(a.Data) == 0 {
		return nil, readFault(body).failure(0, k)
	}
	vectors := make([][]float64, n)
	for _, d := range a.Data {
		if d.Index == nil || *d.Index < 0 || *d.Index >= n || vectors[*d.Index] != nil {
			return nil, failed(Hallucination, codeForm)
		}
		if len(d.Embedding) != dim {
			return nil, failed(Config, codeDimensions)
		}
		squares := 0.0
		for _, v := range d.Embedding {
			squares += v * v
		}
		if !(squares > 1e-12) || squares > 1e12 || math.IsInf(squares, 0) {
			return nil, failed(Hallucination, codeForm)
		}
		vectors[*d.Index] = d.Embedding
	}
	if len(a.Data) != n {
		return nil, failed(Hallucination, codeForm)
	}
	return vectors, nil
}

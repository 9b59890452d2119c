package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"qrposd/daemon/aipay"
	"qrposd/daemon/llm"
)

// maxEmbedded is how many texts are remembered with their vectors. There are a few
// thousand that a till can say, and a shop says the same hundred all day.
const maxEmbedded = 512

// embedder has sessions embedded by the models of the task embedding, and remembers
// what they said: most sessions need no network. All vectors of an answer are of one
// model. Models are asked one after the other, since a hedge would pay twice for a
// vector that the till can make itself.
type embedder struct {
	*panel
	mu   sync.Mutex
	kept map[string]map[string][]float64 // by the seat and the text
}

// newEmbedder is nil where there is nobody to ask.
func newEmbedder(p *panel) aipay.Embedder {
	if p == nil {
		return nil
	}
	e := &embedder{panel: p, kept: map[string]map[string][]float64{}}
	return e.embed
}

func (e *embedder) embed(ctx context.Context, texts []string, dim int) (string, [][]float64, error) {
	last := errNobody
	for _, s := range e.seats {
		by := s.Provider + "/" + s.Model
		if vectors := e.recall(by, texts); vectors != nil {
			return by, vectors, nil
		}
		if left(ctx) < panelLeast {
			return "", nil, last
		}
		done, err := s.breaker.Allow()
		if err != nil {
			continue
		}
		vectors, err := e.client.Embed(ctx, s.Choice, texts, dim, e.abroad)
		done(seatError(err))
		if err == nil {
			e.keep(by, texts, vectors)
			return by, vectors, nil
		}
		var f *llm.Failure
		if last = err; errors.As(err, &f) {
			last = fmt.Errorf("%s: %s", f.Provider, f.Code)
		}
	}
	return "", nil, last
}

// recall is nil unless every text is known of one model.
func (e *embedder) recall(by string, texts []string) [][]float64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	vectors := make([][]float64, len(texts))
	for i, t := range texts {
		if vectors[i] = e.kept[by][t]; vectors[i] == nil {
			return nil
		}
	}
	return vectors
}

func (e *embedder) keep(by string, texts []string, vectors [][]float64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept[by] == nil || len(e.kept[by])+len(texts) > maxEmbedded {
		e.kept[by] = map[string][]float64{} // from the beginning: it fills again within the hour
	}
	for i, t := range texts {
		e.kept[by][t] = vectors[i]
	}
}

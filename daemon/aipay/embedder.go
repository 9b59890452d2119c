package aipay

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"time"

	"qrposd/rules/sale"
)

// Embedder has texts embedded elsewhere, in vectors of dim numbers, all by one model
// which it names. It returns soon after ctx ends. A nil Embedder is the till's own.
type Embedder func(ctx context.Context, texts []string, dim int) (model string, vectors [][]float64, err error)

// embedderForm is a provider and a model of it.
var embedderForm = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._:/@+-]{0,191}$`)

// embedded are the vectors of a session's interactions, all of one model. They add
// up, and numbers of two models do not.
type embedded struct {
	model   string
	vectors []vector
}

// here are the vectors of the till's own embedder.
func here(s Session) embedded {
	e := embedded{Model, make([]vector, len(s.Interactions))}
	before := s.Started
	for i, in := range s.Interactions {
		e.vectors[i] = s.embed(i, in.At.Sub(before))
		before = in.At
	}
	return e
}

// texts are what is told of the interactions: the features of the till's own
// embedder but for the session's identifier, so that nobody can put two questions
// together, and equal ones have one answer that can be remembered.
func (s Session) texts() []string {
	list, before := make([]string, len(s.Interactions)), s.Started
	for i, in := range s.Interactions {
		for _, f := range s.features(i, in.At.Sub(before)) {
			list[i] += f.name + "=" + f.value + " "
		}
		list[i] = list[i][:len(list[i])-1]
		before = in.At
	}
	return list
}

// context is the context of a payment. Where an embedder elsewhere is configured it
// has as long as a monitoring model, and the till's own takes the whole session over
// from one that is late, fails or sends what is no vector. It is made before the
// intent: power that fails here fails before anything was promised or sent, and once
// the request is on disk its vectors are in it and are never asked for again.
func (c *Client) context(s sale.Sale) (Context, error) {
	told, in := session(s, c.rung(s.ID), time.Now()), c.intent(s)
	if c.opts.Embedder != nil {
		e, err := c.elsewhere(told)
		if err == nil {
			var ctx Context
			if ctx, err = newContext(told, c.opts.Device, in, e); err == nil {
				return ctx, nil
			}
		}
		c.opts.Log.Warn("a session is embedded by the till itself", "sale", s.ID, "err", err)
	}
	return NewContext(told, c.opts.Device, in)
}

// elsewhere has a session embedded by the model that is configured.
func (c *Client) elsewhere(s Session) (embedded, error) {
	type answer struct {
		model   string
		vectors [][]float64
		err     error
	}
	heard := make(chan answer, 1)
	ctx, cut := context.WithTimeout(context.Background(), monitorCut)
	defer cut()
	texts := s.texts()
	go func() {
		model, vectors, err := c.opts.Embedder(ctx, texts, dim)
		heard <- answer{model, vectors, err}
	}()
	end := time.NewTimer(monitorEnd)
	defer end.Stop()
	select {
	case a := <-heard:
		if a.err != nil {
			return embedded{}, a.err
		}
		return fixed(a.model, a.vectors, len(texts))
	case <-end.C:
		return embedded{}, context.DeadlineExceeded
	}
}

// fixed puts vectors into millionths of their length. What the API and whoever
// checks the hash get are these numbers, and not those that came: they are added up
// in integers, on every processor to the same sum.
func fixed(model string, vectors [][]float64, n int) (embedded, error) {
	if !embedderForm.MatchString(model) || model == Model || len(vectors) != n {
		return embedded{}, fmt.Errorf("aipay: %.70q embedded %d of %d interactions", model, len(vectors), n)
	}
	e := embedded{model, make([]vector, n)}
	for i, v := range vectors {
		if len(v) != dim {
			return embedded{}, fmt.Errorf("aipay: %s embeds in %d numbers, not %d", model, len(v), dim)
		}
		squares := 0.0
		for _, x := range v {
			squares += x * x
		}
		if !(squares > 0) || math.IsInf(squares, 0) {
			return embedded{}, fmt.Errorf("aipay: a vector of %s has no length", model)
		}
		length := math.Sqrt(squares)
		for j, x := range v {
			e.vectors[i][j] = int64(math.Round(x / length * scale))
		}
	}
	if sum(e.vectors) == (vector{}) {
		return embedded{}, fmt.Errorf("aipay: the vectors of %s cancel out", model)
	}
	return e, nil
}

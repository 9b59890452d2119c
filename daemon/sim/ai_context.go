package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"slices"
	"time"
)

// aiContext is what the API wants to know about the payer's session.
type aiContext struct {
	Session struct {
		ID            string `json:"id"`
		EmbeddingHash string `json:"embedding_hash"`
		StartedAt     string `json:"started_at"`
	} `json:"session"`
	Interactions []aiInteraction `json:"interactions"`
	Device       struct {
		FingerprintHash string `json:"fingerprint_hash"`
	} `json:"device"`
	Intent struct {
		Classifier string   `json:"classifier"`
		Label      string   `json:"label"`
		Confidence *float64 `json:"confidence"`
	} `json:"intent"`
}

type aiInteraction struct {
	Kind      string `json:"kind"`
	At        string `json:"at"`
	Embedding struct {
		Model  string    `json:"model"`
		Dim    int       `json:"dim"`
		Values []float64 `json:"values"`
	} `json:"embedding"`
}

const mostInteractions = 32

var (
	hashForm       = regexp.MustCompile(`^[0-9a-f]{64}$`)
	classifierForm = regexp.MustCompile(`^[^/]+/[^/]+$`)
	aiKinds        = []string{"keypad", "scan", "product", "attempt", "payment", "confirm"}
)

// lacks names the first thing that keeps a context from being complete; "" is complete.
func (x *aiContext) lacks() string {
	switch {
	case x == nil:
		return "context"
	case x.Session.ID == "":
		return "session.id"
	case !hashForm.MatchString(x.Session.EmbeddingHash):
		return "session.embedding_hash"
	case !isTime(x.Session.StartedAt):
		return "session.started_at"
	case !hashForm.MatchString(x.Device.FingerprintHash):
		return "device.fingerprint_hash"
	case !classifierForm.MatchString(x.Intent.Classifier):
		return "intent.classifier"
	case x.Intent.Label == "":
		return "intent.label"
	case x.Intent.Confidence == nil || *x.Intent.Confidence < 0 || *x.Intent.Confidence > 1:
		return "intent.confidence"
	case len(x.Interactions) < 1 || len(x.Interactions) > mostInteractions:
		return "interactions"
	}
	first := x.Interactions[0].Embedding
	for i, a := range x.Interactions {
		e := a.Embedding
		if !slices.Contains(aiKinds, a.Kind) || !isTime(a.At) || e.Model == "" || e.Model != first.Model ||
			e.Dim < 1 || e.Dim != first.Dim || e.Dim != len(e.Values) {
			return fmt.Sprintf("interactions[%d]", i)
		}
	}
	return ""
}

// sessionHash is SHA-256 over the session's embedding: the sum of the interactions' vectors as sent, of length 1, each
// component rounded to 1e-6 (no negative zero), as little-endian float64. Nothing adds up to a vector of zeros.
func (x *aiContext) sessionHash() string {
	sum := make([]float64, x.Interactions[0].Embedding.Dim)
	for _, a := range x.Interactions {
		for i, v := range a.Embedding.Values {
			sum[i] += v
		}
	}
	length := 0.0
	for _, v := range sum {
		length += v * v
	}
	length = math.Sqrt(length)
	var b []byte
	for _, v := range sum {
		if length > 0 {
			v /= length
		}
		r := math.Round(v*1e6) / 1e6
		if r == 0 {
			r = 0 // -0 has other bits
		}
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(r))
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// readContext tells whether a request's context is complete, and notes what it says wrongly.
func (w *WeChat) readContext(c *call, x *aiContext, keySession string) bool {
	complete := x.lacks() == ""
	if complete && x.sessionHash() != x.Session.EmbeddingHash {
		w.tally.violation(c.no, c.now, "embedding_hash is not of these interactions")
		complete = false
	}
	if complete && keySession != "" && keySession != x.Session.EmbeddingHash {
		w.tally.violation(c.no, c.now, "the idempotency key is of another session")
	}
	if w.ai.settings.IgnoreContext {
		complete = false
	}
	if x != nil && x.Intent.Label != "" {
		w.ai.count.Labels[x.Intent.Label]++
	}
	if complete {
		w.ai.count.Complete++
	} else {
		w.ai.count.Incomplete++
	}
	return complete
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

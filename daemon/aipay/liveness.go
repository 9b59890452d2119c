package aipay

import (
	"crypto/hmac"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"qrposd/daemon/wechat"
)

// PathLiveness is where liveness sessions are begun, and asked about below it.
const PathLiveness = "/v3/ai/liveness-sessions"

// LivenessBody is the request for the session that a challenge named. The nonce
// is this terminal's: an answer with another one is to somebody else's question.
func LivenessBody(orderNo, sessionID, nonce string) ([]byte, error) {
	var f faults
	f.unless(wechat.ValidOrderNo(orderNo), "out_trade_no: 6 to 32 letters and digits")
	f.unless(idForm.MatchString(sessionID), "session_id: that of the challenge")
	f.unless(idForm.MatchString(nonce), "nonce: 1 to 64 letters and digits")
	if err := f.err("liveness session"); err != nil {
		return nil, err
	}
	b, err := json.Marshal(struct {
		OutTradeNo string `json:"out_trade_no"`
		SessionID  string `json:"session_id"`
		Nonce      string `json:"nonce"`
	}{orderNo, sessionID, nonce})
	if err != nil {
		return nil, fmt.Errorf("aipay: %w", err)
	}
	return b, nil
}

// ReadLivenessSession reads the answer to the request for a session.
func ReadLivenessSession(body []byte, sessionID string) (Challenge, error) {
	d, err := open(body)
	if err != nil {
		return Challenge{}, err
	}
	c := Challenge{
		SessionID: d.text("session_id", func(s string) bool { return s == sessionID }), URL: d.text("url", shown), Expires: d.time("expires_at"),
	}
	if d.err != nil {
		return Challenge{}, d.err
	}
	return c, nil
}

// State is how far a liveness session is.
type State string

// The states of a liveness session.
const (
	Waiting State = "PENDING"
	Done    State = "DONE"
	Failed  State = "FAILED"
	Expired State = "EXPIRED"
)

// Liveness is what the API says about a session. Only a session that is Done has
// a vector, and whoever reads one wipes it when it has served its one check.
type Liveness struct {
	State  State
	Score  float64 // 0 to 1
	Nonce  string
	Vector Vector
}

// ReadLiveness reads the answer about a session, and wipes the bytes it was in,
// also when it refuses them: what it could not read may still be a face.
func ReadLiveness(body []byte) (Liveness, error) {
	defer clear(body)
	d, err := open(body)
	if err != nil {
		return Liveness{}, err
	}
	l := Liveness{State: State(d.text("state", func(s string) bool {
		return s == string(Waiting) || s == string(Done) || s == string(Failed) || s == string(Expired)
	}))}
	if d.err != nil || l.State != Done {
		return l, d.err
	}
	l.Score, l.Nonce = d.share("liveness"), d.text("nonce", idForm.MatchString)
	if d.err != nil {
		return Liveness{}, d.err
	}
	if l.Vector, err = parseVector(d.values["embedding"]); err != nil {
		return Liveness{}, err
	}
	return l, nil
}

// Check is everything a liveness answer is held against.
type Check struct {
	Liveness Liveness
	Nonce    string  // what this terminal sent
	Least    float64 // the lowest score that passes, above 0
	Dim      int     // of the model; 0 is any
	Asked    time.Time
	Now      time.Time
	Within   time.Duration // how long after Asked an answer is fresh
	Token    []byte        // of the session, for the audit digest
	Epoch    Epoch
	Last     string // the audit digest of the session's check before, if there was one
	// Second is another fresh vector of the same payer, where two are asked for, and
	// Alike the least cosine between them.
	Second *Vector
	Alike  float64
}

// Why a liveness check does not pass.
var (
	ErrUndone     = errors.New("aipay: the liveness check is not done")
	ErrNonce      = errors.New("aipay: the liveness answer is to somebody else's question")
	ErrScore      = errors.New("aipay: the liveness score is too low")
	ErrStale      = errors.New("aipay: the liveness answer came too late")
	ErrVector     = errors.New("aipay: the liveness vector has another form than the model's")
	ErrReplayed   = errors.New("aipay: the liveness vector is that of an earlier check")
	ErrDissimilar = errors.New("aipay: two vectors of one payer are not alike")
	ErrCheck      = errors.New("aipay: the liveness check is not set up")
)

// Verify says why a liveness answer is not good for its one check, or nil. A check
// that could pass everything (no nonce, no threshold, no window, no key) is refused.
func Verify(c Check) error {
	v := c.Liveness.Vector
	audit := v.Audit(c.Token, c.Epoch)
	age := c.Now.Sub(c.Asked)
	switch {
	case c.Nonce == "" || !(c.Least > 0 && c.Least <= 1) || c.Within <= 0 || c.Asked.IsZero() || len(c.Token) == 0 || c.Epoch.key == nil:
		return ErrCheck
	case c.Second != nil && !(c.Alike > 0 && c.Alike <= 1):
		return ErrCheck
	case c.Liveness.State != Done:
		return fmt.Errorf("%w: it is %.20q", ErrUndone, string(c.Liveness.State))
	case !hmac.Equal([]byte(c.Nonce), []byte(c.Liveness.Nonce)):
		return ErrNonce
	case age < 0 || age > c.Within:
		return ErrStale
	case math.IsNaN(c.Liveness.Score) || c.Liveness.Score < c.Least:
		return fmt.Errorf("%w: %.3f, at least %.3f is asked", ErrScore, c.Liveness.Score, c.Least)
	case !v.finite() || c.Dim != 0 && v.Dim() != c.Dim:
		return ErrVector
	case c.Last != "" && hmac.Equal([]byte(c.Last), []byte(audit)):
		return ErrReplayed
	case c.Second == nil:
		return nil
	case hmac.Equal([]byte(c.Second.Audit(c.Token, c.Epoch)), []byte(audit)):
		return ErrReplayed // two pictures of one face are never the same to the bit
	case Similar(v, *c.Second) < c.Alike:
		return ErrDissimilar
	}
	return nil
}

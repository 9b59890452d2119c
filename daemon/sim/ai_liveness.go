package sim

import (
	"encoding/json"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"time"
)

const (
	livenessLife = 5 * time.Minute // of a session, before TimeScale
	vectorDim    = 128
	maxTold      = 64 // vectors that are remembered

	livePending = "PENDING"
	liveDone    = "DONE"
	liveFailed  = "FAILED"
	liveExpired = "EXPIRED"
)

var livenessID = regexp.MustCompile(`^[0-9A-Za-z_-]{6,64}$`)

// liveness is one short video of a payer.
type liveness struct {
	id, no, nonce string
	url, currency string // currency and total of the payment that was challenged
	total         int64
	seq           int
	setting       AILiveness // as it was when the session opened
	due, until    time.Time  // due is zero until the session is opened, and while the phone is waited for
	spent         bool       // a payment was made with it
}

type aiLiveness struct {
	SessionID string `json:"session_id"`
	AuditHash string `json:"audit_hash"`
}

type livenessOpen struct {
	Kind      string `json:"kind,omitempty"`
	SessionID string `json:"session_id"`
	URL       string `json:"url"`
	ExpiresAt string `json:"expires_at"`
}

type livenessAnswer struct {
	State     string    `json:"state"`
	Liveness  float64   `json:"liveness"`
	Nonce     string    `json:"nonce,omitempty"`
	Embedding []float64 `json:"embedding,omitempty"`
}

func (l *liveness) tell(kind string) livenessOpen {
	return livenessOpen{kind, l.id, l.url, rfc3339(l.until)}
}

// checkLiveness demands a session for a high amount, and refuses one that proves nothing.
func (w *WeChat) checkLiveness(c *call, q *aiRequest) (wrong string, challenge *outcome) {
	if q.Liveness == nil {
		from := w.ai.settings.Liveness.From
		if from == 0 || q.Amount.Total < from || w.ai.payments[q.OutTradeNo] != nil {
			return "", nil
		}
		l := w.newLiveness(c, w.aiID("LV"), q.OutTradeNo)
		l.total, l.currency = q.Amount.Total, terms{currency: q.Amount.Currency}.money()
		w.ai.count.Challenges++
		return "", &outcome{ai: map[string]livenessOpen{"challenge": l.tell("liveness")}}
	}
	l := w.ai.sessions[q.Liveness.SessionID]
	switch {
	case l == nil:
		return "The liveness session of this payment is not known.", nil
	case l.state(c.now) != liveDone:
		return "The liveness session of this payment is " + l.state(c.now) + ", not DONE.", nil
	case l.spent:
		return "The liveness session was already used for another payment.", nil
	case q.Liveness.AuditHash == "":
		return "The liveness check of this payment carries no audit hash.", nil
	}
	return "", nil
}

func (w *WeChat) newLiveness(c *call, id, no string) *liveness {
	site := w.Site
	if site == "" {
		site = "https://liveness.example"
	}
	l := &liveness{id: id, no: no, url: site + "/sim/liveness.html?s=" + id, seq: len(w.ai.sessions), until: c.now.Add(w.scaled(livenessLife))}
	w.ai.sessions[id] = l
	return l
}

// openLiveness starts a session: the one of a challenge, or one that the merchant wants by itself.
func (w *WeChat) openLiveness(c *call) outcome {
	var q struct {
		OutTradeNo string `json:"out_trade_no"`
		SessionID  string `json:"session_id"`
		Nonce      string `json:"nonce"`
	}
	if err := json.Unmarshal(c.body, &q); err != nil {
		return outcome{refusal: badParam("", nil, "not JSON: "+err.Error())}
	}
	switch {
	case !orderNumber.MatchString(q.OutTradeNo):
		return outcome{refusal: badParam("out_trade_no", q.OutTradeNo, "6 to 32 of 0-9 A-Z a-z _ - | *")}
	case !livenessID.MatchString(q.SessionID):
		return outcome{refusal: badParam("session_id", q.SessionID, "6 to 64 of 0-9 A-Z a-z _ -")}
	case q.Nonce == "":
		return outcome{refusal: badParam("nonce", q.Nonce, "required")}
	}
	l := w.ai.sessions[q.SessionID]
	if l == nil {
		l = w.newLiveness(c, q.SessionID, q.OutTradeNo)
	}
	switch {
	case l.no != q.OutTradeNo || l.nonce != "" && l.nonce != q.Nonce:
		w.tally.violation(q.OutTradeNo, c.now, "another request under the same liveness session")
		return refuse(http.StatusForbidden, "INVALID_REQUEST", 268435461, "会话已用于其他请求")
	case l.nonce == "":
		l.setting, l.nonce = w.ai.settings.Liveness, q.Nonce
		takes := time.Duration(l.setting.TakesMS) * time.Millisecond
		if l.setting.Outcome == "late" {
			takes = time.Duration(float64(takes) * l.setting.LateTimes)
		}
		if l.setting.Outcome != liveByPhone {
			l.due = c.now.Add(w.scaled(takes))
		}
	}
	return outcome{ai: l.tell("")}
}

// state is where a session is now.
func (l *liveness) state(now time.Time) string {
	switch {
	case l.due.IsZero() || now.Before(l.due):
		if now.Before(l.until) {
			return livePending
		}
		return liveExpired
	case l.setting.Outcome == "fail":
		return liveFailed
	case l.setting.Outcome == "expired":
		return liveExpired
	}
	return liveDone
}

func (w *WeChat) pollLiveness(c *call) outcome {
	l := w.ai.sessions[c.session]
	if l == nil {
		return refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", 268512771, "会话不存在")
	}
	a := livenessAnswer{State: l.state(c.now)}
	switch a.State {
	case liveFailed:
		a.Liveness, a.Nonce = l.setting.FailScore, l.nonce
	case liveDone:
		a.Liveness, a.Nonce, a.Embedding = l.setting.Score, l.nonce, w.face(l)
		switch l.setting.Outcome {
		case "low":
			a.Liveness = l.setting.LowScore
		case "wrong_nonce":
			a.Nonce = randomText(32)
		}
	}
	return outcome{ai: a}
}

// Faces are the vectors that were told, oldest first: whoever looks for them elsewhere has to know them.
func (w *WeChat) Faces() [][]float64 {
	w.lock()
	defer w.mu.Unlock()
	return slices.Clone(w.ai.told)
}

// face is a fresh vector of the payer: noise around what is theirs. Outcome twice tells the vector told before.
func (w *WeChat) face(l *liveness) []float64 {
	payer := l.setting.Payer
	if payer == "" {
		payer = defaultPayer
	}
	if v := w.ai.last[payer]; v != nil && l.setting.Outcome == "twice" {
		return slices.Clone(v)
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(payer)) // never fails
	w.ai.seq++
	own, noise := rand.New(rand.NewPCG(h.Sum64(), 1)), rand.New(rand.NewPCG(w.ai.settings.Seed, uint64(w.ai.seq)))
	v, length := make([]float64, vectorDim), 0.0
	for i := range v {
		v[i] = own.NormFloat64() + l.setting.Noise*noise.NormFloat64()
		length += v[i] * v[i]
	}
	for i := range v {
		v[i] /= math.Sqrt(length)
	}
	w.ai.last[payer] = v
	w.ai.told = append(w.ai.told[max(0, len(w.ai.told)-maxTold+1):], v)
	return slices.Clone(v)
}

package sim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Operations of the payment AI API.
const (
	opAIPayment      = "ai_payment"
	opAIProjection   = "ai_projection"
	opAILiveness     = "ai_liveness"
	opAILivenessPoll = "ai_liveness_poll"
)

var aiOps = []string{opAIPayment, opAIProjection, opAILiveness, opAILivenessPoll}

const (
	aiPaymentPath    = "/v3/ai/payments"
	aiProjectionPath = "/v3/ai/currency-projections"
	aiLivenessPath   = "/v3/ai/liveness-sessions"
)

// aiBook is what the payment AI API remembers.
type aiBook struct {
	settings    AISettings
	draws       map[string]*latencies // by operation
	used        []int                 // how often each of settings.Errors applied
	keys        map[string]*aiUse     // by idempotency key that verified
	payments    map[string]*aiPayment // by merchant order number
	projections map[string]*projection
	sessions    map[string]*liveness
	last        map[string][]float64 // the vector told last, by payer
	told        [][]float64          // every vector that was told, for whoever looks where they went
	crossings   map[string]*crossing // of two currencies, by merchant order number
	scenarios   map[string]bool      // those that are on
	seq         int
	count       AICounts
}

// aiUse is what one verified key stands for.
type aiUse struct {
	body    [sha256.Size]byte
	payment *aiPayment // nil while every answer was an error or a challenge
}

// aiPayment is one payment as the AI API sees it. Its money is the order's.
type aiPayment struct {
	id, token string
	order     *order
	replays   int
	risk      aiRisk
	reconcile string   // the model the request names for the reconciliation
	shadows   []*order // further transactions that a key without protection made of it
}

// AICounts is what the payment AI API saw.
type AICounts struct {
	Requests      map[string]int `json:"requests"` // by operation
	Complete      int            `json:"contexts_complete"`
	Incomplete    int            `json:"contexts_incomplete"`
	Verified      int            `json:"keys_verified"`
	Opaque        int            `json:"keys_opaque"`
	Replays       int            `json:"replays"`        // answered again under a verified key, by the client or the server itself
	ServerReplays int            `json:"server_replays"` // the server's own, whatever the key
	ShadowCharges int            `json:"shadow_charges"` // money taken again for the same order
	Payments      int            `json:"payments"`       // shadows not included
	Challenges    int            `json:"challenges"`
	Errors        int            `json:"nested_errors"`
	ByClass       map[string]int `json:"by_class"` // nested errors
	ByLabel       map[string]int `json:"by_label"` // nested errors, by the label of the intent
	Labels        map[string]int `json:"labels"`   // payment requests, by the label of the intent
	Disputes      AIDisputes     `json:"disputes"`
}

func newAIBook() aiBook {
	b := aiBook{
		settings: defaultAISettings(), keys: map[string]*aiUse{}, payments: map[string]*aiPayment{},
		projections: map[string]*projection{}, sessions: map[string]*liveness{}, last: map[string][]float64{},
		crossings: map[string]*crossing{}, scenarios: map[string]bool{},
		count: newAICounts(),
	}
	b.configure(b.settings)
	return b
}

func newAICounts() AICounts {
	return AICounts{Requests: map[string]int{}, ByClass: map[string]int{}, ByLabel: map[string]int{}, Labels: map[string]int{}, Disputes: newAIDisputes()}
}

// clone copies, so that a report does not change under its reader.
func (c AICounts) clone() AICounts {
	c.Requests, c.ByClass = maps.Clone(c.Requests), maps.Clone(c.ByClass)
	c.ByLabel, c.Labels = maps.Clone(c.ByLabel), maps.Clone(c.Labels)
	c.Disputes.ByBasis, c.Disputes.Orders = maps.Clone(c.Disputes.ByBasis), maps.Clone(c.Disputes.Orders)
	return c
}

// recogniseAI finds the operation of a request to the AI API.
func (c *call) recogniseAI(r *http.Request) bool {
	id, isSession := strings.CutPrefix(r.URL.Path, aiLivenessPath+"/")
	switch r.Method + " " + r.URL.Path {
	case "POST " + aiPaymentPath:
		c.op, c.key = opAIPayment, r.Header.Get("Idempotency-Key")
		var p struct {
			Scene string `json:"scene"`
		}
		_ = json.Unmarshal(c.body, &p) // the operation refuses what it cannot read
		if p.Scene == opNative || p.Scene == opCodepay {
			c.like = p.Scene
		}
	case "POST " + aiProjectionPath:
		c.op = opAIProjection
	case "POST " + aiLivenessPath:
		c.op = opAILiveness
	default:
		if r.Method != http.MethodGet || !isSession || id == "" || strings.Contains(id, "/") {
			return false
		}
		c.op, c.session = opAILivenessPoll, id
		return true
	}
	c.peek()
	return true
}

// among tells whether an operation of the list is this call's, or the plain one that an AI payment stands for.
func (c *call) among(ops []string) bool {
	return slices.Contains(ops, c.op) || c.like != "" && slices.Contains(ops, c.like)
}

func (w *WeChat) executeAI(c *call) outcome {
	w.ai.count.Requests[c.op]++
	if draw := w.ai.draws[c.op]; draw != nil {
		d, hang := draw.next()
		c.delay += d
		if hang && c.fault == nil {
			c.fault = faultNamed("hang_after")
		}
	}
	switch c.op {
	case opAIPayment:
		return w.aiPay(c)
	case opAIProjection:
		return w.project(c)
	case opAILiveness:
		return w.openLiveness(c)
	}
	return w.pollLiveness(c)
}

var aiKeyForm = regexp.MustCompile(`^v1\.([0-9a-f]{64})\.([0-9]{1,20})\.([0-9A-Za-z_-]+)$`)

// verifyKey recomputes the HMAC of an idempotency key and returns the session it is bound to.
func (w *WeChat) verifyKey(key string) (session string, ok bool) {
	secret := w.AISecret
	if w.ai.settings.Secret != "" {
		secret = []byte(w.ai.settings.Secret)
	}
	m := aiKeyForm.FindStringSubmatch(key)
	if m == nil || len(secret) == 0 {
		return "", false
	}
	told, err := base64.RawURLEncoding.DecodeString(m[3])
	mac := hmac.New(sha256.New, secret)
	_, _ = mac.Write([]byte(m[1] + "." + m[2])) // never fails
	return m[1], err == nil && hmac.Equal(told, mac.Sum(nil))
}

// serverReplays is how often the server, slow itself, answers a request anew before it is done with it.
func (w *WeChat) serverReplays(c *call) int {
	s := w.ai.settings
	switch after := time.Duration(s.ReplayAfterMS) * time.Millisecond; {
	case after <= 0:
		return 0
	case c.fault != nil && c.fault.manner == mannerHang:
		return s.MostReplays
	case c.delay > after:
		return min(s.MostReplays, int((c.delay-1)/after))
	}
	return 0
}

// chance draws a number from 0 to 1 that repeats with its seeds.
func (w *WeChat) chance(seeds ...any) float64 {
	return float64(w.seeded(seeds...)>>11) / (1 << 53)
}

func (w *WeChat) seeded(seeds ...any) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, w.ai.settings.Seed) // never fails
	for _, s := range seeds {
		_, _ = fmt.Fprintf(h, "\x00%v", s)
	}
	x := h.Sum64() // FNV leaves neighbours close in the upper bits; a multiply and two shifts part them
	x ^= x >> 33
	x *= 0xff51afd7ed558ccd
	return x ^ x>>33
}

func (w *WeChat) aiID(prefix string) string {
	w.ai.seq++
	return fmt.Sprintf("%s%s%09d", prefix, randomText(8), w.ai.seq)
}

// aiError is what the API nests in an answer 200.
type aiError struct {
	Explanation string   `json:"explanation"`
	Model       string   `json:"model"`
	Stage       string   `json:"stage"`
	Score       *float64 `json:"score,omitempty"`
}

// nested answers 200 with a model's error.
func (w *WeChat) nested(class, label string, e aiError) outcome {
	w.ai.count.Errors++
	w.ai.count.ByClass[class]++
	if label != "" {
		w.ai.count.ByLabel[label]++
	}
	return outcome{ai: map[string]aiError{"error": e}}
}

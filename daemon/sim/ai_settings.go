package sim

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
)

// AISettings is how the payment AI API behaves. Milliseconds of an answer are real, those of a payer are divided by TimeScale.
type AISettings struct {
	Secret            string               `json:"secret,omitempty"`   // of the idempotency keys; "" is WeChat.AISecret
	ReplayAfterMS     int                  `json:"replay_after_ms"`    // an answer that takes longer makes the server replay; 0 is never
	MostReplays       int                  `json:"most_replays"`       // of the server, for one request
	AggressiveRejects float64              `json:"aggressive_rejects"` // share of payments refused without complete context
	Threshold         float64              `json:"threshold"`          // of the risk score
	StrictThreshold   float64              `json:"strict_threshold"`   // the same without complete context
	Language          string               `json:"language"`           // of explanations: en, zh, or "" for both in turn
	Seed              uint64               `json:"seed"`               // every draw repeats with it
	Errors            []AIErrorRule        `json:"errors"`             // the first that matches applies
	Reconciliation    AIReconciliationRule `json:"reconciliation"`
	FX                AIFX                 `json:"fx"`
	Liveness          AILiveness           `json:"liveness"`
	Latency           map[string]Latency   `json:"latency"`        // by operation
	IgnoreContext     bool                 `json:"ignore_context"` // every request is judged as if its context had not come
	Disputes          AIDisputeModel       `json:"disputes"`
}

// AIErrorRule makes payments end in a nested error. Empty fields match everything.
type AIErrorRule struct {
	Class       string  `json:"class"` // user, policy, intent, hallucination or unknown
	Label       string  `json:"label,omitempty"`
	OutTradeNo  string  `json:"out_trade_no,omitempty"`
	Probability float64 `json:"probability,omitempty"` // drawn once per order; 0 is always
	Times       int     `json:"times,omitempty"`       // 0 is always
	Stage       string  `json:"stage,omitempty"`       // "" is pre_authorization
	Model       string  `json:"model,omitempty"`       // "" is the one the request names
	Explanation string  `json:"explanation,omitempty"` // "" is one of the class's
	Executed    bool    `json:"executed,omitempty"`    // the payment happens all the same
	Scenario    string  `json:"scenario,omitempty"`    // that brought it
}

// AIReconciliationRule is what a query says about a paid AI payment.
type AIReconciliationRule struct {
	Verdict     string `json:"verdict"` // consistent, mismatch, pending; others are told as they are
	Model       string `json:"model"`   // "" is the one the request named
	Explanation string `json:"explanation"`
	PendingMS   int    `json:"pending_ms"` // pending for so long after the payment
}

// AIFX is how currencies are projected.
type AIFX struct {
	Mids       map[string]string `json:"mids"`  // "USD/CNY": decimal, CNY per USD; the inverse pair follows
	Width      float64           `json:"width"` // low is mid-width, high is mid+width, as shares of mid
	Confidence float64           `json:"confidence"`
	Volatility float64           `json:"volatility"`
	ValidForS  float64           `json:"valid_for_s"` // divided by TimeScale
	Wrong      string            `json:"wrong"`       // inverted, expired, malformed, non_positive, confidence; "" is right
	OwnRates   bool              `json:"own_rates"`   // an agreed rate without a projection is let pass: the shop's own, for comparison
}

// AILiveness is how liveness sessions go.
type AILiveness struct {
	From    int64  `json:"from"`     // payments of so much and more are challenged; 0 is none
	Outcome string `json:"outcome"`  // pass, fail, low, wrong_nonce, late, twice, expired, or phone: the payer chooses there
	TakesMS int    `json:"takes_ms"` // until the payer is done

	LateTimes float64 `json:"late_times"` // how often as long it takes when late
	Score     float64 `json:"score"`      // of a payer who is there
	LowScore  float64 `json:"low_score"`  // of outcome low
	FailScore float64 `json:"fail_score"` // of outcome fail

	Payer string  `json:"payer"` // whose face; "" is the phone of the page
	Noise float64 `json:"noise"` // between two vectors of one face
}

var (
	liveOutcomes = []string{"pass", "fail", "low", "wrong_nonce", "late", "twice", "expired", liveByPhone}
	fxWrongs     = []string{"", "inverted", "expired", "malformed", "non_positive", "confidence"}
	aiStages     = []string{"", "pre_authorization", "payment", "reconciliation"}
)

func defaultAISettings() AISettings {
	return AISettings{
		ReplayAfterMS: 800, MostReplays: 2, AggressiveRejects: 0.12, Threshold: 0.85, StrictThreshold: 0.35, Seed: 1,
		Errors:         []AIErrorRule{},
		Reconciliation: AIReconciliationRule{Verdict: "consistent"},
		FX: AIFX{
			Mids:  map[string]string{"USD/CNY": "7.1023", "EUR/CNY": "7.7218", "GBP/CNY": "9.0514", "HKD/CNY": "0.9132", "JPY/CNY": "0.04783"},
			Width: 0.004, Confidence: 0.92, Volatility: 0.01, ValidForS: 300,
		},
		Liveness: AILiveness{Outcome: "pass", TakesMS: 3000, LateTimes: 10, Score: 0.97, LowScore: 0.41, FailScore: 0.08, Noise: 0.02},
		Disputes: defaultDisputes(),
		Latency:  map[string]Latency{},
	}
}

// check finds a setting that means nothing.
func (s AISettings) check() error {
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case !share(s.AggressiveRejects) || !share(s.Threshold) || !share(s.StrictThreshold):
		return badSetting("aggressive_rejects, threshold and strict_threshold are 0 to 1")
	case s.ReplayAfterMS < 0 || s.MostReplays < 0 || s.MostReplays > 100:
		return badSetting("replay_after_ms is not negative, most_replays is 0 to 100")
	case s.Language != "" && s.Language != "en" && s.Language != "zh":
		return badSetting("language is en, zh or empty")
	case s.Reconciliation.PendingMS < 0 || s.Liveness.TakesMS < 0 || s.Liveness.From < 0 || s.FX.ValidForS < 0:
		return badSetting("a time and an amount are not negative")
	case !slices.Contains(liveOutcomes, s.Liveness.Outcome):
		return badSetting("liveness.outcome is pass, fail, low, wrong_nonce, late, twice, expired or phone")
	case !share(s.Liveness.Score) || !share(s.Liveness.LowScore) || !share(s.Liveness.FailScore) || !(s.Liveness.LateTimes >= 1 && s.Liveness.LateTimes <= 1000):
		return badSetting("scores of liveness are 0 to 1, late_times is 1 to 1000")
	case !slices.Contains(fxWrongs, s.FX.Wrong):
		return badSetting("fx.wrong is inverted, expired, malformed, non_positive, confidence or empty")
	case !(s.FX.Width >= 0 && s.FX.Width < 1):
		return badSetting("fx.width is 0 to 1")
	}
	if err := s.Disputes.check(); err != nil {
		return err
	}
	for pair, mid := range s.FX.Mids {
		if r, ok := decimal(mid); !ok || r.Sign() <= 0 || !pairForm.MatchString(pair) {
			return badSetting("fx.mids: pairs like USD/CNY with a positive decimal")
		}
	}
	for _, e := range s.Errors {
		if aiWords[e.Class] == nil || !share(e.Probability) || e.Times < 0 || !slices.Contains(aiStages, e.Stage) {
			return badSetting("errors: class is user, policy, intent, hallucination or unknown, probability 0 to 1, times not negative, " +
				"stage pre_authorization, payment or reconciliation")
		}
	}
	for op, l := range s.Latency {
		if !slices.Contains(aiOps, op) {
			return badSetting("latency: no operation " + op + " of the AI API")
		}
		if err := l.check(); err != nil {
			return err
		}
	}
	return nil
}

// configure puts settings in force: rules count from zero, draws begin again.
func (b *aiBook) configure(s AISettings) {
	b.settings, b.used, b.draws = s, make([]int, len(s.Errors)), map[string]*latencies{}
	for op, l := range s.Latency {
		b.draws[op] = newLatencies(l, op)
	}
}

// AIReport is the settings of the payment AI API and what it saw.
type AIReport struct {
	AISettings
	Counts AICounts `json:"counts"`
}

// AIReport tells how the payment AI API is set and what it saw.
func (w *WeChat) AIReport() AIReport {
	w.lock()
	defer w.mu.Unlock()
	w.settleAll(w.now()) // shadows charge with their orders
	return AIReport{w.ai.settings, w.ai.count.clone()}
}

// SetAI changes the settings that the JSON object names and leaves the others.
func (w *WeChat) SetAI(change json.RawMessage) (AIReport, error) {
	w.lock()
	s, err := w.ai.settings.with(change)
	if err == nil {
		w.ai.configure(s)
	}
	w.mu.Unlock()
	return w.AIReport(), err
}

// with is the settings after a change. The copy goes through JSON, so that no map or list of the old ones is shared:
// they may just be on their way to a reader.
func (s AISettings) with(change json.RawMessage) (AISettings, error) {
	var n AISettings
	if err := json.Unmarshal(encodeJSON(s), &n); err != nil {
		return s, err
	}
	var named map[string]json.RawMessage
	if err := json.Unmarshal(change, &named); err != nil {
		return s, badSetting(err.Error())
	}
	if named["errors"] != nil {
		n.Errors = nil // a decoder would merge the new rules into the old ones
	}
	d := json.NewDecoder(bytes.NewReader(change))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		return s, badSetting(err.Error())
	}
	maps.DeleteFunc(n.Latency, func(_ string, l Latency) bool { return l == Latency{} })
	if n.Errors == nil {
		n.Errors = []AIErrorRule{}
	}
	return n, n.check()
}

// ResetAI puts every setting back and forgets the counts of the AI API; payments stay.
func (w *WeChat) ResetAI() {
	w.lock()
	defer w.mu.Unlock()
	w.ai.configure(defaultAISettings())
	w.ai.count = newAICounts()
	w.dropScenarios()
}

// serveAI is the control of the payment AI API.
func (w *WeChat) serveAI(rw http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		reply(rw, w.AIReport(), nil)
	case http.MethodPost:
		serve(rw, r, w.SetAI)
	case http.MethodDelete:
		w.ResetAI()
		reply(rw, w.AIReport(), nil)
	default:
		reply(rw, nil, &controlError{http.StatusMethodNotAllowed, "METHOD", "GET, POST or DELETE"})
	}
}

package sim

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// The scripts that are named in code.
const (
	scriptSensible = "sensible"
	scriptWrong    = "wrong"
)

// Script is one way in which a provider of models answers.
type Script struct {
	Name string `json:"name"`
	What string `json:"what"`

	early  bool                                // before the request is looked at
	travel modelManner                         // how the answer travels
	end    string                              // why the model stopped, "" is of itself
	say    func(q *question, n int) string     // the n-th answer, nil is a sensible one
	inside func(own string, e ModelError) said // an error told with status 200
	fails  bool                                // an HTTP error
	wrap   func(s *said)                       // changes what is around the answer
}

// Scripts is the table of all scripts.
func Scripts() []Script {
	return slices.Concat(travelScripts(), errorScripts(), wrongScripts(), formScripts())
}

// travelScripts are about the wire. The answer is a sensible one, when it arrives.
func travelScripts() []Script {
	return []Script{
		{Name: scriptSensible, What: "answers from the facts, in the asked form"},
		{Name: "hang", What: "no byte until the client gives up", early: true, travel: travelHang},
		{Name: "hang_headers", What: "status and headers, then no byte until the client gives up", travel: travelHangHeaders},
		{Name: "stall", What: "the first half of the body, then no byte until the client gives up", travel: travelStall},
		{Name: "drip", What: "a byte every 20 ms", travel: travelDrip},
		{Name: "blanks", What: "status 200 at once and a blank line every 50 ms until the latency is over, then the answer", travel: travelBlanks},
		{Name: "blanks_forever", What: "status 200 at once and a blank line every 50 ms until the client gives up", travel: travelBlanksForever},
		{Name: "reset", What: "connection reset before any byte", early: true, travel: travelReset},
		{Name: "reset_headers", What: "connection reset after the headers", travel: travelResetHeaders},
		{Name: "reset_body", What: "connection reset after the first half of the body", travel: travelResetBody},
		{Name: "garbage", What: "status 200 with bytes that are no JSON", travel: travelGarbage},
		{Name: "html", What: "status 200 with a page of a captive portal", travel: travelHTML},
		{Name: "cut_json", What: "status 200 with the first half of the answer as if it were all of it", travel: travelCutJSON},
	}
}

func errorScripts() []Script {
	return []Script{
		{Name: "error", What: "an HTTP error: status, shape, code, retry_after as set", early: true, fails: true},
		{Name: "error_200", What: "status 200 with the error as the whole body", inside: errorOnTop},
		{Name: "error_choice", What: "status 200 with half an answer and the error in the first choice", inside: errorInChoice},
		{Name: "refusal", What: "the model refuses to answer", end: stopRefusal},
		{Name: "content_filter", What: "a filter of the provider stopped the answer", end: stopFilter},
		{Name: "truncation", What: "the cap of output tokens was reached in the middle", end: stopLength},
		{Name: "stop_error", What: "the model stopped for an error, status 200", end: stopError},
		{Name: "empty", What: "the answer is an empty text", say: func(*question, int) string { return "" }},
		{Name: "no_choices", What: "status 200 without any answer", wrap: func(s *said) { s.none = true }},
	}
}

// formScripts are about what is around an answer.
func formScripts() []Script {
	return []Script{
		{Name: "fenced", What: "the answer in a Markdown fence", say: fencedAnswer},
		{Name: "chatty", What: "the answer in the middle of prose", say: chattyAnswer},
		{Name: "wrong_tool", What: "calls a tool nobody offered", wrap: func(s *said) { s.tool = "transfer_money" }},
		{Name: "two_answers", What: "two answers that differ", wrap: func(s *said) { s.twice = true }},
		{Name: "thinking", What: "thoughts beside the answer, as a model that was not told not to think", wrap: func(s *said) { s.thoughts = "The shop asks me to judge a sale. Let me see." }},
	}
}

func scriptNamed(name string) Script {
	list := Scripts()
	if i := slices.IndexFunc(list, func(s Script) bool { return s.Name == name }); i >= 0 {
		return list[i]
	}
	return list[0]
}

// ModelSetting is what a provider of models is told to do.
type ModelSetting struct {
	Script  string     `json:"script"`  // "" is sensible
	Times   int        `json:"times"`   // calls that meet it before it is sensible again; 0 is all
	Latency Latency    `json:"latency"` // from the request's arrival to the answer
	Error   ModelError `json:"error"`   // for the scripts that tell one
}

// Latency is how long a provider of models takes. Draws repeat with the seed; two names with one seed differ.
type Latency struct {
	Kind  string  `json:"kind"`  // fixed, lognormal, mix (lognormal, one call in 100 hangs), mix_a, mix_b; "" is at once
	MS    float64 `json:"ms"`    // median
	Sigma float64 `json:"sigma"` // of the logarithm
	Seed  uint64  `json:"seed"`
}

// The two providers of the mix on which hedging was measured.
var (
	mixA = Latency{Kind: "mix", MS: 380, Sigma: 0.5}
	mixB = Latency{Kind: "mix", MS: 300, Sigma: 0.45}
)

// hangShare is the share of the calls of a mix that never end.
const hangShare = 0.01

func (l Latency) check() error {
	switch {
	case !slices.Contains([]string{"", "fixed", "lognormal", "mix", "mix_a", "mix_b"}, l.Kind):
		return badSetting("latency.kind is fixed, lognormal, mix, mix_a or mix_b")
	case l.MS < 0 || l.MS > 600_000 || l.Sigma < 0 || l.Sigma > 5:
		return badSetting("latency.ms is 0 to 600000, latency.sigma 0 to 5")
	}
	return nil
}

// latencies draws from a Latency.
type latencies struct {
	Latency
	rng *rand.Rand
}

func newLatencies(l Latency, name string) *latencies {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	seed := l.Seed
	switch l.Kind {
	case "mix_a":
		l = mixA
	case "mix_b":
		l = mixB
	}
	return &latencies{l, rand.New(rand.NewPCG(seed, h.Sum64()))}
}

// next is the time to the next answer, or that there is none.
func (l *latencies) next() (d time.Duration, hang bool) {
	ms := l.MS
	switch l.Kind {
	case "":
		return 0, false
	case "mix":
		hang = l.rng.Float64() < hangShare
		fallthrough
	case "lognormal":
		ms *= math.Exp(l.Sigma * l.rng.NormFloat64())
	}
	return time.Duration(ms * float64(time.Millisecond)), hang
}

// The modes of the page's switch, each with what it makes of every provider.
const (
	modeQuick = "quick"
	modeSlow  = "slow"
	modeWrong = "wrong"
	modeOff   = "off"
)

var modes = []string{modeQuick, modeSlow, modeWrong, modeOff}

func modeSetting(mode string) ModelSetting {
	quick := Latency{Kind: "lognormal", MS: 120, Sigma: 0.3, Seed: 1}
	switch mode {
	case modeSlow: // four times what a till waits for
		return ModelSetting{Script: scriptSensible, Latency: Latency{Kind: "fixed", MS: 2500}}
	case modeWrong:
		return ModelSetting{Script: scriptWrong, Latency: quick}
	case modeOff:
		return ModelSetting{Script: "reset"}
	}
	return ModelSetting{Script: scriptSensible, Latency: quick}
}

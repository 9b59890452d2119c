// Package advisor gets every sale judged inside 600 ms, whatever a model does.
//
// The rules speak at once and theirs is the verdict unless something better
// comes in time. A reasoning model is asked beside them; what it says goes
// through the checks here and through Verdict.Permit, which lets it ask for more
// and take away only what a rule offers. Nobody waits for it: the caller selects
// on a timer of its own, armed a millisecond early, so that a client that hangs,
// a garbage collection or a busy machine cannot hold the answer back.
//
// A second provider is asked after a while if the first is not quick, and the
// first goes on: giving it up early loses more answers than it saves, because
// what is slow now is mostly slow everywhere. A definite error starts the next
// provider at once. At 540 ms the network is cut. A leg that lost the race ends
// there by itself; all that is still taken from it is how long it took and
// whether it agreed.
//
// Each provider has two breakers. One opens on failures and on slowness: a
// provider that answers in 700 ms is as good as down. The other opens on answers
// that were nonsense. Neither counts a lost hedge, a refusal by policy or a
// mistake of ours, which say nothing about the provider's health. A call that had
// all the time there is and was cut counts as slow even if another provider saved
// the sale; otherwise a dead favourite would cost every sale its hedge for ever.
// Whoever asks to be left alone is, and so is one whose key or account is no good:
// for a minute at most, because gateways in trouble say that of good keys too.
//
// Rejected: retries (each costs more than what is left), asking one provider
// after the other (58 % instead of 94 % of sales judged in time on measured
// latencies), and a queue for models: when too many calls are in flight the
// rules decide, in microseconds.
package advisor

import (
	"context"
	"time"

	"qrposd/rules"
)

// Model is one model at one provider.
type Model interface {
	// Name is the provider and what it calls the model. Breakers belong to the
	// provider.
	Name() (provider, model string)
	// Suits says whether the case may be sent there: mainland sales stay in their
	// region.
	Suits(c *rules.Case) bool
	// Ask asks once and returns by the end of ctx. An error may implement Failure.
	Ask(ctx context.Context, c *rules.Case, v rules.Record) (Opinion, error)
}

// Opinion is what a model said, with its form already checked.
type Opinion struct {
	Effect    rules.Effect `json:"effect"`
	Risk      int          `json:"risk"` // 0 to 10
	Cites     []string     `json:"cites,omitempty"`
	TokensIn  int          `json:"tokens_in,omitempty"`
	TokensOut int          `json:"tokens_out,omitempty"`
}

// Class says whose fault a failure is, and so what follows from it.
type Class string

// The classes. What is none of them is Transient.
const (
	Caller        Class = "caller"        // our request was wrong: no provider will like it better
	Config        Class = "config"        // key, model or account: the next provider, this one not for a minute
	Policy        Class = "policy"        // the provider declines to speak: nobody else is asked
	Hallucination Class = "hallucination" // it answered nonsense: one other provider, if there is time
	Truncation    Class = "truncation"    // our cap was too low
	Transient     Class = "transient"     // it failed or was slow: the next provider
	Neutral       Class = "neutral"       // the race was over
)

// Failure is an error that knows its class, and how long the provider wants to be
// left alone, which is 0 if it did not say.
type Failure interface {
	error
	FailureClass() string
	RetryAfter() time.Duration
}

// Path is how a verdict came about.
type Path string

// The paths.
const (
	ByRules     Path = "rules"         // no model could have changed it, or none is configured
	ByModel     Path = "model"         // a model answered in time
	RulesLate   Path = "rules_late"    // none did
	RulesOpen   Path = "rules_breaker" // no provider may be asked now
	RulesBusy   Path = "rules_busy"    // too many calls in flight
	RulesPolicy Path = "rules_policy"  // a provider declined
	RulesFailed Path = "rules_failed"  // all that were asked failed
)

// Advice is a verdict and the record of how it was come by (R22).
type Advice struct {
	Verdict  rules.Verdict `json:"-"`
	Rules    rules.Record  `json:"rules"`   // what the rules alone said
	Final    rules.Record  `json:"verdict"` // after a model, if one was heard
	Path     Path          `json:"path"`
	Provider string        `json:"provider,omitempty"`
	Model    string        `json:"model,omitempty"`
	Opinion  *Opinion      `json:"opinion,omitempty"`
	Asked    int           `json:"asked,omitempty"` // providers
	Took     time.Duration `json:"took_ns"`
	// Checked is what the validation tier added, empty if it was not asked.
	Checked Checked `json:"checked,omitempty"`
}

// Checked is how the validation tier ended.
type Checked string

// The ends of a validation.
const (
	Unchecked      Checked = ""
	CheckedCache   Checked = "cache"   // a like case was validated before
	CheckedModel   Checked = "model"   // now
	CheckedLate    Checked = "late"    // it did not answer within the second
	CheckedFailed  Checked = "failed"  // it failed
	CheckedTighter Checked = "tighter" // it asked for more, and got it
)

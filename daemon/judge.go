package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/daemon/llm"
	"qrposd/rules"
	"qrposd/rules/intent"
	"qrposd/rules/sale"
	"qrposd/store"
)

// Judgement is what the journal keeps of how a sale was judged: the facts, so that
// other rules can be tried on them, and how the verdict was come by.
type Judgement struct {
	Case rules.Case `json:"case"`
	advisor.Advice
}

// judge brings together what judging a sale takes: the facts of the store and
// the network, the rules, and models in time.
type judge struct {
	*advisor.Advisor
	store  *store.DB
	vitals *vitals
	desk   *checkout.Desk
	// sessions know the baskets; nil is none. Models named there do not judge here.
	sessions *sessions
	models   *llm.Client
	intent   *intent.Classifier
	verifies bool // payers can be checked here
	log      *slog.Logger

	mu    sync.Mutex
	name  string // where the rules in force came from
	text  string
	paths map[advisor.Path]int // how the judgements since the start came about
	level api.Level            // of the part, and since when
	since time.Time
}

// openJudge reads the rules and makes the clients of the models. Without a rule
// file the rules are those that come with the program.
func openJudge(c Config, db *store.DB, v *vitals, intents *intent.Classifier, log *slog.Logger) (*judge, error) {
	j := &judge{verifies: c.AIPay.Enabled && c.AIPay.Liveness.Enabled, paths: map[advisor.Path]int{}, store: db, vitals: v, intent: intents, log: log, name: "the program's own", text: string(rules.Default)}
	if c.Rules.File != "" {
		text, err := os.ReadFile(c.Rules.File)
		if err != nil {
			return nil, &ConfigError{Err: fmt.Errorf("rules.file: %w", err)}
		}
		j.name, j.text = c.Rules.File, string(text)
	}
	set, err := rules.Load(j.name, []byte(j.text))
	if err != nil {
		return nil, &ConfigError{Err: err}
	}
	if j.models, err = llm.Open(c.Models); err != nil {
		return nil, &ConfigError{Err: err}
	}
	models := func(task llm.Task) []advisor.Model {
		var list []advisor.Model
		for _, choice := range j.models.Choices(task) {
			m := &model{j.models, choice, task, c.Rules.Mainland}
			if !m.Suits(nil) {
				log.Warn("a model is never asked: its provider is outside of models.region and the sales are the mainland's", "provider", choice.Provider, "task", task)
			}
			list = append(list, m)
		}
		return list
	}
	j.Advisor = advisor.New(set, models(llm.Reasoning), models(llm.Validation), advisor.Limits{HedgeRate: c.Rules.HedgeRate, InFlight: c.Rules.InFlight}, log)
	return j, nil
}

// Judge is for the desk.
func (j *judge) Judge(ctx context.Context, s sale.Sale) sale.Event {
	c := rules.Case{
		Amount: s.Amount, Flow: s.Flow, Draw: rules.Known(j.store.Draw(s)), Local: rules.LocalTime(time.Now()), Link: j.vitals.link.fact(ctx, s.Flow),
		Price: priceFacts(s.Price, remains(s.Price, j.store.Now())),
	}
	taken := j.sessions.local(j.intent, s)
	c.Intent = rules.Intent{Label: taken.Label, Confidence: rules.Known(int64(taken.Confidence))}
	if err := j.store.Traffic(s, &c); err != nil {
		j.log.Error("the traffic could not be counted; rules about it count as fired", "sale", s.ID, "err", err)
	}
	j.unprovided(s, &c)
	adv := j.Advise(ctx, c)
	j.noteJudged(adv.Path)
	record, err := json.Marshal(Judgement{c, adv})
	if err != nil {
		j.log.Error("a judgement could not be recorded whole", "sale", s.ID, "err", err)
	}
	said := sale.Judgement{By: string(adv.Path), Review: adv.Verdict.Owed.Has(rules.Review), Refused: adv.Verdict.Owed.Has(rules.Refuse), Record: record}
	ev := sale.Event{Kind: sale.Assessed, Judgement: &said}
	if adv.Verdict.Owed.Has(rules.Confirm) {
		said.Needs = append(said.Needs, sale.NeedConfirm)
	}
	verify, verifies := adv.Verdict.Owed.Has(rules.Verify), j.verifies && s.Flow != sale.Offline // who checks is out of reach
	if adv.Verdict.Owed.Has(rules.Approve) || verify && !verifies {                              // a manager looks at the payer instead
		said.Needs = append(said.Needs, sale.NeedApprove)
	}
	if verify && verifies {
		said.Needs = append(said.Needs, sale.NeedVerify)
	}
	if said.Refused || len(said.Needs) > 0 {
		ev.Why = j.why(adv)
	}
	if j.vitals.link.bars(s.Flow, c.Link.State) {
		said.Refused, said.Needs = true, nil
		ev.Why = &sale.Reason{Code: "offline_online", Message: "the payment service can be reached again", Chinese: "支付服务已恢复"}
	}
	j.log.Info("judged", "sale", s.ID, "verdict", adv.Final.Effect, "by", adv.Path, "ms", adv.Took.Milliseconds(), "rules", adv.Rules.Fired)
	return ev
}

// unprovided fills in what is known of sales without the provider. What cannot be
// counted is not known, and rules about it count as fired.
func (j *judge) unprovided(s sale.Sale, c *rules.Case) {
	within, _ := j.Advisor.Rules().Limits().SplitWindow.Value()
	o, split, err := j.store.Counters(s, time.Duration(within)*time.Second)
	if err != nil {
		j.log.Error("the open offline sales could not be counted; rules about them count as fired", "sale", s.ID, "err", err)
		return
	}
	if c.Offline = o; s.Flow == sale.Offline { // nobody knows who pays: it may be one
		c.Payer.SumSplit = rules.Known(split)
	}
}

// why is the strictest rule that fired, in its own words.
func (j *judge) why(adv advisor.Advice) *sale.Reason {
	for _, r := range j.Rules().Reasons(adv.Verdict.Fired) {
		if r.Effect >= rules.Confirm {
			return &sale.Reason{Code: "rule_" + r.ID, Message: r.Reason.EN, Chinese: r.Reason.ZH}
		}
	}
	return &sale.Reason{Code: "model", Message: "the model asked for it", Chinese: "审核模型要求"}
}

// Consent is for the API.
func (j *judge) Consent(ctx context.Context, id sale.ID, seen int, by string) (sale.Sale, error) {
	return j.desk.Consent(ctx, id, seen, by)
}

// reload reads the rule file again; a bad one changes nothing.
func (j *judge) reload(file string) error {
	if file == "" {
		return errors.New("there is no rules.file to read again")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return j.replace(file, string(text))
}

func (j *judge) replace(name, text string) error {
	set, err := rules.Load(name, []byte(text))
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.SetRules(set)
	j.name, j.text = name, text
	return nil
}

// asRules is the judge as the API sees it.
type asRules struct{ *judge }

// Rules are those in force.
func (r asRules) Rules() api.Rules {
	r.mu.Lock()
	defer r.mu.Unlock()
	set := r.Advisor.Rules()
	return api.Rules{Name: r.name, Hash: set.Hash().String(), Count: len(set.Rules()), Text: r.text}
}

// ReplaceRules puts others in force until the next start.
func (r asRules) ReplaceRules(text string) (api.Rules, error) {
	if err := r.replace("rules", text); err != nil {
		return api.Rules{}, err
	}
	return r.Rules(), nil
}

// part is what the cashier is told of the judging.
func (j *judge) part() (p api.Part) {
	list := j.Health()
	if len(list) == 0 {
		return api.Part{Level: api.Off, Detail: "no models: the rules decide"}
	}
	p.Level = api.Trouble
	defer func() { p.Since = j.sinceOf(p.Level) }()
	for _, h := range list {
		if h.Answers == "closed" && h.Sense == "closed" && h.Rests == 0 {
			p.Level = api.OK
		}
		if h.Rests > 0 {
			p.Detail += fmt.Sprintf("%s: left alone for %s; ", h.Provider, h.Rests.Round(time.Second))
		}
		p.Detail += fmt.Sprintf("%s: answers %s, sense %s, p50 %s, p95 %s, agreed %d of %d; ", h.Provider, h.Answers, h.Sense,
			h.P50.Round(time.Millisecond), h.P95.Round(time.Millisecond), h.Agreed, h.Heard)
	}
	return p
}

// sinceOf is when a level was first seen. Trouble has a beginning worth telling.
func (j *judge) sinceOf(level api.Level) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	if level != j.level {
		j.level, j.since = level, time.Now()
	}
	if level == api.OK {
		return time.Time{}
	}
	return j.since
}

func (j *judge) noteJudged(p advisor.Path) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.paths[p]++
}

// model is one choice of the configuration as the advisor asks it.
type model struct {
	client   *llm.Client
	choice   llm.Choice
	task     llm.Task
	mainland bool
}

// Name is for the advisor.
func (m *model) Name() (provider, model string) { return m.choice.Provider, m.choice.Model }

// Suits keeps mainland sales in their region, and those that are made because nothing
// can be reached from waiting for a model.
func (m *model) Suits(c *rules.Case) bool {
	return (c == nil || c.Flow != sale.Offline) && m.client.Allowed(m.choice.Provider, m.mainland)
}

// Ask puts the facts into the prompt's form, and the answer into the advisor's.
func (m *model) Ask(ctx context.Context, c *rules.Case, v rules.Record) (advisor.Opinion, error) {
	facts := factsOf(c, v)
	if m.task == llm.Validation {
		facts.Decision = llm.Verdict(v.Effect.String())
	}
	req, err := llm.Prompt(m.task, facts)
	if err != nil {
		return advisor.Opinion{}, failure{error: err, class: advisor.Caller}
	}
	req.Abroad = !m.mainland
	a, err := m.client.Ask(ctx, m.choice, req)
	if err != nil {
		return advisor.Opinion{}, classed(err)
	}
	o, err := llm.Decode(req, a)
	if err != nil {
		return advisor.Opinion{}, classed(err)
	}
	var effect rules.Effect
	if err := effect.UnmarshalText([]byte(o.Word)); err != nil {
		return advisor.Opinion{}, failure{error: err, class: advisor.Hallucination}
	}
	return advisor.Opinion{Effect: effect, Risk: o.Level, Cites: o.Cites, TokensIn: a.TokensIn, TokensOut: a.TokensOut}, nil
}

// failure is an error of a model as the advisor reads it.
type failure struct {
	error
	class advisor.Class
	rest  time.Duration
}

// FailureClass is for the advisor.
func (f failure) FailureClass() string { return string(f.class) }

// RetryAfter is for the advisor.
func (f failure) RetryAfter() time.Duration { return f.rest }

// Unwrap is what the client said.
func (f failure) Unwrap() error { return f.error }

func classed(err error) error {
	var f *llm.Failure
	if errors.As(err, &f) {
		return failure{err, advisor.Class(f.Class), f.RetryAfter}
	}
	return err
}

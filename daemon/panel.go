package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/sony/gobreaker/v2"

	"qrposd/daemon/llm"
)

// The times of a panel. A second model is asked when the first is not quick, and
// nobody new when there is too little time left for an answer.
const (
	panelHedge = 150 * time.Millisecond
	panelLeast = 80 * time.Millisecond
	panelRest  = 10 * time.Second
)

// panel asks the models of a small task: the first that answers in form is heard.
// It is the advisor's race without its verdicts: no opinion of a panel judges a
// sale, so there is nothing to validate, to tighten or to hedge adaptively. A seat
// has a breaker of its own, since a model that is quick at one task says little
// about how another one is at this.
type panel struct {
	client *llm.Client
	task   llm.Task
	abroad bool
	seats  []seat
}

type seat struct {
	llm.Choice
	breaker *gobreaker.TwoStepCircuitBreaker[struct{}]
}

// The errors by which breakers count, and what a panel says when nobody may be asked.
var (
	errSeatFailed  = errors.New("the model failed or was slow")
	errSeatNeutral = errors.New("it says nothing about the model")
	errNobody      = errors.New("no model may be asked now")
)

// newPanel is nil where nobody is configured for the task, or nobody may hear of
// this shop's sales.
func newPanel(c *llm.Client, task llm.Task, mainland bool, log *slog.Logger) *panel {
	p := &panel{client: c, task: task, abroad: !mainland}
	for _, choice := range c.Choices(task) {
		if !c.Allowed(choice.Provider, mainland) {
			log.Warn("a model is never asked: its provider is outside of models.region and the sales are the mainland's", "provider", choice.Provider, "task", task)
			continue
		}
		p.seats = append(p.seats, seat{choice, gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{
			Name: string(task) + " " + choice.Provider, Timeout: panelRest,
			ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= 3 },
			IsExcluded:  func(err error) bool { return errors.Is(err, errSeatNeutral) },
			OnStateChange: func(name string, from, to gobreaker.State) {
				log.Warn("model breaker", "breaker", name, "from", from.String(), "to", to.String())
			},
		})})
	}
	if len(p.seats) == 0 {
		return nil
	}
	return p
}

// outcome is what one seat came to.
type outcome struct {
	opinion llm.Opinion
	by      string
	err     error
}

// ask asks by the end of ctx, which needs one. It says who answered.
func (p *panel) ask(ctx context.Context, f llm.Facts) (llm.Opinion, string, error) {
	req, err := llm.Prompt(p.task, f)
	if err != nil {
		return llm.Opinion{}, "", err
	}
	req.Abroad = p.abroad
	network, cut := context.WithCancel(ctx)
	defer cut()
	results, next, alive := make(chan outcome, len(p.seats)), 0, 0
	start := func() bool {
		for next < len(p.seats) && left(ctx) >= panelLeast {
			s := p.seats[next]
			next++
			if done, err := s.breaker.Allow(); err == nil {
				alive++
				go func() { results <- p.call(network, s, req, done) }()
				return true
			}
		}
		return false
	}
	if !start() {
		return llm.Opinion{}, "", errNobody
	}
	hedge := time.NewTimer(panelHedge)
	defer hedge.Stop()
	for {
		select {
		case h := <-results:
			if h.err == nil {
				return h.opinion, h.by, nil
			}
			if alive--; !start() && alive == 0 {
				return llm.Opinion{}, "", h.err
			}
		case <-hedge.C:
			start()
		case <-ctx.Done():
			return llm.Opinion{}, "", context.Cause(ctx)
		}
	}
}

func left(ctx context.Context) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return 0 // without an end nobody is asked
	}
	return time.Until(end)
}

// call asks one seat and tells its breaker.
func (p *panel) call(ctx context.Context, s seat, req llm.Request, done func(error)) outcome {
	h, began := outcome{by: s.Provider + "/" + s.Model}, time.Now()
	a, err := p.client.Ask(ctx, s.Choice, req)
	if err == nil {
		h.opinion, err = llm.Decode(req, a)
	}
	h.err = err
	verdict := seatError(err)
	if errors.Is(verdict, errSeatNeutral) && time.Since(began) >= 2*panelHedge {
		var f *llm.Failure
		if errors.As(err, &f) && f.Class == llm.Neutral {
			verdict = errSeatFailed // it lost by far: a dead favourite would cost every question its hedge
		}
	}
	done(verdict)
	return h
}

// seatError is what a breaker hears of an error: a race that was over, and a
// question that a model will not have, say nothing about its health.
func seatError(err error) error {
	var f *llm.Failure
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f) && (f.Class == llm.Neutral || f.Class == llm.Policy || f.Class == llm.Caller):
		return errSeatNeutral
	}
	return errSeatFailed
}

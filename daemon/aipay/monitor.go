package aipay

import (
	"context"
	"fmt"
	"time"

	"qrposd/rules/explain"
	"qrposd/rules/sale"
)

// How long a monitoring model is waited for after the answer of the API: its
// network is cut first, and whatever it does the till goes on at the end.
const (
	monitorCut = 540 * time.Millisecond
	monitorEnd = 600*time.Millisecond - time.Millisecond // the runtime's poller waits in whole milliseconds
)

// Monitor asks a model for the cause of a refusal, of which it hears nothing but
// words of a closed vocabulary. It returns soon after ctx ends, and says who
// answered. A nil Monitor asks nobody.
type Monitor func(ctx context.Context, words []string) (o explain.Opinion, by string, err error)

// byTill is who read an explanation where no model was asked.
const byTill = "the till's own table"

// read is the cause of an explanation and who found it. A model is asked only where
// the till's own table is not sure, and what it says is heeded only as far as
// [explain.Finding.Heed] goes. Nothing is written meanwhile: power that fails here
// fails before the answer is on record, and the payment is asked about.
func (c *Client) read(ctx context.Context, text string, sent explain.Sent) (explain.Finding, string) {
	f := explain.Read(text, sent)
	words := explain.Words(text)
	if f.Sure || c.opts.Monitor == nil || len(words) == 0 {
		return f, byTill
	}
	type answer struct {
		o   explain.Opinion
		by  string
		err error
	}
	began, heard := time.Now(), make(chan answer, 1)
	network, cut := context.WithTimeout(ctx, monitorCut)
	defer cut()
	go func() {
		o, by, err := c.opts.Monitor(network, words)
		heard <- answer{o, by, err}
	}()
	end := time.NewTimer(monitorEnd)
	defer end.Stop()
	select {
	case a := <-heard:
		ms := time.Since(began).Milliseconds()
		if a.err != nil {
			return f, fmt.Sprintf("%s; no model answered (%v) in %d ms", byTill, a.err, ms)
		}
		said := fmt.Sprintf("%s as %s, %d of 10, in %d ms", a.by, a.o.Cause, a.o.Level, ms)
		if heeded, ok := f.Heed(a.o); ok {
			return heeded, said
		}
		return f, byTill + "; not heeded: " + said
	case <-end.C:
		return f, fmt.Sprintf("%s; a model was late after %d ms", byTill, time.Since(began).Milliseconds())
	case <-ctx.Done():
		return f, byTill + "; the till was closing"
	}
}

// readBy adds to a reason who read the explanation: it is on record with the fact,
// for whoever looks into it. The page words reasons by their code.
func readBy(ev sale.Event, by string) sale.Event {
	why := *ev.Why
	why.Message += " (read by " + by + ")"
	ev.Why = &why
	return ev
}

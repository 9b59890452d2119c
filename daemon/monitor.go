package daemon

import (
	"context"
	"errors"
	"fmt"

	"qrposd/daemon/aipay"
	"qrposd/daemon/llm"
	"qrposd/rules/explain"
)

// monitor asks the models of the task classification what a refusal of the payment
// AI API means. It is nil where there are none.
func monitor(p *panel) aipay.Monitor {
	if p == nil {
		return nil
	}
	return func(ctx context.Context, words []string) (explain.Opinion, string, error) {
		f := llm.Facts{Fault: llm.Fault{Words: make([]llm.FaultWord, len(words))}}
		for i, w := range words {
			f.Fault.Words[i] = llm.FaultWord(w)
		}
		o, by, err := p.ask(ctx, f)
		var failed *llm.Failure
		if errors.As(err, &failed) { // its text is the provider's and not for the record
			err = fmt.Errorf("%s: %s", failed.Provider, failed.Code)
		}
		if err != nil {
			return explain.Opinion{}, by, err
		}
		cause, _ := explain.ParseCause(o.Word) // what is no cause is unknown
		return explain.Opinion{Cause: cause, Level: o.Level}, by, nil
	}
}

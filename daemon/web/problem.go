package web

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

func writeProblem(w http.ResponseWriter, p *api.Problem) {
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client is gone: nobody to tell
}

// internal is all that a client is told of a fault.
func internal() *api.Problem {
	return api.NewProblem(http.StatusInternalServerError, "internal", "the till has a fault", "look at the last sales before you try again")
}

// fail is the problem that answers err. A cause that has no words for a client
// is logged here, once, and not told.
func (s *Server) fail(ctx context.Context, err error) error {
	var told *api.Problem
	var knows api.Problematic
	var refusal *sale.Refusal
	var bad *money.Error
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &knows):
		if p := api.NewProblem(knows.Problem()); p.Title != "" && p.Status >= 400 { // a status that there is
			if p.Status >= 500 {
				s.logged(p, err)
			}
			return p
		}
	case errors.As(err, &refusal):
		return refused(refusal)
	case errors.As(err, &bad):
		return api.NewProblem(http.StatusUnprocessableEntity, string(bad.Code), bad.Message, bad.Hint)
	case ctx.Err() != nil:
		return api.NewProblem(http.StatusServiceUnavailable, "interrupted", "the request ended before its answer was known",
			"send it again under the same key")
	}
	p := internal()
	s.logged(p, err)
	return p
}

// logged gives the log what lies behind a problem, and the problem the number
// under which it is there.
func (s *Server) logged(p *api.Problem, err error) {
	p.RequestID = rand.Text()[:12]
	s.Log.Error("request failed", "request", p.RequestID, "code", p.Code, "err", err)
}

// hints are what to do where the state of the sale does not say it.
var hints = map[string]string{
	"refund_too_many":      "refund the rest in the provider's merchant platform",
	"nothing_owed":         "the sale needs nobody: it owes nothing",
	"nothing_to_set_aside": "only refunds can be set aside; a payment that is not certain is taken over",
	"nothing_to_repay":     "only money of a refund that the provider has closed is given back in another way; look at the refund first",
	"sale_taken_over":      "look at the sale: it says who has taken it over and what they saw",
}

func refused(r *sale.Refusal) *api.Problem {
	if r.Code == "refund_too_large" {
		return api.NewProblem(http.StatusUnprocessableEntity, r.Code, r.Text, "refund at most what is left of the sale")
	}
	hint := hints[r.Code]
	if hint == "" {
		hint = "look at the sale: it says what it can do now"
	}
	if r.Kind == sale.CancelRequested && r.State.Taken() && !r.State.Offline() {
		hint = "give the money back with a refund"
	}
	return api.NewProblem(http.StatusConflict, r.Code, r.Text, hint)
}

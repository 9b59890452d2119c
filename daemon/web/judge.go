package web

import (
	"context"
	"net/http"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// Judge is what people have to do with the judging of sales: they agree where
// that is asked for, and they put other rules in force.
type Judge interface {
	Consent(ctx context.Context, id sale.ID, seen int, by string) (sale.Sale, error)
	Rules() api.Rules
	ReplaceRules(text string) (api.Rules, error)
}

type consentInput struct {
	ByID
	Body *api.Consent
}

type rulesInput struct {
	Body api.NewRules
}

type rulesOutput struct {
	Body api.Rules
}

func (s *Server) judgeRoutes(r *router) {
	if s.Judge == nil {
		return
	}
	unknown := codes{http.StatusNotFound: {"sale_not_found"}}
	notNow := codes{http.StatusConflict: {"sale_*"}, http.StatusUnprocessableEntity: {"approver_missing"}}
	register(r, r.op(http.MethodPost, "/v1/sales/{id}/consent", "consentToSale", "Agree to a sale that waits for it", unknown, notNow), s.consent)
	register(r, r.op(http.MethodGet, "/v1/rules", "getRules", "The rules in force"), s.rules)
	wrong := codes{http.StatusUnprocessableEntity: {"rules_invalid"}}
	put := r.op(http.MethodPut, "/v1/rules", "replaceRules", "Put other rules in force, all or nothing", wrong)
	register(r, put, s.replaceRules)
}

func (s *Server) consent(ctx context.Context, in *consentInput) (*saleOutput, error) {
	var c api.Consent
	if in.Body != nil {
		c = *in.Body
	}
	v, err := s.Judge.Consent(ctx, in.ID, c.Facts, c.Operator)
	return s.answer(ctx, v, err)
}

func (s *Server) rules(context.Context, *struct{}) (*rulesOutput, error) {
	return &rulesOutput{s.Judge.Rules()}, nil
}

func (s *Server) replaceRules(_ context.Context, in *rulesInput) (*rulesOutput, error) {
	got, err := s.Judge.ReplaceRules(in.Body.Text)
	if err != nil {
		return nil, api.NewProblem(http.StatusUnprocessableEntity, "rules_invalid", err.Error(), "mend every line that is named; the rules in force stay until then")
	}
	s.Log.Info("other rules are in force", "hash", got.Hash, "rules", got.Count)
	return &rulesOutput{got}, nil
}

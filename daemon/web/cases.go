package web

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// Cases is what waits for the owner.
type Cases interface {
	// Cases lists cases, newest first: at most limit of a state, or of any where it is
	// empty, with numbers below before where that is not zero.
	Cases(state string, limit int, before uint64) (api.Cases, error)
	Case(id uint64) (api.Case, error)
	// CloseCase ends a case once; a known key gives the case as it is.
	CloseCase(ctx context.Context, id uint64, n api.NewClosing, once sale.Once) (c api.Case, replayed bool, err error)
}

type casesInput struct {
	State  string `query:"state" enum:"open,closed" doc:"Only cases of this state"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Before uint64 `query:"before" doc:"Only cases before this number"`
}

// CaseByID names the case a request is about.
type CaseByID struct {
	ID uint64 `path:"id" minimum:"1" doc:"The case's number"`
}

type closeInput struct {
	CaseByID
	Headers
	Body api.NewClosing
}

type caseOutput struct {
	Body api.Case
}

type closedOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true where the key was known; the case is shown as it is now"`
	Body     api.Case
}

type casesOutput struct {
	Body api.Cases
}

func (s *Server) caseRoutes(r *router) {
	if s.Cases == nil {
		return
	}
	invalid := codes{http.StatusUnprocessableEntity: {"request_invalid"}}
	unknown := codes{http.StatusNotFound: {"case_not_found"}}
	register(r, r.op(http.MethodGet, "/v1/cases", "listCases", "List what waits, or has waited, for the owner, newest first", invalid), s.listCases)
	register(r, r.op(http.MethodGet, "/v1/cases/{id}", "getCase", "Look at a case", unknown, invalid), s.oneCase)
	closing := r.op(http.MethodPost, "/v1/cases/{id}/close", "closeCase", "Close a case, saying what was found", unknown, codes{
		http.StatusBadRequest: {"idempotency_key_missing", "idempotency_key_malformed"}, http.StatusConflict: {"case_closed"},
		http.StatusUnprocessableEntity: {"once_mismatch"},
	})
	closing.Parameters = []*huma.Param{keyParam()}
	register(r, closing, s.closeCase)
}

func (s *Server) listCases(ctx context.Context, in *casesInput) (*casesOutput, error) {
	list, err := s.Cases.Cases(in.State, in.Limit, in.Before)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &casesOutput{list}, nil
}

func (s *Server) oneCase(ctx context.Context, in *CaseByID) (*caseOutput, error) {
	c, err := s.Cases.Case(in.ID)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &caseOutput{c}, nil
}

func (s *Server) closeCase(ctx context.Context, in *closeInput) (*closedOutput, error) {
	key, err := in.once("close case", strconv.FormatUint(in.ID, 10), in.Body.Operator, in.Body.Note)
	if err != nil {
		return nil, err
	}
	c, replayed, err := s.Cases.CloseCase(ctx, in.ID, in.Body, key)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &closedOutput{mark(replayed), c}, nil
}

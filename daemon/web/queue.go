package web

import (
	"context"
	"net/http"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// Owed is what the till owes, and what people say of it.
type Owed interface {
	Queue() (api.Queue, error)
	Job(id sale.ID) (api.Job, error)
	// Say records a person's word on a sale; what is its code, where it has one.
	Say(ctx context.Context, id sale.ID, kind sale.Kind, by, what, why string) (sale.Sale, error)
	Leave(ctx context.Context, n api.Leaving) (api.Leave, error)
}

type queueOutput struct {
	Body api.Queue
}

type jobOutput struct {
	Body api.Job
}

type remarkInput struct {
	ByID
	Body api.Remark
}

type takeoverInput struct {
	ByID
	Body api.NewTakeover
}

type leaveInput struct {
	Body api.Leaving
}

type leaveOutput struct {
	Body api.Leave
}

func (s *Server) queueRoutes(r *router) {
	if s.Owed == nil {
		return
	}
	unknown := codes{http.StatusNotFound: {"sale_not_found"}}
	invalid := codes{http.StatusUnprocessableEntity: {"request_invalid"}}
	notNow := codes{http.StatusConflict: {"nothing_owed", "nothing_to_set_aside", "nothing_to_repay", "refund_too_many"}}
	register(r, r.op(http.MethodGet, "/v1/queue", "listQueue", "List what is owed, the soonest due first"), s.queue)
	register(r, r.op(http.MethodGet, "/v1/queue/{id}", "getJob", "Look at what one sale owes, with its history", unknown, invalid), s.job)
	register(r, r.op(http.MethodPost, "/v1/queue/{id}/retry", "retryJob", "Have the till go on at once: it asks first, and charges nothing", unknown, notNow), s.say(sale.Resumed))
	register(r, r.op(http.MethodPost, "/v1/queue/{id}/set-aside", "setJobAside", "Take the refunds that wait out of the till's hands", unknown, notNow), s.say(sale.SetAside))
	register(r, r.op(http.MethodPost, "/v1/queue/{id}/repaid", "repayJob", "Say that the customer got the money of a failed refund in another way, and how", unknown, notNow), s.say(sale.Repaid))
	register(r, r.op(http.MethodPost, "/v1/sales/{id}/take-over", "takeOverSale",
		"Say what was seen of a payment that is not certain: it frees the counter and settles nothing", unknown, codes{http.StatusConflict: {"sale_*"}}), s.takeOver)
	register(r, r.op(http.MethodPost, "/v1/leave", "leave", "Ask whether the till may be updated or removed, or stand for it by name", codes{
		http.StatusUnprocessableEntity: {"leave_unsigned"},
	}), s.leave)
}

func (s *Server) queue(ctx context.Context, _ *struct{}) (*queueOutput, error) {
	q, err := s.Owed.Queue()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &queueOutput{q}, nil
}

func (s *Server) job(ctx context.Context, in *ByID) (*jobOutput, error) {
	j, err := s.Owed.Job(in.ID)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &jobOutput{j}, nil
}

func (s *Server) say(kind sale.Kind) func(context.Context, *remarkInput) (*jobOutput, error) {
	return func(ctx context.Context, in *remarkInput) (*jobOutput, error) {
		if _, err := s.Owed.Say(ctx, in.ID, kind, in.Body.Operator, "", in.Body.Reason); err != nil {
			return nil, s.fail(ctx, err)
		}
		return s.job(ctx, &in.ByID)
	}
}

func (s *Server) takeOver(ctx context.Context, in *takeoverInput) (*saleOutput, error) {
	saw := sale.SeenUnpaid
	if in.Body.Saw == "paid" {
		saw = sale.SeenPaid
	}
	v, err := s.Owed.Say(ctx, in.ID, sale.TakenOver, in.Body.Operator, saw, in.Body.Reason)
	return s.answer(ctx, v, err)
}

func (s *Server) leave(ctx context.Context, in *leaveInput) (*leaveOutput, error) {
	if (in.Body.Operator == "") != (in.Body.Reason == "") {
		return nil, api.NewProblem(http.StatusUnprocessableEntity, "leave_unsigned", "whoever takes the till away gives a name and a reason", "send both operator and reason, or neither to ask")
	}
	l, err := s.Owed.Leave(ctx, in.Body)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &leaveOutput{l}, nil
}

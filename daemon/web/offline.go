package web

import (
	"context"
	"net/http"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// Offline is what people and statements have to do with sales without the provider.
//
// budget: they are one thing to whoever sells offline, and one room answers them all
type Offline interface {
	Attest(ctx context.Context, id sale.ID, by string, shown bool) (sale.Sale, error)
	Dispute(ctx context.Context, id sale.ID, by, note string) (sale.Sale, error)
	Reconcile(ctx context.Context, id sale.ID, n api.NewReconciliation) (sale.Sale, error)
	// Receipts takes a statement, each receipt once.
	Receipts(ctx context.Context, list []api.NewReceipt) (api.ReceiptResults, error)
	Exposure() (api.Exposure, error)
	// Open lists the sales that have no receipt, oldest first, and whether there are more.
	Open() (list []sale.Sale, more bool, err error)
}

type attestInput struct {
	ByID
	Body api.NewAttestation
}

type disputeInput struct {
	ByID
	Body api.NewDispute
}

type reconcileInput struct {
	ByID
	Body api.NewReconciliation
}

type receiptsInput struct {
	Body api.NewReceipts
}

type receiptsOutput struct {
	Body api.ReceiptResults
}

type exposureOutput struct {
	Body api.Exposure
}

type offlineOutput struct {
	Body api.OfflineSales
}

func (s *Server) offlineRoutes(r *router) {
	if s.Offline == nil {
		return
	}
	unknown := codes{http.StatusNotFound: {"sale_not_found"}}
	notNow := codes{http.StatusConflict: {"sale_*"}}
	register(r, r.op(http.MethodPost, "/v1/sales/{id}/attest", "attestSale", "Say what the customer's telephone showed", unknown, notNow), s.attest)
	register(r, r.op(http.MethodPost, "/v1/sales/{id}/dispute", "disputeSale", "Say that no receipt will be found", unknown, notNow), s.dispute)
	byHand := codes{
		http.StatusNotFound: {"receipt_not_found"}, http.StatusConflict: {"receipt_used", "receipt_*", "offline_unseen"}, http.StatusUnprocessableEntity: {"reconcile_evidence"},
	}
	register(r, r.op(http.MethodPost, "/v1/sales/{id}/reconcile", "reconcileSale", "Say by hand that the money came", unknown, notNow, byHand), s.reconcile)
	bad := codes{http.StatusUnprocessableEntity: {"receipt_amount", "receipt_form"}}
	register(r, r.op(http.MethodPost, "/v1/receipts", "takeReceipts", "Hand in a statement of the shop's bank; a receipt counts once", bad), s.receipts)
	register(r, r.op(http.MethodGet, "/v1/exposure", "getExposure", "What the shop may lose by sales that nobody has confirmed"), s.exposure)
	register(r, r.op(http.MethodGet, "/v1/offline", "listOffline", "The offline sales that have no receipt, oldest first"), s.openOffline)
}

func (s *Server) attest(ctx context.Context, in *attestInput) (*saleOutput, error) {
	v, err := s.Offline.Attest(ctx, in.ID, in.Body.Operator, in.Body.Shown)
	return s.answer(ctx, v, err)
}

func (s *Server) dispute(ctx context.Context, in *disputeInput) (*saleOutput, error) {
	v, err := s.Offline.Dispute(ctx, in.ID, in.Body.Operator, in.Body.Note)
	return s.answer(ctx, v, err)
}

func (s *Server) reconcile(ctx context.Context, in *reconcileInput) (*saleOutput, error) {
	v, err := s.Offline.Reconcile(ctx, in.ID, in.Body)
	return s.answer(ctx, v, err)
}

func (s *Server) receipts(ctx context.Context, in *receiptsInput) (*receiptsOutput, error) {
	got, err := s.Offline.Receipts(ctx, in.Body.Receipts)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &receiptsOutput{got}, nil
}

func (s *Server) exposure(ctx context.Context, _ *struct{}) (*exposureOutput, error) {
	e, err := s.Offline.Exposure()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &exposureOutput{e}, nil
}

func (s *Server) openOffline(ctx context.Context, _ *struct{}) (*offlineOutput, error) {
	list, more, err := s.Offline.Open()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	out := &offlineOutput{api.OfflineSales{Sales: make([]api.Sale, len(list)), More: more}}
	for i, v := range list {
		out.Body.Sales[i] = s.view(v)
	}
	return out, nil
}

package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Headers are the request's own header lines, for the two headers that the
// framework reads otherwise: it takes the first of several lines, and splits a
// list at every comma. With them comes the connection, to set its deadline.
type Headers struct {
	lines http.Header
	conn  *http.ResponseController
}

// heard keeps what belongs to the request.
func (h *Headers) heard(w http.ResponseWriter, r *http.Request) {
	h.lines, h.conn = r.Header, http.NewResponseController(w)
}

func (h *Headers) once(asks ...string) (sale.Once, error) {
	return once(h.lines.Values("Idempotency-Key"), asks...)
}

// patiently gives an answer the time it takes: a long backup, or a day that nobody has
// closed for months. Whoever asks decides how long it waits.
func (h *Headers) patiently() {
	_ = h.conn.SetWriteDeadline(time.Time{}) // without it, the answer is lost and what was done is not
}

func (h *Headers) wait() time.Duration { return preferredWait(h.lines.Values("Prefer")) }

// ByID is the sale a request is about.
type ByID struct {
	ID sale.ID `path:"id" maxLength:"64" doc:"The sale's id"`
}

type openInput struct {
	Headers
	Body api.NewSale
}

type saleInput struct {
	ByID
	Headers
}

type listInput struct {
	Limit  int     `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Before sale.ID `query:"before" maxLength:"64" doc:"Only sales before this one"`
}

type cancelInput struct {
	ByID
	Body *api.Cancellation
}

type refundInput struct {
	ByID
	Headers
	Body api.NewRefund
}

type scanInput struct {
	ByID
	Body api.NewScan
}

type saleOutput struct {
	Body api.Sale
}

type waitedOutput struct {
	Applied string `header:"Preference-Applied" doc:"The wait that was honoured"`
	Body    api.Sale
}

type createdOutput struct {
	Location string `header:"Location" doc:"The sale"`
	Replayed string `header:"Idempotent-Replayed" doc:"true where the key was known; the sale is shown as it is now"`
	Applied  string `header:"Preference-Applied" doc:"The wait that was honoured"`
	Body     api.Sale
}

type listOutput struct {
	Body api.Sales
}

func (s *Server) saleRoutes(r *router) {
	invalid := codes{http.StatusUnprocessableEntity: {"request_invalid"}}
	unknown := codes{http.StatusNotFound: {"sale_not_found"}}
	notNow := codes{http.StatusConflict: {"sale_*", "scan_*", "code_used"}}
	badCode := codes{http.StatusUnprocessableEntity: {"code_unexpected", "scan_*"}}
	badAmount := codes{http.StatusUnprocessableEntity: {"amount_*", "currency_unknown"}}
	keyed := codes{
		http.StatusBadRequest:          {"idempotency_key_missing", "idempotency_key_malformed"},
		http.StatusConflict:            {"once_in_flight"},
		http.StatusUnprocessableEntity: {"once_mismatch"},
	}
	register(r, r.op(http.MethodGet, "/v1/sales", "listSales", "List sales, newest first", unknown, invalid), s.list)

	get := r.op(http.MethodGet, "/v1/sales/{id}", "getSale", "Look at a sale", unknown, invalid)
	get.Parameters = []*huma.Param{preferParam("the sale rests")}
	register(r, get, s.sale)

	badBasket := codes{http.StatusUnprocessableEntity: {"basket_mismatch", "currency_single", "currency_not_offered", "offline_scheme", "offline_currency", "offline_off"}, http.StatusConflict: {"offline_online", "offline_amount_taken"}}
	open := r.op(http.MethodPost, "/v1/sales", "openSale", "Open a sale", keyed, badAmount, badCode, badBasket, notNow)
	open.Parameters = []*huma.Param{keyParam(), preferParam("the QR code or the outcome is there")}
	open.DefaultStatus = http.StatusCreated
	register(r, open, s.open)

	register(r, r.op(http.MethodPost, "/v1/sales/{id}/cancel", "cancelSale", "Withdraw a sale", unknown, notNow), s.cancel)
	register(r, r.op(http.MethodPost, "/v1/sales/{id}/scan", "scanCode", "Hand a customer's code to a sale", unknown, notNow, badCode), s.scan)

	tooMuch := codes{http.StatusUnprocessableEntity: {"refund_too_large"}}
	refund := r.op(http.MethodPost, "/v1/sales/{id}/refunds", "refundSale", "Give money back", keyed, badAmount, tooMuch, unknown, notNow)
	refund.Parameters = []*huma.Param{keyParam()}
	refund.DefaultStatus = http.StatusCreated
	register(r, refund, s.refund)
}

// preferParam documents the header that Headers.wait reads.
func preferParam(until string) *huma.Param {
	return &huma.Param{
		Name: "Prefer", In: "header", Schema: &huma.Schema{Type: huma.TypeString}, Example: "wait=30",
		Description: "wait=N (RFC 7240): answer when " + until + ", after at most N (0 to 60) seconds.",
	}
}

// keyParam documents the header that Headers.once reads. The framework would
// answer a missing one with 422, where the Idempotency-Key draft has 400.
func keyParam() *huma.Param {
	return &huma.Param{
		Name: "Idempotency-Key", In: "header", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
		Example: `"8e03978e-40d5-43dd-bc93-6894a57f9324"`,
		Description: "Made once for what is to happen once: 8 to 128 visible ASCII characters, in quotes. " +
			"A known key is answered with the sale as it is now and Idempotent-Replayed: true.",
	}
}

func (s *Server) view(v sale.Sale) api.Sale { return api.View(v, s.Clock.Now(), s.Plan) }

func (s *Server) open(ctx context.Context, in *openInput) (*createdOutput, error) {
	b := &in.Body
	asked := append([]string{"open", string(b.Flow), b.Amount, string(b.Currency), b.Description, b.Operator, sale.NewPayerCode(b.Code).ID()}, asks(b.Basket)...)
	if b.PayIn != "" { // a request without it has the digest that it always had
		asked = append(asked, "pay_in", string(b.PayIn))
	}
	if b.Scheme != "" {
		asked = append(asked, "scheme", b.Scheme)
	}
	key, err := in.once(asked...)
	if err != nil {
		return nil, err
	}
	m, err := money.Parse(b.Amount, b.Currency)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if b.Code != "" && b.Flow != sale.Payer {
		return nil, api.NewProblem(http.StatusUnprocessableEntity, "code_unexpected", "only a payer sale takes the customer's code",
			`leave out the code, or ask for flow "payer"`)
	}
	payIn, err := s.payIn(b)
	if err != nil {
		return nil, err
	}
	terms, err := askedTerms(b)
	if err != nil {
		return nil, err
	}
	items, err := readBasket(b.Basket, m)
	if err != nil {
		return nil, err
	}
	if len(items) > 0 && s.Rung != nil {
		s.Rung(key.Key, items)
		defer s.Rung(key.Key, nil)
	}
	v, replayed, err := s.Till.Open(ctx, sale.New{Flow: b.Flow, Offline: terms, Amount: m, PayIn: payIn, Description: b.Description, Operator: b.Operator}, key)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	at := "/v1/sales/" + string(v.ID)
	if b.Code != "" && v.State == sale.Opened { // a replay goes on where the first request was cut off
		if v, err = s.Till.Scan(ctx, v.ID, b.Code); err != nil {
			return nil, about(at, s.fail(ctx, err))
		}
	}
	wait := in.wait()
	if v, err = s.await(ctx, v.ID, wait, shown); err != nil {
		return nil, about(at, s.fail(ctx, err))
	}
	return &createdOutput{Location: at, Replayed: mark(replayed), Applied: applied(wait), Body: s.view(v)}, nil
}

// askedTerms are what a request says of how to sell without the provider.
func askedTerms(b *api.NewSale) (*sale.Terms, error) {
	switch {
	case (b.Flow == sale.Offline) != (b.Scheme != ""):
		return nil, api.NewProblem(http.StatusUnprocessableEntity, "offline_scheme", "a sale of flow offline has a scheme, and no other has",
			"take one of the schemes of GET /v1/exposure")
	case b.Flow != sale.Offline:
		return nil, nil
	case b.PayIn != "" && b.PayIn != b.Currency:
		return nil, api.NewProblem(http.StatusUnprocessableEntity, "currency_not_offered", "nothing is priced in another currency without the payment service", "leave out pay_in")
	}
	return &sale.Terms{Scheme: b.Scheme}, nil
}

// about adds to a problem the sale that exists in spite of it.
func about(at string, err error) error {
	if p, ok := errors.AsType[*api.Problem](err); ok {
		p.Instance = at
	}
	return err
}

func mark(replayed bool) string {
	if replayed {
		return "true"
	}
	return ""
}

// shown says that a sale has what its opener waits for: a code to show, somebody
// to ask, or an outcome.
func shown(v sale.Sale) bool {
	return v.State == sale.Presented || v.State == sale.PresentedOffline || v.State == sale.AwaitingConfirmation || v.State == sale.AwaitingApproval || api.Rests(v.State)
}

func rested(v sale.Sale) bool { return api.Rests(v.State) }

func (s *Server) sale(ctx context.Context, in *saleInput) (*waitedOutput, error) {
	wait := in.wait()
	v, err := s.await(ctx, in.ID, wait, rested)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &waitedOutput{Applied: applied(wait), Body: s.view(v)}, nil
}

// list reads the journal's end before the sales: what happens in between is in
// both and not in neither.
func (s *Server) list(ctx context.Context, in *listInput) (*listOutput, error) {
	seq, err := s.lastSeq()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	sales, err := s.Book.Sales(in.Limit, in.Before)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	out := &listOutput{api.Sales{Sales: make([]api.Sale, len(sales)), Seq: seq}}
	for i, v := range sales {
		out.Body.Sales[i] = s.view(v)
	}
	if len(sales) == in.Limit {
		out.Body.Next = sales[len(sales)-1].ID
	}
	return out, nil
}

func (s *Server) cancel(ctx context.Context, in *cancelInput) (*saleOutput, error) {
	by := ""
	if in.Body != nil {
		by = in.Body.Operator
	}
	v, err := s.Till.Cancel(ctx, in.ID, by)
	return s.answer(ctx, v, err)
}

func (s *Server) scan(ctx context.Context, in *scanInput) (*saleOutput, error) {
	v, err := s.Till.Scan(ctx, in.ID, in.Body.Code)
	return s.answer(ctx, v, err)
}

func (s *Server) answer(ctx context.Context, v sale.Sale, err error) (*saleOutput, error) {
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &saleOutput{s.view(v)}, nil
}

func (s *Server) refund(ctx context.Context, in *refundInput) (*createdOutput, error) {
	b := &in.Body
	key, err := in.once("refund", string(in.ID), b.Amount, b.Reason, b.Operator)
	if err != nil {
		return nil, err
	}
	v, err := s.Book.Sale(in.ID)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	m, err := money.Parse(b.Amount, v.Amount.Currency)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	v, replayed, err := s.Till.Refund(ctx, in.ID, m, b.Operator, b.Reason, key)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &createdOutput{Location: "/v1/sales/" + string(v.ID), Replayed: mark(replayed), Body: s.view(v)}, nil
}

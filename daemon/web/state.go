package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"qrposd/daemon/api"
	"qrposd/hw/qr"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

type pngInput struct {
	ByID
	Scale int `query:"scale" minimum:"1" maximum:"32" default:"8" doc:"Pixels per module"`
}

type svgInput struct {
	ByID
	Drawn int `query:"drawn" doc:"Means nothing: a browser draws an address that it has drawn before from memory, so a page counts"`
}

type pictureOutput struct {
	Type string `header:"Content-Type"`
	Body []byte
}

type statusOutput struct {
	Body api.Status
}

type backupOutput struct {
	Body api.Backup
}

type textOutput struct {
	Type string `header:"Content-Type"`
	Body []byte
}

func (s *Server) stateRoutes(r *router) {
	noCode := codes{
		http.StatusNotFound: {"sale_not_found"}, http.StatusConflict: {"qr_none"}, http.StatusUnprocessableEntity: {"request_invalid"},
	}
	svg := r.op(http.MethodGet, "/v1/sales/{id}/qr.svg", "getQRCodeSVG", "The QR code to show, as SVG", noCode)
	svg.Responses["200"] = content("image/svg+xml")
	register(r, svg, s.svg)
	check := r.op(http.MethodGet, "/v1/sales/{id}/liveness.svg", "getLivenessSVG", "The QR code of the check that the customer has to pass, as SVG", noCode)
	check.Responses["200"] = content("image/svg+xml")
	register(r, check, s.livenessSVG)
	png := r.op(http.MethodGet, "/v1/sales/{id}/qr.png", "getQRCodePNG", "The QR code to show, as PNG", noCode)
	png.Responses["200"] = content("image/png")
	register(r, png, s.png)

	stream := r.op(http.MethodGet, "/v1/events", "followEvents", "Follow what happens, as server-sent events", codes{
		http.StatusConflict: {"events_ahead"}, http.StatusUnprocessableEntity: {"request_invalid"}, http.StatusServiceUnavailable: {"too_many_streams"},
	})
	stream.Description = "An event \"sale\" is an entry of the journal with its number as the id; \"health\" has a Status, \"notice\" what the cashier should see now, \"beat\" comes every 5 s for whoever must notice a silence; these have no id. " +
		"A stream resumed with Last-Event-ID, or begun with after=, misses nothing, over a restart of the till too."
	stream.Parameters = []*huma.Param{{
		Name: "Last-Event-ID", In: "header", Schema: &huma.Schema{Type: huma.TypeString}, Description: "The last number seen; it goes before after=",
	}}
	stream.Responses["200"] = content("text/event-stream")
	stream.Responses["200"].Content["text/event-stream"].Schema = r.schema(api.Event{}, "Event")
	register(r, stream, s.events)

	register(r, r.op(http.MethodGet, "/v1/status", "getStatus", "What the till says about itself"), s.status)
	backup := r.op(http.MethodPost, "/v1/backups", "makeBackup", "Copy the store while sales go on, and verify the copy", codes{
		http.StatusConflict: {"backup_running"}, http.StatusNotImplemented: {"backup_off"},
	})
	backup.DefaultStatus = http.StatusCreated
	register(r, backup, s.backup)
	live := r.op(http.MethodGet, "/livez", "live", "Whether the process answers")
	live.Responses["200"] = content("text/plain")
	register(r, live, s.livez)
	ready := r.op(http.MethodGet, "/readyz", "ready", "Whether the till can take a sale", codes{http.StatusServiceUnavailable: {"not_ready"}})
	ready.Responses["200"] = content("text/plain")
	register(r, ready, s.readyz)
}

func content(mediaType string) *huma.Response {
	return &huma.Response{
		Description: "OK",
		Content:     map[string]*huma.MediaType{mediaType: {Schema: &huma.Schema{Type: huma.TypeString}}},
	}
}

// code is the QR symbol of a sale, while it is to be shown.
func (s *Server) code(ctx context.Context, id sale.ID) (*qr.Code, error) {
	return s.drawn(ctx, id, api.CodeShown)
}

// drawn is the QR symbol of what a sale shows.
func (s *Server) drawn(ctx context.Context, id sale.ID, shown func(sale.Sale) (string, bool)) (*qr.Code, error) {
	v, err := s.Book.Sale(id)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	text, ok := shown(v)
	if !ok {
		return nil, api.NewProblem(http.StatusConflict, "qr_none", "this sale has no QR code to show now", "look at the sale: it says what it waits for")
	}
	symbol, err := qr.New(text, qr.M)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return symbol, nil
}

func (s *Server) svg(ctx context.Context, in *svgInput) (*pictureOutput, error) {
	symbol, err := s.code(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &pictureOutput{"image/svg+xml", symbol.SVG("QR")}, nil
}

func (s *Server) livenessSVG(ctx context.Context, in *svgInput) (*pictureOutput, error) {
	symbol, err := s.drawn(ctx, in.ID, api.LivenessShown)
	if err != nil {
		return nil, err
	}
	return &pictureOutput{"image/svg+xml", symbol.SVG("QR")}, nil
}

func (s *Server) png(ctx context.Context, in *pngInput) (*pictureOutput, error) {
	symbol, err := s.code(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	picture, err := symbol.PNG(in.Scale)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &pictureOutput{"image/png", picture}, nil
}

func (s *Server) status(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	seq, err := s.lastSeq()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &statusOutput{s.state(s.Health(), seq)}, nil
}

func (s *Server) state(h api.Health, seq uint64) api.Status {
	decimals, _ := money.Exponent(s.Currency) // New has checked it
	return api.Status{
		Till: s.Name, Shop: s.Shop, Version: s.Version, Currency: s.Currency, Decimals: decimals, PayIn: s.PayIn, Time: time.Now(), Seq: seq, Health: h, Notices: h.Notices(),
	}
}

// backup may take as long as the disk does: the client decides how long it waits.
func (s *Server) backup(ctx context.Context, in *struct {
	Headers
	Body *struct{}
},
) (*backupOutput, error) {
	if s.Backup == nil {
		return nil, api.NewProblem(http.StatusNotImplemented, "backup_off", "this till makes no backups", "set a directory for them in its configuration")
	}
	if !s.backing.TryLock() {
		return nil, api.NewProblem(http.StatusConflict, "backup_running", "a backup is being made", "wait for it")
	}
	defer s.backing.Unlock()
	in.patiently()
	b, err := s.Backup(ctx)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &backupOutput{b}, nil
}

func (s *Server) livez(context.Context, *struct{}) (*textOutput, error) {
	return &textOutput{"text/plain; charset=utf-8", []byte("ok\n")}, nil
}

func (s *Server) readyz(context.Context, *struct{}) (*textOutput, error) {
	if h := s.Health(); !h.Ready() {
		return nil, api.NewProblem(http.StatusServiceUnavailable, "not_ready", "the store cannot be written", "look at GET /v1/status and at the log")
	}
	return &textOutput{"text/plain; charset=utf-8", []byte("ok\n")}, nil
}

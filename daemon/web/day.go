package web

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"qrposd/daemon/api"
	"qrposd/rules/day"
	"qrposd/rules/sale"
)

// Days are the till's reports.
type Days interface {
	// Report is a look at the day so far.
	Report(ctx context.Context) (day.Report, error)
	// CloseDay closes it once; a known key gives the day that it closed.
	CloseDay(ctx context.Context, operator string, once sale.Once) (d api.Day, replayed bool, err error)
	// ClosedDays lists closed days, newest first, with numbers below before where that
	// is not zero.
	ClosedDays(limit, before int) (api.Days, error)
	// ClosedDay is a closed day and its report.
	ClosedDay(number int) (api.Day, day.Report, error)
}

// Drawers is the cash of the open day.
type Drawers interface {
	EnterDrawer(ctx context.Context, n api.NewDrawerLine, once sale.Once) (l api.DrawerLine, replayed bool, err error)
	DrawerLines() (api.DrawerLines, error)
}

type closeDayInput struct {
	Headers
	Body api.NewDay
}

type drawerInput struct {
	Headers
	Body api.NewDrawerLine
}

type daysInput struct {
	Limit  int `query:"limit" minimum:"1" maximum:"100" default:"20"`
	Before int `query:"before" minimum:"0" doc:"Only days before this number"`
}

// DayByNumber names a closed day and the form in which it is wanted.
type DayByNumber struct {
	Day  string `path:"day" maxLength:"16" pattern:"^[1-9][0-9]{0,8}(\\.csv|\\.txt)?$" patternDescription:"a number, and .csv or .txt behind it" doc:"The day's number; with .csv a table, with .txt the receipt" example:"7"`
	Lang string `query:"lang" enum:"en,zh" default:"en" doc:"Of the receipt"`
}

type xInput struct {
	Headers
	Lang string `query:"lang" enum:"en,zh" default:"en" doc:"Of the receipt"`
}

type reportOutput struct {
	Body day.Report
}

type dayOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true where the key was known"`
	Body     api.Day
}

type daysOutput struct {
	Body api.Days
}

type drawerOutput struct {
	Replayed string `header:"Idempotent-Replayed" doc:"true where the key was known"`
	Body     api.DrawerLine
}

type drawersOutput struct {
	Body api.DrawerLines
}

const (
	csvType  = "text/csv; charset=utf-8"
	textType = "text/plain; charset=utf-8"
)

func (s *Server) dayRoutes(r *router) {
	if s.Days == nil || s.Drawers == nil {
		return
	}
	invalid := codes{http.StatusUnprocessableEntity: {"request_invalid"}}
	unknown := codes{http.StatusNotFound: {"day_not_found"}}
	keyed := codes{http.StatusBadRequest: {"idempotency_key_missing", "idempotency_key_malformed"}, http.StatusUnprocessableEntity: {"once_mismatch"}}
	register(r, r.op(http.MethodGet, "/v1/day/x", "getDayReport", "Look at the day so far (X), and at what keeps it open"), s.dayReport)
	for form, kind := range map[string]string{"csv": csvType, "txt": textType} {
		op := r.op(http.MethodGet, "/v1/day/x."+form, "getDayReport"+strings.ToUpper(form), "The day so far, as "+kind, invalid)
		op.Responses["200"] = content(kind)
		register(r, op, func(ctx context.Context, in *xInput) (*textOutput, error) {
			in.patiently()
			report, err := s.Days.Report(ctx)
			if err != nil {
				return nil, s.fail(ctx, err)
			}
			return written(report, day.Signed{}, form, in.Lang)
		})
	}
	closing := r.op(http.MethodPost, "/v1/day/z", "closeDay", "Close the day (Z), or hear what keeps it open", keyed, codes{http.StatusConflict: {"day_open", "day_busy"}})
	closing.Parameters = []*huma.Param{keyParam()}
	closing.DefaultStatus = http.StatusCreated
	register(r, closing, s.closeDay)
	register(r, r.op(http.MethodGet, "/v1/days", "listDays", "List the days that were closed, newest first", invalid), s.listDays)
	one := r.op(http.MethodGet, "/v1/days/{day}", "getDay", "A closed day: its report, its head of the journal, and the signature", unknown, invalid)
	one.Responses["200"] = content("application/json")
	one.Responses["200"].Content["application/json"].Schema = r.schema(api.Day{}, "Day")
	for _, kind := range []string{"text/csv", "text/plain"} {
		one.Responses["200"].Content[kind] = content(kind).Content[kind]
	}
	register(r, one, s.closedDay)
	enter := r.op(http.MethodPost, "/v1/drawers", "enterDrawer", "Enter what is in a drawer, was put in or taken out", keyed, codes{
		http.StatusUnprocessableEntity: {"drawer_invalid", "amount_*", "currency_unknown"},
	})
	enter.Parameters = []*huma.Param{keyParam()}
	enter.DefaultStatus = http.StatusCreated
	register(r, enter, s.enterDrawer)
	register(r, r.op(http.MethodGet, "/v1/drawers", "listDrawerLines", "List what was entered for the drawers of the open day"), s.drawerLines)
}

func (s *Server) dayReport(ctx context.Context, in *struct{ Headers }) (*reportOutput, error) {
	in.patiently()
	report, err := s.Days.Report(ctx)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &reportOutput{report}, nil
}

func (s *Server) closeDay(ctx context.Context, in *closeDayInput) (*dayOutput, error) {
	key, err := in.once("close day", in.Body.Operator)
	if err != nil {
		return nil, err
	}
	in.patiently()
	d, replayed, err := s.Days.CloseDay(ctx, in.Body.Operator, key)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &dayOutput{mark(replayed), d}, nil
}

func (s *Server) listDays(ctx context.Context, in *daysInput) (*daysOutput, error) {
	list, err := s.Days.ClosedDays(in.Limit, in.Before)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &daysOutput{list}, nil
}

// closedDay answers in the form that the name asks for.
func (s *Server) closedDay(ctx context.Context, in *DayByNumber) (*textOutput, error) {
	name, form, _ := strings.Cut(in.Day, ".")
	n, err := strconv.Atoi(name)
	if err != nil {
		return nil, s.fail(ctx, err) // the pattern has seen to it
	}
	d, report, err := s.Days.ClosedDay(n)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	if form == "" {
		b, err := json.Marshal(d)
		return &textOutput{"application/json", b}, err
	}
	return written(report, day.Signed{By: d.By, Key: d.Key, Signature: d.Signature}, form, in.Lang)
}

// written is a report as a table or as a receipt.
func written(r day.Report, signed day.Signed, form, lang string) (*textOutput, error) {
	if form == "txt" {
		return &textOutput{textType, []byte(r.Receipt(signed, lang == "zh"))}, nil
	}
	var b bytes.Buffer
	err := r.WriteCSV(&b)
	return &textOutput{csvType, b.Bytes()}, err
}

func (s *Server) enterDrawer(ctx context.Context, in *drawerInput) (*drawerOutput, error) {
	b := in.Body
	key, err := in.once("drawer", b.Operator, b.Drawer, b.Kind, b.Amount, string(b.Currency), b.Note)
	if err != nil {
		return nil, err
	}
	l, replayed, err := s.Drawers.EnterDrawer(ctx, b, key)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &drawerOutput{mark(replayed), l}, nil
}

func (s *Server) drawerLines(ctx context.Context, _ *struct{}) (*drawersOutput, error) {
	list, err := s.Drawers.DrawerLines()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &drawersOutput{list}, nil
}

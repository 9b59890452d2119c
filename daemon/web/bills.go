package web

import (
	"context"
	"net/http"

	"qrposd/daemon/api"
)

// Bills are the provider's bills as the till has them.
type Bills interface {
	Bills() (api.Bills, error)
	Bill(date string) (api.Bill, error)
	// FetchBill has it fetched and compared anew, soon.
	FetchBill(ctx context.Context, date string) (api.Bill, error)
}

// BillByDate names the day a request is about.
type BillByDate struct {
	Date string `path:"date" format:"date" maxLength:"10" doc:"The provider's day, YYYY-MM-DD"`
}

type billOutput struct {
	Body api.Bill
}

type billsOutput struct {
	Body api.Bills
}

func (s *Server) billRoutes(r *router) {
	if s.Bills == nil {
		return
	}
	invalid := codes{http.StatusUnprocessableEntity: {"request_invalid"}}
	unknown := codes{http.StatusNotFound: {"bill_not_found"}}
	list := func(ctx context.Context, _ *struct{}) (*billsOutput, error) {
		v, err := s.Bills.Bills()
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &billsOutput{v}, nil
	}
	one := func(of func(context.Context, string) (api.Bill, error)) func(context.Context, *BillByDate) (*billOutput, error) {
		return func(ctx context.Context, in *BillByDate) (*billOutput, error) {
			v, err := of(ctx, in.Date)
			if err != nil {
				return nil, s.fail(ctx, err)
			}
			return &billOutput{v}, nil
		}
	}
	register(r, r.op(http.MethodGet, "/v1/bills", "listBills", "List the provider's bills of the last days, newest first"), list)
	register(r, r.op(http.MethodGet, "/v1/bills/{date}", "getBill", "Look at the bill of a day, with what differs", unknown, invalid), one(func(_ context.Context, date string) (api.Bill, error) { return s.Bills.Bill(date) }))
	fetch := r.op(http.MethodPost, "/v1/bills/{date}/fetch", "fetchBill", "Fetch and compare the bill of a day anew", codes{
		http.StatusConflict: {"bill_busy", "bill_early", "bill_off", "clock_unknown"},
	})
	fetch.DefaultStatus = http.StatusAccepted
	register(r, fetch, one(s.Bills.FetchBill))
}

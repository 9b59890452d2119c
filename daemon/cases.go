package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/rules/sale"
	"qrposd/store"
)

// caseAlarm is how long a case may wait before everybody at the till is told.
const caseAlarm = 24 * time.Hour

// cases are what waits for the owner, as the API has it. The store is no embedded
// field: that would link a second copy of each of its methods.
type cases struct {
	db  *store.DB
	log *slog.Logger
}

// Cases lists cases, newest first.
func (c cases) Cases(state string, limit int, before uint64) (api.Cases, error) {
	list, err := c.db.Cases(limit, before, func(one store.Case) bool { return state == "" || one.Open() == (state == "open") })
	if err != nil {
		return api.Cases{}, err
	}
	n, oldest, err := c.db.Waiting()
	if err != nil {
		return api.Cases{}, err
	}
	out := api.Cases{Cases: make([]api.Case, len(list)), Open: n, Oldest: int64(oldest / time.Second)}
	for i := range list {
		if out.Cases[i], err = c.view(list[i]); err != nil {
			return api.Cases{}, err
		}
	}
	if len(list) == limit {
		out.Next = list[limit-1].ID
	}
	return out, nil
}

// Case is a case by its number.
func (c cases) Case(id uint64) (api.Case, error) {
	one, err := c.db.Case(id)
	if err != nil {
		return api.Case{}, err
	}
	return c.view(one)
}

// CloseCase ends a case.
func (c cases) CloseCase(ctx context.Context, id uint64, n api.NewClosing, once sale.Once) (api.Case, bool, error) {
	one, replayed, err := c.db.CloseCase(ctx, id, n.Operator, n.Note, once)
	if err != nil {
		return api.Case{}, false, err
	}
	if !replayed {
		c.log.Info("a case was closed", "case", id, "kind", one.Kind, "order", one.OrderNo)
	}
	v, err := c.view(one)
	return v, replayed, err
}

// view is a case with the sale it is about.
func (c cases) view(one store.Case) (api.Case, error) {
	v := api.Case{
		ID: one.ID, Kind: string(one.Kind), State: "open", Sale: one.Sale, OrderNo: one.OrderNo, Opened: one.Wall,
		Evidence: one.Data, Next: string(one.Next),
	}
	end := time.Now()
	if one.Closed != nil {
		v.State, end = "closed", one.Closed.Wall
		v.Closed = &api.Closing{At: one.Closed.Wall, By: one.Closed.By, Note: one.Closed.Note}
	}
	v.Age = int64(max(0, end.Sub(one.Wall)) / time.Second) // a clock that was set back makes nothing younger than new
	if one.Sale != "" {
		s, err := c.db.Sale(one.Sale)
		if err != nil {
			return api.Case{}, err
		}
		v.Amount = &api.Amount{Currency: s.Amount.Currency, Decimal: s.Amount.Decimal(), Minor: s.Amount.Minor}
	}
	if v = v.Worded(); one.Kind == store.BillDifference {
		v = differs(v)
	}
	return v, nil
}

// part is what people are told: a case is the owner's business until it has waited
// for too long.
func (c cases) part() api.Part {
	n, oldest, err := c.db.Waiting()
	switch {
	case err != nil:
		return api.Part{Level: api.Trouble, Detail: err.Error()}
	case n == 0:
		return api.Part{Level: api.OK}
	}
	p := api.Part{Level: api.OK, Detail: fmt.Sprintf("%d open, the oldest for %s", n, oldest.Round(time.Second))}
	if oldest >= caseAlarm {
		p.Level, p.Since = api.Trouble, time.Now().Add(caseAlarm-oldest)
	}
	return p
}

func (c cases) metrics(line func(string, ...any)) {
	n, oldest, err := c.db.Waiting()
	if err != nil {
		return // the store's own figures say so
	}
	line("# TYPE qrposd_cases_open gauge\nqrposd_cases_open %d", n)
	line("# TYPE qrposd_case_oldest_seconds gauge\nqrposd_case_oldest_seconds %.0f", oldest.Seconds())
}

// bell is the journal with an ear for what opens a case. It rings when that is on
// disk. A power cut in between leaves the case, which the list, the health and the
// metrics have, and takes the ringing.
type bell struct {
	checkout.Journal
	tell func(code, message string)
}

// Commit records a fact.
func (b bell) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	s, err := b.Journal.Commit(ctx, id, ev, once)
	if err == nil && ev.Verdict == sale.Mismatch {
		b.tell("case_opened", fmt.Sprintf("a payment of sale %s needs the owner's attention; nothing was changed", id))
	}
	if err == nil && ev.Kind == sale.DisputeRaised && s.State == sale.Disputed {
		b.tell("case_opened", fmt.Sprintf("no receipt was found for sale %s; the owner has a case of it", id))
	}
	return s, err
}

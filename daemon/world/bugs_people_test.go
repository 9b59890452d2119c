package world

import (
	"context"

	"qrposd/daemon/checkout"
	"qrposd/rules/sale"
)

// peopleBugs are mistakes about what people say, and about money that no provider tells of.
func peopleBugs() []bug {
	return []bug{
		{name: "what a cashier saw is a receipt", journal: speaks(func(ev *sale.Event) bool {
			if ev.Kind == sale.Attested && ev.Shown {
				ev.Kind, ev.Receipt = sale.ReceiptFound, &sale.Receipt{ID: "seen", Digest: "none", How: sale.ByHand, By: ev.By}
			}
			return true
		})},
		{name: "a refund that was set aside is not resumed", journal: speaks(func(ev *sale.Event) bool { return ev.Kind != sale.Resumed })},
		{name: "what somebody has seen paid is taken back on silence", gateway: asks(func(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
			if step.Do == sale.Query && s.State == sale.InDoubt && s.TakenOver != nil {
				return sale.Event{Kind: sale.Waiting, OrderNo: step.OrderNo}
			}
			return g.Gateway.Do(ctx, step, s, req)
		})},
	}
}

// speaker is a journal with something wrong in what it takes from people.
type speaker struct {
	checkout.Journal
	as func(*sale.Event) bool // false: it is not written down
}

func speaks(as func(*sale.Event) bool) func(*world, checkout.Journal) checkout.Journal {
	return func(_ *world, j checkout.Journal) checkout.Journal { return speaker{j, as} }
}

func (j speaker) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	s, err := j.Sale(id)
	if err != nil {
		return s, err
	}
	if !j.as(&ev) {
		return s, nil
	}
	if ev.Receipt != nil && ev.Receipt.ID == "seen" {
		ev.Receipt.Amount, ev.Receipt.At = s.Amount, s.BegunWall
	}
	return j.Journal.Commit(ctx, id, ev, once)
}

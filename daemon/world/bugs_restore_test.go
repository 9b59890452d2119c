package world

import (
	"context"
	"os"

	"qrposd/rules/sale"
)

// restoreBugs are mistakes about a store that came out of a copy.
func restoreBugs() []bug {
	return []bug{
		{name: "a copy is put back as if nothing had happened", copied: true, restore: func(t *till) error {
			b, err := os.ReadFile(t.path + ".copy")
			if err != nil {
				return err
			}
			return os.WriteFile(t.path, b, 0o600)
		}},
		{name: "orders that the copy does not have are not asked for", copied: true, gateway: asks(deaf(sale.Query))},
		{name: "refunds that the copy does not have are not asked for", copied: true, gateway: asks(deaf(sale.QueryRefund))},
	}
}

// deaf takes what a restored sale asks for, and its record does not have, for unknown.
func deaf(do sale.Action) asking {
	return func(ctx context.Context, g gate, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
		known := s.Attempt(step.OrderNo) != nil && (step.RefundNo == "" || s.Refund(step.RefundNo) != nil)
		if step.Do == do && !known {
			return sale.Event{Kind: sale.Missing, OrderNo: step.OrderNo, RefundNo: step.RefundNo}
		}
		return g.Gateway.Do(ctx, step, s, req)
	}
}

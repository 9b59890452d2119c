package sale

import "qrposd/rules/money"

// Account is where money is.
type Account string

// The accounts. A provider holds what was taken until it settles.
const (
	Provider Account = "provider" // what the provider owes the shop
	Bank     Account = "bank"     // what came to the shop's own account without the provider
	Sales    Account = "sales"    // what the shop earned
	Returns  Account = "returns"  // what the shop gave back
)

// Posting is one leg of a double entry: what Account gains.
type Posting struct {
	Account Account     `json:"account"`
	Amount  money.Money `json:"amount"`
	OrderNo string      `json:"order_no"`
}

// Postings are the legs that lead from before to after: one entry for each
// payment that became certain, by the provider's word or by a receipt, and for each
// refund that arrived. They always sum to zero (I8). Money whose place is not known is not posted.
func Postings(before, after Sale) []Posting {
	var legs []Posting
	move := func(from, to Account, m money.Money, order string) {
		legs = append(legs, Posting{to, m, order}, Posting{from, m.Neg(), order})
	}
	for i := range after.Attempts {
		a := &after.Attempts[i]
		if a.End == EndPaid && (i >= len(before.Attempts) || before.Attempts[i].End != EndPaid) {
			move(Sales, Provider, after.Amount, a.OrderNo)
		}
	}
	for i := range after.Refunds {
		r := &after.Refunds[i]
		if r.State == RefundPaid && (i >= len(before.Refunds) || before.Refunds[i].State != RefundPaid) {
			move(Provider, Returns, r.Amount, r.OrderNo)
		}
	}
	if own := after.Own; own != nil && own.Receipt != nil && (before.Own == nil || before.Own.Receipt == nil) {
		move(Sales, Bank, own.Receipt.Amount, string(after.ID))
	}
	return legs
}

// Banked is what receipts say that came to the shop's own account for the sale, in
// minor units: the sum of its postings to Bank.
func (s *Sale) Banked() int64 {
	if s.Own == nil || s.Own.Receipt == nil {
		return 0
	}
	return s.Own.Receipt.Amount.Minor
}

// Net is how often the payer's money for this sale is with the shop, in minor
// units: what was paid less what went back. It is the sum of the sale's postings
// to Provider.
func (s *Sale) Net() int64 {
	net := int64(0)
	for i := range s.Attempts {
		if s.Attempts[i].End == EndPaid {
			net += s.Amount.Minor
		}
	}
	for i := range s.Refunds {
		if s.Refunds[i].State == RefundPaid {
			net -= s.Refunds[i].Amount.Minor
		}
	}
	return net
}

package bill

import (
	"iter"
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Kind is what an entry is about.
type Kind string

// The kinds.
const (
	Payment Kind = "payment"
	Return  Kind = "refund"
)

// Standing is what the shop believes of a payment or a refund.
type Standing string

// The standings. The first four are of payments, the others of refunds.
const (
	Open      Standing = "open"       // the outcome is not known
	Paid      Standing = "paid"       // the shop has the money
	TakenBack Standing = "taken_back" // the provider confirmed the reversal
	Unpaid    Standing = "unpaid"     // it ended without money

	Owed     Standing = "owed"     // promised, perhaps sent
	Accepted Standing = "accepted" // the provider has it: working, or held for a person
	Returned Standing = "returned" // the payer has the money
	Broken   Standing = "broken"   // it will never happen
)

// Entry is one payment or refund as the shop has it.
type Entry struct {
	Kind    Kind
	No      string // of the order, or of the refund
	OrderNo string
	Sale    sale.ID
	Amount  money.Money
	State   Standing
	From    time.Time // it did not happen before, by the till's clock
	To      time.Time // nor after; zero is not known
}

var standings = map[sale.RefundState]Standing{
	sale.RefundOwed: Owed, sale.RefundWorking: Accepted, sale.RefundHeld: Accepted, sale.RefundPaid: Returned, sale.RefundBroken: Broken,
}

// Entries are the payments and refunds of a sale.
func Entries(s sale.Sale) iter.Seq[Entry] {
	wall := func(i sale.Instant) time.Time { return s.BegunWall.Add(i.Sub(s.Begun)) }
	return func(yield func(Entry) bool) {
		for i := range s.Attempts {
			a := &s.Attempts[i]
			e := Entry{Payment, a.OrderNo, a.OrderNo, s.ID, s.Amount, Unpaid, wall(a.Sent), time.Time{}}
			switch a.End {
			case sale.Open:
				e.State = Open
			case sale.EndPaid:
				e.State = Paid
			case sale.EndTakenBack:
				e.State = TakenBack
			}
			if a.EndedAt > 0 {
				e.To = wall(a.EndedAt)
			}
			if !yield(e) {
				return
			}
		}
		for i := range s.Refunds {
			r := &s.Refunds[i]
			e := Entry{Return, r.No, r.OrderNo, s.ID, r.Amount, standings[r.State], wall(r.Sent), time.Time{}}
			paid := s.Attempt(r.OrderNo)
			switch {
			case paid == nil:
			case r.Found:
				e.From = wall(paid.Sent) // before the restore, nobody knows when
			case r.Sent == 0 || r.Tries > 1:
				e.From = wall(paid.EndedAt) // an earlier try may have arrived
			}
			if paid == s.Current() && s.Changed >= r.Sent && r.State != sale.RefundOwed {
				e.To = wall(s.Changed)
			}
			if !yield(e) {
				return
			}
		}
	}
}

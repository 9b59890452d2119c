package sale

import "fmt"

// State is where a sale stands. The names are on disk and on the wire of every
// till ever sold; the numbers put them in the order of a sale's life. Neither is
// ever reused. Gaps belong to states that sit between their neighbours.
type State uint8

const (
	// Opened: an amount is known and nothing was asked of the provider. The
	// cashier's request brought it here. No money is anywhere. It is judged and goes
	// on; where nothing judges, a payer-presented sale waits here for a code, and for
	// no longer than the scan window. After a restart it is judged and waits anew.
	Opened State = 10

	// Projected: the price in the payer's currency is known and holds for a time.
	// No money is anywhere. It is judged and goes on. After a restart the price
	// counts as expired, since nobody knows how long the power was off.
	Projected State = 15

	// Judged: the rules, and a model if one was quick, let the sale go on, and
	// whatever they asked for first was given. No money is anywhere. A
	// payer-presented sale waits here for a code. After a restart it waits anew.
	Judged State = 20

	// AwaitingConfirmation: the payer has to agree to the price before anything is
	// charged. The cashier asks. No money is anywhere.
	AwaitingConfirmation State = 22

	// AwaitingApproval: a manager has to agree at the till. No money is anywhere.
	AwaitingApproval State = 24

	// AwaitingLiveness: the payer has to show that somebody alive holds the
	// telephone, because a rule or the provider asks for it. No money is anywhere.
	// After a restart the same check is asked about, or opened again.
	AwaitingLiveness State = 26

	// Ordering: the request for a QR code is on disk and may have been sent.
	// Nobody has seen a code, so nobody can have paid. After a restart the same
	// bytes are sent again: the provider answers with a new code for the same order.
	Ordering State = 30

	// Presented: the QR code is on the screen and the payer may pay at any moment.
	// The provider moves it on. After a restart the code is shown again and queried.
	Presented State = 40

	// PresentedOffline: a code that the till made by itself is on the screen, for a
	// scheme that pays into the shop's own account. The payer may pay at any moment, at
	// a bank that does not tell the till; an operator says what the payer's telephone
	// shows. The money may be anywhere. After a restart the same code is shown again; it
	// was on disk before anybody could see it.
	PresentedOffline State = 42

	// Closing: the QR code was withdrawn, by its time or by the cashier, and the
	// provider has not yet confirmed that it can no longer be paid. The payer may
	// still win the race. After a restart: query, then close again.
	Closing State = 45

	// Charging: the charge of a payer's code is on disk and may have been sent.
	// The money may be anywhere. After a restart: query, never charge.
	Charging State = 50

	// InDoubt: a charge was sent and its outcome is not known, or the payer is
	// still typing a password. The money may be anywhere; the cashier is told so,
	// with the seconds until the till takes it back. After a restart: query.
	InDoubt State = 60

	// Unconfirmed: an operator has seen a payment on the payer's telephone, and that is
	// all. The goods may be gone; the money may be on its way to the shop's account, or
	// may never have been. It is not the shop's and nowhere counted as such. A receipt of
	// a statement moves it on, or the end of the window. A restart changes nothing.
	Unconfirmed State = 62

	// Disputed: a code of the till's own was shown and no receipt was found until the
	// window was over, or a person gave up looking and said why. Nobody knows where the
	// money is; the owner has a case of it. A receipt that is found later still counts.
	// A restart changes nothing.
	Disputed State = 64

	// Reversing: the till has begun to take a charge back and will not stop: a
	// reversal whose answer was lost can still happen, so "paid" would no longer
	// be safe to say. After a restart: query, then reverse again.
	Reversing State = 65

	// Paid: the provider has said under its signature that the payer paid. The
	// money is the shop's. Only a refund leaves this state.
	Paid State = 70

	// Settled is "reconciled" on disk (the event of that name is older): a receipt says
	// that the payer's money has come to the shop's own account. It is the shop's, and
	// booked since then. The provider has no part in it: what is given back goes another
	// way. A restart changes nothing.
	Settled State = 72

	// Refunding: the shop owes the payer money that the provider has not yet
	// confirmed to have given back. After a restart: query the refund, then send
	// the same bytes again.
	Refunding State = 75

	// PartRefunded: some of the money went back, the rest is the shop's.
	PartRefunded State = 80

	// Refunded: all of the money went back.
	Refunded State = 85

	// Declined: the attempt ended without money. Where the provider said so, the
	// payer may try again with another code. Where the till had to conclude it, the
	// order is asked about for a week, and money that turns up goes back by itself.
	Declined State = 90

	// Cancelled: the cashier withdrew the sale and no money was taken.
	Cancelled State = 91

	// Expired: the time to pay ran out and no money was taken.
	Expired State = 92

	// Reversed: the charge was taken back; the payer has the money or never lost it.
	Reversed State = 93
)

// States lists every state in the order of a sale's life.
func States() []State {
	return []State{
		Opened, Projected, Judged, AwaitingConfirmation, AwaitingApproval, AwaitingLiveness, Ordering, Presented, PresentedOffline, Closing, Charging, InDoubt, Unconfirmed, Disputed, Reversing, Paid, Settled, Refunding, PartRefunded, Refunded, Declined, Cancelled, Expired, Reversed,
	}
}

var stateNames = map[State]string{
	Opened: "opened", Projected: "projected", AwaitingLiveness: "awaiting_liveness", Judged: "judged", AwaitingConfirmation: "awaiting_confirmation", AwaitingApproval: "awaiting_approval", Ordering: "ordering", Presented: "presented", Closing: "closing", Charging: "charging", InDoubt: "in_doubt",
	Reversing: "reversing", Paid: "paid", Refunding: "refunding", PartRefunded: "part_refunded", Refunded: "refunded",
	Declined: "declined", Cancelled: "cancelled", Expired: "expired", Reversed: "reversed",
	PresentedOffline: "presented_offline", Unconfirmed: "unconfirmed", Disputed: "disputed", Settled: "reconciled",
}

func (s State) String() string {
	if n, ok := stateNames[s]; ok {
		return n
	}
	return fmt.Sprintf("state(%d)", uint8(s))
}

// MarshalText is the state's name, so that no number leaks into an API.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(b []byte) error {
	for st, n := range stateNames {
		if n == string(b) {
			*s = st
			return nil
		}
	}
	return fmt.Errorf("sale: unknown state %.20q", b)
}

// Live says that an attempt is under way whose outcome is open: while one is,
// no other may begin.
func (s State) Live() bool {
	switch s {
	case Ordering, Presented, PresentedOffline, Closing, Charging, InDoubt, Unconfirmed, Reversing:
		return true
	}
	return false
}

// Before says that no attempt is under way yet: nothing was asked of the
// provider, or it ended an attempt without money and the next one goes another
// way.
func (s State) Before() bool {
	switch s {
	case Opened, Projected, Judged, AwaitingConfirmation, AwaitingApproval, AwaitingLiveness:
		return true
	}
	return false
}

// Taken says that the payer's money is with the shop, all or part of it.
func (s State) Taken() bool {
	return s == Paid || s == Refunding || s == PartRefunded || s == Settled
}

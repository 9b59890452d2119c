// Package checkout is the till's one use case: it turns an amount into money taken.
//
// A Desk takes what people ask for (open, scan, cancel, refund), records it, and
// drives every sale with the one loop in drive.go until it owes nothing to
// anybody. The loop asks the pure rules what is due, writes down what it is about
// to do, does it, and writes down what was heard. It does the same after a
// click, a scan and a power cut; nothing in this package knows that there was a
// restart. It is the only place from which a charge leaves.
//
// What happens if the power goes, line by line: before an intent is on disk
// nothing was sent and nothing is owed; after it, the rules ask the provider
// instead of sending again; an answer that was heard and not written down is
// heard again by the next query. A payer's code lives in memory between the
// scanner and its charge; lost there, the payer shows the next one.
//
// The package reaches the provider, the disk and the clock only through the
// interfaces that it declares here, so that a whole checkout runs in a test
// with virtual time.
//
// Rejected: a goroutine for each sale (a week of watching a concluded order would
// be a week of a stack), retries inside the gateway (a hidden second request is
// how customers are charged twice), and callbacks from the gateway (the loop
// would no longer be readable from top to bottom).
package checkout

import (
	"context"

	"qrposd/rules/sale"
)

// Gateway is the provider that moves the money.
type Gateway interface {
	// Prepare fixes the request of a step without sending anything. code is the
	// payer's code for a charge and empty otherwise. An error means that the step
	// cannot be put into words at all; nothing has happened then.
	Prepare(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error)
	// Do sends the request once and says what was heard. It has no error: no answer
	// is the fact sale.Unclear. It never sends anything twice.
	Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event
}

// Journal is where everything owed is kept. A call that returns without an
// error is on disk.
type Journal interface {
	// Begin mints a sale. Under a key that was used before it returns that sale.
	Begin(ctx context.Context, n sale.New, session string, once sale.Once) (s sale.Sale, replayed bool, err error)
	// Commit applies a fact to the sale as it is on disk now: a *sale.Refusal when
	// it does not apply, any other error when the disk is the trouble.
	Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error)
	// Sale is a sale as it is on disk.
	Sale(id sale.ID) (sale.Sale, error)
	// Unfinished lists the sales that owe something, soonest first.
	Unfinished() ([]sale.ID, error)
}

// Adviser judges sales before anything is asked of the provider.
type Adviser interface {
	// Judge says what stands in the way of a sale, as a sale.Assessed fact. It has no
	// error and takes 600 ms at most: the rules decide where nobody else does.
	Judge(ctx context.Context, s sale.Sale) sale.Event
}

// Pricer prices sales that are paid in another currency than the shop's.
type Pricer interface {
	// Price says what a sale costs in the currency of its PayIn, as a sale.Priced
	// fact, or why it cannot be said, as sale.NotPriced. It has no error, charges
	// nothing, and may be asked again after a power cut.
	Price(ctx context.Context, s sale.Sale) sale.Event
}

// Clock is the till's own time, which never goes back.
type Clock interface {
	Now() sale.Now
}

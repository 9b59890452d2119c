package checkout

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"qrposd/hw/scanner"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Options are the parts of a Desk.
type Options struct {
	Gateway Gateway
	Journal Journal
	Clock   Clock
	Adviser Adviser  // needed where Plan.Judge is set, and where there is a Pricer
	Pricer  Pricer   // nil: every sale is paid in the shop's currency
	Offline OwnCodes // nil: nothing is sold without the provider
	Plan    sale.Plan
	Wallets []scanner.Wallet   // how payer codes look; nil is the built-in table
	Wallet  string             // the wallet that Gateway charges
	Workers int                // sales driven at once; 0 is 32
	Notice  func(Notice)       // what the cashier should see that belongs to no sale; may be nil
	Hook    func(point string) // called around every send; may be nil
	Log     *slog.Logger
}

// Desk is the till's counter.
type Desk struct {
	Options
	mu      sync.Mutex
	sales   map[sale.ID]*work
	waiting agenda
	running int
	wake    chan struct{}
	ping    chan chan struct{}
}

// Notice tells the cashier something that belongs to no sale: a product held to
// the scanner while a payment was awaited, a code that nobody waits for.
type Notice struct {
	Code    string    `json:"code"`
	Message string    `json:"message"`
	Hint    string    `json:"hint"`
	Device  string    `json:"device,omitempty"`
	At      time.Time `json:"at"`
}

// New is a desk that does nothing until Run.
func New(o Options) *Desk {
	if o.Workers == 0 {
		o.Workers = 32
	}
	if o.Wallets == nil {
		o.Wallets = scanner.DefaultWallets()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Notice == nil {
		o.Notice = func(Notice) {}
	}
	return &Desk{
		Options: o, sales: make(map[sale.ID]*work), wake: make(chan struct{}, 1), ping: make(chan chan struct{}),
	}
}

// Open begins a sale. It returns when the sale is on disk; the QR code or the
// outcome follow by themselves.
func (d *Desk) Open(ctx context.Context, n sale.New, once sale.Once) (sale.Sale, bool, error) {
	if err := n.Amount.Check(); err != nil {
		return sale.Sale{}, false, err
	}
	if n.PayIn != "" && n.PayIn != n.Amount.Currency && d.Pricer == nil {
		return sale.Sale{}, false, errOneCurrency
	}
	begin := d.Journal.Begin
	if n.Flow == sale.Offline {
		begin = d.openOwn
	}
	s, replayed, err := begin(ctx, n, rand.Text(), once)
	if err != nil {
		return sale.Sale{}, false, err
	}
	if !replayed {
		d.kick(s.ID)
	}
	return s, replayed, nil
}

// Scan charges a payer's code to a sale: typed, wedged by a keyboard, or read by
// a scanner. It returns when the intent is on disk; the outcome follows.
func (d *Desk) Scan(ctx context.Context, id sale.ID, text string) (sale.Sale, error) {
	code, err := d.payerCode(scanner.Classify(text, "", d.Wallets))
	if err != nil {
		return sale.Sale{}, err
	}
	return d.charge(ctx, id, code)
}

func (d *Desk) charge(ctx context.Context, id sale.ID, code sale.PayerCode) (sale.Sale, error) {
	s, err := d.Journal.Sale(id)
	if err != nil {
		return sale.Sale{}, err
	}
	if err := awaits(s, d.Clock.Now()); err != nil {
		return s, err
	}
	reply, err := d.giveCode(id, code)
	if err != nil {
		return s, err
	}
	select {
	case err = <-reply:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return s, err
	}
	return d.Journal.Sale(id)
}

// payerCode is the code that a scan holds, if it is one that this till can
// charge, and otherwise what it is instead.
func (d *Desk) payerCode(c scanner.Class) (sale.PayerCode, error) {
	switch {
	case c.Kind != scanner.Payer:
		return sale.PayerCode{}, notPayment(c)
	case c.Wallet != d.Wallet:
		return sale.PayerCode{}, otherWallet(c)
	}
	return sale.NewPayerCode(c.Code.Reveal()), nil
}

// Cancel withdraws a sale wherever that is still possible. What is taken stays
// taken: then the answer is a refusal and the cashier refunds.
func (d *Desk) Cancel(ctx context.Context, id sale.ID, by string) (sale.Sale, error) {
	s, err := d.Journal.Commit(ctx, id, sale.Event{Kind: sale.CancelRequested, By: by}, sale.Once{})
	if err == nil {
		d.kick(id)
	}
	return s, err
}

// Consent records that the payer agreed to the price or that a manager approved,
// whichever the sale waits for. seen is how many facts the sale had when they said so,
// zero for the latest: a request whose answer was lost is sent again, and what a payer
// agreed to must not be a manager's word on what the sale waits for by then.
func (d *Desk) Consent(ctx context.Context, id sale.ID, seen int, by string) (sale.Sale, error) {
	s, err := d.Journal.Sale(id)
	if err != nil || seen > 0 && seen != s.Facts {
		return s, err
	}
	ev := sale.Event{Kind: sale.Approved, By: by}
	if s.State == sale.AwaitingConfirmation {
		ev.Kind = sale.Agreed
	} else if by == "" {
		return s, errNobodyApproves
	}
	if s, err = d.Journal.Commit(ctx, id, ev, sale.Once{}); err == nil {
		d.kick(id)
	}
	return s, err
}

// Refund promises money back, all that is left when the amount is zero.
func (d *Desk) Refund(ctx context.Context, id sale.ID, m money.Money, by, why string, once sale.Once) (sale.Sale, bool, error) {
	before, err := d.Journal.Sale(id)
	if err != nil {
		return sale.Sale{}, false, err
	}
	ev := sale.Event{Kind: sale.RefundRequested, Amount: m, By: by}
	if a := before.Current(); a != nil {
		ev.OrderNo = a.OrderNo
	}
	if why != "" {
		ev.Why = &sale.Reason{Code: "refund", Message: why}
	}
	if m == (money.Money{}) {
		ev.Amount = before.Refundable(ev.OrderNo)
	}
	s, err := d.Journal.Commit(ctx, id, ev, once)
	if err != nil {
		return s, false, err
	}
	d.kick(id)
	return s, s.Facts == before.Facts, nil
}

// staleScan is the age at which a scan no longer belongs to the sale on the
// counter: whoever held it out may have left.
const staleScan = 5 * time.Second

// Scanned takes what a scanner read. A payer's code goes to the sale that waits
// for one; everything else is explained to the cashier and touches nothing.
func (d *Desk) Scanned(ctx context.Context, scan scanner.Scan) {
	if scan.Duplicate {
		return
	}
	code, err := d.payerCode(scan.Class)
	if err == nil && !scan.At.IsZero() && time.Since(scan.At) > staleScan {
		err = errStaleScan
	}
	if err == nil {
		if id, ok := d.awaiting(); ok {
			_, err = d.charge(ctx, id, code)
		} else {
			err = errNobodyWaits
		}
	}
	if err == nil {
		return
	}
	n := notice(err)
	n.Device, n.At = scan.Device, scan.At
	d.Log.Info("scan not used", "device", scan.Device, "code", n.Code)
	d.Notice(n)
}

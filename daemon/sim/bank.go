package sim

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Bank is the payers' banks and the shop's, for codes that a till makes by itself: they
// have a network while the till may have none. Only what is in its book has arrived; a
// telephone's screen may say so too and be lying. The zero value is ready.
type Bank struct {
	// Now is the banks' clock; nil is time.Now.
	Now func() time.Time

	mu     sync.Mutex
	look   func(context.Context) ([]string, error)
	book   []BankPayment
	forged []BankPayment
}

// BankOrder is what a payer does with a code, POST /sim/bank/pay.
type BankOrder struct {
	Text          string `json:"text"`
	Amount        string `json:"amount"`         // "" is what the code asks for
	Forge         bool   `json:"forge"`          // shows a receipt and pays nothing
	Times         int    `json:"times"`          // pays as often; 0 is once
	LateMS        int    `json:"late_ms"`        // until the money is there
	DropReference bool   `json:"drop_reference"` // the payer's bank loses it
}

// BankTransfer is money for nobody's code, POST /sim/bank/transfer.
type BankTransfer struct {
	Scheme    string `json:"scheme"`
	Account   string `json:"account"`
	Currency  string `json:"currency"`
	Amount    string `json:"amount"`
	Reference string `json:"reference"`
}

// BankPayment is money that came, or a receipt that says so.
type BankPayment struct {
	ID        string    `json:"id"`
	At        time.Time `json:"at"`
	Amount    string    `json:"amount"`
	Currency  string    `json:"currency"`
	Reference string    `json:"reference,omitempty"` // as the shop's bank hands it on
	Scheme    string    `json:"scheme,omitempty"`
	Account   string    `json:"account"`
	Asked     string    `json:"asked,omitempty"`   // the reference of the code
	To        string    `json:"to,omitempty"`      // the shop's name in it
	Dropped   bool      `json:"dropped,omitempty"` // the reference was lost on the way
}

// BankAccount is one of the shop's accounts.
type BankAccount struct {
	Account  string `json:"account"`
	Currency string `json:"currency"`
	Payments int    `json:"payments"`
	Sum      string `json:"sum"`
	Minor    int64  `json:"minor"`
}

// BankReport is the truth: GET /sim/bank.
type BankReport struct {
	Accounts []BankAccount `json:"accounts"`
	Payments []BankPayment `json:"payments"` // that have arrived, in the order of their arrival
	Coming   int           `json:"coming"`   // were made and have not arrived yet
	Forged   []BankPayment `json:"forged"`   // were shown on a telephone and never made
}

func (b *Bank) now() time.Time {
	if b.Now == nil {
		return time.Now()
	}
	return b.Now()
}

// Read is a telephone that looks at a code.
func (b *Bank) Read(q BankOrder) (BankCode, error) { return readCode(q.Text) }

// Pay does what a payer does, and says what the telephone shows then. What it shows
// of a forged receipt is what it shows of a good one.
func (b *Bank) Pay(q BankOrder) (BankPayment, error) {
	c, err := readCode(q.Text)
	if err != nil {
		return BankPayment{}, err
	}
	amount := cmp.Or(q.Amount, c.Amount)
	n, err := minor(amount, c.Currency)
	if err != nil {
		return BankPayment{}, err
	}
	if q.LateMS < 0 || q.Times < 0 || q.Times > 10 {
		return BankPayment{}, &controlError{http.StatusBadRequest, "BAD_REQUEST", "late_ms is not negative, and times is 0 to 10"}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	if c.over(now) {
		return BankPayment{}, &controlError{http.StatusGone, "CODE_DEAD", "it could be paid until " + c.Until}
	}
	p := BankPayment{
		At: now.Add(time.Duration(q.LateMS) * time.Millisecond), Amount: written(n, c.Currency), Currency: c.Currency,
		Scheme: c.Scheme, Account: c.Account, Asked: c.Reference, To: c.Name, Dropped: q.DropReference && c.Reference != "",
	}
	if !q.DropReference {
		p.Reference = c.Reference
	}
	if q.Forge {
		p.ID = fmt.Sprintf("F%08d", len(b.forged)+1)
		b.forged = append(b.forged, p)
	} else {
		for range max(1, q.Times) {
			p.ID = fmt.Sprintf("P%08d", len(b.book)+1)
			b.book = append(b.book, p)
		}
	}
	shown := p
	shown.Reference, shown.Dropped = c.Reference, false
	return shown, nil
}

// Transfer is money that comes without a code.
func (b *Bank) Transfer(q BankTransfer) (BankPayment, error) {
	n, err := minor(q.Amount, q.Currency)
	if err != nil {
		return BankPayment{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := BankPayment{
		ID: fmt.Sprintf("P%08d", len(b.book)+1), At: b.now(), Amount: written(n, q.Currency), Currency: q.Currency,
		Reference: q.Reference, Scheme: q.Scheme, Account: q.Account,
	}
	b.book = append(b.book, p)
	return p, nil
}

// Report is what really arrived.
func (b *Bank) Report() BankReport {
	b.mu.Lock()
	defer b.mu.Unlock()
	r := BankReport{Accounts: []BankAccount{}, Payments: b.arrived(), Forged: slices.Clone(b.forged)}
	r.Coming = len(b.book) - len(r.Payments)
	for _, p := range r.Payments {
		n, _ := minor(p.Amount, p.Currency) // it was written here
		i := slices.IndexFunc(r.Accounts, func(a BankAccount) bool { return a.Account == p.Account && a.Currency == p.Currency })
		if i < 0 {
			i = len(r.Accounts)
			r.Accounts = append(r.Accounts, BankAccount{Account: p.Account, Currency: p.Currency})
		}
		a := &r.Accounts[i]
		a.Payments, a.Minor = a.Payments+1, a.Minor+n
		a.Sum = written(a.Minor, a.Currency)
	}
	return r
}

// arrived are the payments whose time has come. The caller holds the lock.
func (b *Bank) arrived() []BankPayment {
	now := b.now()
	list := []BankPayment{}
	for _, p := range b.book {
		if !p.At.After(now) {
			list = append(list, p)
		}
	}
	slices.SortStableFunc(list, func(p, q BankPayment) int { return p.At.Compare(q.At) })
	return list
}

// Watch has telephones look at the shop's screens: look lists the codes' texts.
func (b *Bank) Watch(look func(context.Context) ([]string, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.look = look
}

// counter is what the shop's screens ask for now, as a telephone reads it.
func (b *Bank) counter(ctx context.Context) ([]BankShown, error) {
	list := []BankShown{}
	b.mu.Lock()
	look := b.look
	b.mu.Unlock()
	if look == nil {
		return list, nil
	}
	texts, err := look(ctx)
	for _, text := range texts {
		c, unread := readCode(text)
		if unread == nil {
			list = append(list, BankShown{text, c})
		}
	}
	return list, err
}

// BankShown is a code on a screen of the shop.
type BankShown struct {
	Text string   `json:"text"`
	Code BankCode `json:"code"`
}

package e2e

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// wish is what the people at the counter want of a basket.
type wish string

const (
	toPay    wish = "pay"    // and that is all
	toRefund wish = "refund" // everything, once it is paid
	toReturn wish = "return" // a part of it, once it is paid
	toCancel wish = "cancel" // the cashier cancels as soon as the till lets her
	toLeave  wish = "leave"  // the customer walks away and never pays
	toRing   wish = "ring"   // cancel, and ring up anew once the till says that nothing was taken
)

// basket is what one customer has to pay once, and what the people at the
// counter know about it.
type basket struct {
	flow  sale.Flow
	fen   int64
	wish  wish
	early bool          // the code comes with the request for the sale
	pause time.Duration // of a customer who looks for the telephone
	payer string        // the customer's account
	hkd   bool          // it is priced in HKD and paid in CNY

	rings     []*ring
	paidPhone bool // the customer's telephone says "paid"
	doubts    int  // how often the cashier read that the outcome is not known
}

// ring is one sale of a basket: the request under its key, and what came of it.
type ring struct {
	ask       api.NewSale
	key       string
	id        sale.ID // empty until the till has acknowledged it
	scans     int
	refundKey string
	cancelled bool
	handed    bool // the till said "paid" and the goods went over the counter
	doubt     bool // it was in doubt at the last look
	unpaid    bool // the last word on it was that no money was taken
}

func newBasket(flow sale.Flow, fen int64, w wish) *basket {
	return &basket{flow: flow, fen: fen, wish: w, payer: "payer-" + rand.Text()}
}

func (b *basket) String() string {
	return fmt.Sprintf("%s %s %s to %s", b.flow, b.amount(b.fen), b.payer, b.wish)
}

func (b *basket) amount(fen int64) string { return fmt.Sprintf("%d.%02d", fen/100, fen%100) }

// attend is a cashier and a customer who are honest: nobody opens a second sale
// for a basket while the first is unresolved, and whoever lost an answer asks
// again under the same key.
func (s *shift) attend(b *basket) error {
	for {
		r, err := s.ring(b)
		if err != nil {
			return err
		}
		v, err := s.follow(b, r)
		if err != nil {
			return err
		}
		if b.wish != toRing || len(b.rings) > 1 || r.handed || v.State == sale.Refunded.String() {
			return nil
		}
	}
}

// ring asks for a sale until the till has acknowledged it.
func (s *shift) ring(b *basket) (*ring, error) {
	r := &ring{key: rand.Text(), refundKey: rand.Text()}
	r.ask = api.NewSale{Flow: b.flow, Amount: b.amount(b.fen), Currency: money.Currency("CNY"), Description: b.payer}
	if b.hkd {
		r.ask.Currency, r.ask.PayIn = "HKD", "CNY"
	}
	b.rings = append(b.rings, r)
	if b.early {
		code, err := s.code(b)
		if err != nil {
			return nil, err
		}
		r.ask.Code = code
		r.scans++
	}
	v, err := s.insist(func(ctx context.Context, c *api.Client) (api.Sale, error) { return c.Open(ctx, r.ask, r.key, 0) })
	var p *api.Problem
	switch {
	case err == nil:
		r.id = v.ID
	case errors.As(err, &p) && p.Instance != "": // the sale stands, its code did not
		r.id = sale.ID(p.Instance[len("/v1/sales/"):])
	default:
		return nil, fmt.Errorf("the till refused the sale: %w", err)
	}
	return r, nil
}

// follow does what a sale asks its people for until it rests and they are done.
func (s *shift) follow(b *basket, r *ring) (api.Sale, error) {
	s.moment(b.pause)
	for refunded := false; ; s.moment(40 * time.Millisecond) {
		v, err := s.look(r.id)
		if err != nil {
			return v, err
		}
		s.read(b, r, v)
		switch {
		case !v.Rests():
			err = s.help(b, r, v)
		case v.State == sale.Paid.String() && !refunded && (b.wish == toRefund || b.wish == toReturn):
			refunded = true
			err = s.refund(b, r)
		case v.Can.Retry && r.scans < 2 && s.wantsToPay(b):
			err = s.scan(b, r)
		default:
			return v, nil
		}
		if err != nil {
			return v, err
		}
	}
}

// read notes what the till says.
func (s *shift) read(b *basket, r *ring, v api.Sale) {
	doubt := v.State == sale.Charging.String() || v.State == sale.InDoubt.String() || v.State == sale.Reversing.String()
	if doubt && !r.doubt {
		b.doubts++
	}
	r.doubt = doubt
	r.handed = r.handed || v.State == sale.Paid.String()
	r.unpaid = v.Rests() && strings.HasPrefix(v.Says.Advice.En, "No money was taken.")
}

func (s *shift) wantsToPay(b *basket) bool {
	return b.wish != toLeave && b.wish != toCancel && !b.paidPhone && (b.wish != toRing || len(b.rings) > 1)
}

// help does what an open sale waits for.
func (s *shift) help(b *basket, r *ring, v api.Sale) error {
	regrets := b.wish == toCancel || b.wish == toRing && len(b.rings) == 1
	shown := v.QR != nil || b.flow == sale.Payer // before that there is nothing to regret
	switch {
	case regrets && shown && !r.cancelled && v.Can.Cancel:
		return s.cancel(b, r, v)
	case v.QR != nil && s.wantsToPay(b):
		s.phone(b, v.QR.Text, "pay")
	case v.QR != nil && !b.paidPhone: // whoever looks at it is who pays it, if at all
		s.phone(b, v.QR.Text, "")
	case v.Can.Scan && s.wantsToPay(b):
		return s.scan(b, r)
	case v.Can.Consent && s.wantsToPay(b):
		_, err := s.insist(func(ctx context.Context, c *api.Client) (api.Sale, error) { return c.Consent(ctx, v, "Wang") })
		return refusedOr(err)
	}
	return nil
}

// cancel withdraws the sale, but not before somebody may have paid it: that is
// the cancelling that hurts.
func (s *shift) cancel(b *basket, r *ring, v api.Sale) error {
	if v.Can.Scan && r.scans == 0 {
		return s.scan(b, r)
	}
	if v.QR != nil && !b.paidPhone { // some pay while the cashier reaches for the button
		s.phone(b, v.QR.Text, map[bool]string{true: "pay", false: ""}[b.pause > 0])
	}
	_, err := s.insist(func(ctx context.Context, c *api.Client) (api.Sale, error) { return c.Cancel(ctx, r.id, "") })
	r.cancelled = true
	return refusedOr(err)
}

// refusedOr is err unless it is the till's refusal: the next look says why.
func refusedOr(err error) error {
	var p *api.Problem
	if errors.As(err, &p) && p.Status == http.StatusConflict {
		return nil
	}
	return err
}

// code is a fresh code on the customer's telephone.
func (s *shift) code(b *basket) (string, error) {
	var c struct {
		AuthCode string `json:"auth_code"`
	}
	err := s.o.ask(http.MethodPost, "/sim/phone/codes", map[string]any{"behaviour": "pay", "payer": b.payer}, &c)
	return c.AuthCode, err
}

// scan holds a fresh code of the customer to the till, once. Whether it was
// taken the next look says.
func (s *shift) scan(b *basket, r *ring) error {
	code, err := s.code(b)
	if err != nil {
		return err
	}
	c, err := s.till()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
	defer cancel()
	if _, err = c.Scan(ctx, r.id, code); err == nil {
		r.scans++
	}
	var p *api.Problem
	if errors.As(err, &p) && p.Status < 500 {
		return refusedOr(err)
	}
	return nil
}

// phone holds the customer's telephone to the screen. A code that died
// meanwhile is the telephone's to refuse; the next look says what is to be done.
func (s *shift) phone(b *basket, text, action string) {
	var res struct {
		State string `json:"state"`
	}
	err := s.o.ask(http.MethodPost, "/sim/phone/scan", map[string]any{"code_url": text, "action": action, "payer": b.payer}, &res)
	b.paidPhone = err == nil && res.State == "SUCCESS"
}

// refund promises money back until the till has acknowledged it.
func (s *shift) refund(b *basket, r *ring) error {
	n := api.NewRefund{Amount: b.amount(b.fen), Reason: "brought back"}
	if b.wish == toReturn {
		n.Amount = b.amount(b.fen / 2)
	}
	_, err := s.insist(func(ctx context.Context, c *api.Client) (api.Sale, error) { return c.Refund(ctx, r.id, n, r.refundKey) })
	return err
}

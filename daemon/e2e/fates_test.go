package e2e

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// fate is one sale of a till that is lost: what was done with it before the backup and
// after it.
type fate struct {
	name   string
	flow   sale.Flow
	tail   int                      // of its amount, which a rule of the simulator goes by
	before func(p *part) error      // brings it to where the backup has it
	at     string                   // the state that the backup should have; a slow machine is further
	after  func(p *part) error      // what is lost; may be nil
	late   func(p *part)            // while no till runs; may be nil
	asks   string                   // what the customer asks back of the restored till, at once
	want   func(was, now sums) bool // nil is: as it was
}

// sums is what the provider has of a sale.
type sums struct {
	charges, refunds int
	net              int64
}

// part is a fate on a till.
type part struct {
	fate
	t    *testing.T
	o    *outside
	d    *till
	id   sale.ID
	saw  string   // the state when the backup was made
	last api.Sale // the last word of the lost till
	was  sums
	qr   string // what the customer's telephone has seen
}

func (p *part) amount() string { return fmt.Sprintf("12.%02d", p.tail) }

// rest is what is left of it after 3.00.
func (p *part) rest() string { return fmt.Sprintf("9.%02d", p.tail) }

func (p *part) open() error {
	v, err := p.d.api.Open(soon(p.t), api.NewSale{Flow: p.flow, Amount: p.amount(), Currency: "CNY"}, rand.Text(), 0)
	p.id = v.ID
	return err
}

// reach waits until the sale is in one of some states, or at its end.
func (p *part) reach(states ...string) error {
	var v api.Sale
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var err error
		if v, err = p.d.api.Sale(soon(p.t), p.id, 0); err != nil {
			return err
		}
		if slices.Contains(states, v.State) {
			return nil
		}
	}
	return fmt.Errorf("%s is %s and never %v", p.id, v.State, states)
}

// show opens a sale whose code is on the screen.
func (p *part) show() error {
	if err := p.open(); err != nil {
		return err
	}
	return p.seen()
}

// seen has the customer look at the code on the screen.
func (p *part) seen() error {
	if err := p.reach("presented"); err != nil {
		return err
	}
	v, err := p.d.api.Sale(soon(p.t), p.id, 0)
	if err != nil || v.QR == nil {
		return fmt.Errorf("%s is %s and shows no code: %w", p.id, v.State, err)
	}
	p.qr = v.QR.Text
	return nil
}

// pay has the customer pay the code that was shown, whether a till runs or not.
func (p *part) pay() {
	p.o.do(http.MethodPost, "/sim/phone/scan", map[string]string{"code_url": p.qr, "action": "pay"}, nil)
}

func (p *part) payQR() error {
	if err := p.seen(); err != nil {
		return err
	}
	p.pay()
	return p.reach("paid")
}

func (p *part) showAndPay() error {
	if err := p.show(); err != nil {
		return err
	}
	return p.payQR()
}

// scan holds a payer's code to the till; it takes the payer so many real milliseconds.
func (p *part) scan(behaviour string, takes int) error {
	var c struct {
		AuthCode string `json:"auth_code"`
	}
	p.o.do(http.MethodPost, "/sim/phone/codes", map[string]any{"behaviour": behaviour, "takes_ms": takes}, &c)
	_, err := p.d.api.Scan(soon(p.t), p.id, c.AuthCode)
	return err
}

func (p *part) openAndScan(behaviour string, takes int, states ...string) error {
	err := p.open()
	if err == nil {
		err = p.reach("judged")
	}
	if err == nil {
		err = p.scan(behaviour, takes)
	}
	if err == nil {
		err = p.reach(states...)
	}
	return err
}

func (p *part) scanAndPay() error {
	if err := p.scan("pay", 0); err != nil {
		return err
	}
	return p.reach("paid")
}

// ask asks for a refund: of a sum, of all, or of the rest.
func (p *part) ask(amount string) error {
	switch amount {
	case "all":
		amount = p.amount()
	case "rest":
		amount = p.rest()
	}
	_, err := p.d.api.Refund(soon(p.t), p.id, api.NewRefund{Amount: amount, Reason: "brought back"}, rand.Text())
	return err
}

// giveBack asks for a refund and waits until the sale is in a state.
func (p *part) giveBack(amount string, state string) error {
	if err := p.ask(amount); err != nil {
		return err
	}
	return p.reach(state)
}

func (p *part) rule(op, fault string, times int) {
	p.o.do(http.MethodPost, "/sim/rules", map[string]any{"op": op, "fault": fault, "tail": p.tail, "times": times}, nil)
}

// counted is what the provider has of the sale.
func (p *part) counted(orders map[string]orderCount) (m sums) {
	for no, c := range orders {
		if strings.HasPrefix(no, string(p.id)) {
			m.charges, m.refunds, m.net = m.charges+c.Charges, m.refunds+c.Refunds, m.net+c.Net
		}
	}
	return m
}

// then does one thing after the other.
func then(steps ...func(p *part) error) func(p *part) error {
	return func(p *part) error {
		for _, step := range steps {
			if err := step(p); err != nil {
				return err
			}
		}
		return nil
	}
}

func giveBack(amount, state string) func(p *part) error {
	return func(p *part) error { return p.giveBack(amount, state) }
}

func scans(behaviour string, takes int, states ...string) func(p *part) error {
	return func(p *part) error {
		if err := p.scan(behaviour, takes); err != nil {
			return err
		}
		return p.reach(states...)
	}
}

func opened(p *part) error {
	return then((*part).open, func(p *part) error { return p.reach("judged") })(p)
}

func (p *part) cancel() error {
	_, err := p.d.api.Cancel(soon(p.t), p.id, "")
	return err
}

func declined(p *part) error { return p.openAndScan("not_enough", 0, "declined", "reversed") }

func typing(takes int) func(p *part) error {
	return func(p *part) error { return p.openAndScan("password", takes, "in_doubt", "paid", "reversed") }
}

// ended waits for the payer to finish, or for the till to take the charge back.
func ended(p *part) error { return p.reach("paid", "reversed", "declined", "cancelled", "expired") }

// settled are the fates whose beginning takes its time and then stays; passing are
// those that go on by themselves, and are begun right before the backup; brief are over
// in seconds.
func settled() []fate {
	all := func(was, now sums) bool { return now.refunds == 1 && now.net == 0 }
	return []fate{
		{name: "paid, and that is all", flow: sale.Merchant, before: (*part).showAndPay, at: "paid"},
		{name: "paid, then partly refunded", flow: sale.Merchant, before: (*part).showAndPay, at: "paid", after: giveBack("3.00", "part_refunded")},
		{name: "paid, then refunded", flow: sale.Merchant, before: (*part).showAndPay, at: "paid", after: giveBack("all", "refunded")},
		{name: "paid, then refunded, and asked back again", flow: sale.Merchant, before: (*part).showAndPay, at: "paid", after: giveBack("all", "refunded"), asks: "all", want: all},
		{name: "paid, and asked back of the restored till", flow: sale.Merchant, before: (*part).showAndPay, at: "paid", asks: "all", want: all},
		{name: "paid, partly refunded, and the same asked back once more", flow: sale.Merchant, before: (*part).showAndPay, at: "paid", after: giveBack("3.00", "part_refunded"), asks: "3.00", want: func(was, now sums) bool {
			return now.refunds == 2 && now.net == was.net-300
		}},
		{name: "partly refunded, then the rest", flow: sale.Merchant, before: then((*part).showAndPay, giveBack("3.00", "part_refunded")), at: "part_refunded", after: giveBack("rest", "refunded")},
		{name: "declined", flow: sale.Payer, before: declined, at: "declined"},
		{name: "declined, then paid by another code", flow: sale.Payer, before: declined, at: "declined", after: (*part).scanAndPay},
		{name: "cancelled while in doubt", flow: sale.Payer, before: then(typing(60_000), (*part).cancel, ended), at: "cancelled"},
		{name: "reversing", flow: sale.Payer, before: func(p *part) error {
			p.rule("reverse", "reset_before", 0)
			return then(typing(600_000), (*part).cancel, func(p *part) error { return p.reach("reversing") })(p)
		}, at: "reversing", after: ended},
	}
}

func passing() []fate {
	return []fate{
		{name: "judged", flow: sale.Payer, before: opened, at: "judged"},
		{name: "judged, then paid", flow: sale.Payer, before: opened, at: "judged", after: (*part).scanAndPay},
		{name: "judged, then declined and paid by another code", flow: sale.Payer, before: opened, at: "judged", after: then(scans("not_enough", 0, "declined", "reversed"), (*part).scanAndPay)},
		{name: "judged, then paid and refunded", flow: sale.Payer, before: opened, at: "judged", after: then((*part).scanAndPay, giveBack("all", "refunded"))},
		{name: "shown", flow: sale.Merchant, before: (*part).show, at: "presented"},
		{name: "shown, then paid", flow: sale.Merchant, before: (*part).show, at: "presented", after: (*part).payQR},
		{name: "shown, then paid and partly refunded", flow: sale.Merchant, before: (*part).show, at: "presented", after: then((*part).payQR, giveBack("3.00", "part_refunded"))},
		{name: "shown, then paid while no till runs", flow: sale.Merchant, before: (*part).show, at: "presented", late: (*part).pay},
		{name: "shown, then cancelled", flow: sale.Merchant, before: (*part).show, at: "presented", after: then((*part).cancel, ended)},
		{name: "refunding", flow: sale.Merchant, before: func(p *part) error {
			p.rule("refund", "refund_processing", 0)
			return then((*part).showAndPay, giveBack("all", "refunding"))(p)
		}, at: "refunding"},
		{name: "refunding, then refunded", flow: sale.Merchant, before: func(p *part) error {
			p.rule("refund", "reset_before", 0)
			return then((*part).showAndPay, giveBack("all", "refunding"))(p)
		}, at: "refunding", after: func(p *part) error { return p.reach("refunded") }},
		{name: "in doubt, then paid", flow: sale.Payer, before: typing(9_000), at: "in_doubt", after: ended},
		{name: "in doubt, then paid and refunded", flow: sale.Payer, before: typing(9_000), at: "in_doubt", after: func(p *part) error {
			if err := ended(p); err != nil || p.reach("paid") != nil {
				return err
			}
			return p.giveBack("all", "refunded")
		}},
		{name: "in doubt, and nobody pays", flow: sale.Payer, before: typing(600_000), at: "in_doubt", after: ended},
	}
}

func brief() []fate {
	return []fate{
		{name: "ordering, then shown and paid", flow: sale.Merchant, before: func(p *part) error {
			p.rule("native", "hang_before", 0)
			return then((*part).open, func(p *part) error { return p.reach("ordering") })(p)
		}, at: "ordering", after: func(p *part) error {
			if err := p.reach("presented", "declined"); err != nil || p.reach("presented") != nil {
				return err
			}
			return p.payQR()
		}},
		{name: "charging, then paid", flow: sale.Payer, before: func(p *part) error {
			p.o.do(http.MethodPost, "/sim/rules", map[string]any{"op": "codepay", "tail": p.tail, "delay_ms": 3000}, nil)
			return p.openAndScan("pay", 0, "charging")
		}, at: "charging", after: ended},
	}
}

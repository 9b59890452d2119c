package e2e

import (
	"fmt"
	"net/http"
	"strings"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// books is everything the provider saw.
type books struct {
	Orders []orderCount `json:"orders"`
	Payers map[string]struct {
		Charges int   `json:"charges"`
		Net     int64 `json:"net"`
	} `json:"payers"`
	Refused    int `json:"refused"` // at the door: a signature that was wrong
	Violations []struct {
		What string `json:"what"`
	} `json:"violations"`
}

func (o *outside) books() (books, error) {
	var b books
	return b, o.ask(http.MethodGet, "/sim/counts", nil, &b)
}

// auditor holds the till's books against the provider's and the people's memory.
type auditor struct {
	till   string
	mine   map[sale.ID]api.Sale
	orders map[string]orderCount
	payers map[string]int64
	finds  []string
}

func (a *auditor) find(format string, args ...any) {
	a.finds = append(a.finds, fmt.Sprintf(format, args...))
}

// compare lists what is wrong with the books of a till that is at rest.
func compare(till string, baskets []*basket, mine map[sale.ID]api.Sale, theirs books) []string {
	a := &auditor{till: till, mine: mine, orders: make(map[string]orderCount), payers: make(map[string]int64)}
	for _, c := range theirs.Orders {
		if strings.HasPrefix(c.OutTradeNo, till) {
			a.orders[c.OutTradeNo] = c
		}
	}
	for account, m := range theirs.Payers {
		a.payers[account] = m.Net
	}
	rung := 0
	for _, b := range baskets {
		rung += len(b.rings)
		a.basket(b)
	}
	if len(mine) != rung {
		a.find("%d sales were rung up and the till has %d", rung, len(mine))
	}
	a.strangers()
	broken := 0
	for _, c := range theirs.Orders {
		broken += len(c.Violations)
	}
	if len(theirs.Violations) > broken {
		a.find("rules of the provider are broken beside any order: %+v", theirs.Violations)
	}
	if theirs.Refused > 0 {
		a.find("the provider turned away %d requests for their signature", theirs.Refused)
	}
	return a.finds
}

// basket is what one customer had to pay once.
func (a *auditor) basket(b *basket) {
	own := int64(0)
	for _, r := range b.rings {
		v, ok := a.mine[r.id]
		if !ok {
			a.find("lost: sale %q of %s was acknowledged and is gone", r.id, b)
			continue
		}
		own += a.sale(r, v)
	}
	if got := a.payers[b.payer]; got != own {
		a.find("%s: the customer is charged %d and the till knows of %d", b, got, own)
	}
	if a.payers[b.payer] > b.fen {
		a.find("charged twice: %s is charged %d", b, a.payers[b.payer])
	}
}

// sale gives the till's own word on the money it has of one sale.
func (a *auditor) sale(r *ring, v api.Sale) int64 {
	net, own, given, paid := int64(0), int64(0), int64(0), false
	for _, at := range v.History.Attempts {
		if at.End == sale.EndPaid {
			own, paid = own+v.Amount.Minor, true
		}
		if c, ok := a.orders[at.OrderNo]; ok {
			net += c.Net
			a.order(c, v)
		} else if at.End == sale.EndPaid {
			a.find("%s is paid and the provider never saw it", at.OrderNo)
		}
	}
	for _, f := range v.History.Refunds {
		if f.State == sale.RefundPaid {
			own -= f.Amount.Minor
		}
		if f.State == sale.RefundPaid && !f.Auto {
			given += f.Amount.Minor
		}
	}
	if net != own {
		a.find("%s is %s: the provider has %d, the till %d: %+v", v.ID, v.State, net, own, v.History)
	}
	if net != 0 && net != v.Amount.Minor-given {
		a.find("%s is %s: %d is neither nothing nor %d less %d", v.ID, v.State, net, v.Amount.Minor, given)
	}
	if r.handed && net != v.Amount.Minor-given {
		a.find("%s was called paid, the goods are gone, and of the money there is %d", v.ID, net)
	}
	if r.unpaid && paid {
		a.find("%s was said to have taken nothing and was paid: %+v", v.ID, v.History)
	}
	if told := v.State == sale.Paid.String() || v.State == sale.PartRefunded.String(); told != (net > 0) {
		a.find("%s is %s with %d at the provider", v.ID, v.State, net)
	}
	return own
}

// order is what the provider saw of one order number.
func (a *auditor) order(c orderCount, v api.Sale) {
	if c.Charges > 1 {
		a.find("charged twice: order %s, %d charges", c.OutTradeNo, c.Charges)
	}
	for _, broken := range c.Violations {
		a.find("order %s breaks a rule of the provider: %s", c.OutTradeNo, broken.What)
	}
	refunds := 0
	for _, f := range v.History.Refunds {
		if f.OrderNo == c.OutTradeNo {
			refunds++
		}
	}
	for _, op := range []string{"native", "codepay", "close", "reverse", "refund"} { // what moves money
		most := 1
		if op == "refund" {
			most = refunds // each has its number
		}
		if n := len(c.Bodies[op]); n > most {
			a.find("order %s: %d different requests to %s, at most %d may be", c.OutTradeNo, n, op, most)
		}
	}
}

// onlyChecked says that the number was only named for a check of the payer: there is
// no order under it.
func onlyChecked(c orderCount) bool {
	for op := range c.Requests {
		if op != "ai_liveness" && op != "ai_liveness_poll" {
			return false
		}
	}
	return c.Kind == "" && len(c.Requests) > 0
}

// strangers are orders that no sale of the till knows.
func (a *auditor) strangers() {
	known := make(map[string]bool)
	for _, v := range a.mine {
		for _, at := range v.History.Attempts {
			known[at.OrderNo] = true
		}
	}
	for no, c := range a.orders {
		if !known[no] && !onlyChecked(c) {
			a.find("lost: the provider has order %s with %d taken and no sale knows it", no, c.Net)
		}
	}
}

package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/hw/scanner"
	"qrposd/rules/sale"
)

// The clock is worth a word to the cashier when it is off by this much, and
// cannot be trusted when it is off by the provider's limit for signatures.
const (
	skewTrouble = time.Minute
	skewDown    = 5 * time.Minute
)

// vitals is the gateway with a finger on its pulse.
type vitals struct {
	checkout.Gateway
	link   *link
	mu     sync.Mutex
	unsent int // calls in a row that found no way out of the shop
	unsure int // calls in a row without a usable answer
	why    string
	last   time.Time // the last usable answer
}

// Do calls the provider and remembers how that went.
func (v *vitals) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	ev := v.Gateway.Do(ctx, step, s, req)
	v.link.stir()
	v.mu.Lock()
	defer v.mu.Unlock()
	code := ""
	if ev.Why != nil {
		code = ev.Why.Code
	}
	switch {
	case code == "provider_resting": // nothing was tried, and nothing learnt
	case ev.Kind == sale.NotSent || code == "no_network":
		v.unsent, v.why = v.unsent+1, code
	case ev.Kind == sale.Unclear && code != "order_paid" && code != "ai_unclear":
		v.unsent, v.unsure, v.why = 0, v.unsure+1, code
	default:
		v.unsent, v.unsure, v.why, v.last = 0, 0, "", time.Now()
	}
	return ev
}

// parts are the network and the provider, told apart by whether a byte left.
func (v *vitals) parts() (network, gateway api.Part) {
	v.mu.Lock()
	defer v.mu.Unlock()
	network, gateway = api.Part{Level: api.OK}, api.Part{Level: api.OK, Detail: "not asked yet"}
	if !v.last.IsZero() {
		gateway.Detail = "last answer " + v.last.Format(time.RFC3339)
	}
	switch {
	case v.unsent > 0:
		network = api.Part{Level: api.Down, Detail: fmt.Sprintf("%d calls in a row could not be sent", v.unsent)}
	case v.unsure > 2:
		gateway = api.Part{Level: api.Down, Detail: fmt.Sprintf("%d calls in a row without a usable answer: %s", v.unsure, v.why)}
	case v.unsure > 0:
		gateway = api.Part{Level: api.Trouble, Detail: v.why}
	}
	return network, gateway
}

// health is what the till knows of itself now.
func (d *Daemon) health() api.Health {
	h := api.Health{Store: d.storeHealth(), Scanner: d.scannerHealth(), Clock: d.clockHealth(), Judge: d.judge.part(), Rejections: d.refused.part(), Cases: cases{d.store, d.o.Log}.part(), Queue: d.owed.part(), Backup: d.backups.part(), Salvage: d.salvageHealth(), Bills: d.bills.part()}
	h.Network, h.Gateway = d.vitals.parts()
	l := d.vitals.link.view()
	h.Link = &l
	return h
}

func (d *Daemon) storeHealth() api.Part {
	st := d.store.Stats()
	used := fmt.Sprintf("%d of %d MB, %d entries", st.Bytes>>20, st.Budget>>20, st.Entries)
	if !st.Accepting {
		return api.Part{Level: api.Down, Detail: "no room for new sales: " + used}
	}
	return api.Part{Level: api.OK, Detail: used}
}

func (d *Daemon) scannerHealth() api.Part {
	if d.scanner == nil {
		return api.Part{Level: api.Off}
	}
	st := d.scanner.Status()
	detail := fmt.Sprintf("%s: %s %s %s", st.State, st.Message, st.Hint, st.Error)
	switch st.State {
	case scanner.Ready:
		return api.Part{Level: api.OK, Detail: string(st.State)}
	case scanner.Garbage:
		return api.Part{Level: api.Trouble, Detail: detail}
	}
	return api.Part{Level: api.Down, Detail: detail}
}

func (d *Daemon) clockHealth() api.Part {
	skew, known := d.gateway.Skew()
	switch {
	case !known:
		return api.Part{Level: api.OK, Detail: "not compared yet"}
	case skew.Abs() >= skewDown:
		return api.Part{Level: api.Down, Detail: fmt.Sprintf("%s behind the provider", skew.Round(time.Second))}
	case skew.Abs() >= skewTrouble:
		return api.Part{Level: api.Trouble, Detail: fmt.Sprintf("%s behind the provider", skew.Round(time.Second))}
	}
	return api.Part{Level: api.OK, Detail: fmt.Sprintf("%s behind the provider", skew.Round(time.Millisecond))}
}

// notice puts what belongs to no sale before the cashier.
func (d *Daemon) notice(n checkout.Notice) {
	d.o.Log.Info("told the cashier", "code", n.Code, "message", n.Message)
	d.web.Tell(n.Code, n.Message+"; "+n.Hint)
}

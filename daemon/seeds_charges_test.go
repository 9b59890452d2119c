package daemon

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/daemon/checkout"
	"qrposd/daemon/sim"
	"qrposd/rules/sale"
)

// contextSeeds is R1: how many payments of people who want to pay are refused,
// with the context that the till sends and with none.
func contextSeeds(t *testing.T, n int) []seed {
	keys := newKeys(t)
	refused := func(body func([]byte) ([]byte, error)) int {
		k, err := stand{keys, 4, `{"seed":7}`, func(_ *Daemon, g checkout.Gateway) checkout.Gateway {
			return edited{Gateway: g, body: body}
		}, nil}.open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer ending(t, k)
		var refused atomic.Int64
		abreast(t, n, 24, func(int) error {
			s, err := k.begin(sale.Payer, 1800)
			if err == nil {
				s, err = k.pay(s)
			}
			if s.State != sale.Paid {
				refused.Add(1)
			}
			return err
		})
		r, ai := k.wx.Report(), k.wx.AIReport().Counts
		if complete := body == nil; complete && ai.Incomplete != 0 || !complete && ai.Complete != 0 || ai.Opaque != 0 {
			t.Errorf("complete %v: the API saw %d complete contexts, %d others and %d keys not verified", complete, ai.Complete, ai.Incomplete, ai.Opaque)
		}
		if paid := n - int(refused.Load()); r.Totals.Charges != paid {
			t.Errorf("the till says %d were paid, the provider charged %d", paid, r.Totals.Charges)
		}
		return int(refused.Load())
	}
	with := refused(nil)
	without := refused(func(body []byte) ([]byte, error) {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(body, &fields); err != nil {
			return nil, err
		}
		delete(fields, "context")
		return json.Marshal(fields)
	})
	if with != 0 || without == 0 {
		t.Errorf("%d of %d refused with their context, %d without", with, n, without)
	}
	return []seed{{
		"1", "7",
		figure{"legitimate payments refused, complete context", n, fmt.Sprintf("%s (%d)", percent(with, n), with)},
		figure{"no context, the API's 12 %", n, fmt.Sprintf("%s (%d)", percent(without, n), without)},
	}}
}

// errand is a coffee that somebody wants: who shows the code, and the amount whose
// last two digits bring a fault to its payment.
type errand struct {
	flow sale.Flow
	tail int64
}

// errands are all faults that the making of a payment can meet, in both flows, and
// payments that meet none.
func errands() []errand {
	list := []errand{{sale.Payer, 0}, {sale.Merchant, 0}}
	for _, f := range sim.Faults() {
		for op, flow := range map[string]sale.Flow{"codepay": sale.Payer, "native": sale.Merchant} {
			if slices.Contains(f.Amount, op) {
				list = append(list, errand{flow, int64(f.Tail)})
			}
		}
	}
	slices.SortFunc(list, func(a, b errand) int {
		return cmp.Or(cmp.Compare(a.tail, b.tail), strings.Compare(string(a.flow), string(b.flow)))
	})
	return list
}

// shopful is how many coffees are sold by one till, by two cashiers, at one
// simulator. With more of them at once three calls in a row fail so often that the
// till mostly waits for the line; and a simulator looks through all its nonces with
// every call once there are more than 10,000 of them.
const shopful = 50

// speed is by how much the till's whole plan, the provider's clock and the 800 ms
// are faster than in a shop: 800 ms are 40 ms, the 45 s of a doubtful charge 2.25 s.
const speed = 20

// chargeSeeds is R3: how often a customer is charged for a coffee when the server
// replays every payment, most of them go wrong, and the cashier tries again what the
// till calls unpaid. It is the provider's count of takings, not what is left of
// them after refunds.
func chargeSeeds(t *testing.T, n int, strict bool) []seed {
	keys := newKeys(t)
	settings := fmt.Sprintf(`{"seed":3,"replay_after_ms":%d,"latency":{"ai_payment":{"kind":"fixed","ms":%d}}}`, 800/speed, 1200/speed)
	queue := errands()
	all := make([]errand, 0, n)
	for r := mathrand.New(mathrand.NewPCG(3, 0)); len(all) < n; { // three resets in a row and the till takes the line for dead
		r.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
		all = append(all, queue...)
	}
	sell := func(n int, through func(*Daemon, checkout.Gateway) checkout.Gateway) (c charges) {
		var mu sync.Mutex
		shopful := min(shopful, max(n/5, 1))
		abreast(t, (n+shopful-1)/shopful, 16, func(shop int) error {
			k, err := stand{keys, speed, settings, through, nil}.open(t.TempDir())
			if err != nil {
				return err
			}
			coffees := all[shop*shopful : min(n, (shop+1)*shopful)]
			abreast(t, len(coffees), 2, func(i int) error { return k.coffee(coffees[i]) })
			mu.Lock()
			defer mu.Unlock()
			c.add(k)
			return k.close()
		})
		return c
	}
	began := time.Now()
	ours := sell(n, nil)
	each := time.Since(began) / time.Duration(n)
	controls := min(n, 5*len(queue))
	uuid := sell(controls, func(_ *Daemon, g checkout.Gateway) checkout.Gateway { return edited{Gateway: g, key: rand.Text} })
	// A till that hears nothing for 45 s takes a charge back, and so it does where the
	// machine is too busy for a clock that runs faster: the figure shows it, and only a
	// test, which asks little of the machine, takes it for a mistake.
	if ours.taken-ours.back != n || strict && ours.back != 0 || ours.most != 1 || ours.shadow != 0 || ours.opaque != 0 || len(ours.broken) != 0 {
		t.Errorf("%d coffees were charged %d times, an order %d times at most; %d given back; %d by replays; %d keys not verified; %v", n, ours.taken, ours.most, ours.back, ours.shadow, ours.opaque, ours.broken[:min(len(ours.broken), 5)])
	}
	if ours.replays < n/2 || uuid.taken <= controls {
		t.Errorf("the control: %d replays of the server, %d charges of %d coffees under a UUID", ours.replays, uuid.taken, controls)
	}
	per := func(c charges, n int) string {
		return fmt.Sprintf("%.3f (%d charges, %d given back)", float64(c.taken)/float64(n), c.taken, c.back)
	}
	return []seed{{
		"2", "3",
		figure{
			fmt.Sprintf("charges per coffee, every payment replayed, time x%d", speed), n,
			fmt.Sprintf("%s; %d server replays, %d of %d orders with a fault, %s ms each", per(ours, n), ours.replays, ours.faulty, ours.orders, millis(each)),
		},
		figure{"UUID as key", controls, per(uuid, controls)},
	}}
}

// coffee has a customer pay for a coffee, and again as long as the till says that
// nothing was taken.
func (k *till) coffee(e errand) error {
	tail, said := e.tail, ""
	for range 20 {
		s, err := k.begin(e.flow, 1800+tail)
		if err == nil {
			s, err = k.pay(s)
		}
		switch {
		case err != nil:
			return fmt.Errorf("%s, fault %d: %w", e.flow, e.tail, err)
		case s.State == sale.Paid:
			return nil
		case s.State.Taken() || s.State == sale.Refunded:
			return fmt.Errorf("%s, fault %d: the sale is %s", e.flow, e.tail, s.State)
		}
		said += fmt.Sprintf("; %s, %v", s.State, s.Why)
		tail = 0                            // the same fault would meet every order of this amount
		time.Sleep(5 * time.Second / speed) // nobody is quicker with the next code
	}
	return fmt.Errorf("%s, fault %d: twenty tries and nobody was charged%s", e.flow, e.tail, said)
}

// charges are what the provider says it did.
type charges struct {
	taken, back, most, shadow, opaque, replays, orders, faulty int

	broken []string // its rules about orders and keys
}

func (c *charges) add(k *till) {
	r := k.wx.Report()
	c.taken += r.Totals.Charges
	c.shadow += r.AI.ShadowCharges
	c.opaque += r.AI.Opaque
	c.replays += r.AI.ServerReplays
	for _, o := range r.Orders {
		c.back += o.Reversals + o.Refunds
		c.most = max(c.most, o.Charges)
		if o.ShadowOf == "" {
			c.orders++
		}
		if len(o.Faults) > 0 {
			c.faulty++
		}
	}
	for _, v := range r.Violations {
		if !strings.Contains(v.What, "not before 15 s") { // a machine that stands still makes anybody early on a clock that runs on
			c.broken = append(c.broken, v.What)
		}
	}
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1e3) }

func ending(t *testing.T, k *till) {
	t.Helper()
	if err := k.close(); err != nil {
		t.Error(err)
	}
}

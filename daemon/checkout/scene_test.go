package checkout

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/sale"
)

type script = func(step sale.Step, nth int) (sale.Kind, time.Duration)

// each answers an action with a list of kinds, the last one for ever, at once.
func each(m map[sale.Action][]sale.Kind) script {
	return func(step sale.Step, nth int) (sale.Kind, time.Duration) {
		if l := m[step.Do]; len(l) > 0 {
			return l[min(nth, len(l))-1], 0
		}
		return sale.Unclear, 0
	}
}

// scene is a sale in virtual time: how the provider answers, how it ends, what
// was asked when, and how many times the disk was written.
type scene struct {
	name   string
	flow   sale.Flow
	answer script
	wait   time.Duration
	end    sale.State
	asked  map[sale.Action]string
	facts  int // commits after the opening one
}

func shown() []scene {
	type kinds = []sale.Kind
	return []scene{
		{
			"a QR code is shown and paid", sale.Merchant,
			each(map[sale.Action]kinds{sale.Order: {sale.Ordered}, sale.Query: {sale.Waiting, sale.Waiting, sale.Received}}),
			time.Minute, sale.Paid,
			map[sale.Action]string{sale.Order: "[0]", sale.Query: "[2 4 6]"},
			3,
		},
		{
			"a QR code that nobody pays is closed", sale.Merchant,
			each(map[sale.Action]kinds{sale.Order: {sale.Ordered}, sale.Query: {sale.Waiting}, sale.Close: {sale.Closed}}),
			10 * time.Minute, sale.Expired,
			map[sale.Action]string{sale.Order: "[0]", sale.Close: "[300]"},
			4,
		},
		{
			"the payer wins the race against the close", sale.Merchant,
			func(step sale.Step, nth int) (sale.Kind, time.Duration) {
				return map[sale.Action]sale.Kind{sale.Order: sale.Ordered, sale.Close: sale.Unclear, sale.Query: map[bool]sale.Kind{true: sale.Received, false: sale.Waiting}[nth > 150]}[step.Do], 0
			},
			10 * time.Minute, sale.Paid,
			map[sale.Action]string{sale.Close: "[300]"},
			4,
		},
		{
			"money on a closed QR code goes back by itself", sale.Merchant,
			func(step sale.Step, nth int) (sale.Kind, time.Duration) {
				return map[sale.Action]sale.Kind{
					sale.Order: sale.Ordered, sale.Close: sale.Closed, sale.SendRefund: sale.RefundDone,
					sale.Query: map[bool]sale.Kind{true: sale.Received, false: sale.Waiting}[nth > 151],
				}[step.Do], 0
			},
			10 * time.Minute, sale.Refunded,
			map[sale.Action]string{sale.Close: "[300]", sale.SendRefund: "[420]"},
			7,
		},
		{
			"no QR code is to be had", sale.Merchant, each(nil),
			time.Minute, sale.Declined,
			map[sale.Action]string{sale.Order: "[0 1 3 7 11 15 19]", sale.Close: "[]"},
			2,
		},
	}
}

func scanned() []scene {
	type kinds = []sale.Kind
	return []scene{
		{
			"a code is charged", sale.Payer, each(map[sale.Action]kinds{sale.Charge: {sale.Received}}),
			time.Minute, sale.Paid,
			map[sale.Action]string{sale.Charge: "[0]", sale.Query: "[]"},
			2,
		},
		{
			"the payer types a password", sale.Payer,
			each(map[sale.Action]kinds{sale.Charge: {sale.Waiting}, sale.Query: {sale.Waiting, sale.Waiting, sale.Received}}),
			time.Minute, sale.Paid,
			map[sale.Action]string{sale.Charge: "[0]", sale.Query: "[5 10 15]"},
			3,
		},
		{
			"the payer never does", sale.Payer,
			each(map[sale.Action]kinds{sale.Charge: {sale.Waiting}, sale.Query: {sale.Waiting}, sale.Reverse: {sale.TakenBack}}),
			time.Minute, sale.Reversed,
			map[sale.Action]string{sale.Charge: "[0]", sale.Query: "[5 10 15 20 25 30 35 40 45]", sale.Reverse: "[45]"},
			4,
		},
		{
			"the network is gone from the charge on", sale.Payer, each(nil),
			4 * time.Minute, sale.Reversing,
			map[sale.Action]string{sale.Charge: "[0]", sale.Reverse: "[45 50 60 80 140]"},
			7,
		},
	}
}

func troubled() []scene {
	type kinds = []sale.Kind
	return []scene{
		{
			"the charge never left", sale.Payer, each(map[sale.Action]kinds{sale.Charge: {sale.NotSent}}),
			time.Minute, sale.Declined,
			map[sale.Action]string{sale.Charge: "[0]", sale.Query: "[]"},
			2,
		},
		{
			"a refusal is confirmed and told at once", sale.Payer,
			each(map[sale.Action]kinds{sale.Charge: {sale.ChargeRefused}, sale.Query: {sale.Missing}}),
			10 * time.Second, sale.Declined,
			map[sale.Action]string{sale.Charge: "[0]", sale.Query: "[0]"},
			3,
		},
		{
			"a wrong password is reversed at 16 s", sale.Payer,
			each(map[sale.Action]kinds{sale.Charge: {sale.Waiting}, sale.Query: {sale.PayFailed}, sale.Reverse: {sale.TakenBack}}),
			time.Minute, sale.Declined,
			map[sale.Action]string{sale.Query: "[5 10 15 16]", sale.Reverse: "[16]"},
			5,
		},
		{
			"the provider never heard of it", sale.Payer,
			each(map[sale.Action]kinds{sale.Query: {sale.Missing}, sale.Reverse: {sale.Missing}}),
			50 * time.Second, sale.Declined,
			map[sale.Action]string{sale.Charge: "[0]", sale.Reverse: "[45]"},
			4,
		},
		{
			"late money after that goes back by itself", sale.Payer,
			each(map[sale.Action]kinds{
				sale.Query:   {sale.Missing, sale.Missing, sale.Missing, sale.Missing, sale.Missing, sale.Missing, sale.Missing, sale.Missing, sale.Missing, sale.Received},
				sale.Reverse: {sale.Missing}, sale.SendRefund: {sale.RefundDone},
			}),
			10 * time.Minute, sale.Refunded,
			map[sale.Action]string{sale.Charge: "[0]", sale.SendRefund: "[105]"},
			7,
		},
	}
}

func TestWhatTheTillDoes(t *testing.T) {
	for _, c := range slices.Concat(shown(), scanned(), troubled()) {
		t.Run(c.name, func(t *testing.T) {
			shop(t, c.answer, func(d *Desk, b *book, g *counter) {
				id := begin(t, d, c.flow)
				time.Sleep(c.wait)
				synctest.Wait()
				if s, _ := b.Sale(id); s.State != c.end {
					t.Errorf("the sale is %s (%v), want %s", s.State, s.Why, c.end)
				}
				for do, want := range c.asked {
					if got := g.at(do); got != want {
						t.Errorf("%s at %s, want %s", do, got, want)
					}
				}
				if got := len(b.facts[id]); got != c.facts {
					t.Errorf("%d commits, want %d: %v", got, c.facts, b.facts[id])
				}
			})
		})
	}
}

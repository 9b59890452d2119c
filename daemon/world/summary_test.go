package world

import (
	"fmt"
	"strings"
	"time"
)

// tally is something that is counted in a seed.
type tally int

const (
	sales tally = iota
	attempts
	paidOrders
	takenBack
	foreign
	checks
	rerouted
	ownCodes
	settled
	takeovers
	setAsides
	refunds
	lateRefunds
	calls
	faults
	cuts
	boots
	steps
	restores
	lostSales
	tallies
)

// summary is what a seed was worth.
type summary struct {
	n [tallies]int

	settled, done time.Duration // from the healing until nothing was in doubt, and until nothing was owed
	print         uint64        // of what became of each sale
}

func (s *summary) add(o summary) {
	for i := range s.n {
		s.n[i] += o.n[i]
	}
	s.settled, s.done = max(s.settled, o.settled), max(s.done, o.done)
}

func (s summary) String() string {
	names := [tallies]string{
		sales: "sales", attempts: "attempts", paidOrders: "paid orders", takenBack: "taken back", foreign: "in another currency", checks: "face checks passed",
		rerouted: "sent another way", ownCodes: "without the provider", settled: "of them found on a statement", takeovers: "takeovers", setAsides: "refunds set aside", refunds: "refunds", lateRefunds: "of late money", calls: "calls", faults: "of them with a fault", cuts: "power cuts", boots: "boots",
		steps: "clock steps", restores: "stores put back", lostSales: "sales known to the provider alone",
	}
	var b strings.Builder
	for i, name := range names {
		fmt.Fprintf(&b, "%d %s, ", s.n[i], name)
	}
	fmt.Fprintf(&b, "in doubt for %s at most after the network healed, owing for %s", s.settled.Round(time.Second), s.done.Round(time.Second))
	return b.String()
}

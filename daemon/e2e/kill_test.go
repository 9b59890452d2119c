package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"qrposd/rules/sale"
)

// fromEnv is a number of the environment, for a shorter run or a repeated one.
func fromEnv(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// tails are amounts whose fault ends by itself: those that leave a refund to a
// person are not among them.
var tails = map[sale.Flow][]int64{
	sale.Merchant: {8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 23, 25, 26, 27, 30},
	sale.Payer:    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22, 23, 24, 25, 26, 27, 30},
}

// wishes of customers, as often as they are listed.
var wishes = []wish{
	toPay, toPay, toPay, toPay, toPay, toPay, toRefund, toRefund, toReturn, toReturn, toCancel, toCancel, toRing, toRing, toLeave,
}

// draw makes up a customer. Half of them meet a fault.
func draw(r *rand.Rand) *basket {
	flow := []sale.Flow{sale.Merchant, sale.Payer}[r.IntN(2)]
	tail := 31 + r.Int64N(69)
	if r.IntN(2) == 0 {
		tail = tails[flow][r.IntN(len(tails[flow]))]
	}
	b := newBasket(flow, 100*(1+r.Int64N(90))+tail, wishes[r.IntN(len(wishes))])
	b.early = flow == sale.Payer && r.IntN(2) == 0 && b.wish != toLeave
	b.pause = time.Duration(r.IntN(3)) * upTo(r, 100*time.Millisecond)
	return b
}

// tally is what all tills of the random test did.
type tally struct {
	mu                  sync.Mutex
	cuts, rung, doubted int
}

func (y *tally) add(s *shift, cuts int) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.cuts += cuts
	for _, b := range s.baskets {
		y.rung, y.doubted = y.rung+len(b.rings), y.doubted+b.doubts
	}
}

// pull pulls the plug again and again: at work, while the till starts, and
// while it stops.
func (s *shift) pull(r *rand.Rand, kills int) {
	for n := range kills {
		if n%4 == 3 {
			s.d.launch()
			s.moment(upTo(r, 120*time.Millisecond))
		} else {
			s.start()
			s.moment(upTo(r, 400*time.Millisecond))
		}
		if n%8 == 0 {
			_ = s.d.cmd.Process.Signal(syscall.SIGTERM)
			s.moment(upTo(r, 30*time.Millisecond))
		}
		s.kill()
	}
}

func upTo(r *rand.Rand, d time.Duration) time.Duration { return time.Duration(r.Int64N(int64(d))) }

// weather takes the network away now and then until it is told to clear up.
func (o *outside) weather(r *rand.Rand) (clear func()) {
	over, done := make(chan struct{}), make(chan struct{})
	link := func(up bool) {
		if err := o.ask(http.MethodPost, "/sim/link", map[string]bool{"up": up}, nil); err != nil {
			o.t.Errorf("the link: %v", err)
		}
	}
	go func() {
		defer close(done)
		for up := true; ; up = !up {
			link(up)
			select {
			case <-over:
				link(true)
				return
			case <-time.After(upTo(r, map[bool]time.Duration{true: 3 * time.Second, false: 600 * time.Millisecond}[up])):
			}
		}
	}()
	return func() { close(over); <-done }
}

// lane is a till of the random test.
type lane int

func (l lane) String() string { return fmt.Sprintf("till %d", l) }

// day is a day at one till: cashiers who serve whoever comes, and power cuts.
func (s *shift) day(dice func(stream int) *rand.Rand, cashiers, cuts int, clear func()) {
	var closing atomic.Bool
	for c := range cashiers {
		r := dice(c)
		s.serve(func() *basket {
			if closing.Load() {
				return nil
			}
			return draw(r)
		})
	}
	s.pull(dice(cashiers), cuts)
	closing.Store(true)
	s.start()
	clear()
	s.finish()
}

// The plug is pulled at random moments of the day, at four tills of one
// merchant with five cashiers each, while the network comes and goes.
func TestRandomPowerCuts(t *testing.T) {
	seed := fromEnv(t, "QRPOSD_E2E_SEED", rand.Uint64())
	cuts := int(fromEnv(t, "QRPOSD_E2E_KILLS", 200))
	t.Logf("QRPOSD_E2E_SEED=%d repeats the customers and the cuts", seed)
	const cashiers = 5
	lanes := []lane{0, 1, 2, 3}
	st := newStreet(t)
	clear := sync.OnceFunc(st.o.weather(rand.New(rand.NewPCG(seed, 0))))
	defer clear()
	var sum tally
	abreast(t, len(lanes), lanes, func(t *testing.T, l lane) {
		s := st.shift(t, built(t).product)
		dice := func(stream int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(100*(l+1))+uint64(stream))) }
		each := (cuts + len(lanes) - 1) / len(lanes)
		s.day(dice, cashiers, each, clear)
		sum.add(s, each)
	})
	theirs, err := st.o.books()
	if err != nil {
		t.Fatal(err)
	}
	charges, refunds := 0, 0
	for _, c := range theirs.Orders {
		charges, refunds = charges+c.Charges, refunds+c.Refunds
	}
	t.Logf("%d cuts, %d sales acknowledged, %d orders, %d charges, %d refunds, %d times in doubt and resolved",
		sum.cuts, sum.rung, len(theirs.Orders), charges, refunds, sum.doubted)
	if cuts >= 100 && (charges < cuts/4 || refunds == 0 || sum.doubted == 0) {
		t.Error("too little happened for the test to mean anything")
	}
}

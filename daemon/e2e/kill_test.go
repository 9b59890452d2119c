package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
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
	b.pause = time.Duration(r.IntN(3)*r.IntN(100)) * time.Millisecond
	return b
}

// lane is a till of the random test.
type lane struct {
	n     int
	kills int
	seed  uint64
}

func (l lane) String() string { return fmt.Sprintf("till %d", l.n) }

// pull pulls the plug again and again: at work, and while the till starts.
func (s *shift) pull(r *rand.Rand, kills int) {
	for n := range kills {
		if n%4 == 3 {
			s.d.launch()
			s.moment(time.Duration(r.IntN(120)) * time.Millisecond)
		} else {
			s.start()
			s.moment(time.Duration(r.IntN(400)) * time.Millisecond)
		}
		s.kill()
	}
}

// The plug is pulled at random moments of the day, at four tills of one
// merchant, with three cashiers each.
func TestRandomPowerCuts(t *testing.T) {
	seed := fromEnv(t, "QRPOSD_E2E_SEED", rand.Uint64())
	kills := int(fromEnv(t, "QRPOSD_E2E_KILLS", 200))
	t.Logf("QRPOSD_E2E_SEED=%d repeats the customers and the cuts", seed)
	st := newStreet(t)
	const tills, cashiers = 4, 3
	var lanes []lane
	for n := range tills {
		lanes = append(lanes, lane{n, (kills + tills - 1) / tills, seed})
	}
	var mu sync.Mutex
	var rung, doubts int
	abreast(t, tills, lanes, func(t *testing.T, l lane) {
		s := st.shift(t, built(t).product)
		var closing atomic.Bool
		for c := range cashiers {
			r := rand.New(rand.NewPCG(l.seed, uint64(l.n*cashiers+c)))
			s.serve(func() *basket {
				if closing.Load() {
					return nil
				}
				return draw(r)
			})
		}
		s.pull(rand.New(rand.NewPCG(l.seed, uint64(1000+l.n))), l.kills)
		closing.Store(true)
		s.start()
		s.finish()
		mu.Lock()
		defer mu.Unlock()
		for _, b := range s.baskets {
			rung, doubts = rung+len(b.rings), doubts+b.doubts
		}
	})
	theirs, err := st.o.books()
	if err != nil {
		t.Fatal(err)
	}
	charges := 0
	for _, c := range theirs.Orders {
		charges += c.Charges
	}
	t.Logf("%d cuts, %d sales acknowledged, %d orders, %d charges, %d in doubt and resolved", tills*lanes[0].kills, rung, len(theirs.Orders), charges, doubts)
}

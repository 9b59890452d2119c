package world

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"qrposd/daemon/checkout"
	"qrposd/rules/sale"
	"qrposd/store"
)

// errPower is what is heard from a till without power.
var errPower = errors.New("the power is gone")

// machine is the computer of a till: its clocks.
type machine struct {
	mu     sync.Mutex
	boot   int
	booted time.Time
	off    time.Duration // the time of day, off the truth
}

func (m *machine) Wall() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Now().Add(m.off)
}

func (m *machine) Boot() (string, time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprint("boot ", m.boot), time.Since(m.booted)
}

// till is one box: a file and a machine outlive the power.
type till struct {
	w     *world
	name  string
	path  string
	sales int
	clock *machine
	quit  chan struct{}
	gone  chan struct{} // it will not run again

	broken atomic.Bool // the disk has ended, and a copy has to be put back

	mu   sync.Mutex
	life *life // nil without power
}

// life is what is in memory between two losses of power.
type life struct {
	t    *till
	db   *store.DB
	desk *checkout.Desk
	ctx  context.Context
	off  context.CancelFunc
	dead atomic.Bool
	cut  atomic.Value // the point of the next commit at which the power goes
}

func newTill(w *world, name, path string, sales int) *till {
	return &till{w: w, name: name, path: path, sales: sales, clock: &machine{booted: time.Now().Add(-time.Minute)}, quit: make(chan struct{}), gone: make(chan struct{})}
}

// run is the box under its service manager: it starts the daemon again for ever.
func (t *till) run() {
	defer close(t.gone)
	for n := 0; ; n++ {
		l, err := t.open()
		if err != nil {
			t.w.locked(func() { t.w.violate("%s does not start: %v", t.name, err) })
			return
		}
		ended := make(chan error, 1)
		go func() { ended <- l.desk.Run(l.ctx, l.ctx) }()
		t.set(l)
		quit := false
		select {
		case <-l.ctx.Done():
		case <-t.quit:
			quit = true
		}
		t.set(nil)
		l.off()
		err = errors.Join(<-ended, l.db.Close())
		if quit || err != nil && !l.dead.Load() {
			if err != nil {
				t.w.locked(func() { t.w.violate("%s ended: %v", t.name, err) })
			}
			return
		}
		t.rest(n)
		if t.broken.Swap(false) {
			if err := t.putBack(); err != nil {
				t.w.locked(func() { t.w.violate("%s cannot be put back: %v", t.name, err) })
				return
			}
		}
	}
}

// rest is the time without power, after which the machine may be another boot.
func (t *till) rest(n int) {
	r := t.w.roll("rest", t.name, n)
	reboot := r.IntN(2) == 0
	long := 5 * time.Second
	if reboot {
		long = 4 * time.Minute
	}
	time.Sleep(between(r, 100*time.Millisecond, long))
	t.w.locked(func() {
		t.w.sum.n[cuts]++
		if reboot {
			t.w.sum.n[boots]++
		}
	})
	if !reboot {
		return
	}
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.clock.boot++
	t.clock.booted = time.Now().Add(-time.Second)
	if r.IntN(3) == 0 { // no battery
		t.clock.off = -time.Since(time.Unix(0, 0))
	}
}

// options are how the till's file is opened.
func (t *till) options() store.Options {
	o := store.Options{Till: t.name, Secret: []byte("merchant secret of a world"), Plan: sale.DefaultPlan(), Reserve: 64 << 10, Clock: t.clock}
	o.Plan.Judge = true
	if t.w.bug.plan != nil {
		t.w.bug.plan(&o.Plan)
	}
	if t.w.bug.clock != nil {
		o.Clock = t.w.bug.clock(t.clock)
	}
	return o
}

func (t *till) open() (*life, error) {
	l := &life{t: t}
	l.ctx, l.off = context.WithCancel(context.Background())
	o := t.options()
	o.Hook, o.Exit = l.hook, func(int) { l.die() }
	var err error
	if l.db, err = store.Open(t.path, o); err != nil {
		l.off()
		return nil, err
	}
	var journal checkout.Journal = book{l}
	var gateway checkout.Gateway = line{l}
	var adviser checkout.Adviser = judge{l}
	var prices checkout.Pricer = pricer{l}
	if b := t.w.bug.journal; b != nil {
		journal = b(t.w, journal)
	}
	if b := t.w.bug.gateway; b != nil {
		gateway = b(t.w, gateway)
	}
	if b := t.w.bug.adviser; b != nil {
		adviser = b(adviser)
	}
	if b := t.w.bug.pricer; b != nil {
		prices = b(prices)
	}
	l.desk = checkout.New(checkout.Options{Gateway: gateway, Journal: journal, Clock: l.db, Adviser: adviser, Pricer: prices, Offline: codes{l}, Plan: o.Plan, Wallet: "wechat"})
	return l, nil
}

func (t *till) set(l *life) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.life = l
}

// now is the present life, or nil.
func (t *till) now() *life {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.life
}

// die is the moment at which the power goes: from here on nothing is written,
// sent or told.
func (l *life) die() {
	l.dead.Store(true)
	l.off()
}

// hook is the store's: the power goes before a commit or right behind it.
func (l *life) hook(op string) error {
	if l.dead.Load() {
		return errPower
	}
	if at, _ := l.cut.Load().(string); at != "" && len(op) > len(at) && op[len(op)-len(at):] == at {
		l.die()
		return errPower
	}
	return nil
}

// fails says whether the power goes at a point of a sale, in a thousandth each.
func (l *life) fails(thousandths int, about ...any) bool {
	w := l.t.w
	key := fmt.Sprintln(about...)
	n := w.again("power " + key)
	return !w.isCalm() && w.roll("power", key, n).IntN(1000) < thousandths
}

// doubts counts the sales of which it is not known where the money is; all of
// them, in a till that is without power.
func (t *till) doubts() (n int) {
	return t.count(func(s sale.Sale) bool {
		return s.State.Live() && s.Flow != sale.Offline || s.State == sale.Refunding && !owesLater(s)
	})
}

// owesLater says that all refunds of a sale are with the provider, who may take days.
func owesLater(s sale.Sale) bool {
	for i := range s.Refunds {
		if s.Refunds[i].State == sale.RefundOwed {
			return false
		}
	}
	return true
}

// count asks the sales that owe the world a step, which is every sale that can be in
// doubt: one that is and owes nothing is found when the books are compared.
func (t *till) count(is func(sale.Sale) bool) (n int) {
	l := t.now()
	if l == nil {
		return 1
	}
	list, err := l.db.Unfinished()
	if err != nil {
		return 1
	}
	for _, id := range list {
		if s, err := l.db.Sale(id); err != nil || is(s) {
			n++
		}
	}
	return n
}

func (t *till) owes() int {
	l := t.now()
	if l == nil {
		return 1
	}
	n, _ := l.desk.Load()
	return n
}

// meddle sets the time of day, as servers and people do, until the network heals.
func (t *till) meddle() {
	for n := 0; !t.w.isCalm(); n++ {
		r := t.w.roll("meddle", t.name, n)
		select {
		case <-time.After(between(r, time.Minute, 20*time.Minute)):
		case <-t.quit:
			return
		}
		sizes := []time.Duration{time.Second, 40 * time.Minute, 24 * time.Hour, 20 * 365 * 24 * time.Hour}
		step := sizes[r.IntN(len(sizes))]
		if r.IntN(2) == 0 {
			step = -step
		}
		t.clock.mu.Lock()
		t.clock.off += step
		t.clock.mu.Unlock()
		t.w.locked(func() { t.w.sum.n[steps]++ })
	}
}

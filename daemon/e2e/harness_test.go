package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// speed is how much faster than the provider the world of these tests is. A
// charge is then in doubt for 0.9 s and a QR code lives for 6 s.
const speed = 50

// shift is one till at work: the plug that is pulled, the people at its
// counter, and every basket that they tried to have paid.
type shift struct {
	t   testing.TB
	o   *outside
	d   *till
	id  string
	ctx context.Context // ends with the test; the people go home

	mu      sync.Mutex
	api     *api.Client // nil while the till is off
	baskets []*basket
	people  sync.WaitGroup
}

// addresses gives every till a loopback address of its own. The port of a till
// that was killed may be given to its neighbour, and a cashier who asks again
// must not speak to that one.
type addresses struct{ last atomic.Uint32 }

func (a *addresses) next() (n uint32, addr string) {
	n = a.last.Add(1)
	return n, fmt.Sprintf("127.9.%d.%d", n>>8&0xff, n&0xff)
}

// street is what the tills of one test share.
type street struct {
	o     *outside
	addrs addresses
}

func newStreet(t testing.TB) *street { return &street{o: startOutside(t, speed)} }

// edit is a line put into a section of a till's configuration.
type edit struct{ section, line string }

var v2 = edit{"wechat", `driver = "v2"`}

// patient gives the provider's 15 s more than a second's margin: here that is
// 20 ms, which a busy machine spends between the intent and the wire.
var patient = edit{"timing", `reverse_earliest = "25s"`}

// shift opens nothing yet: the till has a name and an empty disk.
func (st *street) shift(t testing.TB, exe string, edits ...edit) *shift {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	n, addr := st.addrs.next()
	id := fmt.Sprintf("K%03d", n)
	s := &shift{t: t, o: st.o, id: id, ctx: ctx}
	t.Cleanup(func() { cancel(); s.people.Wait() }) // whoever is served still would speak of a test that is over
	s.d = newTill(t, st.o, exe, id, func(conf string) string {
		for _, e := range append(edits, patient) {
			conf = strings.Replace(conf, "["+e.section+"]\n", "["+e.section+"]\n"+e.line+"\n", 1)
		}
		return strings.Replace(conf, `listen = "127.0.0.1:0"`, `listen = "`+addr+`:0"`, 1)
	})
	return s
}

// start plugs the till in, with what a fault point wants.
func (s *shift) start(env ...string) {
	s.t.Helper()
	if s.d.start(env...) {
		s.online(s.d.api)
	}
}

func (s *shift) online(c *api.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.api = c
}

// kill pulls the plug.
func (s *shift) kill() {
	s.online(nil)
	s.d.kill()
}

// passes is how long a till may take to a fault point: seconds, on a machine that has
// nothing else to do.
const passes = 2 * time.Minute

// died waits until the till has pulled its own plug at a fault point.
func (s *shift) died() bool {
	select {
	case err := <-s.d.ended:
		s.d.ended <- err
		s.kill()
		return true
	case <-time.After(passes):
		return false
	}
}

// errHome ends what a person waits for when the test is over.
var errHome = errors.New("the test is over")

// till is the client of the till that runs now. It waits for one.
func (s *shift) till() (*api.Client, error) {
	for s.ctx.Err() == nil {
		s.mu.Lock()
		c := s.api
		s.mu.Unlock()
		if c != nil {
			return c, nil
		}
		s.moment(5 * time.Millisecond)
	}
	return nil, errHome
}

func (s *shift) moment(d time.Duration) {
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
	}
}

// insist makes a call until the till has answered it: a restart, a till that is
// being stopped and a connection that was cut are no answers. The call has to
// be one that may be repeated.
func (s *shift) insist(call func(context.Context, *api.Client) (api.Sale, error)) (api.Sale, error) {
	for {
		c, err := s.till()
		if err != nil {
			return api.Sale{}, err
		}
		ctx, cancel := context.WithTimeout(s.ctx, 30*time.Second)
		v, err := call(ctx, c)
		cancel()
		var p *api.Problem
		if err == nil || errors.As(err, &p) && p.Status != http.StatusServiceUnavailable {
			return v, err
		}
		s.moment(10 * time.Millisecond)
	}
}

func (s *shift) look(id sale.ID) (api.Sale, error) {
	return s.insist(func(ctx context.Context, c *api.Client) (api.Sale, error) { return c.Sale(ctx, id, 0) })
}

// all lists every sale of the till.
func (s *shift) all() (map[sale.ID]api.Sale, error) {
	all := make(map[sale.ID]api.Sale)
	for before := sale.ID(""); ; {
		page, err := s.d.api.Sales(s.ctx, 100, before)
		if err != nil {
			return nil, err
		}
		for _, v := range page.Sales {
			all[v.ID] = v
		}
		if before = page.Next; before == "" {
			return all, nil
		}
	}
}

// serve has people attend to baskets, one after the other; several calls are
// several cashiers at one till.
func (s *shift) serve(next func() *basket) {
	s.people.Go(func() {
		for b := next(); b != nil; b = next() {
			s.mu.Lock()
			s.baskets = append(s.baskets, b)
			s.mu.Unlock()
			if err := s.attend(b); err != nil {
				s.t.Errorf("%s: basket %s: %v\n%s", s.id, b, err, s.d.log)
				return
			}
		}
	})
}

// one is a queue of a single basket.
func one(b *basket) func() *basket {
	return func() *basket {
		next := b
		b = nil
		return next
	}
}

// rest waits until the till owes nothing to anybody.
func (s *shift) rest(limit time.Duration) error {
	var restless string
	for end := time.Now().Add(limit); time.Now().Before(end); s.moment(50 * time.Millisecond) {
		all, err := s.all()
		if err != nil {
			return err
		}
		if restless = owing(all); restless == "" {
			return nil
		}
	}
	return fmt.Errorf("still not at rest: %s", restless)
}

// owing names a sale that is not at rest.
func owing(all map[sale.ID]api.Sale) string {
	for _, v := range all {
		open := !v.Rests()
		for _, r := range v.History.Refunds {
			open = open || r.State == sale.RefundOwed || r.State == sale.RefundWorking
		}
		if open {
			return fmt.Sprintf("%s is %s: %+v", v.ID, v.State, v.History)
		}
	}
	return ""
}

// finish is the end of the day: everybody is served, the till comes to rest,
// its books are held against the provider's, and the file is in order.
func (s *shift) finish() {
	s.t.Helper()
	for _, f := range s.audit() {
		s.t.Errorf("%s: %s", s.id, f)
	}
	if s.t.Failed() {
		s.t.Logf("%s\n%s", s.d.config, s.d.log)
	}
	s.online(nil)
	s.d.stop()
	s.d.check()
}

// audit waits for rest, which is as far away as the last rung of a ladder, and lists what the books disagree about.
func (s *shift) audit() []string {
	s.t.Helper()
	s.people.Wait()
	if err := s.rest(90 * time.Second); err != nil {
		return []string{err.Error()}
	}
	mine, err := s.all()
	if err != nil {
		return []string{err.Error()}
	}
	theirs, err := s.o.books()
	if err != nil {
		return []string{err.Error()}
	}
	return compare(s.id, s.baskets, mine, theirs)
}

package llm

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// script answers lookups: after wait with addrs, or with an error.
type script struct {
	wait  time.Duration
	addrs []string
	asked int
}

func (s *script) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	s.asked++
	select {
	case <-time.After(s.wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var list []netip.Addr
	for _, a := range s.addrs {
		list = append(list, netip.MustParseAddr(a))
	}
	if len(list) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return list, nil
}

func first(t *testing.T, n *names) (addr string, took time.Duration) {
	t.Helper()
	began := time.Now()
	list, err := n.lookup(t.Context(), "api.example.com")
	if err != nil {
		return err.Error(), time.Since(began)
	}
	return list[0].String(), time.Since(began)
}

func TestNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &script{wait: 30 * time.Millisecond, addrs: []string{"192.0.2.1", "192.0.2.2"}}
		n := newNames(ctx, s)
		step := func(what, want string, within time.Duration, asked int) {
			t.Helper()
			addr, took := first(t, n)
			synctest.Wait()
			if addr != want || took > within || s.asked != asked {
				t.Errorf("%s: %s after %s, asked %d times; want %s within %s, %d", what, addr, took, s.asked, want, within, asked)
			}
		}
		step("first", "192.0.2.1", 30*time.Millisecond, 1)
		step("remembered", "192.0.2.1", 0, 1)
		n.worked("api.example.com", netip.MustParseAddr("192.0.2.2"))
		step("the one that worked", "192.0.2.2", 0, 1)
		time.Sleep(namesFresh)
		step("asked again, the one that worked stays first", "192.0.2.2", 30*time.Millisecond, 2)

		time.Sleep(namesFresh)
		s.wait, s.addrs = time.Second, []string{"192.0.2.9"}
		step("slow", "192.0.2.2", namesPatience, 3)
		step("still slow, not asked beside", "192.0.2.2", namesPatience, 3)
		time.Sleep(time.Second)
		step("the slow answer counts", "192.0.2.9", 0, 3)

		time.Sleep(namesFresh)
		s.wait, s.addrs = 0, nil
		step("fails", "192.0.2.9", 0, 4)
		step("not asked again at once", "192.0.2.9", 0, 4)
		time.Sleep(namesRetry)
		s.wait = time.Hour
		step("silent", "192.0.2.9", namesPatience, 5)
		time.Sleep(namesTimeout)
		synctest.Wait()

		s.wait, s.addrs = 0, []string{"192.0.2.3"}
		time.Sleep(namesRetry)
		step("back", "192.0.2.3", 0, 6)
		n.doubt("api.example.com")
		step("in doubt", "192.0.2.3", 0, 7)
	})
}

// Without an address from before, a lookup that fails is an error, and is asked
// again; one that is silent ends with the context.
func TestNamesUnknown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &script{}
		n := newNames(ctx, s)
		for range 2 {
			addr, _ := first(t, n)
			synctest.Wait()
			if addr != "lookup api.example.com: no such host" {
				t.Error(addr)
			}
		}
		s.wait = time.Hour
		short, stop := context.WithTimeout(t.Context(), 540*time.Millisecond)
		defer stop()
		began := time.Now()
		if _, err := n.lookup(short, "api.example.com"); err != context.DeadlineExceeded || time.Since(began) != 540*time.Millisecond {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		synctest.Wait()
		if s.asked != 3 {
			t.Errorf("asked %d times", s.asked)
		}
	})
}

// road is a network on which some addresses answer, some refuse and some are silent.
type road struct {
	how   map[string]time.Duration // negative: refuses after that long
	mu    sync.Mutex
	tried []string
	open  int
}

type pipe struct {
	net.Conn
	road *road
}

func (p *pipe) Close() error {
	p.road.mu.Lock()
	defer p.road.mu.Unlock()
	p.road.open--
	return p.Conn.Close()
}

func (r *road) dial(ctx context.Context, _, address string) (net.Conn, error) {
	r.mu.Lock()
	r.tried = append(r.tried, address)
	r.mu.Unlock()
	wait, ok := r.how[address]
	if !ok {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	time.Sleep(max(wait, -wait)) // a handshake that is done is done, whoever left
	if wait < 0 {
		return nil, &net.OpError{Op: "dial", Err: net.UnknownNetworkError("refused")}
	}
	r.mu.Lock()
	r.open++
	r.mu.Unlock()
	a, _ := net.Pipe()
	return &pipe{a, r}, nil
}

func TestDial(t *testing.T) {
	const ms = time.Millisecond
	one, two, three := "192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443"
	for _, tt := range []struct {
		name  string
		how   map[string]time.Duration
		took  time.Duration
		tried []string
		err   bool
	}{
		{"first", map[string]time.Duration{one: 10 * ms}, 10 * ms, []string{one}, false},
		{"first is silent", map[string]time.Duration{two: 10 * ms}, stagger + 10*ms, []string{one, two}, false},
		{"two are silent", map[string]time.Duration{three: 10 * ms}, 2*stagger + 10*ms, []string{one, two, three}, false},
		{"first refuses", map[string]time.Duration{one: -5 * ms, two: 10 * ms}, 15 * ms, []string{one, two}, false},
		{"first is slow and wins", map[string]time.Duration{one: 100 * ms, two: 50 * ms}, 100 * ms, []string{one, two}, false},
		{"first is slow and loses", map[string]time.Duration{one: 200 * ms, two: 10 * ms}, stagger + 10*ms, []string{one, two}, false},
		{"all refuse", map[string]time.Duration{one: -5 * ms, two: -5 * ms, three: -5 * ms}, 15 * ms, []string{one, two, three}, true},
		{"all are silent", nil, connectTimeout, []string{one, two, three}, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := &road{how: tt.how}
			d := &dialer{newNames(ctx, &script{addrs: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}}), r.dial}
			began := time.Now()
			conn, err := d.connect(t.Context(), "tcp", "api.example.com:443")
			took := time.Since(began)
			synctest.Wait()
			if took != tt.took || (err != nil) != tt.err || !slices.Equal(r.tried, tt.tried) {
				t.Errorf("%s: %v after %s through %q, want %s, %q", tt.name, err, took, r.tried, tt.took, tt.tried)
			}
			time.Sleep(time.Second) // losers connect late and are closed
			synctest.Wait()
			if conn != nil {
				conn.Close()
			}
			if r.open != 0 {
				t.Errorf("%s: %d connections are left open", tt.name, r.open)
			}
		})
	}
}

// An address that had to wait for its turn is the first the next time.
func TestDialRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := &script{addrs: []string{"192.0.2.1", "192.0.2.2"}}
		const ms = time.Millisecond
		r := &road{how: map[string]time.Duration{"192.0.2.2:443": ms, "127.0.0.1:80": ms, "[::1]:80": ms}}
		d := &dialer{newNames(ctx, s), r.dial}
		for _, want := range []time.Duration{stagger + ms, ms} {
			began := time.Now()
			conn, err := d.connect(t.Context(), "tcp", "api.example.com:443")
			if err != nil || time.Since(began) != want {
				t.Fatalf("%v after %s, want %s", err, time.Since(began), want)
			}
			conn.Close()
		}
		synctest.Wait()
		// This machine and plain addresses are nobody's to look up.
		asked := s.asked
		for _, host := range []string{"localhost:80", "[::1]:80", "127.0.0.1:80"} {
			conn, err := d.connect(t.Context(), "tcp", host)
			if err != nil {
				t.Fatal(err)
			}
			conn.Close()
		}
		if s.asked != asked {
			t.Error("a resolver was asked where this machine is")
		}
	})
}

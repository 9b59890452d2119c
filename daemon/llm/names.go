package llm

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	// namesFresh is how long an address is used without asking again.
	namesFresh = time.Minute
	// namesRetry is how long nobody asks after a lookup that failed.
	namesRetry = 5 * time.Second
	// namesPatience is how long a call waits for a lookup when there is an address
	// from before.
	namesPatience = 100 * time.Millisecond
	// namesTimeout ends a lookup that nobody waits for any more.
	namesTimeout = 5 * time.Second
)

// Resolver is the part of [net.Resolver] that is used.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// names remembers addresses. Go's own resolver remembers nothing and waits five
// seconds for a server that is silent; an address that was good yesterday is worth
// more than that, as a wrong one fails the TLS handshake.
type names struct {
	ctx      context.Context // ends lookups that nobody waits for
	resolver Resolver

	mu    sync.Mutex
	hosts map[string]*host
}

type host struct {
	addrs []netip.Addr  // of the last lookup that succeeded; the one that connected last stands first
	until time.Time     // when to ask again
	busy  chan struct{} // closed when the lookup under way is over; nil if there is none
	err   error         // of the last lookup
}

func newNames(ctx context.Context, r Resolver) *names {
	return &names{ctx: ctx, resolver: r, hosts: make(map[string]*host)}
}

// lookup is the addresses of a host, those of the last lookup if a new one is slow
// or fails.
func (n *names) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	n.mu.Lock()
	h := n.hosts[name]
	if h == nil {
		h = new(host)
		n.hosts[name] = h
	}
	if time.Now().Before(h.until) {
		defer n.mu.Unlock()
		return slices.Clone(h.addrs), h.err
	}
	if h.busy == nil {
		h.busy = make(chan struct{})
		go n.refresh(name, h)
	}
	busy, old := h.busy, slices.Clone(h.addrs)
	n.mu.Unlock()

	var patience <-chan time.Time
	if len(old) > 0 {
		t := time.NewTimer(namesPatience)
		defer t.Stop()
		patience = t.C
	}
	select {
	case <-busy:
		n.mu.Lock()
		defer n.mu.Unlock()
		return slices.Clone(h.addrs), h.err
	case <-patience:
		return old, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// refresh asks once for all who wait. A failure is remembered for a while only
// where there are addresses to go on with.
func (n *names) refresh(name string, h *host) {
	ctx, cancel := context.WithTimeout(n.ctx, namesTimeout)
	defer cancel()
	addrs, err := n.resolver.LookupNetIP(ctx, "ip", name)

	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil && len(addrs) > 0:
		first := slices.IndexFunc(addrs, func(a netip.Addr) bool { return len(h.addrs) > 0 && a == h.addrs[0] })
		h.addrs, h.err, h.until = addrs, nil, time.Now().Add(namesFresh)
		h.toFront(first)
	case len(h.addrs) > 0:
		h.until = time.Now().Add(namesRetry)
	default:
		h.err = err
	}
	close(h.busy)
	h.busy = nil
}

// worked remembers the address that a connection was made to.
func (n *names) worked(name string, addr netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[name]; h != nil {
		h.toFront(slices.Index(h.addrs, addr))
	}
}

// doubt has a host looked up again: none of its addresses could be connected to.
func (n *names) doubt(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if h := n.hosts[name]; h != nil {
		h.until = time.Time{}
	}
}

func (h *host) toFront(i int) {
	if i > 0 {
		addr := h.addrs[i]
		h.addrs = slices.Insert(slices.Delete(h.addrs, i, i+1), 0, addr)
	}
}

package llm

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"
)

const (
	// connectTimeout and handshakeTimeout end what a call that was cut off leaves
	// behind: net/http goes on connecting, for the next call to find it done.
	connectTimeout   = 2 * time.Second
	handshakeTimeout = 2 * time.Second
	// stagger is the head start of an address before the next is tried beside it. One
	// that swallows packets would otherwise swallow the whole sale.
	stagger = 80 * time.Millisecond
	// maxAddrs of a host are tried.
	maxAddrs = 4
	// idleTimeout is long: a connection at hand is worth two round trips. The kernel's
	// probes, every 15 s, keep a router on the way from forgetting it.
	idleTimeout = 5 * time.Minute
)

// newTransport is the one way out for all providers. It speaks HTTP/1.1: each call
// has a connection of its own, so one that died takes one call with it, which a hedge
// makes good. With HTTP/2 all calls share one, and die together until a ping finds
// out. The price is a handshake after a call that was cut off, and nobody waits for it
// but the next call. Without HTTP/2 in it, the program is 450 kB smaller.
func newTransport(dial func(ctx context.Context, network, address string) (net.Conn, error), roots *x509.CertPool) *http.Transport {
	one := new(http.Protocols)
	one.SetHTTP1(true)
	return &http.Transport{
		DialContext:            dial,
		TLSHandshakeTimeout:    handshakeTimeout,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(16)},
		Protocols:              one,
		DisableCompression:     true, // an answer fits into one packet
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// dialer connects to the first address of a host that lets it.
type dialer struct {
	names *names
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
}

func (d *dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return d.dial(ctx, network, net.JoinHostPort(addr.String(), port))
	}
	var addrs []netip.Addr
	if host == "localhost" {
		addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	} else if addrs, err = d.names.lookup(ctx, host); err != nil {
		return nil, err
	}
	conn, addr, err := d.race(ctx, network, addrs[:min(len(addrs), maxAddrs)], port)
	if err != nil {
		d.names.doubt(host)
		return nil, err
	}
	d.names.worked(host, addr)
	return conn, nil
}

type dialled struct {
	conn net.Conn
	addr netip.Addr
	err  error
}

// race starts the addresses one after the other, the next when the one before has
// failed or used up its head start, and takes the first connection.
func (d *dialer) race(ctx context.Context, network string, addrs []netip.Addr, port string) (net.Conn, netip.Addr, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan dialled)
	start := func(addr netip.Addr) {
		conn, err := d.dial(ctx, network, net.JoinHostPort(addr.String(), port))
		select {
		case results <- dialled{conn, addr, err}:
		case <-ctx.Done():
			if conn != nil {
				conn.Close()
			}
		}
	}
	next := time.NewTimer(0)
	defer next.Stop()
	started, failed := 0, 0
	last := fmt.Errorf("no address to connect to")
	for failed < len(addrs) {
		select {
		case <-next.C:
			if started < len(addrs) {
				go start(addrs[started])
				started++
				next.Reset(stagger)
			}
		case r := <-results:
			if r.err == nil {
				return r.conn, r.addr, nil
			}
			last = r.err
			failed++
			next.Reset(0)
		case <-ctx.Done():
			return nil, netip.Addr{}, ctx.Err()
		}
	}
	return nil, netip.Addr{}, last
}

package doctor

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"time"
)

// Endpoint is an address that the till depends on.
type Endpoint struct {
	Name, URL string
	CAFile    string // pins its authorities; empty is the system's
	Needed    bool   // without it no payment is made
}

// Reach examines the way to every endpoint: its name, the connection, and TLS with
// the certificate's end. No request is made. Without the network it says so.
func Reach(endpoints []Endpoint, offline bool, now time.Time) Check {
	return Check{ID: "reach", Title: "Every endpoint can be reached", Run: func(ctx context.Context) (t Tally) {
		if offline {
			t.Unsure("run it without -offline", "%d endpoints were not tried", len(endpoints))
			return t
		}
		parts := make([]Tally, len(endpoints))
		done := make(chan struct{})
		for i, e := range endpoints {
			go func() {
				e.reach(ctx, &parts[i], now)
				done <- struct{}{}
			}()
		}
		for range endpoints {
			<-done
		}
		for _, p := range parts {
			t.merge(p)
		}
		return t
	}}
}

func (t *Tally) merge(p Tally) {
	if t.verdict == "" || p.verdict.rank() > t.verdict.rank() {
		t.verdict = p.verdict
	}
	t.evidence, t.remedies = append(t.evidence, p.evidence...), append(t.remedies, p.remedies...)
}

func (e Endpoint) reach(ctx context.Context, t *Tally, now time.Time) {
	lost := t.Poor
	if e.Needed {
		lost = t.Bad
	}
	u, err := url.Parse(e.URL)
	if err != nil || u.Hostname() == "" {
		lost("correct its address", "%s: %q is no address", e.Name, e.URL)
		return
	}
	host, port := u.Hostname(), cmp.Or(u.Port(), map[string]string{"http": "80"}[u.Scheme], "443")
	began := time.Now()
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		lost("see that the till's DNS works: `getent hosts "+host+"`", "%s: the name %s is not found: %v", e.Name, host, plain(err))
		return
	}
	named := time.Since(began)
	began = time.Now()
	conn, err := (&net.Dialer{Timeout: 4 * time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(addrs[0], port))
	if err != nil {
		lost("see that the router lets "+host+":"+port+" through", "%s: no connection to %s:%s: %v", e.Name, host, port, plain(err))
		return
	}
	defer conn.Close()
	connected := time.Since(began)
	said := fmt.Sprintf("%s: DNS %s, TCP %s", e.Name, ms(named), ms(connected))
	if u.Scheme == "http" {
		t.Good("%s, no TLS on this machine", said)
		return
	}
	roots, err := pool(e.CAFile)
	if err != nil {
		lost("correct ca_file", "%s: %v", e.Name, err)
		return
	}
	began = time.Now()
	secure := tls.Client(conn, &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		lost("see that no proxy opens TLS, that ca_file is its authority's, and that the clock is right", "%s: TLS: %v", e.Name, err)
		return
	}
	shaken := time.Since(began)
	ends := secure.ConnectionState().PeerCertificates[0].NotAfter
	said += fmt.Sprintf(", TLS %s, certificate until %s", ms(shaken), ends.Format(time.DateOnly))
	if ends.Sub(now) < 72*time.Hour {
		t.Poor("ask who runs it to renew its certificate", "%s", said)
		return
	}
	t.Good("%s", said)
}

func pool(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return roots, nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

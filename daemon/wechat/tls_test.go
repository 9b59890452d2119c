package wechat

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"qrposd/rules/sale"
)

// tlsProvider is a provider over TLS that asks for certificates and offers
// HTTP/2, and the file of the authority that vouches for it.
func tlsProvider(t testing.TB, answer http.HandlerFunc) (url, caFile string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(answer)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	srv.EnableHTTP2 = true
	srv.StartTLS()
	t.Cleanup(srv.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	return srv.URL, writeFile(t, "ca.pem", ca, 0o644)
}

// A pinned authority is the only one believed, and HTTP/2 is not spoken even if
// it is offered.
func TestPinnedAuthority(t *testing.T) {
	url, ca := tlsProvider(t, func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("spoken %s", r.Proto)
		}
		script{status: 200, body: tx("SUCCESS")}.serve(w)
	})
	conf := testConfig(t, url)
	conf.CAFile = ca
	c, _ := testClient(t, conf, time.Now)
	if ev := take(t, c, sale.Charge); ev.Kind != sale.Received {
		t.Errorf("pinned: %s %v", ev.Kind, ev.Why)
	}
	conf.CAFile = "testdata/official_cert.pem"
	c, _ = testClient(t, conf, time.Now)
	if ev := take(t, c, sale.Charge); ev.Kind != sale.NotSent {
		t.Errorf("another authority pinned: %s %v", ev.Kind, ev.Why)
	}
}

package doctor

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"qrposd/daemon/wechat"
)

// issue makes a certificate of a key, its own authority.
func issue(t *testing.T, key *rsa.PrivateKey, serial int64, from, to time.Time) []byte {
	t.Helper()
	c := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "t"}, NotBefore: from, NotAfter: to,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func save(t *testing.T, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReach(t *testing.T) {
	now, key := time.Now(), newKey(t)
	serve := func(to time.Time) (url, ca string) {
		der := issue(t, key, 7, now.Add(-100*time.Hour), to)
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.Config.ErrorLog = nil
		s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL, save(t, "CERTIFICATE", der)
	}
	good, goodCA := serve(now.Add(1000 * time.Hour))
	old, oldCA := serve(now.Add(-time.Hour))
	soon, soonCA := serve(now.Add(time.Hour))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "https://" + ln.Addr().String()
	ln.Close()
	for name, c := range map[string]struct {
		e    Endpoint
		v    Verdict
		word string
	}{
		"good":          {Endpoint{"p", good, goodCA, true}, OK, "certificate until"},
		"expired":       {Endpoint{"p", old, oldCA, true}, Fail, "expired"},
		"ends soon":     {Endpoint{"p", soon, soonCA, true}, Warn, "certificate until"},
		"not trusted":   {Endpoint{"p", good, oldCA, true}, Fail, "TLS"},
		"of a model":    {Endpoint{"m", old, oldCA, false}, Warn, "expired"},
		"closed":        {Endpoint{"p", closed, "", true}, Fail, "refused"},
		"no name":       {Endpoint{"p", "https://nobody.invalid", "", true}, Fail, "nobody.invalid"},
		"no address":    {Endpoint{"p", "::", "", true}, Fail, "no address"},
		"no authority":  {Endpoint{"p", good, filepath.Join(t.TempDir(), "x"), true}, Fail, "no such file"},
		"not a CA file": {Endpoint{"p", good, save(t, "NONSENSE", nil), true}, Fail, "holds no certificate"},
	} {
		want(t, name, verdict(t, Reach([]Endpoint{c.e}, false, now)), c.v, c.word)
	}
	want(t, "offline", verdict(t, Reach([]Endpoint{{"p", closed, "", true}}, true, now)), Unknown, "not tried")
}

func TestKeys(t *testing.T) {
	now, key, other := time.Now(), newKey(t), newKey(t)
	long, past := now.Add(9000*time.Hour), now.Add(-24*time.Hour)
	cert := func(k *rsa.PrivateKey, serial int64, to time.Time) string {
		return save(t, "CERTIFICATE", issue(t, k, serial, now.Add(-100*time.Hour), to))
	}
	private := save(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
	good := cert(key, 0xABCD, long)
	for name, c := range map[string]struct {
		serial, merchant, platform string
		opened                     error
		v                          Verdict
		word                       string
	}{
		"good":             {"0000abcd", good, good, nil, OK, "ends on"},
		"unreadable":       {"0000abcd", good, good, errors.New("no PEM"), Fail, "no PEM"},
		"platform ended":   {"0000abcd", good, cert(key, 1, past), nil, Fail, "ended on"},
		"platform ends":    {"0000abcd", good, cert(key, 1, now.Add(48*time.Hour)), nil, Warn, "ends on"},
		"another serial":   {"0000abce", good, good, nil, Fail, "not the number"},
		"another key":      {"0000abcd", cert(other, 0xABCD, long), good, nil, Fail, "is not the key"},
		"merchant ended":   {"0000abcd", cert(key, 0xABCD, past), good, nil, Fail, "wechat.v2.cert_file ended"},
		"no merchant cert": {"0000abcd", private, good, nil, Unknown, "no certificate"},
		"without v2":       {"0000abcd", "", good, nil, OK, "can be read"},
	} {
		conf := wechat.Config{Serial: c.serial, PrivateKeyFile: private, PlatformKeys: []wechat.PlatformKey{{File: c.platform}}, V2: wechat.V2Config{CertFile: c.merchant}}
		want(t, name, verdict(t, Keys(conf, c.opened, now)), c.v, c.word)
	}
}

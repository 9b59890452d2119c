package doctor

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"time"

	"qrposd/daemon/wechat"
)

// soonEnds is how long before its end a certificate is to be renewed.
const soonEnds = 30 * 24 * time.Hour

// Keys examines the merchant's key and certificate and the provider's. Whether all
// of them can be used is the gateway's own reading, which opened says: nil, or what
// it objects to.
func Keys(c wechat.Config, opened error, now time.Time) Check {
	return Check{ID: "keys", Title: "Keys and certificates are good and last", Run: func(context.Context) (t Tally) {
		if _, err := os.Stat(c.PrivateKeyFile); withheld(c.PrivateKeyFile, err) {
			t.Unsure(withheldRemedy, "wechat.private_key_file is a credential that this process does not get")
		} else if opened != nil {
			t.Bad("take the files anew from pay.weixin.qq.com (API security)", "%v", opened)
		} else {
			t.Good("the merchant's key and %d of the provider's can be read", len(c.PlatformKeys))
		}
		for _, k := range c.PlatformKeys {
			if cert := readCert(k.File); cert != nil {
				judgeEnd(&t, "wechat.platform_keys "+k.File, cert, now)
			}
		}
		if c.V2.CertFile == "" {
			return t
		}
		cert := readCert(c.V2.CertFile)
		if cert == nil {
			t.Unsure("wechat.v2.cert_file is apiclient_cert.pem", "%s holds no certificate that can be read", c.V2.CertFile)
			return t
		}
		judgeEnd(&t, "wechat.v2.cert_file", cert, now)
		judgePair(&t, c, cert)
		return t
	}}
}

func judgePair(t *Tally, c wechat.Config, cert *x509.Certificate) {
	if want := strings.TrimLeft(strings.ToUpper(c.Serial), "0"); strings.ToUpper(cert.SerialNumber.Text(16)) != want {
		t.Bad("set wechat.serial to the number of the certificate: `openssl x509 -noout -serial -in "+c.V2.CertFile+"`",
			"wechat.serial is not the number of the merchant's certificate")
	} else {
		t.Good("wechat.serial is the certificate's")
	}
	key := readKey(c.PrivateKeyFile)
	pub, ok := cert.PublicKey.(*rsa.PublicKey)
	switch {
	case key == nil || !ok:
		t.Unsure("", "key and certificate were not compared")
	case !pub.Equal(&key.PublicKey):
		t.Bad("take private key and certificate of the same download", "wechat.private_key_file is not the key of the merchant's certificate")
	default:
		t.Good("the private key is the certificate's")
	}
}

func judgeEnd(t *Tally, what string, cert *x509.Certificate, now time.Time) {
	ends := cert.NotAfter.Format(time.DateOnly)
	switch left := cert.NotAfter.Sub(now); {
	case left <= 0:
		t.Bad("renew it at pay.weixin.qq.com and list the new one", "%s ended on %s", what, ends)
	case now.Before(cert.NotBefore):
		t.Bad("set the clock, or wait", "%s begins on %s", what, cert.NotBefore.Format(time.DateOnly))
	case left < soonEnds:
		t.Poor("renew it at pay.weixin.qq.com; list both until then", "%s ends on %s", what, ends)
	default:
		t.Good("%s ends on %s", what, ends)
	}
}

func firstBlock(file string) []byte {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	block, _ := pem.Decode(b)
	clear(b)
	if block == nil {
		return nil
	}
	return block.Bytes
}

// readCert is nil where there is none: a public key has no end.
func readCert(file string) *x509.Certificate {
	cert, err := x509.ParseCertificate(firstBlock(file))
	if err != nil {
		return nil
	}
	return cert
}

func readKey(file string) *rsa.PrivateKey {
	der := firstBlock(file)
	defer clear(der)
	if any, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		key, _ := any.(*rsa.PrivateKey)
		return key
	}
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil
	}
	return key
}

package sim

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"testing"
)

func TestWriteDirIsWhatAMerchantIsGiven(t *testing.T) {
	k, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	in, err := k.WriteDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	block := func(name, kind string) []byte {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p, rest := pem.Decode(b)
		if p == nil || p.Type != kind || len(rest) != 0 {
			t.Fatalf("%s is no %s", name, kind)
		}
		if fi, err := os.Stat(name); err != nil || fi.Mode().Perm() != 0o600 {
			t.Fatalf("%s: mode %v, %v", name, fi.Mode(), err)
		}
		return p.Bytes
	}
	key, err := x509.ParsePKCS8PrivateKey(block(in.KeyFile, "PRIVATE KEY"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.ParsePKIXPublicKey(block(in.PublicKeyFile, "PUBLIC KEY"))
	if err != nil || !k.PublicKey.PublicKey.Equal(pub) {
		t.Fatalf("public key: %v", err)
	}
	for name, want := range map[string]struct {
		serial string
		key    *rsa.PrivateKey
	}{in.CertFile: {in.MerchantSerial, k.MerchantKey}, in.PlatformCertFile: {in.PlatformSerial, k.PlatformKey}} {
		cert, err := x509.ParseCertificate(block(name, "CERTIFICATE"))
		if err != nil || !want.key.PublicKey.Equal(cert.PublicKey) {
			t.Fatalf("%s: %v", name, err)
		}
		equal(t, "serial", fmt.Sprintf("%X", cert.SerialNumber), want.serial)
	}
	if !k.MerchantKey.Equal(key) {
		t.Fatal("another merchant key")
	}
	for _, name := range []string{in.APIv3KeyFile, in.APIv2KeyFile} {
		b, err := os.ReadFile(name)
		if err != nil || len(b) != 32 {
			t.Fatalf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if _, err := k.WriteDir("/nonexistent"); err == nil {
		t.Fatal("wrote into nowhere")
	}
}

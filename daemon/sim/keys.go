package sim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Credentials are the keys, numbers and names that a merchant and WeChat Pay agreed on. They hold the private halves
// of both sides, because the simulator plays one side and equips the other.
type Credentials struct {
	MchID, AppID   string
	MerchantSerial string          // hex serial of the merchant's API certificate
	MerchantKey    *rsa.PrivateKey // signs the merchant's requests
	MerchantCert   []byte          // PEM
	APIv3Key       string          // 32 bytes
	APIv2Key       string          // 32 bytes

	PublicKeyID     string          // PUB_KEY_ID_...
	PublicKey       *rsa.PrivateKey // signs answers under PublicKeyID
	PlatformSerial  string          // hex serial of the platform certificate
	PlatformKey     *rsa.PrivateKey // signs answers under PlatformSerial
	PlatformCertPEM []byte
}

// Installation names what WriteDir wrote: the files and the values a daemon's configuration needs.
type Installation struct {
	MchID            string `json:"mchid"`
	AppID            string `json:"appid"`
	MerchantSerial   string `json:"merchant_serial"`
	PublicKeyID      string `json:"public_key_id"`
	PlatformSerial   string `json:"platform_serial"`
	KeyFile          string `json:"key_file"`
	CertFile         string `json:"cert_file"`
	PublicKeyFile    string `json:"public_key_file"`
	PlatformCertFile string `json:"platform_cert_file"`
	APIv3KeyFile     string `json:"apiv3_key_file"`
	APIv2KeyFile     string `json:"apiv2_key_file"`
}

// NewCredentials mints a merchant and a platform: three RSA-2048 keys, made side by side because each takes a while.
func NewCredentials() (*Credentials, error) {
	var keys [3]*rsa.PrivateKey
	var errs [3]error
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { keys[i], errs[i] = rsa.GenerateKey(rand.Reader, 2048) })
	}
	wg.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("sim: make keys: %w", err)
	}
	c := &Credentials{
		MchID: "1900000109", AppID: "wxd678efh567hg6787",
		APIv3Key: randomText(32), APIv2Key: randomText(32),
		PublicKeyID: "PUB_KEY_ID_0119000001092024110100" + randomDigits(12),
		MerchantKey: keys[0], PublicKey: keys[1], PlatformKey: keys[2],
	}
	var err error
	if c.MerchantSerial, c.MerchantCert, err = certify(c.MerchantKey, "Simulated Merchant"); err != nil {
		return nil, err
	}
	if c.PlatformSerial, c.PlatformCertPEM, err = certify(c.PlatformKey, "Tenpay.com sign (simulated)"); err != nil {
		return nil, err
	}
	return c, nil
}

// WriteDir writes the key files under the names WeChat Pay hands them out with, readable by their owner only.
func (c *Credentials) WriteDir(dir string) (Installation, error) {
	private, err := x509.MarshalPKCS8PrivateKey(c.MerchantKey)
	if err != nil {
		return Installation{}, fmt.Errorf("sim: encode merchant key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&c.PublicKey.PublicKey)
	if err != nil {
		return Installation{}, fmt.Errorf("sim: encode public key: %w", err)
	}
	in := Installation{
		MchID: c.MchID, AppID: c.AppID, MerchantSerial: c.MerchantSerial,
		PublicKeyID: c.PublicKeyID, PlatformSerial: c.PlatformSerial,
		KeyFile:          filepath.Join(dir, "apiclient_key.pem"),
		CertFile:         filepath.Join(dir, "apiclient_cert.pem"),
		PublicKeyFile:    filepath.Join(dir, "pub_key.pem"),
		PlatformCertFile: filepath.Join(dir, "platform_cert.pem"),
		APIv3KeyFile:     filepath.Join(dir, "apiv3.key"),
		APIv2KeyFile:     filepath.Join(dir, "apiv2.key"),
	}
	for _, f := range []struct {
		name string
		data []byte
	}{
		{in.KeyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})},
		{in.CertFile, c.MerchantCert},
		{in.PublicKeyFile, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})},
		{in.PlatformCertFile, c.PlatformCertPEM},
		{in.APIv3KeyFile, []byte(c.APIv3Key)},
		{in.APIv2KeyFile, []byte(c.APIv2Key)},
	} {
		if err := os.WriteFile(f.name, f.data, 0o600); err != nil {
			return Installation{}, fmt.Errorf("sim: write credentials: %w", err)
		}
	}
	return in, nil
}

// SiteCertificate is for a server that plays the page of a liveness check at 127.0.0.1. Nobody vouches for it.
func (c *Credentials) SiteCertificate() (tls.Certificate, error) {
	_, cert, err := certify(c.PlatformKey, "127.0.0.1", net.IPv4(127, 0, 0, 1))
	if err != nil {
		return tls.Certificate{}, err
	}
	block, _ := pem.Decode(cert)
	return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: c.PlatformKey}, nil
}

// answerKey picks the key an answer is signed with: the one the request named, else the public key.
func (c *Credentials) answerKey(asked string) (serial string, key *rsa.PrivateKey, ok bool) {
	switch asked {
	case "", c.PublicKeyID:
		return c.PublicKeyID, c.PublicKey, true
	case c.PlatformSerial:
		return c.PlatformSerial, c.PlatformKey, true
	}
	return c.PublicKeyID, c.PublicKey, false
}

// certify makes a self-signed certificate: WeChat Pay's chain is not checked by anyone in this protocol, only the
// serial and the key are used.
func certify(key *rsa.PrivateKey, name string, at ...net.IP) (serial string, pemBytes []byte, err error) {
	raw := make([]byte, 20)
	_, _ = rand.Read(raw)
	raw[0] = raw[0]&0x3f | 0x40 // positive, and no leading zero to lose in hex
	now := time.Now()
	cert := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(raw),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-24 * time.Hour), NotAfter: now.AddDate(5, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, IPAddresses: at,
	}
	der, err := x509.CreateCertificate(rand.Reader, cert, cert, &key.PublicKey, key)
	if err != nil {
		return "", nil, fmt.Errorf("sim: make certificate: %w", err)
	}
	return fmt.Sprintf("%X", raw), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

const (
	digits       = "0123456789"
	alphanumeric = digits + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func randomText(n int) string   { return randomOf(alphanumeric, n) }
func randomDigits(n int) string { return randomOf(digits, n) }

func randomOf(alphabet string, n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand never fails: it ends the program instead
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}

func digest(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

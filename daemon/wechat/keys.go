package wechat

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	maxKeyFile = 64 << 10
	minRSABits = 2048
)

// KeyError is a key or certificate file that cannot be used, and what to do.
type KeyError struct {
	File  string
	Fault string
	Hint  string
}

func (e *KeyError) Error() string { return fmt.Sprintf("wechat: %s: %s; %s", e.File, e.Fault, e.Hint) }

func readKeyFile(name, hint string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, &KeyError{name, err.Error(), hint}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	switch {
	case err != nil:
		return nil, &KeyError{name, "it cannot be read", hint}
	case len(b) > maxKeyFile:
		return nil, &KeyError{name, "it is too large for a key", hint}
	case len(bytes.TrimSpace(b)) == 0:
		return nil, &KeyError{name, "it is empty", hint}
	}
	return b, nil
}

// readSecret reads a file that nobody else may read. Credentials of systemd are
// let through with the group bit: it shows the mask of the list that lets the
// service's user in.
func readSecret(name, hint string) ([]byte, error) {
	info, err := os.Stat(name)
	if err == nil {
		wide := info.Mode().Perm() & 0o077
		if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && filepath.Dir(filepath.Clean(name)) == filepath.Clean(dir) {
			wide &^= 0o040
		}
		if wide != 0 {
			return nil, &KeyError{name, fmt.Sprintf("others may read it (mode %04o)", info.Mode().Perm()), "chmod 600 it, or pass it as a credential of the service"}
		}
	}
	return readKeyFile(name, hint)
}

// readPrivateKey reads an RSA key in PEM, PKCS #8 or PKCS #1.
func readPrivateKey(name string) (*rsa.PrivateKey, error) {
	const hint = "private_key_file is apiclient_key.pem from the merchant platform"
	b, err := readSecret(name, hint)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, &KeyError{name, "it holds no PEM block", hint}
	}
	var key *rsa.PrivateKey
	switch block.Type {
	case "PRIVATE KEY":
		var any any
		if any, err = x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			key, _ = any.(*rsa.PrivateKey)
		}
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, &KeyError{name, fmt.Sprintf("it holds a %.30s, not a private key", block.Type), hint}
	}
	switch {
	case err != nil || key == nil: // err may quote the key: it is not passed on
		return nil, &KeyError{name, "it is not an RSA private key", hint}
	case key.N.BitLen() < minRSABits:
		return nil, &KeyError{name, fmt.Sprintf("the key has %d bits, fewer than %d", key.N.BitLen(), minRSABits), hint}
	}
	return key, nil
}

// platformKey is one of the provider's keys as it was read.
type platformKey struct {
	id   string // as answers name it
	key  *rsa.PublicKey
	ends time.Time // of a certificate
}

// readPlatformKey reads a public key or a certificate of the provider.
func readPlatformKey(k PlatformKey) (platformKey, error) {
	const hint = "platform_keys are pub_key.pem or platform certificates from the merchant platform"
	b, err := readKeyFile(k.File, hint)
	if err != nil {
		return platformKey{}, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return platformKey{}, &KeyError{k.File, "it holds no PEM block", hint}
	}
	p := platformKey{id: strings.ToUpper(k.ID)}
	switch block.Type {
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return platformKey{}, &KeyError{k.File, "it is not a certificate", hint}
		}
		p.key, _ = cert.PublicKey.(*rsa.PublicKey)
		p.ends = cert.NotAfter
		if p.id == "" {
			p.id = fmt.Sprintf("%X", cert.SerialNumber.Bytes())
		}
	case "PUBLIC KEY":
		pub, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return platformKey{}, &KeyError{k.File, "it is not a public key", hint}
		}
		p.key, _ = pub.(*rsa.PublicKey)
	default:
		return platformKey{}, &KeyError{k.File, fmt.Sprintf("it holds a %.30s, neither a public key nor a certificate", block.Type), hint}
	}
	switch {
	case p.key == nil || p.key.N.BitLen() < minRSABits:
		return platformKey{}, &KeyError{k.File, fmt.Sprintf("it is not an RSA key of at least %d bits", minRSABits), hint}
	case p.id == "":
		return platformKey{}, &KeyError{k.File, "a public key needs its id", "set id to the PUB_KEY_ID_... shown beside the key"}
	}
	return p, nil
}

// readAPIKey reads one of the two symmetric keys: 32 characters that a person
// typed into the merchant platform.
func readAPIKey(name string) ([]byte, error) {
	const hint = "it holds the 32 characters that were set as API key in the merchant platform"
	b, err := readSecret(name, hint)
	if err != nil {
		return nil, err
	}
	b = bytes.TrimRight(b, "\r\n")
	if len(b) != 32 {
		return nil, &KeyError{name, fmt.Sprintf("it has %d bytes, not 32", len(b)), hint}
	}
	return b, nil
}

// readClientCert joins the merchant's API certificate with the key to it.
func readClientCert(name string, key *rsa.PrivateKey) (tls.Certificate, error) {
	const hint = "v2.cert_file is apiclient_cert.pem, from the same download as private_key_file"
	b, err := readKeyFile(name, hint)
	if err != nil {
		return tls.Certificate{}, err
	}
	block, _ := pem.Decode(b)
	if block == nil || block.Type != "CERTIFICATE" {
		return tls.Certificate{}, &KeyError{name, "it holds no certificate", hint}
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return tls.Certificate{}, &KeyError{name, "it is not a certificate", hint}
	}
	if key != nil && !key.PublicKey.Equal(cert.PublicKey) {
		return tls.Certificate{}, &KeyError{name, "it does not belong to private_key_file", hint}
	}
	return tls.Certificate{Certificate: [][]byte{block.Bytes}, PrivateKey: key}, nil
}

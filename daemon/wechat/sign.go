package wechat

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// scheme is the one way requests, answers and notifications are signed.
const scheme = "WECHATPAY2-SHA256-RSA2048"

// sign is SHA-256 with RSA (PKCS #1 v1.5) in base64.
func sign(key *rsa.PrivateKey, message string) (string, error) {
	sum := sha256.Sum256([]byte(message))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		return "", fmt.Errorf("wechat: sign: %w", err)
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// signer is the merchant as the provider knows it.
type signer struct {
	mchid, serial string
	key           *rsa.PrivateKey
}

// authorize is the Authorization header of a request. Timestamp and nonce are
// good for one request only, so this is done for every attempt anew.
func (s signer) authorize(method, target, nonce string, at time.Time, body []byte) (string, error) {
	ts := strconv.FormatInt(at.Unix(), 10)
	sig, err := sign(s.key, method+"\n"+target+"\n"+ts+"\n"+nonce+"\n"+string(body)+"\n")
	if err != nil {
		return "", err
	}
	return fmt.Sprintf(`%s mchid="%s",nonce_str="%s",timestamp="%s",serial_no="%s",signature="%s"`,
		scheme, s.mchid, nonce, ts, s.serial, sig), nil
}

// newNonce is 32 letters and digits: 130 bits of chance, and inside the
// provider's alphabet.
func newNonce() string { return (rand.Text() + rand.Text())[:32] }

// Why an answer does not count. errUnsigned is the one that need not be an
// attack: answers beside 2xx may come without a signature.
var (
	errUnsigned = errors.New("it is not signed")
	errStale    = errors.New("its timestamp is more than 5 minutes away")
	errProbe    = errors.New("its signature is the provider's own probe, made to be refused")
	errSerial   = errors.New("it is signed with a key that is not among platform_keys")
	errForged   = errors.New("its signature does not match")
)

// probe begins the signatures with which the provider tests that we do verify.
const probe = "WECHATPAY/SIGNTEST/"

// keyring holds the provider's keys by their id. There are several while the
// provider changes keys: each answer names its own.
type keyring map[string]*rsa.PublicKey

// verify checks an answer or a notification over the bytes as received and says
// when the provider signed it.
func (k keyring) verify(h http.Header, body []byte, now time.Time) (time.Time, error) {
	stamp, nonce := h.Get("Wechatpay-Timestamp"), h.Get("Wechatpay-Nonce")
	signature, serial := h.Get("Wechatpay-Signature"), h.Get("Wechatpay-Serial")
	if signature == "" && stamp == "" && nonce == "" {
		return time.Time{}, errUnsigned
	}
	if strings.HasPrefix(signature, probe) {
		return time.Time{}, errProbe
	}
	key := k[strings.ToUpper(serial)]
	if key == nil {
		return time.Time{}, errSerial
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return time.Time{}, errForged
	}
	h256 := sha256.New() // of the parts: one message of them would be a copy of a body that may have to be wiped
	_, _ = io.WriteString(h256, stamp+"\n"+nonce+"\n")
	_, _ = h256.Write(body)
	_, _ = io.WriteString(h256, "\n") // a hash never fails
	sum := h256.Sum(nil)
	_, _ = h256.Write(make([]byte, 2*h256.BlockSize())) // its last block was the end of the body
	if rsa.VerifyPKCS1v15(key, crypto.SHA256, sum, raw) != nil {
		return time.Time{}, errForged
	}
	sec, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return time.Time{}, errForged
	}
	ts := time.Unix(sec, 0)
	if now.Sub(ts).Abs() >= freshness {
		return time.Time{}, errStale
	}
	return ts, nil
}

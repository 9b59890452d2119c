package sale

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// PayerCode is the code that a payer shows: for a minute it is as good as the
// payer's signature. It prints and marshals as its last four digits; Reveal is
// the only way to the rest, and only the request that spends it may call that.
// The digits are behind a pointer because fmt prints an unexported field of
// somebody's struct without asking its methods.
type PayerCode struct{ digits *string }

// NewPayerCode wraps a scanned code.
func NewPayerCode(digits string) PayerCode { return PayerCode{&digits} }

// Reveal is the code itself.
func (c PayerCode) Reveal() string {
	if c.digits == nil {
		return ""
	}
	return *c.digits
}

// IsZero says that there is no code.
func (c PayerCode) IsZero() bool { return c.Reveal() == "" }

// ID names the code without telling it: one code serves one order, and this is
// how the store knows. A code is dead after a minute and a digest of it with it.
func (c PayerCode) ID() string {
	if c.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte("payer code\x00" + c.Reveal()))
	return hex.EncodeToString(sum[:16])
}

func (c PayerCode) String() string {
	d := c.Reveal()
	if len(d) < 8 {
		return "****"
	}
	return "****" + d[len(d)-4:]
}

// Format prints the masked code whatever the verb.
func (c PayerCode) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// MarshalText is the masked code.
func (c PayerCode) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// LogValue is the masked code.
func (c PayerCode) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Request is one call as it leaves the till: fixed and stored before the first
// byte is sent, sent unchanged ever after. Its stored form blanks the payer's
// code, and its digest is over the bytes that really left.
type Request struct {
	Method string `json:"method"`
	Path   string `json:"path"`
	Body   string `json:"body,omitempty"` // blanked
	Digest string `json:"digest"`         // SHA-256 of the body as sent
	// Session is the digest of the payer's session where the provider wants an
	// idempotency key made of it; empty for every other call.
	Session string `json:"session,omitempty"`
	wire    *wire
}

// wire is a body as it is sent, behind a pointer because fmt prints what it finds.
type wire struct{ body []byte }

// NewRequest fixes a call. Every occurrence of code, and of a secret, in the stored
// body is replaced by as many asterisks.
func NewRequest(method, path string, body []byte, code PayerCode, secrets ...string) Request {
	sum := sha256.Sum256(body)
	r := Request{Method: method, Path: path, Digest: hex.EncodeToString(sum[:]), wire: &wire{body}}
	r.Body = string(body)
	for _, secret := range append(secrets, code.Reveal()) {
		if secret != "" {
			r.Body = strings.ReplaceAll(r.Body, secret, strings.Repeat("*", len(secret)))
		}
	}
	return r
}

// Restore puts a secret back into a request that was read from disk, if it then has
// the bytes that were sent. A payer's code cannot be put back: a charge is sent once.
func (r Request) Restore(secret string) (Request, error) {
	body := []byte(strings.Replace(r.Body, strings.Repeat("*", len(secret)), secret, 1))
	whole := r
	whole.wire = &wire{body}
	if _, err := whole.Wire(); secret == "" || err != nil {
		return r, ErrBlanked
	}
	return whole, nil
}

// ErrBlanked says that a stored request cannot be sent again, because a secret
// in it is gone. No code path asks for that of a charge, which is sent once.
var ErrBlanked = errors.New("sale: the request was stored without its payer code and cannot be sent again")

// Wire is the body as it is sent. A request read back from disk has it only if
// nothing was blanked.
func (r Request) Wire() ([]byte, error) {
	body := []byte(r.Body)
	if r.wire != nil {
		body = r.wire.body
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != r.Digest {
		return nil, ErrBlanked
	}
	return body, nil
}

// AsStored is the sale without what was never stored: the payer's codes in the
// requests as they were sent.
func (s Sale) AsStored() Sale {
	s = s.clone()
	for i := range s.Attempts {
		s.Attempts[i].Request.wire = nil
	}
	for i := range s.Refunds {
		s.Refunds[i].Request.wire = nil
	}
	return s
}

// IsZero says that no request was fixed.
func (r Request) IsZero() bool { return r.Method == "" }

package sale

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"
)

// maxAttempts bounds the attempts of one sale: the order number has one
// character for them, and a payer who fails so often pays another way.
const maxAttempts = 20

// crockford has no letters that a cashier reads as digits over the telephone.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Mint makes a sale's idempotency key and its ID, once, in the transaction that
// stores them. The key is the session's digest joined with the till's monotonic
// time, signed with the merchant's secret (the API recomputes the signature and
// lets one key charge once). The ID is till, day, a running number and a part of
// the key, so that two tills that never met cannot clash, nor a till with the
// copy of another's disk; with an attempt's character it fits the 32 characters
// of an order number.
func Mint(secret []byte, till, session string, seq uint64, at Instant, day time.Time) (id ID, key string) {
	digest := sha256.Sum256([]byte(session))
	key, sum := mintKey(secret, hex.EncodeToString(digest[:]), at)
	return ID(fmt.Sprintf("%s%s%05s%s", till, day.UTC().Format("060102"), base32Number(seq), crockford.EncodeToString(sum)[:11])), key
}

// MintKey makes the idempotency key of one attempt out of the digest of the
// payer's session (64 hexadecimal digits), once, in the transaction that stores
// the attempt: a second attempt is another payment and has another key.
func MintKey(secret []byte, session string, at Instant) string {
	key, _ := mintKey(secret, session, at)
	return key
}

func mintKey(secret []byte, session string, at Instant) (key string, sum []byte) {
	signed := session + "." + strconv.FormatInt(int64(at), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	sum = mac.Sum(nil)
	return "v1." + signed + "." + base64.RawURLEncoding.EncodeToString(sum), sum
}

func base32Number(n uint64) string {
	const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	s := ""
	for ; n > 0; n /= 32 {
		s = string(digits[n%32]) + s
	}
	return fmt.Sprintf("%05s", s)
}

// NextOrderNo is the order number of the sale's next attempt.
func (s Sale) NextOrderNo() string { return s.orderNo(len(s.Attempts) + 1) }

func (s *Sale) orderNo(attempt int) string {
	return string(s.ID) + string("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[attempt])
}

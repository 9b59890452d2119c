package web

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strings"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// Limits of an idempotency key. Eight characters are a receipt number with the
// day; a shorter key repeats.
const (
	minKey = 8
	maxKey = 128
)

// once is the request's idempotency key and a digest of what it asks for. The
// digest has the operation in it: one key for a sale and a refund is a mistake.
func once(header []string, asks ...string) (sale.Once, error) {
	if len(header) == 0 {
		return sale.Once{}, api.NewProblem(http.StatusBadRequest, "idempotency_key_missing", "the request has no Idempotency-Key",
			"make a key once for what you want to happen once, and send it again when you ask again")
	}
	key, why := "", "there is more than one key"
	if len(header) == 1 {
		key, why = parseKey(header[0])
	}
	if why != "" {
		return sale.Once{}, api.NewProblem(http.StatusBadRequest, "idempotency_key_malformed", "the Idempotency-Key cannot be used: "+why,
			`send 8 to 128 visible ASCII characters in quotes, such as "8e03978e-40d5-43dd-bc93-6894a57f9324"`)
	}
	return sale.Once{Key: key, Print: digest(asks)}, nil
}

// parseKey reads a structured field string (RFC 8941), as the Idempotency-Key
// draft has it, or a bare token, as most clients send it. Both spell the same
// key. why is empty where the key is good.
func parseKey(header string) (key, why string) {
	key = strings.Trim(header, " \t")
	if strings.HasPrefix(key, `"`) {
		var ok bool
		if key, ok = unquote(key); !ok {
			return "", "the quotes do not match, or something follows them"
		}
	} else if strings.ContainsAny(key, `"\,;`) {
		return "", "a key with such characters is sent in quotes"
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return "", "a key has visible ASCII characters only"
		}
	}
	switch {
	case len(key) < minKey:
		return "", "the key is too short"
	case len(key) > maxKey:
		return "", "the key is too long"
	}
	return key, ""
}

func unquote(s string) (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), i == len(s)-1
		case '\\':
			i++
			if i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", false
			}
		}
		b.WriteByte(s[i])
	}
	return "", false
}

// digest is a hash of a list of strings that no other list has.
func digest(parts []string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

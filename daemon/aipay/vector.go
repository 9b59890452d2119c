package aipay

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strconv"
	"unsafe"
)

// maxDim bounds a vector; models for faces give 128 to 4096 numbers.
const maxDim = 8192

const redacted = "[redacted]"

// ErrSealed says that somebody tried to write a vector or its key.
var ErrSealed = errors.New("aipay: biometric vectors and their keys are not written")

// Vector is what the API made of a payer's face. It can be compared, digested
// under a key and wiped. Nothing prints it and nothing writes it: an encoder gets
// an error and not silence, so that a record with a vector in it is noticed.
//
// The numbers are behind a function. fmt prints an unexported field of somebody's
// struct without asking its methods, and with a verb that does not fit it even
// follows a pointer there; what a function holds neither fmt nor reflect can see.
// Every copy of a Vector holds the same numbers, so wiping one wipes all.
type Vector struct{ hidden func() *hidden }

// hidden keeps the only copy of the numbers.
type hidden struct{ values []float64 }

func newVector(values []float64) Vector {
	h := &hidden{values}
	return Vector{func() *hidden { return h }}
}

func (v Vector) values() []float64 {
	if v.hidden == nil {
		return nil
	}
	return v.hidden().values
}

// Dim is how many numbers there are, none in the zero Vector and after Zero.
func (v Vector) Dim() int { return len(v.values()) }

// Zero wipes the numbers, in every copy.
func (v Vector) Zero() {
	if v.hidden != nil {
		h := v.hidden()
		clear(h.values)
		h.values = nil
	}
}

// move gives the numbers to another Vector, for whoever outlives the wiping of v.
func (v Vector) move() Vector {
	h := v.hidden()
	moved := newVector(h.values)
	h.values = nil
	return moved
}

func (v Vector) String() string { return redacted }

// GoString hides the numbers.
func (v Vector) GoString() string { return redacted }

// Format hides the numbers whatever the verb.
func (v Vector) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the numbers.
func (v Vector) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON is ErrSealed.
func (v Vector) MarshalJSON() ([]byte, error) { return nil, ErrSealed }

// MarshalText is ErrSealed.
func (v Vector) MarshalText() ([]byte, error) { return nil, ErrSealed }

// MarshalBinary is ErrSealed.
func (v Vector) MarshalBinary() ([]byte, error) { return nil, ErrSealed }

// GobEncode is ErrSealed.
func (v Vector) GobEncode() ([]byte, error) { return nil, ErrSealed }

// finite says whether the numbers have a direction.
func (v Vector) finite() bool {
	length := dot(v.values(), v.values())
	return length > 0 && !math.IsInf(length, 0) && !math.IsNaN(length)
}

func dot(a, b []float64) float64 {
	s := 0.0
	for i := range a {
		s += a[i] * b[i]
	}
	return s
}

// Similar is the cosine between a and b, -1 to 1. A vector that is empty, wiped or
// of another dimension is not similar to anything: 0.
func Similar(a, b Vector) float64 {
	if a.Dim() != b.Dim() || !a.finite() || !b.finite() {
		return 0
	}
	x, y := a.values(), b.values()
	return max(-1, min(1, dot(x, y)/math.Sqrt(dot(x, x))/math.Sqrt(dot(y, y))))
}

// Epoch is a key that the till rotates: when it is thrown away, no audit digest
// made under it can be made again, not even by who has the vector.
type Epoch struct{ key func() []byte } // a function, for the reason of Vector

// NewEpoch takes a copy of a random key of 32 bytes.
func NewEpoch(key []byte) (Epoch, error) {
	if len(key) != 32 {
		return Epoch{}, fmt.Errorf("aipay: the key of an epoch has 32 bytes, not %d", len(key))
	}
	k := bytes.Clone(key)
	return Epoch{func() []byte { return k }}, nil
}

// Zero wipes the key, in every copy.
func (e Epoch) Zero() {
	if e.key != nil {
		clear(e.key())
	}
}

func (e Epoch) String() string { return redacted }

// Format hides the key whatever the verb.
func (e Epoch) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue hides the key.
func (e Epoch) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText is ErrSealed.
func (e Epoch) MarshalText() ([]byte, error) { return nil, ErrSealed }

// Audit is the digest of the vector that may be kept: HMAC-SHA256 under a key that
// HKDF derives of the session's token and the epoch. It is empty where there is no
// vector, no token or no key: a digest of nothing would look like evidence. A block
// of zeros follows the numbers.
func (v Vector) Audit(sessionToken []byte, epoch Epoch) string {
	if v.Dim() == 0 || len(sessionToken) == 0 || epoch.key == nil {
		return ""
	}
	key, err := hkdf.Key(sha256.New, sessionToken, epoch.key(), "qrposd liveness audit", sha256.Size)
	if err != nil {
		return ""
	}
	defer clear(key)
	mac := hmac.New(sha256.New, key)
	var one [8]byte // one number at a time, so that no other copy is made
	for _, f := range v.values() {
		binary.LittleEndian.PutUint64(one[:], math.Float64bits(f))
		mac.Write(one[:])
	}
	clear(one[:])
	// A hash keeps its last block, and leaves copies of it behind: zeros, which are
	// part of what is digested, take the place of the last numbers there.
	for range sha256.BlockSize / len(one) {
		mac.Write(one[:])
	}
	return hex.EncodeToString(mac.Sum(nil))
}

// Print is a digest under the epoch alone: the same vector, told for another session
// of the same epoch, has it again. Two pictures of one face never have.
func (v Vector) Print(epoch Epoch) string { return v.Audit([]byte("every session"), epoch) }

// parseVector reads a list of numbers straight into the buffer of a Vector. raw is
// valid JSON. The buffer is made in its final size: growing it would leave copies.
func parseVector(raw []byte) (Vector, error) {
	n := 1 + bytes.Count(raw, []byte{','})
	if len(raw) == 0 || raw[0] != '[' || n > maxDim {
		return Vector{}, unknown("embedding is not a list of 1 to %d numbers", maxDim)
	}
	values := make([]float64, 0, n)
	for i := skipSpace(raw, 1); raw[i] != ']'; i = skipSpace(raw, i) {
		if raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
		end := skipValue(raw, i)
		// The digits are read where they lie: a string of them would be a copy on the
		// stack, which the runtime leaves behind where it moves a stack. The error of
		// ParseFloat, which has them in it, is dropped.
		if c := raw[i]; c != '-' && (c < '0' || c > '9') || end-i > 32 {
			clear(values)
			return Vector{}, unknown("embedding has something else than numbers in it")
		}
		f, err := strconv.ParseFloat(unsafe.String(&raw[i], end-i), 64)
		if err != nil || math.IsInf(f, 0) {
			clear(values)
			return Vector{}, unknown("embedding has a number out of range")
		}
		values = append(values, f)
		i = end
	}
	if len(values) == 0 {
		return Vector{}, unknown("embedding is empty")
	}
	return newVector(values), nil
}

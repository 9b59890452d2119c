package aipay

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
	"time"
)

// Model names the local embedder in requests. Another table of features, another
// number of them or another hash is another model.
const Model = "qrposd-features-64/2"

const (
	dim = 64
	// parts is how many features a session's identifier gives, so that two sessions
	// which were rung up alike still differ. It is odd together with the six others,
	// and with the two more of an article: an odd number of ones and minus ones cannot
	// cancel out to the zero vector.
	parts = 9
	// scale makes a component an integer: the contract rounds to 1e-6.
	scale = 1_000_000
)

// Kind is what was done at the till.
type Kind string

// The kinds of interaction that the API knows.
const (
	Keypad  Kind = "keypad"  // an amount was typed
	Scan    Kind = "scan"    // something was scanned
	Product Kind = "product" // an article was rung up
	Attempt Kind = "attempt" // an earlier attempt of the same sale
	Pay     Kind = "payment" // a code was shown or read
	Confirm Kind = "confirm" // somebody agreed
)

func (k Kind) valid() bool {
	switch k {
	case Keypad, Scan, Product, Attempt, Pay, Confirm:
		return true
	}
	return false
}

// Interaction is one thing that was done, and when.
type Interaction struct {
	Kind    Kind
	At      time.Time
	Article Article // of a Product
}

// Article is what was rung up, as far as it may leave the till: no name and no
// number of it, a category of the shop's own list, and of the price of one piece
// only how many digits it has in minor units.
type Article struct {
	Category string
	Price    int64
}

// vector is an embedding in millionths. Integers add up to the same sum in any
// order, and no compiler fuses a multiplication into their addition: a till on
// ARM and one on amd64 give one session one hash, which is part of its
// idempotency key.
type vector [dim]int64

// embed is the vector of the i-th interaction. Each feature is a "name=value"
// whose SHA-256 says where it falls (the first byte modulo 64) and with which
// sign (the lowest bit of the second); the sum is L2-normalised and rounded.
// Every value is from a closed list, but for the session's identifier, which is
// random. gap is the time since what came before: below zero where the wall
// clock was set back, which is a fact like any other.
func (s Session) embed(i int, gap time.Duration) vector {
	var counts vector
	for _, f := range s.features(i, gap) {
		counts.add(f.name, f.value)
	}
	for n := range parts {
		counts.add("session."+strconv.Itoa(n), s.ID)
	}
	return counts.normal()
}

type feature struct{ name, value string }

// features are what is told of the i-th interaction, the session's identifier apart.
func (s Session) features(i int, gap time.Duration) []feature {
	at := s.Interactions[i]
	list := []feature{
		{"kind", string(at.Kind)},
		{"ordinal", strconv.Itoa(i)},
		{"gap", gapBucket(gap)},
		{"hour", strconv.Itoa(at.At.UTC().Hour() / 4)},
		{"amount", digits(s.Amount.Minor)},
		{"flow", string(s.Flow)},
	}
	if at.Kind == Product {
		list = append(list, feature{"category", at.Article.Category}, feature{"price", digits(at.Article.Price)})
	}
	return list
}

func digits(minor int64) string { return strconv.Itoa(len(strconv.FormatInt(minor, 10))) }

func (v *vector) add(name, value string) {
	sum := sha256.Sum256([]byte(name + "=" + value))
	v[sum[0]%dim] += 1 - 2*int64(sum[1]&1)
}

// gapBucket is a gap by its power of ten of milliseconds, in halves.
func gapBucket(gap time.Duration) string {
	if gap < 0 {
		return "back"
	}
	for _, limit := range []time.Duration{
		100 * time.Millisecond, 300 * time.Millisecond, time.Second, 3 * time.Second,
		10 * time.Second, 30 * time.Second, 100 * time.Second,
	} {
		if gap < limit {
			return "<" + limit.String()
		}
	}
	return "more"
}

// normal is v divided by its length, in millionths. Root, quotient and product
// are each rounded once by IEEE 754 and nothing is added to any of them; the
// conversions keep it so whatever the compiler may fuse.
func (v vector) normal() vector {
	var squares int64 // at most 64 * 32e6^2, far inside int64
	for _, n := range v {
		squares += n * n
	}
	if squares == 0 {
		return v
	}
	length := math.Sqrt(float64(squares))
	for i, n := range v {
		v[i] = int64(math.Round(float64(float64(float64(n)/length) * scale)))
	}
	return v
}

// sum adds up the vectors of a session's interactions.
func sum(vectors []vector) vector {
	var all vector
	for _, v := range vectors {
		for i, n := range v {
			all[i] += n
		}
	}
	return all.normal()
}

// floats is v in the numbers of the wire. A millionth has one nearest float64 and
// no zero is negative.
func (v vector) floats() []float64 {
	f := make([]float64, dim)
	for i, n := range v {
		f[i] = float64(n) / scale
	}
	return f
}

// hash is the SHA-256 of the canonical encoding: little-endian float64.
func (v vector) hash() string {
	var b []byte
	for _, f := range v.floats() {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	digest := sha256.Sum256(b)
	return hex.EncodeToString(digest[:])
}

package archive

import (
	"crypto/sha256"
	"encoding/binary"
)

const (
	// bitsPerKey may change, since a filter has a length of its own; probes may not.
	// After a year each new key is looked for in hundreds of filters: with 12 bits one or
	// three sent it to a file, and a commit took twice as long; with 24 one did so in a
	// hundred times, and the slowest commits were half as slow again.
	bitsPerKey = 32
	probes     = 8
)

// Filter says of a key that it is not there, or may be: of 175,000 that are not, one may.
type Filter []byte

// Key is what a filter looks at of a record's section and key.
type Key struct{ at, step uint64 }

// KeyOf digests a key once for any number of filters.
func KeyOf(section byte, key []byte) Key {
	sum := sha256.Sum256(append([]byte{section}, key...))
	return Key{binary.BigEndian.Uint64(sum[:]), binary.BigEndian.Uint64(sum[8:]) | 1}
}

// NewFilter has room for n keys.
func NewFilter(n int) Filter { return make(Filter, n*bitsPerKey/8+8) }

// Add takes a key in.
func (f Filter) Add(k Key) {
	for i := range uint64(probes) {
		bit := (k.at + i*k.step) % uint64(len(f)*8)
		f[bit/8] |= 1 << (bit % 8)
	}
}

// May says that a key may be there. A filter that was lost says so of every key.
func (f Filter) May(k Key) bool {
	if len(f) == 0 {
		return true
	}
	for i := range uint64(probes) {
		bit := (k.at + i*k.step) % uint64(len(f)*8)
		if f[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

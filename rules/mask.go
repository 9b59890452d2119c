package rules

import (
	"encoding/hex"
	"fmt"
	"math/bits"
)

// MaxRules is how many rules a set can hold: which of them fired has to fit into
// every record.
const MaxRules = 256

// Mask says which rules fired, as the terminal verification results of an EMV
// card payment do. Bit i stands for the rule at index i of the set.
type Mask [MaxRules / 64]uint64

func (m *Mask) set(i int) { m[i/64] |= 1 << (i % 64) }

// Has says whether bit i is set.
func (m *Mask) Has(i int) bool { return m[i/64]>>(i%64)&1 == 1 }

// Len is how many bits are set.
func (m *Mask) Len() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// String is the mask in hexadecimal, the highest bit first, without leading zeros.
func (m Mask) String() string {
	top := len(m) - 1
	for top > 0 && m[top] == 0 {
		top--
	}
	s := fmt.Sprintf("%x", m[top])
	for top--; top >= 0; top-- {
		s += fmt.Sprintf("%016x", m[top])
	}
	return s
}

// Hash64 names a case: the same facts have the same, on every machine.
type Hash64 uint64

func (h Hash64) String() string { return fmt.Sprintf("%016x", uint64(h)) }

// Hash names a set: SHA-256 of its canonical form.
type Hash [32]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

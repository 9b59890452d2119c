package rules

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"testing"
)

// golden is the digest of a million verdicts of the shipped rules and of their hash. It is the same
// on every architecture, and changes when rules, facts or generate do.
const golden = "29b661f80a38d017f2db39f7be99f54a8e0a2ade855f3f3ad7ebacf8a864088c"

// The same case and rules give the same verdict, bit for bit, on every machine.
func TestGolden(t *testing.T) {
	s := standard(t)
	h := sha256.New()
	var b [8 * 10]byte
	effects := [Refuse + 1]int{}
	for seed := range uint64(1_000_000) {
		c := generate(seed)
		v := s.Decide(&c)
		effects[v.Effect()]++
		w := append(b[:0], byte(v.Owed), byte(v.Firm), byte(v.Hard))
		for i := range v.Fired {
			w = binary.BigEndian.AppendUint64(w, v.Fired[i])
			w = binary.BigEndian.AppendUint64(w, v.Broken[i])
		}
		_, _ = h.Write(binary.BigEndian.AppendUint64(w, uint64(v.Case)))
	}
	_, _ = h.Write(s.hash[:])
	t.Logf("allow to refuse: %v", effects)
	if got := hex.EncodeToString(h.Sum(nil)); got != golden {
		t.Errorf("digest %s, want %s", got, golden)
	}
}

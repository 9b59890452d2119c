package rules

import (
	"qrposd/rules/money"
)

// dice is SplitMix64 (Steele, Lea, Flood 2014): the same on every machine.
type dice uint64

func (d *dice) next() uint64 {
	*d += 0x9e3779b97f4a7c15
	z := uint64(*d)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (d *dice) below(n int64) int64 { return int64(d.next() % uint64(n)) }

// generate is a case in which every fact is sometimes missing, sometimes at a
// bound and mostly ordinary.
func generate(seed uint64) Case {
	d := dice(seed)
	c := Case{Amount: money.Money{Currency: []money.Currency{"CNY", "USD", "EUR", "JPY"}[d.below(4)]}}
	c.Intent.Label = []string{"purchase", "gift_card", "top_up", "transfer", "unclear", ""}[d.below(6)]
	for i := range fields {
		f := &fields[i]
		roll := d.below(16)
		switch {
		case f.set == nil || f.kind == currency || roll == 0:
			continue
		case roll == 1:
			f.set(&c, f.lo)
		case roll == 2:
			f.set(&c, f.hi)
		default:
			f.set(&c, f.lo+d.below(min(f.hi-f.lo+1, 1+d.below(400_000))))
		}
	}
	return c
}

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

// generate is a case in which every fact is now and then missing or at a bound,
// and mostly as ordinary as a shop's day: small numbers are more frequent.
func generate(seed uint64) Case {
	d := dice(seed)
	c := Case{Amount: money.Money{Currency: []money.Currency{"CNY", "CNY", "USD", "EUR"}[d.below(4)]}}
	if d.below(100) == 0 {
		c.Amount.Currency = "JPY"
	}
	c.Intent.Label = []string{"purchase", "purchase", "gift_card", "top_up", "unclear", ""}[d.below(6)]
	for i := range fields {
		f := &fields[i]
		roll := d.below(256)
		switch {
		case f.set == nil || f.kind == currency || roll == 0:
			continue
		case roll == 1:
			f.set(&c, f.lo)
		case roll == 2:
			f.set(&c, f.hi)
		case f.kind == boolean:
			f.set(&c, d.below(20)/19)
		case f.name == "link.state":
			f.set(&c, 1+d.below(30)/25*d.below(6))
		case f.hi-f.lo < 20_000:
			f.set(&c, f.lo+d.below(f.hi-f.lo+1))
		case f.kind == amount:
			f.set(&c, 1+d.below(1<<d.below(22)))
		case f.kind == span:
			f.set(&c, d.below(min(f.hi, 1<<17)))
		default:
			f.set(&c, d.below(1<<d.below(5)))
		}
	}
	return c
}

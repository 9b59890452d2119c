package sale

import (
	"time"

	"qrposd/rules/money"
)

// Price is what a sale costs in the currency that the payer pays in: the range of
// rates that the provider projected, and the one inside it that is charged. There
// is none that was not projected. It holds for a time, and no longer than this
// boot of the machine: how long the power was off is not known.
type Price struct {
	Asked      money.Money   `json:"asked"`      // the shop's price
	Projection string        `json:"projection"` // its number at the provider
	Low        money.Rate    `json:"low"`        // rates are in the payer's currency for one unit of the shop's
	Mid        money.Rate    `json:"mid"`
	High       money.Rate    `json:"high"`
	Agreed     money.Rate    `json:"agreed"`        // never above High
	Confidence float64       `json:"confidence"`    // of the projection, 0 to 1
	By         string        `json:"by"`            // who chose Agreed
	Ask        bool          `json:"ask,omitempty"` // the payer has to agree before anything is charged
	Lasts      time.Duration `json:"lasts"`         // from At
	At         Instant       `json:"at"`
	Confirmed  time.Time     `json:"confirmed,omitzero"` // when the payer agreed
}

// Ends is when the price can no longer be charged.
func (p *Price) Ends() Instant { return p.At.Add(p.Lasts) }

// Holds says that the price can still be charged. No price at all always holds.
func (p *Price) Holds(now Now) bool {
	return p == nil || p.At >= now.Since && now.At < p.Ends()
}

// until is the earlier of end and the end of the price.
func (p *Price) until(end Instant) Instant {
	if p == nil {
		return end
	}
	return min(end, p.Ends())
}

// inOrder says whether the price is one inside a range of rates.
func (p *Price) inOrder() bool {
	return p != nil && p.Low != (money.Rate{}) && p.Low.Cmp(p.Mid) <= 0 && p.Mid.Cmp(p.High) <= 0 &&
		p.Low.Cmp(p.Agreed) <= 0 && p.Agreed.Cmp(p.High) <= 0 && p.Lasts > 0
}

// priced says that the sale is in the currency that it is paid in.
func (s *Sale) priced() bool { return s.PayIn == "" || s.Price != nil }

// setPrice turns the shop's price into what is charged.
func (s *Sale) setPrice(ev Event) error {
	p := *ev.Price
	p.Asked, p.At, p.Confirmed = s.Amount, ev.At, time.Time{}
	charged, err := money.Convert(s.Amount, p.Agreed, s.PayIn)
	if err != nil {
		return refuse(s, ev, "price", err.Error())
	}
	s.Amount, s.Price = charged, &p
	return nil
}

// confirm notes when the payer agreed to the price.
func (s *Sale) confirm(ev Event) {
	if s.Price != nil {
		p := *s.Price
		p.Confirmed = ev.Wall
		s.Price = &p
	}
}

package api

import (
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// PayIn is a currency that customers can pay in, beside the shop's own.
type PayIn struct {
	Currency money.Currency `json:"currency" example:"CNY"`
	Default  bool           `json:"default,omitempty" doc:"A sale that does not name what it is paid in is paid in this"`
	Only     bool           `json:"only,omitempty" doc:"Nothing else can be charged, the shop's own currency included"`
}

// Price is a sale in the currency that the customer pays in: what both screens show
// of it. Rates are in that currency for one unit of the shop's.
type Price struct {
	Asked       Amount     `json:"asked" doc:"The shop's price"`
	Charged     Amount     `json:"charged" doc:"What the customer pays, the sale's amount"`
	Rate        string     `json:"rate" example:"0.9158" doc:"What is charged at, inside the range"`
	Low         string     `json:"low" doc:"The projected range begins here"`
	High        string     `json:"high"`
	Confidence  float64    `json:"confidence" doc:"Of the projection, 0 to 1"`
	AgeS        int        `json:"age_s" doc:"How old the projection is"`
	SecondsLeft *int       `json:"seconds_left,omitempty" doc:"How long the price can still be charged; missing once an outcome is known"`
	Confirm     bool       `json:"confirm" doc:"The customer has to agree to it before anything is charged"`
	ConfirmedAt *time.Time `json:"confirmed_at,omitempty" doc:"When the customer agreed"`
	By          string     `json:"by" doc:"Who chose the rate inside the range"`
}

func price(s *sale.Sale, now sale.Now) *Price {
	p := s.Price
	if p == nil {
		return nil
	}
	v := &Price{
		Asked: amount(p.Asked), Charged: amount(s.Amount), Rate: p.Agreed.String(), Low: p.Low.String(), High: p.High.String(), Confidence: p.Confidence,
		AgeS: max(0, int(now.At.Sub(p.At)/time.Second)), Confirm: p.Ask, By: p.By,
	}
	if !Rests(s.State) {
		left := 0
		if p.Holds(now) {
			left = int((p.Ends().Sub(now.At) + time.Second - 1) / time.Second)
		}
		v.SecondsLeft = &left
	}
	if !p.Confirmed.IsZero() {
		at := p.Confirmed
		v.ConfirmedAt = &at
	}
	return v
}

package emvqr

import (
	"fmt"

	"qrposd/rules/money"
)

// numeric are the currencies of ISO 4217 that shops' own codes come in.
var numeric = map[string]money.Currency{
	"156": "CNY", "344": "HKD", "356": "INR", "360": "IDR", "392": "JPY", "458": "MYR", "608": "PHP", "702": "SGD", "704": "VND", "764": "THB", "840": "USD", "978": "EUR", "986": "BRL",
}

// Static is the code that a shop already has on its counter, of whatever scheme.
type Static struct{ code Code }

// ReadStatic reads a shop's own code. A code that asks for one amount already is
// somebody's bill and not a shop's code.
func ReadStatic(text string) (Static, error) {
	c, err := Parse(text)
	if err != nil {
		return Static{}, err
	}
	if _, amount := c.Get(idAmount); amount {
		return Static{}, fmt.Errorf("%w: it asks for an amount already", ErrForm)
	}
	n, _ := c.Get(idCurrency)
	if _, known := numeric[n]; !known {
		return Static{}, fmt.Errorf("%w: its currency %.8q is not one that a till knows", ErrForm, n)
	}
	return Static{c}, nil
}

// Currency is for [Account].
func (s Static) Currency() money.Currency {
	n, _ := s.code.Get(idCurrency)
	return numeric[n]
}

// Carries is for [Account]: whether the bank gives a reference back is not known.
func (s Static) Carries() bool { return false }

// Payload is the code with the amount in it. What else the shop's bank has put
// there stays as it is and where it is.
func (s Static) Payload(_ Shop, c Charge) (string, error) {
	code := s.code
	if c.Amount == (money.Money{}) {
		return code.String(), nil
	}
	amount, err := decimal(c.Amount, s.Currency())
	if err != nil {
		return "", err
	}
	code = code.with(idInitiation, "12").with(idAmount, amount)
	if err := code.valid(); err != nil {
		return "", err
	}
	return code.String(), nil
}

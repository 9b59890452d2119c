package emvqr

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"qrposd/rules/money"
)

// UPI is an Indian account by its virtual payment address. Its code is a link and
// not an EMVCo payload.
type UPI struct {
	Address string // name@bank
}

var (
	vpa    = regexp.MustCompile(`^[0-9A-Za-z._-]{2,64}@[0-9A-Za-z.-]{2,64}$`)
	upiRef = regexp.MustCompile(`^[0-9A-Za-z-]{1,35}$`)
)

// Currency is for [Account].
func (UPI) Currency() money.Currency { return "INR" }

// Carries is for [Account].
func (UPI) Carries() bool { return true }

// Payload is for [Account]. A link with an amount needs a reference.
func (a UPI) Payload(s Shop, c Charge) (string, error) {
	if !vpa.MatchString(a.Address) || s.Name == "" {
		return "", fmt.Errorf("%w: UPI takes an address name@bank and the shop's name", ErrCharge)
	}
	if c.Reference != "" && !upiRef.MatchString(c.Reference) || c.Amount != (money.Money{}) && c.Reference == "" {
		return "", fmt.Errorf("%w: UPI takes a reference of 1 to 35 letters, digits and dashes", ErrCharge)
	}
	link := "upi://pay?pa=" + a.Address + "&pn=" + escape(s.Name)
	if s.Category != "" {
		link += "&mc=" + escape(s.Category)
	}
	if c.Reference != "" {
		link += "&tr=" + c.Reference
	}
	if c.Amount != (money.Money{}) {
		amount, err := decimal(c.Amount, "INR")
		if err != nil {
			return "", err
		}
		link += "&am=" + amount
	}
	return link + "&cu=INR", nil
}

// escape has %20 for a space: wallets show a + as one.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

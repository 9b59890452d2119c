package sim

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// BankCode is what a telephone reads out of a code that a shop shows.
type BankCode struct {
	Scheme    string `json:"scheme"`              // promptpay, promptpay_bill, pix, paynow, upi; "" of another, which the bank only forwards
	Account   string `json:"account"`             // whose money it becomes
	Name      string `json:"name,omitempty"`      // of the shop
	Currency  string `json:"currency"`            //
	Amount    string `json:"amount,omitempty"`    // "" lets the payer type it
	Reference string `json:"reference,omitempty"` // that goes along with the payment
	Until     string `json:"until,omitempty"`     // the last day on which it may be paid, YYYYMMDD
}

// bankMoney are the numeric currencies that codes come in, with their minor units.
var bankMoney = map[string]struct {
	name   string
	places int
}{
	"156": {"CNY", 2}, "344": {"HKD", 2}, "356": {"INR", 2}, "360": {"IDR", 2}, "392": {"JPY", 0}, "458": {"MYR", 2}, "608": {"PHP", 2},
	"702": {"SGD", 2}, "704": {"VND", 0}, "764": {"THB", 2}, "840": {"USD", 2}, "978": {"EUR", 2}, "986": {"BRL", 2},
}

func bankPlaces(currency string) (int, bool) {
	for _, c := range bankMoney {
		if c.name == currency {
			return c.places, true
		}
	}
	return 0, false
}

func unreadable(format string, args ...any) error {
	return &controlError{400, "CODE_UNREADABLE", fmt.Sprintf(format, args...)}
}

// readCode reads a code as a payer's banking app does: a link of UPI, or objects with
// a checksum at their end. Nothing of the till's own writer is used for it.
func readCode(text string) (BankCode, error) {
	if strings.HasPrefix(text, "upi://") {
		return readUPI(text)
	}
	if len(text) < 12 || text[len(text)-8:len(text)-4] != "6304" {
		return BankCode{}, unreadable("it does not end with a checksum")
	}
	if sum := fmt.Sprintf("%04X", crc([]byte(text[:len(text)-4]))); sum != text[len(text)-4:] {
		return BankCode{}, unreadable("its checksum is %s, not %s", text[len(text)-4:], sum)
	}
	top, err := objects(text)
	if err != nil {
		return BankCode{}, err
	}
	return understood(top)
}

// crc is CRC-16 with the polynomial 1021, begun with FFFF, the highest bit first.
func crc(b []byte) uint16 {
	sum := uint16(0xffff)
	for _, c := range b {
		for bit := 7; bit >= 0; bit-- {
			carry := sum>>15 != uint16(c>>bit&1)
			if sum <<= 1; carry {
				sum ^= 0x1021
			}
		}
	}
	return sum
}

// objects are number, length in characters, and value, one behind the other.
func objects(text string) (map[string]string, error) {
	all := map[string]string{}
	for left := []rune(text); len(left) > 0; {
		if len(left) < 4 {
			return nil, unreadable("it ends within an object")
		}
		id, length := string(left[:2]), string(left[2:4])
		n, err := strconv.ParseUint(length, 10, 8)
		if err != nil || len(left) < 4+int(n) {
			return nil, unreadable("object %q is %q long and runs over the end", id, length)
		}
		if _, twice := all[id]; twice {
			return nil, unreadable("object %q comes twice", id)
		}
		all[id] = string(left[4 : 4+n])
		left = left[4+n:]
	}
	return all, nil
}

// understood finds the account among the templates of a code.
func understood(top map[string]string) (BankCode, error) {
	money, known := bankMoney[top["53"]]
	if !known {
		return BankCode{}, unreadable("no bank here pays in currency %q", top["53"])
	}
	c := BankCode{Name: top["59"], Currency: money.name, Amount: top["54"]}
	extra, err := objects(top["62"])
	if err != nil {
		return BankCode{}, err
	}
	for id := 2; id <= 51; id++ {
		value, there := top[fmt.Sprintf("%02d", id)]
		if !there {
			continue
		}
		if id < 26 {
			c.Account = value // a number of a card network, as it stands
			continue
		}
		in, err := objects(value)
		if err != nil {
			return BankCode{}, err
		}
		c.account(in, extra)
	}
	if c.Account == "" {
		return BankCode{}, unreadable("it names no account")
	}
	if c.Reference == "***" {
		c.Reference = "" // the payer's bank makes one
	}
	if c.Amount != "" {
		if _, err := minor(c.Amount, c.Currency); err != nil {
			return BankCode{}, err
		}
	}
	return c, nil
}

func (c *BankCode) account(in, extra map[string]string) {
	switch domain := in["00"]; strings.ToUpper(domain) {
	case "A000000677010111":
		c.Scheme, c.Account = "promptpay", in["01"]+in["02"]+in["03"]
	case "A000000677010112":
		c.Scheme, c.Account, c.Reference = "promptpay_bill", in["01"], in["02"]
	case "BR.GOV.BCB.PIX":
		c.Scheme, c.Account, c.Reference = "pix", in["01"], extra["05"]
	case "SG.PAYNOW":
		c.Scheme, c.Account, c.Reference, c.Until = "paynow", in["02"], extra["01"], in["04"]
	default:
		if c.Account == "" {
			c.Account = strings.TrimSpace(domain + " " + in["01"])
		}
	}
}

func readUPI(text string) (BankCode, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host != "pay" {
		return BankCode{}, unreadable("it is no link to pay")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || q.Get("pa") == "" || q.Get("pn") == "" || q.Get("cu") != "INR" {
		return BankCode{}, unreadable("a link of UPI has pa, pn and cu=INR")
	}
	c := BankCode{Scheme: "upi", Account: q.Get("pa"), Name: q.Get("pn"), Currency: "INR", Amount: q.Get("am"), Reference: q.Get("tr")}
	if c.Amount != "" {
		_, err = minor(c.Amount, c.Currency)
	}
	return c, err
}

// minor reads an amount as codes and statements write it.
func minor(amount, currency string) (int64, error) {
	places, known := bankPlaces(currency)
	whole, part, dot := strings.Cut(amount, ".")
	if !known || len(part) > places || dot && part == "" || len(whole) > 12 {
		return 0, unreadable("%q is no amount in %q", amount, currency)
	}
	n, err := strconv.ParseUint(whole+part+strings.Repeat("0", places-len(part)), 10, 63)
	if err != nil || n == 0 {
		return 0, unreadable("%q is no amount in %q", amount, currency)
	}
	return int64(n), nil
}

func written(n int64, currency string) string {
	places, _ := bankPlaces(currency)
	s := fmt.Sprintf("%0*d", places+1, n)
	if places == 0 {
		return s
	}
	return s[:len(s)-places] + "." + s[len(s)-places:]
}

func (c *BankCode) over(now time.Time) bool { return c.Until != "" && now.Format("20060102") > c.Until }

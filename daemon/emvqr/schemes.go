package emvqr

import (
	"errors"
	"fmt"
	"regexp"
	"time"
	"unicode/utf8"

	"qrposd/rules/money"
)

// Charge is what a payer is asked to pay.
type Charge struct {
	Amount    money.Money // the zero Money lets the payer type it
	Reference string      // finds the payment again, where the scheme carries one
}

// Shop is who asks.
type Shop struct {
	Name     string // at most 25 characters
	City     string // at most 15
	Category string // ISO 18245; empty is 0000
}

// Account is somebody's at a scheme.
type Account interface {
	// Currency is the one in which the scheme pays.
	Currency() money.Currency
	// Carries says that a payment comes back with the charge's reference. Where it
	// does not, only its amount and its time tell it from another.
	Carries() bool
	// Payload is the text of the code.
	Payload(Shop, Charge) (string, error)
}

// ErrCharge says that a charge cannot be put into a code of the scheme.
var ErrCharge = errors.New("emvqr: the scheme cannot carry this charge")

// PromptPay is a Thai mobile number, national or tax id, or e-wallet: one of them.
type PromptPay struct {
	Mobile   string // national, 0812345678, or international, 66812345678
	Identity string // 13 digits
	Wallet   string // 15 digits
}

// Bill is a Thai biller, to whom a payment comes with its references.
type Bill struct {
	Biller string // 15 digits
	Second string // a second reference, the shop's own
}

// PIX is a Brazilian account by its key: of a person, a company, a mail address, a
// telephone or random.
type PIX struct {
	Key  string
	Text string // for the payer
}

// PayNow is a Singapore account: a mobile number with +65, or a company's number.
type PayNow struct {
	Mobile  string
	Company string // UEN
	Expires time.Time
}

// Currency is for [Account].
func (PromptPay) Currency() money.Currency { return "THB" }

// Currency is for [Account].
func (Bill) Currency() money.Currency { return "THB" }

// Currency is for [Account].
func (PIX) Currency() money.Currency { return "BRL" }

// Currency is for [Account].
func (PayNow) Currency() money.Currency { return "SGD" }

// Carries is for [Account].
func (PromptPay) Carries() bool { return false }

// Carries is for [Account].
func (Bill) Carries() bool { return true }

// Carries is for [Account]. Some payers' banks drop it all the same.
func (PIX) Carries() bool { return true }

// Carries is for [Account].
func (PayNow) Carries() bool { return true }

var (
	thaiMobile = regexp.MustCompile(`^(?:0|66|\+66)([0-9]{9})$`)
	digits13   = regexp.MustCompile(`^[0-9]{13}$`)
	digits15   = regexp.MustCompile(`^[0-9]{15}$`)
	pixKey     = regexp.MustCompile(`^[0-9A-Za-z.+@_-]{1,77}$`)
	pixTxID    = regexp.MustCompile(`^[0-9A-Za-z]{1,25}$`)
	sgMobile   = regexp.MustCompile(`^\+65[0-9]{8}$`)
	uen        = regexp.MustCompile(`^[0-9A-Z]{9,12}$`)
	reference  = regexp.MustCompile(`^[0-9A-Z]{1,20}$`)
	billNumber = regexp.MustCompile(`^[0-9A-Za-z._/-]{1,25}$`)
	category   = regexp.MustCompile(`^[0-9]{4}$`)
)

// Payload is for [Account].
func (a PromptPay) Payload(_ Shop, c Charge) (string, error) {
	in := Code{{0, "A000000677010111"}}
	m := thaiMobile.FindStringSubmatch(a.Mobile)
	switch {
	case m != nil && a.Identity == "" && a.Wallet == "":
		in = append(in, Object{1, "0066" + m[1]})
	case digits13.MatchString(a.Identity) && a.Mobile == "" && a.Wallet == "":
		in = append(in, Object{2, a.Identity})
	case digits15.MatchString(a.Wallet) && a.Mobile == "" && a.Identity == "":
		in = append(in, Object{3, a.Wallet})
	default:
		return "", fmt.Errorf("%w: PromptPay takes a mobile number, 13 digits of an identity or 15 of a wallet", ErrCharge)
	}
	return thai(29, in, c)
}

// Payload is for [Account].
func (a Bill) Payload(_ Shop, c Charge) (string, error) {
	if !digits15.MatchString(a.Biller) || !reference.MatchString(c.Reference) || a.Second != "" && !reference.MatchString(a.Second) {
		return "", fmt.Errorf("%w: a bill takes 15 digits of a biller and references of 1 to 20 of 0-9 and A-Z", ErrCharge)
	}
	in := Code{{0, "A000000677010112"}, {1, a.Biller}, {2, c.Reference}}
	if a.Second != "" {
		in = append(in, Object{3, a.Second})
	}
	return thai(30, in, c)
}

func thai(template int, in Code, c Charge) (string, error) {
	code := start(c, Object{template, in.objects()})
	code = code.with(idCountry, "TH")
	if template == 30 { // a terminal's number is what the banks' own codes have
		code = code.with(idAdditional, Code{{idTerminal, "POS"}}.objects())
	}
	return finish(code, "THB", "764", c)
}

// Payload is for [Account].
func (a PIX) Payload(s Shop, c Charge) (string, error) {
	txid := c.Reference
	if txid == "" {
		txid = "***" // the payer's bank makes one
	} else if !pixTxID.MatchString(txid) {
		return "", fmt.Errorf("%w: PIX takes a reference of 1 to 25 letters and digits", ErrCharge)
	}
	if !pixKey.MatchString(a.Key) {
		return "", fmt.Errorf("%w: this is no PIX key", ErrCharge)
	}
	in := Code{{0, "br.gov.bcb.pix"}, {1, a.Key}}
	if a.Text != "" {
		in = append(in, Object{2, a.Text})
	}
	code, err := shop(Code{{idFormat, "01"}, {26, in.objects()}}, s)
	if err != nil {
		return "", err
	}
	code = code.with(idCountry, "BR").with(idAdditional, Code{{idReference, txid}}.objects())
	return finish(code, "BRL", "986", c)
}

// Payload is for [Account].
func (a PayNow) Payload(s Shop, c Charge) (string, error) {
	in := Code{{0, "SG.PAYNOW"}}
	switch {
	case sgMobile.MatchString(a.Mobile) && a.Company == "":
		in = append(in, Object{1, "0"}, Object{2, a.Mobile})
	case uen.MatchString(a.Company) && a.Mobile == "":
		in = append(in, Object{1, "2"}, Object{2, a.Company})
	default:
		return "", fmt.Errorf("%w: PayNow takes a mobile number with +65 or a company's number", ErrCharge)
	}
	editable := "0"
	if c.Amount == (money.Money{}) {
		editable = "1"
	}
	in = append(in, Object{3, editable})
	if !a.Expires.IsZero() {
		in = append(in, Object{4, a.Expires.Format("20060102")})
	}
	code, err := shop(start(c, Object{26, in.objects()}), s)
	if err != nil {
		return "", err
	}
	code = code.with(idCountry, "SG")
	if c.Reference != "" {
		if !billNumber.MatchString(c.Reference) {
			return "", fmt.Errorf("%w: PayNow takes a bill number of 1 to 25 characters", ErrCharge)
		}
		code = code.with(idAdditional, Code{{idBill, c.Reference}}.objects())
	}
	return finish(code, "SGD", "702", c)
}

// start is a code for many payments, or for one where it has an amount.
func start(c Charge, template Object) Code {
	initiation := "11"
	if c.Amount != (money.Money{}) {
		initiation = "12"
	}
	return Code{{idFormat, "01"}, {idInitiation, initiation}, template}
}

// shop adds who asks, as schemes want it that show the payer a name.
func shop(code Code, s Shop) (Code, error) {
	if s.Category == "" {
		s.Category = "0000"
	}
	n, m := utf8.RuneCountInString(s.Name), utf8.RuneCountInString(s.City)
	if n < 1 || n > 25 || m < 1 || m > 15 || !category.MatchString(s.Category) {
		return nil, fmt.Errorf("%w: a shop has a name of 1 to 25 characters, a city of 1 to 15 and a category of 4 digits", ErrCharge)
	}
	return code.with(idCategory, s.Category).with(idName, s.Name).with(idCity, s.City), nil
}

// finish adds the currency and the amount.
func finish(code Code, c money.Currency, numeric string, charge Charge) (string, error) {
	code = code.with(idCurrency, numeric)
	if charge.Amount != (money.Money{}) {
		amount, err := decimal(charge.Amount, c)
		if err != nil {
			return "", err
		}
		code = code.with(idAmount, amount)
	}
	if err := code.valid(); err != nil {
		return "", err
	}
	return code.String(), nil
}

// decimal is an amount as codes hold it: at most 13 characters, without a sign.
func decimal(m money.Money, c money.Currency) (string, error) {
	if err := m.Check(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrCharge, err)
	}
	s := m.Decimal()
	if m.Currency != c || m.Minor < 1 || len(s) > 13 {
		return "", fmt.Errorf("%w: an amount above zero in %s, not %s", ErrCharge, c, m)
	}
	return s, nil
}

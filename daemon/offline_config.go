package daemon

import (
	"errors"
	"fmt"
	"time"

	"qrposd/daemon/emvqr"
	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Offline says what is sold while the provider cannot be reached, and into which
// accounts of the shop's own. What the rules allow of it is the rule file's.
type Offline struct {
	Enabled     bool             `toml:"enabled"`
	Window      wechat.Duration  `toml:"window"`       // how long a receipt is waited for
	Distinct    string           `toml:"distinct"`     // a decimal: by how much an amount may be lowered to be told from another's
	WhileOnline bool             `toml:"while_online"` // also while the provider answers
	Name        string           `toml:"name"`         // of the shop, as codes show it; at most 25 characters
	City        string           `toml:"city"`         // at most 15
	Category    string           `toml:"category"`     // of ISO 18245; may be empty
	Accounts    []OfflineAccount `toml:"account"`
}

// OfflineAccount is an account of the shop's own at a scheme. Which of the last group
// it has depends on the scheme.
type OfflineAccount struct {
	Scheme   string         `toml:"scheme"`
	Label    string         `toml:"label"`    // what people in the shop call it
	Currency money.Currency `toml:"currency"` // may be left out: the scheme has one

	Mobile   string `toml:"mobile"`   // promptpay, paynow
	Identity string `toml:"identity"` // promptpay: national or tax id
	Wallet   string `toml:"wallet"`   // promptpay: e-wallet
	Biller   string `toml:"biller"`   // promptpay_bill
	Second   string `toml:"second"`   // promptpay_bill: a second reference
	Key      string `toml:"key"`      // pix
	Company  string `toml:"company"`  // paynow: UEN
	Address  string `toml:"address"`  // upi: name@bank
	Code     string `toml:"code"`     // static: the text of the shop's own code
}

func (a OfflineAccount) account() (emvqr.Account, error) {
	switch a.Scheme {
	case "promptpay":
		return emvqr.PromptPay{Mobile: a.Mobile, Identity: a.Identity, Wallet: a.Wallet}, nil
	case "promptpay_bill":
		return emvqr.Bill{Biller: a.Biller, Second: a.Second}, nil
	case "pix":
		return emvqr.PIX{Key: a.Key}, nil
	case "paynow":
		return emvqr.PayNow{Mobile: a.Mobile, Company: a.Company}, nil
	case "upi":
		return emvqr.UPI{Address: a.Address}, nil
	case "static":
		return emvqr.ReadStatic(a.Code)
	}
	return nil, errors.New("scheme is promptpay, promptpay_bill, pix, paynow, upi or static")
}

func (o Offline) shop() emvqr.Shop {
	return emvqr.Shop{Name: o.Name, City: o.City, Category: o.Category}
}

// lower is by how much an amount of a currency may be lowered, in minor units.
func (o Offline) lower(c money.Currency) (int64, error) {
	if o.Distinct == "" || o.Distinct == "0" {
		return 0, nil
	}
	m, err := money.Parse(o.Distinct, c)
	return m.Minor, err
}

// plan is one account as it is used.
type ownAccount struct {
	conf OfflineAccount
	acc  emvqr.Account
}

// open makes a code at each account, so that what is wrong with one shows when the
// till starts and not when the network has gone.
func (o Offline) open() (map[string]ownAccount, error) {
	var errs []error
	accounts := make(map[string]ownAccount)
	for i, conf := range o.Accounts {
		wrong := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("offline.account %d (%.16s): %w", i+1, conf.Scheme, fmt.Errorf(format, args...)))
		}
		acc, err := conf.account()
		if err != nil {
			wrong("%w", err)
			continue
		}
		if _, twice := accounts[conf.Scheme]; twice {
			wrong("there is one of this scheme already; a till has one account of a scheme")
		}
		if conf.Label == "" || len(conf.Label) > 40 {
			wrong("label is %.48q; 1 to 40 bytes, what people in the shop call the account", conf.Label)
		}
		if conf.Currency != "" && conf.Currency != acc.Currency() {
			wrong("currency is %s, and the scheme pays in %s", conf.Currency, acc.Currency())
		}
		if _, err := o.lower(acc.Currency()); err != nil {
			wrong("distinct: %w", err)
		}
		sample := emvqr.Charge{Amount: money.Money{Minor: 100, Currency: acc.Currency()}}
		if acc.Carries() {
			sample.Reference = sale.ReferenceOf("T1260102000000000000000000")
		}
		if _, err := acc.Payload(o.shop(), sample); err != nil {
			wrong("%w", err)
		}
		accounts[conf.Scheme] = ownAccount{conf, acc}
	}
	return accounts, errors.Join(errs...)
}

// Validate names everything that is wrong.
func (o Offline) Validate() error {
	if !o.Enabled {
		return nil
	}
	var errs []error
	if w := time.Duration(o.Window); w < time.Minute || w > 30*24*time.Hour {
		errs = append(errs, fmt.Errorf("offline.window is %s; 1m to 720h, how long a receipt is waited for", w))
	}
	if len(o.Accounts) == 0 {
		errs = append(errs, errors.New("offline.enabled needs at least one [[offline.account]]"))
	}
	_, err := o.open()
	return errors.Join(append(errs, err)...)
}

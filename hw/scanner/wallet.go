package scanner

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// maxWalletDigits bounds the payer codes that a configured wallet may claim.
const maxWalletDigits = 32

// Wallet says which all-digit payloads are payer codes of one payment scheme. It is configuration, not code: schemes come
// and go, and which of them a shop accepts is the shop's contract.
type Wallet struct {
	Name     string   `toml:"name" json:"name"`
	Prefixes []string `toml:"prefixes" json:"prefixes"` // digits, e.g. "10", "11"
	Lengths  []int    `toml:"lengths" json:"lengths"`   // of the whole code, in digits
}

// DefaultWallets returns the table for mainland China.
//
//	wechat    18 digits, 10-15    WeChat Pay, code payment; 15 is the Hong Kong wallet
//	alipay    16-24 digits, 25-30 Alipay, alipay.trade.pay, scene bar_code
//	unionpay  19 digits, 62       UnionPay QR, consumer-presented; has the form of a card number
func DefaultWallets() []Wallet {
	return []Wallet{
		{Name: "wechat", Prefixes: []string{"10", "11", "12", "13", "14", "15"}, Lengths: []int{18}},
		{
			Name: "alipay", Prefixes: []string{"25", "26", "27", "28", "29", "30"},
			Lengths: []int{16, 17, 18, 19, 20, 21, 22, 23, 24},
		},
		{Name: "unionpay", Prefixes: []string{"62"}, Lengths: []int{19}},
	}
}

// Match reports whether the payload is a payer code of the wallet.
func (w Wallet) Match(payload string) bool {
	return slices.Contains(w.Lengths, len(payload)) && allDigits(payload) && w.hasPrefix(payload)
}

func (w Wallet) hasPrefix(s string) bool {
	return slices.ContainsFunc(w.Prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// overlaps reports whether one payload could belong to both.
func (w Wallet) overlaps(o Wallet) bool {
	if !slices.ContainsFunc(w.Lengths, func(n int) bool { return slices.Contains(o.Lengths, n) }) {
		return false
	}
	return slices.ContainsFunc(w.Prefixes, func(p string) bool {
		return slices.ContainsFunc(o.Prefixes, func(q string) bool {
			return strings.HasPrefix(p, q) || strings.HasPrefix(q, p)
		})
	})
}

func validateWallets(wallets []Wallet) error {
	var errs []error
	for i, w := range wallets {
		errs = append(errs, w.validate())
		for _, o := range wallets[:i] {
			if w.Name == o.Name {
				errs = append(errs, fmt.Errorf("wallet %q is there twice", w.Name))
			} else if w.overlaps(o) {
				errs = append(errs, fmt.Errorf("wallets %q and %q claim the same codes", o.Name, w.Name))
			}
		}
	}
	return errors.Join(errs...)
}

func (w Wallet) validate() error {
	var errs []error
	fault := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("wallet %q: "+format, append([]any{w.Name}, args...)...))
	}
	if w.Name == "" {
		fault("has no name")
	}
	if len(w.Prefixes) == 0 {
		fault("has no prefixes")
	}
	for _, p := range w.Prefixes {
		if !allDigits(p) || len(p) >= payerDigits {
			fault("prefix %q is not a few digits", p)
		}
	}
	if len(w.Lengths) == 0 {
		fault("has no lengths")
	}
	for _, n := range w.Lengths {
		if n < payerDigits || n > maxWalletDigits {
			fault("length %d is not within %d-%d: shorter codes are goods", n, payerDigits, maxWalletDigits)
		}
	}
	return errors.Join(errs...)
}

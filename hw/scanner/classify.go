package scanner

import (
	"net/url"
	"slices"
	"strings"
)

// Kind says what a payload is to a till.
type Kind string

// The kinds of payload. The values are stable: they are part of the API and of the journal.
const (
	Payer Kind = "payer" // a customer's payment code: may be charged once
	GTIN  Kind = "gtin"  // EAN-8, UPC-A, EAN-13 or GTIN-14 with a valid check digit
	GS1   Kind = "gs1"   // a GS1 element string or a GS1 Digital Link
	URL   Kind = "url"   // an http or https address; never followed
	Other Kind = "other" // anything else; Class.Reason says why if that helps the cashier
)

// Reason says why a payload that looks like a payer code or a GTIN was not taken for one.
type Reason string

// The reasons of [Class].
const (
	ReasonDamaged       Reason = "damaged"        // a payer code with foreign characters in it: scan again
	ReasonUnknownWallet Reason = "unknown_wallet" // long enough for a payer code, but of no configured wallet
	ReasonCheckDigit    Reason = "check_digit"    // of the length of a GTIN, but the check digit is wrong
	ReasonUnprintable   Reason = "unprintable"    // control characters or broken text: noise or a wrong baud rate
)

// Class is what [Classify] found out about a payload.
type Class struct {
	Code   Code   `json:"code"`             // the payload, masked if it is or may be a payer code
	Kind   Kind   `json:"kind"`             //
	Wallet string `json:"wallet,omitempty"` // name of the wallet, for a payer code
	GTIN   string `json:"gtin,omitempty"`   // 14 digits, for GTIN, and for GS1 if it names one
	Reason Reason `json:"reason,omitempty"` // for Other
}

// payerDigits is the least number of digits of a payer code: longer than any GTIN, so that goods can never be charged.
const payerDigits = 16

// Classify says what a payload is. symbology is the AIM identifier ("]Q1") or empty if unknown, as for a code that was
// typed by a keyboard scanner. Payer codes are asked for first, because a till that takes money for goods is worse off
// than one that asks again; but a symbol that declares itself GS1 is believed: wallets show plain Code 128 and QR, and
// "11" + date + "10" + lot of a GS1-128 label has the form of a WeChat code.
func Classify(payload, symbology string, wallets []Wallet) Class {
	declared := declaresGS1(symbology)
	if !declared {
		for _, w := range wallets {
			if w.Match(payload) {
				return Class{Code: newCode(payload, true), Kind: Payer, Wallet: w.Name}
			}
		}
		if g, ok := parseGTIN(payload); ok {
			return Class{Code: newCode(payload, false), Kind: GTIN, GTIN: g}
		}
	}
	digits := onlyDigits(payload)
	hidden := damaged(payload, digits, wallets)
	if g, ok := parseGS1(payload, declared); ok {
		return Class{Code: newCode(payload, hidden), Kind: GS1, GTIN: g}
	}
	if isURL(payload) {
		return Class{Code: newCode(payload, hidden), Kind: URL}
	}
	return Class{
		Code:   newCode(payload, hidden || len(digits) >= payerDigits),
		Kind:   Other,
		Reason: reason(payload, digits, hidden),
	}
}

func reason(payload, digits string, damaged bool) Reason {
	switch {
	case damaged:
		return ReasonDamaged
	case !isText(payload):
		return ReasonUnprintable
	case digits == payload && slices.Contains(gtinLengths, len(payload)):
		return ReasonCheckDigit
	case digits == payload && payerDigits <= len(payload) && len(payload) <= maxWalletDigits:
		return ReasonUnknownWallet
	}
	return ""
}

// damaged reports whether the payload is a payer code with characters put in, or put in the place of digits. It is also
// true of a symbol that has the form of a payer code and declares itself GS1: that one is only masked.
func damaged(payload, digits string, wallets []Wallet) bool {
	return slices.ContainsFunc(wallets, func(w Wallet) bool {
		if w.Match(digits) {
			return true
		}
		return slices.Contains(w.Lengths, len(payload)) && 2*len(digits) > len(payload) && w.hasPrefix(payload)
	})
}

func onlyDigits(s string) string {
	if allDigits(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

func declaresGS1(symbology string) bool {
	return symbology == "]C1" || symbology == "]d2" || symbology == "]Q3" || strings.HasPrefix(symbology, "]e")
}

// groupSeparator is how a scanner sends FNC1 inside a GS1 element string.
const groupSeparator = "\x1d"

// parseGS1 recognizes an element string by the symbology or the separator, and a Digital Link by its path.
func parseGS1(s string, declared bool) (gtin string, ok bool) {
	if isURL(s) {
		return digitalLink(s)
	}
	if s == "" || !isText(s) || !declared && !strings.Contains(s, groupSeparator) {
		return "", false
	}
	if s = strings.TrimPrefix(s, groupSeparator); len(s) >= 16 && s[:2] == "01" && checkDigit(s[2:16]) {
		gtin = s[2:16]
	}
	return gtin, true
}

// digitalLink finds /01/<GTIN-14> in the path. The host is of no account: brands use their own.
func digitalLink(s string) (gtin string, ok bool) {
	u, err := url.Parse(s)
	if err != nil {
		return "", false
	}
	parts := strings.Split(u.Path, "/")
	for i := range len(parts) - 1 {
		if parts[i] == "01" && len(parts[i+1]) == 14 && checkDigit(parts[i+1]) {
			return parts[i+1], true
		}
	}
	return "", false
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

var gtinLengths = []int{8, 12, 13, 14}

// parseGTIN returns the payload as 14 digits. UPC-E is left to the scanner, which expands it when it sends AIM identifiers.
func parseGTIN(s string) (gtin string, ok bool) {
	if !slices.Contains(gtinLengths, len(s)) || !checkDigit(s) {
		return "", false
	}
	return strings.Repeat("0", 14-len(s)) + s, true
}

// checkDigit verifies the modulo-10 check digit of the GS1 General Specifications: weights 3 and 1 from the right.
func checkDigit(s string) bool {
	if !allDigits(s) {
		return false
	}
	sum, weight := 0, 1
	for i := len(s) - 1; i >= 0; i-- {
		sum += weight * int(s[i]-'0')
		weight = 4 - weight
	}
	return sum%10 == 0
}

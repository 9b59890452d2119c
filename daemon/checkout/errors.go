package checkout

import (
	"errors"
	"fmt"

	"qrposd/hw/scanner"
	"qrposd/rules/sale"
)

// Error is a refusal of the desk, in words for the person at the till.
type Error struct {
	Status        int // as an HTTP status, for whoever answers over HTTP
	Code          string
	Message, Hint string
}

func (e *Error) Error() string { return e.Message }

// Problem gives the error's parts to the API.
func (e *Error) Problem() (status int, code, message, hint string) {
	return e.Status, e.Code, e.Message, e.Hint
}

// The refusals that need no details.
var (
	errNobodyWaits    = &Error{409, "scan_unexpected", "a payment code was scanned but no sale waits for one", "type the amount first, then scan"}
	errStaleScan      = &Error{409, "scan_stale", "a payment code was scanned a while ago and was not used", "scan it again"}
	errCodeHeld       = &Error{409, "scan_in_progress", "this sale is being charged with a code already", "wait for its outcome"}
	errNobodyApproves = &Error{422, "approver_missing", "an approval needs the name of whoever approves", "enter the manager's name"}
	errNoOffline      = &Error{422, "offline_off", "this till sells nothing without the payment service", "configure [offline] with an account of the shop's own, or take cash"}
	errOneCurrency    = &Error{422, "currency_single", "this till takes payments in its own currency only", "leave out pay_in, or configure [aipay] and its pairs of currencies"}
	errStopping       = &Error{503, "stopping", "the till is being stopped", "try again in a few seconds; nothing was charged"}
)

func notPayment(c scanner.Class) error {
	e := &Error{422, "scan_not_payment", "that is no payment code", "scan the payment code on the customer's telephone"}
	switch {
	case c.Kind == scanner.GTIN || c.Kind == scanner.GS1:
		e.Code, e.Message = "scan_product", "that is the barcode of a product"
	case c.Kind == scanner.URL:
		e.Code, e.Message = "scan_url", "that is a web address"
	case c.Reason == scanner.ReasonDamaged:
		e.Code, e.Message, e.Hint = "scan_damaged", "the code was not read cleanly", "hold the telephone still and scan again"
	case c.Reason == scanner.ReasonUnknownWallet:
		e.Code, e.Message = "scan_unknown_wallet", "that is a code of a wallet this till does not know"
	}
	return e
}

func otherWallet(c scanner.Class) error {
	return &Error{422, "scan_other_wallet", fmt.Sprintf("that is a code of %s, which this till does not take", c.Wallet), "ask the customer for WeChat Pay"}
}

// awaits says whether s can be charged with a code now, and why not.
func awaits(s sale.Sale, now sale.Now) error {
	switch {
	case s.Flow != sale.Payer:
		return &Error{409, "sale_other_flow", "this sale shows a QR code; the customer scans it", "cancel it to scan the customer's code instead"}
	case !s.Price.Holds(now):
		return &Error{409, "price_expired", "the price of this sale no longer holds", "open a new sale; it gets a fresh price"}
	case s.Restored != nil && !s.State.Live():
		return &Error{409, "sale_restored", "the till was restored from a backup, and this sale may have been paid since", "wait until the till knows; if it was not paid, open a new sale"}
	case takesCode(s):
		return nil
	case s.State.Before():
		return &Error{409, "sale_" + s.State.String(), "this sale waits for somebody to agree first", "let the customer or the manager agree, then scan"}
	case s.Retryable():
		return nil
	case s.State.Live():
		return &Error{409, "sale_" + s.State.String(), "this sale is being charged; its outcome is not known yet", "do not charge again: wait until the till knows"}
	}
	return &Error{409, "sale_" + s.State.String(), fmt.Sprintf("this sale is %s and takes no code", s.State), "open a new sale"}
}

// takesCode says that the sale waits for its first code. One that is still being
// priced or judged keeps a code until it is known whether it may be charged.
func takesCode(s sale.Sale) bool {
	return s.Flow == sale.Payer && (s.State == sale.Opened || s.State == sale.Projected || s.State == sale.Judged)
}

// notice puts an error into words for the cashier's screen.
func notice(err error) Notice {
	var e *Error
	var no *sale.Refusal
	switch {
	case errors.As(err, &e):
		return Notice{Code: e.Code, Message: e.Message, Hint: e.Hint}
	case errors.As(err, &no) && no.Code == "code_used":
		return Notice{Code: no.Code, Message: "this payment code was used before", Hint: "ask the customer to show a fresh one"}
	case errors.As(err, &no):
		return Notice{Code: no.Code, Message: no.Text, Hint: "look at the sale on the screen"}
	}
	return Notice{Code: "internal", Message: "the till could not use the scan", Hint: "try again; nothing was charged"}
}

package wechat

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"unicode"

	"qrposd/rules/sale"
)

// The provider's error codes that decide something, spelled without underscores:
// its own pages spell them both ways (SYSTEM_ERROR, SYSTEMERROR).
const (
	codeParam         = "PARAMERROR"
	codeSign          = "SIGNERROR"
	codePaying        = "USERPAYING"
	codeOrderPaid     = "ORDERPAID"
	codeNoOrder       = "ORDERNOTEXIST"
	codeNoResource    = "RESOURCENOTEXISTS"
	codeNoRefund      = "REFUNDNOTEXIST" // v2
	codeTooLate       = "REVERSEEXPIRE"  // v2
	codeNotEnough     = "NOTENOUGH"
	codeCodeExpired   = "AUTHCODEEXPIRED"
	codeCodeInvalid   = "AUTHCODEINVALID"
	codeFrequency     = "FREQUENCYLIMITED"
	codeRate          = "RATELIMITEXCEEDED"
	codeOrderClosed   = "ORDERCLOSED"
	codeNumberUsed    = "OUTTRADENOUSED"
	codeMerchantMatch = "APPIDMCHIDNOTMATCH"
	codeMerchantOff   = "MERCHANTDISABLED" // ours: the provider has a number for it only
)

// numbers are the error numbers at the end of Request-ID that say more than the
// code in the body, which is often just INVALID_REQUEST.
var numbers = map[int64]string{
	268512771:  codeNoOrder,
	268449538:  codeOrderPaid,
	268498689:  codeOrderPaid,
	268449386:  codeTooLate,
	268501011:  codeCodeExpired,
	268501784:  codeCodeInvalid,
	88430113:   codeNotEnough,
	268576361:  codePaying, // shown for more than a minute: asks for the password
	268501834:  codePaying, // above the limit without a password
	1000001021: codePaying, // the payer has looked at the bare code
	270279174:  codePaying, // charged before: asks for the password
	268447840:  codeFrequency,
	268447914:  codeOrderClosed,
	268498688:  codeNumberUsed,
	268445527:  codeMerchantMatch,
	268443715:  codeMerchantOff,
	268448010:  codeMerchantOff,
	268443699:  codeSign,
}

func plainCode(code string) string { return strings.ToUpper(strings.ReplaceAll(code, "_", "")) }

// refusal is an error answer: what it comes down to, and the provider's words
// for the log.
type refusal struct {
	code string
	said string
}

// readRefusal never fails: what it cannot read has the empty code. The number
// refines the code, but PARAM_ERROR stays what it is: payers have been charged
// by it, and no number of it may be taken for their refusal.
func readRefusal(h http.Header, body []byte) refusal {
	var e struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(body, &e) != nil {
		return refusal{}
	}
	r := refusal{plainCode(e.Code), clean(e.Code + " " + e.Message)}
	id := h.Get("Request-Id")
	n, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 64)
	if code, ok := numbers[n]; ok && err == nil && r.code != "" && r.code != codeParam {
		r.code = code
	}
	return r
}

// clean makes the provider's text fit for a log line: bounded and without
// characters that a terminal or a parser of logs would obey.
func clean(s string) string {
	const most = 160
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "") {
		if !unicode.IsPrint(r) {
			r = ' '
		}
		if b.Len() >= most {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// payerRefusals are the refusals that lie with the payer: a code that cannot be
// charged, a card or an account that cannot pay. The provider documents each as
// "not paid, try another way". The list is short on purpose: a refusal outside
// of it is in doubt, which costs seconds; one wrongly inside would tell a payer
// who has been charged to pay again. TRADE_ERROR is inside because the provider
// says in v2 and v3 that the trade has failed; SYSTEM_ERROR and BANK_ERROR are
// not, because it says that it does not know.
var payerRefusals = map[string]sale.Reason{
	codeNotEnough:    {Code: "not_enough", Message: "the customer's balance or card does not cover the amount; another card or another way to pay will"},
	codeCodeExpired:  {Code: "code_expired", Message: "the payment code has expired; the customer refreshes it and it is scanned again"},
	"AUTHCODEEXPIRE": {Code: "code_expired", Message: "the payment code has expired; the customer refreshes it and it is scanned again"},
	codeCodeInvalid:  {Code: "code_invalid", Message: "the payment code is not valid or was used before; the customer refreshes it and it is scanned again"},
	"AUTHCODEERROR":  {Code: "code_invalid", Message: "the payment code is not valid or was used before; the customer refreshes it and it is scanned again"},
	"NOTSUPORTCARD":  {Code: "card_unsupported", Message: "the customer's card is not accepted here; the customer chooses another one"}, // the provider's spelling
	"NOTSUPPORTCARD": {Code: "card_unsupported", Message: "the customer's card is not accepted here; the customer chooses another one"},
	"BUYERMISMATCH":  {Code: "other_payer", Message: "this order was begun by another customer; a new payment is needed"},
	"RULELIMIT":      {Code: "payer_limit", Message: "the payment is over a limit of the customer's account; another card or another way to pay will do"},
	"ACCOUNTERROR":   {Code: "payer_account", Message: "the customer's account cannot pay at the moment; another way to pay is needed"},
	"TRADEERROR":     {Code: "payment_failed", Message: "the payment failed at WeChat Pay; the customer may try again"},
	"PAYERROR":       {Code: "payment_failed", Message: "the payment failed at WeChat Pay; the customer may try again"},
}

// orderRefusals explain why no QR code was made, where the provider says why.
var orderRefusals = map[string]sale.Reason{
	"NOAUTH":          {Code: "not_permitted", Message: "WeChat Pay has not opened this way of paying to the shop"},
	codeMerchantOff:   {Code: "merchant_blocked", Message: "WeChat Pay has restricted the shop's account"},
	codeMerchantMatch: {Code: "merchant_config", Message: "the shop's merchant and application numbers do not belong together"},
	"MCHNOTEXISTS":    {Code: "merchant_config", Message: "WeChat Pay does not know the shop's merchant number"},
	"APPIDNOTEXIST":   {Code: "merchant_config", Message: "WeChat Pay does not know the shop's application number"},
	codeNumberUsed:    {Code: "number_used", Message: "WeChat Pay has this order number already with other terms"},
	codeOrderClosed:   {Code: "order_closed", Message: "WeChat Pay has closed this order; a new sale is needed"},
	"RULELIMIT":       {Code: "shop_limit", Message: "the payment is over a limit that WeChat Pay sets the shop"},
}

// What is told while the outcome is open, and what an answer comes down to.
var (
	whyPaying     = sale.Reason{Code: "payer_confirming", Message: "the customer is confirming the payment on the phone"}
	whyNoNetwork  = sale.Reason{Code: "no_network", Message: "there is no connection to WeChat Pay"}
	whyResting    = sale.Reason{Code: "provider_resting", Message: "WeChat Pay did not answer several times; the till waits a few seconds before it tries again"}
	whyNoAnswer   = sale.Reason{Code: "no_answer", Message: "WeChat Pay has not answered"}
	whyUnverified = sale.Reason{Code: "answer_unverified", Message: "the answer of WeChat Pay could not be verified"}
	whyMismatch   = sale.Reason{Code: "answer_mismatch", Message: "the answer of WeChat Pay is about another payment"}
	whyUnknown    = sale.Reason{Code: "answer_unknown", Message: "the answer of WeChat Pay was not understood"}
	whyTrouble    = sale.Reason{Code: "provider_trouble", Message: "WeChat Pay has a problem of its own"}
	whyBusy       = sale.Reason{Code: "provider_busy", Message: "WeChat Pay asks to be asked less often"}
	whySignature  = sale.Reason{Code: "request_unaccepted", Message: "WeChat Pay did not accept the till's signature; the clock or the merchant key is wrong"}
	whyOrderPaid  = sale.Reason{Code: "order_paid", Message: "WeChat Pay says that the order is paid"}
	whyRefused    = sale.Reason{Code: "request_refused", Message: "WeChat Pay refused the request"}
	whyNoFunds    = sale.Reason{Code: "refund_no_funds", Message: "the shop's balance at WeChat Pay does not cover the refund; it is sent again later"}
	whyRefundEnd  = sale.Reason{Code: "refund_failed", Message: "WeChat Pay could not give the money back"}
	whyRefundHeld = sale.Reason{Code: "refund_held", Message: "WeChat Pay could not deliver the refund; a person finishes it in the merchant platform"}
	whyUnsendable = sale.Reason{Code: "request_unsendable", Message: "the stored request cannot be sent by this till as it is set up"}
)

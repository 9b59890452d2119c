package wechat

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"qrposd/rules/sale"
)

// Paths of API v2. Those under /secapi want the merchant's certificate.
const (
	pathV2Pay         = "/pay/micropay"
	pathV2Query       = "/pay/orderquery"
	pathV2Reverse     = "/secapi/pay/reverse"
	pathV2Refund      = "/secapi/pay/refund"
	pathV2QueryRefund = "/pay/refundquery"
)

// isV2 tells by its path in which protocol a stored request is written: the
// driver may have been changed since.
func isV2(path string) bool { return !strings.HasPrefix(path, "/v3/") }

// speaksV2 says in which protocol a step is to be prepared. QR codes are v3 with
// either driver; a payer's code goes on in the protocol that charged it, because
// the provider advises against mixing them on one order.
func (c *Client) speaksV2(step sale.Step, s sale.Sale) bool {
	if s.Flow != sale.Payer {
		return false
	}
	if a := s.Attempt(step.OrderNo); a != nil && !a.Request.IsZero() {
		return isV2(a.Request.Path)
	}
	return c.conf.Driver == V2
}

func (c *Client) prepareV2(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error) {
	if c.v2key == nil {
		return sale.Request{}, errors.New(`wechat: this payment was made through API v2; set driver = "v2" until it has ended`)
	}
	total := strconv.FormatInt(s.Amount.Minor, 10)
	f := fields{
		"appid": c.conf.AppID, "mch_id": c.conf.MchID, "nonce_str": newNonce(), "sign_type": hmacSHA256, "out_trade_no": step.OrderNo,
	}
	path := ""
	switch step.Do {
	case sale.Charge:
		path = pathV2Pay
		f["body"] = Description(s.Description, step.OrderNo)
		f["device_info"] = c.conf.Scene.DeviceID
		f["total_fee"], f["fee_type"] = total, string(currency)
		f["spbill_create_ip"] = c.conf.Scene.ClientIP
		f["auth_code"] = code.Reveal()
	case sale.Query:
		path = pathV2Query
	case sale.Reverse:
		path = pathV2Reverse
	case sale.SendRefund:
		path = pathV2Refund
		f["out_refund_no"], f["total_fee"] = step.RefundNo, total
		f["refund_fee"], f["refund_fee_type"] = strconv.FormatInt(s.Refund(step.RefundNo).Amount.Minor, 10), string(currency)
	case sale.QueryRefund:
		path = pathV2QueryRefund
		delete(f, "out_trade_no") // one number is asked for, or the provider picks
		f["out_refund_no"] = step.RefundNo
	default:
		return sale.Request{}, errors.New("wechat: there is no v2 request for the step " + string(step.Do))
	}
	f["sign"] = f.sum(c.v2key)
	body, err := f.encode()
	if err != nil {
		return sale.Request{}, err
	}
	return sale.NewRequest(http.MethodPost, path, body, code), nil
}

func (c *Client) doV2(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) (Answer, sale.Event, string) {
	body, err := req.Wire()
	if err == nil && c.v2key == nil {
		err = errors.New(`the driver is not "v2" any more`)
	}
	if err != nil {
		return Answer{Lost: err}, unclear(whyUnsendable), ""
	}
	a := answerOf(c.wire.send(ctx, req.Method, req.Path, body, func(r *http.Request) error {
		r.Header.Set("Content-Type", "text/xml; charset=utf-8")
		r.Header.Set("User-Agent", "qrposd")
		return nil
	}))
	c.pulse.note(Answer{Status: a.Status, Header: a.Header, Lost: a.Lost, Unsent: a.Unsent}, c.clock.wall())
	if a.Lost != nil {
		return a, silence(step, a), ""
	}
	f, err := decodeFields(a.Body)
	if err != nil {
		a.Unverified = err
		return a, unclear(whyUnknown), ""
	}
	said := clean(f["return_msg"] + " " + f["err_code"] + " " + f["err_code_des"])
	switch {
	case f["sign"] != "" && !f.genuine(c.v2key):
		a.Unverified = errForged
		return a, unclear(whyUnverified), said
	case !f.genuine(c.v2key):
		return a, unclear(trouble(a.Status, plainCode(f["return_code"]))), said // nobody signed why the message itself was refused
	}
	a.Unverified = nil
	return a, c.hearV2(step, s, f), said
}

// hearV2 turns a signed answer of API v2 into the fact it states.
func (c *Client) hearV2(step sale.Step, s sale.Sale, f fields) sale.Event {
	if f["return_code"] != "SUCCESS" {
		return unclear(whyRefused)
	}
	if f["appid"] != c.conf.AppID || f["mch_id"] != c.conf.MchID {
		return unclear(whyMismatch)
	}
	if f["result_code"] != "SUCCESS" {
		return refusedV2(step, plainCode(f["err_code"]))
	}
	switch step.Do {
	case sale.Charge:
		t := transactionV2(f)
		if t.State == "" {
			t.State = "SUCCESS" // the answer to a charge has no state: it succeeded or is an error
		}
		return c.judge(step, s, t)
	case sale.Query:
		return c.judge(step, s, transactionV2(f))
	case sale.Reverse:
		// Neither the order number nor anything else of ours is in this answer.
		if f["recall"] == "N" {
			return sale.Event{Kind: sale.TakenBack}
		}
		return unclear(whyTrouble)
	case sale.SendRefund:
		r := refundV2(f, "")
		r.Status = "PROCESSING" // accepted; how it ends is told by its query
		return judgeRefund(step, s, r)
	case sale.QueryRefund:
		return judgeRefund(step, s, refundV2(f, "_0"))
	}
	return unclear(whyUnknown)
}

// refusedV2 is what a signed error of API v2 means.
func refusedV2(step sale.Step, code string) sale.Event {
	status := http.StatusBadRequest // v2 answers 200 to everything
	switch code {
	case "SYSTEMERROR", "BANKERROR", "BIZERRNEEDRETRY":
		status = http.StatusInternalServerError
	case codeNoRefund:
		status = http.StatusNotFound
	}
	return refused(step, status, refusal{code: code}, true)
}

// transactionV2 says in v3's words what v2 says in its own.
func transactionV2(f fields) transaction {
	t := transaction{
		AppID: f["appid"], MchID: f["mch_id"], OutTradeNo: f["out_trade_no"], TransactionID: f["transaction_id"], State: f["trade_state"],
	}
	t.Amount.Total, t.Amount.Currency = fen(f["total_fee"]), feeType(f["fee_type"])
	return t
}

func refundV2(f fields, suffix string) refundAnswer {
	r := refundAnswer{OutRefundNo: f["out_refund_no"+suffix], OutTradeNo: f["out_trade_no"], Status: f["refund_status"+suffix]}
	switch r.Status {
	case "REFUNDCLOSE":
		r.Status = "CLOSED"
	case "CHANGE":
		r.Status = "ABNORMAL"
	}
	r.Amount = refundAmount{fen(f["refund_fee"+suffix]), fen(f["total_fee"]), feeType(f["fee_type"])}
	return r
}

// feeType is the currency of an amount; the provider leaves out its own.
func feeType(s string) string {
	if s == "" {
		return string(currency)
	}
	return s
}

// fen reads an amount. What is not one is no amount of a sale either.
func fen(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

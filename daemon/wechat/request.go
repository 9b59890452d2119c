package wechat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Paths of API v3.
const (
	pathNative  = "/v3/pay/transactions/native"
	pathCodepay = "/v3/pay/transactions/codepay"
	pathOrder   = "/v3/pay/transactions/out-trade-no/"
	pathRefunds = "/v3/refund/domestic/refunds"
)

// currency is the only one of a domestic account.
const currency money.Currency = "CNY"

// maxDescription is the provider's limit, counted in bytes to be safe whichever
// way it counts.
const maxDescription = 127

// beijing is the zone of every time the provider reads and writes.
var beijing = time.FixedZone("CST", 8*60*60)

var (
	orderForm  = regexp.MustCompile(`^[0-9A-Za-z_-]{6,32}$`)
	refundForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)
	codeForm   = regexp.MustCompile(`^1[0-5][0-9]{16}$`)
)

type amountField struct {
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

type refundAmount struct {
	Refund   int64  `json:"refund"`
	Total    int64  `json:"total"`
	Currency string `json:"currency"`
}

type storeField struct {
	ID    string `json:"id,omitempty"`
	OutID string `json:"out_id,omitempty"`
}

type sceneField struct {
	PayerClientIP string     `json:"payer_client_ip,omitempty"` // native
	DeviceID      string     `json:"device_id,omitempty"`
	DeviceIP      string     `json:"device_ip,omitempty"` // code payment
	Store         storeField `json:"store_info"`
}

type nativeBody struct {
	AppID       string      `json:"appid"`
	MchID       string      `json:"mchid"`
	Description string      `json:"description"`
	OutTradeNo  string      `json:"out_trade_no"`
	TimeExpire  string      `json:"time_expire"`
	NotifyURL   string      `json:"notify_url"`
	Amount      amountField `json:"amount"`
	Scene       sceneField  `json:"scene_info"`
}

type payerField struct {
	AuthCode string `json:"auth_code"`
}

type codepayBody struct {
	AppID       string      `json:"appid"`
	MchID       string      `json:"mchid"`
	Description string      `json:"description"`
	OutTradeNo  string      `json:"out_trade_no"`
	Payer       payerField  `json:"payer"`
	Amount      amountField `json:"amount"`
	Scene       sceneField  `json:"scene_info"`
}

// endBody closes (without an application: the provider refuses one) or reverses.
type endBody struct {
	AppID string `json:"appid,omitempty"`
	MchID string `json:"mchid"`
}

type refundBody struct {
	OutTradeNo  string       `json:"out_trade_no"`
	OutRefundNo string       `json:"out_refund_no"`
	Amount      refundAmount `json:"amount"`
}

// Prepare fixes the request of a step, without sending anything. The same bytes
// are stored and sent, so they are made once: an order's last moment is an
// instant in them. code is the payer's, for a charge.
func (c *Client) Prepare(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error) {
	if err := checkStep(step, s, code); err != nil {
		return sale.Request{}, err
	}
	if c.speaksV2(step, s) {
		return c.prepareV2(step, s, code)
	}
	post := func(path string, body any) (sale.Request, error) {
		b, err := json.Marshal(body)
		if err != nil {
			return sale.Request{}, fmt.Errorf("wechat: %w", err)
		}
		return sale.NewRequest(http.MethodPost, path, b, code), nil
	}
	get := func(path string) (sale.Request, error) { return sale.NewRequest(http.MethodGet, path, nil, code), nil }
	order, mchid := pathOrder+step.OrderNo, c.conf.MchID
	switch step.Do {
	case sale.Order:
		return post(pathNative, c.native(step, s))
	case sale.Charge:
		return post(pathCodepay, c.codepay(step, s, code))
	case sale.Query:
		return get(order + "?mchid=" + url.QueryEscape(mchid))
	case sale.Close:
		return post(order+"/close", endBody{MchID: mchid})
	case sale.Reverse:
		return post(order+"/reverse", endBody{AppID: c.conf.AppID, MchID: mchid})
	case sale.SendRefund:
		return post(pathRefunds, refundBody{step.OrderNo, step.RefundNo, refundAmount{
			s.Refund(step.RefundNo).Amount.Minor, s.Amount.Minor, string(currency),
		}})
	case sale.QueryRefund:
		return get(pathRefunds + "/" + step.RefundNo)
	}
	return sale.Request{}, fmt.Errorf("wechat: there is no request for the step %q", step.Do)
}

// checkStep refuses what the provider would refuse, before there is a record of it.
func checkStep(step sale.Step, s sale.Sale, code sale.PayerCode) error {
	asks := step.Do == sale.Query || step.Do == sale.Close || step.Do == sale.Reverse // no amount is in them
	if s.Amount.Currency != currency && (s.Restored == nil || !asks) {
		return fmt.Errorf("wechat: this account takes %s, the sale is in %s", currency, s.Amount.Currency)
	}
	if err := s.Amount.Check(); err != nil {
		return err
	}
	if !ValidOrderNo(step.OrderNo) {
		return fmt.Errorf("wechat: %.40q is not an order number", step.OrderNo)
	}
	switch step.Do {
	case sale.Charge:
		if !ValidPayerCode(code) {
			return errors.New("wechat: this is not a WeChat Pay code: those have 18 digits and begin with 10 to 15")
		}
	case sale.SendRefund, sale.QueryRefund:
		r := s.Refund(step.RefundNo)
		lost := r == nil && step.Do == sale.QueryRefund && s.Restored != nil
		if !refundForm.MatchString(step.RefundNo) || !lost && (r == nil || r.Amount.Currency != currency) {
			return fmt.Errorf("wechat: the sale has no refund %.70q in %s", step.RefundNo, currency)
		}
	}
	return nil
}

func (c *Client) native(step sale.Step, s sale.Sale) nativeBody {
	return nativeBody{
		AppID: c.conf.AppID, MchID: c.conf.MchID, Description: Description(s.Description, step.OrderNo), OutTradeNo: step.OrderNo,
		TimeExpire: c.clock.now().Add(c.qrLife).In(beijing).Format(time.RFC3339), NotifyURL: c.conf.NotifyURL,
		Amount: amountField{s.Amount.Minor, string(currency)},
		Scene: sceneField{
			PayerClientIP: c.conf.Scene.ClientIP, DeviceID: c.conf.Scene.DeviceID, Store: storeField{ID: c.conf.Scene.StoreID},
		},
	}
}

func (c *Client) codepay(step sale.Step, s sale.Sale, code sale.PayerCode) codepayBody {
	return codepayBody{
		AppID: c.conf.AppID, MchID: c.conf.MchID, Description: Description(s.Description, step.OrderNo), OutTradeNo: step.OrderNo,
		Payer: payerField{code.Reveal()}, Amount: amountField{s.Amount.Minor, string(currency)},
		// In a code payment id is the provider's number of the shop and out_id our own;
		// in a native order id is our own.
		Scene: sceneField{
			DeviceID: c.conf.Scene.DeviceID, DeviceIP: c.conf.Scene.ClientIP,
			Store: storeField{ID: c.conf.Scene.WeChatStoreID, OutID: c.conf.Scene.StoreID},
		},
	}
}

// ValidOrderNo says whether the provider takes no as the number of an order.
func ValidOrderNo(no string) bool { return orderForm.MatchString(no) }

// ValidPayerCode says whether code is one that a payer's phone shows.
func ValidPayerCode(code sale.PayerCode) bool { return codeForm.MatchString(code.Reveal()) }

// Description is what the payer reads: without characters the provider cannot
// store (more than three bytes, control), and cut by bytes at a character. A
// blank one is refused by the provider; the order number stands in for it.
func Description(text, orderNo string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(text, "") {
		if r > 0xFFFF || unicode.IsControl(r) || !unicode.IsGraphic(r) {
			continue
		}
		if b.Len()+utf8.RuneLen(r) > maxDescription {
			break
		}
		b.WriteRune(r)
	}
	if d := strings.TrimSpace(b.String()); d != "" {
		return d
	}
	return orderNo
}

package sim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"
)

type amountField struct {
	Total    int64  `json:"total"`
	Currency string `json:"currency,omitempty"`
}

type goods struct {
	MerchantGoodsID  string `json:"merchant_goods_id"`
	WechatpayGoodsID string `json:"wechatpay_goods_id,omitempty"`
	WxpayGoodsID     string `json:"wxpay_goods_id,omitempty"`
	GoodsName        string `json:"goods_name,omitempty"`
	Quantity         int64  `json:"quantity"`
	UnitPrice        int64  `json:"unit_price"`
}

type orderDetail struct {
	CostPrice   int64   `json:"cost_price,omitempty"`
	InvoiceID   string  `json:"invoice_id,omitempty"`
	GoodsDetail []goods `json:"goods_detail,omitempty"`
}

type storeInfo struct {
	ID       string `json:"id,omitempty"`
	OutID    string `json:"out_id,omitempty"`
	Name     string `json:"name,omitempty"`
	AreaCode string `json:"area_code,omitempty"`
	Address  string `json:"address,omitempty"`
}

type settleInfo struct {
	ProfitSharing bool `json:"profit_sharing"`
}

type nativeRequest struct {
	AppID         string       `json:"appid"`
	MchID         string       `json:"mchid"`
	Description   string       `json:"description"`
	OutTradeNo    string       `json:"out_trade_no"`
	TimeExpire    string       `json:"time_expire,omitempty"`
	Attach        string       `json:"attach,omitempty"`
	NotifyURL     string       `json:"notify_url"`
	GoodsTag      string       `json:"goods_tag,omitempty"`
	LimitPay      []string     `json:"limit_pay,omitempty"`
	SupportFapiao bool         `json:"support_fapiao,omitempty"`
	Amount        amountField  `json:"amount"`
	Detail        *orderDetail `json:"detail,omitempty"`
	Scene         *nativeScene `json:"scene_info,omitempty"`
	Settle        *settleInfo  `json:"settle_info,omitempty"`
}

type nativeScene struct {
	PayerClientIP string     `json:"payer_client_ip"`
	DeviceID      string     `json:"device_id,omitempty"`
	Store         *storeInfo `json:"store_info,omitempty"`
}

type codepayRequest struct {
	AppID         string `json:"appid"`
	MchID         string `json:"mchid"`
	Description   string `json:"description"`
	OutTradeNo    string `json:"out_trade_no"`
	Attach        string `json:"attach,omitempty"`
	GoodsTag      string `json:"goods_tag,omitempty"`
	SupportFapiao bool   `json:"support_fapiao,omitempty"`
	Payer         struct {
		AuthCode string `json:"auth_code"`
	} `json:"payer"`
	Amount amountField `json:"amount"`
	Scene  *struct {
		DeviceID string     `json:"device_id,omitempty"`
		DeviceIP string     `json:"device_ip,omitempty"`
		Store    *storeInfo `json:"store_info"`
	} `json:"scene_info"`
	Detail *orderDetail `json:"detail,omitempty"`
	Settle *settleInfo  `json:"settle_info,omitempty"`
}

type endRequest struct { // close and reverse
	AppID string `json:"appid,omitempty"`
	MchID string `json:"mchid"`
}

type refundRequest struct {
	TransactionID string `json:"transaction_id,omitempty"`
	OutTradeNo    string `json:"out_trade_no,omitempty"`
	OutRefundNo   string `json:"out_refund_no"`
	Reason        string `json:"reason,omitempty"`
	NotifyURL     string `json:"notify_url,omitempty"`
	FundsAccount  string `json:"funds_account,omitempty"`
	Amount        struct {
		Refund   int64  `json:"refund"`
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
		From     []struct {
			Account string `json:"account"`
			Amount  int64  `json:"amount"`
		} `json:"from,omitempty"`
	} `json:"amount"`
	GoodsDetail []struct {
		MerchantGoodsID  string `json:"merchant_goods_id"`
		WechatpayGoodsID string `json:"wechatpay_goods_id,omitempty"`
		GoodsName        string `json:"goods_name,omitempty"`
		UnitPrice        int64  `json:"unit_price"`
		RefundAmount     int64  `json:"refund_amount"`
		RefundQuantity   int64  `json:"refund_quantity"`
	} `json:"goods_detail,omitempty"`
}

// decode reads a request the way the provider does: UTF-8 of at most three bytes a character, no nulls, no blank
// strings, no field the API does not define.
func decode(body []byte, into any) *refusal {
	if !utf8.Valid(body) || bytes.ContainsFunc(body, func(r rune) bool { return r > 0xFFFF }) {
		return badParam("", nil, "only UTF-8 characters of one to three bytes")
	}
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		return badParam("", nil, "not JSON: "+err.Error())
	}
	if field, issue := emptyField(tree, ""); issue != "" {
		return badParam(field, nil, issue)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		r := badParam("", nil, err.Error())
		if strings.Contains(err.Error(), "unknown field") {
			r.number = 270924358
		}
		return r
	}
	if _, err := d.Token(); err != io.EOF {
		return badParam("", nil, "bytes after the object")
	}
	return nil
}

// emptyField finds a null or a blank string.
func emptyField(v any, at string) (field, issue string) {
	switch v := v.(type) {
	case nil:
		return at, "null"
	case string:
		if strings.TrimSpace(v) == "" {
			return at, "blank string"
		}
	case map[string]any:
		for k, e := range v {
			if f, i := emptyField(e, at+"/"+k); i != "" {
				return f, i
			}
		}
	case []any:
		for _, e := range v {
			if f, i := emptyField(e, at); i != "" {
				return f, i
			}
		}
	}
	return "", ""
}

var (
	orderNumber  = regexp.MustCompile(`^[0-9A-Za-z_\-|*]{6,32}$`)
	refundNumber = regexp.MustCompile(`^[0-9A-Za-z_\-|*@]{1,64}$`)
	payerDigits  = regexp.MustCompile(`^1[0-5][0-9]{16}$`)
)

// checkOrder holds what native and code payment have in common.
func (c *Credentials) checkOrder(appid, mchid, description, no, attach string, a amountField) *refusal {
	switch {
	case mchid != c.MchID:
		return badParam("mchid", mchid, "differs from the one that signed")
	case appid != c.AppID:
		return &refusal{http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", 268445527, "appid和mchid不匹配", nil}
	case description == "" || utf8.RuneCountInString(description) > 127:
		return badParam("description", description, "1 to 127 characters")
	case !orderNumber.MatchString(no):
		return badParam("out_trade_no", no, "6 to 32 of 0-9 A-Z a-z _ - | *")
	case utf8.RuneCountInString(attach) > 128:
		return badParam("attach", attach, "at most 128 characters")
	case a.Total < 1:
		return badParam("amount/total", a.Total, "at least 1 fen")
	case a.Currency != "" && a.Currency != cny:
		return badParam("amount/currency", a.Currency, "CNY only")
	}
	return nil
}

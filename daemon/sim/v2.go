package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// doorV2 checks a v2 request: XML, the signature over its fields, the merchant. Reverse and refund want the
// merchant's client certificate; that is checked where there is TLS at all.
func (w *WeChat) doorV2(r *http.Request, c *call) *refusal {
	f, k := c.v2, w.Credentials
	fail := func(code, message string) *refusal {
		return &refusal{status: http.StatusOK, code: code, message: message}
	}
	switch {
	case c.bad:
		return fail("XML_FORMAT_ERROR", "XML格式错误")
	case strings.HasPrefix(r.URL.Path, "/secapi/") && r.TLS != nil && len(r.TLS.PeerCertificates) == 0:
		return fail("NO_CERT", "证书不存在，请带上商户证书")
	case f["sign"] == "" || !hmac.Equal([]byte(f["sign"]), []byte(signV2(f, k.APIv2Key))):
		return fail("SIGNERROR", "签名错误")
	case f["mch_id"] != k.MchID:
		return fail("MCHID_NOT_EXIST", "MCHID不存在")
	case f["appid"] != k.AppID:
		return fail("APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配")
	case f["nonce_str"] == "" || len(f["nonce_str"]) > 32:
		return fail("LACK_PARAMS", "nonce_str")
	}
	return nil
}

// signV2 signs the fields that are not empty, in ASCII order, with the method the request named.
func signV2(f map[string]string, key string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if k != "sign" && f[k] != "" {
			b.WriteString(k + "=" + f[k] + "&")
		}
	}
	b.WriteString("key=" + key)
	if f["sign_type"] == "HMAC-SHA256" {
		m := hmac.New(sha256.New, []byte(key))
		m.Write([]byte(b.String()))
		return strings.ToUpper(hex.EncodeToString(m.Sum(nil)))
	}
	sum := md5.Sum([]byte(b.String()))
	return strings.ToUpper(hex.EncodeToString(sum[:]))
}

// readXML reads <xml><k>v</k>...</xml>; bad is true for anything else.
func readXML(body []byte) (f map[string]string, bad bool) {
	f = map[string]string{}
	d := xml.NewDecoder(bytes.NewReader(body))
	depth, name, text := 0, "", ""
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return f, depth != 0 || len(f) == 0
		}
		if err != nil {
			return f, true
		}
		switch t := t.(type) {
		case xml.StartElement:
			if depth++; depth > 2 {
				return f, true
			}
			name, text = t.Name.Local, ""
		case xml.CharData:
			text += string(t)
		case xml.EndElement:
			if depth == 2 {
				f[name] = text
			}
			depth--
		}
	}
}

func fen(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (w *WeChat) chargeOfV2(f map[string]string) charge {
	bad := w.Credentials.checkOrder(f["appid"], f["mch_id"], f["body"], f["out_trade_no"], f["attach"], amountField{fen(f["total_fee"]), f["fee_type"]})
	switch {
	case bad != nil:
	case f["spbill_create_ip"] == "":
		bad = &refusal{status: http.StatusOK, code: "LACK_PARAMS", message: "spbill_create_ip"}
	case !payerDigits.MatchString(f["auth_code"]):
		bad = &refusal{status: http.StatusOK, code: "AUTH_CODE_ERROR", message: "付款码参数错误"}
	}
	if bad != nil {
		return charge{fromBody: bad}
	}
	same := maps.Clone(f) // the signature and the nonce of a repeat are new
	delete(same, "sign")
	delete(same, "nonce_str")
	return charge{no: f["out_trade_no"], terms: terms{
		appid: f["appid"], description: f["body"], attach: f["attach"], device: f["device_info"],
		total: fen(f["total_fee"]), params: canonical(same), authCode: f["auth_code"],
	}}
}

func refundOfV2(f map[string]string) (refundOf, *refusal) {
	q := refundOf{
		no: f["out_refund_no"], order: f["out_trade_no"], transaction: f["transaction_id"],
		amount: fen(f["refund_fee"]), total: fen(f["total_fee"]),
	}
	q.params = canonical([]any{q.no, q.order, q.transaction, q.amount, q.total})
	return q, q.check()
}

// encodeV2 says an outcome in v2: always HTTP 200, two levels of result, everything signed.
func (w *WeChat) encodeV2(c *call, out outcome) answer {
	if out.refusal != nil && (out.refusal.code == "SIGNERROR" || out.refusal.code == "XML_FORMAT_ERROR" || out.refusal.code == "NO_CERT") {
		return answer{status: http.StatusOK, kind: "text/xml", body: writeXML(map[string]string{
			"return_code": "FAIL", "return_msg": out.refusal.message,
		})}
	}
	k := w.Credentials
	f := map[string]string{
		"return_code": "SUCCESS", "return_msg": "OK", "appid": k.AppID, "mch_id": k.MchID,
		"nonce_str": randomText(32), "result_code": "SUCCESS", "sign_type": c.v2["sign_type"],
	}
	failed := func(code, text string) {
		f["result_code"], f["err_code"], f["err_code_des"] = "FAIL", code, text
	}
	switch {
	case out.refusal != nil:
		failed(v2Code(out.refusal.code), out.refusal.message)
	case out.accepted:
		failed("USERPAYING", "需要用户输入支付密码")
	case out.tx != nil:
		transactionV2(f, out.tx, c.op)
	case out.refund != nil:
		refundV2(f, out.refund, c.op)
	}
	if c.op == opReverse {
		f["recall"] = "N"
		if code := f["err_code"]; code == "USERPAYING" || code == "SYSTEMERROR" {
			f["recall"] = "Y"
		}
	}
	f["sign"] = signV2(f, k.APIv2Key)
	if c.fault != nil && c.fault.manner == mannerBadSignature {
		f["sign"] = strings.Repeat("0", len(f["sign"]))
	}
	return answer{status: http.StatusOK, kind: "text/xml", body: writeXML(f)}
}

func transactionV2(f map[string]string, t *transaction, op string) {
	f["out_trade_no"], f["attach"], f["fee_type"] = t.OutTradeNo, t.Attach, "CNY"
	f["total_fee"], f["trade_type"] = strconv.FormatInt(t.Amount.Total, 10), t.TradeType
	if op == opQuery {
		f["trade_state"], f["trade_state_desc"] = t.State, t.StateDesc
	}
	if t.TransactionID != "" {
		f["transaction_id"], f["bank_type"], f["openid"] = t.TransactionID, t.BankType, t.Payer["openid"]
		f["cash_fee"], f["is_subscribe"] = f["total_fee"], "N"
		if at, err := time.Parse(time.RFC3339, t.SuccessTime); err == nil {
			f["time_end"] = at.Format("20060102150405")
		}
	}
}

func refundV2(f map[string]string, r *refundView, op string) {
	f["transaction_id"], f["out_trade_no"] = r.TransactionID, r.OutTradeNo
	f["total_fee"], f["cash_fee"] = strconv.FormatInt(r.Amount.Total, 10), strconv.FormatInt(r.Amount.Total, 10)
	n := ""
	if op == opQueryRefund {
		n, f["refund_count"] = "_0", "1"
		f["refund_status_0"], f["refund_channel_0"], f["refund_recv_accout_0"] = r.Status, r.Channel, r.Account
	}
	f["out_refund_no"+n], f["refund_id"+n] = r.OutRefundNo, r.RefundID
	f["refund_fee"+n] = strconv.FormatInt(r.Amount.Refund, 10)
}

// v2Code spells a code the old way.
func v2Code(code string) string {
	switch code {
	case "SYSTEM_ERROR", "NOT_ENOUGH", "ORDER_PAID", "ORDER_CLOSED", "SIGN_ERROR":
		return strings.ReplaceAll(code, "_", "")
	case "ORDER_NOT_EXIST":
		return "ORDERNOTEXIST"
	case "AUTH_CODE_EXPIRED":
		return "AUTHCODEEXPIRE"
	case "RESOURCE_NOT_EXISTS":
		return "REFUNDNOTEXIST"
	}
	return code
}

func writeXML(f map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString("<xml>")
	for _, k := range slices.Sorted(maps.Keys(f)) {
		if f[k] == "" {
			continue
		}
		b.WriteString("<" + k + "><![CDATA[" + strings.ReplaceAll(f[k], "]]>", "]]]]><![CDATA[>") + "]]></" + k + ">")
	}
	b.WriteString("</xml>")
	return b.Bytes()
}

package sim

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const schema = "WECHATPAY2-SHA256-RSA2048"

var (
	authField = regexp.MustCompile(`^([a-z_]+)="([^"]*)"$`)
	nonceForm = regexp.MustCompile(`^[0-9A-Za-z]{1,32}$`)
)

// door checks everything the provider checks before it looks at the business of a request.
func (w *WeChat) door(r *http.Request, c *call) *refusal {
	if c.v2 != nil || c.bad {
		return w.doorV2(r, c)
	}
	h := r.Header
	header := func(name, issue string) *refusal {
		bad := badParam(name, h.Get(name), issue)
		bad.detail = paramDetail{name, h.Get(name), issue, "header"}
		return bad
	}
	switch {
	case h.Get("User-Agent") == "":
		return header("User-Agent", "required")
	case !strings.Contains(h.Get("Accept"), "application/json"):
		return header("Accept", "application/json is required")
	case r.Method == http.MethodPost && !strings.HasPrefix(h.Get("Content-Type"), "application/json"):
		return header("Content-Type", "application/json is required")
	}
	if _, _, ok := w.Credentials.answerKey(h.Get("Wechatpay-Serial")); !ok {
		return header("Wechatpay-Serial", "unknown serial or public key id")
	}
	mchid, bad := w.verify(r, c)
	if bad != nil {
		return bad
	}
	if c.op == opQuery && r.URL.Query().Get("mchid") != mchid {
		return badParam("mchid", r.URL.Query().Get("mchid"), "differs from the one that signed")
	}
	return nil
}

// verify checks the Authorization header and spends its nonce.
func (w *WeChat) verify(r *http.Request, c *call) (mchid string, bad *refusal) {
	params, found := strings.CutPrefix(r.Header.Get("Authorization"), schema+" ")
	if !found {
		return "", signError("Authorization must begin with " + schema)
	}
	f := map[string]string{}
	for _, p := range strings.Split(params, ",") {
		m := authField.FindStringSubmatch(strings.TrimSpace(p))
		if m == nil {
			return "", signError("malformed Authorization")
		}
		f[m[1]] = m[2]
	}
	ts, err := strconv.ParseInt(f["timestamp"], 10, 64)
	signature, err64 := base64.StdEncoding.DecodeString(f["signature"])
	skew := c.now.Sub(time.Unix(ts, 0))
	switch {
	case f["mchid"] != w.Credentials.MchID:
		return "", signError("unknown mchid")
	case f["serial_no"] != w.Credentials.MerchantSerial:
		return "", signError("unknown serial_no")
	case !nonceForm.MatchString(f["nonce_str"]):
		return "", signError("nonce_str: 1 to 32 of 0-9 A-Z a-z")
	case err != nil || len(f["timestamp"]) != 10:
		return "", signError("timestamp: ten digits")
	case skew >= clockWindow || skew <= -clockWindow:
		return "", signError(fmt.Sprintf("timestamp is %s off", skew.Round(time.Second)))
	case err64 != nil:
		return "", signError("signature is not base64")
	}
	message := fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n", r.Method, r.URL.RequestURI(), f["timestamp"], f["nonce_str"], c.body)
	if err := rsa.VerifyPKCS1v15(&w.Credentials.MerchantKey.PublicKey, crypto.SHA256, digest([]byte(message)), signature); err != nil {
		return "", signError("signature does not match the message")
	}
	if !w.spend(f["nonce_str"], c.now) {
		w.tally.violation(c.no, c.now, "replayed nonce: a retry must be signed anew")
		return "", signError("nonce_str was used before")
	}
	return f["mchid"], nil
}

// spend remembers a nonce for as long as its timestamp could be accepted.
func (w *WeChat) spend(nonce string, now time.Time) bool {
	if len(w.seen) > 10_000 {
		for n, at := range w.seen {
			if now.Sub(at) > 2*clockWindow {
				delete(w.seen, n)
			}
		}
	}
	if _, used := w.seen[nonce]; used {
		return false
	}
	w.seen[nonce] = now
	return true
}

// answer is what goes on the wire if no fault of transport gets at it.
type answer struct {
	status int
	kind   string // content type
	body   []byte
	number int64
	sign   bool
}

// encode puts an outcome into the words of the protocol it was asked in.
func (w *WeChat) encode(c *call, out outcome) answer {
	if c.fault != nil && c.fault.raw != nil {
		return *c.fault.raw
	}
	if c.v2 != nil || c.bad {
		return w.encodeV2(c, out)
	}
	var v any
	status := http.StatusOK
	switch {
	case out.refusal != nil:
		e := map[string]any{"code": out.refusal.code, "message": out.refusal.message}
		if out.refusal.detail != nil {
			e["detail"] = out.refusal.detail
		}
		return answer{status: out.refusal.status, kind: jsonType, body: encodeJSON(e), number: out.refusal.number}
	case out.tx != nil:
		v = out.tx
		if out.accepted {
			status = http.StatusAccepted
		}
	case out.refund != nil:
		v = out.refund
	case out.ai != nil:
		v = out.ai
		if out.accepted {
			status = http.StatusAccepted
		}
	case out.bill != nil:
		v = out.bill
	case out.file != nil:
		return answer{status: status, kind: "application/octet-stream", body: out.file}
	case out.codeURL != "":
		v = map[string]string{"code_url": out.codeURL}
	case out.reversed != "":
		v = map[string]string{"appid": w.Credentials.AppID, "mchid": w.Credentials.MchID, "out_trade_no": out.reversed}
	default:
		return answer{status: http.StatusNoContent, sign: true}
	}
	return answer{status: status, kind: jsonType, body: encodeJSON(v), sign: true}
}

const jsonType = "application/json; charset=utf-8"

// encodeJSON leaves & < > as they are, as the provider does: code_url contains an ampersand.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // only plain structs and maps go in
		return nil
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// seal writes the signature headers of an answer. Only 2xx answers carry them: whether others do is not documented,
// and a client that relies on it would be wrong. The skew counts for mannerSkewed.
func (w *WeChat) seal(h http.Header, asked string, a answer, m manner, skew time.Duration) {
	serial, key, _ := w.Credentials.answerKey(asked)
	now := w.now()
	message := a.body
	switch m {
	case mannerBadSignature:
		message = append([]byte(" "), a.body...)
	case mannerWrongSerial:
		serial = "PUB_KEY_ID_" + strings.Repeat("0", 32)
	case mannerSkewed:
		now = now.Add(skew)
	}
	ts, nonce := strconv.FormatInt(now.Unix(), 10), randomText(32)
	sum := digest(fmt.Appendf(nil, "%s\n%s\n%s\n", ts, nonce, message))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum)
	if err != nil { // cannot be, with a key of 2048 bits; an empty signature fails at the client
		signature = nil
	}
	h.Set("Wechatpay-Timestamp", ts)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Serial", serial)
	h.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	h.Set("Wechatpay-Signature-Type", schema)
}

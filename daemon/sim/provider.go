package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Operations, as rules, faults and counts name them. The v2 calls count under the same names.
const (
	opNative       = "native"
	opCodepay      = "codepay"
	opQuery        = "query"
	opClose        = "close"
	opReverse      = "reverse"
	opRefund       = "refund"
	opQueryRefund  = "query_refund"
	opCertificates = "certificates"
)

var allOps = []string{
	opNative, opCodepay, opQuery, opClose, opReverse, opRefund, opQueryRefund, opCertificates,
	opAIPayment, opAIProjection, opAILiveness, opAILivenessPoll, opTradeBill, opBillFile,
}

// call is one request to the provider on its way through.
type call struct {
	op       string
	no       string // merchant order number, "" when unknown
	refundNo string
	byID     bool // a query by WeChat's own number
	body     []byte
	total    int64 // of the order
	now      time.Time
	fault    *Fault
	delay    time.Duration
	v2       map[string]string // the fields of a v2 request
	bad      bool              // a v2 request that is not XML
	rule     Rule              // that was met, if one was
	query    url.Values
	aiCall
}

// aiCall is what only a call of the payment AI API has.
type aiCall struct {
	key     string // of idempotency
	like    string // the plain operation that a payment stands for
	session string // of liveness
}

// act is the part of a fault that changes what happens, not how it is told.
func (c *call) act() string {
	if c.fault == nil {
		return ""
	}
	return c.fault.act
}

func (c *call) acts(name string) bool { return c.act() == name }

func (w *WeChat) serveProvider(rw http.ResponseWriter, r *http.Request) {
	if _, err := w.Keys(); err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	if err != nil {
		reset(rw)
		return
	}
	w.lock()
	if w.link.down {
		w.tally.cut++
		w.mu.Unlock()
		reset(rw)
		return
	}
	cut := w.link.cut
	c, out := w.handle(r, body)
	w.mu.Unlock()

	w.deliver(rw, r, c, w.encode(c, out), cut)
}

// handle does everything that touches the provider's memory. The caller holds the lock.
func (w *WeChat) handle(r *http.Request, body []byte) (*call, outcome) {
	c := recognise(r, body)
	c.now = w.now()
	w.resolve(c)
	if c.op == "" {
		return c, refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", 268435461, "no such interface")
	}
	if bad := w.door(r, c); bad != nil {
		w.tally.refused++
		w.tally.lastRefuse = map[string]string{"code": bad.code, "path": r.URL.Path, "detail": detailText(bad)}
		return c, outcome{refusal: bad}
	}
	w.choose(c)
	w.tally.request(c)
	if c.fault != nil && c.fault.skip {
		return c, outcome{refusal: c.fault.refusal}
	}
	out := w.execute(c)
	if c.fault != nil && c.fault.refusal != nil {
		out = outcome{refusal: c.fault.refusal}
	}
	return c, out
}

func (w *WeChat) execute(c *call) outcome {
	switch c.op {
	case opNative:
		return w.native(c)
	case opCodepay:
		return w.codepay(c)
	case opQuery:
		return w.query(c)
	case opClose:
		return w.close(c)
	case opReverse:
		return w.reverse(c)
	case opRefund:
		return w.refund(c)
	case opQueryRefund:
		return w.queryRefund(c)
	case opTradeBill:
		return w.tradeBill(c)
	case opBillFile:
		return w.billFile(c)
	case opAIPayment, opAIProjection, opAILiveness, opAILivenessPoll:
		return w.executeAI(c)
	}
	return refuse(http.StatusNotFound, "RESOURCE_NOT_EXISTS", 268435461, "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥")
}

// recognise finds the operation and, leniently, what a rule may match on; the operation itself reads strictly.
func recognise(r *http.Request, body []byte) *call {
	c := &call{body: body, query: r.URL.Query()}
	if op := v2Ops[r.Method+" "+r.URL.Path]; op != "" {
		c.op = op
		c.v2, c.bad = readXML(body)
		c.no, c.refundNo, c.total = c.v2["out_trade_no"], c.v2["out_refund_no"], fen(c.v2["total_fee"])
		return c
	}
	if c.recogniseAI(r) {
		return c
	}
	const transactions, refunds = "/v3/pay/transactions/", "/v3/refund/domestic/refunds"
	rest, isTransaction := strings.CutPrefix(r.URL.Path, transactions)
	refundNo, isRefund := strings.CutPrefix(r.URL.Path, refunds+"/")
	post, get := r.Method == http.MethodPost, r.Method == http.MethodGet
	switch {
	case get && r.URL.Path == "/v3/bill/tradebill":
		c.op = opTradeBill
	case get && r.URL.Path == "/v3/billdownload/file":
		c.op = opBillFile
	case get && r.URL.Path == "/v3/certificates":
		c.op = opCertificates
	case post && r.URL.Path == refunds:
		c.op = opRefund
		c.peek()
	case get && isRefund && !strings.Contains(refundNo, "/"):
		c.op, c.refundNo = opQueryRefund, refundNo
	case post && (rest == opNative || rest == opCodepay):
		c.op = rest
		c.peek()
	case isTransaction:
		part := strings.Split(rest, "/")
		switch {
		case get && len(part) == 2 && part[0] == "out-trade-no":
			c.op, c.no = opQuery, part[1]
		case get && len(part) == 2 && part[0] == "id":
			c.op, c.no, c.byID = opQuery, part[1], true
		case post && len(part) == 3 && part[0] == "out-trade-no" && (part[2] == opClose || part[2] == opReverse):
			c.op, c.no = part[2], part[1]
		}
	}
	return c
}

func (c *call) peek() {
	var p struct {
		OutTradeNo  string `json:"out_trade_no"`
		OutRefundNo string `json:"out_refund_no"`
		Amount      struct {
			Total int64 `json:"total"`
		} `json:"amount"`
	}
	_ = json.Unmarshal(c.body, &p) // what it cannot read the operation refuses with a reason
	c.no, c.refundNo, c.total = p.OutTradeNo, p.OutRefundNo, p.Amount.Total
}

// resolve names the order of a request that speaks of it by another number.
func (w *WeChat) resolve(c *call) {
	if c.byID {
		id := c.no
		c.no = ""
		if o := w.byTransaction(id, c.now); o != nil {
			c.no = o.no
		}
	}
	if r := w.book.refunds[c.refundNo]; r != nil && c.no == "" {
		c.no = r.order.no
	}
	if l := w.ai.sessions[c.session]; l != nil {
		c.no = l.no
	}
	if t := w.tally.orders[c.no]; t != nil && t.Total != 0 {
		c.total = t.Total
	}
}

// v2Ops are the v2 calls of a shop counter.
var v2Ops = map[string]string{
	"POST /pay/micropay":       opCodepay,
	"POST /pay/orderquery":     opQuery,
	"POST /secapi/pay/reverse": opReverse,
	"POST /secapi/pay/refund":  opRefund,
	"POST /pay/refundquery":    opQueryRefund,
	"POST /pay/closeorder":     opClose,
}

func isOp(name string) bool { return slices.Contains(allOps, name) }

func detailText(r *refusal) string {
	b, err := json.Marshal(r.detail)
	if err != nil || r.detail == nil {
		return r.message
	}
	return string(b)
}

package sim

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strings"
)

// Fault is one way in which a payment goes wrong. An order whose total ends in Tail (total % 100) meets it by itself,
// at the operations in Amount, Times times each; a Rule brings it to any operation in Ops.
type Fault struct {
	Name   string   `json:"name"`
	Tail   int      `json:"tail"`
	Amount []string `json:"amount_ops"`
	Ops    []string `json:"ops"`
	Times  int      `json:"times"`
	What   string   `json:"what"`
	Ends   string   `json:"ends"` // where a correct client ends

	skip        bool     // the request is not executed
	notAccepted bool     // and the provider says so by rule: the same request may come again
	refusal     *refusal // said instead of the outcome
	raw         *answer  // sent instead of any outcome
	act         string   // changes what happens
	manner      manner   // changes how it is told
}

var (
	creations = []string{opNative, opCodepay}
	movers    = []string{opNative, opCodepay, opClose, opReverse, opRefund}
)

// Faults is the table of all faults. Tails 01 to 30 are taken; 00 and 31 to 99 are ordinary amounts.
func Faults() []Fault {
	return slices.Concat(payerFaults(), transportFaults(), stateFaults())
}

func payerFaults() []Fault {
	one := func(tail int, name, act, what, ends string) Fault {
		ops := []string{opCodepay}
		return Fault{Name: name, Tail: tail, Amount: ops, Ops: ops, Times: 1, What: what, Ends: ends, act: act}
	}
	return []Fault{
		one(1, "userpaying", behavePassword, "202 USERPAYING; the payer types the password, paid after 8 s", "paid, 1 charge"),
		one(2, "password_late", behavePasswordLate, "202 USERPAYING; paid after 35 s, 10 s before the provider voids", "paid, 1 charge"),
		one(3, "password_wrong", behaveWrongPassword, "202 USERPAYING; PAYERROR after 8 s", "reversed, 0 charges"),
		one(4, "payer_cancels", behaveCancel, "202 USERPAYING; NOTPAY after 8 s, the payer gave up", "reversed, 0 charges"),
		one(5, "not_enough", behaveNotEnough, "403 NOT_ENOUGH, the order is PAYERROR", "reversed, 0 charges; a new code and number"),
		one(6, "auth_code_expired", "auth_code_expired", "403 AUTH_CODE_EXPIRED, the order is PAYERROR", "reversed, 0 charges; a new code and number"),
		{
			Name: "paid_though_400", Tail: 7, Amount: []string{opCodepay}, Ops: []string{opCodepay}, Times: 1,
			What: "400 PARAM_ERROR although the payer was charged", Ends: "paid by query, 1 charge",
			refusal: &refusal{http.StatusBadRequest, "PARAM_ERROR", 268435464, "参数错误", paramDetail{"/bank_type", "FOREIGN_AMEX_CREDIT_01", "字节数22,大于最大值16", "body"}},
		},
	}
}

func transportFaults() []Fault {
	const both = "native: asked again with the same bytes; codepay: settled by query; 1 charge at most"
	const none = "native: asked again; codepay: 0 charges, queried, reversed, not sent again"
	const after = "native: asked again; codepay: paid by query, 1 charge"
	const again = "the same request again later; 1 charge"
	list := []Fault{
		{Name: "reset_before", Tail: 8, What: "connection reset, nothing executed", Ends: none, skip: true, manner: mannerReset},
		{Name: "reset_after", Tail: 9, What: "executed, then connection reset", Ends: after, manner: mannerReset},
		{Name: "hang_before", Tail: 10, What: "no answer until the client gives up, nothing executed", Ends: none, skip: true, manner: mannerHang},
		{Name: "hang_after", Tail: 11, What: "executed, no answer until the client gives up", Ends: after, manner: mannerHang},
		{Name: "slow_drip", Tail: 12, What: "executed, the answer comes a byte every 20 ms", Ends: both, manner: mannerDrip},
		{Name: "bad_signature", Tail: 13, What: "executed, good answer, its signature does not verify", Ends: after, manner: mannerBadSignature},
		{Name: "wrong_serial", Tail: 14, What: "executed, the answer names a key nobody knows", Ends: after, manner: mannerWrongSerial},
		{Name: "clock_skew", Tail: 15, What: "executed, the answer's signed timestamp is 10 min ahead", Ends: after, manner: mannerSkewed},
		{Name: "clock_refused", Tail: 16, What: "401 SIGN_ERROR as for a wrong clock, nothing executed", Ends: again, skip: true, notAccepted: true, refusal: signError("timestamp is 10m0s off")},
		{
			Name: "rate_limited", Tail: 17, What: "429 FREQUENCY_LIMITED, not accepted", Ends: again, skip: true, notAccepted: true,
			refusal: &refusal{http.StatusTooManyRequests, "FREQUENCY_LIMITED", 268447840, "频率超限", nil},
		},
		{Name: "system_error_before", Tail: 18, What: "500 SYSTEM_ERROR, nothing executed", Ends: none, skip: true, refusal: systemError()},
		{Name: "system_error_after", Tail: 19, What: "executed, 500 SYSTEM_ERROR", Ends: after, refusal: systemError()},
		{
			Name: "bad_gateway", Tail: 20, What: "executed, 502 with an HTML page", Ends: after,
			raw: &answer{status: http.StatusBadGateway, kind: "text/html", body: []byte("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")},
		},
		{
			Name: "garbage", Tail: 25, What: "executed, 200 with signed bytes that are no answer", Ends: after,
			raw: &answer{status: http.StatusOK, kind: jsonType, body: []byte(`{"trade_state":["SUCCESS"],"amount":"lots"}`), sign: true},
		},
		{Name: "truncated", Tail: 26, What: "executed, 200 with the first half of the answer, signed as such", Ends: after, manner: mannerTruncate},
	}
	for i := range list {
		list[i].Amount, list[i].Ops, list[i].Times = movers, allOps, 1
	}
	return list
}

func stateFaults() []Fault {
	refunds := []string{opRefund}
	return []Fault{
		{
			Name: "order_paid_on_close", Tail: 21, Amount: []string{opClose}, Ops: []string{opClose}, Times: 1, act: "order_paid_on_close",
			What: "the payer pays just before the close: 400 ORDER_PAID", Ends: "paid by query (or refunded in full), 1 charge",
		},
		{
			Name: "reverse_userpaying", Tail: 22, Amount: []string{opCodepay, opReverse}, Ops: []string{opCodepay, opReverse}, Times: 2, act: "reverse_userpaying",
			What: "202 USERPAYING for 120 s, no void at 45 s; the first 2 reverses answer 400 USERPAYING", Ends: "reversed by the third try, 0 charges",
		},
		{
			Name: "lagging_query", Tail: 23, Amount: creations, Ops: []string{opNative, opCodepay, opQuery}, Times: 1, act: "lagging_query",
			What: "codepay: charged, 500 SYSTEM_ERROR, queries say ORDER_NOT_EXIST for 10 s and NOTPAY until 20 s; native: queries say NOTPAY for 15 s after the payment; " +
				"rule on query: says NOTPAY", Ends: "paid by query, 1 charge",
		},
		{
			Name: "late_success", Tail: 24, Amount: []string{opCodepay, opClose}, Ops: []string{opCodepay, opClose}, Times: 1, act: "late_success",
			What: "codepay: 500 SYSTEM_ERROR, NOTPAY, charged after 55 s unless reversed; native: charged 5 s after a close that answered 204",
			Ends: "codepay: reversed, 0 charges; native: found late and refunded in full, 1 charge, net 0",
		},
		{
			Name: "refund_processing", Tail: 27, Amount: refunds, Ops: refunds, Times: 1, act: "refund_processing",
			What: "the refund stays PROCESSING for 120 s, then SUCCESS", Ends: "refunded once",
		},
		{
			Name: "refund_abnormal", Tail: 28, Amount: refunds, Ops: refunds, Times: 1, act: "refund_abnormal",
			What: "PROCESSING, then ABNORMAL: the payer's card is dead", Ends: "put before a person, no second refund number",
		},
		{
			Name: "refund_closed", Tail: 29, Amount: refunds, Ops: refunds, Times: 1, act: "refund_closed",
			What: "PROCESSING, then CLOSED: failed for good", Ends: "a new refund number, refunded once",
		},
		{
			Name: "refund_no_balance", Tail: 30, Amount: refunds, Ops: refunds, Times: 1, act: "refund_no_balance",
			What: "403 NOT_ENOUGH: the merchant's balance is short", Ends: "the same refund number again later, refunded once",
		},
	}
}

func faultNamed(name string) *Fault {
	for _, f := range Faults() {
		if f.Name == name {
			return &f
		}
	}
	return nil
}

// WriteFaults prints the table for a terminal.
func WriteFaults(out io.Writer) error {
	list := Faults()
	sort.Slice(list, func(i, j int) bool { return list[i].Tail < list[j].Tail }) // not slices.SortFunc: 20 kB of code for this struct
	if _, err := fmt.Fprintln(out, "The last two digits of an amount choose what goes wrong (12.01 is \"userpaying\"); 00 and 31 to 99: nothing."); err != nil {
		return err
	}
	for _, f := range list {
		if _, err := fmt.Fprintf(out, "  %02d  %-20s %-32s %s\n%58s-> %s\n", f.Tail, f.Name, strings.Join(f.Amount, " "), f.What, "", f.Ends); err != nil {
			return err
		}
	}
	return nil
}

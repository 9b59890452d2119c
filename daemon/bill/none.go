package bill

import (
	"crypto/sha1"
	"encoding/hex"
	"strings"
)

// None is the bill of a day on which a merchant sold nothing, with its digest: the
// provider has none.
func None() (text, digest string) {
	heads := make([]string, 0, columns)
	for _, called := range names {
		heads = append(heads, called[0])
	}
	text = strings.Join(heads, ",") + "\n总交易单数,订单总金额,退款总金额\n`0,`0.00,`0.00\n"
	sum := sha1.Sum([]byte(text))
	return text, hex.EncodeToString(sum[:])
}

// Overdue is a pending difference when the neighbouring days' bills do not have it
// either.
func (d Difference) Overdue() Difference {
	what := NoPayment
	if d.Kind == Return {
		what = NoRefund
	}
	o := difference(what, d.Kind)
	o.No, o.OrderNo, o.Sale, o.State, o.Here = d.No, d.OrderNo, d.Sale, d.State, d.Here
	return o
}

// Words are what a kind of difference means to a person and what to do about it, in
// English and in Chinese; empty where it is none that is known.
func (w What) Words() (message, hint, zhMessage, zhHint string) {
	a := advices[w]
	return a.message, a.hint, a.zhText, a.zhHint
}

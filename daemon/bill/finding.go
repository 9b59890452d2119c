package bill

import (
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Class is how an order or a refund compares.
type Class string

// The classes.
const (
	Agrees    Class = "agrees"
	OnlyThere Class = "only_at_provider"
	OnlyHere  Class = "only_here"
	Differs   Class = "differs"
)

// Next is what to do about a difference.
type Next string

// What can be done. None of it moves money by itself.
const (
	QueryOrder   Next = "query_order"
	QueryRefund  Next = "query_refund"
	CallProvider Next = "call_provider"
	NextBill     Next = "next_bill"
)

// What says in what way something differs.
type What string

// The ways.
const (
	UnknownPayment What = "payment_unknown_here"
	UnknownRefund  What = "refund_unknown_here"
	NoPayment      What = "payment_not_in_bill"
	NoRefund       What = "refund_not_in_bill"
	Twice          What = "twice_in_bill"
	AmountDiffers  What = "amount_differs"
	OrderDiffers   What = "refund_of_other_order"
	PaidThere      What = "paid_at_provider"
	RevokedThere   What = "revoked_at_provider"
	NotRevoked     What = "not_revoked_at_provider"
	AcceptedThere  What = "refund_accepted_at_provider"
	FailedThere    What = "refund_failed_at_provider"
	AnotherDay     What = "may_be_in_another_bill"
)

// advice is what a difference means to a person.
type advice struct {
	class   Class
	next    Next
	message string
	hint    string
	zhText  string
	zhHint  string
}

var advices = map[What]advice{
	UnknownPayment: {
		OnlyThere, QueryOrder, "the provider took money under this order number, which this shop has no record of",
		"ask the provider about the order; if it is paid and no goods went out for it, give the money back",
		"支付平台有这笔收款，本店没有这个订单号的记录", "向支付平台查询该订单；若已支付且未交付商品，请退款给顾客",
	},
	UnknownRefund: {
		OnlyThere, QueryRefund, "the provider has a refund under this number, which this shop did not ask for at this till",
		"ask the provider about the refund, and who has access to the merchant platform",
		"支付平台有这笔退款，本收银机没有发起过", "向支付平台查询该退款，并核实谁能登录商户平台",
	},
	NoPayment: {
		OnlyHere, QueryOrder, "the shop has this payment and the bill does not",
		"ask the provider about the order; until it answers, do not ask the customer to pay again",
		"本店记录已收款，账单中没有", "向支付平台查询该订单；查明之前不要让顾客再次付款",
	},
	NoRefund: {
		OnlyHere, QueryRefund, "the shop has this refund and the bill does not",
		"ask the provider about it under the same number; a new number would refund twice",
		"本店记录已退款，账单中没有", "用原退款单号查询；换新单号会造成重复退款",
	},
	Twice: {
		Differs, CallProvider, "the bill has this number more than once",
		"compare the provider's own numbers in the bill and call the provider: a customer may have paid twice",
		"账单中该单号出现多次", "核对账单中的平台单号并联系支付平台：顾客可能被重复扣款",
	},
	AmountDiffers: {
		Differs, QueryOrder, "the amounts are not the same",
		"ask the provider about it; if its answer has the bill's amount, the owner decides what is owed to whom",
		"双方金额不一致", "向支付平台查询；若确为账单金额，由店主决定如何处理差额",
	},
	OrderDiffers: {
		Differs, QueryRefund, "the refund belongs to another order in the bill",
		"ask the provider about the refund before anything else is given back on either order",
		"账单中该退款属于另一订单", "先向支付平台查询该退款，查明之前两个订单都不要再退款",
	},
	PaidThere: {
		Differs, QueryOrder, "the bill says paid, the shop does not",
		"ask the provider about the order: its signed answer settles the sale, or gives late money back",
		"账单显示已支付，本店未记录收款", "向支付平台查询该订单：以其签名应答入账，迟到的款项会自动退回",
	},
	RevokedThere: {
		Differs, QueryOrder, "the bill says that the payment was reversed, the shop counts it as paid",
		"ask the provider about the order; if it is reversed, the shop has not been paid",
		"账单显示已撤销，本店记录为已收款", "向支付平台查询该订单；若确已撤销，则本店未收到款项",
	},
	NotRevoked: {
		Differs, QueryOrder, "the shop took this payment back, the bill says that the customer still paid",
		"ask the provider about the order; if it is still paid, give the money back",
		"本店已撤销该支付，账单显示顾客仍已付款", "向支付平台查询该订单；若仍为已支付，请退款给顾客",
	},
	AcceptedThere: {
		Differs, QueryRefund, "the provider has this refund, the shop does not count it as sent",
		"ask the provider about it under the same number; a new number would refund twice",
		"支付平台已受理该退款，本店未记为已发出", "用原退款单号查询；换新单号会造成重复退款",
	},
	FailedThere: {
		Differs, QueryRefund, "the bill says that the refund failed, the shop counts on it",
		"ask the provider about it; if it failed, the customer is still owed the money",
		"账单显示退款失败，本店记为已退或处理中", "向支付平台查询该退款；若确已失败，仍需向顾客退款",
	},
	AnotherDay: {
		OnlyHere, NextBill, "it happened so near to midnight that it may be in a neighbouring day's bill",
		"look for it in the bills of the day before and the day after",
		"发生在零点前后，可能在前一天或后一天的账单中", "在前后两天的账单中查找",
	},
}

// Difference is something that does not agree, and what to do about it.
type Difference struct {
	Class   Class       `json:"class"`
	What    What        `json:"code"`
	Next    Next        `json:"next"`
	Kind    Kind        `json:"kind"`
	No      string      `json:"no"`
	OrderNo string      `json:"order_no"`
	Sale    sale.ID     `json:"sale,omitempty"`
	State   Standing    `json:"state,omitempty"` // as the shop has it
	Here    money.Money `json:"here,omitzero"`
	There   money.Money `json:"there,omitzero"`
	At      time.Time   `json:"at"` // by the bill, where it is in it
	Message string      `json:"message"`
	Hint    string      `json:"hint"`
	Chinese string      `json:"zh"`
	ZhHint  string      `json:"zh_hint"`
}

func difference(what What, kind Kind) Difference {
	a := advices[what]
	if kind == Return && a.next == QueryOrder {
		a.next = QueryRefund
	}
	return Difference{
		Class: a.class, What: what, Next: a.next, Kind: kind, Message: a.message, Hint: a.hint, Chinese: a.zhText, ZhHint: a.zhHint,
	}
}

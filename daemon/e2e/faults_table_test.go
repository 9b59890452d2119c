package e2e

import (
	"net/http"

	"qrposd/rules/sale"
)

// row is a fault in a plot, and where that has to end.
type row struct {
	fault string
	flow  sale.Flow
	plot  plot
	tail  int // of the amount
	path  path
	calls string // what the provider was asked about the order; a range where the time between two polls decides
	purse purse
}

// plot is what the people at the counter do.
type plot struct {
	name    string
	payer   string // what the payer does with the telephone
	cancels bool   // the cashier withdraws the QR code
	doubts  bool   // the cashier cancels while it is not known whether the payer will pay
	refunds int    // how often all of the money is given back
	until   string // the state to wait for where the first outcome is not the last
	rule    string // the operation that the fault is brought to; empty: the amount brings it
}

func (s plot) String() string { return s.name }

var (
	pays      = plot{name: "pays", payer: "pay"}
	pays2     = plot{name: "pays, refund", payer: "pay", refunds: 1}
	again     = plot{name: "pays, refund, another", payer: "pay", refunds: 2}
	withdraws = plot{name: "withdrawn", cancels: true}
	paidLate  = plot{name: "withdrawn, paid late", cancels: true, until: "refunded"}
	asked     = plot{name: "a query fails", payer: "password", rule: "query"}
	undone    = plot{name: "cancelled in doubt", payer: "cancel", doubts: true, rule: "reverse"}
	refunded  = plot{name: "a refund's query fails", payer: "pay", refunds: 1, rule: "query_refund"}
)

// path is the sale's way: its states, and what the cashier reads meanwhile.
type path struct{ states, saw string }

var (
	shownPaid = path{"opened ordering presented paid", "qr_coming qr_shown paid"}
	givenBack = path{shownPaid.states + " refunding refunded", shownPaid.saw + " refund_promised refunding refunded"}
	stillOurs = path{shownPaid.states + " refunding paid", shownPaid.saw + " refund_promised refunding refund_failed"}
	heldOurs  = path{stillOurs.states, shownPaid.saw + " refund_promised refunding refund_held"}
	backLater = path{stillOurs.states + " refunding refunded", stillOurs.saw + " refund_promised refunding refunded"}
	withdrawn = path{"opened ordering presented closing cancelled", "qr_coming qr_shown qr_withdrawing cancelled"}
	foundLate = path{withdrawn.states + " refunding refunded", withdrawn.saw + " giving_back refunded"}
	paidFirst = path{"opened ordering presented closing paid", "qr_coming qr_shown qr_withdrawing paid"}

	scanned       = path{"opened judged charging paid", "scan_wanted charging paid"}
	scannedBack   = path{scanned.states + " refunding refunded", scanned.saw + " refund_promised refunding refunded"}
	scannedOurs   = path{scanned.states + " refunding paid", scanned.saw + " refund_promised refunding refund_failed"}
	scannedHeld   = path{scannedOurs.states, scanned.saw + " refund_promised refunding refund_held"}
	scannedLater  = path{scannedOurs.states + " refunding refunded", scannedOurs.saw + " refund_promised refunding refunded"}
	doubtPaid     = path{"opened judged charging in_doubt paid", "scan_wanted charging in_doubt payer_confirming in_doubt paid"}
	maybePaid     = path{"opened judged charging in_doubt? paid", "scan_wanted charging in_doubt payer_confirming in_doubt paid"}
	doubtReversed = path{"opened judged charging in_doubt reversing reversed", "scan_wanted charging in_doubt payer_confirming in_doubt reversing reversed"}
	doubtDeclined = path{"opened judged charging in_doubt reversing declined", "scan_wanted charging in_doubt payer_confirming in_doubt reversing declined"}
	maybeReversed = path{"opened judged charging in_doubt reversing? reversed", "scan_wanted charging in_doubt payer_confirming in_doubt reversing reversed"}
	doubtGivenUp  = path{"opened judged charging in_doubt reversing cancelled", "scan_wanted charging in_doubt payer_confirming in_doubt in_doubt_cancel reversing cancelled"}
	doubtUnseen   = path{"opened judged charging in_doubt reversing declined", "scan_wanted charging in_doubt payer_confirming in_doubt reversing declined_unseen"}
)

// purse is where an order's money went: how often it was taken, reversed and
// refunded, and whether the shop has it.
type purse struct {
	charges, reversals, refunds int
	kept                        bool
}

var (
	kept     = purse{1, 0, 0, true}
	returned = purse{1, 0, 1, false}
	none     = purse{}
)

// transport are the faults of a call, and whether the provider has carried out
// what it was asked before the call went wrong. A till cannot tell.
var transport = []struct {
	fault    string
	executed bool
}{
	{"reset_before", false},
	{"reset_after", true},
	{"hang_before", false},
	{"hang_after", true},
	{"slow_drip", true},
	{"bad_signature", true},
	{"wrong_serial", true},
	{"clock_skew", true},
	{"clock_refused", false},
	{"rate_limited", false},
	{"system_error_before", false},
	{"system_error_after", true},
	{"bad_gateway", true},
	{"garbage", true},
	{"truncated", true},
}

// transportRows are the scenes of a fault of transport. A charge is never sent
// twice, not even one that was turned away: its code is dead by the time the
// provider would take it, and a till that sends one charge twice sends others so.
func transportRows(fault string, executed bool) []row {
	const qr, code = sale.Merchant, sale.Payer
	rows := []row{
		{fault, qr, pays2, 0, givenBack, "native 2, query 1+, refund 2, query_refund 1+", returned},
		{fault, qr, withdraws, 0, withdrawn, "native 2, query 0+, close 2", none},
		{fault, qr, asked, 0, shownPaid, "native 1, query 2+", kept},
		{fault, qr, refunded, 0, givenBack, "native 1, query 1+, refund 1, query_refund 2+", returned},
		{fault, code, pays, 0, doubtUnseen, "codepay 1, query 4+, reverse 1", none},
		{fault, code, asked, 0, doubtPaid, "codepay 1, query 2-4", kept},
		{fault, code, undone, 0, doubtGivenUp, "codepay 1, query 2+, reverse 2", none},
	}
	if executed {
		rows[0].calls = "native 2, query 1+, refund 1, query_refund 1+"
		rows[1].calls = "native 2, query 0+, close 1-2"
		rows[4].path, rows[4].calls, rows[4].purse = doubtPaid, "codepay 1, query 1-2", kept
		rows[6].calls = "codepay 1, query 2+, reverse 1-2" // twice if no answer came for longer than the till waits
	}
	if fault == "slow_drip" { // a QR code's answer is short and arrives in time; the others may
		rows[0].calls = "native 1, query 1+, refund 1, query_refund 1+"
		rows[1].calls = "native 1, query 0+, close 1-2"
		rows[2].calls, rows[3].calls = "native 1, query 1+", "native 1, query 1+, refund 1, query_refund 1+"
		rows[4].path, rows[4].calls = maybePaid, "codepay 1, query 0-2"
	}
	return rows
}

// stateRows are the faults that change what happens to the money.
func stateRows() []row {
	const qr, code = sale.Merchant, sale.Payer
	return []row{
		{"userpaying", code, pays, 0, doubtPaid, "codepay 1, query 2-3", kept},
		{"password_late", code, pays, 0, doubtPaid, "codepay 1, query 5-8", kept},
		{"password_wrong", code, pays, 0, doubtDeclined, "codepay 1, query 2-6, reverse 1", none},
		// The provider voids at 45 s what nobody has reversed: the two race on a slow machine.
		{"payer_cancels", code, pays, 0, maybeReversed, "codepay 1, query 4-10, reverse 0-1", none},
		{"not_enough", code, pays, 0, doubtDeclined, "codepay 1, query 2-6, reverse 1", none},
		{"auth_code_expired", code, pays, 0, doubtDeclined, "codepay 1, query 2-6, reverse 1", none},
		{"paid_though_400", code, pays, 0, doubtPaid, "codepay 1, query 1", kept},
		{"order_paid_on_close", qr, withdraws, 0, paidFirst, "native 1, query 1+, close 1", kept},
		{"reverse_userpaying", code, pays, 0, doubtReversed, "codepay 1, query 6-16, reverse 3", none},
		{"lagging_query", qr, pays, 0, shownPaid, "native 1, query 3+", kept},
		{"lagging_query", qr, asked, 0, shownPaid, "native 1, query 2+", kept},
		{"lagging_query", code, pays, 0, doubtPaid, "codepay 1, query 3-6", kept},
		{"lagging_query", code, asked, 0, doubtPaid, "codepay 1, query 2-4", kept},
		{"late_success", qr, paidLate, 0, foundLate, "native 1, query 1+, close 1, refund 1, query_refund 1+", returned},
		{"late_success", code, pays, 0, doubtReversed, "codepay 1, query 4-10, reverse 1", none},
		{"refund_processing", qr, pays2, 0, givenBack, "native 1, query 1+, refund 1, query_refund 4-8", returned},
		{"refund_processing", code, pays2, 0, scannedBack, "codepay 1, refund 1, query_refund 4-8", returned},
		{"refund_abnormal", qr, pays2, 0, heldOurs, "native 1, query 1+, refund 1, query_refund 1+", kept},
		{"refund_abnormal", code, pays2, 0, scannedHeld, "codepay 1, refund 1, query_refund 1+", kept},
		{"refund_closed", qr, again, 0, backLater, "native 1, query 1+, refund 2, query_refund 2+", returned},
		{"refund_closed", code, again, 0, scannedLater, "codepay 1, refund 2, query_refund 2+", returned},
		{"refund_no_balance", qr, pays2, 0, givenBack, "native 1, query 1+, refund 2, query_refund 1+", returned},
		{"refund_no_balance", code, pays2, 0, scannedBack, "codepay 1, refund 2, query_refund 1+", returned},
	}
}

// notFor are the faults that a flow cannot meet.
var notFor = map[string]struct {
	flow    sale.Flow
	because string
}{
	"userpaying":          {sale.Merchant, "nobody types a password for the till; the QR code just stays unpaid"},
	"password_late":       {sale.Merchant, "the same"},
	"password_wrong":      {sale.Merchant, "the same"},
	"payer_cancels":       {sale.Merchant, "the same"},
	"not_enough":          {sale.Merchant, "the refusal is shown on the payer's telephone"},
	"auth_code_expired":   {sale.Merchant, "there is no payer's code"},
	"paid_though_400":     {sale.Merchant, "a QR code's order takes no money"},
	"reverse_userpaying":  {sale.Merchant, "an order of a QR code is closed and never reversed"},
	"order_paid_on_close": {sale.Payer, "a charge is reversed and never closed"},
}

// cast gives every row its amount, and its rule where the amount does not bring
// the fault by itself. A rule goes by the amount, so each has one of its own.
func cast(o *outside, tails map[string]int) []*story {
	var all []*story
	free := 31 // tails from here on bring no fault
	add := func(r row, drv string) {
		r.tail = tails[r.fault]
		if r.plot.rule != "" {
			r.tail = free
			free++
			o.do(http.MethodPost, "/sim/rules", map[string]any{"op": r.plot.rule, "fault": r.fault, "tail": r.tail, "times": 1}, nil)
		}
		all = append(all, &story{row: r, drv: drv})
	}
	rows := stateRows()
	for _, f := range transport {
		rows = append(rows, transportRows(f.fault, f.executed)...)
	}
	for _, r := range rows {
		add(r, "v3")
		if r.flow != sale.Payer || r.plot.rule != "" {
			continue
		}
		if r.fault == "wrong_serial" || r.fault == "clock_skew" { // a v2 answer names neither key nor time
			r.path, r.calls = scanned, "codepay 1"
		}
		add(r, "v2")
	}
	if free > 100 {
		o.t.Fatalf("%d rules and only 69 amounts for them", free-31)
	}
	return all
}

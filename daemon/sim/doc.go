// Package sim is the outsider: a payment provider, payers, and a scanner.
//
// It shares no code with the daemon's own client, on purpose. A mistake about the protocol that sat in a common package
// would be invisible to every test; two independent readings of the provider's documents disagree loudly. It keeps
// its own books in memory, so that a test, or a customer at a demonstration, can kill the daemon and ask somebody who was not
// killed whether money moved twice. A scripted mock was rejected: it can only answer what its author expected to be
// asked. State falls due when somebody looks and no timer runs, so a test clock and a real one see the same.
//
// # Provider
//
// [WeChat] is an http.Handler; its zero value is ready. It serves WeChat Pay API v3 (native, codepay, query by either
// number, close, reverse, refund, refund query; /v3/certificates answers 404 as for a public-key merchant) and v2
// (micropay, orderquery, reverse, refund, refundquery, closeorder). Requests are verified; 2xx answers are signed with
// the key the request's Wechatpay-Serial names, other answers carry no signature. Set TimeScale to 100 and the 45 s become
// 450 ms; the five minutes of clock skew are never scaled.
// [World] adds the scanner.
//
// # Control, JSON, unsigned
//
//	GET    /sim/counts                  Counts
//	GET    /sim/counts/{out_trade_no}   OrderCounts; 404 when nothing was seen
//	GET    /sim/faults                  [Fault]
//	GET    /sim/rules                   [Rule]
//	POST   /sim/rules                   {op, fault, out_trade_no, tail, times, delay_ms}, all optional -> Rule
//	DELETE /sim/rules                   -> []
//	GET    /sim/link                    {up, cut}
//	POST   /sim/link                    {up} -> {up, cut}; down resets every connection to the provider
//	GET    /sim/phone/screen            [{out_trade_no, description, total, code_url, expires_at, paying}]
//	POST   /sim/phone/codes             {behaviour, limit, payer} -> {auth_code, behaviour, limit, payer, expires_at}
//	POST   /sim/phone/scan              {code_url, action, delay_ms, payer} -> {out_trade_no, state, total, description}
//	GET    /sim/scanner                 {path, plugged}; 404 NO_SCANNER
//	POST   /sim/scanner                 {data, suffix} or {unplug} or {replug} -> {path, plugged}
//	GET    /sim/                        the page for a person
//
// A behaviour is pay, password, password_late, cancel, wrong_password or not_enough. An action is pay, pay_late, cancel or
// wrong_password; "" only looks. A refusal is {code, message} with a 4xx status: CODE_UNKNOWN 404, CODE_DEAD 410,
// ORDER_BOUND 409, ORDER_<state> 409, BAD_REQUEST 400. Operations are native, codepay, query, close, reverse, refund,
// query_refund and certificates. The fault "none" in a rule switches the amount's own fault off.
//
// Counts is
//
//	{totals: M, orders: [OrderCounts], payers: {account: M}, codes: {auth_code: charges}, requests: {op: n},
//	 refused, cut, violations: [{at, what}], last_refusal: {code, path, detail}}
//
// where M is {charges, charged, reversals, reversed, refunds, refunded, pending_refunds, failed_refunds, net}, and
// OrderCounts is
//
//	{out_trade_no, kind, state, total, description, transaction_id, payer, M..., codes: {auth_code: charges},
//	 requests: {op: n}, bodies: {op: [sha256 of each distinct body]}, faults: ["op:fault"], violations: [{at, what}]}
//
// # Faults
//
// total % 100 chooses; each meets its operations the given number of times per order. A rule may put a fault of
// transport on any operation.
//
//	tail fault                what happens; where a correct client ends

package sim

// Package sim is the outsider: a payment provider, payers, models, and a scanner.
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
// number, close, reverse, refund, refund query, trade bills of what it booked; /v3/certificates answers 404 as for a public-key merchant) and v2
// (micropay, orderquery, reverse, refund, refundquery, closeorder). Requests are verified; 2xx answers are signed with
// the key the request's Wechatpay-Serial names, other answers carry no signature. Set TimeScale to 100 and the 45 s become
// 450 ms; the five minutes of clock skew are never scaled. It is the payment AI API too, see below.
// [World] adds the scanner and the models.
//
// # Control, JSON, unsigned
//
//	GET    /sim/counts                  Counts
//	GET    /sim/counts/{out_trade_no}   OrderCounts; 404 when nothing was seen
//	GET    /sim/faults                  [Fault]
//	GET    /sim/rules                   [Rule]
//	POST   /sim/rules                   {op, fault, out_trade_no, tail, times, delay_ms, drip_ms, skew_s, takes_ms}, all optional -> Rule
//	DELETE /sim/rules                   -> []
//	GET    /sim/link                    {up, cut}
//	POST   /sim/link                    {up} -> {up, cut}; down resets every connection to the providers
//	GET    /sim/phone/screen            [{out_trade_no, description, total, code_url, expires_at, paying}]
//	POST   /sim/phone/codes             {behaviour, limit, payer, takes_ms} -> {auth_code, behaviour, limit, payer, expires_at}
//	POST   /sim/phone/scan              {code_url, action, delay_ms, payer} -> {out_trade_no, state, total, description}
//	GET    /sim/phone/account           {payer, currency, opening, balances: {currency: n}, crossings}; ?payer= of another phone
//	POST   /sim/phone/account           {payer, currency, opening} -> as GET
//	GET    /sim/phone/liveness          [{session_id, out_trade_no, total, currency, state, opened, url, expires_at}], the last 20
//	POST   /sim/phone/liveness          {session_id, outcome} -> one of them
//	GET    /sim/scenarios               [Scenario], each with on
//	POST   /sim/scenarios               {name, on} -> as GET
//	DELETE /sim/scenarios               -> as GET; all are off
//	GET    /sim/bills                   Bills: {plant: [{out_trade_no, refund_no, total}], drop: [no], amounts: {no: fen}, twice: [no],
//	                                    columns: turned or plain, wrong_hash: times, cut: times, missing: times, served: {date: files}}
//	POST   /sim/bills                   Bills -> as GET; DELETE puts all right again
//	POST   /sim/clock                   {ahead_s}: turns the provider's clock, from the machine's
//	GET    /sim/notices                 NoticeReport: settings and counts
//	POST   /sim/notices                 any of the settings -> NoticeReport; the others stay, faults count from zero
//	DELETE /sim/notices                 -> NoticeReport; settings are put back, the counts and what waits are forgotten
//	POST   /sim/notices/send            -> {sent}; what is due goes out now
//	GET    /sim/ai                      AIReport: settings and counts
//	POST   /sim/ai                      any of the settings -> AIReport; the others stay, rules count from zero
//	DELETE /sim/ai                      -> AIReport; every setting is put back, the counts are forgotten
//	GET    /sim/scanner                 {path, plugged}; 404 NO_SCANNER
//	POST   /sim/scanner                 {data, suffix} or {unplug} or {replug} -> {path, plugged}
//	GET    /sim/bank                    BankReport: what really came to the shop's own accounts, and the receipts that lied
//	GET    /sim/bank/counter            [{text, code}]: the codes on the shop's screens, where somebody looks at them
//	POST   /sim/bank/read               {text} -> BankCode; a refusal is CODE_UNREADABLE
//	POST   /sim/bank/pay                {text, amount, forge, times, late_ms, drop_reference} -> what the telephone shows
//	POST   /sim/bank/transfer           {scheme, account, currency, amount, reference}: money for nobody's code
//	GET    /sim/bank/statement.csv      id,at,amount,currency,reference,scheme,source of what has come; ?account= of one; .json too
//	GET    /sim/models                  {mode, providers: [ModelReport]}
//	POST   /sim/models                  {mode} -> as GET; quick, slow, wrong or off, for all providers
//	DELETE /sim/models                  -> as GET; counts and scripts are forgotten
//	GET    /sim/models/{name}           the last 100 request bodies, as texts
//	POST   /sim/models/{name}           {script, times, latency: {kind, ms, sigma, seed}, error: {status, shape, code, message, retry_after}} -> ModelReport
//	GET    /sim/scripts                 [{name, what}]
//	GET    /sim/                        the page for a person; /sim/liveness.html?s={session_id} is a payer's
//
// A behaviour is pay, password, password_late, cancel, wrong_password or not_enough. An action is pay, pay_late, cancel or
// wrong_password; "" only looks. A refusal is {code, message} with a 4xx status: CODE_UNKNOWN 404, CODE_DEAD 410,
// ORDER_BOUND 409, ORDER_<state> 409, BAD_REQUEST 400, BAD_SETTING 400. Operations are native, codepay, query, close, reverse, refund,
// query_refund, certificates, tradebill, billfile, ai_payment, ai_projection, ai_liveness and ai_liveness_poll. The fault "none" in a rule switches the amount's own fault off.
//
// Counts is
//
//	{totals: M, orders: [OrderCounts], payers: {account: M}, codes: {auth_code: charges}, requests: {op: n},
//	 refused, cut, violations: [{at, what}], last_refusal: {code, path, detail}, ai: AICounts, notices: NoticeCounts}
//
// where M is {charges, charged, reversals, reversed, refunds, refunded, pending_refunds, failed_refunds, net}, and
// OrderCounts is
//
//	{out_trade_no, kind, state, total, currency, description, transaction_id, payer, M..., codes: {auth_code: charges},
//	 requests: {op: n}, bodies: {op: [sha256 of each distinct body]}, faults: ["op:fault"], violations: [{at, what}],
//	 shadow_of}
//
// # Faults
//
// total % 100 chooses; each meets its operations the given number of times per order. A rule may put a fault of
// transport on any operation. An ai_payment meets what its scene, native or codepay, would meet.
//
//	tail fault                what happens; where a correct client ends
//	01   userpaying (codepay, 1x)
//	       202 USERPAYING; the payer types the password, paid after 8 s
//	       -> paid, 1 charge
//	02   password_late (codepay, 1x)
//	       202 USERPAYING; paid after 35 s, 10 s before the provider voids
//	       -> paid, 1 charge
//	03   password_wrong (codepay, 1x)
//	       202 USERPAYING; PAYERROR after 8 s
//	       -> reversed, 0 charges
//	04   payer_cancels (codepay, 1x)
//	       202 USERPAYING; NOTPAY after 8 s, the payer gave up
//	       -> reversed, 0 charges
//	05   not_enough (codepay, 1x)
//	       403 NOT_ENOUGH, the order is PAYERROR
//	       -> reversed, 0 charges; a new code and number
//	06   auth_code_expired (codepay, 1x)
//	       403 AUTH_CODE_EXPIRED, the order is PAYERROR
//	       -> reversed, 0 charges; a new code and number
//	07   paid_though_400 (codepay, 1x)
//	       400 PARAM_ERROR although the payer was charged
//	       -> paid by query, 1 charge
//	08   reset_before (native codepay close reverse refund, 1x)
//	       connection reset, nothing executed
//	       -> native: asked again; codepay: 0 charges, queried, reversed, not sent again
//	09   reset_after (native codepay close reverse refund, 1x)
//	       executed, then connection reset
//	       -> native: asked again; codepay: paid by query, 1 charge
//	10   hang_before (native codepay close reverse refund, 1x)
//	       no answer until the client gives up, nothing executed
//	       -> native: asked again; codepay: 0 charges, queried, reversed, not sent again
//	11   hang_after (native codepay close reverse refund, 1x)
//	       executed, no answer until the client gives up
//	       -> native: asked again; codepay: paid by query, 1 charge
//	12   slow_drip (native codepay close reverse refund, 1x)
//	       executed, the answer comes a byte every 20 ms
//	       -> native: asked again with the same bytes; codepay: settled by query; 1 charge at most
//	13   bad_signature (native codepay close reverse refund, 1x)
//	       executed, good answer, its signature does not verify
//	       -> native: asked again; codepay: paid by query, 1 charge
//	14   wrong_serial (native codepay close reverse refund, 1x)
//	       executed, the answer names a key nobody knows
//	       -> native: asked again; codepay: paid by query, 1 charge
//	15   clock_skew (native codepay close reverse refund, 1x)
//	       executed, the answer's signed timestamp is 10 min ahead
//	       -> native: asked again; codepay: paid by query, 1 charge
//	16   clock_refused (native codepay close reverse refund, 1x)
//	       401 SIGN_ERROR as for a wrong clock, nothing executed
//	       -> the same request again later; 1 charge
//	17   rate_limited (native codepay close reverse refund, 1x)
//	       429 FREQUENCY_LIMITED, not accepted
//	       -> the same request again later; 1 charge
//	18   system_error_before (native codepay close reverse refund, 1x)
//	       500 SYSTEM_ERROR, nothing executed
//	       -> native: asked again; codepay: 0 charges, queried, reversed, not sent again
//	19   system_error_after (native codepay close reverse refund, 1x)
//	       executed, 500 SYSTEM_ERROR
//	       -> native: asked again; codepay: paid by query, 1 charge
//	20   bad_gateway (native codepay close reverse refund, 1x)
//	       executed, 502 with an HTML page
//	       -> native: asked again; codepay: paid by query, 1 charge
//	21   order_paid_on_close (close, 1x)
//	       the payer pays just before the close: 400 ORDER_PAID
//	       -> paid by query (or refunded in full), 1 charge
//	22   reverse_userpaying (codepay reverse, 2x)
//	       202 USERPAYING for 120 s, no void at 45 s; the first 2 reverses answer 400 USERPAYING
//	       -> reversed by the third try, 0 charges
//	23   lagging_query (native codepay, 1x)
//	       codepay: charged, 500 SYSTEM_ERROR, queries say ORDER_NOT_EXIST for 10 s and NOTPAY until 20 s; native: queries say NOTPAY for 15 s after the payment; rule on query: says NOTPAY
//	       -> paid by query, 1 charge
//	24   late_success (codepay close, 1x)
//	       codepay: 500 SYSTEM_ERROR, NOTPAY, charged after 55 s unless reversed; native: charged 5 s after a close that answered 204
//	       -> codepay: reversed, 0 charges; native: found late and refunded in full, 1 charge, net 0
//	25   garbage (native codepay close reverse refund, 1x)
//	       executed, 200 with signed bytes that are no answer
//	       -> native: asked again; codepay: paid by query, 1 charge
//	26   truncated (native codepay close reverse refund, 1x)
//	       executed, 200 with the first half of the answer, signed as such
//	       -> native: asked again; codepay: paid by query, 1 charge
//	27   refund_processing (refund, 1x)
//	       the refund stays PROCESSING for 120 s, then SUCCESS
//	       -> refunded once
//	28   refund_abnormal (refund, 1x)
//	       PROCESSING, then ABNORMAL: the payer's card is dead
//	       -> put before a person, no second refund number
//	29   refund_closed (refund, 1x)
//	       PROCESSING, then CLOSED: failed for good
//	       -> a new refund number, refunded once
//	30   refund_no_balance (refund, 1x)
//	       403 NOT_ENOUGH: the merchant's balance is short
//	       -> the same refund number again later, refunded once
//
// # Payment AI API
//
// It creates payments, at POST /v3/ai/payments; what then moves money is v3 on the same orders. An idempotency key
// v1.<session hash>.<ns>.<HMAC> that verifies with AISecret is one payment for ever, whatever answers were lost; another body
// under it is 422. Any other key protects nothing: every repeat, the server's own after 800 ms included, is a further transaction,
// paid when its original is. Such a shadow has an order number of its own and names its original in shadow_of, so the payer's net and
// the totals show what the original's charges do not. A request whose context is not complete, or whose embedding_hash is not
// that of its interactions, is judged by aggressive thresholds. Draws repeat with the seed and the order number.
//
// The settings, with their defaults, are
//
//	{secret: "" (AISecret), replay_after_ms: 800, most_replays: 2, aggressive_rejects: 0.12, threshold: 0.85, strict_threshold: 0.35,
//	 language: "" (en, zh or both in turn), seed: 1,
//	 errors: [{class, label, out_trade_no, probability, times, stage, model, explanation, executed}],
//	 reconciliation: {verdict: consistent, model, explanation, pending_ms: 0},
//	 fx: {mids: {"USD/CNY": "7.1023", ...}, width: 0.004, confidence: 0.92, volatility: 0.01, valid_for_s: 300, wrong: "", own_rates: false},
//	 liveness: {from: 0, outcome: pass, takes_ms: 3000, late_times: 10, score: 0.97, low_score: 0.41, fail_score: 0.08, payer: "", noise: 0.02},
//	 latency: {op: {kind, ms, sigma, seed}}, ignore_context: false,
//	 disputes: {settles_after_s: 86400, sigma: 0, bias: 0, floor: 0.002, most: 0.3, tolerance: 0.002, scale: 0.01, gain_weight: 0,
//	 ignore_confirmation: false}}
//
// A class is user, policy, intent (a policy of a classifier that was set up wrongly: a label, a probability of 0.05), hallucination
// (cites what was not sent) or unknown; executed is an error although the payer was charged. fx.wrong is inverted, expired,
// malformed, non_positive or confidence. liveness.from is the amount that is challenged; an outcome is pass, fail, low,
// wrong_nonce, late, twice (a vector that was told before), expired, or phone: the payer chooses at the session's url. Disputes are those of
// [AIDisputeModel]. AICounts is
//
//	{requests: {op: n}, contexts_complete, contexts_incomplete, keys_verified, keys_opaque, replays, server_replays, shadow_charges,
//	 payments, challenges, nested_errors, by_class: {class: n}, by_label: {label: n}, labels: {label: requests},
//	 disputes: {payments, settled, disputed, by_basis: {range, rate, own, none: {settled, disputed, markup}}, orders: {out_trade_no: n}}}
//
// # Notifications
//
// Payments of QR codes and refunds are reported as v3 does: signed, the resource sealed with AES-256-GCM, again after 15 s, 15 s, 30 s and so on
// until 200 or 204 comes. Nobody is told unless url is set, and nothing goes out before SendNotices, RunNotices or /sim/notices/send. The
// settings, with their defaults, are
//
//	{url: "" ("order" is each request's own notify_url), delay_s: 1, retry_s: [15, 15, 30, ...], timeout_ms: 5000, platform_key: false,
//	 faults: [{fault, n, seconds, event, out_trade_no, probability, times}]}
//
// where a fault is duplicate (n more after the first), stale (n tries signed so many seconds ago), late (so many seconds), out_of_order (after
// the next n), bad_signature (n tries), other_order (one of a stranger's goes first) or lost (n tries, or all).
//
// # Models
//
// [Models] is every provider of language models. Under /models/{name}/ it serves POST .../chat/completions (OpenAI's
// dialect), .../v1/messages (Anthropic's) and .../models/{model}:generateContent (Gemini's), without streaming. A name
// that begins with openai, mistral, gemini, deepseek, qwen, openrouter, portkey, ollama or llamacpp is as strict, and
// tells errors in the same shape, as that provider; other names overlook fields that they do not know, as most gateways
// do. Any key is good but none is not. The answer fits any schema that is asked for: the risk of a sale grows with its
// amount and the rules that its facts list, and a verdict that stands in the facts is agreed with. A cap of output tokens is kept.
//
// A latency runs from the request's arrival to the first byte of the answer: fixed (ms), lognormal (median ms, sigma),
// mix (lognormal, and one call in 100 hangs), mix_a and mix_b (the same with 380 and 0.5, 300 and 0.45: the providers on which
// hedging was measured). Draws repeat with seed and name. Mode quick is sensible at a lognormal 120 ms, slow is sensible after
// 2.5 s, wrong is the script of that name, off resets every connection. An error's shape is object, int_code, array, google,
// anthropic, flat, detail, status, string, html, text or empty; none given is the provider's own.
//
// ModelReport is
//
//	{name, setting, left, calls, in_flight, most_at_once, answered, refused, aborted, cut, tokens_in, tokens_out,
//	 scripts: {script: calls}, last_refusal, violations: [{at, what}]}
//
// where refused is by the provider's own strictness and counts among answered, aborted was left by the client, cut was reset from
// outside, and a violation is what a shop must not tell a model: a payer's code, a mobile number, a mail address, a hash, a vector.
//
// # Scripts
//
//	sensible        answers from the facts, in the asked form
//	hang            no byte until the client gives up
//	hang_headers    status and headers, then no byte until the client gives up
//	stall           the first half of the body, then no byte until the client gives up
//	drip            a byte every 20 ms
//	blanks          status 200 at once and a blank line every 50 ms until the latency is over, then the answer
//	blanks_forever  status 200 at once and a blank line every 50 ms until the client gives up
//	reset           connection reset before any byte
//	reset_headers   connection reset after the headers
//	reset_body      connection reset after the first half of the body
//	garbage         status 200 with bytes that are no JSON
//	html            status 200 with a page of a captive portal
//	cut_json        status 200 with the first half of the answer as if it were all of it
//	error           an HTTP error: status, shape, code, retry_after as set
//	error_200       status 200 with the error as the whole body
//	error_choice    status 200 with half an answer and the error in the first choice
//	refusal         the model refuses to answer
//	content_filter  a filter of the provider stopped the answer
//	truncation      the cap of output tokens was reached in the middle
//	stop_error      the model stopped for an error, status 200
//	empty           the answer is an empty text
//	no_choices      status 200 without any answer
//	wrong           everything from lenient to injected, in turn
//	lenient         the mildest verdict of the schema, at no risk, whatever the facts are
//	contradicts     the mildest verdict at the highest risk, and the severest at none, in turn
//	cites_unsent    valid, but rests on facts that were not sent
//	off_schema      words, numbers and members that the schema does not have, in turn
//	forbidden       a verdict no model may give, paid and approved among them, in turn
//	injected        as a customer's text would have it: the corpus in turn
//	fenced          the answer in a Markdown fence
//	chatty          the answer in the middle of prose
//	wrong_tool      calls a tool nobody offered
//	two_answers     two answers that differ
//	thinking        thoughts beside the answer, as a model that was not told not to think
package sim

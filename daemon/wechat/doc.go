// Package wechat takes the steps of a sale at WeChat Pay and says what was heard.
//
// The till has one promise to keep here: an event means exactly what it says.
// Money counts as received only from an answer that the provider signed, that is
// fresh, and that names our merchant, our order and our amount. Everything that
// falls short of that is [sale.Unclear], whatever the HTTP status: payers have
// been charged by an answer of 400, and by one whose signature did not verify.
// The opposite claim, that a charge never left the till, is made only where no
// connection was ever handed to the request.
//
// What an answer is worth has three grades. Signed answers can state anything.
// Answers without any signature, which the provider is known to give beside 2xx,
// come over authenticated TLS from the provider's host all the same; they are
// believed where believing costs no money: that an order is not known (the till
// asks again and keeps watching it), that an order will not be made (nobody has
// seen a code), that a charge is too old to be reversed (it is refunded). Answers
// whose signature is wrong are believed nothing.
//
// It speaks HTTP/1.1 through a bare transport. An http.Client would follow
// redirects with a signed payment in hand; HTTP/2 replays requests by itself; a
// replayable body invites net/http to send it twice. The second domain of the
// provider is used only if the first never got a connection.
//
// Rejected: the official SDK (it needs the network to start, treats 202 as an
// error, has no reversal and no v2 at all), retrying here (the sale knows
// when), and trusting the machine's clock (a till without a battery clock wakes
// up in the past and signs nothing that is accepted).
package wechat

// Package explain reads why the payment AI API said no.
//
// The API has no codes for what its models object to: HTTP 200 carries a text in
// English or Chinese, and three kinds of text ask for opposite things. The
// payer's trouble is told to the payer, a policy goes to the manager, and what a
// model made up is told to nobody but asked of another model. Telling a payer
// "your balance is too low" because a model imagined it is the error to avoid,
// so the reader is built to say Unknown.
//
// The strongest sign of an invention is a citation: an amount, currency, rate,
// percentage, rule or item that the request did not hold. That check comes before
// all words, and no wording can outvote it. What the API says about its own
// scores, thresholds and limits is its to say and is only checked for sense (0.12
// does not exceed 0.85). A text that claims success or gives orders contradicts
// the error that it came in and counts as an invention too: there is no cause
// that means paid, so nothing written here can settle a sale.
//
// After that a small table of weighted phrases votes. A denied phrase does not
// count; a doubtful text, a condition, a close vote, or a policy that is not said to
// have done anything is Unknown. Sure takes more: every word has to be known,
// because one strange word ("for the flight ticket") may be the invention that no
// check can see.
//
// What to expect: on wording like that which the table was written for it is right
// nineteen times of twenty; on wording made to be unlike it every second time, and
// then it says Unknown. It is the floor under a monitoring model, which knows more
// and may be wrong in more ways, and not a replacement for one. What such a model
// may change is Finding.Heed: never a sure finding, and never to "paid".
//
// Explanations may quote names, numbers and codes of people. Words is the only
// form in which one may leave for a model: words of a closed list, without a
// digit, in order.
//
// Rejected: regular expressions (a scan by hand is bounded by its look, and the
// table stays readable), a trained model (a table of phrases can be argued with line
// by line, a matrix of weights cannot), English and Chinese number words (a text
// that spells its figures out is Unknown, since they cannot be checked), and counting words alone (it cannot tell
// "not insufficient" from "insufficient").
package explain

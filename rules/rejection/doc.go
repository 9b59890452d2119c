// Package rejection notices when one label's payments are rejected unusually often.
//
// A payment that is refused in good form alarms nobody: the customer pays
// otherwise, the cashier forgets it, and an intent classifier that was configured
// wrongly upstream rejects one sale in twenty of its label for weeks. No single
// answer is wrong; only the count is. The Watch keeps that count. It is told of
// each concluded attempt and answers with the alarms that this one raised or
// cleared. It has no clock, no chance and no I/O, and its state is one JSON value
// of bounded size, so that a restart in the middle of a shift changes no decision.
//
// The test is a Bernoulli CUSUM for each label and classifier (Page 1954; Reynolds
// and Stoumbos 1999): the log likelihood ratio of "rejected at the faulty rate" to
// "rejected at the baseline", summed over sales and never below nought. Its last
// moment at nought is the maximum likelihood estimate of when the fault began, and
// everything an alarm tells (how many of how many, what it cost, which sales) is
// counted from there.
//
// The baseline is the shop's own: the label's history, drawn towards the rate of
// the whole shop, which is drawn towards a prior. A stretch of sales becomes
// history only when the sum is back at nought. So a fault that is being noticed
// cannot teach the baseline that it is normal, and neither can one that was
// noticed: while an alarm stands its baseline is frozen. An alarm is cleared by
// the same test in the other direction, which takes more than a hundred sales
// without a rejection or a longer stretch with few; one good hour does not do it.
//
// For the same reason a shop that rejects far more than the prior from its first
// day on is an alarm of each label, and stays one: a till without context loses
// 12 % of its legitimate payments, and that is not to be got used to. Where much
// is normal, the prior says so.
//
// Attempts of one sale are not independent: a cashier who tries three times after
// a rejection has learnt one thing. The same sale is therefore counted once as
// rejected, or one stubborn customer would raise an alarm alone.
//
// Rejected: a limit on the rate of the last hour (at five sales of a label an hour
// one rejection is 20 %); a fixed window of N sales (forgets the first half of a
// fault while it waits for the second, or is too slow for a large one); a chi
// square test by the shift (looks again and again, so that its false alarms are
// not what its table says); a test for each category and model as well (divides
// the evidence by their number: they are told as parts of an alarm instead).
package rejection

// Package day adds up what a shop took and gave back in a day.
//
// An X report is a look at the day so far, a Z report closes it. A day is closed
// only while the money equation holds, which is asked three times over:
//
//   - order by order, what the sales say was moved is what the journal posted;
//   - currency by currency, the balance that the last day ended with and the
//     journal's postings make the balance that this one ends with;
//   - nothing is in doubt, every drawer is counted, and no difference to the
//     provider's bill is without an answer.
//
// Where it does not hold, Z gives no report but the list of what is missing, with
// the amount of each and what to do about it. It gives one or the other and never
// both: a report that closes with a remark is a report that closes. That sums agree
// is not enough, since two errors that cancel each other are two errors.
//
// A drawer that was counted closes the day however much is over or short: the count
// is the truth about it. Refunds that are promised and not yet with the payer do not
// hold the day up either; where that money is, is known, and the report says how
// much of the balance is owed.
//
// What a sale did in a day is the difference between what it was when the day began
// and what it is now, so that a refund counts on the day on which it arrived and the
// payment on its own.
//
// Rejected: summing the journal alone (a report that is computed from the postings
// always agrees with them), and running totals that are kept beside the sales.
package day

// Package bill reads a provider's bill of a day and holds it against the shop.
//
// The bill is the only list of what the provider took and gave back that does not
// come out of the till's own questions, so it finds what no question was asked
// about: a payment that nobody here knows, and one that only this till believes in.
//
// Reader: the file is downloaded without a signature, and is worth what its digest
// is worth. Read therefore refuses a file whose SHA-1 is not the one that the
// provider signed, and one whose own summary does not agree with its rows in count
// and sums: half a bill reads like a day with missing sales. Columns are found by
// their names, since the layout has changed before; amounts are decimals in text and
// never a float; rows are handed on one by one and hold nobody's account, telephone
// or basket. What was handed on counts only once Read has returned without an error.
//
// Comparison: the shop's entries are held in memory, the bill streams past them.
// Memory is bounded by what one shop sells in a day and not by the file. The bill's
// day is Beijing's and the time in it is the provider's; the till knows only between
// which two moments of its own clock a payment happened. An entry that may stand in
// a neighbouring day's bill and is missing in this one is pending and not a
// difference, or every midnight would have its false alarm.
//
// A difference moves no money. It names the question to ask next, and the answer
// under the provider's signature does the rest.
//
// Rejected: encoding/csv (fields begin with a back quote, are not quoted, and a
// product's name has commas), sorting both sides on disk (a day fits), and settling
// by the bill itself (the status of a refund in it is that of the hour in which it
// was asked for).
package bill

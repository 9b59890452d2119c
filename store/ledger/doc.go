// Package ledger is the hash-chained journal and the double entries beside it.
//
// The journal holds every recorded fact in the order it became true. Each line
// is chained to the one before it, back to the file's own identity, and names
// the digest of the sale it left behind: whoever edits a line, or a sale, has to
// rewrite every later line and the head, and the head is what a till prints and
// ships. Each line keeps its own link, so that a check names the first line that
// is wrong and not only the file.
//
// Postings are derived from the same fact in the same transaction and sum to
// zero, line by line, hence for every sale and currency too.
//
// Everything works inside the caller's transaction. Rejected: a journal file of
// its own (two files are two truths after a power cut), and balances kept beside
// the postings (a total is a sum, and a stored one can be wrong).
package ledger

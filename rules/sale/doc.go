// Package sale is what a sale is, which steps it may take, and nothing else.
//
// Everything here is pure: no I/O, no clock, no log. A Sale is a value built by
// applying recorded facts (Event) to it; Apply says what a fact does, Next says
// what is owed to the world now. The loop that does the steps lives elsewhere
// and knows nothing: after a click, a scan, a retry and a power cut it asks
// Next again, so recovery has no code of its own.
//
// Two rules carry the money:
//
//   - Whatever changes something at the provider is recorded as an intent, with
//     the very bytes, before the first byte leaves. An intent without an outcome
//     makes Next answer Query, never Charge again.
//   - Only a verified answer ends an attempt as paid. Everything else is unclear
//     and is asked about until the provider itself says how it ended. Where the
//     till has to conclude without such a word (an order the provider never
//     heard of), it keeps asking for a week and gives late money back by itself.
//
// A third holds where the record is short: a sale that came out of a backup is told
// so, makes no further attempt, and asks the provider under the numbers that the lost
// part must have used (restore.go). That is why numbers follow from the record.
//
// Rejected: a state machine with actions in its states (the persisted state and
// the running one drift apart at the first failed write), and deciding "failed"
// from an HTTP status: customers have been charged by an answer of 400.
package sale

//go:generate go run ./diagram

// Package world runs two tills against a provider in simulated time and compares the books.
//
// Its tests put the real desk over the real store, on a real file, into a bubble
// of virtual time, and around them everything that a till meets: a provider,
// payers, cashiers, a judge, a network that loses, delays and repeats, clocks
// that are set, machines that boot, and power that goes before a commit, behind
// it, before a send and while an answer is on its way. Then the network heals, and
// when nothing is owed any more the provider's truth has to be the ledger's, order
// by order. Everything follows from one seed; each chance is drawn from the
// seed and the name of what it is about, and not from one sequence, so that
// it does not depend on which goroutine comes first.
//
// What leaves a till is held against what was said at its counter: the price that was
// projected and agreed to while it held, the manager's word, the check that was passed
// once and for one attempt, the other way that was offered. These notes are the
// world's own; nothing in them was told by a till. So is the bank's statement, by which
// alone a sale that was made without the provider becomes money.
//
// One till in four loses its disk and is put back from a copy; people take sales over
// and set refunds aside.
//
// The provider is on the level of calls: it reads the bytes that the till fixed and
// answers a code, and the adapter beside it turns codes into facts. Rejected: the
// real client over an in-memory transport, because signing costs 3 ms on
// each side of a call (BenchmarkCharge) and there are about fourteen calls a sale: two
// hours of a processor for 100,000 sales, where this takes minutes. The client has
// replays of its own. Rejected too: tearing the file here, which powercut does write by write;
// this room loses whole commits and everything that was in memory.
//
// A simulation that finds nothing proves nothing: a table of planted bugs runs in
// the same world, and each of them has to be noticed.
package world

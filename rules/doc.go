// Package rules decides what a sale must go through before money moves.
//
// A Set is read from one file, once, and is then a pure function: the same facts
// (Case) give the same Verdict, bit for bit, on every machine. There is no clock,
// no chance and no state in it; who calls brings the time, the random draw and
// the counters as facts. Rules have no order. Each that fires adds what it asks
// for, and the strictest of that is the answer, so a file can be sorted, merged
// and shortened without reading it as a program.
//
// A condition is an expression in the notation of Go. It is checked when the file
// is read, to the point that evaluating it cannot fail: names, units, currencies
// and spelling are known to be right, depth and size are bounded, there are no
// loops. What only the moment can show (a fact that nobody could supply, a
// division by a counter that is zero, an overflow) makes the condition broken,
// and a rule with a broken condition counts as fired: not knowing how much is
// owed offline is no reason to owe more. Amounts of different currencies do not
// compare at all: such a comparison does not apply, neither it nor its negation
// is true, and a rule about yuan leaves a sale in dollars alone.
//
// A model's answer comes in through Verdict.Permit and nowhere else. It may add
// to what the rules ask for. It may take away only what a rule offers, and nothing
// that a hard rule said. There is no effect that settles a sale.
//
// Rejected: an expression library (the smallest that checks types adds 2.5 MB to
// an armv7 binary, takes four times as long, and does not know that yuan are not
// seconds; see peers); the standard library's go/parser (measured: 262 kB of a
// linked arm64 daemon, since its one entry point reaches the parser of the whole
// language; what is needed of the notation is 250 lines); compiled closures (a
// call through a function value lets the facts of a case escape to the heap, and
// walking the tree judges thirty rules in half a microsecond); scores that add up
// to a threshold (nobody at a till can say why a sale was refused).
package rules

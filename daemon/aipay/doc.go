// Package aipay speaks the payment AI API: context, projections, liveness, errors inside 200.
//
// A payment that goes out without its context is judged by aggressive thresholds
// and one legitimate payer in eight is turned away; so a [Request] can be made of
// a [Context] only, and a [Context] of complete facts only. An answer of this API
// is one of a conversation, not a yes or a no: each is read as exactly one of a
// payment, an error of a model and a challenge. Whatever is none of them or more
// than one is an error of the reader here, and means "unknown": never paid, never
// refused. The state of money comes from the signed query, as with every payment.
//
// What leaves the till describes how the sale was rung up (what was touched, in
// which order, how fast, how large by powers of ten, articles by the categories of
// the shop's own list) and nobody who was there.
// What comes in of a payer's face stays in a [Vector], which can be compared and
// cannot be read, and of which a keyed digest is the only trace.
//
// A model elsewhere may embed a session in the till's place: all of it or nothing,
// in numbers that are rounded here, so that whoever has the wire finds the hash.
//
// Nothing in the pure parts has a clock or a network: the same facts make the
// same bytes, which are on disk before the first of them is sent.
//
// Rejected: a learnt embedder (megabytes, and other numbers on each processor);
// random identifiers alone as idempotency keys (a replay of the API takes them
// for new payments); encoding/json into structs for answers (it matches names in
// any case, lets the last of two equal names win and keeps copies of what it read).
package aipay

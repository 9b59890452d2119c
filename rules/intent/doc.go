// Package intent says what a sale is for, by the merchant's own list.
//
// The payment API judges a payment more kindly when it is told what the payer is
// doing, and only the shop knows: what lies in the basket, how much it costs, at
// what hour and who shows the code. A Classifier is read from one file and is
// then a pure function. Intents are tried in the order of the file and the first
// that matches is the answer, because a shop can say which of two is the more
// worrying and nobody can say what two halves of a match add up to. Confidence is
// what the merchant wrote: it is not computed, so it cannot drift.
//
// A label that the API does not expect gets sales refused without a word, and a
// misspelt key would do so for weeks. A file is therefore read strictly: all of
// it or nothing, with every fault at its place. Each verdict carries the name and
// version of the file that gave it, so that a bad version can be found in the
// records afterwards.
//
// Rejected: a trained classifier (the same sale must get the same label when it
// is asked again, and the merchant must be able to say why); the condition
// language of rules (four conditions joined by "and" cannot be got wrong by who
// fills in a form).
package intent

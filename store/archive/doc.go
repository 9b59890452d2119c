// Package archive is the form in which what ended long ago lies beside the store.
//
// A file of this form is written once, from one end to the other, and never again
// changed: sections of sealed records in the order of their keys, packed in blocks,
// and behind them an index of the blocks. A record is found with three reads. The
// writer gives the SHA-256 of the file, and whoever keeps that knows the file for good.
//
// Why not the store's own bbolt once more: its pages are mapped, so a card that fails
// in a year-old archive would end the process that sells today, with a signal that
// nobody can catch. Here every read is a call that can say no. And what is never
// changed can be packed: a sale of 4.4 KB takes a fifth of that, so that a year of a
// million sales is hundreds of megabytes and not gigabytes.
//
// A filter says of a key that it is in no archive, or may be in one, without a look
// at any file: a new sale must not cost a search through a year.
package archive

// Package emvqr makes and reads payment codes that need no network to be made.
//
// A code that a till makes by itself asks a payer's bank to pay somebody, and
// nothing tells the till that it happened: what is sold on one is unconfirmed
// until a person or a statement says otherwise. So the package gives with each
// scheme how a payment on it can be found again: by a reference that the code
// carries, or by amount and time alone.
//
// Most schemes are templates of one format, EMVCo's QR Code Specification for
// Payment Systems, Merchant-Presented Mode: objects of an id of two digits, a
// length of two digits and a value, in which a length counts characters, and a
// checksum over bytes. The reader is strict, since what it lets through is printed
// on a shop's counter: an object that ends elsewhere than its length says, a
// checksum that does not fit or a second object of the same id are errors.
//
// Rejected: the libraries that there are (no licence, or lengths in bytes, which
// breaks the first Chinese name), and amounts as floating-point numbers.
package emvqr

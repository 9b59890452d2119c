// Package document reads a TOML file, every key and value with its place.
//
// A merchant's files are read strictly: all of a file or nothing, with every
// fault at its line and column, because a misspelt key would otherwise say
// nothing for weeks. The decoder of the TOML library stops at the first fault and
// forgets where the rest was; its parser does not. What the tables of a file are
// called and what may stand in them is known to who reads it, and so are the
// faults of that: they are collected here, and Err puts all of them in the order
// of the file.
//
// Rejected: decoding into a struct (it loses the places); a schema handed in (the
// rules of two files would need a language of their own); a walker for each kind
// of file (there were two, and one put a fault of an empty list into line 1).
package document

// Package salvage writes the latest lines of the journal a second time.
//
// They are for the day on which the store's own file cannot be read.
//
// It is a ring of 512-byte sectors in one file of a fixed size, written through at its
// making, so that nothing about it but data changes afterwards: no growth, no names, no
// free list that a power cut could tear. A frame begins at a sector and says at the
// how-manieth sector since the ring began; where that and the place do not agree, or
// the checksum does not, there is no frame. So a torn frame is one that is not there,
// and a sector that was overwritten takes the frame before it with it, and no other.
//
// A frame holds a line of the journal byte for byte, with its link, and what the line
// itself does not say and a sale cannot be built again without. Nothing in it has to be
// believed: the chain proves the line, and the line the sale.
//
// Rejected: a copy of the store's file (it has the faults of the program that writes
// both), segments with an index (what is scanned at a start in ten milliseconds needs
// none), and preallocated blocks without zeros in them (the first write to each would
// change the file system's own records, and cost a flush of its journal).
package salvage

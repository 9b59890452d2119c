// Package powercut pulls the plug of a till at every write, and looks.
//
// Its tests put a file system of their own under the store, let a process of its own
// sell there, and write down every write, every name, every flush of a file or of the
// directory, every word that the store gave and every request that left. Older sales
// leave for archives meanwhile. From that log they make the states that a power cut can
// leave: everything that was flushed, and of what was not any part, in any order, torn
// at any sector, and the names of files as far as the directory had come. Each of them
// has to pass the check, to hold every sale as it was acknowledged, in the file or in
// an archive, and to lead to one charge when the till goes on; callers' keys and
// payers' codes stay used, wherever their sales are.
//
// The same disk has no room at any of the writes, for one of them, until the till gives
// its ballast back, or until a person makes some: what was refused is not on record, all
// else is, and the sale goes on from there.
//
// The process is another one because bbolt maps its file: a page fault that only
// this process could answer would stop the collector of both.
//
// The same is done under a real ext4 on a loop device, where what is cut are the
// file system's own writes: as root only, and said where it cannot be.
//
// Rejected: copies of the file between commits (they know nothing of order), hooks
// in the store (they see what the store means to write, not what it writes), and
// the real file system as the only witness: it is slower by far.
package powercut

// Package store remembers every sale in one file and is the only opener of it.
//
// A Commit is one transaction: the sale is loaded, the fact applied, and the
// sale, its journal line, its postings, its due time and the till's clock are
// written together. What Commit has returned is on disk; what it has refused
// left no trace. No copy of a sale outlives its transaction as anything but a
// value to look at.
//
// Four things are as they are because of how storage fails:
//
//   - A commit that fails is in doubt: the header may or may not be on disk, the
//     page cache may say otherwise, and going on has corrupted files in tests
//     (after an error of the second fdatasync; Linux marks the lost pages clean).
//     So the process ends with code 70 and the next one, which drops the file
//     from the page cache first, finds out. Only "no space" is handled here: it
//     is met before the header is written, and that is verified.
//   - A file is made under another name, synced and renamed. A power cut while
//     bbolt writes its first pages leaves nothing that looks like a store.
//   - Values carry their own checksum: bbolt has none beside its headers.
//   - Room is kept back so that what was begun can be ended: new sales are refused
//     while refunds and outcomes still fit, in the file's budget and, by a
//     ballast of real blocks, on the disk.
//
// Writers meet in one goroutine that takes what is waiting and commits it
// together. It never waits for company: bbolt's own Batch does, and makes a lone
// sale ten milliseconds slower.
//
// The free list is written with each commit. Not doing so would save one page of
// the five to twelve that a commit writes (16.7 KB instead of 20.8 where least is
// written), and cost a scan of the whole file at each start; sales that leave for an
// archive are deleted as slowly as others are made, so the list stays within that page. Rejected too: bbolt's NoSync and NoGrowSync (half of all
// power cuts lost acknowledged sales), and page sizes other than 4 KiB (the
// machine's own, up to 64 KiB, is what each of a commit's pages would cost).
package store

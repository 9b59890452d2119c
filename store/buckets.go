package store

import (
	"crypto/sha256"
	"encoding/binary"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
)

// The buckets of a file, beside those of ledger and queue. Every value is
// sealed by package record. Keys are big-endian, so that they sort by number.
//
//	path: meta
//	maps: "schema"   -> product name and version of the layout
//	      "identity" -> a random number that names this file for good
//	      "clock"    -> the till's own time at the last commit
//	      "kept/..."  -> what a part of the till remembers for itself
//	      "device"   -> the machine that the file belongs to, and those before it
//	      "restored" -> the times that it was put back from a backup
//
//	path: sale
//	maps: sale ID -> the sale in JSON
//
//	path: begun
//	maps: begun u64 -> sale ID: sales in the order they began, since IDs of two
//	      days or two clocks do not sort; the bucket's sequence numbers the IDs
//
//	path: once
//	maps: SHA-256 of a caller's key -> digest of the request, sale ID or case
//
//	path: code
//	maps: digest of a payer's code -> the order it was spent on
//
//	path: tally
//	maps: what u8, whose 8 bytes, currency 3 bytes, minute u32 -> count and sum
//
//	path: audit
//	maps: epoch u32, what u8, .. -> what is kept of liveness checks, for a time
//
//	path: case
//	maps: what u8, number u64 or digest of a subject -> cases for the owner
//
//	path: offline
//	maps: what u8, number, amount or digest -> sales without the provider, receipts
//
//	path: day
//	maps: what u8, number u64 or date -> days that were closed, drawers, bills
//
//	path: archive
//	maps: "c", number u64 -> what an archive holds and which file it is
//	      "f", number u64 -> the filter of its keys
var (
	metaBucket    = []byte("meta")
	saleBucket    = []byte("sale")
	begunBucket   = []byte("begun")
	onceBucket    = []byte("once")
	codeBucket    = []byte("code")
	tallyBucket   = []byte("tally")
	auditBucket   = []byte("audit")
	caseBucket    = []byte("case")
	offlineBucket = []byte("offline")
	dayBucket     = []byte("day")

	archiveBucket = []byte("archive")

	schemaKey   = []byte("schema")
	identityKey = []byte("identity")
	clockKey    = []byte("clock")
	deviceKey   = []byte("device")
)

// drive is the topic of the job that a sale is while it owes the world a step.
const drive = "drive"

// schema is who wrote a file and for which layout.
type schema struct {
	Product string `json:"product"`
	Version int    `json:"version"`
}

// identity tells a file from every other, also from its own copies' successors.
type identity struct {
	ID string `json:"id"`
}

// spent is what a caller's key was used for.
type spent struct {
	Print  string  `json:"print"`
	Sale   sale.ID `json:"sale,omitempty"`
	Case   uint64  `json:"case,omitempty"`
	Drawer uint64  `json:"drawer,omitempty"` // a line about one
	Day    int     `json:"day,omitempty"`    // that was closed
}

// spentCode is the order that a payer's code went to.
type spentCode struct {
	Sale    sale.ID `json:"sale"`
	OrderNo string  `json:"order_no"`
}

func begunKey(at sale.Instant) []byte { return binary.BigEndian.AppendUint64(nil, uint64(at)) }

// onceKey has one length for whatever callers send.
func onceKey(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}

func makeBuckets(tx *bbolt.Tx, names ...[]byte) error {
	for _, name := range names {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	return nil
}

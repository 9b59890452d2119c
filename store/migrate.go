package store

import (
	"crypto/rand"
	"encoding/hex"

	"go.etcd.io/bbolt"

	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

const product = "qrposd"

// migrations lead from an empty file to today's layout; a file's version is how
// many it has been through. They are never edited, only appended to.
var migrations = []func(*bbolt.Tx) error{
	layOut,
	tallyTraffic,
	makeAudits,
	makeCases,
	makeDays,
	makeOffline,
	makeArchives,
}

// tallyTraffic makes room for counting the traffic. What was sold before is not
// counted: for a day the rules see a quieter shop.
func tallyTraffic(tx *bbolt.Tx) error { return makeBuckets(tx, tallyBucket) }

// layOut makes the buckets and the identity of a new file.
func layOut(tx *bbolt.Tx) error {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return err
	}
	return layOutNamed(tx, id)
}

func layOutNamed(tx *bbolt.Tx, id []byte) error {
	if err := makeBuckets(tx, metaBucket, saleBucket, begunBucket, onceBucket, codeBucket); err != nil {
		return err
	}
	if err := putMeta(tx, identityKey, identity{hex.EncodeToString(id)}); err != nil {
		return err
	}
	if err := queue.Create(tx); err != nil {
		return err
	}
	return ledger.Create(tx, id)
}

// migrate leads a file to today's layout, in one transaction or not at all.
func migrate(tx *bbolt.Tx, from int) error {
	for _, step := range migrations[from:] {
		if err := step(tx); err != nil {
			return err
		}
	}
	return putMeta(tx, schemaKey, schema{product, len(migrations)})
}

// readSchema is the layout of a file, or why it is none of ours.
func readSchema(tx *bbolt.Tx) (int, error) {
	meta := tx.Bucket(metaBucket)
	if meta == nil {
		return 0, ErrForeign.becausef("it is a bbolt file of another program")
	}
	value := meta.Get(schemaKey)
	if value == nil {
		return 0, ErrForeign.becausef("it is a bbolt file that names no schema")
	}
	var s schema
	if err := record.Unmarshal(schemaKey, value, &s); err != nil {
		return 0, ErrCorrupt.becausef("meta/schema: %w", err)
	}
	switch {
	case s.Product != product:
		return 0, ErrForeign.becausef("it belongs to %.32q", s.Product)
	case s.Version > len(migrations):
		return 0, ErrNewer.becausef("it has layout %d, this program knows up to %d", s.Version, len(migrations))
	case s.Version < 1:
		return 0, ErrCorrupt.becausef("meta/schema: layout %d does not exist", s.Version)
	}
	return s.Version, nil
}

func putMeta(tx *bbolt.Tx, key []byte, v any) error {
	value, err := record.Marshal(key, v)
	if err != nil {
		return err
	}
	return tx.Bucket(metaBucket).Put(key, value)
}

// getMeta reads a value of the meta bucket; one that is not there leaves v.
func getMeta(tx *bbolt.Tx, key []byte, v any) error {
	value := tx.Bucket(metaBucket).Get(key)
	if value == nil {
		return nil
	}
	if err := record.Unmarshal(key, value, v); err != nil {
		return ErrCorrupt.becausef("meta/%s: %w", key, err)
	}
	return nil
}

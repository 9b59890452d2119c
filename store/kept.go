package store

import (
	"context"
	"encoding/json"

	"go.etcd.io/bbolt"
)

// Keep puts a part's own memory beside the sales, under its name, in place of what
// was there: what it learnt over weeks survives a restart. It is no record of
// anything that is owed, and no line of the journal; without room for new sales
// there is none for it.
func (db *DB) Keep(ctx context.Context, name string, memory json.Marshaler) error {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		if !db.budget.admits(tx) {
			return nil, ErrFull
		}
		return func() error { return putMeta(tx, keptKey(name), memory) }, nil
	}
	return db.write(ctx, &request{op: "keep", spare: true, plan: plan})
}

// Kept reads a part's memory into where it belongs; nothing kept leaves it as it is.
func (db *DB) Kept(name string, memory json.Unmarshaler) error {
	return db.view(func(tx *bbolt.Tx) error { return getMeta(tx, keptKey(name), memory) })
}

func keptKey(name string) []byte { return []byte("kept/" + name) }

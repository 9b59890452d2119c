package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// What is kept of liveness checks lies under the number of its epoch, so that an
// epoch goes as one: its key, the digests made under it, and the prints by which a
// vector that is told twice is known. No journal, no sale and no chain has any of
// it, or it could never be thrown away.
const (
	auditKey    = 'k' // epoch u32, 'k' -> the epoch's key
	auditDigest = 'd' // epoch u32, 'd', sale ID, 0, try u8 -> digest
	auditPrint  = 'p' // epoch u32, 'p', print 32 bytes -> nothing
	auditPurge  = 'x' // 0 u32, 'x', number u64 -> what was thrown away
	auditFill   = 'z' // 0 u32, 'z', number u32 -> zeros, for a moment
)

// Epoch is a key that digests of liveness checks are made under.
type Epoch struct {
	ID  uint32
	Key []byte // 32 random bytes
}

type epochRecord struct {
	Key   []byte    `json:"key"`
	Since time.Time `json:"since"`
}

type auditRecord struct {
	Digest  string    `json:"digest"`
	Session string    `json:"session"`
	Wall    time.Time `json:"wall"`
}

// Purge is the record of a deletion: how many digests and prints were thrown away,
// of which epochs, when and by which policy.
type Purge struct {
	At      time.Time `json:"at"`
	Policy  string    `json:"policy"`
	Epochs  []uint32  `json:"epochs"`
	Digests int       `json:"digests"`
	Prints  int       `json:"prints"`
}

func auditAt(epoch uint32, what byte, rest ...byte) []byte {
	return append(append(binary.BigEndian.AppendUint32(nil, epoch), what), rest...)
}

func digestAt(epoch uint32, id sale.ID, try int) []byte {
	return append(auditAt(epoch, auditDigest, []byte(id)...), 0, byte(try))
}

// makeAudits makes room for what is kept of liveness checks.
func makeAudits(tx *bbolt.Tx) error { return makeBuckets(tx, auditBucket) }

// Epoch is the key to make a digest under now. After rotate there is a new one, and
// where the clock stands before the last one began too: it may stand there for long.
func (db *DB) Epoch(ctx context.Context, rotate time.Duration) (e Epoch, err error) {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		wall := db.clock.wall()
		last, since, err := lastEpoch(tx)
		if e = last; err != nil || e.Key != nil && !wall.Before(since) && wall.Sub(since) < rotate {
			return nil, err
		}
		e = Epoch{last.ID + 1, make([]byte, 32)}
		if _, err := rand.Read(e.Key); err != nil {
			return nil, err
		}
		return func() error {
			return putRecord(tx.Bucket(auditBucket), auditAt(e.ID, auditKey), epochRecord{e.Key, wall})
		}, nil
	}
	err = db.write(ctx, &request{op: "epoch", plan: plan})
	return e, err
}

// Epochs are the keys that are kept, oldest first.
func (db *DB) Epochs() (list []Epoch, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		return eachEpoch(tx, func(id uint32, e epochRecord) error {
			list = append(list, Epoch{id, e.Key})
			return nil
		})
	})
	return list, err
}

// Told says whether the vector with this print was told in a check before.
func (db *DB) Told(epoch uint32, print string) (told bool, err error) {
	raw, err := hex.DecodeString(print)
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	err = db.view(func(tx *bbolt.Tx) error {
		told = tx.Bucket(auditBucket).Get(auditAt(epoch, auditPrint, raw...)) != nil
		return nil
	})
	return told, err
}

// Audit is the digest of the check that a sale has passed, empty where there is none
// or none any more.
func (db *DB) Audit(id sale.ID, session string) (digest string, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		return eachEpoch(tx, func(epoch uint32, _ epochRecord) error {
			prefix := append(auditAt(epoch, auditDigest, []byte(id)...), 0)
			c := tx.Bucket(auditBucket).Cursor()
			for k, value := c.Seek(prefix); len(k) == len(prefix)+1 && string(k[:len(prefix)]) == string(prefix); k, value = c.Next() {
				var a auditRecord
				if err := record.Unmarshal(k, value, &a); err != nil {
					return ErrCorrupt.becausef("audit/%x: %w", k, err)
				}
				if a.Session == session {
					digest = a.Digest
				}
			}
			return nil
		})
	})
	return digest, err
}

// putAudit writes what is kept of a check, in the transaction of the fact that it
// ended. Nothing of it is in that fact's line.
func putAudit(tx *bbolt.Tx, before sale.Sale, ev sale.Event) error {
	if ev.Audit == nil {
		return nil
	}
	b := tx.Bucket(auditBucket)
	if b.Get(auditAt(ev.Audit.Epoch, auditKey)) == nil {
		return errors.New("store: the epoch of a check is gone; it has to be checked again")
	}
	print, err := hex.DecodeString(ev.Audit.Print)
	if err != nil || len(print) != 32 {
		return errors.New("store: the print of a check is no 32 bytes")
	}
	k := auditAt(ev.Audit.Epoch, auditPrint, print...)
	if err := b.Put(k, record.Seal(k, nil)); err != nil || ev.Kind != sale.LivenessPassed {
		return err
	}
	return putRecord(b, digestAt(ev.Audit.Epoch, before.ID, before.Liveness.Failed), auditRecord{ev.Audit.Digest, before.Liveness.Session, ev.Wall})
}

func lastEpoch(tx *bbolt.Tx) (e Epoch, since time.Time, err error) {
	e.ID, err = lastPurged(tx)
	if err != nil {
		return e, since, err
	}
	err = eachEpoch(tx, func(id uint32, r epochRecord) error {
		e, since = Epoch{id, r.Key}, r.Since
		return nil
	})
	return e, since, err
}

// eachEpoch visits the epochs that are kept, oldest first.
func eachEpoch(tx *bbolt.Tx, visit func(id uint32, e epochRecord) error) error {
	c := tx.Bucket(auditBucket).Cursor()
	for k, _ := c.Seek(auditAt(1, 0)); k != nil; k, _ = c.Seek(auditAt(binary.BigEndian.Uint32(k)+1, 0)) {
		id := binary.BigEndian.Uint32(k)
		at := auditAt(id, auditKey)
		var e epochRecord
		if err := record.Unmarshal(at, tx.Bucket(auditBucket).Get(at), &e); err != nil {
			return ErrCorrupt.becausef("audit/%x: %w", at, err)
		}
		if err := visit(id, e); err != nil {
			return err
		}
	}
	return nil
}

package store

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/record"
	"qrposd/store/salvage"
)

// Every line of the journal is written a second time, into a ring of its own file,
// after it was committed and before anybody is told. All lines, not only those about
// money: the chain proves a line by the one before it, and a sale is proven by all of
// its lines. After, not before: what was refused, or is in doubt, is in no ring, so
// that what is in the ring was committed, and a store that lacks it has lost it.
//
// Where the power goes between the commit and the ring, nobody was told; the next start
// writes into the ring what it lacks. A ring that fails stops no sale: the store is the
// record, and the till says that the second one is missing.

// secondMost is how many lines a ring that lags is given at a start.
const secondMost = 2000

// second is the ring of an open store.
type second struct {
	ring   *salvage.Journal // nil where there is none
	origin [16]byte
	fault  atomic.Pointer[string]
}

// SecondRecord says how the second record of the journal stands.
type SecondRecord struct {
	On    bool
	Path  string
	Fault string // why nothing is written to it, where that is so
}

// Second is how the second record of the journal stands.
func (db *DB) Second() SecondRecord {
	r := SecondRecord{On: db.opts.Salvage != "", Path: db.opts.Salvage}
	if why := db.second.fault.Load(); why != nil {
		r.Fault = *why
	}
	return r
}

// openSecond opens the ring and writes into it what it lacks. Only a store that lacks
// what the ring has is an error; a ring that cannot be used is a fault that is told.
func (db *DB) openSecond() error {
	if db.opts.Salvage == "" {
		return nil
	}
	var id identity
	err := db.bolt.View(func(tx *bbolt.Tx) error { return getMeta(tx, identityKey, &id) })
	if err != nil {
		return err
	}
	if _, err := hex.Decode(db.second.origin[:], []byte(id.ID)); err != nil {
		return ErrCorrupt.becausef("meta/identity: %w", err)
	}
	ring, err := salvage.Open(db.opts.Salvage, db.opts.SalvageSize)
	if err != nil {
		db.second.stop(db, err)
		return nil
	}
	db.second.ring = ring
	last := ring.Last()
	if last.Seq > 0 && last.Origin != db.second.origin {
		return db.newRing(fmt.Sprintf("%x", last.Origin[:4]))
	}
	var tip ledger.Head
	same := last.Seq == 0
	err = db.bolt.View(func(tx *bbolt.Tx) (err error) {
		if tip, err = ledger.Tip(tx); err != nil || last.Seq > tip.Seq || same {
			return err
		}
		link, err := ledger.LinkAt(tx, last.Seq)
		same = err == nil && link == last.Link
		return nil
	})
	switch {
	case err != nil:
		return err
	case last.Seq > tip.Seq:
		return ErrBehind.becausef("it ends at line %d, the second record of the journal at line %d", tip.Seq, last.Seq)
	case !same: // somebody put another copy of the store here
		return db.newRing("other")
	}
	db.catchUp(last.Seq, tip.Seq)
	return nil
}

// newRing sets a ring of another store aside: it may be the last witness of that one.
func (db *DB) newRing(whose string) error {
	err := db.second.ring.Close()
	db.second.ring = nil
	if err == nil {
		err = os.Rename(db.opts.Salvage, db.opts.Salvage+".of-"+whose)
	}
	if err != nil {
		db.second.stop(db, err)
		return nil
	}
	db.opts.Log.Warn("the second record of the journal was of another store and is set aside", "path", db.opts.Salvage+".of-"+whose)
	return db.openSecond()
}

// catchUp writes the lines that the ring lacks, as far as the file has them: older ones
// are in an archive.
func (db *DB) catchUp(from, to uint64) {
	from = max(from, db.base())
	if to > from+secondMost {
		from = to - secondMost
	}
	var keys map[sale.ID][][]byte
	for from < to && db.second.fault.Load() == nil {
		some := min(to, from+maxBatch)
		var frames []salvage.Frame
		err := db.bolt.View(func(tx *bbolt.Tx) (err error) {
			if frames, err = db.second.frames(tx, from, some); err == nil && keys == nil {
				keys, err = keysBySale(tx)
			}
			return err
		})
		for i := range frames {
			var line ledger.Line
			if json.Unmarshal(frames[i].Body, &line) != nil || len(keys[line.Sale]) == 0 {
				continue
			}
			frames[i].Once, keys[line.Sale] = keys[line.Sale][0], keys[line.Sale][1:]
		}
		if from = some; err != nil {
			db.second.stop(db, err)
			return
		}
		db.second.keep(db, frames)
	}
}

// keysBySale are the callers' keys with what they were used for. Which line one came
// with is not on record, and does not matter: it is one of its sale's.
func keysBySale(tx *bbolt.Tx) (map[sale.ID][][]byte, error) {
	keys := make(map[sale.ID][][]byte)
	return keys, tx.Bucket(onceBucket).ForEach(func(k, v []byte) error {
		var was spent
		if err := record.Unmarshal(k, v, &was); err != nil || was.Sale == "" {
			return err
		}
		keys[was.Sale] = append(keys[was.Sale], slices.Concat(k, v))
		return nil
	})
}

// base is the last line that the file has forgotten.
func (db *DB) base() (seq uint64) {
	_ = db.bolt.View(func(tx *bbolt.Tx) error {
		base, err := ledger.Base(tx)
		seq = base.Seq
		return err
	}) // what cannot be read is met by whoever reads the lines
	return seq
}

// frames are the lines behind from, as the transaction sees them.
func (r *second) frames(tx *bbolt.Tx, from, to uint64) (list []salvage.Frame, err error) {
	for seq := from + 1; seq <= to; seq++ {
		link, body, err := ledger.Bytes(tx, seq)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", seq, err)
		}
		f := salvage.Frame{Origin: r.origin, Seq: seq, Link: link, Body: body}
		if f.Birth, err = birth(tx, body); err != nil {
			return nil, fmt.Errorf("line %d: %w", seq, err)
		}
		list = append(list, f)
	}
	return list, nil
}

// birth is the sale of the line that begins it. Most lines begin none, and are not
// taken apart for it.
func birth(tx *bbolt.Tx, body []byte) ([]byte, error) {
	if !bytes.Contains(body, []byte(`"kind":"`+string(sale.Begun)+`"`)) {
		return nil, nil
	}
	var line ledger.Line
	if err := json.Unmarshal(body, &line); err != nil || line.Event.Kind != sale.Begun {
		return nil, err
	}
	key := []byte(line.Sale)
	value := tx.Bucket(saleBucket).Get(key)
	if value == nil { // it has left for an archive, which has it
		return nil, nil
	}
	b, err := record.Open(key, value)
	return bytes.Clone(b), err
}

// of are the lines that a batch has added to a transaction, with what the keys of its
// callers were used for.
func (r *second) of(tx *bbolt.Tx, from ledger.Head, batch []*request) ([]salvage.Frame, error) {
	if r.ring == nil || r.fault.Load() != nil {
		return nil, nil
	}
	tip, err := ledger.Tip(tx)
	if err != nil {
		return nil, err
	}
	frames, err := r.frames(tx, from.Seq, tip.Seq)
	if err != nil || len(frames) == 0 {
		return nil, err
	}
	n := 0
	for _, b := range batch {
		if !b.wrote || b.once.Key == "" || n >= len(frames) {
			continue
		}
		key := onceKey(b.once.Key)
		frames[n].Once = append(key, tx.Bucket(onceBucket).Get(key)...)
		n++
	}
	return frames, nil
}

// keep writes frames and waits for the disk.
func (r *second) keep(db *DB, frames []salvage.Frame) {
	if len(frames) == 0 || r.fault.Load() != nil {
		return
	}
	if err := r.ring.Append(frames...); err != nil {
		r.stop(db, err)
	}
}

// stop says once why there is no second record from here on.
func (r *second) stop(db *DB, err error) {
	text := err.Error()
	r.fault.Store(&text)
	db.opts.Log.Error("there is no second record of the journal; selling goes on", "path", db.opts.Salvage, "err", err)
}

func (r *second) close() error {
	if r.ring == nil {
		return nil
	}
	return r.ring.Close()
}

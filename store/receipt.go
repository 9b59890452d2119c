package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/offline"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

// Receipt is a line of a statement as it was handed in, and what became of it. One id
// is one payment for ever: it is taken once, in the transaction that books it.
type Receipt struct {
	offline.Receipt
	Digest string    `json:"digest"` // SHA-256 of it as it was handed in
	Wall   time.Time `json:"wall"`
	offline.Match
}

// The refusals of receipts.
var (
	ErrReceiptNotFound = &Error{Code: "receipt_not_found", Message: "no receipt of this id was handed in", Hint: "hand in the statement, or leave out the id and say in a note what it rests on"}
	ErrReceiptUsed     = &Error{Code: "receipt_used", Message: "this receipt belongs to another sale", Hint: "look at the receipt: one payment is for one sale"}
	ErrReceiptReused   = &Error{Code: "receipt_reused", Message: "a receipt of this id was handed in with other contents", Hint: "compare the two statements; one id is one payment"}
	ErrReceiptForm     = &Error{Code: "receipt_form", Message: "the receipt's time cannot be kept", Hint: "give the time as in 2026-11-28T12:00:00Z"}
)

func receiptAt(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return append([]byte{offlineReceipt}, sum[:]...)
}

// digestOf is over the receipt's own form, which is one whatever wrote it.
func digestOf(r offline.Receipt) string {
	r.At = r.At.UTC().Round(0)
	b, err := json.Marshal(r)
	if err != nil {
		return "" // none of its parts can fail; a year beyond 9999 can, and has no digest and no receipt
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Receive takes a receipt: it is matched, its sale is reconciled or the owner has a
// case, and it is remembered, all at once or not at all. One that was taken before
// gives what became of it, as it is now.
//
// If the power goes before the commit, nothing happened and the statement is handed in
// again; after it, handing it in again changes nothing.
func (db *DB) Receive(ctx context.Context, r offline.Receipt) (got Receipt, replayed bool, err error) {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		was, known, err := loadReceipt(tx, r.ID)
		if err != nil {
			return nil, err
		}
		got, replayed = Receipt{Receipt: r, Digest: digestOf(r)}, known
		if got.Digest == "" {
			return nil, ErrReceiptForm
		}
		if known && was.Digest != got.Digest {
			return nil, ErrReceiptReused
		}
		if known {
			got = was
			return nil, nil
		}
		now := db.clock.stamp()
		ev := sale.Event{Kind: sale.ReceiptFound, At: now.At, Wall: db.clock.wall()}
		got.Wall = ev.Wall
		var before, after sale.Sale
		if got.Match, err = match(tx, r); err == nil && got.Outcome == offline.Matched {
			ev.Receipt = got.found("", "")
			if before, err = db.recall.load(tx, got.Match.Sale); err == nil {
				after, err = before.Apply(ev)
			}
		}
		if err != nil {
			return nil, err
		}
		return func() error {
			if err := putRecord(tx.Bucket(offlineBucket), receiptAt(r.ID), got); err != nil {
				return err
			}
			if got.Outcome != offline.Matched {
				return openReceiptCase(tx, got, ev)
			}
			return db.put(tx, before, after, ev, now, sale.Once{})
		}, nil
	}
	err = db.write(ctx, &request{op: string(sale.ReceiptFound), plan: plan})
	return got, replayed, err
}

// found is the receipt as its sale keeps it.
func (r Receipt) found(by, note string) *sale.Receipt {
	return &sale.Receipt{
		ID: r.ID, Source: r.Source, Amount: r.Amount, At: r.At, Reference: r.Reference, How: sale.How(r.Why), By: by, Note: note, Digest: r.Digest,
	}
}

// match looks for the sale of a receipt among those that can be its own.
func match(tx *bbolt.Tx, r offline.Receipt) (offline.Match, error) {
	var named *offline.Candidate
	if k := namedAt(offline.Normal(r.Reference)); len(k) > 1 {
		c, err := candidate(tx, k, tx.Bucket(offlineBucket).Get(k))
		if err != nil {
			return offline.Match{}, err
		}
		named = c
	}
	var others []offline.Candidate
	prefix := amountAt(r.Amount)
	cur := tx.Bucket(offlineBucket).Cursor()
	for k, v := cur.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cur.Next() {
		c, err := candidate(tx, k, v)
		if err != nil {
			return offline.Match{}, err
		}
		others = append(others, *c)
	}
	return r.Match(named, others), nil
}

// candidate is the sale that an entry of the index names, nil where there is none.
func candidate(tx *bbolt.Tx, k, value []byte) (*offline.Candidate, error) {
	if value == nil {
		return nil, nil
	}
	id, err := record.Open(k, value)
	if err != nil {
		return nil, ErrCorrupt.becausef("offline/%x: %w", k, err)
	}
	s, err := load(tx, sale.ID(id))
	if err != nil {
		return nil, err
	}
	c := offline.Of(&s)
	return &c, nil
}

// Reconcile says by hand that the money of a sale came: by a receipt that was handed
// in and belongs to no sale yet, and then what came is booked; or, without one, on the
// word of whoever says so, and then the sale's amount is.
func (db *DB) Reconcile(ctx context.Context, id sale.ID, receipt, by, note string) (s sale.Sale, err error) {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		before, err := db.recall.load(tx, id)
		if err != nil {
			return nil, err
		}
		now := db.clock.stamp()
		ev := sale.Event{Kind: sale.ReceiptFound, At: now.At, Wall: db.clock.wall(), By: by}
		r, err := handed(tx, &before, receipt, ev.Wall)
		if err != nil {
			return nil, err
		}
		if r.Outcome == offline.Matched && r.Match.Sale != id {
			return nil, ErrReceiptUsed
		}
		r.Match = offline.Match{Outcome: offline.Matched, Why: string(sale.ByHand), Sale: id}
		ev.Receipt = r.found(by, note)
		if s, err = before.Apply(ev); err != nil || before.Ephemeral(ev) {
			return nil, err
		}
		return func() error {
			return errors.Join(putRecord(tx.Bucket(offlineBucket), receiptAt(r.ID), r), db.put(tx, before, s, ev, now, sale.Once{}))
		}, nil
	}
	err = db.write(ctx, &request{op: string(sale.ReceiptFound), plan: plan})
	return s, err
}

// handed is the receipt of an id or, without one, the word of a person in its place.
func handed(tx *bbolt.Tx, s *sale.Sale, id string, wall time.Time) (Receipt, error) {
	if id != "" {
		r, known, err := loadReceipt(tx, id)
		if err == nil && !known {
			err = ErrReceiptNotFound
		}
		return r, err
	}
	word := offline.Receipt{ID: "hand " + string(s.ID), Source: "by hand", Amount: s.Amount, At: wall}
	if s.Own != nil {
		word.Scheme = s.Own.Scheme
	}
	return Receipt{Receipt: word, Digest: digestOf(word), Wall: wall}, nil
}

func loadReceipt(tx *bbolt.Tx, id string) (r Receipt, known bool, err error) {
	k := receiptAt(id)
	value := tx.Bucket(offlineBucket).Get(k)
	if value == nil {
		return r, false, nil
	}
	if err := record.Unmarshal(k, value, &r); err != nil {
		return r, true, ErrCorrupt.becausef("offline/receipt %.64q: %w", id, err)
	}
	return r, true, nil
}

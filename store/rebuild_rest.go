package store

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"qrposd/rules/offline"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

// finish writes what no line says.
func (r *rebuild) finish(from, tx *bbolt.Tx, withBooks bool) error {
	if r.short[""] && r.done.Missing == 0 {
		r.done.Unproven = max(1, r.done.Unproven)
	}
	clock := max(r.clock, r.last)
	err := errors.Join(
		tx.Bucket(begunBucket).SetSequence(r.sales+r.evidence.put.skipped()),
		putMeta(tx, clockKey, reading{At: clock, Since: clock}),
	)
	if len(r.evidence.put) > 0 {
		err = errors.Join(err, putMeta(tx, restoredKey, r.evidence.put))
	}
	if r.device != nil {
		err = errors.Join(err, putMeta(tx, deviceKey, *r.device))
	}
	if err == nil {
		err = from.Bucket(foundBirths).ForEach(func(k, _ []byte) error { return r.lineless(tx, sale.ID(k)) })
	}
	if err == nil && withBooks {
		err = r.copyBooks(from, tx)
	}
	if err != nil {
		return err
	}
	err = from.Bucket(foundOnce).ForEach(func(k, value []byte) error { return r.used(tx, k, value) })
	return errors.Join(err, r.unadopted(tx))
}

// used takes a caller's key, if what it was used for is there and did not leave with it.
func (r *rebuild) used(tx *bbolt.Tx, k, value []byte) error {
	var was spent
	if record.Unmarshal(k, value, &was) != nil || !r.stands(tx, was) {
		return nil
	}
	if old, err := r.db.old.get(inOnce, k); err != nil || old != nil {
		return err
	}
	return tx.Bucket(onceBucket).Put(k, value)
}

// stands says that what a caller's key was used for is there.
func (r *rebuild) stands(tx *bbolt.Tx, was spent) bool {
	switch {
	case was.Sale != "":
		_, err := r.db.load(tx, was.Sale)
		return err == nil
	case was.Case != 0:
		return tx.Bucket(caseBucket).Get(caseAt(caseRecord, was.Case)) != nil
	case was.Day != 0:
		return tx.Bucket(dayBucket).Get(dayAt(dayClosed, uint64(was.Day))) != nil
	case was.Drawer != 0:
		return tx.Bucket(dayBucket).Get(dayAt(dayDrawer, was.Drawer)) != nil
	}
	return false
}

// copyBooks takes what people entered, where there is any: whether it fits the lines,
// the check says.
func (r *rebuild) copyBooks(from, tx *bbolt.Tx) error {
	for _, name := range books {
		b, was := tx.Bucket(name), from.Bucket(name)
		if k, _ := was.Cursor().First(); k == nil {
			// Every store has where its first day begins.
			r.done.Books = r.done.Books && string(name) != string(dayBucket)
			continue
		}
		if string(name) == string(offlineBucket) { // the rest of it follows from the sales
			err := was.ForEach(func(k, v []byte) error {
				if k[0] != offlineReceipt {
					return nil
				}
				return b.Put(k, v)
			})
			if err != nil {
				return err
			}
			continue
		}
		if string(name) == string(caseBucket) {
			if err := allTold(b, was); err != nil {
				return err
			}
		}
		sequence := b.Sequence()
		if err := tx.DeleteBucket(name); err != nil {
			return err
		}
		b, err := tx.CreateBucket(name)
		if err != nil {
			return err
		}
		if err := b.SetSequence(sequence); err != nil {
			return err
		}
		if err := was.ForEach(b.Put); err != nil {
			return fmt.Errorf("store: %s: %w", name, err)
		}
	}
	return nil
}

// takeAgain remembers the receipt of a sale as it was remembered when it was taken: one
// payment is for one sale, also after the page that says so is lost. The sale leaves out
// for which scheme the statement was; the digest knows.
func takeAgain(tx *bbolt.Tx, s sale.Sale, ev sale.Event) error {
	was := ev.Receipt
	if ev.Kind != sale.ReceiptFound || was == nil || s.Own == nil {
		return nil
	}
	r := Receipt{
		Receipt: offline.Receipt{ID: was.ID, Source: was.Source, Reference: was.Reference, Amount: was.Amount, At: was.At}, Digest: was.Digest, Wall: ev.Wall,
		Match: offline.Match{Outcome: offline.Matched, Why: string(was.How), Sale: s.ID},
	}
	if digestOf(r.Receipt) != r.Digest {
		r.Scheme = s.Own.Scheme
	}
	return putRecord(tx.Bucket(offlineBucket), receiptAt(r.ID), r)
}

// allTold says that what people see of cases has each disagreement that the lines tell of.
func allTold(made, was *bbolt.Bucket) error {
	c := made.Cursor()
	for k, value := c.Seek([]byte{caseRecord}); len(k) == 9 && k[0] == caseRecord; k, value = c.Next() {
		var one Case
		if err := record.Unmarshal(k, value, &one); err != nil {
			return err
		}
		if one.Kind == ReconciliationMismatch && was.Get(subjectAt(one.Kind, one.Subject)) == nil {
			return ErrCorrupt.becausef("nobody was told of the mismatch of order %s", one.OrderNo)
		}
	}
	return nil
}

// lineless names a sale that was found and has no line: that of an archive that is lost,
// and still owed. Its number is not given out again.
func (r *rebuild) lineless(tx *bbolt.Tx, id sale.ID) error {
	n := numberOf(r.db.opts.Till, id)
	if r.highest = max(r.highest, n); n == 0 {
		return nil
	}
	_, err := r.db.load(tx, id)
	if errors.Is(err, ErrNotFound) {
		r.name(id)
		return nil
	}
	return err
}

package store

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/queue"
	"qrposd/store/record"
)

// Begin makes a sale. Its ID and key are minted in the transaction that stores
// them; session is only ever seen by that. A once that was used for the same
// request gives the sale it made then, as it is now, and says replayed.
func (db *DB) Begin(ctx context.Context, n sale.New, session string, once sale.Once) (s sale.Sale, replayed bool, err error) {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		var err error
		if s, replayed, err = db.replay(tx, once); err != nil || replayed {
			return nil, err
		}
		if !db.budget.admits(tx) || !db.ballast.there() {
			return nil, ErrFull
		}
		now, wall := db.clock.stamp(), db.clock.wall()
		seq := tx.Bucket(begunBucket).Sequence() + 1
		id, key := sale.Mint(db.opts.Secret, db.opts.Till, session, seq, now.At, wall)
		own, err := terms(tx, &n, id)
		if err != nil {
			return nil, err
		}
		ev := sale.Event{Kind: sale.Begun, At: now.At, Wall: wall, By: n.Operator, Amount: n.Amount, Own: own}
		if s, err = sale.Begin(n, id, key, ev); err != nil {
			return nil, err
		}
		return func() error {
			begun := tx.Bucket(begunBucket)
			begun.FillPercent = 0.9 // only ever appended to
			k := begunKey(s.Begun)
			if err := errors.Join(begun.SetSequence(seq), begun.Put(k, record.Seal(k, []byte(s.ID)))); err != nil {
				return err
			}
			return db.put(tx, sale.Sale{}, s, ev, now, once)
		}, nil
	}
	if err := db.write(ctx, &request{op: "begin", sale: true, plan: plan, once: once}); err != nil {
		return sale.Sale{}, false, err
	}
	return s, replayed, nil
}

// Commit records a fact about a sale and gives the sale as it is then. An
// ephemeral fact writes nothing. A fact that the sale does not accept is a
// *sale.Refusal. A once that was used for the same request gives the sale as it
// is now and applies nothing.
func (db *DB) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	var s sale.Sale
	plan := func(tx *bbolt.Tx) (func() error, error) {
		was, replayed, err := db.replay(tx, once)
		if err == nil && replayed && was.ID != id {
			err = ErrOnceMismatch
		}
		if s = was; err != nil || replayed {
			return nil, err
		}
		before, err := db.load(tx, id)
		if err != nil {
			return nil, err
		}
		told := before
		var tell sale.Event
		if db.restores.behind(before) { // what the lost part did with it is asked for first
			tell, _ = db.restoredEvent(before, ev.By)
			if told, err = before.Apply(tell); err != nil {
				return nil, err
			}
		}
		now := db.clock.stamp()
		ev.At, ev.Wall = now.At, db.clock.wall()
		if ev.Kind.Attempts() && ev.Request != nil && ev.Request.Session != "" {
			ev.Key = sale.MintKey(db.opts.Secret, ev.Request.Session, now.At)
		}
		if s, err = told.Apply(ev); err != nil {
			return nil, err
		}
		if told.Ephemeral(ev) {
			return nil, nil
		}
		if err := db.unspent(tx, told, ev); err != nil {
			return nil, err
		}
		return func() error {
			if err := comeBack(tx, before); err != nil {
				return err
			}
			if tell.Kind != "" {
				if err := db.put(tx, before, told, tell, now, sale.Once{}); err != nil {
					return err
				}
			}
			return db.put(tx, told, s, ev, now, once)
		}, nil
	}
	if err := db.write(ctx, &request{op: string(ev.Kind), plan: plan, once: once}); err != nil {
		return sale.Sale{}, err
	}
	return s, nil
}

// put writes all that follows from one fact.
func (db *DB) put(tx *bbolt.Tx, before, after sale.Sale, ev sale.Event, now sale.Now, once sale.Once) error {
	body, err := json.Marshal(after)
	if err != nil {
		return err
	}
	key := []byte(after.ID)
	value := record.Seal(key, body)
	if err := tx.Bucket(saleBucket).Put(key, value); err != nil {
		return err
	}
	digest := sha256.Sum256(body)
	line := ledger.Line{Sale: after.ID, State: after.State, Event: ev, After: digest[:]}
	if _, err := ledger.Append(tx, line, sale.Postings(before, after)); err != nil {
		return err
	}
	if err := spend(tx, after, ev, once); err != nil {
		return err
	}
	if err := putAudit(tx, before, ev); err != nil {
		return err
	}
	if err := openCases(tx, before, after, ev); err != nil {
		return err
	}
	if err := indexOffline(tx, &before, &after, ev); err != nil {
		return err
	}
	if err := count(tx, before, after, ev); err != nil {
		return err
	}
	job, err := db.schedule(tx, before, after, ev, now)
	db.recall.keep(after, value, job)
	return err
}

// schedule keeps the sale's job at the time of its next step. A fact after the
// last one puts the job back: late money has to be given back.
func (db *DB) schedule(tx *bbolt.Tx, before, s sale.Sale, ev sale.Event, now sale.Now) (*queue.Job, error) {
	id := string(s.ID)
	step := s.Next(now, sale.Watch{}, db.opts.Plan)
	over := step.Do == sale.Nothing && !s.Stuck()
	if step.Do == sale.Nothing {
		step.Due = never
	}
	if job := db.recall.job(before); job != nil && !over && !intent(ev) && job.Stays(ev.At, step.Due) {
		return job, nil
	}
	move := func() (*queue.Job, error) {
		switch {
		case over:
			return nil, queue.Done(tx, drive, id, ev.At, string(ev.Kind))
		case intent(ev):
			return nil, queue.Begin(tx, drive, id, ev.At, step.Due, string(ev.Kind))
		}
		job, err := queue.Retry(tx, drive, id, ev.At, step.Due, string(ev.Kind))
		return &job, err
	}
	job, err := move()
	if !errors.Is(err, queue.ErrNoJob) {
		return job, err
	}
	if over {
		return nil, nil
	}
	if err := queue.Put(tx, drive, id, step.Due); err != nil || !intent(ev) {
		return nil, err
	}
	return move()
}

// never is when a job is due that only a person can bring on: it stays in the queue.
const never = math.MaxInt64

// intent says that ev is the record of something about to be sent.
func intent(ev sale.Event) bool {
	switch ev.Kind {
	case sale.OrderIntended, sale.ChargeIntended, sale.CloseIntended, sale.ReverseIntended, sale.RefundIntended:
		return true
	}
	return false
}

// replay finds the sale that a caller's key was used for.
func (db *DB) replay(tx *bbolt.Tx, once sale.Once) (sale.Sale, bool, error) {
	was, known, err := db.spentFor(tx, once)
	if err != nil || !known {
		return sale.Sale{}, false, err
	}
	if was.Sale == "" {
		return sale.Sale{}, false, ErrOnceMismatch
	}
	s, err := db.load(tx, was.Sale)
	return s, err == nil, err
}

// spentFor finds what a caller's key was used for.
func (db *DB) spentFor(tx *bbolt.Tx, once sale.Once) (was spent, known bool, err error) {
	k := onceKey(once.Key)
	if once.Key == "" {
		return spent{}, false, nil
	}
	value := tx.Bucket(onceBucket).Get(k)
	if value == nil {
		// It may have left the file. While nobody can look, it is not taken for a new one.
		if value, err = db.old.get(inOnce, k); err != nil || value == nil {
			return spent{}, false, err
		}
	}
	if err := record.Unmarshal(k, value, &was); err != nil {
		return spent{}, false, ErrCorrupt.becausef("once/%x: %w", k, err)
	}
	if was.Print != once.Print {
		return spent{}, false, ErrOnceMismatch
	}
	return was, true, nil
}

// unspent refuses a payer's code that went to another order: one code serves
// one order, also at the provider, who would charge neither.
func (db *DB) unspent(tx *bbolt.Tx, s sale.Sale, ev sale.Event) error {
	if ev.Kind != sale.ChargeIntended || ev.CodeID == "" {
		return nil
	}
	value := tx.Bucket(codeBucket).Get([]byte(ev.CodeID))
	if value == nil {
		var err error
		if value, err = db.old.get(inCode, []byte(ev.CodeID)); err != nil || value == nil {
			return err
		}
	}
	return &sale.Refusal{State: s.State, Kind: ev.Kind, Code: "code_used", Text: "this payment code was used already; ask for a new one"}
}

// spend marks the caller's key and the payer's code as used.
func spend(tx *bbolt.Tx, s sale.Sale, ev sale.Event, once sale.Once) error {
	if once.Key != "" {
		if err := putRecord(tx.Bucket(onceBucket), onceKey(once.Key), spent{Print: once.Print, Sale: s.ID}); err != nil {
			return err
		}
	}
	if ev.Kind != sale.ChargeIntended || ev.CodeID == "" {
		return nil
	}
	return putRecord(tx.Bucket(codeBucket), []byte(ev.CodeID), spentCode{s.ID, ev.OrderNo})
}

func putRecord(b *bbolt.Bucket, key []byte, v any) error {
	value, err := record.Marshal(key, v)
	if err != nil {
		return err
	}
	return b.Put(key, value)
}

// load reads a sale, here or where it went.
func (db *DB) load(tx *bbolt.Tx, id sale.ID) (sale.Sale, error) {
	s, err := db.recall.load(tx, id)
	if errors.Is(err, ErrNotFound) {
		return db.old.sale(id)
	}
	return s, err
}

// comeBack puts a sale that has left the file into the index again, in the
// transaction of the fact that brings it back.
func comeBack(tx *bbolt.Tx, s sale.Sale) error {
	if tx.Bucket(saleBucket).Get([]byte(s.ID)) != nil {
		return nil
	}
	k := begunKey(s.Begun)
	return tx.Bucket(begunBucket).Put(k, record.Seal(k, []byte(s.ID)))
}

// load reads a sale of the file.
func load(tx *bbolt.Tx, id sale.ID) (sale.Sale, error) {
	key := []byte(id)
	value := tx.Bucket(saleBucket).Get(key)
	if value == nil {
		return sale.Sale{}, ErrNotFound
	}
	var s sale.Sale
	if err := record.Unmarshal(key, value, &s); err != nil {
		return sale.Sale{}, ErrCorrupt.becausef("sale/%.40q: %w", id, err)
	}
	return s, nil
}

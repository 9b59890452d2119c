package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// A case is a question to the owner that no program may answer: somebody disagrees
// about money that the books have in order. It is opened in the transaction of the
// fact that raises it, once for its subject, and never changes the books; it is
// closed by a person who says why. No line of the journal is about it: a line
// belongs to a sale and is what the sale is made of.
const (
	caseRecord  = 'c' // id u64 -> the case
	caseOpen    = 'o' // id u64 -> nothing: the cases that wait, oldest first
	caseSubject = 's' // SHA-256 of kind and subject -> id u64
)

// CaseKind says what a case is about. The names are on disk.
type CaseKind string

// ReconciliationMismatch is a payment that the provider's own model does not take
// for what was asked. Its subject is the order.
const ReconciliationMismatch CaseKind = "reconciliation_mismatch"

// PolicyRefusal is a day on which a policy of the provider's refused a sale. Its
// subject is the day: how many follow is for the watch of refusals to say.
const PolicyRefusal CaseKind = "policy_refusal"

// StoreRestored is a file that was put back from a backup. Its subject is the moment.
const StoreRestored CaseKind = "store_restored"

// TakeoverContradicted is a payment that somebody had seen to end otherwise than it
// did. Its subject is the order.
const TakeoverContradicted CaseKind = "takeover_contradicted"

// StoreSalvaged is a damaged file that was put together again. Its subject is the moment.
const StoreSalvaged CaseKind = "store_salvaged"

// CaseStep is what the owner is asked to do about a case.
type CaseStep string

// ComparePayment: hold the sale against the provider's bill and the receipt.
const ComparePayment CaseStep = "compare_payment"

// AskService: ask the payment service which of its rules it was.
const AskService CaseStep = "ask_service"

// CompareBills: look in the provider's bills for sales that the backup does not have.
const CompareBills CaseStep = "compare_bills"

// Case is something that a person has to look at.
type Case struct {
	ID      uint64            `json:"id"`
	Kind    CaseKind          `json:"kind"`
	Subject string            `json:"subject"` // there is one case for each kind and subject
	Sale    sale.ID           `json:"sale,omitempty"`
	OrderNo string            `json:"order_no,omitempty"`
	At      sale.Instant      `json:"at"` // of the fact that opened it
	Wall    time.Time         `json:"wall"`
	Data    map[string]string `json:"data,omitempty"` // the evidence: codes, names and counts, and nobody's words
	Next    CaseStep          `json:"next"`
	Closed  *Closing          `json:"closed,omitempty"`
}

// Closing is how a case ended.
type Closing struct {
	Wall time.Time `json:"wall"`
	By   string    `json:"by"`
	Note string    `json:"note"`
}

// Open says that the case waits for somebody.
func (c Case) Open() bool { return c.Closed == nil }

func caseAt(what byte, id uint64) []byte { return binary.BigEndian.AppendUint64([]byte{what}, id) }

func subjectAt(kind CaseKind, subject string) []byte {
	sum := sha256.Sum256([]byte(string(kind) + "\x00" + subject))
	return append([]byte{caseSubject}, sum[:]...)
}

// makeCases makes room for cases.
func makeCases(tx *bbolt.Tx) error { return makeBuckets(tx, caseBucket) }

// openCases opens the cases that a fact about a sale gives cause for, in the
// transaction of that fact: a power cut leaves both or neither.
func openCases(tx *bbolt.Tx, before, after sale.Sale, ev sale.Event) error {
	if err := openOfflineCases(tx, &before, &after, ev); err != nil {
		return err
	}
	for _, order := range sale.Mismatched(before, after) {
		c := Case{
			Kind: ReconciliationMismatch, Subject: order, Sale: after.ID, OrderNo: order, At: ev.At, Wall: ev.Wall,
			Data: findings(ev), Next: ComparePayment,
		}
		if err := openCase(tx, c); err != nil {
			return err
		}
	}
	if t := sale.Contradicted(before, after); t != nil {
		c := Case{
			Kind: TakeoverContradicted, Subject: t.OrderNo, Sale: after.ID, OrderNo: t.OrderNo, At: ev.At, Wall: ev.Wall,
			Data: map[string]string{"saw": t.Saw}, Next: ComparePayment,
		}
		if err := openCase(tx, c); err != nil {
			return err
		}
	}
	if after.Appeal && !before.Appeal {
		return openCase(tx, Case{
			Kind: PolicyRefusal, Subject: ev.Wall.UTC().Format(time.DateOnly), Sale: after.ID, OrderNo: after.Current().OrderNo, At: ev.At, Wall: ev.Wall, Next: AskService,
		})
	}
	return nil
}

func findings(ev sale.Event) map[string]string {
	data := map[string]string{"verdict": string(ev.Verdict)}
	f := ev.Finding
	if f == nil {
		return data
	}
	for name, value := range map[string]string{"model": f.Model, "cause": f.Cause} {
		if value != "" {
			data[name] = value
		}
	}
	data["sure"], data["foreign"] = strconv.FormatBool(f.Sure), strconv.Itoa(f.Foreign)
	return data
}

// openCase gives a case its number, unless there is one of its subject already,
// whether that is open or not.
func openCase(tx *bbolt.Tx, c Case) (err error) {
	b := tx.Bucket(caseBucket)
	at := subjectAt(c.Kind, c.Subject)
	if b.Get(at) != nil {
		return nil
	}
	if c.ID, err = b.NextSequence(); err != nil {
		return err
	}
	open := caseAt(caseOpen, c.ID)
	return errors.Join(
		putRecord(b, caseAt(caseRecord, c.ID), c),
		b.Put(open, record.Seal(open, nil)),
		b.Put(at, record.Seal(at, binary.BigEndian.AppendUint64(nil, c.ID))),
	)
}

// CloseCase ends a case in the words of whoever did. A once that was used for the
// same request gives the case as it is and says replayed; a case that is closed
// stays as it was closed.
func (db *DB) CloseCase(ctx context.Context, id uint64, by, note string, once sale.Once) (c Case, replayed bool, err error) {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		was, known, err := db.spentFor(tx, once)
		if err != nil {
			return nil, err
		}
		if known && was.Case != id {
			return nil, ErrOnceMismatch
		}
		if c, err = loadCase(tx, id); err != nil || known {
			replayed = known
			return nil, err
		}
		if !c.Open() {
			return nil, ErrCaseClosed
		}
		c.Closed = &Closing{db.clock.wall(), by, note}
		return func() error {
			b := tx.Bucket(caseBucket)
			err := errors.Join(putRecord(b, caseAt(caseRecord, id), c), b.Delete(caseAt(caseOpen, id)))
			if err != nil || once.Key == "" {
				return err
			}
			return putRecord(tx.Bucket(onceBucket), onceKey(once.Key), spent{Print: once.Print, Case: id})
		}, nil
	}
	if err := db.write(ctx, &request{op: "case_closed", spare: true, plan: plan}); err != nil {
		return Case{}, false, err
	}
	return c, replayed, nil
}

// Case is a case by its number.
func (db *DB) Case(id uint64) (c Case, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		c, err = loadCase(tx, id)
		return err
	})
	return c, err
}

// Cases gives at most limit cases that want accepts, the latest first, with numbers
// below before; zero is from the end.
func (db *DB) Cases(limit int, before uint64, want func(Case) bool) (list []Case, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(caseBucket).Cursor()
		if before == 0 {
			before = math.MaxUint64
		}
		cur.Seek(caseAt(caseRecord, before)) // there is something behind every case: the list of those that wait, or a subject
		for k, value := cur.Prev(); len(k) == 9 && k[0] == caseRecord && len(list) < limit; k, value = cur.Prev() {
			var c Case
			if err := record.Unmarshal(k, value, &c); err != nil {
				return ErrCorrupt.becausef("case/%x: %w", k, err)
			}
			if want(c) {
				list = append(list, c)
			}
		}
		return nil
	})
	return list, err
}

// Waiting counts the open cases and gives the age of the oldest, by the wall clock:
// days with the power off count for whoever waits.
func (db *DB) Waiting() (n int, oldest time.Duration, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(caseBucket).Cursor()
		for k, _ := cur.Seek([]byte{caseOpen}); len(k) == 9 && k[0] == caseOpen; k, _ = cur.Next() {
			if n++; n > 1 {
				continue
			}
			c, err := loadCase(tx, binary.BigEndian.Uint64(k[1:]))
			if err != nil {
				return err
			}
			oldest = max(0, db.clock.wall().Sub(c.Wall))
		}
		return nil
	})
	return n, oldest, err
}

func loadCase(tx *bbolt.Tx, id uint64) (c Case, err error) {
	k := caseAt(caseRecord, id)
	value := tx.Bucket(caseBucket).Get(k)
	if value == nil {
		return c, ErrCaseNotFound
	}
	if err := record.Unmarshal(k, value, &c); err != nil {
		return c, ErrCorrupt.becausef("case/%d: %w", id, err)
	}
	return c, nil
}

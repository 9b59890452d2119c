package store

import (
	"context"
	"encoding/json"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// BillDifference is something that the provider's bill of a day and the shop do not
// agree about. Its subject is what differs and the number of the order or the refund.
const BillDifference CaseKind = "bill_difference"

// The steps of differences, as package bill words them.
const (
	AskOrder     CaseStep = "query_order"
	AskRefund    CaseStep = "query_refund"
	CallProvider CaseStep = "call_provider"
)

// BillDay is how far the till has come with the provider's bill of a day.
type BillDay struct {
	Date    string          `json:"date"`   // the provider's day, YYYY-MM-DD
	Done    bool            `json:"done"`   // it was compared, or there is none and none is missed
	Tries   int             `json:"tries"`  // so far
	Code    string          `json:"code"`   // why it is not done, or that there is none
	Reason  string          `json:"reason"` // the same for a person
	Next    time.Time       `json:"next"`   // when it is tried again
	At      time.Time       `json:"at"`     // of this record, by the provider's clock
	Seq     uint64          `json:"seq"`    // where the journal stood then
	File    string          `json:"file,omitempty"`
	SHA1    string          `json:"sha1,omitempty"`
	Opened  int             `json:"opened"`  // cases, the first time
	Pending []string        `json:"pending"` // may be in a neighbouring day's bill
	Result  json.RawMessage `json:"result,omitempty"`
}

// RecordBill puts down how a day's bill went, and opens a case for every difference
// that has none, in one transaction: a power cut leaves both or neither, and the same
// bill once more opens nothing.
func (db *DB) RecordBill(ctx context.Context, d BillDay, differences []Case) (BillDay, error) {
	plan := func(tx *bbolt.Tx) (func() error, error) {
		if _, err := time.Parse(time.DateOnly, d.Date); err != nil {
			return nil, err
		}
		now, wall := db.clock.stamp().At, db.clock.wall()
		d.Opened = 0
		var fresh []Case
		for _, c := range differences {
			if tx.Bucket(caseBucket).Get(subjectAt(BillDifference, c.Subject)) != nil {
				continue
			}
			c.Kind, c.At, c.Wall = BillDifference, now, wall
			fresh = append(fresh, c)
		}
		d.Opened = len(fresh)
		return func() error {
			for _, c := range fresh {
				if err := openCase(tx, c); err != nil {
					return err
				}
			}
			return putRecord(tx.Bucket(dayBucket), billAt(d.Date), d)
		}, nil
	}
	err := db.write(ctx, &request{op: "bill", spare: true, plan: plan})
	return d, err
}

func billAt(date string) []byte { return append([]byte{dayBill}, date...) }

// Bills gives the bills of days from one on, oldest first.
func (db *DB) Bills(from string) (list []BillDay, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		cur := tx.Bucket(dayBucket).Cursor()
		for k, value := cur.Seek(billAt(from)); len(k) == 11 && k[0] == dayBill; k, value = cur.Next() {
			var d BillDay
			if err := record.Unmarshal(k, value, &d); err != nil {
				return ErrCorrupt.becausef("day/%s: %w", k, err)
			}
			list = append(list, d)
		}
		return nil
	})
	return list, err
}

// Oldest is the first sale of the file, ErrNotFound where there is none.
func (db *DB) Oldest() (s sale.Sale, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		first, err := db.old.journal(tx, 0, 1)
		if err == nil && len(first) == 0 {
			err = ErrNotFound
		}
		if err == nil {
			s, err = db.load(tx, first[0].Sale)
		}
		return err
	})
	return s, err
}

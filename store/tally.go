package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

// What is counted of the traffic, for the rules. Each count is kept by minute,
// in the transaction of the fact that it counts.
const (
	tallySales     = 's'            // of the till
	tallyDeclines  = 'd'            // of the till
	tallyOperator  = 'o'            // sales of an operator
	tallyVoids     = 'v'            // withdrawn by an operator after a code was shown
	tallyRefunds   = 'r'            // asked for by an operator
	tallyOwn       = 'w'            // of those, of sales the operator had made
	tallyTiny      = 't'            // sales of an operator below a tenth of the main unit
	operatorsShift = 12 * time.Hour // how far back what an operator did counts
)

// tally is what happened within one minute.
type tally struct {
	N   int64 `json:"n"`
	Sum int64 `json:"sum"` // minor units
}

// tallyKey is kind, whose, currency, minute: the minutes of one count lie side
// by side. An operator is a digest here: the file names people once, in sales.
func tallyKey(kind byte, whose string, c money.Currency, minute uint32) []byte {
	k := []byte{kind}
	sum := sha256.Sum256([]byte(whose))
	k = append(k, sum[:8]...)
	k = append(k, (string(c) + "   ")[:3]...)
	return binary.BigEndian.AppendUint32(k, minute)
}

func minuteOf(at sale.Instant) uint32 { return uint32(at / sale.Instant(time.Minute)) }

// count adds what ev made of a sale to the traffic.
func count(tx *bbolt.Tx, before, after sale.Sale, ev sale.Event) error {
	b := tx.Bucket(tallyBucket)
	var err error
	add := func(kind byte, whose string) {
		if err == nil {
			err = addTally(b, tallyKey(kind, whose, after.Amount.Currency, minuteOf(ev.At)), after.Amount.Minor)
		}
	}
	switch {
	case ev.Kind == sale.Begun && after.PayIn != "": // counted when it has a price, in the currency that the rules compare
	case ev.Kind == sale.Begun || ev.Kind == sale.Priced:
		add(tallySales, "")
		add(tallyOperator, after.Operator)
		if tiny(after.Amount) {
			add(tallyTiny, after.Operator)
		}
	case ev.Kind == sale.RefundRequested:
		add(tallyRefunds, ev.By)
		if ev.By == after.Operator {
			add(tallyOwn, ev.By)
		}
	case ev.Kind == sale.CancelRequested && before.State.Live() && !before.Cancel: // a second press withdraws nothing
		add(tallyVoids, ev.By)
	case after.State == sale.Declined && before.State != sale.Declined:
		add(tallyDeclines, "")
	}
	return err
}

// counted is when a sale was counted.
func counted(s sale.Sale) sale.Instant {
	if s.Price != nil {
		return s.Price.At
	}
	return s.Begun
}

// tiny is less than a tenth of the currency's main unit.
func tiny(m money.Money) bool {
	exp, err := money.Exponent(m.Currency)
	limit := int64(1)
	for range exp {
		limit *= 10
	}
	return err == nil && m.Minor*10 < limit
}

func addTally(b *bbolt.Bucket, key []byte, minor int64) error {
	var t tally
	if value := b.Get(key); value != nil {
		if err := record.Unmarshal(key, value, &t); err != nil {
			return ErrCorrupt.becausef("tally/%x: %w", key, err)
		}
	}
	t.N, t.Sum = t.N+1, t.Sum+minor
	value, err := record.Marshal(key, t)
	if err != nil {
		return err
	}
	return b.Put(key, value)
}

// window adds up a count over the time before at. It reads whole minutes: the
// oldest one counts in full, which errs towards more.
func window(b *bbolt.Bucket, kind byte, whose string, c money.Currency, at sale.Instant, span time.Duration) (tally, error) {
	var sum tally
	from, to := tallyKey(kind, whose, c, minuteOf(at.Add(-span))), tallyKey(kind, whose, c, minuteOf(at))
	cur := b.Cursor()
	for k, v := cur.Seek(from); k != nil && string(k) <= string(to); k, v = cur.Next() {
		var t tally
		if err := record.Unmarshal(k, v, &t); err != nil {
			return sum, ErrCorrupt.becausef("tally/%x: %w", k, err)
		}
		sum.N, sum.Sum = sum.N+t.N, sum.Sum+t.Sum
	}
	return sum, nil
}

// Traffic fills in what the file knows for judging a sale: the till's and the
// operator's recent doings, without the sale itself.
func (db *DB) Traffic(s sale.Sale, c *rules.Case) error {
	return db.view(func(tx *bbolt.Tx) error {
		b, at, cur := tx.Bucket(tallyBucket), db.clock.now().At, s.Amount.Currency
		var err error
		get := func(kind byte, whose string, span time.Duration) tally {
			t, e := window(b, kind, whose, cur, at, span)
			if e != nil {
				err = e
			}
			if own := kind == tallySales || kind == tallyOperator || kind == tallyTiny && tiny(s.Amount); own && at.Sub(counted(s)) <= span {
				t.N, t.Sum = max(t.N-1, 0), max(t.Sum-s.Amount.Minor, 0)
			}
			return t
		}
		n := func(t tally) rules.Int { return rules.Known(t.N) }
		hour, day := get(tallySales, "", time.Hour), get(tallySales, "", 24*time.Hour)
		c.Till = rules.Till{
			Count1m: n(get(tallySales, "", time.Minute)), Count1h: n(hour), Sum1h: rules.Known(hour.Sum), Sum1d: rules.Known(day.Sum),
			Declines: n(get(tallyDeclines, "", 10*time.Minute)),
		}
		c.Operator = rules.Operator{
			Sales: n(get(tallyOperator, s.Operator, operatorsShift)), Voids: n(get(tallyVoids, s.Operator, operatorsShift)),
			Refunds: n(get(tallyRefunds, s.Operator, operatorsShift)), OwnRefunds: n(get(tallyOwn, s.Operator, operatorsShift)),
			TinySales: n(get(tallyTiny, s.Operator, operatorsShift)), Count10m: n(get(tallyOperator, s.Operator, 10*time.Minute)),
		}
		return err
	})
}

// Draw is a number from 0 to 9999 for a sale: nobody without the merchant's
// secret can predict it, and whoever has the sale's key can check it.
func (db *DB) Draw(s sale.Sale) int64 {
	sum := sha256.Sum256(append([]byte("draw\x00"+hex.EncodeToString(db.opts.Secret)+"\x00"), s.Key...))
	return int64(binary.BigEndian.Uint64(sum[:8]) % 10_000)
}

// tallies verifies the counts' checksums and keys.
func (c *checker) tallies() error {
	return c.tx.Bucket(tallyBucket).ForEach(func(k, value []byte) error {
		var t tally
		if err := record.Unmarshal(k, value, &t); err != nil {
			c.r.bad(fmt.Sprintf("tally/%x", k), err.Error())
		} else if len(k) != 16 || t.N < 1 {
			c.r.bad(fmt.Sprintf("tally/%x", k), "it counts nothing")
		}
		return nil
	})
}

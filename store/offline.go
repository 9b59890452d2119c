package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

// What is known of sales without the provider, beside the sales themselves: where
// each stands, so that what the shop may lose is read without looking at every sale,
// and by what a receipt finds it. All of it is written in the transaction of the fact
// that it follows from, and can be made again from the sales.
const (
	offlineOpen     = 'o' // begun u64 -> sale ID: begun, shown or unconfirmed
	offlineDisputed = 'd' // begun u64 -> sale ID
	offlineNamed    = 'r' // reference -> sale ID
	offlineShown    = 'm' // currency 3 bytes, minor u64, shown u64 -> sale ID: shown, and without a receipt
	offlineReceipt  = 'p' // SHA-256 of its id -> a receipt, and what became of it
	offlineStreak   = 's' // -> how many codes were shown since the provider last took a payment
)

// makeOffline makes room for sales without the provider.
func makeOffline(tx *bbolt.Tx) error { return makeBuckets(tx, offlineBucket) }

// standing is the list that a sale is in, and 0 for none.
func standing(s *sale.Sale) byte {
	switch {
	case s.Own == nil:
		return 0
	case s.State == sale.Disputed:
		return offlineDisputed
	case s.State.Before() || s.State == sale.PresentedOffline || s.State == sale.Unconfirmed:
		return offlineOpen
	}
	return 0
}

func standingAt(list byte, begun sale.Instant) []byte {
	return binary.BigEndian.AppendUint64([]byte{list}, uint64(begun))
}

func namedAt(reference string) []byte { return append([]byte{offlineNamed}, reference...) }

// amountAt is where the codes of one amount begin.
func amountAt(m money.Money) []byte {
	k := append([]byte{offlineShown}, (string(m.Currency) + "   ")[:3]...)
	return binary.BigEndian.AppendUint64(k, uint64(m.Minor))
}

// shownAt is the key under which a receipt without a reference finds the sale, nil
// where it cannot.
func shownAt(s *sale.Sale) []byte {
	if o := s.Own; o == nil || o.Shown == 0 || o.Receipt != nil {
		return nil
	}
	return binary.BigEndian.AppendUint64(amountAt(s.Amount), uint64(s.Own.Shown))
}

// indexOffline follows a fact about a sale.
func indexOffline(tx *bbolt.Tx, before, after *sale.Sale, ev sale.Event) error {
	b := tx.Bucket(offlineBucket)
	if ev.Kind == sale.Received || ev.Kind == sale.OfflineShown {
		if err := countStreak(b, ev.Kind == sale.OfflineShown); err != nil {
			return err
		}
	}
	if after.Own == nil {
		return nil
	}
	move := func(was, is []byte) error {
		if string(was) == string(is) {
			return nil
		}
		if was != nil {
			if err := b.Delete(was); err != nil {
				return err
			}
		}
		if is == nil {
			return nil
		}
		return b.Put(is, record.Seal(is, []byte(after.ID)))
	}
	list := func(s *sale.Sale) []byte {
		if at := standing(s); at != 0 {
			return standingAt(at, s.Begun)
		}
		return nil
	}
	err := errors.Join(move(list(before), list(after)), move(shownAt(before), shownAt(after)))
	if err == nil && before.ID == "" && after.Own.Reference != "" {
		err = move(nil, namedAt(after.Own.Reference))
	}
	return err
}

// streak is how many codes were shown since the provider last took a payment.
type streak struct {
	N int64 `json:"n"`
}

func readStreak(b *bbolt.Bucket) (n streak, err error) {
	k := []byte{offlineStreak}
	if value := b.Get(k); value != nil {
		if err := record.Unmarshal(k, value, &n); err != nil {
			return n, ErrCorrupt.becausef("offline/streak: %w", err)
		}
	}
	return n, nil
}

func countStreak(b *bbolt.Bucket, shown bool) error {
	n, err := readStreak(b)
	if err != nil || !shown && n.N == 0 {
		return err
	}
	if n.N++; !shown {
		n.N = 0
	}
	return putRecord(b, []byte{offlineStreak}, n)
}

// standingIn calls do with each sale of a list, oldest first, until it says no.
func standingIn(tx *bbolt.Tx, list byte, do func(*sale.Sale) bool) error {
	cur := tx.Bucket(offlineBucket).Cursor()
	for k, v := cur.Seek([]byte{list}); len(k) == 9 && k[0] == list; k, v = cur.Next() {
		id, err := record.Open(k, v)
		if err != nil {
			return ErrCorrupt.becausef("offline/%x: %w", k, err)
		}
		s, err := load(tx, sale.ID(id))
		if err != nil {
			return err
		}
		if !do(&s) {
			return nil
		}
	}
	return nil
}

// terms are how a sale without the provider begins: with the amount that its code
// asks for. Where the scheme carries no reference, an amount is all that tells two
// open sales apart, so the second is asked a little less, if the shop allows that, or
// is refused. It is decided in the transaction that begins the sale: of two at once,
// the second sees the first.
func terms(tx *bbolt.Tx, n *sale.New, id sale.ID) (*sale.OwnCode, error) {
	if n.Flow != sale.Offline || n.Offline == nil {
		return nil, nil
	}
	own := &sale.OwnCode{Scheme: n.Offline.Scheme, Label: n.Offline.Label, Price: n.Amount}
	if n.Offline.Carries {
		own.Reference = sale.ReferenceOf(id)
		return own, nil
	}
	taken := make(map[int64]bool)
	err := standingIn(tx, offlineOpen, func(s *sale.Sale) bool {
		if s.Own.Scheme == own.Scheme && s.Amount.Currency == n.Amount.Currency {
			taken[s.Amount.Minor] = true
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	asked := n.Amount
	for taken[asked.Minor] {
		if asked.Minor--; asked.Minor < 1 || n.Amount.Minor-asked.Minor > n.Offline.Lower {
			return nil, &sale.Refusal{
				State: sale.Opened, Kind: sale.Begun, Code: "offline_amount_taken",
				Text: fmt.Sprintf("another open sale asks for %s in the scheme %s, which carries no reference: the two payments could not be told apart", n.Amount, own.Scheme),
			}
		}
	}
	n.Amount = asked
	return own, nil
}

// Counters are what the rules hold a sale without the provider against: the sales that
// began before it and are open. One that was begun counts from then on, before it is
// judged, so that two at once cannot pass a limit together: the later one sees the
// earlier one, whatever becomes of that. within is how far back sales of the same
// scheme count as one payer's, since nobody knows who pays.
func (db *DB) Counters(s sale.Sale, within time.Duration) (o rules.Offline, split int64, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		now, sum, count, oldest := db.clock.now().At, int64(0), int64(0), sale.Instant(0)
		n, err := readStreak(tx.Bucket(offlineBucket))
		if err != nil {
			return err
		}
		err = standingIn(tx, offlineOpen, func(other *sale.Sale) bool {
			if other.Begun >= s.Begun {
				return false
			}
			if count++; oldest == 0 {
				oldest = other.Begun
			}
			if other.Own.Shown == 0 { // it will be, as far as anybody knows
				n.N++
			}
			if other.Amount.Currency != s.Amount.Currency {
				return true
			}
			if sum += other.Amount.Minor; s.Own != nil && other.Own.Scheme == s.Own.Scheme && now.Sub(other.Begun) <= within {
				split += other.Amount.Minor
			}
			return true
		})
		o = rules.Offline{Sum: rules.Known(sum), Count: rules.Known(count), Oldest: rules.Known(0), Streak: rules.Known(n.N)}
		if oldest > 0 {
			o.Oldest = rules.Seconds(now.Sub(oldest))
		}
		return err
	})
	return o, split, err
}

// Exposure is what the shop may lose by sales that nobody has confirmed.
type Exposure struct {
	Count    int           // codes that were shown, and no receipt: on the counter or unconfirmed
	Sums     []money.Money // of those, by currency
	Oldest   time.Duration // the age of the oldest, by the till's own clock
	Left     time.Duration // until the first of their windows ends; of no meaning where there is none
	Disputed int           // windows that ended without a receipt
	Worst    []money.Money // all of it, by currency
}

// Exposure adds up the sales that stand open or disputed, and no others.
func (db *DB) Exposure() (e Exposure, err error) {
	err = db.view(func(tx *bbolt.Tx) (err error) {
		e, err = exposure(tx, db.clock.now().At)
		return err
	})
	return e, err
}

func exposure(tx *bbolt.Tx, now sale.Instant) (e Exposure, err error) {
	sums, worst := make(map[money.Currency]int64), make(map[money.Currency]int64)
	err = standingIn(tx, offlineOpen, func(s *sale.Sale) bool {
		if !s.Exposed() {
			return true
		}
		left := s.Own.Shown.Add(s.Own.Lasts).Sub(now)
		if e.Count++; e.Count == 1 {
			e.Left = left
		}
		e.Left, e.Oldest = min(e.Left, left), max(e.Oldest, now.Sub(s.Own.Shown))
		sums[s.Amount.Currency] += s.Amount.Minor
		worst[s.Amount.Currency] += s.Amount.Minor
		return true
	})
	if err != nil {
		return e, err
	}
	err = standingIn(tx, offlineDisputed, func(s *sale.Sale) bool {
		e.Disputed++
		worst[s.Amount.Currency] += s.Amount.Minor
		return true
	})
	e.Sums, e.Worst, e.Left = byCurrency(sums), byCurrency(worst), max(0, e.Left)
	return e, err
}

func byCurrency(sums map[money.Currency]int64) (list []money.Money) {
	for _, c := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, money.Money{Minor: sums[c], Currency: c})
	}
	return list
}

// OfflineSales lists the sales whose code was shown and that have no receipt, oldest
// first, at most limit: those that are open, then those that are disputed.
func (db *DB) OfflineSales(limit int) (list []sale.Sale, more bool, err error) {
	err = db.view(func(tx *bbolt.Tx) error {
		take := func(s *sale.Sale) bool {
			if more = len(list) == limit && s.Exposed(); !more && s.Exposed() {
				list = append(list, *s)
			}
			return !more
		}
		if err := standingIn(tx, offlineOpen, take); err != nil || more {
			return err
		}
		return standingIn(tx, offlineDisputed, take)
	})
	return list, more, err
}

package store

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"qrposd/rules/day"
	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/record"
)

// days holds the days that were closed against the journal, the postings and each
// other, and the lines about drawers and the bills against their own form.
func (c *checker) days() error {
	b := c.tx.Bucket(dayBucket)
	var closed []ClosedDay
	entries := uint64(0)
	err := b.ForEach(func(k, value []byte) error {
		where := fmt.Sprintf("day/%q", k)
		payload, err := record.Open(k, value)
		if err != nil {
			c.r.bad(where, err.Error())
			return nil
		}
		numbered := len(k) == 9
		switch {
		case numbered && k[0] == dayClosed:
			var d ClosedDay
			if err := json.Unmarshal(payload, &d); err != nil || uint64(d.Number) != binary.BigEndian.Uint64(k[1:]) || len(closed) == 0 && d.Number != 0 || len(closed) > 0 && !restores(c.r.Restores).follows(closed[len(closed)-1].Number, d.Number) {
				c.r.bad(where, "the day before it is missing, or it cannot be read")
			}
			closed = append(closed, d)
		case numbered && k[0] == dayDrawer:
			var e DrawerEntry
			entries++
			if err := json.Unmarshal(payload, &e); err != nil || e.N != entries || e.N != binary.BigEndian.Uint64(k[1:]) || e.check() != nil {
				c.r.bad(where, "the line before it is missing, or it is no line about a drawer")
			}
		case len(k) == 11 && k[0] == dayBill:
			var d BillDay
			if _, err := time.Parse(time.DateOnly, string(k[1:])); err != nil || json.Unmarshal(payload, &d) != nil || d.Date != string(k[1:]) {
				c.r.bad(where, "it is the bill of no day")
			}
		default:
			c.r.bad(where, "nobody knows this key")
		}
		return nil
	})
	if len(closed) == 0 {
		c.r.bad("day", "it is not written where the first day begins")
		return err
	}
	c.r.Days, c.r.DrawerLines = len(closed)-1, int(entries)
	for i := 1; i < len(closed); i++ {
		c.closed(closed[i], closed[i-1], closed[0], entries)
		if !slices.ContainsFunc(c.r.DayKeys, func(k []byte) bool { return bytes.Equal(k, closed[i].Key) }) {
			c.r.DayKeys = append(c.r.DayKeys, closed[i].Key)
		}
	}
	if e := c.closings(closed); e != nil {
		c.r.bad("day", e.Error())
	}
	return err
}

// closed verifies one day: that it follows the one before it, that its head is in the
// chain, that it says what was signed, and the signature.
func (c *checker) closed(d, before, first ClosedDay, entries uint64) {
	bad := func(format string, args ...any) {
		c.r.bad(fmt.Sprintf("day/%d", d.Number), fmt.Sprintf(format, args...))
	}
	if d.Seq < before.Seq || d.At < before.At || d.Entries < before.Entries || d.Entries > entries {
		bad("it ends before the day that it follows")
	}
	var r day.Report
	if err := json.Unmarshal(d.Report, &r); err != nil || r.Kind != day.Z || r.Number != d.Number || !r.Balanced || len(r.Missing) > 0 || r.Head.Seq != d.Seq {
		bad("its report is not that of a closed day")
	}
	if d.Statement != statement(r.Till, d, r.Head.Link, before) {
		bad("what was signed is not what its report and the day before it say")
	}
	if len(d.Key) != ed25519.PublicKeySize || !ed25519.Verify(d.Key, []byte(d.Statement), d.Signature) {
		bad("the signature does not verify")
	}
	if base, err := ledger.Base(c.tx); d.Seq < first.Seq || !c.deep && err == nil && d.Seq < base.Seq {
		return // its part of the journal is in an earlier file, or in an archive that is not looked at
	}
	if link, err := c.old.link(c.tx, d.Seq); err != nil || link != r.Head.Link {
		bad("I5: its head is not in the chain")
	}
	for _, t := range r.Totals {
		i := slices.IndexFunc(d.Closing, func(b day.Balance) bool { return b.Currency == t.Currency })
		if i < 0 && t.Closing != 0 || i >= 0 && d.Closing[i].Minor != t.Closing {
			bad("its balance in %s is not that of its report", t.Currency)
		}
	}
}

// closings adds the postings up once and holds each day's closing balance against
// them, at its own place in the journal.
func (c *checker) closings(closed []ClosedDay) error {
	sums, from, start := make(map[string]int64), closed[0].Seq, closed[0].Closing
	if l := last(c.old.list()); !c.deep && l.To > from {
		from, start = l.To, l.Closing
	}
	for _, b := range start {
		sums[string(b.Currency)] = b.Minor
	}
	next := 1
	hold := func(upTo uint64) {
		for ; next < len(closed) && closed[next].Seq < upTo; next++ {
			d := closed[next]
			if d.Seq < from {
				continue
			}
			said := make(map[string]int64)
			for _, b := range d.Closing {
				said[string(b.Currency)] = b.Minor
			}
			for currency, sum := range sums {
				if said[currency] != sum {
					c.r.bad(fmt.Sprintf("day/%d", d.Number), fmt.Sprintf("I8: it closes with %d %s, the postings add up to %d", said[currency], currency, sum))
				}
			}
		}
	}
	err := c.legs(from, func(seq uint64, _ sale.ID, p sale.Posting) error {
		hold(seq)
		if p.Account == sale.Provider {
			sums[string(p.Amount.Currency)] += p.Amount.Minor
		}
		return nil
	})
	hold(^uint64(0))
	return err
}

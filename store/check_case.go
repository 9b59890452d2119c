package store

import (
	"encoding/binary"
	"fmt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// disagreed notes the orders that a line of the journal says are disagreed with.
func (c *checker) disagreed(before, after sale.Sale, at sale.Instant) {
	for _, order := range sale.Mismatched(before, after) {
		if _, known := c.mismatched[order]; !known {
			c.mismatched[order] = at
		}
	}
}

// cases holds the cases against each other, against the sales, and every mismatch
// that the journal knows against its case.
func (c *checker) cases() error {
	b := c.tx.Bucket(caseBucket)
	owned := make(map[string]bool) // keys that a case accounts for
	cur := b.Cursor()
	for k, value := cur.Seek([]byte{caseRecord}); len(k) == 9 && k[0] == caseRecord; k, value = cur.Next() {
		var one Case
		id := binary.BigEndian.Uint64(k[1:])
		where := fmt.Sprintf("case/%d", id)
		owned[string(k)] = true
		if c.r.Cases++; id != uint64(c.r.Cases) {
			c.r.bad(where, "the one before it is missing")
		}
		if err := record.Unmarshal(k, value, &one); err != nil {
			c.r.bad(where, err.Error())
			continue
		}
		c.oneCase(one, id, owned, func(what string) { c.r.bad(where, what) })
	}
	if b.Sequence() != uint64(c.r.Cases) {
		c.r.bad("case", fmt.Sprintf("%d numbers were given out, there are %d cases", b.Sequence(), c.r.Cases))
	}
	for order := range c.mismatched {
		c.r.bad("case", fmt.Sprintf("nobody was told that the payment of order %s is disagreed with", order))
	}
	return b.ForEach(func(k, value []byte) error {
		if _, err := record.Open(k, value); err != nil {
			c.r.bad(fmt.Sprintf("case/%x", k), err.Error())
		} else if !owned[string(k)] {
			c.r.bad(fmt.Sprintf("case/%x", k), "it belongs to no case")
		}
		return nil
	})
}

func (c *checker) oneCase(one Case, id uint64, owned map[string]bool, bad func(string)) {
	b := c.tx.Bucket(caseBucket)
	at, open := subjectAt(one.Kind, one.Subject), caseAt(caseOpen, id)
	owned[string(at)] = true
	if named, err := record.Open(at, b.Get(at)); err != nil || len(named) != 8 || binary.BigEndian.Uint64(named) != id {
		bad("its subject does not lead to it")
	}
	if one.Open() {
		c.r.OpenCases++
		owned[string(open)] = true
	}
	if waits := b.Get(open) != nil; waits != one.Open() {
		bad(fmt.Sprintf("open is %v; that it is among those that wait is %v", one.Open(), waits))
	}
	if one.ID != id || one.Next == "" || !one.Open() && (one.Closed.By == "" || one.Closed.Wall.IsZero()) {
		bad("it does not say what it is, what to do, or who closed it")
	}
	if one.Sale != "" && !c.exists(one.Sale) {
		bad(fmt.Sprintf("there is no sale %q", one.Sale))
	}
	if one.Kind != ReconciliationMismatch {
		return
	}
	if away := c.partly[one.Sale] || c.tx.Bucket(saleBucket).Get([]byte(one.Sale)) == nil; away && !c.deep && len(c.old.list()) > 0 {
		delete(c.mismatched, one.OrderNo)
		return // the line that says so may be in an archive that is not looked at
	}
	if since, ok := c.mismatched[one.OrderNo]; !ok || since != one.At || one.Subject != one.OrderNo {
		bad("the journal knows of no such mismatch")
	}
	delete(c.mismatched, one.OrderNo)
}

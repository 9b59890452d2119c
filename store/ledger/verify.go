package ledger

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// Counts are what a verification has seen.
type Counts struct{ Lines, Legs int }

// Verify walks the whole ledger of a file that began at origin. It tells bad
// about everything that is not as Append leaves it, and goes on; each is given
// every line that could be read, in order.
func Verify(tx *bbolt.Tx, origin []byte, bad func(where, what string), each func(seq uint64, line Line)) Counts {
	v := verifier{tx: tx, bad: bad}
	prev := Genesis(origin)
	if b, err := record.Open(originKey, tx.Bucket(chainBucket).Get(originKey)); err != nil || Link(b) != prev.Link {
		bad("chain/origin", "I5: the journal does not begin at this file's identity")
	}
	if base, err := Base(tx); err != nil {
		bad("chain/base", "I5: "+err.Error())
	} else if base.Seq > 0 {
		prev = base
	}
	for k, value := range entries(tx.Bucket(journalBucket)) {
		prev = v.line(prev, k, value, each)
	}
	if head, err := Tip(tx); err != nil {
		bad("chain/head", "I5: "+err.Error())
	} else if head != prev {
		bad("chain/head", fmt.Sprintf("I5: the head names line %d (%.12s), the journal ends at %d (%.12s)", head.Seq, head.Link, prev.Seq, prev.Link))
	}
	v.postings()
	return v.n
}

type verifier struct {
	tx   *bbolt.Tx
	bad  func(where, what string)
	last sale.Instant
	n    Counts
}

// line checks one line against the one before it and returns where the chain
// stands after it. After a break it goes on from the line's own link, so that
// one broken line is one complaint.
func (v *verifier) line(prev Head, k, value []byte, each func(uint64, Line)) Head {
	v.n.Lines++
	if len(k) != 8 {
		v.bad(fmt.Sprintf("journal/%x", k), "it is no line number")
		return prev
	}
	seq := binary.BigEndian.Uint64(k)
	where := fmt.Sprintf("journal/%d", seq)
	if seq != prev.Seq+1 {
		v.bad(where, fmt.Sprintf("I5: line %d is missing before it", prev.Seq+1))
	}
	b, err := record.Open(k, value)
	if err == nil && len(b) < sha256.Size {
		err = record.ErrRotten
	}
	if err != nil {
		v.bad(where, err.Error())
		return Head{Seq: seq, Link: prev.next(nil).Link}
	}
	at := Head{Seq: seq, Link: Link(b)}
	prev.Seq = seq - 1
	if body := b[sha256.Size:]; prev.next(body) != at {
		v.bad(where, "I5: the chain breaks here: this line, or the one before it, is not the one that was written")
	}
	var line Line
	if err := json.Unmarshal(b[sha256.Size:], &line); err != nil {
		v.bad(where, err.Error())
		return at
	}
	if line.Event.At <= v.last {
		v.bad(where, "the till's time does not move forward")
	}
	v.last = line.Event.At
	each(seq, line)
	return at
}

// postings checks that every leg belongs to a line, and that those of each line
// sum to zero (I8). Whether they are the right ones is for whoever knows the sale.
func (v *verifier) postings() {
	seq, legs := uint64(0), []sale.Posting(nil)
	var line Line // of seq: its legs follow each other
	var missing error
	settle := func() {
		if err := Balanced(legs); err != nil {
			v.bad(fmt.Sprintf("posting/%d", seq), "I8: "+err.Error())
		}
		legs = nil
	}
	for k, value := range entries(v.tx.Bucket(postingBucket)) {
		v.n.Legs++
		where := fmt.Sprintf("posting/%x", k)
		if len(k) != 9 {
			v.bad(where, "it is no number of a posting")
			continue
		}
		if at := binary.BigEndian.Uint64(k); at != seq {
			settle()
			seq = at
			line, missing = At(v.tx, seq)
		}
		var p leg
		if err := record.Unmarshal(k, value, &p); err != nil {
			v.bad(where, err.Error())
			continue
		}
		if missing != nil || line.Sale != p.Sale {
			v.bad(where, fmt.Sprintf("I8: it is not of line %d's sale", seq))
		}
		legs = append(legs, p.Posting)
	}
	settle()
}

// Legs are the postings of one line.
func Legs(tx *bbolt.Tx, seq uint64) ([]sale.Posting, error) {
	var legs []sale.Posting
	c := tx.Bucket(postingBucket).Cursor()
	for k, value := c.Seek(seqKey(seq)); len(k) == 9 && binary.BigEndian.Uint64(k) == seq; k, value = c.Next() {
		var p leg
		if err := record.Unmarshal(k, value, &p); err != nil {
			return nil, err
		}
		legs = append(legs, p.Posting)
	}
	return legs, nil
}

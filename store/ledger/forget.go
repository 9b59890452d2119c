package ledger

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/record"
)

// Journal is the bucket of the lines, the oldest of which may lie elsewhere.
func Journal(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket(journalBucket) }

// Postings is the bucket of the postings of those lines.
func Postings(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket(postingBucket) }

// Base is where the journal of the file begins: its origin, or the last line that
// was forgotten, which is the one that the first line here follows.
func Base(tx *bbolt.Tx) (Head, error) {
	chain := tx.Bucket(chainBucket)
	if value := chain.Get(baseKey); value != nil {
		b, err := record.Open(baseKey, value)
		if err != nil || len(b) != 8+len(Link{}) {
			return Head{}, errors.Join(errors.New("ledger: the base of the chain cannot be read"), err)
		}
		return Head{binary.BigEndian.Uint64(b), Link(b[8:])}, nil
	}
	link, err := LinkAt(tx, 0)
	return Head{Link: link}, err
}

// Forget drops at most limit of the oldest lines, up to one, with their postings. It
// writes down which line the rest follows, so that the rest still is a chain. That the
// lines lie elsewhere is for the caller to know.
func Forget(tx *bbolt.Tx, upTo uint64, limit int) (n int, err error) {
	base, err := Base(tx)
	if err != nil {
		return 0, err
	}
	var lines [][]byte
	c := tx.Bucket(journalBucket).Cursor()
	for k, v := c.First(); k != nil && n < limit && binary.BigEndian.Uint64(k) <= upTo; k, v = c.Next() {
		_, link, err := decode(k, v)
		if err != nil {
			return 0, fmt.Errorf("ledger: line %x: %w", k, err)
		}
		base = Head{binary.BigEndian.Uint64(k), link}
		lines = append(lines, slices.Clone(k))
		n++
	}
	if n == 0 {
		return 0, nil
	}
	var legs [][]byte
	c = tx.Bucket(postingBucket).Cursor()
	for k, _ := c.First(); len(k) == 9 && binary.BigEndian.Uint64(k) <= base.Seq; k, _ = c.Next() {
		legs = append(legs, slices.Clone(k))
	}
	for _, from := range []struct {
		bucket []byte
		keys   [][]byte
	}{{journalBucket, lines}, {postingBucket, legs}} {
		for _, k := range from.keys {
			if err := tx.Bucket(from.bucket).Delete(k); err != nil {
				return 0, err
			}
		}
	}
	return n, tx.Bucket(chainBucket).Put(baseKey, record.Seal(baseKey, append(seqKey(base.Seq), base.Link[:]...)))
}

// Continue drops every line that is here and goes on after one that lies elsewhere, as
// all before it do.
func Continue(tx *bbolt.Tx, after Head) error {
	for _, name := range [][]byte{journalBucket, postingBucket} {
		if err := tx.DeleteBucket(name); err != nil {
			return err
		}
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	chain := tx.Bucket(chainBucket)
	if err := chain.Put(baseKey, record.Seal(baseKey, append(seqKey(after.Seq), after.Link[:]...))); err != nil {
		return err
	}
	return putHead(chain, after)
}

// Follow reads a line that lies elsewhere and says where the chain stands after it,
// or why it is not the line that follows.
func (h Head) Follow(key, value []byte) (Head, Line, error) {
	b, err := record.Open(key, value)
	if err != nil || len(b) < len(Link{}) {
		return h, Line{}, errors.Join(record.ErrRotten, err)
	}
	var line Line
	body := b[len(Link{}):]
	next := h.next(body)
	if string(key) != string(seqKey(next.Seq)) || Link(b) != next.Link {
		return h, line, fmt.Errorf("I5: the chain breaks at line %x", key)
	}
	return next, line, json.Unmarshal(body, &line)
}

// Decode reads a line and its link that lie elsewhere.
func Decode(key, value []byte) (Line, Link, error) { return decode(key, value) }

// DecodeLeg reads a posting that lies elsewhere.
func DecodeLeg(key, value []byte) (seq uint64, id sale.ID, p sale.Posting, err error) {
	var l leg
	if err := record.Unmarshal(key, value, &l); err != nil || len(key) != 9 {
		return 0, "", p, fmt.Errorf("ledger: posting %x: %w", key, errors.Join(record.ErrRotten, err))
	}
	return binary.BigEndian.Uint64(key), l.Sale, l.Posting, nil
}

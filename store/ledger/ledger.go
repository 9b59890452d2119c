package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"go.etcd.io/bbolt"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store/record"
)

// The buckets of this package.
//
//	path: journal
//	maps: seq u64 -> the line's link, 32 bytes, and the line in JSON
//
//	path: posting
//	maps: seq u64, leg u8 -> one leg of the double entry of that line
//
//	path: chain
//	maps: "origin" -> link zero; "head" -> seq u64 and link of the last line;
//	      "base" -> the same of the last line that was forgotten
var (
	journalBucket = []byte("journal")
	postingBucket = []byte("posting")
	chainBucket   = []byte("chain")
	originKey     = []byte("origin")
	headKey       = []byte("head")
	baseKey       = []byte("base")
)

// Buckets are the names that this package keeps in a file.
func Buckets() []string {
	return []string{string(journalBucket), string(postingBucket), string(chainBucket)}
}

// Link is a line's place in the chain: SHA-256 over the link before it, its
// number and its bytes.
type Link [sha256.Size]byte

func (l Link) String() string { return hex.EncodeToString(l[:]) }

// Head is the end of the chain.
type Head struct {
	Seq  uint64
	Link Link
}

// Line is one line of the journal as it is stored.
type Line struct {
	Sale  sale.ID    `json:"sale"`
	State sale.State `json:"state"`
	Event sale.Event `json:"event"`
	After []byte     `json:"after"` // digest of the sale's stored form once the fact was applied
}

// leg is a posting as it is stored.
type leg struct {
	Sale sale.ID `json:"sale"`
	sale.Posting
}

// Create makes the buckets of an empty ledger whose chain begins at origin.
func Create(tx *bbolt.Tx, origin []byte) error {
	for _, name := range Buckets() {
		if _, err := tx.CreateBucket([]byte(name)); err != nil {
			return err
		}
	}
	first := Genesis(origin)
	chain := tx.Bucket(chainBucket)
	if err := chain.Put(originKey, record.Seal(originKey, first.Link[:])); err != nil {
		return err
	}
	return putHead(chain, first)
}

// Append writes the next line and its postings. It refuses legs that do not sum
// to zero before anything is written (I8).
func Append(tx *bbolt.Tx, line Line, legs []sale.Posting) (Head, error) {
	if err := Balanced(legs); err != nil {
		return Head{}, fmt.Errorf("ledger: %s of sale %s: %w", line.Event.Kind, line.Sale, err)
	}
	head, err := Tip(tx)
	if err != nil {
		return Head{}, err
	}
	body, err := json.Marshal(line)
	if err != nil {
		return Head{}, err
	}
	head = head.next(body)
	key := seqKey(head.Seq)
	journal := tx.Bucket(journalBucket)
	journal.FillPercent = 0.9 // only ever appended to
	if err := journal.Put(key, record.Seal(key, slices.Concat(head.Link[:], body))); err != nil {
		return Head{}, err
	}
	if err := post(tx, head.Seq, line.Sale, legs); err != nil {
		return Head{}, err
	}
	return head, putHead(tx.Bucket(chainBucket), head)
}

func post(tx *bbolt.Tx, seq uint64, id sale.ID, legs []sale.Posting) error {
	postings := tx.Bucket(postingBucket)
	postings.FillPercent = 0.9
	for i, p := range legs {
		key := append(seqKey(seq), byte(i))
		value, err := record.Marshal(key, leg{id, p})
		if err != nil {
			return err
		}
		if err := postings.Put(key, value); err != nil {
			return err
		}
	}
	return nil
}

// Tip is the end of the chain.
func Tip(tx *bbolt.Tx) (Head, error) {
	b, err := record.Open(headKey, tx.Bucket(chainBucket).Get(headKey))
	if err != nil || len(b) != 8+sha256.Size {
		return Head{}, errors.Join(errors.New("ledger: the head of the chain cannot be read"), err)
	}
	return Head{binary.BigEndian.Uint64(b), Link(b[8:])}, nil
}

// CheckTip says whether the last line is the one that the head names: what a
// file is asked every time it is opened.
func CheckTip(tx *bbolt.Tx) error {
	head, err := Tip(tx)
	if err != nil {
		return err
	}
	k, v := tx.Bucket(journalBucket).Cursor().Last()
	if base, err := Base(tx); err != nil || k == nil && head == base {
		return err
	}
	if !bytes.Equal(k, seqKey(head.Seq)) {
		return fmt.Errorf("ledger: the head names line %d, the journal ends at %x", head.Seq, k)
	}
	_, link, err := decode(k, v)
	if err == nil && link != head.Link {
		err = errors.New("it is not the line that the head names")
	}
	if err != nil {
		return fmt.Errorf("ledger: line %d: %w", head.Seq, err)
	}
	return nil
}

// Read gives at most limit lines that follow after, oldest first.
func Read(tx *bbolt.Tx, after uint64, limit int) ([]sale.Entry, error) {
	var list []sale.Entry
	c := tx.Bucket(journalBucket).Cursor()
	for k, v := c.Seek(seqKey(after + 1)); k != nil && len(list) < limit; k, v = c.Next() {
		line, _, err := decode(k, v)
		if err != nil {
			return nil, fmt.Errorf("ledger: line %x: %w", k, err)
		}
		list = append(list, sale.Entry{Seq: binary.BigEndian.Uint64(k), Sale: line.Sale, State: line.State, Event: line.Event})
	}
	return list, nil
}

// At is one line of the journal.
func At(tx *bbolt.Tx, seq uint64) (Line, error) {
	key := seqKey(seq)
	line, _, err := decode(key, tx.Bucket(journalBucket).Get(key))
	return line, err
}

// Balanced says whether legs sum to zero in every currency.
func Balanced(legs []sale.Posting) error {
	sums := make(map[money.Currency]int64)
	for _, p := range legs {
		sums[p.Amount.Currency] += p.Amount.Minor
	}
	for currency, sum := range sums {
		if sum != 0 {
			return fmt.Errorf("postings sum to %s", money.Money{Minor: sum, Currency: currency})
		}
	}
	return nil
}

// Genesis is the link that the first line follows. It differs from file to file,
// so that no line of one fits into another.
func Genesis(origin []byte) Head {
	return Head{Link: sha256.Sum256(append([]byte("qrposd journal\x00"), origin...))}
}

func (h Head) next(body []byte) Head {
	h.Seq++
	sum := sha256.New()
	sum.Write(h.Link[:])
	sum.Write(seqKey(h.Seq))
	sum.Write(body)
	h.Link = Link(sum.Sum(nil))
	return h
}

func putHead(chain *bbolt.Bucket, h Head) error {
	return chain.Put(headKey, record.Seal(headKey, append(seqKey(h.Seq), h.Link[:]...)))
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func decode(key, value []byte) (line Line, link Link, err error) {
	b, err := record.Open(key, value)
	if err != nil {
		return line, link, err
	}
	if len(b) < sha256.Size {
		return line, link, record.ErrRotten
	}
	return line, Link(b), json.Unmarshal(b[sha256.Size:], &line)
}

// entries walks a bucket in the order of its keys.
func entries(b *bbolt.Bucket) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		for k, v := c.First(); k != nil && yield(k, v); k, v = c.Next() {
		}
	}
}

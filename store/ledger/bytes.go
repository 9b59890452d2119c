package ledger

import (
	"bytes"
	"crypto/sha256"

	"go.etcd.io/bbolt"

	"qrposd/store/record"
)

// Bytes is a line as it is stored: its link and its body.
func Bytes(tx *bbolt.Tx, seq uint64) (Link, []byte, error) {
	key := seqKey(seq)
	return Split(key, tx.Bucket(journalBucket).Get(key))
}

// Split takes the stored value of a line apart, wherever it was found.
func Split(key, value []byte) (link Link, body []byte, err error) {
	b, err := record.Open(key, value)
	if err != nil {
		return link, nil, err
	}
	if len(key) != 8 || len(b) < sha256.Size {
		return link, nil, record.ErrRotten
	}
	return Link(b), bytes.Clone(b[sha256.Size:]), nil
}

// Follows says whether a line is the one that comes after h.
func (h Head) Follows(link Link, body []byte) bool { return h.next(body).Link == link }

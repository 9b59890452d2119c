package store

import (
	"bytes"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
)

// recalled bounds how many sales are remembered: those under way on one till.
const recalled = 256

// recall saves the writer the reading of sales that it has just written, which
// is a quarter of its work when many commit together. It is asked with the bytes
// that the transaction sees and answers only if they are those that it
// remembers, so a rollback or a crash cannot make it wrong. Only the writer uses
// it.
type recall struct {
	sales map[sale.ID]remembered
}

type remembered struct {
	value []byte
	sale  sale.Sale
}

// keep remembers a sale as reading it back would give it.
func (r *recall) keep(s sale.Sale, value []byte) {
	if len(r.sales) >= recalled {
		clear(r.sales) // the next reads fill it again
	}
	r.sales[s.ID] = remembered{value, s.AsStored()}
}

func (r *recall) load(tx *bbolt.Tx, id sale.ID) (sale.Sale, error) {
	if m, ok := r.sales[id]; ok && bytes.Equal(m.value, tx.Bucket(saleBucket).Get([]byte(id))) {
		return m.sale, nil
	}
	return load(tx, id)
}

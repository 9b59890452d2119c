package store

import (
	"bytes"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/queue"
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
	job   *queue.Job // as the same transaction left it, where that is known
}

// keep remembers a sale and its job as reading them back would give them.
func (r *recall) keep(s sale.Sale, value []byte, job *queue.Job) {
	if len(r.sales) >= recalled {
		clear(r.sales) // the next reads fill it again
	}
	r.sales[s.ID] = remembered{value, s.AsStored(), job}
}

// job is what is remembered of a sale's job. A sale and its job are only ever
// written together, so whoever was right about the sale is about the job.
func (r *recall) job(s sale.Sale) *queue.Job {
	if m, ok := r.sales[s.ID]; ok && m.sale.Facts == s.Facts {
		return m.job
	}
	return nil
}

func (r *recall) load(tx *bbolt.Tx, id sale.ID) (sale.Sale, error) {
	if m, ok := r.sales[id]; ok && bytes.Equal(m.value, tx.Bucket(saleBucket).Get([]byte(id))) {
		return m.sale, nil
	}
	return load(tx, id)
}

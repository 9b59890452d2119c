package store

import (
	"bytes"
	"sync"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store/queue"
)

// recalled bounds how many sales are remembered: those under way on one till.
const recalled = 256

// recall saves the reading of sales that were just written: a quarter of the writer's
// work when many commit together, and most of what driving a sale costs, because each
// step of it looks at the sale first. It is asked with the bytes that the transaction
// sees and answers only if they are those that it remembers, so a rollback, a crash, a
// reader of an older moment or rot in the file cannot make it wrong.
type recall struct {
	mu    sync.Mutex // guards sales; what is in it is never changed
	sales map[sale.ID]remembered
}

type remembered struct {
	value []byte
	sale  sale.Sale
	job   *queue.Job // as the same transaction left it, where that is known
}

// keep remembers a sale and its job as reading them back would give them.
func (r *recall) keep(s sale.Sale, value []byte, job *queue.Job) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sales) >= recalled {
		clear(r.sales) // what is under way is read again soon
	}
	r.sales[s.ID] = remembered{value, s.AsStored(), job}
}

func (r *recall) get(id sale.ID) (remembered, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.sales[id]
	return m, ok
}

// job is what is remembered of a sale's job. A sale and its job are only ever
// written together, so whoever was right about the sale is about the job.
func (r *recall) job(s sale.Sale) *queue.Job {
	if m, ok := r.get(s.ID); ok && m.sale.Facts == s.Facts {
		return m.job
	}
	return nil
}

// load reads a sale. What it gives may be written to, as a sale that was read from the
// file may: AsStored copies the attempts and the refunds, and nothing else of a sale is
// ever changed in place.
func (r *recall) load(tx *bbolt.Tx, id sale.ID) (sale.Sale, error) {
	if m, ok := r.get(id); ok && bytes.Equal(m.value, tx.Bucket(saleBucket).Get([]byte(id))) {
		return m.sale.AsStored(), nil
	}
	s, err := load(tx, id)
	if err == nil {
		r.keep(s, bytes.Clone(tx.Bucket(saleBucket).Get([]byte(id))), nil)
	}
	return s, err
}

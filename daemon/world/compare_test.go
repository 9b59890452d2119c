package world

import (
	"fmt"
	"hash/fnv"
	"io"
	"maps"
	"os"
	"slices"

	"qrposd/rules/sale"
	"qrposd/store"
)

// compare holds the files of the tills, without power for good, against the truth.
func (w *world) compare() {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := map[string]bool{} // orders that are on record
	found := map[sale.ID]bool{}
	print := fnv.New64a()
	for _, t := range w.tills {
		report, err := store.CheckFile(t.path)
		if err != nil {
			w.violate("%s: %v", t.name, err)
			continue
		}
		for _, v := range report.Violations {
			w.violate("%s: %s", t.name, v)
		}
		w.leaks(t)
		db, err := store.Open(t.path, store.Options{Till: t.name, Secret: []byte("x"), Reserve: 64 << 10, Clock: t.clock})
		if err != nil {
			w.violate("%s: %v", t.name, err)
			continue
		}
		list, err := db.Sales(t.sales+100, "")
		if err = firstOf(err, db.Close()); err != nil {
			w.violate("%s: %v", t.name, err)
		}
		slices.Reverse(list)
		for i := range list {
			s := &list[i]
			found[s.ID] = true
			if w.nth["sale "+s.Description]++; w.nth["sale "+s.Description] > 1 {
				w.violate("%s was asked for once and is there twice", s.Description)
			}
			if s.Own != nil {
				w.compareOwn(s)
			} else {
				w.compareSale(s, known)
			}
			w.fingerprint(print, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.acks.owed)) {
		if !found[w.acks.owed[name]] {
			w.violate("I2: %s was acknowledged and is gone", name)
		}
	}
	for _, no := range slices.Sorted(maps.Keys(w.p.orders)) {
		o := w.p.orders[no]
		if !known[no] && !w.acks.gone[o.name] { // what a disk has lost is for the day's bill to find
			w.violate("I3: the provider has an order of %s that is on no record", o.name)
		}
		if o.paid {
			w.sum.n[paidOrders]++
		}
		if o.undone {
			w.sum.n[takenBack]++
		}
	}
	w.sum.n[sales], w.sum.print = len(found), print.Sum64()
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// compareSale holds one sale against the orders that the provider knows of it.
func (w *world) compareSale(s *sale.Sale, known map[string]bool) {
	name, truth := s.Description, int64(0)
	for i := range s.Attempts {
		a := &s.Attempts[i]
		if known[a.OrderNo] {
			w.violate("I4: %s has an order number of another sale", name)
		}
		known[a.OrderNo] = true
		w.sum.n[attempts]++
		w.compareVerdict(s, a)
		holds, books := int64(0), int64(0)
		if w.p.holds(a.OrderNo) {
			o := w.p.orders[a.OrderNo]
			holds = o.amount.Minor - o.refunded
		}
		if a.End == sale.EndPaid {
			books = s.Amount.Minor
		}
		for j := range s.Refunds {
			if r := &s.Refunds[j]; r.OrderNo == a.OrderNo && r.State == sale.RefundPaid {
				books -= r.Amount.Minor
			}
		}
		if holds != books {
			w.violate("%s (%s, order ended as %q): the provider holds %d of the payer's, the books say %d", nickname(name, a.OrderNo), s.State, a.End, holds, books)
		}
		truth += holds
	}
	if s.Price != nil {
		w.sum.n[foreign]++
	}
	if s.Liveness != nil && s.Liveness.Passed > 0 {
		w.sum.n[checks]++
	}
	if s.Rerouted {
		w.sum.n[rerouted]++
	}
	held, promised := int64(0), 0 // what people finish by hand
	for i := range s.Refunds {
		r := &s.Refunds[i]
		w.sum.n[refunds]++
		if r.Auto {
			w.sum.n[lateRefunds]++
		} else {
			promised++
		}
		if r.State == sale.RefundHeld {
			held += r.Amount.Minor
		}
	}
	if promised < w.acks.promise[s.ID] {
		w.violate("I2: %d refunds of %s were acknowledged, %d are on record", w.acks.promise[s.ID], name, promised)
	}
	if truth-held > s.Amount.Minor {
		w.violate("I1: the payer of %s has paid %d for %d", name, truth, s.Amount.Minor)
	}
	if s.Net() != truth {
		w.violate("%s: the books sum to %d, the truth is %d", name, s.Net(), truth)
	}
	if taken := truth > 0; taken != s.State.Taken() && held == 0 {
		w.violate("%s is %s and the provider holds %d", name, s.State, truth)
	}
	if s.State.Live() {
		w.violate("%s is still %s", name, s.State)
	}
}

// compareVerdict holds what is on record of the provider's model against its word.
func (w *world) compareVerdict(s *sale.Sale, a *sale.Attempt) {
	o := w.p.orders[a.OrderNo]
	if a.End != sale.EndPaid || a.Key == "" || o == nil {
		return
	}
	if a.Verdict == sale.Unread || a.Verdict != sale.Unanswered && a.Verdict != o.model.verdict {
		w.violate("%s: the verdict on record is %q, the model's is %q", nickname(s.Description, a.OrderNo), a.Verdict, o.model.verdict)
	}
}

// fingerprint is what became of a sale, without what differs from run to run.
func (w *world) fingerprint(to io.Writer, s *sale.Sale) {
	fmt.Fprintln(to, s.Description, s.State, s.Amount.Minor, s.Net())
	for i := range s.Attempts {
		fmt.Fprintln(to, s.Attempts[i].End, s.Attempts[i].Undo)
	}
	for i := range s.Refunds {
		fmt.Fprintln(to, s.Refunds[i].State, s.Refunds[i].Amount.Minor)
	}
}

// leaks looks for payers' codes in a file (I10).
func (w *world) leaks(t *till) {
	b, err := os.ReadFile(t.path)
	if err != nil {
		w.violate("%s: %v", t.name, err)
	}
	for start, i := 0, 0; i <= len(b); i++ {
		if i < len(b) && b[i] >= '0' && b[i] <= '9' {
			continue
		}
		if i-start == 18 && w.codes[string(b[start:i])] {
			w.violate("I10: %s has a payer's code on its disk", t.name)
		}
		start = i + 1
	}
}

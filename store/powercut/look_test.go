package powercut

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"

	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/archive"
	"qrposd/store/record"
)

// look says what is wrong with a state of the store's directory, or nil.
func (f *found) look(dir string) error {
	if err := f.lay(dir); err != nil {
		return err
	}
	return f.check(filepath.Join(dir, storeName))
}

// lay puts the files of a state into a directory, and nothing else.
func (f *found) lay(dir string) error {
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return err
	}
	for name, c := range f.files {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, c.data, 0o600), os.Truncate(path, int64(c.size))); err != nil {
			return err
		}
	}
	return nil
}

// check says what is wrong with a store that a power cut left.
func (f *found) check(path string) error {
	if err := f.holds(path, keeps); err != nil {
		return err
	}
	if f.resume {
		return f.goOn(path)
	}
	return nil
}

// holds looks for all that was promised: in the file and in the archives that it
// knows. fits says what a sale may be that was acknowledged as it was.
func (f *found) holds(path string, fits func(was, s sale.Sale) bool) error {
	report, err := store.CheckFile(path)
	if err = errors.Join(err, report.Err()); err != nil {
		return fmt.Errorf("check: %w", err)
	}
	bodies, here, err := soldIn(path)
	if err != nil {
		return err
	}
	f.archives, f.gone = report.Archives, len(bodies)-here
	known := map[string]bool{}
	for id, body := range bodies {
		var s, was sale.Sale
		if err := json.Unmarshal(body, &s); err != nil {
			return err
		}
		for _, a := range s.Attempts {
			known[a.OrderNo] = true
		}
		for _, r := range s.Refunds {
			known[r.No] = known[r.No] || r.Tries > 0
		}
		told := f.told[id]
		if told == "" || told == string(body) {
			continue
		}
		if err := json.Unmarshal([]byte(told), &was); err != nil {
			return err
		}
		if !fits(was, s) {
			return fmt.Errorf("sale %s was acknowledged as %s and is %s", id, told, body)
		}
	}
	for id := range f.told {
		if bodies[id] == nil {
			return fmt.Errorf("sale %s was acknowledged and is lost", id)
		}
	}
	for _, sent := range []map[string]bool{f.sent, f.refunded} {
		for no := range sent {
			if !known[no] {
				return fmt.Errorf("%s left the till and is not on record", no)
			}
		}
	}
	return nil
}

// keeps is what may differ from what was acknowledged: a later fact that nobody was
// told yet.
func keeps(was, s sale.Sale) bool { return s.Facts == was.Facts+1 }

// soldIn is every sale of a store, in its archives and in its file, which has the last
// word: the bytes that are on record, and how many sales are still in the file.
func soldIn(path string) (bodies map[sale.ID][]byte, here int, err error) {
	bodies = map[sale.ID][]byte{}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket([]byte("archive")).Cursor()
		for k, v := c.Seek([]byte("c")); len(k) > 0 && k[0] == 'c'; k, v = c.Next() {
			var known struct {
				File string `json:"file"`
			}
			if err := record.Unmarshal(k, v, &known); err != nil {
				return err
			}
			if err := soldBefore(filepath.Join(filepath.Dir(path), known.File), bodies); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte("sale")).ForEach(func(k, v []byte) error {
			body, err := record.Open(k, v)
			bodies[sale.ID(k)] = bytes.Clone(body)
			here++
			return err
		})
	})
	return bodies, here, err
}

func soldBefore(path string, bodies map[sale.ID][]byte) error {
	r, err := archive.Open(path)
	if err != nil {
		return err
	}
	const sales = 3 // the section
	for rec, e := range r.From(sales, nil) {
		body, bad := record.Open(rec.Key, rec.Value)
		if err = errors.Join(e, bad); err != nil {
			break
		}
		bodies[sale.ID(rec.Key)] = body
	}
	return errors.Join(err, r.Close())
}

// goOn starts a till on what is left: nobody may be charged twice.
func (f *found) goOn(path string) error {
	db, err := open(path)
	if err != nil {
		return err
	}
	p := newProvider()
	maps.Copy(p.paid, f.sent)
	maps.Copy(p.refunds, f.refunded)
	ids, err := db.Unfinished()
	for _, id := range ids {
		s, e := db.Sale(id)
		if e == nil {
			s, e = drive(db, s, p, true, "", func(sale.Sale) {})
		}
		if e == nil && (s.State.Live() || s.State == sale.Refunding) {
			e = fmt.Errorf("sale %s still is %s", id, s.State)
		}
		taken := int64(0)
		for i := range s.Attempts {
			if p.paid[s.Attempts[i].OrderNo] {
				taken += s.Amount.Minor
			}
		}
		for i := range s.Refunds {
			if p.refunds[s.Refunds[i].No] {
				taken -= s.Refunds[i].Amount.Minor
			}
		}
		if e == nil && (taken != s.Net() || taken > s.Amount.Minor) {
			e = fmt.Errorf("sale %s: the provider took %d, the books have %d of %d", id, taken, s.Net(), s.Amount.Minor)
		}
		err = errors.Join(err, e)
	}
	if len(p.double) > 0 {
		err = errors.Join(err, fmt.Errorf("charged twice: %v", p.double))
	}
	err = errors.Join(err, f.guarded(db))
	for did := true; did && err == nil; {
		did, err = db.Rotate(context.Background())
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return err
	}
	report, err := store.CheckFile(path)
	return errors.Join(err, report.Err())
}

// guarded asks for everything once more: a caller's key gives the sale that it gave,
// and a payer's code is used up, wherever the sale is.
func (f *found) guarded(db *store.DB) error {
	fresh, _, err := begin(db, "another")
	if err != nil {
		return err
	}
	for id, text := range f.told {
		var told sale.Sale
		if err := json.Unmarshal([]byte(text), &told); err != nil {
			return err
		}
		again, replayed, err := begin(db, told.Description)
		if err != nil || !replayed || again.ID != id {
			return fmt.Errorf("the key of %s gives %s: %w", id, again.ID, err)
		}
		for _, a := range again.Attempts {
			ev := sale.Event{Kind: sale.ChargeIntended, OrderNo: fresh.NextOrderNo(), Request: &a.Request, CodeID: a.CodeID}
			var refusal *sale.Refusal
			if _, err := db.Commit(context.Background(), fresh.ID, ev, sale.Once{}); !errors.As(err, &refusal) || refusal.Code != "code_used" {
				return fmt.Errorf("the code of %s once more: %w", id, err)
			}
		}
	}
	return nil
}

package store_test

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"qrposd/rules/offline"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/archive"
	"qrposd/store/record"
	"qrposd/store/storetest"
)

// months is a till that sells for a fortnight, ten sales an archive, with all that makes
// an old sale one to look at again: it ends late, comes back, or is a case.
type months struct {
	*shop
	t    testing.TB
	db   *store.DB
	rand *rand.Rand
	open []sale.Sale // charged, and nobody knows how it ended
	done []sale.Sale
	n    int // with a caller's key
	own  int // without the provider
}

func (m *months) pick(list []sale.Sale) int { return m.rand.IntN(len(list)) }

// step is one thing that happens.
func (m *months) step() {
	m.clock.pass(time.Duration(1+m.rand.IntN(90)) * time.Minute)
	switch k := m.rand.IntN(20); {
	case k < 11:
		m.done = append(m.done, settled(m.t, m.db, m.n))
		m.n++
	case k < 13:
		s := begin(m.t, m.db, payer())
		m.open = append(m.open, commit(m.t, m.db, s.ID, charge(s)))
	case k < 16 && len(m.open) > 0:
		i := m.pick(m.open)
		s := m.open[i]
		m.open = slices.Delete(m.open, i, i+1)
		v := sale.Verdict(sale.Unanswered)
		if m.rand.IntN(2) == 0 {
			v = sale.Mismatch
		}
		m.done = append(m.done, commit(m.t, m.db, s.ID, sale.Event{Kind: sale.Received, Amount: cny, TransactionID: "42", Verdict: v}))
	case k == 16 && len(m.open) > 0: // somebody saw it otherwise
		i := m.pick(m.open)
		s := m.open[i]
		m.open = slices.Delete(m.open, i, i+1)
		commit(m.t, m.db, s.ID, sale.Event{Kind: sale.Unclear})
		commit(m.t, m.db, s.ID, said(sale.TakenOver, sale.SeenPaid))
		commit(m.t, m.db, s.ID, sale.Event{Kind: sale.TakenBack})
	case k == 17: // a policy refuses
		s := begin(m.t, m.db, payer())
		s = commit(m.t, m.db, s.ID, charge(s))
		commit(m.t, m.db, s.ID, sale.Event{Kind: sale.ChargeRefused, Appeal: true, Why: &sale.Reason{Code: "ai_policy", Message: "a rule"}})
		commit(m.t, m.db, s.ID, sale.Event{Kind: sale.Concluded})
	case k == 18:
		m.own++
		o := shown(m.t, m.db, own("promptpay", int64(100+m.own), 0))
		r := offline.Receipt{ID: fmt.Sprint("r", m.own), Source: "s", Amount: thb(int64(99 + m.own)), At: m.clock.Wall()}
		switch m.own % 4 {
		case 0: // the receipt of the one before it
			receive(m.t, m.db, r)
		case 2: // one that is nobody's, and one on somebody's word
			r.Amount = thb(5)
			receive(m.t, m.db, r)
			if _, err := m.db.Reconcile(m.t.Context(), o.ID, "", "Li", "seen at the bank"); err != nil {
				m.t.Fatal(err)
			}
		}
	case k > 15 && len(m.done) > 0: // an old one comes back
		i := m.pick(m.done)
		s, err := m.db.Sale(m.done[i].ID)
		if err != nil {
			m.t.Fatal(err)
		}
		if left := s.Refundable(s.Current().OrderNo).Minor; left >= 100 {
			m.done[i] = refund(m.t, m.db, s, 100, fmt.Sprint("late", s.ID, left))
		} else {
			m.done[i] = commit(m.t, m.db, s.ID, verdict(sale.Mismatch))
		}
	}
}

func newMonths(t testing.TB, seed uint64, change ...func(*store.Options)) *months {
	m := &months{shop: &shop{path: newPath(t), clock: newFakeClock()}, t: t, rand: rand.New(rand.NewPCG(seed, 1))}
	m.ring = filepath.Join(filepath.Dir(m.path), "ring")
	o := m.options()
	for _, c := range change {
		c(&o)
	}
	var err error
	if m.db, err = store.Open(m.path, o); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *months) steps(n int) {
	for range n {
		m.step()
		if m.rand.IntN(8) == 0 {
			rotate(m.t, m.db)
		}
	}
}

func grown(t testing.TB, seed uint64) *months {
	m := newMonths(t, seed)
	m.steps(300)
	if err := m.db.Close(); err != nil {
		t.Fatal(err)
	}
	storetest.MustCheck(t, m.path)
	return m
}

// everything is all records of a file, but for what says when it was put together.
func everything(t testing.TB, path string) map[string]string {
	all := make(map[string]string)
	edit(t, path, func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			all[string(name)] = fmt.Sprint(b.Sequence())
			return b.ForEach(func(k, v []byte) error {
				if string(name) != "meta" || string(k) != "restored" {
					all[fmt.Sprintf("%s/%x", name, k)] = string(v)
				}
				return nil
			})
		})
	})
	return all
}

// A store whose oldest archives are taken on their proof is the one that all lines make,
// record by record, whatever the damage.
func TestThePastIsTrusted(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for what, how := range map[string]func([]byte) []byte{
		"headers are gone": noHeaders,
		"a page is gone":   func(b []byte) []byte { return pages(b, 7) },
	} {
		t.Run(what, func(t *testing.T) {
			t.Logf("seed %d", seed)
			m := grown(t, seed)
			was := head(t, m.path)
			m.hurt(t, how)
			damaged := read(t, m.path)
			var made [2]map[string]string
			for i, q := range []store.Recovering{{Cause: store.ErrCorrupt}, store.Recovering{Cause: store.ErrCorrupt}.EveryLine()} {
				kept, err := filepath.Glob(m.path + ".damaged-*")
				for _, path := range kept {
					err = errors.Join(err, os.Remove(path))
				}
				if err != nil {
					t.Fatal(err)
				}
				write(t, m.path, damaged)
				r, err := store.Recover(t.Context(), m.path, m.options(), q)
				if err != nil {
					t.Fatal(err)
				}
				s := *r.Salvaged
				if s.Lines != was.entries || !s.Whole || s.Trusted+2 > s.Archives || (s.Trusted > 5) == (i == 1) {
					t.Fatalf("%+v of %+v", s, was)
				}
				if what == "headers are gone" && s.Books {
					t.Error("what people entered is said to be there, and nothing leads to it")
				}
				if i == 0 {
					t.Logf("%d archives of %d on their proof, of %d lines", s.Trusted, s.Archives, s.Lines)
				}
				storetest.MustCheck(t, m.path)
				made[i] = everything(t, m.path)
			}
			for k, v := range made[1] {
				if got, there := made[0][k]; got != v {
					t.Errorf("%s: %v\n%q, all lines make\n%q", k, there, got, v)
				}
			}
			for k := range made[0] {
				if _, there := made[1][k]; !there {
					t.Errorf("%s: the lines make no such record", k)
				}
			}
			db, err := store.Open(m.path, m.options())
			if err != nil {
				t.Fatal(err)
			}
			for i := range m.n {
				if _, replayed, err := db.Begin(t.Context(), payer(), "session", onceOf(i)); err != nil || !replayed {
					t.Fatalf("the key of sale %d makes another one: %v", i, err)
				}
			}
			for _, s := range m.done {
				if now, err := db.Sale(s.ID); err != nil || now.Net() != s.Net() {
					t.Fatalf("sale %s: %v", s.ID, err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// rewrite makes an archive anew, seals and all, with other records.
func rewrite(t testing.TB, path string, change func(section byte, key, body []byte) []byte) {
	t.Helper()
	r, err := archive.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, err := archive.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	for section := byte(1); section <= 7; section++ {
		for rec, err := range r.From(section, nil) {
			if err != nil {
				t.Fatal(err)
			}
			body, err := record.Open(rec.Key, rec.Value)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add(section, rec.Key, record.Seal(rec.Key, change(section, rec.Key, bytes.Clone(body)))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, path, out.Bytes())
}

// An archive with another sale than its lines name, with another line, or with keys of
// others is not trusted, although each record of it is sealed: the second record
// knows what there was.
func TestAForgedPastIsNotTrusted(t *testing.T) {
	const journal, sales, once = 1, 3, 5
	for what, c := range map[string]struct {
		section byte
		swap    [2]string
	}{
		"nothing":                {0, [2]string{}},
		"another sale":           {sales, [2]string{`"tea"`, `"tee"`}},
		"another line":           {journal, [2]string{`"by":"c1"`, `"by":"c2"`}},
		"a key of somebody else": {once, [2]string{`"sale":"T1`, `"sale":"T2`}},
	} {
		t.Run(what, func(t *testing.T) {
			m := grown(t, 7)
			was := head(t, m.path)
			list := archivesOf(t, m.path)
			slices.SortFunc(list, func(a, b string) int { return cmp.Compare(a[len(a)-30:], b[len(b)-30:]) })
			changed := false
			rewrite(t, list[2], func(section byte, _, body []byte) []byte {
				if section != c.section || changed {
					return body
				}
				other := bytes.Replace(body, []byte(c.swap[0]), []byte(c.swap[1]), 1)
				changed = !bytes.Equal(other, body)
				return other
			})
			if changed == (what == "nothing") {
				t.Fatal("nothing is forged")
			}
			m.hurt(t, noHeaders)
			r, err := store.Recover(t.Context(), m.path, m.options(), store.Recovering{Cause: store.ErrCorrupt})
			if err != nil {
				t.Fatal(err)
			}
			s := *r.Salvaged
			if trusted := s.Trusted > 5; trusted != (what == "nothing") || !trusted && s.Trusted > 2 || !s.Whole {
				t.Fatalf("%+v of %+v", s, was)
			}
			if report, err := store.CheckFile(m.path); errors.Join(err, report.Err()) != nil {
				t.Fatal(err, report.Violations)
			}
		})
	}
}

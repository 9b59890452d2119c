package store_test

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
	"qrposd/store/storetest"
)

// model is what a store should hold, in maps.
type model struct {
	t     *testing.T
	r     *rapid.T
	db    *store.DB
	clock *fakeClock
	boots int

	order []sale.ID
	sales map[sale.ID]sale.Sale
	due   map[sale.ID]sale.Instant
	once  map[string]sale.Once // by key
	owner map[string]sale.ID   // of a once key
	codes map[string]bool
	lines uint64

	disagreed []string // orders, each with its case
	waits     map[uint64]bool
	closing   map[string]uint64 // cases by once key
}

// Whatever is asked of it, in whatever order, with the process or the machine
// ending in between: the store holds what a map would hold.
func TestStoreIsItsModel(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &model{
			t: t, r: r, clock: newFakeClock(), sales: make(map[sale.ID]sale.Sale), due: make(map[sale.ID]sale.Instant),
			once: make(map[string]sale.Once), owner: make(map[string]sale.ID), codes: make(map[string]bool),
			waits: make(map[uint64]bool), closing: make(map[string]uint64),
		}
		path := newPath(t)
		m.open(path)
		defer func() { m.close() }()
		r.Repeat(map[string]func(*rapid.T){
			"begin":  m.begin,
			"event":  m.event,
			"event2": m.event, // the most frequent thing in a till's life
			"event3": m.event,
			"close":  m.closeCase,
			"time":   func(r *rapid.T) { m.clock.pass(time.Duration(rapid.Int64Range(1, 1e12).Draw(r, "passes"))) },
			"step":   func(r *rapid.T) { m.clock.step(time.Unix(rapid.Int64Range(0, 5e9).Draw(r, "clock set to"), 0)) },
			"reopen": func(r *rapid.T) {
				m.close()
				if rapid.Bool().Draw(r, "reboot") {
					m.boots++
					m.clock.reboot(fmt.Sprint("boot ", m.boots), time.Unix(rapid.Int64Range(0, 5e9).Draw(r, "clock at boot"), 0))
				}
				m.open(path)
			},
			"crash": func(*rapid.T) {
				path = storetest.MustCopy(t, path)
				m.close()
				m.open(path)
			},
			"": m.compare,
		})
	})
}

func (m *model) open(path string) {
	db, err := store.Open(path, options(withClock(m.clock)))
	if err != nil {
		m.r.Fatal(err)
	}
	m.db = db
}

func (m *model) close() {
	path := m.db.Path()
	if err := m.db.Close(); err != nil {
		m.r.Fatal(err)
	}
	r, err := store.CheckFile(path)
	if err = cmp.Or(err, r.Err()); err != nil {
		m.r.Fatal(err)
	}
}

func (m *model) drawOnce(r *rapid.T) sale.Once {
	return sale.Once{Key: rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(r, "once"), Print: rapid.SampledFrom([]string{"x", "x", "y"}).Draw(r, "print")}
}

func (m *model) begin(r *rapid.T) {
	once := m.drawOnce(r)
	n := sale.New{
		Flow:   rapid.SampledFrom([]sale.Flow{sale.Merchant, sale.Payer, "other"}).Draw(r, "flow"),
		Amount: money.Money{Minor: rapid.Int64Range(0, 3).Draw(r, "amount"), Currency: "CNY"},
	}
	s, replayed, err := m.db.Begin(m.t.Context(), n, "session", once)
	was, used := m.once[once.Key]
	switch {
	case used && (was != once || m.closing[once.Key] != 0):
		m.want(err, store.ErrOnceMismatch)
	case used:
		if err != nil || !replayed || s.ID != m.owner[once.Key] {
			r.Fatalf("a replay gave %s, %v, %v", s.ID, replayed, err)
		}
	case n.Amount.Check() != nil || n.Flow == "other":
		if err == nil {
			r.Fatal("a sale of nothing began")
		}
	default:
		if err != nil || replayed {
			r.Fatalf("begin: %v, %v", replayed, err)
		}
		if _, taken := m.sales[s.ID]; taken {
			r.Fatalf("I4: %s was minted twice", s.ID)
		}
		m.order = append(m.order, s.ID)
		m.record(s, once, sale.Event{Kind: sale.Begun})
	}
}

func (m *model) event(r *rapid.T) {
	if len(m.order) == 0 {
		return
	}
	id := rapid.SampledFrom(m.order).Draw(r, "sale")
	before, once := m.sales[id], m.drawOnce(r)
	ev := drawEvent(r, before)
	got, err := m.db.Commit(m.t.Context(), id, ev, once)
	was, used := m.once[once.Key]
	if used && (was != once || m.owner[once.Key] != id) {
		m.want(err, store.ErrOnceMismatch)
		return
	}
	if used {
		m.same(got, before, err)
		return
	}
	ev.At = m.db.Now().At
	_, applyErr := before.Apply(ev)
	var refusal *sale.Refusal
	switch {
	case applyErr != nil:
		if err == nil || errors.As(applyErr, new(*sale.Refusal)) != errors.As(err, new(*sale.Refusal)) {
			r.Fatalf("%s in %s: %v, want %v", ev.Kind, before.State, err, applyErr)
		}
	case before.Ephemeral(ev):
		m.same(got, before, err)
	case m.codes[ev.CodeID]:
		if !errors.As(err, &refusal) || refusal.Code != "code_used" {
			r.Fatalf("a code served two orders: %v", err)
		}
	case err != nil:
		r.Fatalf("%s in %s: %v", ev.Kind, before.State, err)
	default:
		if ev.CodeID != "" {
			m.codes[ev.CodeID] = true
		}
		m.record(got, once, ev)
	}
}

// record takes over what was committed, as the journal has it.
func (m *model) record(got sale.Sale, once sale.Once, ev sale.Event) {
	list, err := m.db.Journal(m.lines, 10)
	if err != nil || len(list) != 1 {
		m.r.Fatalf("%d new lines, %v", len(list), err)
	}
	line := list[0]
	if line.Seq != m.lines+1 || line.Sale != got.ID || line.Event.Kind != ev.Kind || line.State != got.State {
		m.r.Fatalf("the journal has %+v for %s", line, ev.Kind)
	}
	m.lines++
	if ev.Kind != sale.Begun {
		want, err := m.sales[got.ID].Apply(line.Event)
		m.same(got, want, err)
	}
	for _, order := range sale.Mismatched(m.sales[got.ID], got) {
		if !slices.Contains(m.disagreed, order) {
			m.disagreed = append(m.disagreed, order)
			m.waits[uint64(len(m.disagreed))] = true
		}
	}
	m.sales[got.ID] = got
	now := m.db.Now()
	now.At = line.Event.At
	delete(m.due, got.ID)
	if step := got.Next(now, sale.Watch{}, sale.DefaultPlan()); step.Do != sale.Nothing {
		m.due[got.ID] = step.Due
	}
	if once.Key != "" {
		m.once[once.Key], m.owner[once.Key] = once, got.ID
	}
}

func (m *model) closeCase(r *rapid.T) {
	id, once := uint64(rapid.IntRange(0, len(m.disagreed)+1).Draw(r, "case")), m.drawOnce(r)
	was, used := m.once[once.Key]
	c, replayed, err := m.db.CloseCase(m.t.Context(), id, "owner", "note", once)
	switch exists := id > 0 && id <= uint64(len(m.disagreed)); {
	case used && (was != once || m.closing[once.Key] != id):
		m.want(err, store.ErrOnceMismatch)
	case !exists:
		m.want(err, store.ErrCaseNotFound)
	case used:
		if err != nil || !replayed || c.ID != id || c.Open() {
			r.Fatalf("a replay gave %+v, %v, %v", c, replayed, err)
		}
	case !m.waits[id]:
		m.want(err, store.ErrCaseClosed)
	case err != nil || replayed || c.Open() || c.OrderNo != m.disagreed[id-1]:
		r.Fatalf("closed %+v, %v, %v", c, replayed, err)
	default:
		delete(m.waits, id)
		if once.Key != "" {
			m.once[once.Key], m.closing[once.Key] = once, id
		}
	}
}

// compareCases holds the cases against the mismatches that were told.
func (m *model) compareCases(r *rapid.T) {
	list, err := m.db.Cases(math.MaxInt, 0, everyCase)
	n, _, waitErr := m.db.Waiting()
	if err = cmp.Or(err, waitErr); err != nil || len(list) != len(m.disagreed) || n != len(m.waits) {
		r.Fatalf("%d cases of %d, %d of %d wait, %v", len(list), len(m.disagreed), n, len(m.waits), err)
	}
	for _, c := range list {
		if c.OrderNo != m.disagreed[c.ID-1] || c.Open() != m.waits[c.ID] {
			r.Fatalf("%+v is about %s, open %v", c, m.disagreed[c.ID-1], m.waits[c.ID])
		}
	}
}

// compare holds all that can be read against the model.
func (m *model) compare(r *rapid.T) {
	m.compareCases(r)
	newest := slices.Clone(m.order)
	slices.Reverse(newest)
	list, err := m.db.Sales(math.MaxInt, "")
	if err != nil || len(list) != len(newest) {
		r.Fatalf("%d sales of %d, %v", len(list), len(newest), err)
	}
	for i, s := range list {
		m.same(s, m.sales[newest[i]], nil)
		one, err := m.db.Sale(s.ID)
		m.same(one, s, err)
	}
	if n := len(newest) / 2; n > 0 {
		rest, err := m.db.Sales(1, newest[n-1])
		if err != nil || len(rest) != 1 || rest[0].ID != newest[n] {
			r.Fatalf("after %s comes %v, %v", newest[n-1], rest, err)
		}
	}
	ids, err := m.db.Unfinished()
	if err != nil || len(ids) != len(m.due) {
		r.Fatalf("%d of %d unfinished, %v", len(ids), len(m.due), err)
	}
	due := func(id sale.ID) sale.Instant { return max(m.due[id], m.db.Now().At) } // a job that is due and stays due is not moved
	if !slices.IsSortedFunc(ids, func(a, b sale.ID) int { return cmp.Compare(due(a), due(b)) }) {
		r.Fatal("the unfinished are not in the order of their time")
	}
	st := m.db.Stats()
	if st.Entries != m.lines || st.Sales != uint64(len(m.order)) || !st.Accepting {
		r.Fatalf("stats: %+v", st)
	}
}

func (m *model) same(got, want sale.Sale, err error) {
	if err != nil || stored(m.r, got) != stored(m.r, want) {
		m.r.Fatalf("%v\n got %s\nwant %s", err, stored(m.r, got), stored(m.r, want))
	}
}

func (m *model) want(err, want error) {
	if !errors.Is(err, want) {
		m.r.Fatalf("%v, want %v", err, want)
	}
}

// drawEvent is an event that often fits the sale and sometimes does not.
func drawEvent(r *rapid.T, s sale.Sale) sale.Event {
	ev := sale.Event{Kind: rapid.SampledFrom(sale.Kinds()).Draw(r, "kind"), Amount: s.Amount, OrderNo: rapid.SampledFrom([]string{"", "", "", "unknown"}).Draw(r, "order")}
	if ev.OrderNo == "" && len(s.Attempts) > 0 {
		ev.OrderNo = rapid.SampledFrom(s.Attempts).Draw(r, "attempt").OrderNo
	}
	if ev.Kind == sale.OrderIntended || ev.Kind == sale.ChargeIntended {
		ev.OrderNo = s.NextOrderNo()
	}
	if ev.Kind == sale.ChargeIntended {
		ev.CodeID = sale.NewPayerCode(fmt.Sprintf("13%016d", rapid.IntRange(0, 9).Draw(r, "code"))).ID()
	}
	if ev.Kind == sale.RefundRequested {
		ev.Amount.Minor = rapid.Int64Range(1, max(1, s.Amount.Minor)).Draw(r, "refund")
	}
	if len(s.Attempts) == 0 && ev.Kind == sale.Received {
		ev.Kind = sale.CancelRequested // a payment is of an order: the till asks about none that it did not make
	}
	if strings.HasPrefix(string(ev.Kind), "refund_") && len(s.Refunds) > 0 {
		ev.RefundNo = rapid.SampledFrom(s.Refunds).Draw(r, "refund number").No
	}
	req := sale.NewRequest("POST", "/"+ev.OrderNo, []byte("{}"), sale.PayerCode{})
	ev.Request = &req
	if ev.Kind == sale.Received || ev.Kind == sale.Reconciled {
		ev.Verdict = rapid.SampledFrom([]sale.Verdict{sale.Unread, sale.Consistent, sale.Mismatch}).Draw(r, "verdict")
	}
	ev.Lasts = time.Minute
	return ev
}

package sale

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

const sec = Instant(time.Second)

// script is a payer-presented sale in doubt whose charge left at second 100.
func inDoubt(t *testing.T, more ...Event) Sale {
	t.Helper()
	s := begin(t, Payer)
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	for _, ev := range append([]Event{{Kind: ChargeIntended, OrderNo: s.NextOrderNo(), Request: &req, At: 100 * sec}, {Kind: Waiting, At: 101 * sec}}, more...) {
		var err error
		if s, err = s.Apply(ev); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// The provider's schedule, line by line (code payment: query after 5 s and every
// 5 s, take back at 45 s, never before 15 s, ladder of 5, 10, 20 s, then for ever).
func TestSchedule(t *testing.T) {
	cancel, failed := Event{Kind: CancelRequested, At: 102 * sec}, Event{Kind: PayFailed, At: 102 * sec}
	refused := Event{Kind: ChargeRefused, At: 101 * sec}
	rev := func(at Instant) Event { return Event{Kind: ReverseIntended, At: at} }
	for _, c := range []struct {
		name string
		more []Event
		now  Now
		poll Poll
		do   Action
		due  Instant
	}{
		{"the first query", nil, Now{At: 101 * sec}, Poll{Asked: 1, Last: 101 * sec}, Query, 106 * sec},
		{"the next query", nil, Now{At: 106 * sec}, Poll{Asked: 2, Last: 107 * sec}, Query, 112 * sec},
		{"the last query is at the deadline", nil, Now{At: 142 * sec}, Poll{Asked: 8, Last: 142 * sec}, Query, 145 * sec},
		{"at the deadline: ask first", nil, Now{At: 145 * sec}, Poll{Asked: 8, Last: 142 * sec}, Query, 145 * sec},
		{"and reverse with no gap", nil, Now{At: 145 * sec}, Poll{Asked: 9, Last: 145 * sec}, Reverse, 145 * sec},
		{"a reboot waits the deadline out again", nil, Now{At: 150 * sec, Since: 149 * sec}, Poll{}, Query, 154 * sec},
		{"cancelled: not before 16 s", []Event{cancel}, Now{At: 103 * sec}, Poll{Asked: 1, Last: 102 * sec}, Query, 107 * sec},
		{"cancelled: at 16 s ask", []Event{cancel}, Now{At: 116 * sec}, Poll{Asked: 3, Last: 112 * sec}, Query, 116 * sec},
		{"cancelled: at 16 s reverse", []Event{cancel}, Now{At: 116 * sec}, Poll{Asked: 4, Last: 116 * sec}, Reverse, 116 * sec},
		{"a slow charge counts from its answer", []Event{cancel}, Now{At: 116 * sec}, Poll{Asked: 3, First: 109 * sec, Last: 116 * sec}, Query, 121 * sec},
		{"failed: reverse at 16 s", []Event{failed}, Now{At: 116 * sec}, Poll{Asked: 4, Last: 116 * sec}, Reverse, 116 * sec},
		{"reversing: ask meanwhile", []Event{rev(145 * sec)}, Now{At: 146 * sec}, Poll{Asked: 9, Last: 146 * sec}, Query, 150 * sec},
		{"first rung: 5 s", []Event{rev(145 * sec)}, Now{At: 150 * sec}, Poll{Asked: 10, Last: 150 * sec}, Reverse, 150 * sec},
		{"second rung: 10 s", []Event{rev(145 * sec), rev(150 * sec)}, Now{At: 160 * sec}, Poll{Asked: 12, Last: 160 * sec}, Reverse, 160 * sec},
		{"one missing is not enough", []Event{rev(145 * sec)}, Now{At: 146 * sec}, Poll{Asked: 9, Last: 146 * sec, Missing: 1}, Query, 150 * sec},
		{"two are, after 30 s", []Event{rev(145 * sec)}, Now{At: 146 * sec}, Poll{Asked: 9, Last: 146 * sec, Missing: 2}, Conclude, 146 * sec},
		{"and not before", []Event{cancel, rev(115 * sec)}, Now{At: 116 * sec}, Poll{Asked: 9, Last: 116 * sec, Missing: 2}, Query, 120 * sec},
	} {
		s := inDoubt(t, c.more...)
		w := Watch{Polls: map[string]Poll{s.Current().OrderNo: c.poll}}
		if got := s.Next(c.now, w, DefaultPlan()); got.Do != c.do || got.Due != c.due {
			t.Errorf("%s: %s at %d, want %s at %d", c.name, got.Do, got.Due/sec, c.do, c.due/sec)
		}
	}
	s := begin(t, Payer)
	req := NewRequest("POST", "/x", []byte("{}"), PayerCode{})
	s, _ = s.Apply(Event{Kind: ChargeIntended, OrderNo: s.NextOrderNo(), Request: &req, At: 100 * sec})
	if got := s.Next(Now{At: 100 * sec}, Watch{}, DefaultPlan()); got.Do != Query {
		t.Errorf("a charge without an outcome leads to %s", got.Do)
	}
	s, _ = s.Apply(refused)
	no := s.Current().OrderNo
	if got := s.Next(Now{At: 101 * sec}, Watch{Polls: map[string]Poll{no: {Asked: 1}}}, DefaultPlan()); got.Do != Query || got.Due != 101*sec {
		t.Errorf("a refusal is confirmed by %s at %d", got.Do, got.Due/sec)
	}
	if got := s.Next(Now{At: 102 * sec}, Watch{Polls: map[string]Poll{no: {Asked: 2, Missing: 1}}}, DefaultPlan()); got.Do != Conclude {
		t.Errorf("a confirmed refusal leads to %s", got.Do)
	}
}

func TestPlanLimits(t *testing.T) {
	if err := DefaultPlan().Validate(); err != nil {
		t.Error(err)
	}
	p := DefaultPlan()
	p.ReverseEarliest, p.Deadline = 14*time.Second, 61*time.Second
	err := p.Validate()
	if err == nil || !strings.Contains(err.Error(), "reverse_earliest") || !strings.Contains(err.Error(), "deadline") {
		t.Errorf("a plan outside of the provider's limits: %v", err)
	}
	if fast := DefaultPlan().Scale(100); fast.Deadline != 450*time.Millisecond || fast.Ladder[0] != 50*time.Millisecond || DefaultPlan().Ladder[0] != 5*time.Second {
		t.Errorf("scaled: %+v", fast)
	}
}

// I10: a payer's code gets out by Reveal and by nothing else.
func TestPayerCodeIsMasked(t *testing.T) {
	const digits = "134567890123456789"
	c := NewPayerCode(digits)
	out := fmt.Sprintf("%v %+v %#v %s %q %d %x %v %+v", c, c, c, c, c, c, c, struct{ c PayerCode }{c}, []any{&c, c, struct{ C PayerCode }{c}})
	j, _ := json.Marshal(map[string]any{"c": c, "p": &c})
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "c", c, "s", []PayerCode{c})
	req := NewRequest("POST", "/x", []byte(`{"payer":{"auth_code":"`+digits+`"}}`), c)
	r, _ := json.Marshal(req)
	said := fmt.Sprintf("%v %+v %#v %v", req, Sale{Attempts: []Attempt{{Request: req}}}, &Attempt{Request: req}, []Request{req})
	for _, s := range []string{out, string(j), log.String(), string(r), said, c.ID()} {
		if strings.Contains(s, digits) || strings.Contains(s, digits[:10]) || strings.Contains(s, fmt.Sprintf("%x", digits)) || strings.Contains(s, fmt.Sprint([]byte(digits))) {
			t.Errorf("the code is told in %s", s)
		}
	}
	if c.ID() == NewPayerCode(digits[:17]+"0").ID() || c.ID() != NewPayerCode(digits).ID() {
		t.Error("the digest does not name the code")
	}
}

func TestRequestIsSentUnchangedOrNotAtAll(t *testing.T) {
	c := NewPayerCode("134567890123456789")
	body := []byte(`{"auth_code":"134567890123456789","note":"<&>"}`)
	for _, code := range []PayerCode{c, {}} {
		req := NewRequest("POST", "/x", body, code)
		if got, err := req.Wire(); err != nil || string(got) != string(body) {
			t.Errorf("a fresh request sends %s, %v", got, err)
		}
		var back Request
		b, _ := json.Marshal(req)
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		got, err := back.Wire()
		if code.IsZero() && (err != nil || string(got) != string(body)) {
			t.Errorf("a stored request sends %s, %v", got, err)
		}
		if !code.IsZero() && !errors.Is(err, ErrBlanked) {
			t.Errorf("a blanked request can be sent: %s", got)
		}
	}
}

func TestMint(t *testing.T) {
	day := time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)
	id, key := Mint([]byte("s"), "TILL0001", "session", 33_554_431, 1764032400123456789, day)
	s := Sale{ID: id}
	if no := s.NextOrderNo(); len(no) > 32 || strings.Trim(no, "0123456789ABCDEFGHJKMNPQRSTVWXYZILU") != "" {
		t.Errorf("order number %q does not fit the provider's rule", no)
	}
	parts := strings.Split(key, ".")
	if len(parts) != 4 || parts[0] != "v1" || len(parts[1]) != 64 || parts[2] != "1764032400123456789" || len(parts[3]) != 43 {
		t.Errorf("key %q", key)
	}
	id2, key2 := Mint([]byte("s"), "TILL0001", "session", 33_554_431, 1764032400123456790, day)
	if id == id2 || key == key2 {
		t.Error("another instant gives the same key")
	}
	if id3, _ := Mint([]byte("s"), "T", "session", 1, 5, day); !strings.HasPrefix(string(id3), "T26112500001") {
		t.Errorf("id %q", id3)
	}
}

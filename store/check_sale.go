package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qrposd/rules/sale"
	"qrposd/store/ledger"
	"qrposd/store/record"
)

// payerCode is what a WeChat payment code looks like: 18 digits, the first two
// from 10 to 15.
var payerCode = regexp.MustCompile(`(?:^|[^0-9])1[0-5][0-9]{16}(?:$|[^0-9])`)

// hasCode says that a payer's code is in a request of the sale. An order number is
// none, though it may look like one: a till's name, the day and a running number can
// be 18 digits.
func hasCode(id sale.ID, body string) bool {
	return payerCode.MatchString(strings.ReplaceAll(body, string(id), "-"))
}

// sales checks each sale by itself and against its lines in the journal.
func (c *checker) sales() error {
	err := c.tx.Bucket(saleBucket).ForEach(func(k, value []byte) error {
		c.here++
		bad := func(format string, args ...any) {
			c.r.bad(fmt.Sprintf("sale/%q", k), fmt.Sprintf(format, args...))
		}
		body, err := record.Open(k, value)
		if err != nil {
			bad("%v", err)
			return nil
		}
		var s sale.Sale
		if err := json.Unmarshal(body, &s); err != nil {
			bad("%v", err)
			return nil
		}
		if string(s.ID) != string(k) {
			bad("I4: it calls itself %q", s.ID)
			return nil
		}
		c.shape(&s, bad)
		if err := c.history(s, body); err != nil {
			bad("%v", err)
		}
		delete(c.lines, s.ID)
		return nil
	})
	upTo := last(c.old.list()).To
	for id, seqs := range c.lines {
		if seqs[len(seqs)-1] <= upTo && c.exists(id) {
			continue // it was forgotten before its lines, which are about to be
		}
		c.r.bad(fmt.Sprintf("journal/%d", seqs[0]), fmt.Sprintf("there is no sale %q", id))
	}
	return err
}

// shape holds what must be true of a sale of the file.
func (c *checker) shape(s *sale.Sale, bad func(string, ...any)) {
	c.form(s, bad)
	c.own.shape(s, bad)
	for i := range s.Attempts {
		a := &s.Attempts[i]
		if a.CodeID == "" {
			continue
		}
		want := spentCode{s.ID, a.OrderNo}
		if was, err := c.spentOn(a.CodeID, want); err != nil || was != want {
			bad("I4: the payer code of order %s is not marked as spent on it", a.OrderNo)
		}
	}
	k := begunKey(s.Begun)
	if id, err := record.Open(k, c.tx.Bucket(begunBucket).Get(k)); err != nil || string(id) != string(s.ID) {
		bad("it is not in the index of sales by time")
	}
	for i := range s.Refunds {
		r := &s.Refunds[i]
		if (r.State == sale.RefundOwed || r.State == sale.RefundWorking) && !c.live[s.ID] {
			bad("refund %s is owed and has no job: it would be forgotten", r.No)
		}
	}
	if owes := s.State.Live() || s.State == sale.Refunding || s.Stuck(); owes && !c.live[s.ID] {
		bad("it is %s and has no job: it would be forgotten", s.State)
	}
}

// form holds what must be true of any sale, wherever it is.
func (c *checker) form(s *sale.Sale, bad func(string, ...any)) {
	open, unreturned := 0, 0
	for i := range s.Attempts {
		a := &s.Attempts[i]
		switch {
		case a.End == sale.Open:
			open++
		case a.End == sale.EndPaid && !slices.ContainsFunc(s.Refunds, func(r sale.Refund) bool { return r.OrderNo == a.OrderNo && r.Amount == s.Amount }):
			unreturned++
		}
		if before := (sale.Sale{ID: s.ID, Attempts: s.Attempts[:i]}); a.OrderNo != before.NextOrderNo() {
			bad("I4: attempt %d has order number %q", i+1, a.OrderNo)
		}
		if a.Request.IsZero() && !a.Found {
			bad("I3: order %s has no request on record", a.OrderNo)
		}
		if what := c.attemptKey(a); what != "" {
			bad("I4: the key of order %s %s", a.OrderNo, what)
		}
		if hasCode(s.ID, a.Request.Body) {
			bad("I10: the request of order %s has a payer's code in it", a.OrderNo)
		}
	}
	if open > 1 {
		bad("I1: %d attempts are open", open)
	}
	if unreturned > 1 {
		bad("I1: %d attempts were paid and not given back", unreturned)
	}
	if part := strings.Split(s.Key, "."); len(part) != 4 || part[2] != strconv.FormatInt(int64(s.Begun), 10) {
		bad("I4: its key was not minted when it began")
	}
	c.refunds(s, bad)
}

// attemptKey says what is wrong with an attempt's own key: it names the session
// and the moment at which it was minted, and no other attempt in the file has it.
func (c *checker) attemptKey(a *sale.Attempt) string {
	part := strings.Split(a.Key, ".")
	switch {
	case a.Key == "" && a.Request.Session == "":
		return ""
	case len(part) != 4 || part[0] != "v1" || part[1] != a.Request.Session || part[2] != strconv.FormatInt(int64(a.Sent), 10):
		return "was not minted when it was recorded"
	case c.keys[a.Key]:
		return "is that of another attempt"
	}
	c.keys[a.Key] = true
	return ""
}

func (c *checker) spentOn(code string, want spentCode) (was spentCode, err error) {
	k := []byte(code)
	value := c.tx.Bucket(codeBucket).Get(k)
	switch {
	case value != nil:
		c.codesSpent++
	case c.deep: // it stayed in an archive when the sale came back
		if value, err = c.old.get(inCode, k); err != nil {
			return was, err
		}
	case c.may(inCode, k):
		return want, nil
	}
	return was, record.Unmarshal(k, value, &was)
}

// refunds holds that no more is promised back than came (I6).
func (c *checker) refunds(s *sale.Sale, bad func(string, ...any)) {
	promised := make(map[string]int64)
	for i := range s.Refunds {
		r := &s.Refunds[i]
		if n := r.Promised(); n != 0 {
			promised[r.OrderNo] += n
		}
		if r.Amount.Currency != s.Amount.Currency || r.Amount.Minor <= 0 {
			bad("I6: refund %s is of %s", r.No, r.Amount)
		}
	}
	for no, sum := range promised {
		if a := s.Attempt(no); a == nil || a.End != sale.EndPaid || sum > s.Amount.Minor {
			bad("I6: %d is promised back of order %q", sum, no)
		}
	}
}

// history applies the sale's lines again, one after the other: every step has to
// be one that the table has (I7), its postings those on record (I8), and the end
// the sale as it is stored, byte for byte the one that the last line names.
func (c *checker) history(s sale.Sale, body []byte) error {
	seqs := c.lines[s.ID]
	var first ledger.Line
	var err error
	if len(seqs) > 0 {
		if first, err = ledger.At(c.tx, seqs[0]); err != nil {
			return err
		}
	}
	was, known, err := c.before(s.ID, first)
	if err != nil {
		return err
	}
	after, last, seq := was.sale, was.after, uint64(0)
	for _, seq = range seqs {
		line, err := ledger.At(c.tx, seq)
		if err != nil {
			return err
		}
		if last = line.After; !known {
			continue
		}
		if after, err = c.again(s, after, line, seq); err != nil {
			return err
		}
	}
	digest := sha256.Sum256(body)
	switch {
	case last == nil && !known && len(c.old.list()) > 0: // all of it is in archives that were not looked at
		c.partly[s.ID] = true
		return nil
	case last == nil:
		return errors.New("I5: the journal knows nothing of it")
	case !bytes.Equal(digest[:], last):
		return fmt.Errorf("I5: it is not the sale that line %d left", seq)
	case !known:
		c.partly[s.ID] = true
		return nil
	}
	return same(after, s)
}

// again applies a line to what those before it have made of the sale.
func (c *checker) again(s, before sale.Sale, line ledger.Line, seq uint64) (after sale.Sale, err error) {
	if before.ID == "" {
		after, err = beginAgain(s, line.Event)
	} else {
		after, err = before.Apply(line.Event)
	}
	if err != nil {
		return after, fmt.Errorf("I7: line %d: %w", seq, err)
	}
	c.disagreed(before, after, line.Event.At)
	legs, err := ledger.Legs(c.tx, seq)
	if err != nil {
		return after, err
	}
	return after, follows(seq, line, legs, before, after)
}

func beginAgain(s sale.Sale, ev sale.Event) (sale.Sale, error) {
	if ev.Kind != sale.Begun {
		return sale.Sale{}, fmt.Errorf("it begins with %s", ev.Kind)
	}
	n := sale.New{Flow: s.Flow, Amount: ev.Amount, PayIn: s.PayIn, Description: s.Description, Operator: ev.By}
	return sale.Begin(n, s.ID, s.Key, ev)
}

// same compares two sales as they are stored: what a request held in memory
// besides does not count.
func same(a, b sale.Sale) error {
	x, err := json.Marshal(a)
	if err != nil {
		return err
	}
	y, err := json.Marshal(b)
	if err != nil {
		return err
	}
	if !bytes.Equal(x, y) {
		return errors.New("I7: its journal leads to another sale than the one on record")
	}
	return nil
}

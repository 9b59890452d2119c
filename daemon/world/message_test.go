package world

import (
	"errors"
	"strconv"
	"strings"

	"qrposd/rules/sale"
)

// message is a call as the provider reads it.
type message struct {
	Op       string
	Order    string
	Refund   string
	Amount   int64
	Currency string
	Code     string
	Proof    string // the check that was passed, or that it is about
	Way      bool   // the other way, after a refusal
	Name     string

	Key  string // goes beside the bytes, as in a header
	body string // as it came
	send int    // a repetition by the network has the number of the first
}

// word is a message for a step of a sale.
func word(step sale.Step, s sale.Sale, code sale.PayerCode) message {
	m := message{
		Op: string(step.Do), Order: step.OrderNo, Refund: step.RefundNo, Amount: s.Amount.Minor, Currency: string(s.Amount.Currency),
		Code: code.Reveal(), Way: s.Rerouted, Name: s.Description,
	}
	if r := s.Refund(step.RefundNo); r != nil {
		m.Amount = r.Amount.Minor
	}
	switch l := s.Liveness; {
	case step.Do == sale.Verify:
		opened := false
		if m.Proof, opened = session(step, s); !opened {
			m.Op = "open"
		}
	case l != nil && l.Passed > 0:
		m.Proof = l.Session
	}
	return m
}

// text is a message as it travels. It is no JSON: nobody but this room reads it, and
// reading it was a tenth of what the room cost.
func (m message) text() []byte {
	way := ""
	if m.Way {
		way = "other"
	}
	return []byte(strings.Join([]string{m.Op, m.Order, m.Refund, strconv.FormatInt(m.Amount, 10), m.Currency, m.Code, m.Proof, way, m.Name}, "\t"))
}

var errNoMessage = errors.New("it is no message")

func read(body []byte) (m message, err error) {
	m.body = string(body)
	rest, whole := m.body, true
	var amount, way string
	for _, to := range []*string{&m.Op, &m.Order, &m.Refund, &amount, &m.Currency, &m.Code, &m.Proof, &way} {
		if *to, rest, whole = strings.Cut(rest, "\t"); !whole {
			return m, errNoMessage
		}
	}
	m.Way, m.Name = way != "", rest
	m.Amount, err = strconv.ParseInt(amount, 10, 64)
	return m, err
}

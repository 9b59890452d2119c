package world

import (
	"errors"
	"strconv"
	"strings"
)

// message is a call as the provider reads it.
type message struct {
	Op     string
	Order  string
	Refund string
	Amount int64
	Code   string
	Name   string

	body string // as it came
	send int    // a repetition by the network has the number of the first
}

// text is a message as it travels. It is no JSON: nobody but this room reads it, and
// reading it was a tenth of what the room cost.
func (m message) text() []byte {
	return []byte(strings.Join([]string{m.Op, m.Order, m.Refund, strconv.FormatInt(m.Amount, 10), m.Code, m.Name}, "\t"))
}

var errNoMessage = errors.New("it is no message")

func read(body []byte) (m message, err error) {
	m.body = string(body)
	rest := m.body
	for _, to := range []*string{&m.Op, &m.Order, &m.Refund} {
		*to, rest, _ = strings.Cut(rest, "\t")
	}
	amount, rest, _ := strings.Cut(rest, "\t")
	whole := false
	if m.Code, m.Name, whole = strings.Cut(rest, "\t"); !whole {
		return m, errNoMessage
	}
	m.Amount, err = strconv.ParseInt(amount, 10, 64)
	return m, err
}

package web

import (
	"context"
	"strconv"
	"strings"
	"time"

	"qrposd/rules/sale"
)

// maxWait bounds how long a request may wait for the outcome of a sale.
const maxWait = 60 * time.Second

// preferredWait is the wait of a Prefer header (RFC 7240). What cannot be
// honoured is ignored, as the RFC has it, and a longer wait than maxWait is
// maxWait; the first of two counts.
func preferredWait(header []string) time.Duration {
	for _, line := range header {
		for _, pref := range splitOutside(line, ',') {
			pref = splitOutside(pref, ';')[0] // parameters are not ours
			name, value, _ := strings.Cut(pref, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			value = strings.TrimSpace(value)
			if len(value) > 1 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			n, err := strconv.ParseUint(value, 10, 31)
			if err != nil {
				return 0
			}
			return min(time.Duration(n)*time.Second, maxWait)
		}
	}
	return 0
}

// splitOutside splits s at sep where it is not inside a quoted string.
func splitOutside(s string, sep byte) []string {
	var parts []string
	start, quoted := 0, false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// applied is the Preference-Applied header of an answer.
func applied(wait time.Duration) string {
	if wait <= 0 {
		return ""
	}
	return "wait=" + strconv.Itoa(int(wait/time.Second))
}

// await is the sale once it is done, or as it is when the wait is over.
func (s *Server) await(ctx context.Context, id sale.ID, wait time.Duration, done func(sale.Sale) bool) (sale.Sale, error) {
	changed, stop := s.Book.Watch()
	defer stop()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		v, err := s.Book.Sale(id)
		if err != nil || wait <= 0 || done(v) {
			return v, err
		}
		select {
		case <-changed:
		case <-timer.C:
			wait = 0
		case <-s.closed:
			wait = 0
		case <-ctx.Done():
			wait = 0
		}
	}
}

package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxEvent bounds one line of a stream: a sale with all of its attempts and
// refunds is a few kilobytes.
const maxEvent = 1 << 20

// errStopped carries the error of a caller's function out of a stream.
type errStopped struct{ error }

func (e errStopped) Unwrap() error { return e.error }

// Events calls do for every entry of the journal after a number, in order and
// without a gap, until ctx ends or do returns an error, which is returned. A
// stream that breaks is resumed where it broke.
func (c *Client) Events(ctx context.Context, after uint64, do func(Event) error) error {
	retry := time.Second
	for {
		err := c.stream(ctx, after, func(m message) error {
			if m.retry > 0 {
				retry = m.retry
			}
			if m.name != "sale" {
				return nil
			}
			var ev Event
			if err := json.Unmarshal([]byte(m.data), &ev); err != nil {
				return errStopped{fmt.Errorf("api: event %s: %w", m.id, err)}
			}
			if err := do(ev); err != nil {
				return errStopped{err}
			}
			after = ev.Seq
			return nil
		})
		var stopped errStopped
		if p := (*Problem)(nil); errors.As(err, &p) && p.Status < 500 {
			return err
		} else if errors.As(err, &stopped) {
			return stopped.error
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retry):
		}
	}
}

func (c *Client) stream(ctx context.Context, after uint64, do func(message) error) error {
	h := http.Header{"Accept": {"text/event-stream"}}
	res, err := c.do(ctx, http.MethodGet, "/v1/events?after="+strconv.FormatUint(after, 10), h, nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return readMessages(res.Body, do)
}

// message is one server-sent event.
type message struct {
	id, name, data string
	retry          time.Duration
}

// readMessages reads a text/event-stream (WHATWG HTML, 9.2). A message that the
// end of the stream cut off is not delivered.
func readMessages(r io.Reader, do func(message) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxEvent)
	var m message
	var data []string
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" {
			m.data = strings.Join(data, "\n")
			if len(data) > 0 || m.retry > 0 {
				if err := do(m); err != nil {
					return err
				}
			}
			m, data = message{}, nil
			continue
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "id":
			m.id = value
		case "event":
			m.name = value
		case "data":
			data = append(data, value)
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 20); err == nil {
				m.retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return lines.Err()
}

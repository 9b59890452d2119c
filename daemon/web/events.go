package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

const (
	maxStreams = 32              // far above the pages and programs of one till
	batch      = 100             // entries read and sent at a time
	heartbeat  = 5 * time.Second // so that both ends notice a dead peer, the page too
	healthTick = time.Second     // how often a stream looks at the till's health
)

type eventsInput struct {
	Headers
	After int64 `query:"after" minimum:"-1" default:"-1" doc:"Only what follows this number; -1 is what happens from now on"`
}

type streamOutput struct{ Body writer }

func (s *Server) events(ctx context.Context, in *eventsInput) (*streamOutput, error) {
	last, err := s.lastSeq()
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	after := last
	resumed := in.lines.Get("Last-Event-ID")
	switch {
	case resumed != "":
		if after, err = strconv.ParseUint(resumed, 10, 64); err != nil {
			return nil, api.NewProblem(http.StatusUnprocessableEntity, "request_invalid", "Last-Event-ID is not a number", "send the id of the last event")
		}
	case in.After >= 0:
		after = uint64(in.After)
	}
	if after > last {
		return nil, api.NewProblem(http.StatusConflict, "events_ahead", fmt.Sprintf("the journal ends at %d: this is not the file that number came from", last),
			"list the sales and follow from their seq")
	}
	if s.streams.Add(1) > maxStreams {
		s.streams.Add(-1)
		return nil, api.NewProblem(http.StatusServiceUnavailable, "too_many_streams", "too many programs follow the events", "close some of them")
	}
	return &streamOutput{func(w http.ResponseWriter, r *http.Request) {
		defer s.streams.Add(-1)
		w.Header().Set("Content-Type", "text/event-stream")
		if r.Method == http.MethodHead {
			return
		}
		st := &stream{Server: s, w: w, conn: http.NewResponseController(w), after: after, patience: writeTimeout}
		if err := st.run(ctx); err != nil && ctx.Err() == nil {
			s.Log.Info("stream ended", "after", st.after, "err", err)
		}
	}}, nil
}

// stream is one reader of the journal. It holds nothing but a number: what the
// reader has not taken stays on disk.
type stream struct {
	*Server
	w        http.ResponseWriter
	conn     *http.ResponseController
	after    uint64
	patience time.Duration // with a reader that does not read
	health   [8]api.Level  // as it was told last
	buf      bytes.Buffer
}

// run sends what there is and then what comes, until the reader leaves, falls
// behind, or the server stops.
func (st *stream) run(ctx context.Context) error {
	changed, stop := st.Book.Watch()
	defer stop()
	tick := time.NewTicker(healthTick)
	defer tick.Stop()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()

	st.buf.WriteString("retry: 1000\n\n")
	st.noteHealth(true)
	_, told := st.notices.read()
	if err := st.catchUp(); err != nil {
		return err
	}
	st.beat()
	for {
		if err := st.catchUp(); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-told:
			var n api.Notice
			n, told = st.notices.read()
			st.message("notice", n)
		case <-tick.C:
			st.noteHealth(false)
		case <-beat.C:
			st.beat()
		case <-st.closed:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// beat says that everything before it was sent, and that somebody is there. It is
// an event, since a script is not told of comments.
func (st *stream) beat() { st.buf.WriteString("event: beat\ndata: {}\n\n") }

// catchUp sends what is buffered and every entry that is new.
func (st *stream) catchUp() error {
	for {
		entries, err := st.Book.Journal(st.after, batch)
		if err != nil {
			return err
		}
		sales := make(map[sale.ID]api.Sale) // many entries, few sales
		for i := range entries {
			if err := st.note(&entries[i], sales); err != nil {
				return err
			}
		}
		if err := st.flush(); err != nil {
			return err
		}
		if len(entries) == 0 {
			return nil
		}
		st.after = entries[len(entries)-1].Seq
	}
}

func (st *stream) note(e *sale.Entry, sales map[sale.ID]api.Sale) error {
	v, ok := sales[e.Sale]
	if !ok {
		s, err := st.Book.Sale(e.Sale)
		if err != nil {
			return err
		}
		v = st.view(s)
		sales[e.Sale] = v
	}
	b, err := json.Marshal(api.Event{Seq: e.Seq, Kind: e.Event.Kind, State: e.State.String(), Sale: v})
	if err != nil {
		return err
	}
	fmt.Fprintf(&st.buf, "id: %d\nevent: sale\ndata: %s\n\n", e.Seq, b)
	return nil
}

// noteHealth has no id: the reader's place in the journal is not moved by it.
func (st *stream) noteHealth(anyway bool) {
	h := st.Health()
	now := [...]api.Level{h.Store.Level, h.Network.Level, h.Gateway.Level, h.Scanner.Level, h.Clock.Level, h.Judge.Level, h.Cases.Level, ""} // the details change all the time
	if h.Link != nil {
		now[len(now)-1] = api.Level(h.Link.State)
	}
	if now == st.health && !anyway {
		return
	}
	st.health = now
	st.message("health", st.state(h, st.after))
}

func (st *stream) message(name string, v any) {
	b, err := json.Marshal(v)
	if err != nil { // a struct of strings and numbers
		st.Log.Error("event lost", "name", name, "err", err)
		return
	}
	fmt.Fprintf(&st.buf, "event: %s\ndata: %s\n\n", name, b)
}

// flush gives a reader time to take what it is sent. One that does not take it
// is cut off and comes back with its last number.
func (st *stream) flush() error {
	if st.buf.Len() == 0 {
		return nil
	}
	if err := st.conn.SetWriteDeadline(time.Now().Add(st.patience)); err != nil {
		return err
	}
	if _, err := st.w.Write(st.buf.Bytes()); err != nil {
		return err
	}
	st.buf.Reset()
	return st.conn.Flush()
}

// board holds the latest notice, and a channel that is closed by the next one.
type board struct {
	mu     sync.Mutex // guards what follows
	latest api.Notice
	next   chan struct{}
}

func (b *board) read() (latest api.Notice, next <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.latest, b.next
}

func (b *board) put(n api.Notice) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.latest = n
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// Tell shows the cashier something that belongs to no sale, such as a product
// that was held to the scanner. It is not kept: whoever looks later has missed
// it.
func (s *Server) Tell(code, message string) { s.notices.put(api.NewNotice(code, message)) }

// lastSeq is the number of the journal's last entry. The numbers are dense, so
// it is found by asking whether there is one after a guess, further and further
// from the last that is known to exist.
func (s *Server) lastSeq() (uint64, error) {
	last := s.seen.Load()
	for step := uint64(1); ; {
		e, err := s.Book.Journal(last+step-1, 1)
		switch {
		case err != nil:
			return 0, err
		case len(e) > 0:
			last = e[0].Seq
			step *= 2
		case step > 1:
			step = 1
		default:
			s.seen.Store(last)
			return last, nil
		}
	}
}

package sale

import "time"

// maxLiveness is how often a payer may try: the light may be bad once.
const maxLiveness = 2

// Liveness is a check that somebody alive holds the telephone. What was seen of
// the face is not in it and not in any event: a keyed digest of it is kept apart,
// and is thrown away in time.
type Liveness struct {
	OrderNo string        `json:"order_no"`          // the order it is about at the provider
	Session string        `json:"session,omitempty"` // its number at the provider, once there is one
	URL     string        `json:"url,omitempty"`     // what the payer's telephone opens
	Lasts   time.Duration `json:"lasts,omitempty"`
	Opened  Instant       `json:"opened,omitempty"`
	Failed  int           `json:"failed,omitempty"` // tries before this one
	Passed  Instant       `json:"passed,omitempty"`
	Spent   bool          `json:"spent,omitempty"` // an attempt went out with it; one check serves one attempt
}

// Audit is what is kept of the vector that a check saw, for a time and apart from
// every journal: a digest under a key of the session and the epoch, and a print
// under one of the epoch alone, by which the same vector is known when it is told
// again. Both are 64 hexadecimal digits, and nothing without the epoch's key.
type Audit struct {
	Epoch         uint32
	Digest, Print string
}

// Good says that the next attempt can go out with it. No check at all is good.
func (l *Liveness) Good() bool { return l == nil || l.Passed > 0 && !l.Spent }

// Left is how often the payer may still try, this time included.
func (l *Liveness) Left() int { return max(0, maxLiveness-l.Failed) }

// fits says whether ev can be about the check that the sale waits for.
func (l *Liveness) fits(ev Event) bool {
	return ev.Liveness != nil && ev.Liveness.OrderNo != "" && ev.Liveness.Session != "" && (l == nil || l.Session == "" || l.Session == ev.Liveness.Session)
}

// recordLiveness writes down how far the check is.
func (s *Sale) recordLiveness(ev Event) {
	l := Liveness{}
	if s.Liveness != nil {
		l = *s.Liveness
	}
	switch ev.Kind {
	case LivenessOpened:
		l.OrderNo, l.Session, l.URL, l.Lasts, l.Opened = ev.Liveness.OrderNo, ev.Liveness.Session, ev.Liveness.URL, ev.Liveness.Lasts, ev.At
	case LivenessPassed:
		l.Passed, s.Why = ev.At, nil
		if j := s.Judgement; j != nil && len(j.Needs) > 0 {
			s.Judgement = j.met()
		}
	case LivenessFailed:
		l = Liveness{OrderNo: l.OrderNo, Failed: l.Failed + 1}
	}
	s.Liveness = &l
}

// challenged says that the provider, instead of taking the current attempt, wants
// a check that this sale has not had yet.
func (s *Sale) challenged() bool {
	a := s.Current()
	return s.Liveness != nil && s.Liveness.Passed == 0 && a != nil && a.OrderNo == s.Liveness.OrderNo && !s.Cancel
}

// nextLiveness opens the check and asks how it went, until its time is over.
func (s *Sale) nextLiveness(now Now, w Watch, p Plan) Step {
	end, _ := s.Window(now, p)
	if now.At >= end || !s.Price.Holds(now) {
		return Step{Do: Conclude, Due: now.At, Lapsed: !s.Price.Holds(now)}
	}
	step := Step{Do: Verify, Due: now.At, OrderNo: s.NextOrderNo()}
	if s.Liveness != nil && s.Liveness.OrderNo != "" {
		step.OrderNo = s.Liveness.OrderNo
	}
	if poll := w.Polls[step.key()]; poll.Asked > 0 {
		step.Due = min(poll.Last.Add(p.QRPoll), end)
	}
	return step
}

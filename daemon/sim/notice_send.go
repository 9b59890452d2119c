package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"
)

// RunNotices sends what is due until the context ends.
func (w *WeChat) RunNotices(ctx context.Context) {
	for t := time.NewTicker(200 * time.Millisecond); ; {
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
			w.SendNotices(ctx)
		}
	}
}

// SendNotices sends the notifications that are due, one after the other, and returns how many tries went out. No timer
// does that by itself, so that a test decides when. A receiver that hangs holds up those behind it, which the real provider's does not.
func (w *WeChat) SendNotices(ctx context.Context) (sent int) {
	if _, err := w.Keys(); err != nil {
		return 0
	}
	w.lock()
	w.settleAll(w.now())
	w.mu.Unlock()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: a receiver stands where the setting says
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	for ctx.Err() == nil {
		n, try, body, h := w.nextNotice()
		if n == nil {
			return sent
		}
		if body != nil {
			try.Status, try.Said = w.deliverNotice(ctx, client, n.url, body, h)
			sent++
		}
		w.noticeTried(n, try, body != nil)
	}
	return sent
}

// nextNotice takes the notification that is due first; body is nil where the try is lost.
func (w *WeChat) nextNotice() (n *notice, try NoticeTry, body []byte, h http.Header) {
	w.lock()
	defer w.mu.Unlock()
	now := w.now()
	for _, c := range w.post.queue {
		waits := c.behind > 0 && now.Before(c.due.Add(w.scaledSeconds(c.fault.Seconds)))
		if !c.flying && !c.due.After(now) && !waits && (n == nil || c.due.Before(n.due)) {
			n = c
		}
	}
	if n == nil {
		return nil, try, nil, nil
	}
	n.flying = true
	n.tries++
	f, m, skew := n.fault.Fault, mannerPlain, time.Duration(0)
	if n.touched() {
		try.Fault = f
		w.post.count.ByFault[f]++
	}
	try.ID, try.Event, try.OutTradeNo, try.At = n.id, n.event, n.no, now
	switch {
	case try.Fault == noticeLost:
		return n, try, nil, nil
	case try.Fault == noticeBadSign:
		m = mannerBadSignature
	case try.Fault == noticeStale:
		m, skew = mannerSkewed, -time.Duration(n.fault.Seconds*float64(time.Second))
	}
	body, err := w.sealed(n)
	if err != nil { // cannot be, with a key of 32 bytes
		try.Said = err.Error()
		return n, try, nil, nil
	}
	serial := w.Credentials.PublicKeyID
	if w.post.settings.PlatformKey {
		serial = w.Credentials.PlatformSerial
	}
	h = http.Header{"Content-Type": {jsonType}, "User-Agent": {"Mozilla/4.0"}, "Accept": {"*/*"}}
	w.seal(h, serial, answer{body: body}, m, skew)
	return n, try, body, h
}

// touched tells whether this try is one that the fault changes.
func (n *notice) touched() bool {
	switch n.fault.Fault {
	case "":
		return false
	case noticeDuplicate: // all but the first that is acknowledged
		return n.copies < n.fault.N
	case noticeStranger:
		return n.strange
	}
	return n.tries <= n.fault.N && (n.tries == 1 || n.fault.Fault != noticeLate && n.fault.Fault != noticeOutOfOrder)
}

// deliverNotice posts and waits for an answer. It runs without the lock.
func (w *WeChat) deliverNotice(ctx context.Context, client *http.Client, url string, body []byte, h http.Header) (status int, said string) {
	w.lock()
	timeout := time.Duration(w.post.settings.TimeoutMS) * time.Millisecond
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err.Error()
	}
	r.Header = h
	resp, err := client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = resp.Body.Close() }() // what it says counts, not how it ends
	text, err := io.ReadAll(io.LimitReader(resp.Body, 512))
	if err != nil {
		return 0, err.Error()
	}
	return resp.StatusCode, string(text)
}

// noticeTried notes how a try ended and when the next one is due.
func (w *WeChat) noticeTried(n *notice, try NoticeTry, left bool) {
	w.lock()
	defer w.mu.Unlock()
	c := &w.post.count
	if c.Last = append(c.Last, try); len(c.Last) > mostNoticeTries {
		c.Last = slices.Delete(c.Last, 0, 1)
	}
	n.flying = false
	ok := try.Status == http.StatusOK || try.Status == http.StatusNoContent
	switch {
	case !left:
		c.Lost++
	case ok:
		c.Acknowledged++
	case try.Status != 0:
		c.Refused++
	default:
		c.Unanswered++
	}
	if left {
		c.Sent++
		if try.Status != 0 {
			c.Statuses[try.Status]++
		}
		for _, other := range w.post.queue {
			if other != n && other.behind > 0 {
				other.behind--
			}
		}
	}
	retry := w.post.settings.RetryS
	switch {
	case ok && n.copies > 0:
		n.copies--
		return
	case !ok && n.tries <= len(retry):
		n.due = w.now().Add(w.scaledSeconds(retry[n.tries-1]))
		return
	case !ok:
		c.GivenUp++
	}
	w.post.queue = slices.DeleteFunc(w.post.queue, func(q *notice) bool { return q == n })
}

// NoticeReport is the settings of notifications and what became of them.
type NoticeReport struct {
	NoticeSettings
	Counts NoticeCounts `json:"counts"`
}

// NoticeReport tells how notifications are set and what became of them.
func (w *WeChat) NoticeReport() NoticeReport {
	w.lock()
	defer w.mu.Unlock()
	w.settleAll(w.now())
	return NoticeReport{w.post.settings, w.post.counts()}
}

// SetNotices changes the settings that the JSON object names and leaves the others; faults count from zero.
func (w *WeChat) SetNotices(change json.RawMessage) (NoticeReport, error) {
	w.lock()
	s := w.post.settings
	var n NoticeSettings
	err := json.Unmarshal(encodeJSON(s), &n)
	d := json.NewDecoder(bytes.NewReader(change))
	d.DisallowUnknownFields()
	n.Faults = nil // a decoder would merge the new ones into the old
	if err == nil {
		if err = d.Decode(&n); err != nil {
			err = badSetting(err.Error())
		}
	}
	if n.Faults == nil {
		n.Faults = slices.Clone(s.Faults)
	}
	if err == nil {
		err = n.check()
	}
	if err == nil {
		w.post.settings, w.post.used = n, nil
	}
	w.mu.Unlock()
	return w.NoticeReport(), err
}

// ResetNotices puts every setting back, and forgets the counts and what was still to be sent.
func (w *WeChat) ResetNotices() {
	w.lock()
	defer w.mu.Unlock()
	orders := w.post.orders
	w.post = newNoticeBook()
	w.post.orders = orders
}

// serveNotices is the control of notifications.
func (w *WeChat) serveNotices(rw http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		serve(rw, r, w.SetNotices)
		return
	case http.MethodDelete:
		w.ResetNotices()
	}
	reply(rw, w.NoticeReport(), nil)
}

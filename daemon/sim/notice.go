package sim

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"maps"
	"math"
	"net/url"
	"slices"
	"time"
)

// Faults of notifications.
const (
	noticeDuplicate  = "duplicate"
	noticeStale      = "stale"
	noticeLate       = "late"
	noticeOutOfOrder = "out_of_order"
	noticeBadSign    = "bad_signature"
	noticeStranger   = "other_order"
	noticeLost       = "lost"
)

const (
	eventPaid       = "TRANSACTION.SUCCESS"
	eventRefund     = "REFUND." // and the state of the refund
	noticeToOrder   = "order"
	mostNoticeTries = 100 // kept for a report
	longestNoticeS  = 30 * 86400
)

var noticeFaults = []string{noticeDuplicate, noticeStale, noticeLate, noticeOutOfOrder, noticeBadSign, noticeStranger, noticeLost}

// NoticeSettings is how the provider reports payments of QR codes and refunds. Code payments have no notification, and v2 is
// not reported. Nothing goes out by itself: see SendNotices.
type NoticeSettings struct {
	URL         string        `json:"url"`          // for all; "order" is the notify_url of each request; "" sends none
	DelayS      float64       `json:"delay_s"`      // from the event to the first try, divided by TimeScale
	RetryS      []float64     `json:"retry_s"`      // from each try that was not acknowledged to the next, divided by TimeScale
	TimeoutMS   int           `json:"timeout_ms"`   // real milliseconds until an answer no longer counts
	PlatformKey bool          `json:"platform_key"` // signed with the platform certificate instead of the public key
	Faults      []NoticeFault `json:"faults"`       // the first that matches a notification applies to it
}

// NoticeFault is what goes wrong with notifications. Empty fields match everything.
type NoticeFault struct {
	Fault       string  `json:"fault"`
	N           int     `json:"n,omitempty"`       // duplicates, tries that go wrong, or later notifications that overtake; 0 is 1, but for lost all
	Seconds     float64 `json:"seconds,omitempty"` // how stale (real) or late (divided by TimeScale); 0 is 600. out_of_order waits no longer; 0 is 60
	Event       string  `json:"event,omitempty"`   // "TRANSACTION.SUCCESS", "REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"
	OutTradeNo  string  `json:"out_trade_no,omitempty"`
	Probability float64 `json:"probability,omitempty"` // drawn once per notification; 0 is always
	Times       int     `json:"times,omitempty"`       // notifications; 0 is always
	Scenario    string  `json:"scenario,omitempty"`    // that brought it
}

// NoticeCounts is what was sent, and how it was answered.
type NoticeCounts struct {
	Events       map[string]int `json:"events"`       // that were to be reported
	Waiting      int            `json:"waiting"`      // notifications not finished with
	Sent         int            `json:"sent"`         // tries that went out
	Acknowledged int            `json:"acknowledged"` // tries answered 200 or 204
	Refused      int            `json:"refused"`      // tries answered otherwise
	Unanswered   int            `json:"unanswered"`   // no connection, or no answer in time
	Lost         int            `json:"lost"`         // tries that never left
	GivenUp      int            `json:"given_up"`     // notifications whose last retry was in vain
	ByFault      map[string]int `json:"by_fault"`     // tries that a fault touched
	Statuses     map[int]int    `json:"statuses"`     // of the answers
	Last         []NoticeTry    `json:"last"`         // the last 100 tries, oldest first
}

// NoticeTry is one try to deliver a notification.
type NoticeTry struct {
	ID         string    `json:"id"`
	Event      string    `json:"event"`
	OutTradeNo string    `json:"out_trade_no"`
	At         time.Time `json:"at"`
	Fault      string    `json:"fault,omitempty"`
	Status     int       `json:"status"` // 0: lost, or not answered
	Said       string    `json:"said,omitempty"`
}

// noticeBook is what the provider still has to report.
type noticeBook struct {
	settings NoticeSettings
	used     []int             // how often each of settings.Faults applied
	orders   map[string]string // notify_url by merchant order number
	queue    []*notice
	seq      int
	count    NoticeCounts
}

// notice is one notification on its way.
type notice struct {
	id, event, no, url string
	kind               string // original_type and associated_data
	resource           []byte
	created, due       time.Time
	fault              NoticeFault
	tries              int
	copies             int  // still to send although acknowledged
	behind             int  // others that go first
	flying             bool // a try is on the line
	strange            bool // of an order that this shop never made
}

func newNoticeBook() noticeBook {
	return noticeBook{settings: defaultNotices(), orders: map[string]string{}, count: newNoticeCounts()}
}

func newNoticeCounts() NoticeCounts {
	return NoticeCounts{Events: map[string]int{}, ByFault: map[string]int{}, Statuses: map[int]int{}, Last: []NoticeTry{}}
}

// defaultNotices has WeChat Pay's own schedule: 15 retries in about a day.
func defaultNotices() NoticeSettings {
	const m, h = 60, 3600
	return NoticeSettings{
		DelayS: 1, TimeoutMS: 5000, Faults: []NoticeFault{},
		RetryS: []float64{15, 15, 30, 3 * m, 10 * m, 20 * m, 30 * m, 30 * m, 30 * m, 60 * m, 3 * h, 3 * h, 3 * h, 6 * h, 6 * h},
	}
}

// check finds a setting that means nothing.
func (s NoticeSettings) check() error {
	if u, err := url.Parse(s.URL); s.URL != "" && s.URL != noticeToOrder &&
		(err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return badSetting(`url is empty, "order", or an http or https address`)
	}
	pause := func(x float64) bool { return x >= 0 && x <= longestNoticeS }
	if !pause(s.DelayS) || s.TimeoutMS < 1 || len(s.RetryS) > 100 {
		return badSetting("delay_s is 0 to 30 days, timeout_ms at least 1, retry_s at most 100 pauses")
	}
	if slices.ContainsFunc(s.RetryS, func(p float64) bool { return p == 0 || !pause(p) }) {
		return badSetting("retry_s are positive, 30 days at most")
	}
	for _, f := range s.Faults {
		if !slices.Contains(noticeFaults, f.Fault) || f.N < 0 || f.N > 100 || f.Times < 0 || !pause(f.Seconds) || !(f.Probability >= 0 && f.Probability <= 1) {
			return badSetting("faults: duplicate, stale, late, out_of_order, bad_signature, other_order or lost, n 0 to 100, seconds 0 to 30 days, times not negative, probability 0 to 1")
		}
	}
	return nil
}

// announcePayment queues the report of a paid QR order. A transaction that only a shadow made is not reported: its number
// is nobody's.
func (w *WeChat) announcePayment(o *order) {
	if o.kind != opNative || w.tally.of(o.no).ShadowOf != "" {
		return
	}
	w.announce(&notice{event: eventPaid, kind: "transaction", no: o.no, url: w.post.orders[o.no], created: o.pay.at}, w.show(o, success))
}

// announceRefund queues the report of a refund that came to its end.
func (w *WeChat) announceRefund(r *refund) {
	if r.quiet {
		return
	}
	v := w.showRefund(r)
	w.announce(&notice{event: eventRefund + r.state, kind: "refund", no: r.order.no, url: r.notify, created: r.due}, map[string]any{
		"mchid": w.Credentials.MchID, "transaction_id": v.TransactionID, "out_trade_no": v.OutTradeNo, "refund_id": v.RefundID,
		"out_refund_no": v.OutRefundNo, "refund_status": v.Status, "success_time": v.SuccessTime, "user_received_account": v.Account,
		"amount": map[string]int64{"total": v.Amount.Total, "refund": v.Amount.Refund, "payer_total": v.Amount.PayerTotal, "payer_refund": v.Amount.PayerRefund},
	})
}

func (w *WeChat) announce(n *notice, resource any) {
	s := w.post.settings
	if s.URL != noticeToOrder {
		n.url = s.URL
	}
	if n.url == "" {
		return
	}
	w.post.seq++
	w.post.count.Events[n.event]++
	n.id = "EV-" + n.created.In(beijing).Format("20060102150405") + randomDigits(8)
	n.resource = encodeJSON(resource)
	n.due = n.created.Add(w.scaledSeconds(s.DelayS))
	n.fault = w.noticeFault(n)
	switch n.fault.Fault {
	case noticeDuplicate:
		n.copies = n.fault.N
	case noticeLate:
		n.due = n.due.Add(w.scaledSeconds(n.fault.Seconds))
	case noticeOutOfOrder:
		n.behind = n.fault.N
	case noticeStranger:
		w.post.queue = append(w.post.queue, w.stranger(n))
	}
	w.post.queue = append(w.post.queue, n)
}

// stranger reports the same event of an order that this shop never made.
func (w *WeChat) stranger(n *notice) *notice {
	other := *n
	other.strange = true
	other.id, other.no = "EV-"+randomDigits(22), "X"+randomText(19)
	other.resource = slices.Clone(n.resource)
	old, fresh := encodeJSON(n.no), encodeJSON(other.no)
	for i := 0; i+len(old) <= len(other.resource); i++ {
		if string(other.resource[i:i+len(old)]) == string(old) {
			other.resource = slices.Concat(other.resource[:i], fresh, other.resource[i+len(old):])
			break
		}
	}
	return &other
}

// noticeFault is the first fault that a notification meets, with what it leaves open filled in; it counts its use.
func (w *WeChat) noticeFault(n *notice) NoticeFault {
	for i, f := range w.post.settings.Faults {
		for len(w.post.used) <= i {
			w.post.used = append(w.post.used, 0)
		}
		if f.Event != "" && f.Event != n.event || f.OutTradeNo != "" && f.OutTradeNo != n.no || f.Times > 0 && w.post.used[i] >= f.Times ||
			f.Probability > 0 && w.chance("notice", i, n.event, n.no, w.post.seq) >= f.Probability {
			continue
		}
		w.post.used[i]++
		switch {
		case f.N > 0:
		case f.Fault == noticeLost:
			f.N = math.MaxInt
		default:
			f.N = 1
		}
		if f.Seconds == 0 {
			f.Seconds = 600
			if f.Fault == noticeOutOfOrder {
				f.Seconds = 60
			}
		}
		return f
	}
	return NoticeFault{}
}

// sealed is the envelope of a notification: a new nonce at every try, as the provider does.
func (w *WeChat) sealed(n *notice) ([]byte, error) {
	block, err := aes.NewCipher([]byte(w.Credentials.APIv3Key))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	nonce, summary := randomText(gcm.NonceSize()), "支付成功"
	if n.event != eventPaid {
		summary = "退款结果"
	}
	return encodeJSON(map[string]any{
		"id": n.id, "create_time": rfc3339(n.created), "resource_type": "encrypt-resource", "event_type": n.event, "summary": summary,
		"resource": map[string]string{
			"original_type": n.kind, "algorithm": "AEAD_AES_256_GCM", "associated_data": n.kind, "nonce": nonce,
			"ciphertext": base64.StdEncoding.EncodeToString(gcm.Seal(nil, []byte(nonce), n.resource, []byte(n.kind))),
		},
	}), nil
}

// counts copies, so that a report does not change under its reader.
func (b *noticeBook) counts() NoticeCounts {
	c := b.count
	c.Waiting = len(b.queue)
	c.Events, c.ByFault, c.Statuses = maps.Clone(c.Events), maps.Clone(c.ByFault), maps.Clone(c.Statuses)
	c.Last = slices.Clone(c.Last)
	return c
}

// scaledSeconds turns seconds of the real provider into a stretch of this simulation.
func (w *WeChat) scaledSeconds(s float64) time.Duration {
	return w.scaled(time.Duration(s * float64(time.Second)))
}

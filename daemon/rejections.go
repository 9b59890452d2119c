package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/rules/intent"
	"qrposd/rules/rejection"
	"qrposd/rules/sale"
	"qrposd/store"
)

// saveEvery is how much of what was learnt a power cut may take.
const saveEvery = time.Minute

// rejections is the gateway with an eye on what the payment AI API refuses. A
// classifier that is set up wrong refuses one payment in twenty for weeks, and no
// single cashier sees it.
type rejections struct {
	checkout.Gateway
	intents *intent.Classifier
	// sessions know what a sale was taken for when the API was told; nil is by intents.
	sessions *sessions
	model    string
	store    *store.DB
	log      *slog.Logger

	mu    sync.Mutex
	watch rejection.Watch
	saved time.Time
}

// name of the watch's memory in the store.
const rejectionsKept = "rejections"

func openRejections(g checkout.Gateway, model string, intents *intent.Classifier, db *store.DB, log *slog.Logger) *rejections {
	r := &rejections{Gateway: g, intents: intents, model: model, store: db, log: log, saved: time.Now()}
	if err := db.Kept(rejectionsKept, &r.watch); err != nil {
		log.Error("what was learnt about refused payments is lost; it is learnt anew", "err", err)
		r.watch = rejection.Watch{}
	}
	return r
}

// Do calls the provider and counts what a model of it made of a payment.
func (r *rejections) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	ev := r.Gateway.Do(ctx, step, s, req)
	if counts, rejected := refusedByModel(ev); counts && req.Path == aipay.PathPayments {
		r.note(ctx, s, ev, rejected)
	}
	return ev
}

// refusedByModel says whether an answer counts and as what. What the payer can
// mend, and what never arrived, says nothing about the API's models.
func refusedByModel(ev sale.Event) (counts, rejected bool) {
	switch ev.Kind {
	case sale.Ordered, sale.Waiting, sale.Received:
		return true, false
	case sale.OrderRefused, sale.ChargeRefused, sale.Unclear:
		if ev.Why != nil {
			switch ev.Why.Code {
			case "ai_policy", "ai_nonsense", "ai_refused", "ai_unclear":
				return true, true
			}
		}
	}
	return false, false
}

func (r *rejections) note(ctx context.Context, s sale.Sale, ev sale.Event, rejected bool) {
	v, now := r.sessions.intent(r.intents, s), time.Now()
	out := rejection.Outcome{
		Key: rejection.Key{Label: v.Label, Classifier: v.Version, Model: r.model}, Rejected: rejected, At: now.Unix(),
		Minor: s.Amount.Minor, Currency: string(s.Amount.Currency), Sale: string(s.ID),
	}
	if ev.Why != nil && rejected {
		out.Key.Category = ev.Why.Code
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := r.watch.Note(out)
	for _, c := range changes {
		a := c.Alarm
		if !c.Raised {
			r.log.Info("payments are refused as usual again", "label", a.Label, "classifier", a.Classifier)
			continue
		}
		r.log.Error("payments of one kind are refused more than usual", "label", a.Label, "classifier", a.Classifier, "refused", a.Rejected, "of", a.Sales,
			"since", time.Unix(a.Since, 0), "usual", fmt.Sprintf("%.1f %%", 100*a.Baseline), "cost", cost(a), "examples", a.Examples)
	}
	if len(changes) > 0 || now.Sub(r.saved) >= saveEvery {
		r.save(context.WithoutCancel(ctx), now)
	}
}

// save is called with the lock held.
func (r *rejections) save(ctx context.Context, now time.Time) {
	if err := r.store.Keep(ctx, rejectionsKept, &r.watch); err != nil {
		r.log.Warn("what was learnt about refused payments is not saved", "err", err)
		return
	}
	r.saved = now
}

// Close saves what was learnt.
func (r *rejections) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.save(context.Background(), time.Now())
}

// cost is what was refused, by currency.
func cost(a rejection.Alarm) string {
	var parts []string
	for _, c := range a.Cost {
		parts = append(parts, fmt.Sprintf("%s %d minor", c.Currency, c.Minor))
	}
	return strings.Join(parts, ", ")
}

// part is what people are told: nobody watches where the API is not used.
func (r *rejections) part() api.Part {
	if r == nil {
		return api.Part{Level: api.Off}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	alarms := r.watch.Alarms()
	if len(alarms) == 0 {
		return api.Part{Level: api.OK}
	}
	p := api.Part{Level: api.Trouble, Since: time.Unix(alarms[0].Since, 0)}
	for _, a := range alarms {
		p.Detail += fmt.Sprintf("%s by %s: %d of %d refused, usually %.1f %%, cost %s, such as %s; ",
			a.Label, a.Classifier, a.Rejected, a.Sales, 100*a.Baseline, cost(a), strings.Join(a.Examples, " "))
	}
	return p
}

func (r *rejections) metrics(line func(string, ...any)) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	line("# TYPE qrposd_rejection_alarms gauge\nqrposd_rejection_alarms %d", len(r.watch.Alarms()))
	type sum struct{ n, rejected int }
	by := map[string]sum{}
	var labels []string
	for _, rate := range r.watch.Rates() {
		was, known := by[rate.Key.Label]
		if !known {
			labels = append(labels, rate.Key.Label)
		}
		by[rate.Key.Label] = sum{was.n + int(rate.N), was.rejected + int(rate.Rejected)}
	}
	line("# TYPE qrposd_payments_48h gauge")
	for _, l := range labels {
		line("qrposd_payments_48h{label=%q,outcome=\"all\"} %d", l, by[l].n)
		line("qrposd_payments_48h{label=%q,outcome=\"refused\"} %d", l, by[l].rejected)
	}
}

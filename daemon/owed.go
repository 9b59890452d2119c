package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/daemon/wechat"
	"qrposd/rules/sale"
	"qrposd/store"
)

// Queue says when people are told that something is owed for too long.
type Queue struct {
	AlarmAfter wechat.Duration `toml:"alarm_after"`
}

// patience is how much longer a refund may take that the provider has accepted: a
// bank takes days for it.
const patience = 7

// glance is for how long one look at the queue serves those who ask how the till is.
const glance = 5 * time.Second

// owed is what the till owes, as people see it. It sends nothing: what they say is
// put on record by the desk, and the loop obeys it.
type owed struct {
	db    *store.DB
	desk  *checkout.Desk
	after time.Duration
	tell  func(code, message string)

	mu     sync.Mutex // guards what follows
	looked time.Time
	seen   backlog
	alarm  bool
	since  time.Time
}

// backlog is the queue in numbers.
type backlog struct {
	jobs, aside, stuck int
	oldest             time.Duration
	id                 sale.ID // of the oldest
}

// Queue lists what is owed.
func (o *owed) Queue() (api.Queue, error) {
	list, err := o.db.Owing(func(s *sale.Sale) bool { return len(s.Debts()) > 0 })
	if err != nil {
		return api.Queue{}, err
	}
	n := o.look(list)
	o.mu.Lock()
	q := api.Queue{Jobs: []api.Job{}, Oldest: int64(n.oldest / time.Second), Alarm: o.alarm}
	o.mu.Unlock()
	for i := range list {
		q.Jobs = append(q.Jobs, o.job(&list[i]))
	}
	return q, nil
}

// Job is what one sale owes, with its history.
func (o *owed) Job(id sale.ID) (api.Job, error) {
	one, err := o.db.Owed(id)
	if err != nil {
		return api.Job{}, err
	}
	j, now := o.job(&one), o.db.Now().At
	for _, r := range one.Job.Results {
		j.History = append(j.History, api.JobTry{Age: int64(now.Sub(r.At) / time.Second), Did: r.Did, Outcome: r.Outcome})
	}
	return j, nil
}

func (o *owed) job(one *store.Owed) api.Job {
	now := o.db.Now().At
	return newJob(one, now, o.desk.Trouble(one.Sale.ID))
}

// newJob is a job without what only the running till knows.
func newJob(one *store.Owed, now sale.Instant, trouble *sale.Reason) api.Job {
	j := api.NewJob(&one.Sale, now, trouble)
	j.Attempts = one.Job.Attempts
	switch {
	case one.Stuck && j.State == "waiting":
		j.State = "stuck"
	case !one.Stuck && one.Job.Due > 0:
		next := int64(max(0, one.Job.Due.Sub(now)) / time.Second)
		j.Next = &next
	}
	return j.Worded()
}

// Say puts a person's word on record.
func (o *owed) Say(ctx context.Context, id sale.ID, kind sale.Kind, by, what, why string) (sale.Sale, error) {
	return o.desk.Say(ctx, id, kind, by, sale.Reason{Code: what, Message: why})
}

// Leave says what would be left behind. With a name it is put on record in every
// sale that owes something; a power cut in between leaves some of them without, and
// whoever asks again is told so by being asked for a name again.
func (o *owed) Leave(ctx context.Context, n api.Leaving) (api.Leave, error) {
	list, err := o.db.Owing(leftBehind(n.For))
	if err != nil {
		return api.Leave{}, err
	}
	l := api.Leave{Clear: len(list) == 0 || n.Operator != "", Jobs: []api.Job{}}
	for i := range list {
		l.Jobs = append(l.Jobs, o.job(&list[i]))
		if n.Operator == "" {
			continue
		}
		_, err := o.desk.Say(ctx, list[i].Sale.ID, sale.Left, n.Operator, sale.Reason{Code: n.For, Message: n.Reason})
		var settled *sale.Refusal // it has ended meanwhile
		if err != nil && !errors.As(err, &settled) {
			return api.Leave{}, err
		}
	}
	return l, nil
}

// leftBehind says what a till is not taken away from without a name. An update is
// over in seconds and goes on watching; nothing else does.
func leftBehind(purpose string) func(*sale.Sale) bool {
	return func(s *sale.Sale) bool {
		for _, d := range s.Debts() {
			if d.Kind != sale.DebtWatch || purpose != "update" {
				return true
			}
		}
		return false
	}
}

// alarming is for how long a job counts as owed by the shop: not at all where nobody
// waits for money or an answer, and a part of its time where the provider works on it.
func alarming(s *sale.Sale, now sale.Instant) time.Duration {
	age := now.Sub(s.Changed)
	if s.Aside != nil {
		age = now.Sub(s.Aside.At)
	}
	longest := time.Duration(0)
	for _, d := range s.Debts() {
		switch d.Kind {
		case sale.DebtCharge, sale.DebtTrace, sale.DebtRefund, sale.DebtHeld, sale.DebtFailed:
			if d.Working {
				longest = max(longest, age/patience)
			} else {
				longest = max(longest, age)
			}
		}
	}
	return longest
}

// look counts, and raises or clears the alarm. It is raised at an age and cleared
// only where nothing is half as old: a queue at the limit does not flicker.
func (o *owed) look(list []store.Owed) backlog {
	now, n := o.db.Now().At, backlog{}
	for i := range list {
		s := &list[i].Sale
		age := alarming(s, now)
		if n.jobs++; s.Aside != nil {
			n.aside++
		} else if list[i].Stuck {
			n.stuck++
		}
		if age > n.oldest {
			n.oldest, n.id = age, s.ID
		}
	}
	o.mu.Lock()
	was := o.alarm
	o.seen, o.looked = n, time.Now()
	o.alarm = n.oldest >= o.after || was && n.oldest >= o.after/2
	rings := o.alarm && !was
	if rings {
		o.since = o.looked
	}
	o.mu.Unlock()
	if rings {
		o.tell("queue_waits", fmt.Sprintf("sale %s has been owed for %s; `qrposd queue show %s` says what", n.id, n.oldest.Round(time.Second), n.id))
	}
	return n
}

// glance is the queue in numbers, a few seconds old at the most.
func (o *owed) glance() (n backlog, alarm bool, since time.Time, err error) {
	o.mu.Lock()
	stale := time.Since(o.looked) >= glance
	o.mu.Unlock()
	if stale {
		list, err := o.db.Owing(func(s *sale.Sale) bool { return len(s.Debts()) > 0 })
		if err != nil {
			return backlog{}, false, time.Time{}, err
		}
		o.look(list)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.seen, o.alarm, o.since, nil
}

// part is what people are told of it.
func (o *owed) part() api.Part {
	n, alarm, since, err := o.glance()
	switch {
	case err != nil:
		return api.Part{Level: api.Trouble, Detail: err.Error()}
	case n.jobs == 0:
		return api.Part{Level: api.OK}
	}
	p := api.Part{Level: api.OK, Detail: fmt.Sprintf("%d sales owe something, %d set aside, %d stuck, the oldest for %s", n.jobs, n.aside, n.stuck, n.oldest.Round(time.Second))}
	if alarm {
		p.Level, p.Since = api.Trouble, since
	}
	return p
}

func (o *owed) metrics(line func(string, ...any)) {
	n, alarm, _, err := o.glance()
	if err != nil {
		return // the store's own figures say so
	}
	line("# TYPE qrposd_queue_jobs gauge\nqrposd_queue_jobs %d", n.jobs)
	line("# TYPE qrposd_queue_set_aside gauge\nqrposd_queue_set_aside %d", n.aside)
	line("# TYPE qrposd_queue_stuck gauge\nqrposd_queue_stuck %d", n.stuck)
	line("# TYPE qrposd_queue_oldest_seconds gauge\nqrposd_queue_oldest_seconds %.0f", n.oldest.Seconds())
	line("# TYPE qrposd_queue_alarm gauge\nqrposd_queue_alarm %d", one(alarm))
}

// LeaveFile asks the same of the file of a till that does not run. Where there is no
// file nothing is owed.
func LeaveFile(ctx context.Context, cfg Config, n api.Leaving, log *slog.Logger) (api.Leave, error) {
	if _, err := os.Stat(cfg.Store.Path); errors.Is(err, os.ErrNotExist) {
		return api.Leave{Clear: true, Jobs: []api.Job{}}, nil
	}
	if n.Operator != "" {
		return leaveSigned(ctx, cfg, n, log)
	}
	list, err := store.ReadOwing(cfg.Store.Path)
	if err != nil {
		return api.Leave{}, err
	}
	l := api.Leave{Jobs: []api.Job{}}
	for i := range list {
		if leftBehind(n.For)(&list[i].Sale) {
			// The file's own time stands still while nobody runs it; its latest is
			// the time of day where that has gone on.
			l.Jobs = append(l.Jobs, newJob(&list[i], sale.Instant(time.Now().UnixNano()), nil))
		}
	}
	l.Clear = len(l.Jobs) == 0
	return l, nil
}

// leaveSigned opens the file as the till does, since it writes to it.
func leaveSigned(ctx context.Context, cfg Config, n api.Leaving, log *slog.Logger) (api.Leave, error) {
	d := &Daemon{cfg: cfg, o: Options{Log: log}}
	secret, err := readSecret(cfg.Till.SecretFile)
	if err != nil {
		return api.Leave{}, err
	}
	if err := d.openStore(ctx, secret, identify(cfg.Till, secret, log)); err != nil {
		return api.Leave{}, errors.Join(err, d.Close())
	}
	desk := checkout.New(checkout.Options{Journal: d.store, Clock: d.store, Log: log}) // it is never run: nothing is sent
	l, err := (&owed{db: d.store, desk: desk}).Leave(ctx, n)
	return l, errors.Join(err, d.Close())
}

package daemon

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/daemon/checkout"
	"qrposd/daemon/llm"
	"qrposd/daemon/web"
	"qrposd/rules"
	"qrposd/rules/intent"
	"qrposd/rules/sale"
)

// How many sessions are remembered, and how long a model may take to name the
// intent of one: it begins with the sale, beside the judging, and a payer who
// stands there with a code in hand does not wait longer for it.
const (
	maxSessions = 256
	intentCut   = 250 * time.Millisecond
	namedAt     = 5 // the least confidence of 10 at which a model's label is taken
)

// sessions remember how the sales under way were rung up: what a sale's record has
// no room for, and what only the payment AI API is told. Nothing of it is on disk.
// A till that was restarted classifies a sale without its basket, and what it told
// the API before is in the bytes of the request, which are on disk.
//
// The rules judge a sale by the shop's own classifier alone: a model's label goes to
// the API, and could otherwise talk a sale out of a rule.
type sessions struct {
	intents *intent.Classifier
	panel   *panel // nil where no model is asked for intents
	log     *slog.Logger

	mu      sync.Mutex
	baskets map[string][]web.Item // of sales that are about to begin, by their key
	open    map[sale.ID]*session
	order   []sale.ID
}

// session is one sale's.
type session struct {
	articles  []aipay.Article
	confirmed []time.Time
	named     chan struct{}  // closed when a model has had its time
	verdict   intent.Verdict // read after that only
}

func newSessions(intents *intent.Classifier, p *panel, log *slog.Logger) *sessions {
	for _, l := range intents.Labels() {
		if p != nil && !llm.Label(l).Valid() {
			log.Warn("no model is asked for intents: one of the labels is none that a model may hear", "label", l)
			p = nil
		}
	}
	return &sessions{intents: intents, panel: p, log: log, baskets: map[string][]web.Item{}, open: map[sale.ID]*session{}}
}

// rung is told what lies in a basket before its sale has a name, and nil after.
func (m *sessions) rung(key string, items []web.Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if items == nil {
		delete(m.baskets, key)
	} else if len(m.baskets) < maxSessions {
		m.baskets[key] = items
	}
}

// begin remembers a sale and has its intent named.
func (m *sessions) begin(s sale.Sale, key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.open[s.ID] != nil {
		return
	}
	n := &session{named: make(chan struct{})}
	for _, it := range m.baskets[key] {
		n.articles = append(n.articles, aipay.Article{Category: m.intents.Category(it.Category), Price: it.Each})
	}
	n.verdict = classify(m.intents, s, n.categories())
	m.open[s.ID] = n
	if m.order = append(m.order, s.ID); len(m.order) > maxSessions {
		delete(m.open, m.order[0])
		m.order = slices.Delete(m.order, 0, 1)
	}
	if m.panel == nil {
		close(n.named)
		return
	}
	go m.name(n, s)
}

// categories are those of the basket, nil where there is none.
func (n *session) categories() (list []string) {
	for _, a := range n.articles {
		list = append(list, a.Category)
	}
	return list
}

// name asks the models of the task intent. What is late, uncertain or nothing
// leaves the verdict of the shop's own classifier.
func (m *sessions) name(n *session, s sale.Sale) {
	defer close(n.named)
	ctx, cancel := context.WithTimeout(context.Background(), intentCut)
	defer cancel()
	f := llm.Facts{Amount: llm.Known(s.Amount.Minor), Currency: s.Amount.Currency, Flow: s.Flow}
	if t, ok := rules.LocalTime(s.BegunWall.Local()).Time.Value(); ok {
		f.Local.Hour = llm.Known(t / 3600)
	}
	for _, c := range n.categories() {
		if l := llm.Label(c); l.Valid() {
			f.Intent.Basket = append(f.Intent.Basket, l)
		}
	}
	for _, l := range m.intents.Labels() {
		f.Intent.Choices = append(f.Intent.Choices, llm.Label(l))
	}
	began := time.Now()
	o, by, err := m.panel.ask(ctx, f)
	if err != nil || o.Level < namedAt {
		m.log.Info("intent", "sale", s.ID, "label", n.verdict.Label, "by", n.verdict.Version, "model", by, "ms", time.Since(began).Milliseconds(), "err", err)
		return
	}
	n.verdict = intent.Verdict{Label: o.Word, Confidence: 10 * o.Level, Version: versionOf(m.intents.Version(), by)}
	m.log.Info("intent", "sale", s.ID, "label", o.Word, "by", n.verdict.Version, "ms", time.Since(began).Milliseconds())
}

// versionOf names a classifier that is a file's labels and a model: "shop/3.qwen_m".
// The API wants a name and a version of at most 64 each, and whoever watches what is
// refused tells the model's verdicts from the file's by it.
func versionOf(file, model string) string {
	name, version, _ := strings.Cut(file, "/")
	version += "." + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return '_'
	}, model)
	return name + "/" + version[:min(len(version), 64)]
}

func (m *sessions) of(id sale.ID) *session {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open[id]
}

// local is what the shop's own classifier takes a sale for: what its rules go by.
func (m *sessions) local(c *intent.Classifier, s sale.Sale) intent.Verdict {
	if n := m.of(s.ID); n != nil {
		return classify(c, s, n.categories())
	}
	return classify(c, s, nil)
}

// intent is what a sale is taken for, as the API is told: the same for every attempt
// of it. It waits until a model has had its time, which mostly is over long before.
func (m *sessions) intent(c *intent.Classifier, s sale.Sale) intent.Verdict {
	n := m.of(s.ID)
	if n == nil {
		return classify(c, s, nil)
	}
	<-n.named
	return n.verdict
}

// told is what was seen of how a sale was rung up.
func (m *sessions) told(id sale.ID) aipay.Rung {
	n := m.of(id)
	if n == nil {
		return aipay.Rung{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return aipay.Rung{Articles: n.articles, Confirmed: slices.Clone(n.confirmed)}
}

// agreed remembers that somebody agreed to a sale.
func (m *sessions) agreed(id sale.ID, at time.Time) {
	if n := m.of(id); n != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		n.confirmed = append(n.confirmed, at)
	}
}

// overheard is the journal with an ear for how sales are rung up. It hears of a
// fact when it is on disk, and before the desk goes on.
type overheard struct {
	checkout.Journal
	*sessions
}

// Begin mints a sale and begins its session.
func (o overheard) Begin(ctx context.Context, n sale.New, key string, once sale.Once) (sale.Sale, bool, error) {
	s, replayed, err := o.Journal.Begin(ctx, n, key, once)
	if err == nil && !replayed {
		o.begin(s, once.Key)
	}
	return s, replayed, err
}

// Commit records a fact.
func (o overheard) Commit(ctx context.Context, id sale.ID, ev sale.Event, once sale.Once) (sale.Sale, error) {
	s, err := o.Journal.Commit(ctx, id, ev, once)
	if err == nil && (ev.Kind == sale.Agreed || ev.Kind == sale.Approved) {
		o.agreed(id, time.Now())
	}
	return s, err
}

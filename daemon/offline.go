package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"strings"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/checkout"
	"qrposd/daemon/emvqr"
	"qrposd/rules/money"
	"qrposd/rules/offline"
	"qrposd/rules/sale"
	"qrposd/store"
)

// maxOffline is how many open and disputed sales are listed at once.
const maxOffline = 200

// unprovided sells without the provider: it makes the codes, takes statements, and
// says what the shop may lose by it.
type unprovided struct {
	conf     Offline
	accounts map[string]ownAccount
	window   time.Duration // as the plan is scaled
	link     *link
	db       *store.DB
	desk     *checkout.Desk
	tell     func(code, message string)
	log      *slog.Logger
}

func openUnprovided(c Offline, l *link, db *store.DB, speed float64, log *slog.Logger) (*unprovided, error) {
	var accounts map[string]ownAccount
	var err error
	if c.Enabled {
		accounts, err = c.open()
	}
	window := time.Duration(float64(c.Window) / max(1, speed))
	return &unprovided{conf: c, accounts: accounts, window: window, link: l, db: db, log: log}, err
}

// openVitals is the way to the provider, and what is sold without it.
func (d *Daemon) openVitals() (*vitals, error) {
	l, err := openLink(d.gateway, d.store, d.cfg.WeChat.BaseURLs, d.cfg.Timing.Speed)
	if err != nil {
		return nil, err
	}
	l.always = d.cfg.Offline.WhileOnline
	if d.offline, err = openUnprovided(d.cfg.Offline, l, d.store, d.cfg.Timing.Speed, d.o.Log); err != nil {
		return nil, err
	}
	d.offline.tell = func(code, message string) { d.web.Tell(code, message) }
	return &vitals{link: l}, nil
}

// ownCodes make codes where that is configured.
func (d *Daemon) ownCodes() checkout.OwnCodes {
	if !d.cfg.Offline.Enabled {
		return nil
	}
	return d.offline
}

// refuse is a refusal in words.
func refuse(status int, code, hint, format string, args ...any) error {
	return &checkout.Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...), Hint: hint}
}

// Terms is for the desk.
func (u *unprovided) Terms(ctx context.Context, n sale.New) (*sale.Terms, error) {
	a, ok := u.accounts[n.Offline.Scheme]
	if !ok {
		return nil, refuse(422, "offline_scheme", "take one of the schemes of GET /v1/exposure", "this till makes no codes of the scheme %.16q", n.Offline.Scheme)
	}
	if n.Amount.Currency != a.acc.Currency() {
		return nil, refuse(422, "offline_currency", "open the sale in the scheme's currency", "the scheme %s pays in %s, not in %s", a.conf.Scheme, a.acc.Currency(), n.Amount.Currency)
	}
	lower, err := u.conf.lower(a.acc.Currency())
	if err != nil {
		return nil, err
	}
	if u.link.bars(n.Flow, u.link.asked(ctx)) {
		return nil, refuse(409, "offline_online", "take the payment the usual way", "the payment service can be reached: nothing is sold without it")
	}
	return &sale.Terms{Scheme: a.conf.Scheme, Label: a.conf.Label, Carries: a.acc.Carries(), Lower: lower}, nil
}

// Code is for the desk. It depends on nothing but the sale and the configuration: made
// again after a power cut, it is the same.
func (u *unprovided) Code(s sale.Sale) sale.Event {
	a, ok := u.accounts[s.Own.Scheme]
	if !ok {
		return sale.Event{Kind: sale.OfflineRefused, Why: &sale.Reason{Code: "offline_code", Message: "the account of its scheme is not configured any more"}}
	}
	text, err := a.acc.Payload(u.conf.shop(), emvqr.Charge{Amount: s.Amount, Reference: s.Own.Reference})
	if err != nil {
		u.log.Error("no code could be made", "sale", s.ID, "scheme", s.Own.Scheme, "err", err)
		return sale.Event{Kind: sale.OfflineRefused, Why: &sale.Reason{Code: "offline_code", Message: "the scheme cannot carry this sale"}}
	}
	own := &sale.OwnCode{Scheme: s.Own.Scheme, Label: a.conf.Label, Reference: s.Own.Reference, Payload: text, Lasts: u.window}
	return sale.Event{Kind: sale.OfflineShown, Own: own}
}

// Attest is for the API.
func (u *unprovided) Attest(ctx context.Context, id sale.ID, by string, shown bool) (sale.Sale, error) {
	return u.desk.Attest(ctx, id, by, shown)
}

// Dispute is for the API.
func (u *unprovided) Dispute(ctx context.Context, id sale.ID, by, note string) (sale.Sale, error) {
	return u.desk.Dispute(ctx, id, by, note)
}

// Reconcile is for the API.
func (u *unprovided) Reconcile(ctx context.Context, id sale.ID, n api.NewReconciliation) (sale.Sale, error) {
	if n.Receipt == "" && strings.TrimSpace(n.Note) == "" {
		return sale.Sale{}, refuse(422, "reconcile_evidence", "name the receipt, or say in a note where the money was seen", "nothing is said that the money came")
	}
	s, err := u.db.Reconcile(ctx, id, n.Receipt, n.Operator, n.Note)
	if err == nil {
		u.log.Info("a sale was reconciled by hand", "sale", id, "receipt", s.Own.Receipt.ID)
	}
	return s, err
}

// Receipts takes a statement, one receipt after the other: each is on disk with what
// became of it before the next one is looked at. After a power cut in the middle the
// whole statement is handed in again.
func (u *unprovided) Receipts(ctx context.Context, list []api.NewReceipt) (api.ReceiptResults, error) {
	out := api.ReceiptResults{Results: make([]api.ReceiptResult, 0, len(list))}
	lines := make([]offline.Receipt, len(list))
	for i := range list {
		m, err := money.Parse(list[i].Amount, list[i].Currency)
		if err != nil { // before the first one is taken
			return out, refuse(422, "receipt_amount", "give a decimal with at most the currency's decimals, above zero", "receipt %.64q: %v", list[i].ID, err)
		}
		n := list[i]
		lines[i] = offline.Receipt{ID: n.ID, Source: n.Source, Scheme: n.Scheme, Reference: n.Reference, Amount: m, At: n.At.UTC()}
	}
	for _, r := range lines {
		got, replayed, err := u.db.Receive(ctx, r)
		if errors.Is(err, store.ErrReceiptReused) { // the others are taken all the same
			u.log.Warn("a receipt's id was used for another one", "id", r.ID, "source", r.Source)
			got = store.Receipt{Receipt: r, Match: offline.Match{Outcome: offline.Unmatched, Why: "id_reused"}}
			replayed = true
		} else if err != nil {
			return out, err
		}
		if !replayed {
			u.heard(got)
		}
		switch got.Outcome {
		case offline.Matched:
			out.Matched++
		case offline.Ambiguous:
			out.Ambiguous++
		default:
			out.Unmatched++
		}
		v := api.ReceiptResult{ID: got.ID, Outcome: string(got.Outcome), Why: got.Why, Sale: got.Match.Sale, Candidates: got.Candidates, Replayed: replayed}
		out.Results = append(out.Results, v.Worded())
	}
	return out, nil
}

// heard logs a receipt. Money that nobody expects is worth a warning and a word to
// whoever stands there.
func (u *unprovided) heard(r store.Receipt) {
	level := slog.LevelInfo
	if r.Outcome != offline.Matched {
		level = slog.LevelWarn
		u.tell("case_opened", fmt.Sprintf("receipt %s is for no sale that is known to wait for it; the owner has a case of it", r.ID))
	}
	u.log.Log(context.Background(), level, "receipt", "id", r.ID, "source", r.Source, "outcome", r.Outcome, "why", r.Why, "sale", r.Match.Sale)
}

// Exposure is for the API.
func (u *unprovided) Exposure() (api.Exposure, error) {
	e, err := u.db.Exposure()
	if err != nil {
		return api.Exposure{}, err
	}
	v := api.Exposure{
		Link: u.link.view(), Schemes: []api.Scheme{}, Count: e.Count, Sums: api.Amounts(e.Sums), Oldest: int64(e.Oldest / time.Second),
		Disputed: e.Disputed, Worst: api.Amounts(e.Worst), At: time.Now(),
	}
	if e.Count > 0 {
		left := int64((e.Left + time.Second - 1) / time.Second)
		v.Left = &left
	}
	if !u.conf.Enabled {
		return v, nil
	}
	v.Offered = v.Link.State != "online" || u.conf.WhileOnline
	for _, conf := range u.conf.Accounts {
		a := u.accounts[conf.Scheme]
		v.Schemes = append(v.Schemes, api.Scheme{Scheme: conf.Scheme, Label: conf.Label, Currency: a.acc.Currency(), Carries: a.acc.Carries()})
	}
	return v, nil
}

// Open lists the sales that have no receipt.
func (u *unprovided) Open() ([]sale.Sale, bool, error) {
	list, more, err := u.db.OfflineSales(maxOffline)
	sort.SliceStable(list, func(i, j int) bool { return list[i].Begun < list[j].Begun })
	return list, more, err
}

func (u *unprovided) metrics(line func(string, ...any)) {
	u.link.metrics(line)
	e, err := u.db.Exposure()
	if err != nil {
		return // the store's own figures say so
	}
	line("# TYPE qrposd_offline_open gauge\nqrposd_offline_open %d", e.Count)
	line("# TYPE qrposd_offline_disputed gauge\nqrposd_offline_disputed %d", e.Disputed)
	line("# TYPE qrposd_offline_oldest_seconds gauge\nqrposd_offline_oldest_seconds %.0f", e.Oldest.Seconds())
	if e.Count > 0 {
		line("# TYPE qrposd_offline_window_seconds gauge\nqrposd_offline_window_seconds %.0f", e.Left.Seconds())
	}
	line("# TYPE qrposd_offline_sum_minor gauge")
	for _, m := range e.Sums {
		line("qrposd_offline_sum_minor{currency=%q} %d", m.Currency, m.Minor)
	}
	line("# TYPE qrposd_offline_worst_minor gauge")
	for _, m := range e.Worst {
		line("qrposd_offline_worst_minor{currency=%q} %d", m.Currency, m.Minor)
	}
}

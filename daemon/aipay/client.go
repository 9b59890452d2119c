package aipay

import (
	"context"
	"log/slog"
	"time"

	"qrposd/daemon/wechat"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Options are what a client needs besides its configuration.
type Options struct {
	AppID, MchID string
	Device       string                 // fingerprint hash of this machine
	Intent       func(sale.Sale) Intent // what the merchant's classifier takes a sale for
	Monitor      Monitor                // who is asked what an unclear refusal means
	Embedder     Embedder               // who embeds sessions; nil is the till itself
	Rung         func(sale.ID) Rung     // what was seen of how a sale was rung up; nil is nothing
	Checks       *Checks                // what checking payers takes; nil is not done
	QRLife       time.Duration          // how long a QR code can be paid
	Log          *slog.Logger
}

// Client takes the steps of sales: payments are created through the AI API, all
// other steps through WeChat Pay's plain one. It is safe for concurrent use.
type Client struct {
	conf Config
	opts Options
	api  *wechat.Client
}

// Open makes a client over the signed transport of api. It needs no network.
func Open(conf Config, api *wechat.Client, o Options) (*Client, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Client{conf, o, api}
	if err := conf.Validate(); err != nil {
		return nil, err
	}
	// What no payment could be built without is missed now and not at the counter.
	_, err := NewContext(session(sale.Sale{Flow: sale.Merchant, Amount: money.Money{Minor: 1, Currency: "CNY"}, BegunWall: time.Now()}, Rung{}, time.Now()), o.Device, c.intent(sale.Sale{}))
	return c, err
}

func (c *Client) intent(s sale.Sale) Intent {
	if c.opts.Intent == nil {
		return Intent{}
	}
	return c.opts.Intent(s)
}

// Prepare fixes the request of a step, without sending anything.
func (c *Client) Prepare(step sale.Step, s sale.Sale, code sale.PayerCode) (sale.Request, error) {
	if step.Do == sale.Verify {
		return c.prepareCheck(step, s)
	}
	plain, err := c.api.Prepare(step, s, code) // it refuses what either API would refuse
	creates := step.Do == sale.Order || step.Do == sale.Charge
	if err != nil || !creates || s.Rerouted && c.conf.Fallback == Plain {
		return plain, err
	}
	ctx, err := c.context(s)
	if err != nil {
		return sale.Request{}, err
	}
	p := c.payment(step, s, code)
	if p.Liveness, err = c.proof(s); err != nil {
		return sale.Request{}, err
	}
	r, err := NewPayment(ctx, p, time.Now())
	return r.Fixed(), err
}

// Do sends a prepared request and says what was heard. It never fails: no answer
// is the fact [sale.Unclear].
func (c *Client) Do(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	switch {
	case step.Do == sale.Verify:
		return c.check(ctx, step, s, req)
	case req.Path == PathPayments:
		return c.pay(ctx, step, s, req)
	case step.Do == sale.Query && len(s.Attempts) > 0 && keyed(s, step):
		return c.query(ctx, step, s, req)
	}
	return c.api.Do(ctx, step, s, req)
}

func keyed(s sale.Sale, step sale.Step) bool {
	a := s.Attempt(step.OrderNo)
	return a != nil && a.Key != ""
}

// pay sends a payment under the key that is on record for it.
func (c *Client) pay(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	began := time.Now()
	if !keyed(s, step) {
		// A key that is not on disk would be another one after a power cut, and
		// then one sale is two payments.
		return about(step, unclear(whyNoKey))
	}
	a := c.api.CallUnder(ctx, c.whole(step, s, req), s.Attempt(step.OrderNo).Key)
	ev, said := c.api.Hear(step, s, req, a)
	if a.Good() {
		ev, said = c.hear(ctx, step, s, a.Body)
	}
	level := slog.LevelInfo
	if ev.Kind == sale.Unclear {
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("op", string(step.Do)), slog.String("order", step.OrderNo), slog.String("host", a.Host),
		slog.Int64("ms", time.Since(began).Milliseconds()), slog.Int("status", a.Status), slog.String("heard", string(ev.Kind)), slog.String("said", said),
	}
	if ev.Why != nil {
		attrs = append(attrs, slog.String("why", ev.Why.Code))
	}
	for _, err := range []error{a.Lost, a.Unverified} {
		if err != nil {
			attrs = append(attrs, slog.String("err", err.Error()))
		}
	}
	c.opts.Log.LogAttrs(ctx, level, "ai payment", attrs...)
	return about(step, ev)
}

// query asks about a payment. The answer to a paid one carries what the
// reconciliation model thinks of it.
func (c *Client) query(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	a := c.api.CallUnder(ctx, req, "")
	ev, said := c.api.Hear(step, s, req, a)
	level := slog.LevelDebug
	if ev.Kind == sale.Unclear {
		level = slog.LevelWarn
	}
	c.opts.Log.Log(ctx, level, "ai payment", "op", step.Do, "order", step.OrderNo, "host", a.Host, "status", a.Status, "heard", ev.Kind, "said", said)
	if ev.Kind == sale.Received {
		ev = c.judged(ctx, step, s, ev, a.Body)
	}
	return about(step, ev)
}

// ask queries an order at once, for an answer that did not say all.
func (c *Client) ask(ctx context.Context, step sale.Step, s sale.Sale) sale.Event {
	step.Do = sale.Query
	req, err := c.api.Prepare(step, s, sale.PayerCode{})
	if err != nil {
		return unclear(whyUnread)
	}
	return c.query(ctx, step, s, req)
}

func about(step sale.Step, ev sale.Event) sale.Event {
	ev.OrderNo, ev.RefundNo = step.OrderNo, step.RefundNo
	return ev
}

// payment is what is asked for. After a model was mistaken the other one is asked.
func (c *Client) payment(step sale.Step, s sale.Sale, code sale.PayerCode) Payment {
	model := c.conf.PreAuthorization
	if s.Rerouted {
		model = c.conf.Fallback
	}
	return Payment{
		AppID: c.opts.AppID, MchID: c.opts.MchID, OrderNo: step.OrderNo, Description: s.Description, Code: code, Amount: s.Amount,
		Chain: Chain{model, time.Duration(c.conf.TimeoutMS) * time.Millisecond, c.conf.Reconciliation},
		FX:    agreed(s, step.Due, time.Now()),
	}
}

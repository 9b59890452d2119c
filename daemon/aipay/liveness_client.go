package aipay

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"qrposd/daemon/wechat"
	"qrposd/rules/sale"
)

// What a check can come down to. None of them says that somebody is not who they
// are: a check can fail for bad light.
var (
	whyCheck    = sale.Reason{Code: "liveness_wanted", Message: "the payment service asks for a liveness check of the payer first"}
	whyAgain    = sale.Reason{Code: "liveness_again", Message: "the payment service asks for a liveness check once more, after one that was passed"}
	whyFailed   = sale.Reason{Code: "liveness_failed", Message: "the payment service could not complete the liveness check"}
	whyEnded    = sale.Reason{Code: "liveness_expired", Message: "the liveness check has expired at the payment service"}
	whyForeign  = sale.Reason{Code: "liveness_foreign", Message: "the answer about the liveness check is not to this till's question"}
	whyLow      = sale.Reason{Code: "liveness_low", Message: "the liveness check was not sure enough that somebody is there"}
	whyStale    = sale.Reason{Code: "liveness_stale", Message: "the answer about the liveness check came too late"}
	whyTold     = sale.Reason{Code: "liveness_told", Message: "the payment service told what it had told in an earlier liveness check"}
	whyUnlike   = sale.Reason{Code: "liveness_unlike", Message: "two liveness checks of one payer do not agree"}
	whyForm     = sale.Reason{Code: "liveness_form", Message: "the answer about the liveness check has not the form that was agreed"}
	whyCut      = sale.Reason{Code: "liveness_cut", Message: "the till was restarted during the liveness check, which begins again"}
	errNoChecks = errors.New("aipay: liveness checks are not enabled")
)

// causes are the reasons for what Verify finds.
var causes = []struct {
	err error
	why sale.Reason
}{
	{ErrNonce, whyForeign}, {ErrScore, whyLow}, {ErrStale, whyStale}, {ErrVector, whyForm}, {ErrReplayed, whyTold}, {ErrDissimilar, whyUnlike},
}

// derive makes what a sale's check is asked with. It is the same after a crash, so
// that nothing has to be on disk before it is sent.
func (k *Checks) derive(what string, s sale.Sale, session string) []byte {
	failed := 0
	if s.Liveness != nil {
		failed = s.Liveness.Failed
	}
	mac := hmac.New(sha256.New, k.Secret)
	mac.Write([]byte("liveness\x00" + what + "\x00" + string(s.ID) + "\x00" + session + "\x00" + strconv.Itoa(failed)))
	return mac.Sum(nil)
}

func (k *Checks) nonce(s sale.Sale, session string) string {
	return hex.EncodeToString(k.derive("nonce", s, session)[:16])
}

// session is the check's number at the API: the challenge's, or this till's own.
func (k *Checks) session(s sale.Sale) string {
	if s.Liveness != nil && s.Liveness.Session != "" {
		return s.Liveness.Session
	}
	return "LV" + hex.EncodeToString(k.derive("session", s, "")[:15])
}

// asked is the session that is asked about now: the second one when the first vector
// is there. Its own number is derived of the first one's.
func (k *Checks) asked(s sale.Sale) (session string, opened bool) {
	session = k.session(s)
	if there, asked := k.firsts.of(s.ID, session); there {
		return "LW" + hex.EncodeToString(k.derive("second", s, session)[:15]), asked
	}
	return session, s.Liveness != nil && s.Liveness.Opened > 0
}

// prepareCheck fixes the request of a step of the check.
func (c *Client) prepareCheck(step sale.Step, s sale.Sale) (sale.Request, error) {
	k := c.opts.Checks
	if !k.on() {
		return sale.Request{}, errNoChecks
	}
	session, opened := k.asked(s)
	if opened {
		return sale.NewRequest(http.MethodGet, PathLiveness+"/"+session, nil, sale.PayerCode{}), nil
	}
	body, err := LivenessBody(step.OrderNo, session, k.nonce(s, session))
	if err != nil {
		return sale.Request{}, err
	}
	return sale.NewRequest(http.MethodPost, PathLiveness, body, sale.PayerCode{}), nil
}

// check takes a step of the check. Power may go anywhere in it: the same session is
// asked about again under the same nonce, and what was in memory is asked for again.
func (c *Client) check(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	ev := c.checked(ctx, step, s, req)
	attrs := []any{"op", step.Do, "sale", s.ID, "order", step.OrderNo, "heard", ev.Kind}
	if ev.Why != nil {
		attrs = append(attrs, "why", ev.Why.Code)
	}
	level := slog.LevelInfo
	switch ev.Kind {
	case sale.Waiting:
		level = slog.LevelDebug
	case sale.Unclear:
		level = slog.LevelWarn
	}
	c.opts.Log.Log(ctx, level, "liveness check", attrs...)
	return about(step, ev)
}

func (c *Client) checked(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request) sale.Event {
	k := c.opts.Checks
	session, opened := k.asked(s)
	switch l := s.Liveness; {
	case l != nil && l.Opened > 0 && l.Opened < k.Clock().Since:
		// How long the power was off nobody knows, and so not how fresh an answer is.
		return failed(whyCut)
	case !opened:
		return c.openCheck(ctx, step, s, req, session)
	}
	a := c.api.CallPrivate(ctx, req)
	defer clear(a.Body)
	if !a.Good() {
		return c.noCheck(step, s, req, a)
	}
	l, err := ReadLiveness(a.Body)
	defer l.Vector.Zero()
	if err != nil {
		return unclear(whyUnread) // and not its text, which may cite the answer
	}
	switch l.State {
	case Waiting:
		return sale.Event{Kind: sale.Waiting}
	case Failed:
		return failed(whyFailed)
	case Expired:
		return failed(whyEnded)
	}
	return c.judgeCheck(ctx, step, s, l, session)
}

// openCheck begins a session: the check itself, or its second half.
func (c *Client) openCheck(ctx context.Context, step sale.Step, s sale.Sale, req sale.Request, session string) sale.Event {
	a := c.api.CallUnder(ctx, req, "")
	if !a.Good() {
		return c.noCheck(step, s, req, a)
	}
	ch, err := ReadLivenessSession(a.Body, session)
	if err != nil {
		return unclear(whyUnread)
	}
	skew, _ := c.api.Skew()
	k := c.opts.Checks
	lasts := min(time.Until(ch.Expires)-skew, time.Duration(k.Conf.WithinS)*time.Second)
	if lasts <= 0 {
		return unclear(whyEnded)
	}
	k.firsts.sent(s.ID)
	return sale.Event{Kind: sale.LivenessOpened, Liveness: &sale.Liveness{OrderNo: step.OrderNo, Session: k.session(s), URL: ch.URL, Lasts: lasts}}
}

// noCheck is what anything but a good answer means. Only the API's word that it does
// not know this session, or will not have it, ends a try.
func (c *Client) noCheck(step sale.Step, s sale.Sale, req sale.Request, a wechat.Answer) sale.Event {
	if a.Lost == nil && a.Status < 300 { // Hear would look for a transaction in it
		return unclear(whyUnread)
	}
	step.Do = sale.Query // a session is looked up as an order is
	ev, _ := c.api.Hear(step, s, req, a)
	known := s.Liveness != nil && s.Liveness.Session != ""
	refused := a.Lost == nil && a.Unverified == nil && a.Status == http.StatusForbidden
	if known && (ev.Kind == sale.Missing || refused) {
		return failed(whyEnded)
	}
	return sale.Event{Kind: sale.Unclear, Why: ev.Why}
}

// judgeCheck holds a vector against everything that a check asks for.
func (c *Client) judgeCheck(ctx context.Context, step sale.Step, s sale.Sale, l Liveness, session string) sale.Event {
	k := c.opts.Checks
	number, key, err := k.Evidence.Epoch()
	if err != nil {
		c.opts.Log.Error("there is no key for the digest of a liveness check", "sale", s.ID, "err", err)
		return unclear(whyForm)
	}
	defer clear(key)
	epoch, err := NewEpoch(key)
	if err != nil {
		return unclear(whyForm)
	}
	defer epoch.Zero()
	first := k.firsts.take(s.ID, k.session(s))
	defer first.Zero()
	token := k.derive("token", s, k.session(s))
	defer clear(token)
	check := Check{
		Liveness: l, Nonce: k.nonce(s, session), Least: k.Conf.Least, Dim: k.Conf.Dim, Asked: instant(s.Liveness.Opened), Now: instant(k.Clock().At),
		Within: time.Duration(k.Conf.WithinS) * time.Second, Token: token, Epoch: epoch,
	}
	if first.Dim() > 0 {
		check.Second, check.Alike = &first, k.Conf.Alike
	}
	err = Verify(check)
	audit := &sale.Audit{Epoch: number, Digest: l.Vector.Audit(token, epoch), Print: l.Vector.Print(epoch)}
	if told, lost := k.told(l.Vector); lost != nil {
		c.opts.Log.Error("it cannot be told whether a liveness vector was told before", "sale", s.ID, "err", lost)
		return unclear(whyForm)
	} else if err == nil && told {
		err = ErrReplayed
	}
	switch {
	case err != nil:
		return refusedCheck(err, audit)
	case check.Second == nil && k.Conf.TwiceFrom > 0 && s.Amount.Minor >= k.Conf.TwiceFrom:
		k.firsts.keep(s.ID, k.session(s), l.Vector.move(), check.Within)
		req, err := c.prepareCheck(step, s)
		if err != nil {
			return unclear(whyForm)
		}
		next, _ := k.asked(s)
		return c.openCheck(ctx, step, s, req, next)
	}
	return sale.Event{Kind: sale.LivenessPassed, Audit: audit}
}

func (k *Checks) told(v Vector) (bool, error) {
	return k.Evidence.Told(func(key []byte) (string, error) {
		e, err := NewEpoch(key)
		if err != nil {
			return "", err
		}
		defer e.Zero()
		return v.Print(e), nil
	})
}

func instant(i sale.Instant) time.Time { return time.Unix(0, int64(i)) }

func failed(why sale.Reason) sale.Event { return sale.Event{Kind: sale.LivenessFailed, Why: &why} }

// refusedCheck is a vector that did not pass. What it was is known if it comes again.
func refusedCheck(err error, audit *sale.Audit) sale.Event {
	for _, c := range causes {
		if errors.Is(err, c.err) {
			ev := failed(c.why)
			if audit.Print != "" {
				ev.Audit = &sale.Audit{Epoch: audit.Epoch, Print: audit.Print}
			}
			return ev
		}
	}
	return unclear(whyForm) // the check is not set up, which no payer can help
}

// proof is what goes with the attempt that a check was for.
func (c *Client) proof(s sale.Sale) (*Proof, error) {
	if l := s.Liveness; l == nil || l.Passed == 0 || l.Spent {
		return nil, nil
	}
	digest, err := c.digest(s)
	return &Proof{s.Liveness.Session, digest}, err
}

func (c *Client) digest(s sale.Sale) (string, error) {
	if c.opts.Checks == nil || s.Liveness == nil {
		return "", errNoChecks
	}
	digest, err := c.opts.Checks.Evidence.Audit(s.ID, s.Liveness.Session)
	if err == nil && digest == "" {
		err = fmt.Errorf("aipay: nothing is left of the liveness check of sale %s", s.ID)
	}
	return digest, err
}

// whole is a request with the digest that its stored form has not. Only an order is
// ever sent again.
func (c *Client) whole(step sale.Step, s sale.Sale, req sale.Request) sale.Request {
	if _, err := req.Wire(); err == nil || step.Do != sale.Order {
		return req
	}
	digest, err := c.digest(s)
	if err != nil {
		return req
	}
	whole, err := req.Restore(digest)
	if err != nil {
		return req
	}
	return whole
}

package aipay

import (
	"context"

	"qrposd/rules/explain"
	"qrposd/rules/sale"
)

// What an answer of the API can come down to, where it is not a payment's state.
var (
	whyNoKey    = sale.Reason{Code: "ai_no_key", Message: "the payment has no key on record and was not sent"}
	whyUnread   = sale.Reason{Code: "ai_unread", Message: "the answer of the payment service was not understood; the till asks again"}
	whyUnclear  = sale.Reason{Code: "ai_unclear", Message: "the payment service said no without a reason that can be believed; the till asks what became of it"}
	whyPolicy   = sale.Reason{Code: "ai_policy", Message: "a rule of the payment service refused it"}
	whyRefused  = sale.Reason{Code: "ai_refused", Message: "the payment service refused it, in words that this till is not sure of"}
	whyNonsense = sale.Reason{Code: "ai_nonsense", Message: "a model of the payment service was mistaken about this sale"}
	whyLiveness = sale.Reason{Code: "ai_liveness", Message: "the payment service asks for a liveness check, which this till has not set up"}
	whyPayer    = sale.Reason{Code: "ai_payer", Message: "the payment service says that the payer can mend it"}
	whyPaying   = sale.Reason{Code: "payer_confirming", Message: "the payer is confirming on the telephone"}
)

// advised are the reasons that say what the payer can do now.
var advised = map[explain.Advice]sale.Reason{
	explain.RefreshCode: {Code: "code_expired", Message: "the payer's code is too old"},
	explain.TopUp:       {Code: "not_enough", Message: "the payer's balance does not cover the amount"},
	explain.OtherCard:   {Code: "card_unsupported", Message: "the payer's card is not accepted"},
}

// hear turns a signed answer to a payment into the fact it states. The answer of
// the API is a conversation: a payment in some state, an error in words, or a
// question back. What is none of these says nothing about the money.
func (c *Client) hear(ctx context.Context, step sale.Step, s sale.Sale, body []byte) (ev sale.Event, said string) {
	ans, err := ReadPayment(body, step.OrderNo)
	switch {
	case err != nil:
		return unclear(whyUnread), err.Error()
	case ans.Refusal != nil:
		return c.hearError(ctx, step, s, *ans.Refusal)
	case ans.Challenge != nil:
		return c.challenged(step, s, *ans.Challenge), "challenge"
	}
	return c.hearPayment(ctx, step, s, *ans.Payment), ans.Payment.State
}

// challenged is a payment that waits for a check. It is heeded once: a service that
// asks again after a check refuses.
func (c *Client) challenged(step sale.Step, s sale.Sale, ch Challenge) sale.Event {
	switch {
	case !c.opts.Checks.on():
		return refusal(step, whyLiveness, false)
	case s.Liveness != nil:
		return refusal(step, whyAgain, false)
	}
	ev := refusal(step, whyCheck, false)
	ev.Liveness = &sale.Liveness{Session: ch.SessionID}
	return ev
}

// hearPayment is what the state of a payment means. Money is never believed from
// here: the answer names neither the amount nor the provider's number, so the
// order is asked about, under the provider's signature, before anybody is told.
func (c *Client) hearPayment(ctx context.Context, step sale.Step, s sale.Sale, p Paying) sale.Event {
	switch p.State {
	case "NOTPAY", "USERPAYING":
		if step.Do == sale.Charge {
			why := whyPaying
			return sale.Event{Kind: sale.Waiting, Why: &why}
		}
		if p.CodeURL == "" {
			return unclear(whyUnread)
		}
		return sale.Event{Kind: sale.Ordered, CodeURL: p.CodeURL, Lasts: c.opts.QRLife}
	}
	ev := c.ask(ctx, step, s)
	if step.Do == sale.Order && ev.Kind != sale.Received {
		return unclear(whyUnread) // nobody has seen a code: asked for again, or given up
	}
	return ev
}

// hearError is what an explanation comes down to. Only a cause that was told
// before anything was charged ends an attempt, and a charge's end is confirmed by
// a query all the same; everything else is held and asked about. A cause that is
// not sure is told to nobody as theirs.
func (c *Client) hearError(ctx context.Context, step sale.Step, s sale.Sale, e ModelError) (sale.Event, string) {
	if e.Stage != PreAuthorization { // money may have moved: no cause ends it
		f := explain.Read(e.Explanation, c.sent(step, s))
		return readBy(unclear(whyUnclear), byTill), string(e.Stage) + ": " + f.Cause.String()
	}
	f, by := c.read(ctx, e.Explanation, c.sent(step, s))
	ev, said := ended(step, f)
	return readBy(ev, by), string(e.Stage) + ": " + said + ", read by " + by
}

// ended is what a cause that was told before anything was charged comes down to.
func ended(step sale.Step, f explain.Finding) (sale.Event, string) {
	said := f.Cause.String()
	switch {
	case f.Cause == explain.Hallucination:
		return refusal(step, whyNonsense, true), said
	case f.Cause == explain.User && f.Sure:
		if why, ok := advised[f.Advice]; ok {
			return refusal(step, why, false), said
		}
		return refusal(step, whyPayer, false), said
	case f.Cause == explain.Policy && f.Sure:
		// The manager decides whether it goes another way.
		ev := refusal(step, whyPolicy, false)
		ev.Appeal = true
		return ev, said
	case f.Cause != explain.Unknown || step.Do == sale.Order:
		// Nobody has seen a code of a refused order: there is no money to find, and
		// another answer is not waited for with a queue at the counter.
		return refusal(step, whyRefused, false), said + ", not sure"
	}
	return unclear(whyUnclear), said
}

func unclear(why sale.Reason) sale.Event { return sale.Event{Kind: sale.Unclear, Why: &why} }

// refusal is a refusal of whatever was asked for.
func refusal(step sale.Step, why sale.Reason, reroute bool) sale.Event {
	kind := sale.ChargeRefused
	if step.Do == sale.Order {
		kind = sale.OrderRefused
	}
	return sale.Event{Kind: kind, Why: &why, Reroute: reroute}
}

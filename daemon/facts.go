package daemon

import (
	"slices"

	"qrposd/daemon/llm"
	"qrposd/rules"
)

// factsOf is the part of a case that may leave the till, with what the rules said
// of it. What a case knows and a model must not hear has no place in [llm.Facts].
func factsOf(c *rules.Case, v rules.Record) llm.Facts {
	n := known
	f := llm.Facts{
		Amount: llm.Known(c.Amount.Minor), Currency: c.Amount.Currency, Flow: c.Flow,
		Local: llm.Local{Weekday: word[llm.Weekday](c.Local.Weekday, "mon", "tue", "wed", "thu", "fri", "sat", "sun")},
		Link:  word[llm.Link](c.Link.State, "online", "no_link", "no_dns", "provider_down", "provider_slow", "clock_untrusted"),
		Payer: llm.Payer{
			Wallet:    word[llm.Wallet](c.Payer.Wallet, "wechat", "wechat_hk", "alipay", "unionpay", "other"),
			FirstSeen: word[llm.Flag](c.Payer.FirstSeen, llm.No, llm.Yes),
			Count1m:   n(c.Payer.Count1m), Count10m: n(c.Payer.Count10m), Count1h: n(c.Payer.Count1h), Count1d: n(c.Payer.Count1d),
			Sum10m: n(c.Payer.Sum10m), Sum1h: n(c.Payer.Sum1h), Sum1d: n(c.Payer.Sum1d), Declines: n(c.Payer.Declines),
		},
		Till:    llm.Till{Count1m: n(c.Till.Count1m), Count1h: n(c.Till.Count1h), Sum1h: n(c.Till.Sum1h), Sum1d: n(c.Till.Sum1d), Declines: n(c.Till.Declines)},
		Offline: llm.Offline{Sum: n(c.Offline.Sum), Count: n(c.Offline.Count), Oldest: n(c.Offline.Oldest), Streak: n(c.Offline.Streak)},
		Operator: llm.Operator{
			Sales: n(c.Operator.Sales), Voids: n(c.Operator.Voids), Refunds: n(c.Operator.Refunds),
			OwnRefunds: n(c.Operator.OwnRefunds), TinySales: n(c.Operator.TinySales), Count10m: n(c.Operator.Count10m),
		},
		Price: llm.Price{
			Cross: word[llm.Flag](c.Price.Cross, llm.No, llm.Yes),
			Width: n(c.Price.Width), Left: n(c.Price.Left), Confidence: n(c.Price.Confidence),
		},
		Intent: llm.Purpose{Label: llm.Label(c.Intent.Label), Confidence: n(c.Intent.Confidence)},
	}
	if t, ok := c.Local.Time.Value(); ok {
		f.Local.Hour = llm.Known(t / 3600)
	}
	for _, e := range v.Owed.List() {
		f.Asks = append(f.Asks, llm.Verdict(e.String()))
	}
	for _, id := range v.Fired {
		f.Rules = append(f.Rules, llm.Label(id))
	}
	// A rule may have a longer name than a model may hear, and is no reason not to
	// ask: what the rule asks for is told.
	unheard := func(l llm.Label) bool { return !l.Valid() }
	f.Rules = slices.DeleteFunc(f.Rules, unheard)
	if unheard(f.Intent.Label) {
		f.Intent.Label = ""
	}
	return f
}

func known(i rules.Int) llm.Int {
	if n, ok := i.Value(); ok {
		return llm.Known(n)
	}
	return llm.Int{}
}

// word is the name of a fact that the rules count from one, "" if it is not known.
func word[T ~string, N ~uint8](n N, names ...T) T {
	if n == 0 || int(n) > len(names) {
		return ""
	}
	return names[n-1]
}

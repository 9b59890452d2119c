package daemon

import (
	"context"
	"testing"
	"time"

	"qrposd/daemon/wechat"
	"qrposd/rules"
	"qrposd/rules/sale"
	"qrposd/store/storetest"
)

// gone is a provider that nobody has heard of since the till started, and that is
// found to be away when it is asked.
type gone struct {
	gauge
	asked int
}

func (g *gone) Probe(context.Context) error {
	g.asked++
	g.p = wechat.Pulse{Trouble: wechat.NoDoor, Failures: g.asked, Detail: "x"}
	return context.DeadlineExceeded
}

// A sale that was begun before a power cut is judged by what is asked, not by the
// silence since the start: a provider that nobody has asked is not known to be there.
func TestLinkIsAskedForBeforeItIsBelieved(t *testing.T) {
	g := &gone{}
	l, err := openLink(g, storetest.MustOpen(t), []string{"https://api.mch.weixin.qq.com"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	l.wired = func() bool { return true }
	if f := l.fact(t.Context(), sale.Merchant); f.State != rules.Online || g.asked != 0 {
		t.Errorf("a sale at the provider: %s, asked %d times", linkNames[f.State], g.asked)
	}
	if f := l.fact(t.Context(), sale.Offline); f.State != rules.ProviderDown || g.asked == 0 {
		t.Errorf("a sale without it: %s, asked %d times", linkNames[f.State], g.asked)
	}
	before := g.asked
	if f := l.fact(t.Context(), sale.Offline); f.State != rules.ProviderDown || g.asked != before {
		t.Errorf("what is known is asked for again: %s, %d times", linkNames[f.State], g.asked-before)
	}
	g.p = wechat.Pulse{Answered: time.Now()}
	if f := l.fact(t.Context(), sale.Offline); f.State != rules.Online {
		t.Errorf("it has just answered: %s", linkNames[f.State])
	}
}

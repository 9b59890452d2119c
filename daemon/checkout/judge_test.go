package checkout

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"qrposd/rules/sale"
)

// judge is an Adviser that takes its time.
type judge struct {
	says  sale.Judgement
	takes time.Duration
	asked int
}

func (j *judge) Judge(context.Context, sale.Sale) sale.Event {
	j.asked++
	time.Sleep(j.takes)
	said := j.says
	ev := sale.Event{Kind: sale.Assessed, Judgement: &said}
	if said.Refused {
		ev.Why = &sale.Reason{Code: "rule_huge", Message: "too large", Chinese: "过大"}
	}
	return ev
}

func judged(t *testing.T, j *judge, flow sale.Flow, f func(d *Desk, b *book, g *counter, id sale.ID)) {
	synctest.Test(t, func(t *testing.T) {
		b := &book{sales: map[sale.ID]sale.Sale{}, facts: map[sale.ID][]sale.Kind{}, codes: map[string]sale.ID{}}
		g := &counter{t: t, answer: each(map[sale.Action][]sale.Kind{sale.Order: {sale.Ordered}, sale.Query: {sale.Waiting}, sale.Charge: {sale.Received}, sale.Close: {sale.Closed}})}
		plan := sale.DefaultPlan()
		plan.Judge = true
		d := New(Options{Gateway: g, Journal: b, Clock: b, Adviser: j, Plan: plan, Wallet: "wechat", Log: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- d.Run(ctx, ctx) }()
		synctest.Wait()
		n := tea
		n.Flow = flow
		s, _, err := d.Open(context.Background(), n, sale.Once{})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		f(d, b, g, s.ID)
		stop()
		<-done
	})
}

func TestASaleIsJudgedBeforeAnythingIsAsked(t *testing.T) {
	for _, c := range []struct {
		name  string
		says  sale.Judgement
		flow  sale.Flow
		state sale.State
		facts string
	}{
		{"let go, in the same write as the order", sale.Judgement{}, sale.Merchant, sale.Presented, "[order_intended ordered]"},
		{"let go, and waiting for the code", sale.Judgement{}, sale.Payer, sale.Judged, "[judged]"},
		{"refused", sale.Judgement{Refused: true}, sale.Merchant, sale.Declined, "[judged]"},
		{"a manager is needed", sale.Judgement{Needs: []sale.Need{sale.NeedApprove}}, sale.Merchant, sale.AwaitingApproval, "[judged]"},
		{"the payer and a manager", sale.Judgement{Needs: []sale.Need{sale.NeedConfirm, sale.NeedApprove}}, sale.Payer, sale.AwaitingConfirmation, "[judged]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := &judge{says: c.says, takes: 600 * time.Millisecond}
			judged(t, j, c.flow, func(d *Desk, b *book, g *counter, id sale.ID) {
				s, _ := b.Sale(id)
				if s.State != c.state || fmt.Sprint(b.facts[id]) != c.facts || j.asked != 1 {
					t.Errorf("%s by %v, judged %d times; want %s by %s", s.State, b.facts[id], j.asked, c.state, c.facts)
				}
				if s.Judgement == nil {
					t.Error("the judgement is not on record")
				}
				if c.state != sale.Presented && len(g.calls) != 0 {
					t.Errorf("the provider was asked: %v", g.calls)
				}
			})
		})
	}
}

func TestConsentLetsASaleGoOn(t *testing.T) {
	j := &judge{says: sale.Judgement{Needs: []sale.Need{sale.NeedConfirm, sale.NeedApprove}}}
	judged(t, j, sale.Payer, func(d *Desk, b *book, g *counter, id sale.ID) {
		ctx := context.Background()
		if _, err := d.Scan(ctx, id, payerCode); err == nil {
			t.Error("a code was taken before anybody agreed")
		}
		s, err := d.Consent(ctx, id, 0, "")
		if err != nil || s.State != sale.AwaitingApproval {
			t.Fatalf("the payer agrees: %s, %v", s.State, err)
		}
		if _, err := d.Consent(ctx, id, 0, ""); err == nil {
			t.Error("nobody approved")
		}
		if again, err := d.Consent(ctx, id, s.Facts-1, "Wang"); err != nil || again.State != s.State || again.Facts != s.Facts {
			t.Errorf("what was said of the price, asked again, is the manager's word: %s, %v", again.State, err)
		}
		if s, err = d.Consent(ctx, id, s.Facts, "Wang"); err != nil || s.State != sale.Judged {
			t.Fatalf("the manager approves: %s, %v", s.State, err)
		}
		if _, err := d.Scan(ctx, id, payerCode); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s, _ = b.Sale(id); s.State != sale.Paid || j.asked != 1 {
			t.Errorf("%s, judged %d times", s.State, j.asked)
		}
	})
}

//go:build !till

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"qrposd/daemon/advisor"
	"qrposd/daemon/api"
	"qrposd/daemon/sim"
	"qrposd/rules/sale"
)

// tour is the demonstration without a person: four sales, then both books and who
// judged.
type tour struct {
	sim  *simulation
	till *api.Client
	out  io.Writer
	done []sale.ID
	off  sale.ID // made while the models were off
}

func (t *tour) run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, step := range []struct {
		what string
		do   func(context.Context) (api.Sale, error)
		end  sale.State
	}{
		{"a QR code is shown and paid", t.showQR, sale.Paid},
		{"a payer's code is scanned at the serial port and charged", func(ctx context.Context) (api.Sale, error) { return t.scan(ctx, "8.50") }, sale.Paid},
		{"the answer to a charge is lost; the till finds out", func(ctx context.Context) (api.Sale, error) { return t.scan(ctx, "20.19") }, sale.Paid},
		{"the models are off: a sale goes on, judged by the rules", t.withoutModels, sale.Paid},
		{"the first sale is refunded", t.refund, sale.Refunded},
	} {
		s, err := step.do(ctx)
		if err == nil {
			s, err = t.rest(ctx, s.ID)
		}
		if err == nil && s.State != step.end.String() {
			err = fmt.Errorf("sale %s is %s, not %s: %s", s.ID, s.State, step.end, s.Says.Headline.En)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		fmt.Fprintf(t.out, "%-58s %s %s\n", step.what, s.State, s.Amount.Decimal)
	}
	return t.compare(ctx)
}

func (t *tour) open(ctx context.Context, flow sale.Flow, amount string) (api.Sale, error) {
	s, err := t.till.Open(ctx, api.NewSale{Flow: flow, Amount: amount, Currency: "CNY", Description: "tea"}, rand.Text(), 10*time.Second)
	if err == nil {
		t.done = append(t.done, s.ID)
	}
	return s, err
}

func (t *tour) showQR(ctx context.Context) (api.Sale, error) {
	s, err := t.open(ctx, sale.Merchant, "12.80")
	if err != nil {
		return s, err
	}
	if s.QR == nil {
		return s, fmt.Errorf("no QR code: %s", s.Says.Headline.En)
	}
	_, err = t.sim.world.WeChat.Scan(sim.QRScan{CodeURL: s.QR.Text, Action: "pay"})
	return s, err
}

// withoutModels sells while nobody answers the till's questions about sales.
func (t *tour) withoutModels(ctx context.Context) (api.Sale, error) {
	models := &t.sim.world.Models
	if _, err := models.SetMode(sim.ModelMode{Mode: "off"}); err != nil {
		return api.Sale{}, err
	}
	s, err := t.showQR(ctx)
	t.off = s.ID
	_, on := models.SetMode(sim.ModelMode{Mode: "quick"})
	return s, errors.Join(err, on)
}

// scan holds a telephone to the scanner once the till waits for it.
func (t *tour) scan(ctx context.Context, amount string) (api.Sale, error) {
	code, err := t.sim.world.WeChat.Mint(sim.PayerCode{})
	if err != nil {
		return api.Sale{}, err
	}
	s, err := t.till.Open(ctx, api.NewSale{Flow: sale.Payer, Amount: amount, Currency: "CNY", Description: "cake"}, rand.Text(), 0)
	if err != nil {
		return s, err
	}
	t.done = append(t.done, s.ID)
	return s, t.sim.world.Scanner.Scan(code.AuthCode)
}

func (t *tour) refund(ctx context.Context) (api.Sale, error) {
	return t.till.Refund(ctx, t.done[0], api.NewRefund{Amount: "12.80", Reason: "returned"}, rand.Text())
}

// rest waits until the sale has an outcome.
func (t *tour) rest(ctx context.Context, id sale.ID) (s api.Sale, err error) {
	for {
		s, err = t.till.Sale(ctx, id, 10*time.Second)
		if err != nil || s.Rests() {
			return s, err
		}
	}
}

// compare prints the till's journal, and its books beside the provider's own.
func (t *tour) compare(ctx context.Context) error {
	list, err := t.till.Sales(ctx, 100, "")
	if err != nil {
		return err
	}
	end := errors.New("the end of the journal")
	fmt.Fprintln(t.out, "\njournal")
	err = t.till.Events(ctx, 0, func(ev api.Event) error {
		fmt.Fprintf(t.out, "%4d  %s  %-18s %s\n", ev.Seq, ev.Sale.ID, ev.Kind, ev.State)
		if ev.Seq == list.Seq {
			return end
		}
		return nil
	})
	if !errors.Is(err, end) {
		return err
	}
	fmt.Fprintf(t.out, "\n%-32s %14s %14s\n", "order", "till, fen", "provider, fen")
	for i := range list.Sales {
		if err := t.compareSale(&list.Sales[i]); err != nil {
			return err
		}
	}
	totals := t.sim.world.WeChat.Report().Totals
	fmt.Fprintf(t.out, "the provider counts %d charges, %d refunds, %d reversals; net %d fen\n", totals.Charges, totals.Refunds, totals.Reversals, totals.Net)
	return nil
}

func (t *tour) compareSale(s *api.Sale) error {
	for _, a := range s.History.Attempts {
		ours := int64(0)
		if a.End == sale.EndPaid {
			ours = s.Amount.Minor
		}
		for _, r := range s.History.Refunds {
			if r.OrderNo == a.OrderNo && r.State == sale.RefundPaid {
				ours -= r.Amount.Minor
			}
		}
		theirs, _ := t.sim.world.WeChat.OrderReport(a.OrderNo)
		fmt.Fprintf(t.out, "%-32s %14d %14d\n", a.OrderNo, ours, theirs.Net)
		if ours != theirs.Net || theirs.Charges > 1 {
			return fmt.Errorf("order %s: the books differ, or it was charged %d times", a.OrderNo, theirs.Charges)
		}
	}
	return nil
}

// judged prints who judged the sales of a tour, and holds that a model did where
// there was one, and the rules where there was none.
func (t *tour) judged(store string) error {
	fmt.Fprintln(t.out)
	for _, id := range t.done {
		j, _, err := judgementOf(store, id)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.out, "%s  %-8s by %s %s\n", id, j.Final.Effect, by(j), j.Provider)
		if (id == t.off) == (j.Path == advisor.ByModel) {
			return fmt.Errorf("sale %s was judged by %s", id, j.Path)
		}
	}
	return nil
}

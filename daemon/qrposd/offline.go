package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// offlineFlags are what the kinds of `offline` take.
type offlineFlags struct {
	addr, operator, note, receipt, source string
	shown, json                           bool
}

const offlineKinds = "ls, card, reconcile, attest, dispute or settle"

// offlineVerb looks at what a running till sold without the provider, and says what
// became of it.
func offlineVerb(ctx context.Context, c *call) error {
	what, err := c.kind("offline takes " + offlineKinds)
	if err != nil {
		return err
	}
	var f offlineFlags
	c.flags.StringVar(&f.addr, "addr", defaultAddr, "the `URL` of the till")
	c.flags.StringVar(&f.operator, "operator", "", "attest, dispute, settle: who says so")
	c.flags.StringVar(&f.note, "note", "", "dispute, settle: why, or what it rests on")
	c.flags.StringVar(&f.receipt, "receipt", "", "settle: the id of a receipt that was handed in")
	c.flags.StringVar(&f.source, "source", "", "reconcile: the name of the statement (default: the file's)")
	c.flags.BoolVar(&f.shown, "shown", false, "attest: the customer's telephone showed the payment")
	c.flags.BoolVar(&f.json, "json", false, "print JSON")
	if err := c.parse(); err != nil {
		return err
	}
	client := &api.Client{Base: f.addr}
	switch what {
	case "ls":
		return listOffline(ctx, c, client, f)
	case "card":
		return printExposure(ctx, c, client, f)
	case "reconcile":
		return reconcileFile(ctx, c, client, f)
	case "attest", "dispute", "settle":
		return settleOffline(ctx, c, client, what, f)
	}
	return usage(fmt.Sprintf("offline does not %.20q; it takes %s", what, offlineKinds))
}

// listOffline prints the sales that have no receipt, oldest first.
func listOffline(ctx context.Context, c *call, client *api.Client, f offlineFlags) error {
	list, err := client.Offline(ctx)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(list)
	}
	for _, s := range list.Sales {
		printOwn(c, s)
	}
	if list.More {
		fmt.Fprintln(c.out, "and more: reconcile those first")
	}
	return nil
}

func printOwn(c *call, s api.Sale) {
	left := ""
	if s.SecondsLeft != nil {
		left = fmt.Sprintf(", %d s left", *s.SecondsLeft)
	}
	fmt.Fprintf(c.out, "%s  %s  %s %s  %s%s\n    %s\n", s.ID, s.State, s.Amount.Currency, s.Amount.Decimal, s.Offline.Scheme, left, s.Says.Headline.En)
}

// printExposure prints what the shop may lose.
func printExposure(ctx context.Context, c *call, client *api.Client, f offlineFlags) error {
	e, err := client.Exposure(ctx)
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(e)
	}
	fmt.Fprintf(c.out, "link: %s  %s\n", e.Link.State, e.Link.Says.En)
	fmt.Fprintf(c.out, "open: %d, the oldest for %d s; disputed: %d\n", e.Count, e.Oldest, e.Disputed)
	if e.Left != nil {
		fmt.Fprintf(c.out, "the first window ends in %d s\n", *e.Left)
	}
	for _, m := range e.Worst {
		fmt.Fprintf(c.out, "worst loss: %s %s\n", m.Currency, m.Decimal)
	}
	return nil
}

// receiptsAtOnce is how many receipts go in one request.
const receiptsAtOnce = 100

// reconcileFile hands a statement in. It is read whole before the first line is sent;
// sent again after a power cut, it changes nothing twice.
func reconcileFile(ctx context.Context, c *call, client *api.Client, f offlineFlags) error {
	if len(c.args) != 1 {
		return usage("offline reconcile takes a statement in CSV, after the flags")
	}
	file, err := os.Open(c.args[0])
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // it was only read
	if f.source == "" {
		f.source = filepath.Base(c.args[0])
	}
	list, err := readReceipts(file, f.source)
	if err != nil {
		return fmt.Errorf("%s: %w; nothing was sent", c.args[0], err)
	}
	var sum api.ReceiptResults
	for len(list) > 0 {
		part := list[:min(receiptsAtOnce, len(list))]
		list = list[len(part):]
		got, err := client.Receipts(ctx, api.NewReceipts{Receipts: part})
		if err != nil {
			return err
		}
		sum.Matched, sum.Ambiguous, sum.Unmatched = sum.Matched+got.Matched, sum.Ambiguous+got.Ambiguous, sum.Unmatched+got.Unmatched
		sum.Results = append(sum.Results, got.Results...)
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(sum)
	}
	for _, r := range sum.Results {
		if r.Outcome != "matched" {
			fmt.Fprintf(c.out, "%s  %s (%s)  %s %s\n", r.ID, r.Outcome, r.Why, r.Says.En, r.Sale)
		}
	}
	fmt.Fprintf(c.out, "%d matched, %d ambiguous, %d unmatched\n", sum.Matched, sum.Ambiguous, sum.Unmatched)
	return nil
}

// settleOffline says of one sale what a person knows.
func settleOffline(ctx context.Context, c *call, client *api.Client, what string, f offlineFlags) error {
	if len(c.args) != 1 || f.operator == "" {
		return usage(fmt.Sprintf("offline %s takes -operator and the number of a sale, after the flags", what))
	}
	id := sale.ID(c.args[0])
	var s api.Sale
	var err error
	switch {
	case what == "attest":
		s, err = client.Attest(ctx, id, api.NewAttestation{Operator: f.operator, Shown: f.shown})
	case what == "dispute" && f.note == "":
		return usage("offline dispute takes -note: why there will be no receipt")
	case what == "dispute":
		s, err = client.Dispute(ctx, id, api.NewDispute{Operator: f.operator, Note: f.note})
	default:
		s, err = client.Reconcile(ctx, id, api.NewReconciliation{Operator: f.operator, Receipt: f.receipt, Note: f.note})
	}
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(s)
	}
	printOwn(c, s)
	return nil
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// queueFlags are what the kinds of `queue` take.
type queueFlags struct {
	addr, operator, reason string
	json                   bool
}

// queueVerb looks at what a running till owes, and says what a person has to say of
// it.
func queueVerb(ctx context.Context, c *call) error {
	what, err := c.kind("queue takes ls, show, retry, set-aside or repaid")
	if err != nil {
		return err
	}
	var f queueFlags
	c.flags.StringVar(&f.addr, "addr", defaultAddr, "the `URL` of the till")
	c.flags.StringVar(&f.operator, "operator", "", "retry, set-aside, repaid: who says so, on record")
	c.flags.StringVar(&f.reason, "reason", "", "retry, set-aside: why; repaid: how the customer got the money; on record")
	c.flags.BoolVar(&f.json, "json", false, "print JSON")
	if err := c.parse(); err != nil {
		return err
	}
	client := &api.Client{Base: f.addr}
	if what == "ls" {
		q, err := client.Queue(ctx)
		for _, j := range q.Jobs {
			printJob(c, j, f.json)
		}
		return err
	}
	if !slices.Contains([]string{"show", "retry", "set-aside", "repaid"}, what) {
		return usage(fmt.Sprintf("queue does not %.20q; it takes ls, show, retry, set-aside or repaid", what))
	}
	if len(c.args) != 1 {
		return usage(fmt.Sprintf("queue %s takes the number of a sale, after the flags", what))
	}
	id := sale.ID(c.args[0])
	var j api.Job
	if what == "show" {
		j, err = client.Job(ctx, id)
	} else if f.operator == "" || f.reason == "" {
		return usage(fmt.Sprintf("queue %s takes -operator and -reason: who says so, and why", what))
	} else {
		j, err = client.Remark(ctx, id, what, api.Remark{Operator: f.operator, Reason: f.reason})
	}
	if err != nil {
		return err
	}
	printJob(c, j, f.json)
	return nil
}

func seconds(s int64) time.Duration { return time.Duration(s) * time.Second }

func printJob(c *call, j api.Job, asJSON bool) {
	if asJSON {
		_ = json.NewEncoder(c.out).Encode(j)
		return
	}
	if len(j.Debts) == 0 {
		fmt.Fprintf(c.out, "%s  owes nothing\n", j.ID)
		return
	}
	next := "never by itself"
	if j.Next != nil {
		next = "in " + seconds(*j.Next).String()
	}
	fmt.Fprintf(c.out, "%s  %s  for %s, sent %d times, next %s\n", j.ID, j.State, seconds(j.Age), j.Attempts, next)
	for _, d := range j.Debts {
		fmt.Fprintf(c.out, "    %s  %s %s  %s %s\n", d.Kind, d.Amount.Currency, d.Amount.Decimal, d.OrderNo, d.RefundNo)
	}
	fmt.Fprintf(c.out, "    %s\n    to do: %s\n", j.Says.What.En, j.Says.Next.En)
	if j.Reason != nil {
		fmt.Fprintf(c.out, "    because: %s\n", j.Reason.Text.En)
	}
	if j.Owner != nil {
		fmt.Fprintf(c.out, "    %s: %s\n", j.Owner.By, j.Owner.Why)
	}
	for _, t := range j.History {
		fmt.Fprintf(c.out, "    %s ago: %s: %s\n", seconds(t.Age), t.Did, t.Outcome)
	}
}

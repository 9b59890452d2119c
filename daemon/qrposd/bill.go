package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"qrposd/daemon/api"
)

// billVerb looks at the provider's bills of a running till, and has one fetched anew.
func billVerb(ctx context.Context, c *call) error {
	what, err := c.kind("bill takes ls, show DATE or fetch DATE")
	if err != nil {
		return err
	}
	addr := c.flags.String("addr", defaultAddr, "the `URL` of the till")
	asJSON := c.flags.Bool("json", false, "print JSON")
	wait := c.flags.Duration("wait", time.Minute, "fetch: how long to wait until it is compared")
	if err := c.parse(); err != nil {
		return err
	}
	client := &api.Client{Base: *addr}
	if what == "ls" && len(c.args) == 0 {
		return listBills(ctx, c, client, *asJSON)
	}
	if len(c.args) != 1 || what != "show" && what != "fetch" {
		return usage("bill takes ls, show DATE or fetch DATE, with the flags before the date")
	}
	date := c.args[0]
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return usage(fmt.Sprintf("%.20q is not a day such as 2026-11-27", date))
	}
	one, err := client.Bill(ctx, date)
	if what == "fetch" {
		one, err = fetchBill(ctx, client, date, *wait)
	}
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(c.out).Encode(one)
	}
	printBill(c, one)
	if one.Result != nil {
		for _, d := range one.Result.Listed {
			fmt.Fprintf(c.out, "    %s  %s %s  here %s, in the bill %s\n        %s\n        to do: %s\n", d.Code, d.Kind, d.No, d.Here, d.There, d.Text.En, d.Hint.En)
		}
	}
	return nil
}

// fetchBill asks for a bill and waits until it was tried once more: at another time,
// not a later one, since the provider's clock as the till knows it may step back.
func fetchBill(ctx context.Context, client *api.Client, date string, wait time.Duration) (api.Bill, error) {
	before, err := client.FetchBill(ctx, date)
	if err != nil {
		return before, err
	}
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if one, err := client.Bill(ctx, date); err == nil && one.At != nil && (before.At == nil || !one.At.Equal(*before.At)) {
			return one, nil
		}
	}
	return before, fmt.Errorf("the till has not fetched it within %s; `qrposd bill show %s` says how it goes on", wait, date)
}

func listBills(ctx context.Context, c *call, client *api.Client, asJSON bool) error {
	list, err := client.Bills(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(c.out).Encode(list)
	}
	if list.Blind {
		fmt.Fprintln(c.out, "no signed answer has confirmed the clock yet; bills wait for that")
	}
	for _, one := range list.Bills {
		printBill(c, one)
	}
	return nil
}

func printBill(c *call, one api.Bill) {
	fmt.Fprintf(c.out, "%s  %s", one.Date, one.State)
	if r := one.Result; r != nil && one.State == "compared" {
		fmt.Fprintf(c.out, "  %d rows (%d of others), %d agree, %d differ", r.Rows, r.Others, r.Agreed, r.Differences)
		for _, s := range r.Sums {
			fmt.Fprintf(c.out, "  %s %s less %s", s.Currency, s.Paid, s.Refunded)
		}
	}
	fmt.Fprintln(c.out)
	if one.Reason != "" {
		fmt.Fprintf(c.out, "    %s: %s\n", one.Code, one.Reason)
	}
	if one.Next != nil {
		fmt.Fprintf(c.out, "    tried %d times, again at %s\n", one.Tries, one.Next.Local().Format(time.DateTime))
	}
}

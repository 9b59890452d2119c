package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"qrposd/daemon/api"
)

// caseFlags are what the kinds of `case` take.
type caseFlags struct {
	addr, state, operator, note, key string
	json                             bool
}

// caseVerb looks at what waits for the owner of a running till, and closes it.
func caseVerb(ctx context.Context, c *call) error {
	what, err := c.kind("case takes ls, show or close")
	if err != nil {
		return err
	}
	var f caseFlags
	c.flags.StringVar(&f.addr, "addr", defaultAddr, "the `URL` of the till")
	c.flags.StringVar(&f.state, "state", "open", "ls: which cases, open or closed; empty is all")
	c.flags.StringVar(&f.operator, "operator", "", "close: who closes it")
	c.flags.StringVar(&f.note, "note", "", "close: what was found")
	c.flags.StringVar(&f.key, "key", "", "idempotency key; the same key asks for the same thing once (default: a new one)")
	c.flags.BoolVar(&f.json, "json", false, "print JSON")
	if err := c.parse(); err != nil {
		return err
	}
	client := &api.Client{Base: f.addr}
	if what == "ls" {
		return listCases(ctx, c, client, f)
	}
	if what != "show" && what != "close" {
		return usage(fmt.Sprintf("case does not %.20q; it takes ls, show or close", what))
	}
	id, err := caseNumber(c, what)
	if err != nil {
		return err
	}
	var one api.Case
	if what == "show" {
		one, err = client.Case(ctx, id)
	} else if f.operator == "" || f.note == "" {
		return usage("case close takes -operator and -note: who closes it, and what was found")
	} else {
		one, err = client.CloseCase(ctx, id, api.NewClosing{Operator: f.operator, Note: f.note}, cmp.Or(f.key, rand.Text()))
	}
	if err != nil {
		return err
	}
	if f.json {
		return json.NewEncoder(c.out).Encode(one)
	}
	printCase(c, one)
	for _, e := range one.Says.Evidence {
		fmt.Fprintf(c.out, "    %s\n", e.En)
	}
	if one.Closed == nil {
		fmt.Fprintf(c.out, "    to do: %s\n", one.Says.Next.En)
	}
	return nil
}

func caseNumber(c *call, what string) (uint64, error) {
	if len(c.args) == 1 {
		if id, err := strconv.ParseUint(c.args[0], 10, 64); err == nil && id > 0 {
			return id, nil
		}
	}
	return 0, usage(fmt.Sprintf("case %s takes the number of a case, after the flags", what))
}

// listCases prints the cases of a state, newest first, all pages.
func listCases(ctx context.Context, c *call, client *api.Client, f caseFlags) error {
	for before := uint64(0); ; {
		page, err := client.Cases(ctx, f.state, 100, before)
		if err != nil {
			return err
		}
		for _, one := range page.Cases {
			if f.json {
				_ = json.NewEncoder(c.out).Encode(one)
			} else {
				printCase(c, one)
			}
		}
		if before = page.Next; before == 0 {
			return nil
		}
	}
}

func printCase(c *call, one api.Case) {
	amount := ""
	if one.Amount != nil {
		amount = fmt.Sprintf("  %s %s", one.Amount.Currency, one.Amount.Decimal)
	}
	fmt.Fprintf(c.out, "%d  %s  %s  %s%s  sale %s, order %s\n", one.ID, one.State, one.Opened.Local().Format(time.DateTime), one.Kind, amount, one.Sale, one.OrderNo)
	fmt.Fprintf(c.out, "    %s\n", one.Says.What.En)
	if one.Closed != nil {
		fmt.Fprintf(c.out, "    closed %s by %s: %s\n", one.Closed.At.Local().Format(time.DateTime), one.Closed.By, one.Closed.Note)
	}
}

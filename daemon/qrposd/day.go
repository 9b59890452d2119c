package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/day"
	"qrposd/rules/money"
)

// dayFlags are what the kinds of `day` take.
type dayFlags struct {
	addr, operator, drawer, kind, amount, currency, note, key, lang string
	json, csv, receipt                                              bool
}

// dayVerb looks at the day of a running till and closes it.
func dayVerb(ctx context.Context, c *call) error {
	what, err := c.kind("day takes x, z, ls, show N or drawer")
	if err != nil {
		return err
	}
	var f dayFlags
	c.flags.StringVar(&f.addr, "addr", defaultAddr, "the `URL` of the till")
	c.flags.StringVar(&f.operator, "operator", "", "z, drawer: who closes the day, or enters it")
	c.flags.StringVar(&f.drawer, "drawer", "", "drawer: whose it is (default: the operator's)")
	c.flags.StringVar(&f.kind, "kind", "", "drawer: float, paid_in, paid_out or counted; without it the lines of the open day are listed")
	c.flags.StringVar(&f.amount, "amount", "", "drawer: how much, such as 200.00")
	c.flags.StringVar(&f.currency, "currency", "", "drawer: in which currency (default: the till's)")
	c.flags.StringVar(&f.note, "note", "", "drawer: what it is about")
	c.flags.StringVar(&f.key, "key", "", "idempotency key; the same key asks for the same thing once (default: a new one)")
	c.flags.StringVar(&f.lang, "lang", "en", "the receipt's language, en or zh")
	c.flags.BoolVar(&f.json, "json", false, "print JSON")
	c.flags.BoolVar(&f.csv, "csv", false, "x, show: print the table")
	c.flags.BoolVar(&f.receipt, "receipt", false, "show: print the receipt, with the signature")
	if err := c.parse(); err != nil {
		return err
	}
	client := &api.Client{Base: f.addr}
	f.key = cmp.Or(f.key, rand.Text())
	switch what {
	case "x":
		return lookAtDay(ctx, c, client, f)
	case "z":
		return closeDay(ctx, c, client, f)
	case "ls":
		return listDays(ctx, c, client, f)
	case "drawer":
		return drawer(ctx, c, client, f)
	case "show":
		if len(c.args) == 1 {
			if n, err := strconv.Atoi(c.args[0]); err == nil && n > 0 {
				return showDay(ctx, c, client, f, n)
			}
		}
		return usage("day show takes the number of a day, after the flags")
	}
	return usage(fmt.Sprintf("day does not %.20q; it takes x, z, ls, show N or drawer", what))
}

func lookAtDay(ctx context.Context, c *call, client *api.Client, f dayFlags) error {
	if f.json {
		r, err := client.DayReport(ctx)
		if err != nil {
			return err
		}
		return json.NewEncoder(c.out).Encode(r)
	}
	return printText(ctx, c, client, f, 0)
}

// printText prints a report as the table, or as the receipt.
func printText(ctx context.Context, c *call, client *api.Client, f dayFlags, number int) error {
	form := "txt"
	if f.csv {
		form = "csv"
	}
	text, err := client.DayText(ctx, number, form, f.lang)
	if err == nil {
		_, err = fmt.Fprint(c.out, text)
	}
	return err
}

// closeDay closes the day, or prints every item that keeps it open.
func closeDay(ctx context.Context, c *call, client *api.Client, f dayFlags) error {
	if f.operator == "" {
		return usage("day z takes -operator: who closes the day")
	}
	d, err := client.CloseDay(ctx, f.operator, f.key)
	var p *api.Problem
	if errors.As(err, &p) {
		for _, m := range p.Missing {
			printMissing(c, m)
		}
	}
	if err != nil {
		return err
	}
	return showClosed(ctx, c, client, f, d)
}

func printMissing(c *call, m day.Missing) {
	fmt.Fprintf(c.errOut, "%s  %s %s %s  %s\n    to do: %s\n", m.Why, cmp.Or(m.OrderNo, m.Operator, "-"), m.Amount, m.Detail, m.Message, m.Hint)
}

func showDay(ctx context.Context, c *call, client *api.Client, f dayFlags, number int) error {
	d, err := client.ClosedDay(ctx, number)
	if err != nil {
		return err
	}
	return showClosed(ctx, c, client, f, d)
}

func showClosed(ctx context.Context, c *call, client *api.Client, f dayFlags, d api.Day) error {
	switch {
	case f.json:
		return json.NewEncoder(c.out).Encode(d)
	case f.csv, f.receipt:
		return printText(ctx, c, client, f, d.Number)
	}
	printDay(c, d)
	fmt.Fprintf(c.out, "%skey %s\nsignature %s\n", d.Statement, d.Key, d.Signature)
	return nil
}

func printDay(c *call, d api.Day) {
	fmt.Fprintf(c.out, "%d  closed %s by %s", d.Number, d.Closed.Local().Format(time.DateTime), d.By)
	var r day.Report
	if b, err := json.Marshal(d.Report); err == nil && json.Unmarshal(b, &r) == nil {
		for _, t := range r.Totals {
			fmt.Fprintf(c.out, "  %s %s less %s", t.Currency, money.Money{Minor: t.Paid, Currency: t.Currency}.Decimal(), money.Money{Minor: t.Refunded, Currency: t.Currency}.Decimal())
		}
	}
	fmt.Fprintln(c.out)
}

// listDays prints the closed days, newest first, all pages.
func listDays(ctx context.Context, c *call, client *api.Client, f dayFlags) error {
	for before := 0; ; {
		page, err := client.ClosedDays(ctx, 20, before)
		if err != nil {
			return err
		}
		for _, d := range page.Days {
			if f.json {
				_ = json.NewEncoder(c.out).Encode(d)
			} else {
				printDay(c, d)
			}
		}
		if before = page.Next; before == 0 {
			return nil
		}
	}
}

// drawer enters a line about a drawer, or lists those of the open day.
func drawer(ctx context.Context, c *call, client *api.Client, f dayFlags) error {
	var list api.DrawerLines
	var err error
	if f.kind == "" {
		list, err = client.DrawerLines(ctx)
	} else {
		if f.operator == "" || f.amount == "" {
			return usage("day drawer takes -operator, -kind and -amount: who enters what")
		}
		n := api.NewDrawerLine{Operator: f.operator, Drawer: f.drawer, Kind: f.kind, Amount: f.amount, Currency: money.Currency(f.currency), Note: f.note}
		var one api.DrawerLine
		one, err = client.EnterDrawer(ctx, n, f.key)
		list.Lines = []api.DrawerLine{one}
	}
	if err != nil {
		return err
	}
	for _, l := range list.Lines {
		if f.json {
			_ = json.NewEncoder(c.out).Encode(l)
			continue
		}
		fmt.Fprintf(c.out, "%d  %s  drawer %s  %s  %s %s  by %s  %s\n", l.N, l.At.Local().Format(time.DateTime), l.Drawer, l.Kind, l.Amount.Currency, l.Amount.Decimal, l.Operator, l.Note)
	}
	return nil
}

package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

const defaultAddr = "http://127.0.0.1:8430"

// saleFlags are what the kinds of `sale` take.
type saleFlags struct {
	addr, amount, currency, flow, text, operator, code, key, saw string
	wait                                                         time.Duration
	json                                                         bool
}

// saleVerb makes and looks at sales through the API of a running till.
func saleVerb(ctx context.Context, c *call) error {
	what, err := c.kind("sale takes open, ls, show, scan, cancel, refund or take-over")
	if err != nil {
		return err
	}
	var f saleFlags
	c.flags.StringVar(&f.addr, "addr", defaultAddr, "the `URL` of the till")
	c.flags.StringVar(&f.amount, "amount", "", "how much, such as 12.80")
	c.flags.StringVar(&f.currency, "currency", "CNY", "in which currency")
	c.flags.StringVar(&f.flow, "flow", "merchant", "who shows the code: merchant or payer")
	c.flags.StringVar(&f.text, "text", "", "what the customer reads, why it is refunded, or what was seen")
	c.flags.StringVar(&f.operator, "operator", "", "who asks")
	c.flags.StringVar(&f.code, "code", "", "the customer's code")
	c.flags.StringVar(&f.saw, "saw", "", "take-over: paid or not_paid, as seen on the customer's telephone or in the provider's application")
	c.flags.StringVar(&f.key, "key", "", "idempotency key; the same key asks for the same thing once (default: a new one)")
	c.flags.DurationVar(&f.wait, "wait", 10*time.Second, "how long to wait for a QR code or an outcome")
	c.flags.BoolVar(&f.json, "json", false, "print JSON")
	if err := c.parse(); err != nil {
		return err
	}
	if f.key == "" {
		f.key = rand.Text()
	}
	client := &api.Client{Base: f.addr}
	if what == "ls" {
		list, err := client.Sales(ctx, 20, "")
		for i := range list.Sales {
			printSale(c, f, list.Sales[i])
		}
		return err
	}
	s, err := oneSale(ctx, c, client, what, f)
	if err != nil {
		return err
	}
	printSale(c, f, s)
	return nil
}

func oneSale(ctx context.Context, c *call, client *api.Client, what string, f saleFlags) (api.Sale, error) {
	if what == "open" {
		return client.Open(ctx, api.NewSale{
			Flow: sale.Flow(f.flow), Amount: f.amount, Currency: money.Currency(f.currency), Description: f.text, Operator: f.operator, Code: f.code,
		}, f.key, f.wait)
	}
	if len(c.args) != 1 {
		return api.Sale{}, usage(fmt.Sprintf("sale %s takes the number of a sale, after the flags", what))
	}
	id := sale.ID(c.args[0])
	switch what {
	case "show":
		return client.Sale(ctx, id, f.wait)
	case "scan":
		return client.Scan(ctx, id, f.code)
	case "take-over":
		if f.saw != "paid" && f.saw != "not_paid" || f.operator == "" || f.text == "" {
			return api.Sale{}, usage("sale take-over takes -saw paid or not_paid, -operator NAME and -text NOTE")
		}
		return client.TakeOver(ctx, id, api.NewTakeover{Remark: api.Remark{Operator: f.operator, Reason: f.text}, Saw: f.saw})
	case "cancel":
		return client.Cancel(ctx, id, f.operator)
	case "refund":
		if f.amount == "" {
			s, err := client.Sale(ctx, id, 0)
			if err != nil || s.Refundable == nil {
				return s, err
			}
			f.amount = s.Refundable.Decimal
		}
		return client.Refund(ctx, id, api.NewRefund{Amount: f.amount, Reason: f.text, Operator: f.operator}, f.key)
	}
	return api.Sale{}, usage(fmt.Sprintf("sale does not %.20q; it takes open, ls, show, scan, cancel, refund or take-over", what))
}

func printSale(c *call, f saleFlags, s api.Sale) {
	if f.json {
		_ = json.NewEncoder(c.out).Encode(s)
		return
	}
	left := ""
	if s.SecondsLeft != nil {
		left = fmt.Sprintf(" (%d s)", *s.SecondsLeft)
	}
	fmt.Fprintf(c.out, "%s  %s %s  %s%s  %s\n", s.ID, s.Amount.Currency, s.Amount.Decimal, s.State, left, s.Says.Headline.En)
	if s.QR != nil {
		fmt.Fprintf(c.out, "    %s%s\n", f.addr, s.QR.PNG)
	}
}

package main

import (
	"strings"
	"testing"

	"qrposd/rules/money"
)

const statement = "\ufeffamount,id,currency,at,reference\r\n12.80,A1,THB,2026-11-28T12:00:00+07:00,\"REF,1\"\r\n0.50,A2,BRL,2026-11-28T05:00:00Z,\r\n"

func TestReadReceipts(t *testing.T) {
	list, err := readReceipts(strings.NewReader(statement), "bank")
	if err != nil || len(list) != 2 || list[0].ID != "A1" || list[0].Amount != "12.80" || list[0].Reference != "REF,1" || list[1].Currency != "BRL" || list[1].Source != "bank" {
		t.Fatalf("%+v, %v", list, err)
	}
	for text, want := range map[string]string{
		"":                                    "names of the columns",
		"id,at,amount\n":                      "currency is missing",
		"id,at,amount,currency,id\n":          "twice",
		"id,at,amount,currency,balance\n":     `no column "balance"`,
		"ID,at,amount,currency\n":             `no column "ID"`,
		"id,at,amount,currency\nA,b,1.00,THB": "line 2: at is",
		"id,at,amount,currency\nA,2026-11-28T05:00:00Z,1.001,THB":                              "line 2: amount",
		"id,at,amount,currency\nA,2026-11-28T05:00:00Z,1e3,THB":                                "line 2: amount",
		"id,at,amount,currency\nA,2026-11-28T05:00:00Z,-1.00,THB":                              "line 2: amount",
		"id,at,amount,currency\nA,2026-11-28T05:00:00Z,1.00,XXZ":                               "line 2: amount",
		"id,at,amount,currency\n,2026-11-28T05:00:00Z,1.00,THB":                                "line 2: id is",
		"id,at,amount,currency\nA,2026-11-28T05:00:00Z,1.00":                                   "wrong number of fields",
		"id,at,amount,currency\nA,2026-11-28T05:00:00Z,1.00,THB\nA,2026-11-28T05:00:00Z,2,THB": "that of line 2",
		"id,at,amount,currency,source\nA,2026-11-28T05:00:00Z,1.00,THB,":                       "source is not empty",
		"id,at,amount,currency,reference\nA,2026-11-28T05:00:00Z,1.00,THB,\"a\nb\"":            "no control",
		"id,at,amount,currency\nA,2026-11-28T05:00:00Z,\"1.00,THB":                             "line",
	} {
		if _, err := readReceipts(strings.NewReader(text), "bank"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %q", text, err, want)
		}
	}
}

// Whatever a bank sends: no crash, and what is read can be handed in as it is.
func FuzzReadReceipts(f *testing.F) {
	f.Add(statement)
	f.Add("id,at,amount,currency\nA,2026-11-28T05:00:00Z,1.00,THB\n")
	f.Add("scheme,source,id,at,amount,currency\npix,\"b\"\"ank\",A,2026-11-28T05:00:00Z,1,BRL\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := readReceipts(strings.NewReader(text), "bank")
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, n := range list {
			m, err := money.Parse(n.Amount, n.Currency)
			if err != nil || m.Minor <= 0 || n.ID == "" || seen[n.ID] || n.At.IsZero() && !strings.Contains(text, "0001-01-01") {
				t.Fatalf("%+v, %v", n, err)
			}
			seen[n.ID] = true
		}
	})
}

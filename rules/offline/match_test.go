package offline

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

var noon = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) // budget: a moment, never written to

func thb(minor int64) money.Money { return money.Money{Minor: minor, Currency: "THB"} }

func code(id sale.ID, scheme, reference string, minor int64, after time.Duration) Candidate {
	from := noon.Add(after)
	return Candidate{ID: id, Scheme: scheme, Reference: reference, Amount: thb(minor), From: from, To: from.Add(24 * time.Hour)}
}

func TestMatch(t *testing.T) {
	a, b := code("A", "promptpay", "", 3500, 0), code("B", "promptpay", "", 3500, time.Hour)
	bill := code("C", "promptpay_bill", "REF1", 3500, 0)
	has := bill
	has.Has = true
	unseen := bill
	unseen.Unseen = true
	other := bill
	other.Amount = thb(3600)
	at := func(d time.Duration) Receipt { return Receipt{ID: "R", Amount: thb(3500), At: noon.Add(d)} }
	with := func(r Receipt, reference, scheme string) Receipt {
		r.Reference, r.Scheme = reference, scheme
		return r
	}
	for name, c := range map[string]struct {
		r      Receipt
		named  *Candidate
		others []Candidate
		want   Match
	}{
		"by reference, whenever":           {with(at(999*time.Hour), "REF1", ""), &bill, nil, Match{Matched, "by_reference", "C", nil}},
		"the reference goes first":         {with(at(0), "REF1", ""), &bill, []Candidate{a}, Match{Matched, "by_reference", "C", nil}},
		"its sale has one already":         {with(at(0), "REF1", ""), &has, []Candidate{a}, Match{Unmatched, Used, "C", nil}},
		"its sale has another amount":      {with(at(0), "REF1", ""), &other, []Candidate{a}, Match{Unmatched, AmountDiffers, "C", nil}},
		"nobody saw the code of its sale":  {with(at(0), "REF1", ""), &unseen, []Candidate{a}, Match{Unmatched, NoSale, "C", nil}},
		"by amount and time":               {at(time.Hour), nil, []Candidate{a}, Match{Matched, "by_amount_time", "A", nil}},
		"a bank that drops the reference":  {with(at(time.Hour), "***", ""), nil, []Candidate{bill}, Match{Matched, "by_amount_time", "C", nil}},
		"a reference of somebody else":     {with(at(time.Hour), "OTHER", ""), nil, []Candidate{bill}, Match{Unmatched, NoSale, "", nil}},
		"a payer's words as the reference": {with(at(time.Hour), "for tea", ""), nil, []Candidate{a, bill}, Match{Matched, "by_amount_time", "A", nil}},
		"two fit":                          {at(2 * time.Hour), nil, []Candidate{a, b}, Match{Ambiguous, SeveralFit, "", []sale.ID{"A", "B"}}},
		"the other one was not shown yet":  {at(time.Minute), nil, []Candidate{a, b}, Match{Matched, "by_amount_time", "A", nil}},
		"too early":                        {at(-3 * time.Minute), nil, []Candidate{a}, Match{Unmatched, NoSale, "", nil}},
		"clocks a minute apart":            {at(-time.Minute), nil, []Candidate{a}, Match{Matched, "by_amount_time", "A", nil}},
		"too late":                         {at(25 * time.Hour), nil, []Candidate{a}, Match{Unmatched, NoSale, "", nil}},
		"another scheme":                   {with(at(0), "", "static"), nil, []Candidate{a}, Match{Unmatched, NoSale, "", nil}},
		"the scheme decides":               {with(at(0), "", "promptpay"), nil, []Candidate{a, bill}, Match{Matched, "by_amount_time", "A", nil}},
		"another amount":                   {Receipt{Amount: thb(3501), At: noon}, nil, []Candidate{a}, Match{Unmatched, NoSale, "", nil}},
		"nobody":                           {at(0), nil, nil, Match{Unmatched, NoSale, "", nil}},
	} {
		got := c.r.Match(c.named, c.others)
		if got.Outcome != c.want.Outcome || got.Why != c.want.Why || got.Sale != c.want.Sale || !slices.Equal(got.Candidates, c.want.Candidates) {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
	for in, want := range map[string]string{"***": "", "": "", " ab1 ": "AB1", "Ref*1": "REF*1"} {
		if got := Normal(in); got != want {
			t.Errorf("%q is compared as %q", in, got)
		}
	}
}

// Whatever the candidates: money goes to a sale of its amount without a receipt, to
// one that is named or the only one that fits, and the order does not matter.
func TestMatchIsSure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []Candidate
		for i := range rapid.IntRange(0, 5).Draw(t, "sales") {
			c := code(sale.ID(rune('A'+i)), rapid.SampledFrom([]string{"promptpay", "pix"}).Draw(t, "scheme"), "", rapid.Int64Range(1, 2).Draw(t, "amount"),
				time.Duration(rapid.IntRange(0, 30).Draw(t, "hours"))*time.Hour)
			c.Has = rapid.Bool().Draw(t, "has")
			if rapid.Bool().Draw(t, "carries") {
				c.Reference = "REF" + string(c.ID)
			}
			list = append(list, c)
		}
		r := Receipt{Amount: thb(rapid.Int64Range(1, 2).Draw(t, "came")), At: noon.Add(time.Duration(rapid.IntRange(-1, 60).Draw(t, "at")) * time.Hour)}
		r.Reference = rapid.SampledFrom([]string{"", "***", "REFA", "OTHER"}).Draw(t, "reference")
		var named *Candidate
		for i := range list {
			if list[i].Reference != "" && list[i].Reference == Normal(r.Reference) {
				named = &list[i]
			}
		}
		got := r.Match(named, list)
		back := slices.Clone(list)
		slices.Reverse(back)
		if again := r.Match(named, back); again.Outcome != got.Outcome || again.Sale != got.Sale {
			t.Fatalf("%+v, the other way round %+v", got, again)
		}
		if got.Outcome != Matched {
			return
		}
		i := slices.IndexFunc(list, func(c Candidate) bool { return c.ID == got.Sale })
		if list[i].Has || list[i].Amount != r.Amount || Normal(r.Reference) != "" && list[i].Reference != "" && list[i].Reference != Normal(r.Reference) {
			t.Fatalf("%+v went to %+v", r, list[i])
		}
	})
}

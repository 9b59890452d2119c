package rules

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// two is a file of rules a and b.
func two(a, effectA, b, effectB string) string {
	return good(`"big"`, `"a"`, "amount > CNY(300.00)", a, "approve", effectA) + good(`"big"`, `"b"`, "amount > CNY(300.00)", b, "approve", effectB)
}

func TestLint(t *testing.T) {
	const other = `flow == "payer"`
	for _, x := range []struct{ text, want string }{
		{two("draw < 5 && draw > 10", "refuse", other, "review"), "never a "},
		{two("amount < CNY(5) && amount > CNY(10)", "refuse", other, "review"), "never a "},
		{two("amount > CNY(5) && amount > USD(10)", "refuse", other, "review"), "never a "},
		{two(`flow == "payer" && flow == "merchant"`, "refuse", "draw < 5", "review"), "never a "},
		{two(`flow != "payer" && flow != "merchant" && flow != "offline"`, "refuse", "draw < 5", "review"), "never a "},
		{two(`currency == "CNY" && amount > USD(1)`, "refuse", other, "review"), "never a "},
		{two("payer.denied && !payer.denied", "refuse", other, "review"), "never a "},
		{two("draw > 9999 || intent.confidence > 100", "refuse", other, "review"), "never a "},
		{two("false", "refuse", other, "review"), "never a "},
		{two("(draw < 5 || draw > 10) && between(draw, 5, 10)", "refuse", other, "review"), "never a "},
		{two("!(offline.count >= 0)", "refuse", other, "review"), "never a "},
		{two("draw % 2 == 1 && !(draw % 2 == 1)", "refuse", other, "review"), "never a "},
		{two("true", "allow", other, "review"), "always a "},
		{two("draw < 5 || draw >= 5", "allow", other, "review"), "always a "},
		{two("offline.count >= 0", "allow", other, "review"), "always a "},
		{two(`in(flow, "payer", "merchant", "offline")`, "allow", "draw < 5", "review"), "always a "},
		{two("amount > CNY(5) || amount <= CNY(5)", "allow", other, "review"), ""},
		{two("draw < 5", "refuse", "!(draw >= 5)", "refuse"), "same b a"},
		{two(`in(flow, "offline", "payer")`, "refuse", `flow != "merchant"`, "refuse"), "same b a"},
		{two("draw < 5 && payer.denied", "refuse", "payer.denied && 5 > draw", "refuse"), "same b a"},
		{two("draw % 2 == 1", "refuse", "draw % (1 + 1) == 1", "refuse"), "same b a"},
		{two("draw < 5", "refuse", "draw <= 4", "approve"), "contradicts b a"},
		{two("draw < 5", "refuse", "draw < 3", "approve"), "shadowed b a"},
		{two("draw < 3", "approve", "draw < 5", "approve"), "shadowed a b"},
		{two("draw < 3", "refuse", "draw < 5", "approve"), ""},
		{two("draw < 3", "allow", "draw < 5", "approve"), ""},
		{two("amount > CNY(10)", "review", "amount > CNY(5) || amount > USD(1)", "approve"), "shadowed a b"},
		{two("amount > CNY(10)", "review", "amount > USD(1)", "approve"), ""},
		{two(`link.state == "no_link"`, "review", `link.state != "online"`, "approve"), "shadowed a b"},
		{two("draw < 3", "approve", "draw < 5", "approve") + "model = \"relax\"\n", ""},
		{strings.Replace(two("draw < 3", "approve", "draw < 5", "approve"), "\n[[rule]]\nid = \"b\"", "\nhard = true\n[[rule]]\nid = \"b\"", 1), ""},
		{two("draw < 3", "review", other, "approve") + "[limits]\ncount = 3\n", "unused  "},
		{two("draw < 3 || offline.count > limits.count", "review", other, "approve") + "[limits]\ncount = 3\nsplit_window = \"5*minute\"\n", ""},
	} {
		s, err := Load("f.toml", []byte(x.text))
		if err != nil {
			t.Errorf("%s\n%v", x.text, err)
			continue
		}
		var got []string
		for _, f := range s.Lint() {
			if f.Smell == Unwatched {
				continue
			}
			got = append(got, fmt.Sprintf("%s %s %s", f.Smell, f.Rule, f.Other))
			if f.Line < 1 || !strings.Contains(f.Message, f.Rule) || !strings.Contains(f.Message, f.Other) {
				t.Errorf("%+v", f)
			}
		}
		if want := slices.DeleteFunc([]string{x.want}, func(s string) bool { return s == "" }); !slices.Equal(got, want) {
			t.Errorf("%s\n\tfinds %q, want %q", x.text, got, want)
		}
	}
}

func TestLintUnwatched(t *testing.T) {
	s, err := Load("f.toml", []byte(good()))
	if err != nil {
		t.Fatal(err)
	}
	found := s.Lint()
	if len(found) != 1 || found[0].Smell != Unwatched || !strings.Contains(found[0].Message, "payer.count_1m") || strings.Contains(found[0].Message, "amount,") {
		t.Errorf("%+v", found)
	}
}

// What lint says of shipped and shuffled conditions is true of generated cases.
func TestLintIsSound(t *testing.T) {
	parts := []string{
		"draw < 5000", "draw >= 2000", "between(draw, 100, 7000)", "payer.denied", `flow == "payer"`, `in(link.state, "online", "no_dns")`, "amount > CNY(1)",
		"amount <= CNY(50)", "amount > USD(2)", `currency == "USD"`, "offline.count != 3", "offline.count % 2 == 1", "draw > offline.count", "true", "false",
	}
	d := dice(3)
	var expr func(depth int64) string
	expr = func(depth int64) string {
		if roll := d.below(6); depth > 0 && roll > 0 {
			op := []string{" && ", " || "}[roll%2]
			return []string{"", "!"}[d.below(4)/3] + "(" + expr(depth-1) + op + expr(depth-1) + ")"
		}
		return []string{"", "!"}[d.below(3)/2] + "(" + parts[d.below(int64(len(parts)))] + ")"
	}
	cases := make([]facts, 40)
	for i := range cases {
		c := generate(uint64(i)*7919 + 1)
		cases[i].load(&c)
	}
	claims := 0
	for range 3000 {
		a, bad := compile(expr(3))
		if bad != nil {
			t.Fatal(bad)
		}
		b, _ := compile(expr(2))
		wa, oka := a.ways(false)
		na, okn := a.ways(true)
		wb, okb := b.ways(false)
		never, always := oka && len(wa) == 0, okn && len(na) == 0 && !a.currencies()
		implied := oka && okb && implies(wa, wb)
		if never || always || implied {
			claims++
		}
		for i := range cases {
			ta, tb := a.truth(&cases[i]), b.truth(&cases[i])
			if ta == broken || tb == broken {
				continue
			}
			if never && ta == yes || always && ta == no || implied && ta == yes && tb != yes {
				t.Fatalf("case %d: %s is %d, %s is %d; never %t, always %t, implied %t", i, a.String(), ta, b.String(), tb, never, always, implied)
			}
		}
	}
	if claims < 100 {
		t.Errorf("only %d claims were tried", claims)
	}
}

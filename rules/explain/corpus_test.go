package explain

import (
	"bufio"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"testing"

	"qrposd/rules/money"
)

// requests are what the explanations of the corpus answer.
var requests = map[string]Sent{
	"coffee": {
		Amounts: []money.Money{{Minor: 1800, Currency: "CNY"}},
		Names:   []string{"latte", "purchase", "shop-intent/3", "deepseek-chat", "qwen-turbo", "opening-hours"},
	},
	"fx": {
		Amounts:  []money.Money{{Minor: 2500, Currency: "USD"}, {Minor: 18050, Currency: "CNY"}},
		Rates:    []string{"7.1800", "7.2200", "7.2600"},
		Percents: []string{"92"},
		Names:    []string{"souvenir mug", "fx-range", "deepseek-chat"},
	},
	"big": {
		Amounts:    []money.Money{{Minor: 520000, Currency: "CNY"}},
		Names:      []string{"gold ring", "large-sale", "purchase", "gpt-4o-mini"},
		Thresholds: []string{"0.85"},
	},
	"yen":  {Amounts: []money.Money{{Minor: 1200, Currency: "JPY"}}, Names: []string{"ramen", "gemini-flash"}},
	"bare": {Amounts: []money.Money{{Minor: 990, Currency: "CNY"}}},
}

type example struct {
	id, half string
	class    Cause
	sent     Sent
	text     string
}

// half is where the line with this id belongs: nobody chose it.
func half(id string) string {
	if strings.HasPrefix(id, "l") { // written after the first table
		return "late"
	}
	h := fnv.New32a()
	h.Write([]byte(id))
	if h.Sum32()>>8&1 == 1 {
		return "held"
	}
	return "tune"
}

func corpus(t testing.TB) []example {
	t.Helper()
	f, err := os.Open("testdata/corpus.tsv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []example
	seen := map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		c := strings.Split(lines.Text(), "\t")
		if len(c) != 5 || seen[c[0]] || seen[c[4]+c[3]] || c[1] != half(c[0]) {
			t.Fatalf("line %q: not id, its half, class, request, text, or told twice", c)
		}
		seen[c[0]], seen[c[4]+c[3]] = true, true
		e := example{id: c[0], half: c[1], class: cause(t, c[2]), text: c[4]}
		var ok bool
		if e.sent, ok = requests[c[3]]; !ok {
			t.Fatalf("%s: no request %q", e.id, c[3])
		}
		all = append(all, e)
	}
	if len(all) < 320 {
		t.Fatalf("%d explanations, want 320", len(all))
	}
	return all
}

func cause(t testing.TB, name string) Cause {
	t.Helper()
	for c, n := range causes {
		if n == name {
			return Cause(c)
		}
	}
	t.Fatalf("no cause %q", name)
	return Unknown
}

// score counts what was read as what.
type score struct{ as [len(causes)][len(causes)]int }

// of is precision, recall and F1 of a cause.
func (s *score) of(c Cause) (p, r, f1 float64) {
	hit, read, is := float64(s.as[c][c]), 0.0, 0.0
	for o := range causes {
		read += float64(s.as[o][c])
		is += float64(s.as[c][o])
	}
	if hit == 0 {
		return 0, 0, 0
	}
	p, r = hit/read, hit/is
	return p, r, 2 * p * r / (p + r)
}

func (s *score) String() string {
	var b strings.Builder
	for c := range causes {
		p, r, f1 := s.of(Cause(c))
		fmt.Fprintf(&b, "\n  %-13s precision %.3f  recall %.3f  F1 %.3f  read as unknown/user/policy/hallucination %v", Cause(c), p, r, f1, s.as[c])
	}
	return b.String()
}

func (s *score) macroF1() float64 {
	sum := 0.0
	for c := range causes {
		_, _, f1 := s.of(Cause(c))
		sum += f1
	}
	return sum / float64(len(causes))
}

// floors are of macro F1. Phrases were written with the tune half in sight, and the
// held one only counted. The late texts were worded to be unlike the table: four
// sets, each read once before the table learned from it, so their floor only keeps
// what was learned. Above all, no invention is told as a sure fault in any of them.
var floors = map[string]float64{"tune": 0.90, "held": 0.90, "late": 0.85}

func TestCorpus(t *testing.T) {
	all := corpus(t)
	for _, half := range []string{"tune", "held", "late"} {
		var s score
		n, told, sure, asked, mute := 0, 0, 0, 0, 0
		for _, e := range all {
			if e.half != half {
				continue
			}
			n++
			f := Read(e.text, e.sent)
			s.as[e.class][f.Cause]++
			if !f.Sure { // this is what a monitoring model is asked about, where there is a word to tell it
				if asked++; len(Words(e.text)) == 0 {
					mute++
				}
			}
			if f.Cause != e.class && half != "held" {
				t.Logf("%s %q: read as %s, is %s (%v)", e.id, e.text, f.Cause, e.class, f.Foreign)
			}
			blamed := f.Cause == User || f.Cause == Policy
			if blamed && f.Sure && f.Cause == e.class {
				sure++
			}
			if blamed && f.Sure && (e.class == Hallucination || e.class == Unknown) {
				told++
				t.Errorf("%s half, %s: %s told as a sure %s", half, e.id, e.class, f.Cause)
			}
		}
		t.Logf("%s: %d explanations, macro F1 %.3f, %d inventions or unknowns told as sure, %d causes rightly so, %d not sure, %d of them without a word that may be told%s", half, n, s.macroF1(), told, sure, asked, mute, &s)
		if s.macroF1() < floors[half] {
			t.Errorf("%s: macro F1 %.3f, want %.2f", half, s.macroF1(), floors[half])
		}
	}
}

package intent

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"qrposd/rules/document"
	"qrposd/rules/money"
)

// good is a file with one intent, with the parts that a test changes.
func good(change ...string) string {
	text := `name = "shop"
version = "1.2"
default = { label = "purchase", confidence = 60 }

[[intent]]
label = "gift_card"
confidence = 95
basket = ["gift_card", "礼品卡"]
amount = { CNY = { min = "50.00", max = "500.00" } }
hours = { from = "22:00", to = "06:00" }
flow = "merchant"
`
	return strings.NewReplacer(change...).Replace(text)
}

// loadFaults are files, each with one thing wrong, and what is said about it.
var loadFaults = []struct{ name, text, want string }{
	{"empty", "", `f.toml:1:1: the file has no name; name = "my-shop"`},
	{"no intent", "name = \"a\"\n", `f.toml:1:1: there is no intent in this file; begin with [[intent]]`},
	{"no version", good("version = \"1.2\"\n", ""), `f.toml:1:1: the file has no version; version = "1"`},
	{"no default", good(`default = { label = "purchase", confidence = 60 }`, ""), `f.toml:1:1: the file has no default.label; default = {`},
	{"default without confidence", good(", confidence = 60", ""), `f.toml:1:1: the file has no default.confidence`},
	{"default as a text", good(`{ label = "purchase", confidence = 60 }`, `"purchase"`), `f.toml:3:1: default is a table; default = {`},
	{"default several", good("default = {", "[[default]]\nx = {"), `f.toml:3:3: there can be several intents, and one of any other table; this is default`},
	{"bad name", good(`"shop"`, `"My shop"`), `f.toml:1:8: "My shop" is not a name; 1 to 32 of a-z, 0-9, - and _`},
	{"slash in the version", good(`"1.2"`, `"1/2"`), `f.toml:2:11: "1/2" is not a version; 1 to 32 of a-z, 0-9, -, _ and .`},
	{"version as a number", good(`"1.2"`, `1.2`), `f.toml:2:11: version is a text in quotes; version = "..."`},
	{"unknown top key", good("name =", "nmae ="), `f.toml:1:1: there is no key nmae; there are name, version,`},
	{"unknown table", good() + "[limits]\ncount = 3\n", `f.toml:13:1: there is no key limits.count`},
	{"no label", good("label = \"gift_card\"\n", ""), `f.toml:5:3: the intent has no label; label = "gift_card"`},
	{"no confidence", good("confidence = 95\n", ""), `f.toml:5:3: the intent has no confidence; confidence = 95`},
	{"bad label", good(`"gift_card"`+"\n", `"Gift Card"`+"\n"), `f.toml:6:9: "Gift Card" is not a label; 1 to 32 of`},
	{"Chinese label", good(`"purchase"`, `"购物"`), `f.toml:3:21: "购物" is not a label`},
	{"column after Chinese", good(`label = "purchase", confidence = 60`, `label = "购物", confidence = 160`), `f.toml:3:40: confidence is 160; it is between 0 and 100`},
	{"empty label", good(`"purchase"`, `""`), `f.toml:3:21: default.label is empty`},
	{"long label", good(`"purchase"`, `"`+strings.Repeat("a", 33)+`"`), `is not a label`},
	{"negative confidence", good("95", "-1"), `f.toml:7:14: confidence is -1; it is between 0 and 100`},
	{"much confidence", good("95", "101"), `f.toml:7:14: confidence is 101`},
	{"endless confidence", good("95", "99999999999999999999"), `f.toml:7:14: confidence is 99999999999999999999`},
	{"fraction of confidence", good("95", "0.95"), `f.toml:7:14: confidence is a whole number; 0 to 100`},
	{"confidence as a text", good("95", `"95"`), `f.toml:7:14: confidence is a whole number`},
	{"unknown key", good("basket =", "baskte ="), `f.toml:8:1: there is no key baskte; there are label, confidence, basket,`},
	{"twice", good() + "label = \"a\"\n", `f.toml:12:1: label is there twice; keep one of them`},
	{"matches everything", good() + "[[intent]]\nlabel = \"a\"\nconfidence = 1\n", `f.toml:12:3: the intent matches every sale; write a basket,`},
	{"basket as a text", good(`["gift_card", "礼品卡"]`, `"gift_card"`), `f.toml:8:10: basket is a list of categories`},
	{"empty basket", good(`["gift_card", "礼品卡"]`, `[]`), `f.toml:8:1: basket is a list of categories`},
	{"number in a basket", good(`"礼品卡"`, `7`), `f.toml:8:24: a category is a text in quotes`},
	{"category of spaces", good(`"礼品卡"`, `" "`), `f.toml:8:24: " " is not a category`},
	{"category twice", good(`"礼品卡"`, `"Gift_Card"`), `f.toml:8:24: "Gift_Card" is there twice; keep one of them; capitals`},
	{"large basket", good(`"礼品卡"`, words(64)), `more than 64 categories`},
	{"amount as a text", good(`{ CNY = { min = "50.00", max = "500.00" } }`, `"50.00"`), `f.toml:9:1: amount is a table of currencies`},
	{"unknown currency", good("CNY", "RMB"), `f.toml:9:20: there is no currency "RMB"; use an ISO 4217 code`},
	{"amount of no currency", good("CNY = {", "min = {"), `there is no currency "min"`},
	{"neither min nor max", good("min =", "mni ="), `f.toml:9:20: there is no key amount.CNY.mni; there are amount.CNY.min and`},
	{"one amount", good(`{ min = "50.00", max = "500.00" }`, `"50.00"`), `f.toml:9:12: there is no key amount.CNY; there are`},
	{"amount as a number", good(`"50.00"`, `50.00`), `f.toml:9:26: amount.CNY.min is a text in quotes; a decimal number in quotes: CNY = { min = "50.00" }`},
	{"too many decimals", good(`"50.00"`, `"50.000"`), `f.toml:9:26: "50.000" has too many decimals; CNY has 2 decimals`},
	{"negative amount", good(`"50.00"`, `"-1"`), `f.toml:9:26: the amount is negative`},
	{"min above max", good(`"50.00"`, `"500.01"`), `no amount of CNY is in it; min is at most max`},
	{"empty amount", good(`{ CNY = { min = "50.00", max = "500.00" } }`, "{}"), `f.toml:9:1: amount is empty`},
	{"empty band", good(`{ min = "50.00", max = "500.00" }`, "{ }"), `amount.CNY is empty`},
	{"hours as a text", good(`{ from = "22:00", to = "06:00" }`, `"22:00"`), `f.toml:10:1: hours is a table`},
	{"no end", good(`, to = "06:00"`, ``), `f.toml:10:11: hours have a beginning and an end`},
	{"no beginning", good(`from = "22:00", `, ``), `hours have a beginning and an end`},
	{"no hours", good(`"06:00"`, `"22:00"`), `f.toml:10:27: hours end when they begin; the whole day is`},
	{"late", good(`"06:00"`, `"24:01"`), `f.toml:10:32: "24:01" is not a time of day`},
	{"begins when the day ends", good(`"22:00"`, `"24:00"`), `f.toml:10:18: "24:00" is not a time of day`},
	{"short hour", good(`"06:00"`, `"6:00"`), `f.toml:10:32: "6:00" is not a time of day`},
	{"hour as a number", good(`"06:00"`, `6`), `f.toml:10:32: hours.to is a text in quotes`},
	{"unknown flow", good(`"merchant"`, `"shop"`), `f.toml:11:8: flow is never "shop"; there are merchant and payer`},
	{"one intent", good("[[intent]]", "[intent]"), `f.toml:5:2: [intent] is one of several; write [[intent]]`},
	{"several hours", good() + "[[intent.hours]]\n", `f.toml:12:3: there can be several intents, and one of any other table`},
	{"hours before any intent", "[intent.hours]\nfrom = \"06:00\"\n" + good(), `f.toml:1:2: there is no intent before this one`},
	{"table twice", good() + "[intent.x]\n[intent.x]\n", `f.toml:13:2: [x] is there twice; put its keys together`},
	{"deep", good() + "a = { a = { a = { a = { a = { a = 1 } } } } }\n", `more than 4 tables inside each other`},
	{"no TOML", good() + "what\n", `f.toml:12:5: this is not TOML: `},
	{"open string", good("\"merchant\"\n", `"merchant`), `this is not TOML: `},
	{"many keys", good() + keys(300), `there are 281 more faults`},
	{"many intents", good() + strings.Repeat("[[intent]]\nlabel = \"a\"\nconfidence = 1\nflow = \"payer\"\n", 256), `f.toml:1032:3: more than 256 intents`},
	{"huge file", good() + strings.Repeat("#", 1<<20), `more than 1048576; keep intents`},
}

func TestLoadFaults(t *testing.T) {
	for _, x := range loadFaults {
		c, err := Load("f.toml", []byte(x.text))
		var faults document.Faults
		if c != nil || !errors.As(err, &faults) {
			t.Errorf("%s: no faults: %v", x.name, err)
			continue
		}
		if !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s:\n%.400v\n\tdoes not contain\n%s", x.name, err, x.want)
		}
		for _, f := range faults {
			if f.File != "f.toml" || f.Line < 1 || f.Column < 1 || f.Code == "" || f.Message == "" || f.Hint == "" {
				t.Errorf("%s: incomplete: %+v", x.name, f)
			}
		}
	}
}

func words(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%q, ", fmt.Sprint("w", i))
	}
	return b.String()
}

func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "k%d = 1\n", i)
	}
	return b.String()
}

// All faults are named at once, in the order of the file, and not without end.
func TestLoadNamesAllFaults(t *testing.T) {
	_, err := Load("f.toml", []byte(good(`"06:00"`, `"6"`, "95", "950", "name", "nmae")))
	var lines []int
	for _, f := range err.(document.Faults) {
		lines = append(lines, f.Line)
	}
	if !slices.Equal(lines, []int{1, 1, 7, 10}) {
		t.Errorf("%v: %v", lines, err)
	}
	_, err = Load("f.toml", []byte(good()+strings.Repeat("[[intent]]\n", 100)))
	if faults := err.(document.Faults); len(faults) != document.MaxFaults || !strings.Contains(faults[document.MaxFaults-1].Message, "281 more faults") {
		t.Errorf("%v", err)
	}
}

// One file in every way that TOML has to write it.
func TestLoadReadsEveryNotation(t *testing.T) {
	want, err := Load("a", []byte(good()))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		good(`default = { label = "purchase", confidence = 60 }`, "default.label = 'purchase'\ndefault.confidence = 0x3c"),
		good(`default = { label = "purchase", confidence = 60 }`, "[default]\nlabel = \"\"\"purchase\"\"\"\nconfidence = 6_0"),
		good("\n", "\r\n"),
		good(`{ CNY = { min = "50.00", max = "500.00" } }`, "{ CNY.max = \"500\", CNY.min = \"50.0\" }"),
		good("amount = { CNY = { min = \"50.00\", max = \"500.00\" } }\n", "", "flow = \"merchant\"\n", "flow = \"merchant\"\n[intent.amount.CNY]\nmin = \"50\"\nmax = \"500\"\n"),
		good("礼", `\u793c`),
	} {
		got, err := Load("b", []byte(text))
		if err != nil || fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s\n%v\n%+v\n%+v", text, err, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(Default)
	f.Add([]byte(good()))
	f.Add([]byte("intent = [{ label = 1 }]\n[intent]\n[intent.x]\n[[intent.amount]]\n[[a.b]]\n"))
	f.Add([]byte("[[intent]]\r\nbasket = [[1], {}, \"\\u0000\"]\nhours.from = 07:32:00\n\"amount.CNY\" = {min = ''''''}\n"))
	f.Add([]byte("default = {}\nname = \"\"\"\\\r\n  a\"\"\"\nversion = 'a'\n[intent.hours]\nfrom = -0x1\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Load("f.toml", text)
		if (c == nil) == (err == nil) {
			t.Fatal("neither intents nor faults, or both")
		}
		if err != nil {
			for _, fault := range err.(document.Faults) {
				if fault.Line < 1 || fault.Column < 1 || fault.Message == "" || fault.Hint == "" || fault.Line > strings.Count(string(text), "\n")+1 {
					t.Fatalf("%+v", fault)
				}
			}
			return
		}
		v := c.Classify(In{Basket: []string{"gift_card"}, Amount: money.Money{Minor: 100, Currency: "CNY"}, Flow: "payer"})
		if !slices.Contains(c.Labels(), v.Label) || v.Confidence < 0 || v.Confidence > 100 || v.Version != c.Version() {
			t.Fatalf("%+v", v)
		}
		for _, l := range append(c.Labels(), strings.Split(c.Version(), "/")...) {
			if l == "" || len(l) > 32 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
				t.Fatalf("%q", l)
			}
		}
	})
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qrposd/daemon"
	"qrposd/daemon/advisor"
	"qrposd/rules"
	"qrposd/rules/money"
	"qrposd/rules/sale"
	"qrposd/store"
)

// TestMain lets the test binary be the program.
func TestMain(m *testing.M) {
	if os.Getenv("QRPOSD_TEST_BE_THE_PROGRAM") != "" {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// does runs the program and gives its exit code and what it says.
func does(args ...string) (code int, out, errOut string) {
	var o, e bytes.Buffer
	code = run(args, &o, &e)
	return code, o.String(), e.String()
}

func written(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const oneRule = `[[rule]]
id = "large"
when = "amount >= CNY(500.00)"
effect = "approve"
reason = { en = "Large", zh = "大额" }
`

const cases = `[base]
currency = "CNY"
flow = "payer"
[[case]]
name = "small"
facts = { amount = "CNY(12.80)" }
effect = "allow"
[[case]]
name = "large"
facts = { amount = "CNY(600.00)" }
effect = "%s"
fired = ["large"]
`

// What is wrong is said with its place, a remedy, and an exit code for scripts.
func TestRulesVerbs(t *testing.T) {
	good := written(t, "rules.toml", oneRule)
	never := written(t, "never.toml", oneRule+strings.NewReplacer("large", "never", "amount >= CNY(500.00)", "draw > 3 && draw < 2").Replace(oneRule))
	bad := written(t, "bad.toml", strings.NewReplacer("amount", "amuont", "approve", "paid").Replace(oneRule))
	table, wrong := written(t, "cases.toml", fmt.Sprintf(cases, "approve")), written(t, "cases.toml", fmt.Sprintf(cases, "refuse"))
	typo := written(t, "cases.toml", strings.Replace(fmt.Sprintf(cases, "approve"), "flow", "flwo", 1))
	for _, c := range []struct {
		args []string
		exit int
		says []string
	}{
		{[]string{"check", good}, exitOK, []string{"1 rules, hash "}},
		{[]string{"check", never}, exitOK, []string{"line 6: never: ", "2 rules, hash "}},
		{[]string{"check", bad}, exitFailed, []string{"bad.toml:3:9: there is no fact amuont; did you mean amount?", "bad.toml:4:11: there is no effect \"paid\""}},
		{[]string{"check", "nothing.toml"}, exitFailed, []string{"nothing.toml: no such file"}},
		{[]string{"test", "-cases", table, good}, exitOK, []string{"2 cases, 0 came out otherwise"}},
		{[]string{"test", "-cases", wrong, good}, exitFailed, []string{"line 8: large: the verdict is approve, not refuse", "2 cases, 1 came out otherwise", "the rules do not do what the table says"}},
		{[]string{"test", "-cases", typo, good}, exitFailed, []string{"cases.toml:3:1: there is no fact flwo; did you mean flow?"}},
		{[]string{"test", good}, exitUsage, []string{"rules test needs -cases"}},
		{[]string{"replay", "-store", "nothing.db", good}, exitConfig, []string{"nothing.db"}},
		{[]string{"explain", "-store", good, "X1"}, exitConfig, []string{"the file is not a store of this till"}},
		{[]string{"judge", good}, exitUsage, []string{"rules does not \"judge\"; it takes default, check"}},
		{[]string{"check"}, exitUsage, []string{"rules check takes one file"}},
		{nil, exitUsage, []string{"rules takes default, check"}},
	} {
		exit, out, errOut := does(append([]string{"rules"}, c.args...)...)
		if exit != c.exit {
			t.Errorf("%v ends with %d, not %d", c.args, exit, c.exit)
		}
		for _, words := range c.says {
			if !strings.Contains(out+errOut, words) {
				t.Errorf("%v does not say %q:\n%s%s", c.args, words, out, errOut)
			}
		}
	}
	if _, out, _ := does("rules", "default"); out != string(rules.Default) {
		t.Error("the default is not printed as it is")
	}
}

// journal writes sales that a set of rules judged: the n-th is of n+1 times ten.
func journal(t testing.TB, set *rules.Set, n int) (path string, ids []sale.ID) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "till.db")
	db, err := store.Open(path, store.Options{Till: "T01", Secret: []byte("merchant secret of a test"), MaxSize: 4 << 30})
	if err != nil {
		t.Fatal(err)
	}
	ids = make([]sale.ID, n)
	record := func(i int) error {
		m := money.Money{Minor: int64(i%1000+1) * 1000, Currency: "CNY"}
		s, _, err := db.Begin(t.Context(), sale.New{Flow: sale.Payer, Amount: m, Operator: "Li"}, fmt.Sprint(i), sale.Once{})
		if err != nil {
			return err
		}
		ids[i] = s.ID
		c := rules.Case{Amount: m, Flow: s.Flow, Draw: rules.Known(db.Draw(s)), Link: rules.Link{State: rules.Online}, Local: rules.LocalTime(time.Now())}
		if err := db.Traffic(s, &c); err != nil {
			return err
		}
		v := set.Decide(&c)
		j := daemon.Judgement{Case: c, Advice: advisor.Advice{Rules: set.Record(v), Final: set.Record(v), Path: advisor.ByRules, Took: 40 * time.Microsecond}}
		b, err := json.Marshal(j)
		if err == nil {
			_, err = db.Commit(t.Context(), s.ID, sale.Event{Kind: sale.Assessed, Judgement: &sale.Judgement{By: string(j.Path), Record: b}}, sale.Once{})
		}
		return err
	}
	var tills sync.WaitGroup
	for w := range 128 { // the store writes what waits in one commit
		tills.Go(func() {
			for i := w; i < n; i += 128 {
				if err := record(i); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	tills.Wait()
	if err := db.Close(); err != nil || t.Failed() {
		t.Fatal(err)
	}
	return path, ids
}

func loaded(t testing.TB, text string) *rules.Set {
	t.Helper()
	set, err := rules.Load("rules.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// A replay says which sales would have ended otherwise and how much they were,
// by rule, and an explanation says how one of them was judged.
func TestReplayAndExplain(t *testing.T) {
	path, ids := journal(t, loaded(t, oneRule), 300) // 10.00 to 3000.00, of which 251 are large
	same, stricter := written(t, "rules.toml", oneRule), written(t, "rules.toml", strings.NewReplacer("500.00", "400.00", "approve", "refuse").Replace(oneRule))
	other := written(t, "rules.toml", strings.NewReplacer("large", "big", "500.00", "2990.00").Replace(oneRule))
	for _, c := range []struct {
		args []string
		says []string
	}{
		{[]string{same}, []string{"300 judged sales, 0 would end otherwise", "large fired 251, would fire 251 (+0 -0)"}},
		{[]string{stricter}, []string{"300 judged sales, 261 would end otherwise", "allow -> refuse 10 [CNY 4450.00]", "approve -> refuse 251", "large fired 251, would fire 261 (+10 -0)"}},
		{[]string{other}, []string{"300 judged sales, 249 would end otherwise", "big fired 0, would fire 2 (+2 -0)", "large fired 251, would fire 0 (+0 -251)"}},
		{[]string{"-since", "1h", same}, []string{"300 judged sales"}},
		{[]string{"-since", "1ns", same}, []string{"0 judged sales"}},
	} {
		exit, out, errOut := does(append([]string{"rules", "replay", "-store", path}, c.args...)...)
		said := strings.Join(strings.Fields(out), " ")
		for _, words := range c.says {
			if exit != exitOK || !strings.Contains(said, words) {
				t.Errorf("%v: %d, no %q in\n%s%s", c.args, exit, words, out, errOut)
			}
		}
	}
	exit, out, errOut := does("rules", "explain", "-store", path, string(ids[60]))
	for _, words := range []string{string(ids[60]) + " was judged at ", ": approve\n", "by        rules in 0.0 ms, 0 models asked", "rules     approve: [large]", `"amount":61000,"currency":"CNY"`} {
		if exit != exitOK || !strings.Contains(out, words) {
			t.Errorf("explain: %d, no %q in\n%s%s", exit, words, out, errOut)
		}
	}
	if exit, _, errOut := does("rules", "explain", "-store", path, "T0199"); exit != exitFailed || !strings.Contains(errOut, "no judgement of sale T0199") {
		t.Errorf("explain of a sale that is not there: %d\n%s", exit, errOut)
	}
}

// BenchmarkReplay replays the shipped rules over the journal of 100,000 sales in
// a process of its own. What it has of its own is told apart from the file, which
// is mapped as far as it was read, and which the kernel takes back when somebody
// needs the memory.
func BenchmarkReplay(b *testing.B) {
	const sales = 100_000
	path, _ := journal(b, loaded(b, string(rules.Default)), sales)
	file := written(b, "rules.toml", string(rules.Default))
	info, err := os.Stat(path)
	if err != nil {
		b.Fatal(err)
	}
	own := int64(0)
	for b.Loop() {
		cmd := exec.Command(os.Args[0], "rules", "replay", "-store", path, file)
		cmd.Env = append(os.Environ(), "QRPOSD_TEST_BE_THE_PROGRAM=1")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		own = max(own, watch(cmd.Process.Pid, ended, &err))
		if err != nil || !strings.HasPrefix(out.String(), fmt.Sprintf("%d judged sales, 0 would", sales)) {
			b.Fatalf("%v\n%s", err, &out)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(b.N)/sales, "ns/sale")
	b.ReportMetric(float64(own)/1e3, "own-peak-MB")
	b.ReportMetric(float64(info.Size())/1e6, "file-MB")
}

// watch is the most memory in kB that a process has to itself until it ends.
func watch(pid int, ended <-chan error, result *error) (most int64) {
	for {
		select {
		case *result = <-ended:
			return most
		case <-time.After(10 * time.Millisecond):
		}
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // it may be gone already
		if _, rest, ok := strings.Cut(string(status), "RssAnon:"); ok {
			kb := int64(0)
			_, _ = fmt.Sscan(rest, &kb)
			most = max(most, kb)
		}
	}
}

package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// openCases waits until n cases wait at a till, and lists them.
func (s *shift) openCases(t *testing.T, n int) []api.Case {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		list, err := s.d.api.Cases(soon(t), "open", 100, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Cases) == n && list.Open == n {
			return list.Cases
		}
		if time.Now().After(end) {
			t.Fatalf("%d cases wait, %d are wanted:\n%s", list.Open, n, s.d.log)
		}
	}
}

// cli runs a verb of the product against the till, and is what it printed.
func (s *shift) cli(args ...string) (string, error) {
	out, err := exec.Command(s.d.exe, append(args[:2:2], append([]string{"-addr", s.d.api.Base}, args[2:]...)...)...).CombinedOutput()
	return string(out), err
}

// The plug is pulled around everything that a verdict of the reconciliation model
// does. One mismatch is one case, and the books are those of the provider.
func TestAMismatchThroughPowerCuts(t *testing.T) {
	for name, c := range map[string]struct {
		pendingMS int
		points    []string
	}{
		"at once": {0, []string{"received:before-commit", "received:after-commit"}},
		"later":   {1500, []string{"received:after-commit", "query:before-send*2", "query:after-send*2", "reconciled:before-commit", "reconciled:after-commit"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := newStreet(t)
			st.o.setAI(map[string]any{"reconciliation": map[string]any{"verdict": "mismatch", "pending_ms": c.pendingMS}})
			var cuts []cut
			for _, p := range c.points {
				for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
					cuts = append(cuts, cut{p, scene{fmt.Sprint(flow), flow, 1290, toPay, []edit{ai}}})
				}
			}
			abreast(t, 4, cuts, func(t *testing.T, c cut) {
				s := st.shift(t, built(t).faulty, c.scene.conf...)
				s.start("QRPOSD_KILL=" + c.point)
				s.serve(one(c.scene.basket()))
				if !s.died() {
					t.Fatalf("%s never passed %s:\n%s", c.scene, c.point, s.d.log)
				}
				s.start()
				s.openCases(t, 1)
				s.finish()
			})
			st.o.honest(t)
		})
	}
}

// The owner closes a case from a shell. The plug is pulled around that, and the same
// request under the same key closes it once.
func TestACaseIsClosedThroughPowerCuts(t *testing.T) {
	st := newStreet(t)
	st.o.setAI(map[string]any{"reconciliation": map[string]any{"verdict": "mismatch"}})
	for _, point := range []string{"case_closed:before-commit", "case_closed:after-commit"} {
		t.Run(point, func(t *testing.T) {
			s := st.shift(t, built(t).faulty, ai)
			s.start("QRPOSD_KILL=" + point)
			s.serve(one(newBasket(sale.Payer, 1290, toPay)))
			c := s.openCases(t, 1)[0]
			out, err := s.cli("case", "ls")
			if err != nil || !strings.Contains(out, "reconciliation_mismatch  CNY 12.90") || !strings.Contains(out, c.OrderNo) {
				t.Errorf("case ls: %v\n%s", err, out)
			}
			closing := []string{"case", "close", "-operator", "owner", "-note", "the bill agrees", "-key", "closing-of-a-case", fmt.Sprint(c.ID)}
			if out, err := s.cli(closing...); err == nil {
				t.Fatalf("the till that was cut off answered: %s", out)
			}
			if !s.died() {
				t.Fatalf("it never passed %s:\n%s", point, s.d.log)
			}
			s.start()
			for range 2 {
				if out, err := s.cli(closing...); err != nil || !strings.Contains(out, "by owner: the bill agrees") {
					t.Fatalf("case close: %v\n%s", err, out)
				}
			}
			if out, err := s.cli("case", "close", "-operator", "owner", "-note", "again", fmt.Sprint(c.ID)); err == nil || !strings.Contains(out, "case_closed") {
				t.Errorf("it is closed twice: %v\n%s", err, out)
			}
			if out, err := s.cli("case", "show", fmt.Sprint(c.ID)); err != nil || !strings.Contains(out, "closed") || strings.Contains(out, "to do:") {
				t.Errorf("case show: %v\n%s", err, out)
			}
			s.openCases(t, 0)
			s.finish()
			if out, err := exec.Command(s.d.exe, "check", s.d.store).CombinedOutput(); err != nil || !strings.Contains(string(out), "1 cases for the owner, 0 of them open") {
				t.Errorf("check: %v\n%s", err, out)
			}
		})
	}
}

// What the model agrees with is nobody's case.
func TestAgreementOpensNoCase(t *testing.T) {
	st := newStreet(t)
	st.o.setAI(map[string]any{"reconciliation": map[string]any{"verdict": "consistent"}})
	s := st.shift(t, built(t).product, ai)
	s.start()
	for _, flow := range []sale.Flow{sale.Merchant, sale.Payer} {
		s.serve(one(newBasket(flow, 1290, toPay)))
	}
	s.people.Wait()
	if list, err := s.d.api.Cases(soon(t), "", 100, 0); err != nil || len(list.Cases) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	if out, err := s.cli("case", "ls"); err != nil || out != "" {
		t.Errorf("case ls: %v\n%s", err, out)
	}
	for _, wrong := range [][]string{{"case", "show"}, {"case", "show", "x"}, {"case", "lose"}, {"case", "close", "1"}} {
		if out, err := s.cli(wrong...); err == nil || !strings.Contains(out, "qrposd: error:") {
			t.Errorf("%v: %v\n%s", wrong, err, out)
		}
	}
	s.finish()
}

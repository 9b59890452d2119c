package sim

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// A telephone sees the code on the shop's screen, shows a receipt that lies, pays, and
// the book has only what came.
func TestPageIsABank(t *testing.T) {
	s := newShop(t)
	s.w.WeChat.Now = nil // a person's browser has the real clock
	s.w.Scanner = &Scanner{}
	if err := s.w.Scanner.Open(filepath.Join(t.TempDir(), "scanner")); err != nil {
		t.Fatal(err)
	}
	defer s.w.Scanner.Close()
	const code = "00020126580014br.gov.bcb.pix01365a5ea8c2-cbb5-4c25-a7be-2a778871fc5f52040000530398654040.155802BR5911Arrumadinho6008Brasilia62260522e433v1524u155f31mDvx0163045B1E"
	s.w.Bank.Watch(func(context.Context) ([]string, error) { return []string{"weixin://wxpay/bizpayurl?pr=x", code}, nil })
	ctx, complaints := browser(t)
	run := func(what string, a ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, a...); err != nil {
			t.Fatalf("%s: %v; console: %v", what, err, complaints())
		}
	}
	run("choose", chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url+"/sim/"), chromedp.Click("#tab-bank"),
		chromedp.Click("#bank-screen button"), chromedp.WaitVisible("#bank-sheet"))
	for _, what := range []string{"forge", "pay", "less", "drop", "late"} {
		run(what, chromedp.Click(`[data-bank="`+what+`"]`), chromedp.WaitVisible("#note.good"))
	}
	run("the book", chromedp.WaitVisible("#bank-accounts tbody tr"))
	if file := os.Getenv("SIM_SCREENSHOT"); file != "" {
		shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err == nil {
			err = os.WriteFile(file, shot, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	r := s.w.Bank.Report()
	equal(t, "forged", len(r.Forged), 1)
	equal(t, "coming", r.Coming, 1)
	equal(t, "what came", r.Accounts[0], BankAccount{"5a5ea8c2-cbb5-4c25-a7be-2a778871fc5f", "BRL", 3, "0.40", 40})
	if c := complaints(); len(c) != 0 {
		t.Fatalf("console: %v", c)
	}
}

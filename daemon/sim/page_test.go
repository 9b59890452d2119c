package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browser opens a real Chromium and collects what its console complains about.
func browser(t *testing.T) (context.Context, func() []string) {
	t.Helper()
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath("/usr/bin/chromium"), chromedp.UserDataDir(t.TempDir())}
	for _, name := range []string{
		"headless", "no-sandbox", "disable-gpu", "no-first-run", "disable-background-networking", "disable-component-update", "hide-scrollbars",
	} {
		opts = append(opts, chromedp.Flag(name, true))
	}
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, opts...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	var mu sync.Mutex
	var complaints []string
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			mu.Lock()
			complaints = append(complaints, fmt.Sprintf("%s (%s) %s", m, m.Source, m.URL))
			mu.Unlock()
		}
	}()
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return complaints
	}
}

func TestPageIsAPhoneAndABook(t *testing.T) {
	s := newShop(t)
	s.w.WeChat.Now = nil // a person's browser has the real clock
	s.clock.pass(time.Since(s.clock.now()))
	path := filepath.Join(t.TempDir(), "scanner")
	s.w.Scanner = &Scanner{}
	if err := s.w.Scanner.Open(path); err != nil {
		t.Fatal(err)
	}
	defer s.w.Scanner.Close()
	text, _ := line(t, path)

	no := s.number()
	s.must(200, "POST", nativePath, s.nativeBody(no, 1200))
	ctx, complaints := browser(t)
	run := func(what string, a ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, a...); err != nil {
			t.Fatalf("%s: %v; console: %v", what, err, complaints())
		}
	}
	run("scan and pay",
		chromedp.EmulateViewport(1280, 900),
		chromedp.Navigate(s.url+"/sim/"),
		chromedp.Click("#screen button"),
		chromedp.WaitVisible("#sheet"),
		chromedp.Click(`[data-action="pay"]`),
		chromedp.WaitVisible("#note.good"),
		chromedp.WaitVisible("#orders .state.SUCCESS"))
	equal(t, "charges", s.counts(no).Charges, 1)
	s.must(200, "POST", nativePath, s.nativeBody(s.number(), 2580))
	run("code to the scanner",
		chromedp.Click("#tab-pay"),
		chromedp.WaitEnabled("#hold"),
		chromedp.Click("#hold"))
	code := strings.TrimSuffix(<-text, "\r")
	paid := s.number()
	s.must(200, "POST", codepayPath, s.codepayBody(paid, 900, code))
	equal(t, "by the shown code", s.counts(paid).Codes[code], 1)
	models := &modelClient{t, &s.w.Models, s.url}
	for _, mode := range slices.Backward(modes) { // ends with quick, which answers
		run("models "+mode, chromedp.Click(`[data-mode="`+mode+`"]`), chromedp.WaitVisible(`[data-mode="`+mode+`"][aria-pressed="true"]`))
		equal(t, "mode", s.w.Models.Report().Mode, mode)
	}
	models.answer("p", ways()[0])
	run("the models' counts", chromedp.WaitVisible("#providers tbody tr"))
	run("cut the network", chromedp.Click("#link"), chromedp.WaitVisible(`#link[aria-pressed="false"]`))
	rows, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll("#faults tbody tr").length`))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "fault rows", rows, len(Faults()))
	equal(t, "link", s.w.WeChat.linkState().Up, false)
	if file := os.Getenv("SIM_SCREENSHOT"); file != "" {
		shot, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, shot, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if c := complaints(); len(c) != 0 {
		t.Fatalf("console: %v", c)
	}
}

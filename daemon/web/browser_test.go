package web

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience is for a machine that builds something else at the same time.
const patience = 20 * time.Second

var shots = flag.String("shots", "", "directory that keeps the screenshots")

// program finds a program that a test cannot do without.
func program(t *testing.T, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("this test needs %s: apt-get install %s", name, debianPackage)
	}
	return path
}

// browser is a Chromium with one tab.
type browser struct {
	t       *testing.T
	ctx     context.Context
	mu      sync.Mutex
	console []string // what the page should not have caused
}

func browse(t *testing.T, flags ...string) *browser {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(program(t, "chromium", "chromium")),
		chromedp.UserDataDir(t.TempDir()),
	}
	for _, name := range append(flags, "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run",
		"disable-background-networking", "disable-component-update", "disable-sync", "hide-scrollbars") {
		name, value, with := strings.Cut(name, "=")
		if with {
			options = append(options, chromedp.Flag(name, value))
		} else {
			options = append(options, chromedp.Flag(name, true))
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &browser{t: t, ctx: ctx}
	messages := chromedp.Console(ctx)
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			if m.Source != "network" { // a refused request is logged too, and is no fault
				b.mu.Lock()
				b.console = append(b.console, fmt.Sprintf("%s (%s) %s", m, m.Source, m.URL))
				b.mu.Unlock()
			}
		}
	}()
	return b
}

// clean fails the test for every exception and every violation of the policy.
func (b *browser) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.console {
		b.t.Errorf("console: %s", m)
	}
}

func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) open(url string, width, height int64) {
	b.t.Helper()
	b.do(chromedp.EmulateViewport(width, height), chromedp.Navigate(url))
}

// press clicks what can be clicked.
func (b *browser) press(selector string) {
	b.t.Helper()
	b.do(chromedp.WaitEnabled(selector), chromedp.Click(selector, chromedp.NodeVisible))
}

func eval[T any](b *browser, js string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// see waits until an element that is visible has a text. A page that is just being
// left, as for another language, shows nothing yet.
func (b *browser) see(selector, text string) {
	b.t.Helper()
	js := fmt.Sprintf(`(() => { const e = document.querySelector(%q); return e && e.checkVisibility() ? e.innerText || e.value || '' : '(hidden)' })()`, selector)
	got := ""
	for end := time.Now().Add(patience); time.Now().Before(end); {
		now, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](js))
		if err != nil && !strings.Contains(err.Error(), "navigated or closed") {
			b.t.Fatalf("%s: %v", js, err)
		}
		if got = now; err == nil && strings.Contains(got, text) && (text != "" || got == "") {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.shot("failed")
	b.t.Fatalf("%s shows %q, want %q", selector, got, text)
}

// until waits for a condition in the page.
func (b *browser) until(js string) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if eval[bool](b, js) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	b.shot("failed")
	b.t.Fatalf("never true: %s", js)
}

// shot is a screenshot, in a file.
func (b *browser) shot(name string) string {
	b.t.Helper()
	dir := *shots
	if dir == "" {
		dir = b.t.TempDir()
	}
	picture, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	file := filepath.Join(dir, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return file
}

// scans is what a customer's telephone reads off the screen.
func (b *browser) scans(name string) string {
	b.t.Helper()
	b.until(`Boolean(document.getElementById('code')?.naturalWidth)`)
	return zbar(b.t, b.shot(name))
}

func zbar(t *testing.T, file string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program(t, "zbarimg", "zbar-tools"), "-q", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", file).Output()
	if err != nil {
		t.Fatalf("zbarimg %s: %v", file, err)
	}
	return strings.TrimSpace(string(out))
}

// wedge types a code as a scanner does that poses as a keyboard.
func (b *browser) wedge(code string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`[...%q, 'Enter'].map((key) => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }))).length > 0`, code))
}

// fits says that everything a cashier presses is inside the window and large
// enough for a finger.
func (b *browser) fits() {
	b.t.Helper()
	bad := eval[[]string](b, `[...document.querySelectorAll('button, input')].filter((e) => e.checkVisibility()).flatMap((e) => {
		const r = e.getBoundingClientRect();
		const inside = r.left >= 0 && r.top >= 0 && r.right <= innerWidth && r.bottom <= innerHeight;
		return inside && r.width >= 44 && r.height >= 44 ? [] : [(e.id || e.textContent) + ' ' + [r.left, r.top, r.width, r.height].map(Math.round)];
	})`)
	if len(bad) > 0 {
		b.shot("unfit")
		b.t.Errorf("outside of the window, or below 44 px: %q", bad)
	}
	if eval[bool](b, `document.documentElement.scrollWidth > innerWidth`) {
		b.t.Error("the page scrolls sideways")
	}
}

package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"qrposd/daemon/api"
	"qrposd/rules/day"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// counting is a day with one drawer, in memory, that is open until that is counted.
type counting struct {
	mu     sync.Mutex
	lines  []api.NewDrawerLine
	keys   map[string]bool
	closed []api.Day
	report day.Report
	looked int // how often it was added up
}

func newCounting() *counting {
	return &counting{keys: make(map[string]bool), report: day.Report{
		Kind: day.X, Till: "T1", Number: 1, Rows: []day.Row{}, Exposed: []day.Exposed{{State: "unconfirmed", Currency: "CNY", Sales: 1, Sum: 700}}, Totals: []day.Total{{Currency: "CNY", Paid: 1280, Closing: 1280}},
		Drawers: []day.Count{{Drawer: day.Drawer{Operator: "Li", Currency: "CNY", Float: 20000}, Expected: 20000}},
		Missing: []day.Missing{{Why: day.Uncounted, Operator: "Li", Amount: money.Money{Minor: 20000, Currency: "CNY"}, Message: "nobody has counted this drawer", Hint: "count it", Chinese: "该钱箱尚未清点", ZhHint: "清点后输入金额"}},
	}}
}

func (c *counting) Report(context.Context) (day.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked++
	return c.report, nil
}

func (c *counting) CloseDay(_ context.Context, operator string, once sale.Once) (api.Day, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys[once.Key] {
		return c.closed[0], true, nil
	}
	if !c.report.Balanced {
		p := api.NewProblem(http.StatusConflict, "day_open", "1 things keep the day open", "count it")
		p.Missing = c.report.Missing
		return api.Day{}, false, p
	}
	c.keys[once.Key] = true
	c.closed = append(c.closed, api.Day{Number: c.report.Number, By: operator, Closed: time.Now(), Report: c.report, Signature: "c2lnbmVk"})
	c.report.Number++
	return c.closed[0], false, nil
}

func (c *counting) ClosedDays(int, int) (api.Days, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return api.Days{Days: append([]api.Day{}, c.closed...)}, nil
}

func (c *counting) ClosedDay(n int) (api.Day, day.Report, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n != 1 || len(c.closed) == 0 {
		return api.Day{}, day.Report{}, &fault{http.StatusNotFound, "day_not_found", "there is no such day", "list the days that were closed"}
	}
	return c.closed[0], c.closed[0].Report.(day.Report), nil
}

func (c *counting) EnterDrawer(_ context.Context, n api.NewDrawerLine, once sale.Once) (api.DrawerLine, bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.keys[once.Key] {
		c.keys[once.Key] = true
		c.lines = append(c.lines, n)
		counted, over := int64(19950), int64(-50)
		c.report.Drawers[0].Counted, c.report.Drawers[0].Over, c.report.Missing, c.report.Balanced = &counted, &over, []day.Missing{}, true
	}
	return api.DrawerLine{N: 1, Operator: n.Operator, Drawer: n.Operator, Kind: n.Kind}, false, nil
}

func (c *counting) DrawerLines() (api.DrawerLines, error) {
	return api.DrawerLines{Lines: []api.DrawerLine{}}, nil
}

func (c *counting) entered() []api.NewDrawerLine {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]api.NewDrawerLine{}, c.lines...)
}

// What keeps the day open is a problem with the list of it; a closed day comes as JSON,
// as a table and as a receipt, and everything else is refused as documented.
func TestDayOverHTTP(t *testing.T) {
	c := newCounting()
	s := startWith(t, newShop(), func(o *Options) { o.Days, o.Drawers = c, c })
	doc := document(t, s.OpenAPI())
	header := map[string]string{"Idempotency-Key": key}
	closing := request{method: "POST", path: "/v1/day/z", body: `{"operator":"Wang"}`, header: header}
	res, body := send(t, s.url, closing)
	var p api.Problem
	if err := json.Unmarshal(body, &p); err != nil || res.StatusCode != 409 || p.Code != "day_open" || len(p.Missing) != 1 || p.Missing[0].Why != day.Uncounted || p.Text == nil {
		t.Fatalf("%d %s, %v", res.StatusCode, body, err)
	}
	documented(t, doc, closing, p)
	for _, q := range []request{
		{method: "POST", path: "/v1/day/z", body: `{"operator":"Wang"}`},
		{method: "POST", path: "/v1/day/z", body: `{"operator":""}`, header: header},
		{method: "POST", path: "/v1/drawers", body: `{"operator":"Li","kind":"found","amount":"1.00"}`, header: header},
		{method: "GET", path: "/v1/days/1"},
		{method: "GET", path: "/v1/days/0.txt"},
		{method: "GET", path: "/v1/days/1.pdf"},
		{method: "GET", path: "/v1/days?limit=0"},
		{method: "GET", path: "/v1/days?limit=many"},
		{method: "GET", path: "/v1/days?after=1"},
		{method: "GET", path: "/v1/day/x.txt?lang=fr"},
	} {
		res, body := send(t, s.url, q)
		var p api.Problem
		if err := json.Unmarshal(body, &p); err != nil || res.StatusCode < 400 || p.Code == "" || p.Hint == "" {
			t.Errorf("%s %s: %d %s", q.method, q.path, res.StatusCode, body)
		}
		documented(t, doc, q, p)
	}
	if res, body := send(t, s.url, request{method: "POST", path: "/v1/drawers", body: `{"operator":"Li","kind":"counted","amount":"199.50"}`, header: map[string]string{"Idempotency-Key": "another-key-1"}}); res.StatusCode != 201 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	for range 2 {
		if res, body := send(t, s.url, closing); res.StatusCode != 201 || !strings.Contains(string(body), `"number":1`) {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
	for path, want := range map[string][2]string{
		"/v1/days/1": {"application/json", `"signature":"c2lnbmVk"`}, "/v1/days/1.csv": {"text/csv; charset=utf-8", "drawer,Li,cash"}, "/v1/days/1.txt": {"text/plain; charset=utf-8", "c2lnbmVk"},
		"/v1/days/1.txt?lang=zh": {"text/plain; charset=utf-8", "签名"}, "/v1/day/x": {"application/json", `"kind":"X"`}, "/v1/day/x.csv": {"text/csv; charset=utf-8", "X,T1,2"},
		"/v1/day/x.txt": {"text/plain; charset=utf-8", "DAY SO FAR"}, "/v1/days": {"application/json", `"days":[{"number":1`}, "/v1/drawers": {"application/json", `"lines":[]`},
	} {
		res, body := send(t, s.url, request{method: "GET", path: path})
		if res.StatusCode != 200 || res.Header.Get("Content-Type") != want[0] || !strings.Contains(string(body), want[1]) {
			t.Errorf("%s: %d %s\n%s", path, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
	}
}

// The cashier sees what keeps the day open and what to do, counts the drawer, closes
// the day and finds the receipt to print.
func TestDayOnThePage(t *testing.T) {
	c := newCounting()
	s := startWith(t, newShop(), func(o *Options) { o.Days, o.Drawers = c, c })
	b := browse(t)
	b.open(s.url, 800, 480)
	b.see("#day-open", "Day")
	if c.looked > 0 {
		t.Error("the day is added up before anybody asks for it")
	}
	b.press("#day-open")
	b.see("#day-title", "number 1")
	b.see("#day-missing", "nobody has counted this drawer")
	b.see("#day-missing", "To do: count it")
	b.see("#day-sums", "CNY 12.80")
	b.see("#day-sums", "Not money of the day (unconfirmed, 1 sales)")
	b.until(`document.getElementById('day-z').disabled && document.getElementById('day-enter').disabled`)
	b.fits()
	b.do(chromedp.SendKeys("#day-who", "Li"), chromedp.SetValue("#day-kind", "counted"), chromedp.SendKeys("#day-amount", "199.50"))
	b.press("#day-enter")
	b.see("#day-sums", "over or short CNY -0.50")
	b.see("#day-open-why", "Nothing keeps the day open")
	if lines := c.entered(); len(lines) != 1 || lines[0].Kind != "counted" || lines[0].Amount != "199.50" || lines[0].Operator != "Li" {
		t.Errorf("%+v", lines)
	}
	b.press("#day-z")
	b.see("#day-told", "Day 1 is closed")
	b.see("#day-before", "Li")
	b.until(`document.querySelector('#day-before a').getAttribute('href') === '/v1/days/1.txt?lang=en'`)
	b.shot("closed")
	b.press("#day-close")
	b.press("#language")
	b.see("#day-open", "日结")
	b.clean()
}

// endless is a day that takes longer to add up than anybody waits.
type endless struct {
	*counting
	begun, given chan struct{}
}

func (e endless) Report(ctx context.Context) (day.Report, error) {
	close(e.begun)
	<-ctx.Done()
	close(e.given)
	return day.Report{}, ctx.Err()
}

// A till that ends does not wait for a report that nobody will hear.
func TestALongReportEndsWithTheTill(t *testing.T) {
	e := endless{newCounting(), make(chan struct{}), make(chan struct{})}
	s := startWith(t, newShop(), func(o *Options) { o.Days, o.Drawers = e, e })
	go func() {
		if resp, err := http.Get(s.url + "/v1/day/x"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-e.begun
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ends with %v", err)
	}
	select {
	case <-e.given:
	case <-time.After(time.Minute):
		t.Error("it is added up all the same")
	}
}

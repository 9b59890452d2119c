package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"time"

	"qrposd/daemon/api"
	"qrposd/daemon/bill"
	"qrposd/store"
)

// billsListed is how many days back bills are listed.
const billsListed = 92

// Bills lists the bills that the till knows of and those that are due.
func (b *bills) Bills() (api.Bills, error) {
	now, ok := b.now()
	out := api.Bills{Bills: []api.Bill{}, Blind: !ok}
	known, err := b.db.Bills(now.AddDate(0, 0, -billsListed).Format(time.DateOnly))
	if err != nil {
		return out, err
	}
	seen := make(map[string]bool)
	for _, d := range known {
		seen[d.Date] = true
		v, err := billView(d)
		if err != nil {
			return out, err
		}
		out.Bills = append(out.Bills, v)
	}
	due, err := b.waiting(now, ok)
	for _, d := range due {
		if out.Waiting++; !seen[d.Date] {
			out.Bills = append(out.Bills, api.Bill{Date: d.Date, State: "waiting"})
		}
	}
	sort.SliceStable(out.Bills, func(i, j int) bool { return out.Bills[i].Date > out.Bills[j].Date })
	return out, err
}

// waiting are the days that are due, none where the job is off or cannot know.
func (b *bills) waiting(now time.Time, ok bool) ([]store.BillDay, error) {
	if !ok || !b.conf.Enabled {
		return nil, nil
	}
	return b.due(now)
}

// Bill is the bill of a day.
func (b *bills) Bill(date string) (api.Bill, error) {
	list, err := b.db.Bills(date)
	if err != nil {
		return api.Bill{}, err
	}
	if len(list) > 0 && list[0].Date == date {
		return billView(list[0])
	}
	now, ok := b.now()
	due, err := b.waiting(now, ok)
	if slices.ContainsFunc(due, func(d store.BillDay) bool { return d.Date == date }) || err != nil {
		return api.Bill{Date: date, State: "waiting"}, err
	}
	return api.Bill{}, api.NewProblem(http.StatusNotFound, "bill_not_found", "the till knows of no bill of "+date, "list the bills, or fetch it")
}

// FetchBill has a bill fetched and compared anew, soon.
func (b *bills) FetchBill(ctx context.Context, date string) (api.Bill, error) {
	refuse := func(code, detail, hint string) (api.Bill, error) {
		return api.Bill{}, api.NewProblem(http.StatusConflict, code, detail, hint)
	}
	day, err := time.ParseInLocation(time.DateOnly, date, beijing)
	now, ok := b.now()
	if !ok && b.conf.Enabled && err == nil {
		soon, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		b.peek(soon, date)
		now, ok = b.now()
	}
	switch {
	case err != nil:
		return api.Bill{}, err
	case !b.conf.Enabled:
		return refuse("bill_off", "bills are switched off", "set bill.enabled in the configuration")
	case !ok:
		return refuse("clock_unknown", "no signed answer of the provider has confirmed the clock yet", "wait until the till has reached the provider")
	case now.Before(day.AddDate(0, 0, 1).Add(billHour)):
		return refuse("bill_early", "the provider has no bill of that day yet", "it can be had after ten o'clock in Beijing on the day after")
	}
	select {
	case b.asked <- date:
	default:
		return refuse("bill_busy", "another bill is about to be fetched", "ask again in a moment")
	}
	v, err := b.Bill(date)
	if err != nil { // nothing is known of it yet
		return api.Bill{Date: date, State: "waiting"}, nil
	}
	return v, nil
}

func billView(d store.BillDay) (api.Bill, error) {
	v := api.Bill{Date: d.Date, State: "compared", Tries: d.Tries, Code: d.Code, Reason: d.Reason, At: &d.At, File: d.File, SHA1: d.SHA1, Opened: d.Opened}
	switch {
	case !d.Done:
		v.State, v.Next = "failed", &d.Next
	case d.File == "":
		v.State = "none"
	}
	if len(d.Result) == 0 {
		return v, nil
	}
	v.Result = &api.BillResult{}
	return v, json.Unmarshal(d.Result, v.Result)
}

// part is what people are told of bills: one that is not there yet is nobody's
// business until it has been tried for too often.
func (b *bills) part() api.Part {
	if !b.conf.Enabled {
		return api.Part{Level: api.Off}
	}
	now, ok := b.now()
	due, err := b.waiting(now, ok)
	p := api.Part{Level: api.OK}
	switch {
	case err != nil:
		return api.Part{Level: api.Trouble, Detail: err.Error()}
	case !ok:
		p.Detail = "the clock is not confirmed yet"
	case len(due) > 0:
		p.Detail = fmt.Sprintf("%d days wait, the first is %s: %s", len(due), due[0].Date, due[0].Reason)
	}
	for _, d := range due {
		if d.Tries >= billTrouble {
			p.Level = api.Trouble
		}
	}
	return p
}

func (b *bills) metrics(line func(string, ...any)) {
	now, ok := b.now()
	due, err := b.waiting(now, ok)
	known, kerr := b.db.Bills(now.AddDate(0, 0, -billsListed).Format(time.DateOnly))
	if err != nil || kerr != nil {
		return // the store's own figures say so
	}
	done, last := 0, int64(0)
	for _, d := range known {
		if day, err := time.ParseInLocation(time.DateOnly, d.Date, beijing); d.Done && err == nil {
			done, last = done+1, day.Unix()
		}
	}
	line("# TYPE qrposd_bills_compared gauge\nqrposd_bills_compared %d", done)
	line("# TYPE qrposd_bills_waiting gauge\nqrposd_bills_waiting %d", len(due))
	line("# TYPE qrposd_bill_last_day_seconds gauge\nqrposd_bill_last_day_seconds %d", last)
}

// differs puts a difference of a bill into words: those of package bill, which knows
// what each means.
func differs(v api.Case) api.Case {
	message, hint, zh, zhHint := bill.What(v.Evidence["code"]).Words()
	if message == "" {
		return v
	}
	v.Says.What, v.Says.Next = api.Text{En: message, Zh: zh}, api.Text{En: hint, Zh: zhHint}
	day, there, here := v.Evidence["day"], v.Evidence["there"], v.Evidence["here"]
	add := func(en, zh string) { v.Says.Evidence = append(v.Says.Evidence, api.Text{En: en, Zh: zh}) }
	add("The bill of "+day+", "+v.Evidence["of"]+" "+v.Evidence["no"]+".", day+" 的账单，单号 "+v.Evidence["no"]+"。")
	if there != "" {
		add("In the bill: "+there+".", "账单金额："+there+"。")
	}
	if here != "" {
		add("In the till's books: "+here+".", "本机金额："+here+"。")
	}
	if said := v.Evidence["provider"]; said != "" {
		add("Asked about it, the provider answered: "+said+".", "向支付平台查询的结果："+said+"。")
	}
	return v
}

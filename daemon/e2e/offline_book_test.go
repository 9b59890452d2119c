package e2e

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"qrposd/daemon/api"
	"qrposd/rules/sale"
)

// slip is a sale without the provider as whoever stands at the counter knows it.
type slip struct {
	id            sale.ID
	scheme        string
	currency      string
	minor         int64
	text          string    // of the code
	before, after time.Time // its code was shown in between
	state         string    // exposed, disputed or over
}

// ownBook is the script's own count. It shares nothing with the till but what was said
// aloud at the counter, and adds up by itself.
type ownBook struct{ slips []*slip }

// add is every state's sums by currency, and how many they are.
func (b *ownBook) add(states ...string) (n int, sums map[string]int64) {
	sums = map[string]int64{}
	for _, s := range b.slips {
		if slices.Contains(states, s.state) {
			n++
			sums[s.currency] += s.minor
		}
	}
	return n, sums
}

func minorOf(list []api.Amount) map[string]int64 {
	sums := map[string]int64{}
	for _, a := range list {
		if a.Minor != 0 {
			sums[string(a.Currency)] += a.Minor
		}
	}
	return sums
}

// differs is what an exposure that was asked for and answered at two moments has other
// than the script.
func (b *ownBook) differs(e api.Exposure, asked, answered time.Time, window time.Duration) []string {
	var all []string
	say := func(what string, theirs, ours any) {
		if fmt.Sprint(theirs) != fmt.Sprint(ours) {
			all = append(all, fmt.Sprintf("%s: the till says %v, the script %v", what, theirs, ours))
		}
	}
	count, sums := b.add("exposed")
	disputed, _ := b.add("disputed")
	_, worst := b.add("exposed", "disputed")
	say("count", e.Count, count)
	say("sums", minorOf(e.Sums), sums)
	say("disputed", e.Disputed, disputed)
	say("worst loss", minorOf(e.Worst), worst)
	if count == 0 {
		say("oldest", e.Oldest, 0)
		return all
	}
	var oldest *slip
	for _, s := range b.slips {
		if s.state == "exposed" && (oldest == nil || s.before.Before(oldest.before)) {
			oldest = s
		}
	}
	least, most := asked.Sub(oldest.after)-time.Second, answered.Sub(oldest.before)+time.Second // whole seconds are told
	if age := time.Duration(e.Oldest) * time.Second; age < least || age > most {
		all = append(all, fmt.Sprintf("oldest: the till says %s, the script %s to %s", age, least, most))
	}
	if e.Left == nil {
		all = append(all, "nothing is said of when a window ends")
	} else if both := time.Duration(e.Oldest+*e.Left) * time.Second; both < window-time.Second || both > window+time.Second {
		all = append(all, fmt.Sprintf("the oldest is %d s old and its window of %s ends in %d s", e.Oldest, window, *e.Left))
	}
	return all
}

// found is what becomes of a receipt.
type found struct {
	outcome, why string
	sale         sale.ID
}

// unlike is what a till made of a statement other than the script expects.
func unlike(want map[string]found, got []api.ReceiptResult) []string {
	var all []string
	left := maps.Clone(want)
	for _, r := range got {
		is := found{r.Outcome, r.Why, r.Sale}
		if w, ok := left[r.ID]; !ok || w != is {
			all = append(all, fmt.Sprintf("receipt %s: the till says %+v, the script %+v", r.ID, is, w))
		}
		delete(left, r.ID)
	}
	for id, w := range left {
		all = append(all, fmt.Sprintf("receipt %s is missing; the script expects %+v", id, w))
	}
	return all
}

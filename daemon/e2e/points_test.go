package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"qrposd/rules/sale"
)

// scene is a sale that passes points which others do not. The last two digits
// of the amount choose what the provider does to it.
type scene struct {
	name string
	flow sale.Flow
	fen  int64
	wish wish
	conf []edit // of its till
}

func (sc scene) basket() *basket { return newBasket(sc.flow, sc.fen, sc.wish) }

// scenes together pass every point; a point is tested by the first that does.
// Only v2 signs its refusals; v3's have to be asked about.
func scenes() []scene {
	return []scene{
		{"qr paid", sale.Merchant, 1280, toPay, nil},
		{"qr refunded", sale.Merchant, 1281, toRefund, nil},
		{"qr refunded slowly", sale.Merchant, 1227, toReturn, nil},
		{"qr cancelled", sale.Merchant, 1282, toCancel, nil},
		{"code paid", sale.Payer, 1290, toPay, nil},
		{"code refunded", sale.Payer, 1291, toRefund, nil},
		{"code refunded slowly", sale.Payer, 1327, toReturn, nil},
		{"code cancelled", sale.Payer, 1302, toCancel, nil},
		{"no answer", sale.Payer, 1309, toPay, nil},
		{"password wrong", sale.Payer, 1303, toPay, nil},
		{"customer gives up", sale.Payer, 1304, toPay, nil},
		{"declined", sale.Payer, 1305, toPay, nil},
		{"never arrived", sale.Payer, 1308, toPay, nil},
		{"refund fails", sale.Payer, 1329, toRefund, nil},
		{"v2 paid", sale.Payer, 1293, toPay, []edit{v2}},
		{"v2 declined", sale.Payer, 1405, toPay, []edit{v2}},
		{"no code shown", sale.Payer, 1292, toLeave, nil},
	}
}

// required are the points that have to be passed, or the list of scenes has a hole.
func required() map[sale.Flow][]string {
	commits := func(kinds ...sale.Kind) (points []string) {
		for _, k := range kinds {
			points = append(points, string(k)+":before-commit", string(k)+":after-commit")
		}
		return points
	}
	sends := func(steps ...sale.Action) (points []string) {
		for _, a := range steps {
			points = append(points, string(a)+":before-send", string(a)+":after-send")
		}
		return points
	}
	return map[sale.Flow][]string{
		sale.Merchant: slices.Concat(
			commits("begin", sale.OrderIntended, sale.Ordered, sale.Received, sale.CancelRequested, sale.CloseIntended, sale.Closed,
				sale.RefundRequested, sale.RefundIntended, sale.RefundPending, sale.RefundDone),
			sends(sale.Order, sale.Query, sale.Close, sale.SendRefund, sale.QueryRefund),
		),
		sale.Payer: slices.Concat(
			commits("begin", sale.ChargeIntended, sale.Received, sale.Unclear, sale.ChargeRefused, sale.PayFailed, sale.CancelRequested,
				sale.ReverseIntended, sale.TakenBack, sale.RefundRequested, sale.RefundIntended, sale.RefundPending, sale.RefundDone,
				sale.RefundFailed),
			sends(sale.Charge, sale.Query, sale.Reverse, sale.SendRefund, sale.QueryRefund),
		),
	}
}

// cut is a plug to be pulled: at a point, under a scene.
type cut struct {
	point string
	scene scene
}

func (c cut) String() string {
	return fmt.Sprintf("%s/%s", c.scene.flow, strings.ReplaceAll(c.point, ":", "/"))
}

// abreast runs subtests n at a time. t.Parallel would run as many as there are
// cores, and these mostly wait.
func abreast[T fmt.Stringer](t *testing.T, n int, all []T, run func(*testing.T, T)) {
	queue := make(chan T)
	var workers sync.WaitGroup
	for range n {
		workers.Go(func() {
			for c := range queue {
				t.Run(c.String(), func(t *testing.T) { run(t, c) })
			}
		})
	}
	for _, c := range all {
		queue <- c
	}
	close(queue)
	workers.Wait()
}

func (sc scene) String() string { return sc.name }

// points runs every scene without a cut and gives the points each flow passes,
// with the first scene that does.
func points(t *testing.T, st *street) []cut {
	all := scenes()
	passed := make(map[string]map[string]bool)
	var mu sync.Mutex
	t.Run("points", func(t *testing.T) {
		abreast(t, 7, all, func(t *testing.T, sc scene) {
			s := st.shift(t, built(t).faulty, sc.conf...)
			s.start("QRPOSD_KILL=?")
			s.serve(one(sc.basket()))
			s.finish()
			seen := make(map[string]bool)
			for line := range strings.Lines(s.d.log.String()) {
				if p, ok := strings.CutPrefix(strings.TrimSpace(line), "point "); ok {
					seen[p] = true
				}
			}
			mu.Lock()
			defer mu.Unlock()
			passed[sc.name] = seen
		})
	})
	var cuts []cut
	done := make(map[string]bool)
	for _, sc := range all {
		for _, p := range slices.Sorted(maps.Keys(passed[sc.name])) {
			if c := (cut{p, sc}); !done[c.String()] {
				done[c.String()] = true
				cuts = append(cuts, c)
			}
		}
	}
	for flow, want := range required() {
		for _, p := range want {
			if c := (cut{p, scene{flow: flow}}); !done[c.String()] {
				t.Errorf("no scene passes %s", c)
			}
		}
	}
	return cuts
}

// The power is cut once at every point at which the till writes or speaks, in
// both flows, and the sale goes on.
func TestEveryPointOfAPowerCut(t *testing.T) {
	st := newStreet(t)
	cuts := points(t, st)
	t.Logf("%d cuts", len(cuts))
	st.pullAll(t, cuts)
}

// pullAll makes each sale at a till that cuts its own power at the point, starts
// the till again and lets the sale go on.
func (st *street) pullAll(t *testing.T, cuts []cut) {
	t.Helper()
	abreast(t, 7, cuts, func(t *testing.T, c cut) {
		s := st.shift(t, built(t).faulty, c.scene.conf...)
		s.start("QRPOSD_KILL=" + c.point)
		s.serve(one(c.scene.basket()))
		if !s.died() {
			t.Fatalf("%s never passed %s:\n%s", c.scene, c.point, s.d.log)
		}
		s.start()
		s.finish()
	})
}

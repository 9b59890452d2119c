package rejection

import "strconv"

// Scenario is a shop to be simulated: labels that sell equally often, each with a
// baseline drawn between Low and High, of which the first becomes faulty.
type Scenario struct {
	Labels    int
	Low, High float64
	Before    int     // sales of the shop before the fault
	Fault     float64 // rejected share of the first label from then on; 0 for no fault
	Sales     int     // of the shop, at most
}

// Run is what a Watch made of a scenario.
type Run struct {
	Sales int // of the shop
	False int // alarms of labels without a fault, and of the faulty one before it was
	Delay int // sales of the faulty label from the fault to its alarm; 0 for no alarm
}

// Simulate lets w watch a shop. It ends with the alarm of the faulty label. Chance
// is an argument: draw returns numbers of [0, 1), and the same ones give the same run.
func Simulate(w *Watch, draw func() float64, s Scenario) Run {
	base := make([]float64, s.Labels)
	keys := make([]Key, s.Labels)
	for i := range base {
		base[i] = s.Low + (s.High-s.Low)*draw()
		keys[i] = Key{Label: "label" + strconv.Itoa(i), Classifier: "intent/1", Category: "retail", Model: "fast"}
	}
	var run Run
	faulty := 0
	for run.Sales < s.Sales {
		i := int(draw() * float64(s.Labels))
		p := base[i]
		bad := s.Fault > 0 && i == 0 && run.Sales >= s.Before
		if bad {
			p = s.Fault
			faulty++
		}
		run.Sales++
		at := 1_700_000_000 + int64(run.Sales)*60
		for _, c := range w.Note(Outcome{Key: keys[i], Rejected: draw() < p, At: at, Minor: 100, Currency: "CNY"}) {
			switch {
			case !c.Raised:
			case bad:
				run.Delay = faulty
				return run
			default:
				run.False++
			}
		}
	}
	return run
}

package advisor

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"qrposd/rules"
)

// With every breaker open the rules decide at once.
func BenchmarkOpenBreaker(b *testing.B) {
	down := &scripted{name: "a", err: lament{class: Transient}}
	a := New(ruleSet(b), []Model{down}, nil, Limits{}, slog.New(slog.DiscardHandler))
	defer a.Close()
	for a.Health()[0].Answers != "open" {
		a.Advise(context.Background(), caseOf(60000))
	}
	began, took := time.Now(), make([]time.Duration, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		if time.Since(began) > 4*time.Second { // before it is let try again
			b.StopTimer()
			for a.Health()[0].Answers != "open" {
				a.Advise(context.Background(), caseOf(60000))
			}
			began = time.Now()
			b.StartTimer()
		}
		start := time.Now()
		adv := a.Advise(context.Background(), caseOf(60000))
		took = append(took, time.Since(start))
		if adv.Path != RulesOpen {
			b.Fatalf("decided by %s", adv.Path)
		}
	}
	slices.Sort(took)
	for name, q := range map[string]float64{"p50-µs": 0.5, "p99-µs": 0.99, "p99.9-µs": 0.999, "max-µs": 1} {
		b.ReportMetric(float64(took[int(q*float64(len(took)-1))].Nanoseconds())/1e3, name)
	}
}

// A judgement with a model that answers at once: what the advisor itself costs.
func BenchmarkAdvise(b *testing.B) {
	m := &scripted{name: "a", op: Opinion{Effect: rules.Allow}}
	a := New(ruleSet(b), []Model{m}, nil, Limits{}, slog.New(slog.DiscardHandler))
	defer a.Close()
	b.ReportAllocs()
	for b.Loop() {
		if adv := a.Advise(context.Background(), caseOf(60000)); adv.Path != ByModel {
			b.Fatalf("decided by %s", adv.Path)
		}
	}
}

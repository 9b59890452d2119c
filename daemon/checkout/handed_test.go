package checkout

import (
	"log/slog"
	"testing"

	"qrposd/rules/sale"
)

// late is a clock that hands over a payer's code when it is first asked: the
// drive has looked for one already and has not ended yet.
type late struct {
	*book
	scan func()
}

func (l *late) Now() sale.Now {
	if l.scan != nil {
		l.scan()
		l.scan = nil
	}
	return l.book.Now()
}

func TestACodeThatComesDuringADriveIsChargedByTheNext(t *testing.T) {
	b := &book{sales: map[sale.ID]sale.Sale{}, facts: map[sale.ID][]sale.Kind{}, codes: map[string]sale.ID{}}
	g := &counter{t: t, answer: each(map[sale.Action][]sale.Kind{sale.Charge: {sale.Received}})}
	clock := &late{book: b}
	d := New(Options{Gateway: g, Journal: b, Clock: clock, Plan: sale.DefaultPlan(), Wallet: "wechat", Log: slog.New(slog.DiscardHandler)})
	s, _, err := d.Open(t.Context(), sale.New{Flow: sale.Payer, Amount: tea.Amount}, sale.Once{})
	if err != nil {
		t.Fatal(err)
	}
	var reply <-chan error
	clock.scan = func() { reply, err = d.giveCode(s.ID, sale.NewPayerCode(payerCode)) }
	w := d.get(s.ID)
	for range 2 {
		if _, err := d.drive(t.Context(), t.Context(), w); err != nil {
			t.Fatal(err)
		}
	}
	if s, _ := b.Sale(s.ID); err != nil || s.State != sale.Paid || g.at(sale.Charge) != "[0]" {
		t.Errorf("%v; the sale is %s, charged %s", err, s.State, g.at(sale.Charge))
	}
	select {
	case err := <-reply:
		if err != nil {
			t.Error(err)
		}
	default:
		t.Error("nobody told the cashier")
	}
}

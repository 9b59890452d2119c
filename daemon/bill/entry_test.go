package bill

import (
	"slices"
	"testing"
	"time"

	"qrposd/rules/sale"
)

func TestEntries(t *testing.T) {
	second := sale.Instant(time.Second)
	at := func(s int) time.Time { return noon().Add(time.Duration(s) * time.Second) }
	s := sale.Sale{
		ID: "S", Amount: cny(500), Begun: 100 * second, BegunWall: noon(), Changed: 190 * second,
		Attempts: []sale.Attempt{
			{OrderNo: "S1", Sent: 101 * second, End: sale.EndPaid, EndedAt: 105 * second},
			{OrderNo: "S2", Sent: 110 * second, End: sale.EndTakenBack, EndedAt: 120 * second},
			{OrderNo: "S3", Sent: 121 * second},
			{OrderNo: "S4", Sent: 130 * second, End: sale.EndPaid, EndedAt: 131 * second},
		},
		Refunds: []sale.Refund{
			{No: "S1R1", OrderNo: "S1", Amount: cny(500), State: sale.RefundPaid, Sent: 180 * second, Tries: 1},
			{No: "S4R1", OrderNo: "S4", Amount: cny(10), State: sale.RefundOwed},
			{No: "S4R2", OrderNo: "S4", Amount: cny(20), State: sale.RefundPaid, Sent: 185 * second, Tries: 1},
			{No: "S4R3", OrderNo: "S4", Amount: cny(30), State: sale.RefundWorking, Sent: 185 * second, Tries: 2},
			{No: "S4R4", OrderNo: "S4", Amount: cny(40), State: sale.RefundHeld, Sent: 195 * second, Tries: 1},
			{No: "S4R5", OrderNo: "S4", Amount: cny(50), State: sale.RefundBroken, Sent: 186 * second, Tries: 1},
		},
	}
	want := []Entry{
		{Payment, "S1", "S1", "S", cny(500), Paid, at(1), at(5)},
		{Payment, "S2", "S2", "S", cny(500), TakenBack, at(10), at(20)},
		{Payment, "S3", "S3", "S", cny(500), Open, at(21), time.Time{}},
		{Payment, "S4", "S4", "S", cny(500), Paid, at(30), at(31)},
		{Return, "S1R1", "S1", "S", cny(500), Returned, at(80), time.Time{}}, // the sale's changes say nothing about it
		{Return, "S4R1", "S4", "S", cny(10), Owed, at(31), time.Time{}},
		{Return, "S4R2", "S4", "S", cny(20), Returned, at(85), at(90)},
		{Return, "S4R3", "S4", "S", cny(30), Accepted, at(31), at(90)}, // its first try may have arrived
		{Return, "S4R4", "S4", "S", cny(40), Accepted, at(95), time.Time{}},
		{Return, "S4R5", "S4", "S", cny(50), Broken, at(86), at(90)},
	}
	if got := slices.Collect(Entries(s)); !slices.Equal(got, want) {
		t.Errorf("%+v\nwant\n%+v", got, want)
	}
	for _, end := range []sale.End{sale.EndClosed, sale.EndNotSent, sale.EndRefused, sale.EndConcluded, sale.EndAbsent} {
		s.Attempts[0].End = end
		for e := range Entries(s) {
			if e.State != Unpaid {
				t.Errorf("%s is %s", end, e.State)
			}
			break
		}
	}
}

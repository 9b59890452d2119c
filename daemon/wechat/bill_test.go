package wechat

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"qrposd/daemon/sim"
)

// The bill of yesterday is had with the digest that the provider signed; whatever else
// comes is an error with a code and what to do.
func TestTradeBill(t *testing.T) {
	d := newCounter(t, nil)
	d.wx.SetBills(sim.Bills{Plant: []sim.PlantedRow{{OutTradeNo: "PLANTED0001", Total: 500}}})
	yesterday := time.Now().In(beijing).AddDate(0, 0, -2).Format(time.DateOnly)
	where, err := d.c.TradeBill(t.Context(), yesterday)
	if err != nil || len(where.SHA1) != 40 || !strings.HasPrefix(where.file, "/v3/billdownload/file?token=") {
		t.Fatalf("%+v, %v", where, err)
	}
	if _, signed := d.c.Now(); !signed {
		t.Error("a signed answer has not told the time")
	}
	var file bytes.Buffer
	if err := d.c.FetchBill(t.Context(), where, &file, 1<<20); err != nil || !bytes.HasPrefix(file.Bytes(), []byte("\x1f\x8b")) {
		t.Errorf("%d bytes, %v", file.Len(), err)
	}
	refused := func(what, code string, absent bool, err error) {
		t.Helper()
		var e *BillError
		if !errors.As(err, &e) || e.Code != code || e.Absent != absent || e.Hint == "" && !absent || e.Message == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("a large file", "bill_too_large", false, d.c.FetchBill(t.Context(), where, &file, 8))
	refused("a token that nobody gave", "bill_refused", false, d.c.FetchBill(t.Context(), Bill{file: pathBillFile + "file?token=x"}, &file, 1<<20))
	_, err = d.c.TradeBill(t.Context(), time.Now().In(beijing).Format(time.DateOnly))
	refused("the bill of today", "bill_absent", true, err)
	for _, fault := range []string{"bad_signature", "garbage", "reset_after", "bad_gateway"} {
		code := map[string]string{"bad_signature": "bill_unverified", "garbage": "bill_answer", "reset_after": "bill_no_answer", "bad_gateway": "bill_refused"}[fault]
		d.wx.ClearRules()
		if _, err := d.wx.AddRule(sim.Rule{Op: "tradebill", Fault: fault, Times: 1}); err != nil {
			t.Fatal(err)
		}
		_, err := d.c.TradeBill(t.Context(), yesterday)
		refused(fault, code, false, err)
	}
}

// An error answer says what is known of the bill, in either spelling of its code.
func TestBillRefused(t *testing.T) {
	for body, want := range map[string]string{
		`{"code":"NO_STATEMENT_EXIST","message":"x"}`: "bill_absent", `{"code":"STATEMENT_CREATING","message":"x"}`: "bill_creating", `{"code":"SYSTEM_ERROR","message":"x"}`: "bill_refused", `<html>`: "bill_refused",
	} {
		var e *BillError
		if err := billRefused(Answer{Status: http.StatusBadRequest, Header: http.Header{}, Body: []byte(body)}); !errors.As(err, &e) || e.Code != want || e.Absent != (want == "bill_absent") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

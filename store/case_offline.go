package store

import (
	"strconv"

	"go.etcd.io/bbolt"

	"qrposd/rules/offline"
	"qrposd/rules/sale"
)

// The cases of sales without the provider. The names are on disk.
const (
	// OfflineUnpaid is a code that was shown and for which no receipt was found. Its
	// subject is the sale.
	OfflineUnpaid CaseKind = "offline_unpaid"
	// ReceiptGivenUp is money for a sale that had been given up. Its subject is the sale.
	ReceiptGivenUp CaseKind = "receipt_given_up"
	// ReceiptUnmatched is money for no sale that the till knows. Its subject, and that of
	// the three that follow, is the receipt.
	ReceiptUnmatched CaseKind = "receipt_unmatched"
	// ReceiptAmbiguous is money that may be for more than one sale.
	ReceiptAmbiguous CaseKind = "receipt_ambiguous"
	// ReceiptDiffers is another amount than the sale of its reference asks for.
	ReceiptDiffers CaseKind = "receipt_differs"
	// PaidTwice is money for a sale that has its receipt already.
	PaidTwice CaseKind = "paid_twice"
)

// What the owner is asked to do about them.
const (
	FindPayment   CaseStep = "find_payment"    // ask the payer and the bank
	DecideGivenUp CaseStep = "decide_given_up" // the goods, or the money back
	FindSale      CaseStep = "find_sale"       // reconcile it by hand, or give it back
	GiveBack      CaseStep = "give_back"       // the payer has paid twice
)

// openOfflineCases opens those that a fact about a sale gives cause for.
func openOfflineCases(tx *bbolt.Tx, before, after *sale.Sale, ev sale.Event) error {
	c := Case{Subject: string(after.ID), Sale: after.ID, At: ev.At, Wall: ev.Wall}
	switch {
	case after.State == sale.Disputed && before.State != sale.Disputed:
		c.Kind, c.Next, c.Data = OfflineUnpaid, FindPayment, map[string]string{"scheme": after.Own.Scheme, "why": after.Why.Code}
		if ev.By != "" {
			c.Data["by"] = ev.By
		}
	case after.Own != nil && after.Own.GivenUp && !before.Own.GivenUp:
		c.Kind, c.Next, c.Data = ReceiptGivenUp, DecideGivenUp, receiptData(ev.Receipt.ID, ev.Receipt.Source, after.Own.Scheme)
	default:
		return nil
	}
	return openCase(tx, c)
}

// openReceiptCase opens the case of a receipt that belongs to no sale, in the
// transaction that remembers the receipt.
func openReceiptCase(tx *bbolt.Tx, r Receipt, ev sale.Event) error {
	c := Case{Kind: caseOf(r), Subject: r.ID, Sale: r.Match.Sale, At: ev.At, Wall: ev.Wall, Next: FindSale, Data: receiptData(r.ID, r.Source, r.Scheme)}
	c.Data["currency"], c.Data["amount"] = string(r.Amount.Currency), r.Amount.Decimal()
	switch r.Why {
	case offline.SeveralFit:
		c.Data["fit"] = strconv.Itoa(len(r.Candidates))
	case offline.Used:
		c.Next = GiveBack
	}
	return openCase(tx, c)
}

// caseOf is the kind of case that a receipt without a sale is.
func caseOf(r Receipt) CaseKind {
	switch r.Why {
	case offline.SeveralFit:
		return ReceiptAmbiguous
	case offline.AmountDiffers:
		return ReceiptDiffers
	case offline.Used:
		return PaidTwice
	}
	return ReceiptUnmatched
}

func receiptData(id, source, scheme string) map[string]string {
	data := map[string]string{"receipt": id, "source": source}
	if scheme != "" {
		data["scheme"] = scheme
	}
	return data
}

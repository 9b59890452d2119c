package sale

// targets are the states an event may lead to. A list with nothing in it is a
// fact that changes nothing worth a write: it only tells when to ask again. An
// event that a state does not list is refused.
type targets []State

// pass is the fact that is not worth a write.
var pass = targets{}

// table is every transition there is (I7). The diagram and the tests are made
// from it; Apply refuses whatever is not in it. Where several targets are
// listed, what was recorded before decides: settle says how.
//
// It speaks of the current attempt only. A fact about an earlier one changes
// that attempt and its refunds and leaves the sale's state alone.
var table = remarked(map[State]map[Kind]targets{ // budget: made once, of a literal and of the rows that every state has
	Opened: {
		Restored: {Opened}, OrderFound: {Closing, InDoubt}, Traced: {Expired, Cancelled},
		Priced: {Projected}, NotPriced: {Declined},
		Assessed:      {Judged, AwaitingConfirmation, AwaitingApproval, AwaitingLiveness, Declined},
		OrderIntended: {Ordering}, ChargeIntended: {Charging}, CancelRequested: {Cancelled}, Concluded: {Expired},
		OfflineShown: {PresentedOffline}, OfflineRefused: {Declined},
	},
	Projected: {
		Restored: {Projected}, OrderFound: {Closing, InDoubt}, Traced: {Expired, Cancelled},
		Assessed:      {Judged, AwaitingConfirmation, AwaitingApproval, AwaitingLiveness, Declined},
		OrderIntended: {Ordering}, ChargeIntended: {Charging}, CancelRequested: {Cancelled}, Concluded: {Expired}, Priced: pass, NotPriced: pass,
	},
	Judged: {
		Restored: {Judged}, OrderFound: {Closing, InDoubt}, Traced: {Expired, Cancelled},
		OrderIntended: {Ordering}, ChargeIntended: {Charging}, CancelRequested: {Cancelled}, Concluded: {Expired}, Assessed: pass,
		OfflineShown: {PresentedOffline}, OfflineRefused: {Declined},
		Received: {Refunding}, Closed: {Judged}, TakenBack: {Judged}, PayFailed: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	AwaitingConfirmation: {
		Restored: {AwaitingConfirmation}, OrderFound: {Closing, InDoubt}, Traced: {Expired, Cancelled},
		Agreed: {Judged, AwaitingApproval, AwaitingLiveness}, CancelRequested: {Cancelled}, Concluded: {Expired}, Assessed: pass,
	},
	AwaitingApproval: {
		Restored: {AwaitingApproval}, OrderFound: {Closing, InDoubt}, Traced: {Expired, Cancelled},
		Approved: {Judged, AwaitingLiveness}, CancelRequested: {Cancelled}, Concluded: {Expired}, Assessed: pass,
		Received: {Refunding}, Closed: {AwaitingApproval}, TakenBack: {AwaitingApproval}, PayFailed: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	AwaitingLiveness: {
		Restored: {AwaitingLiveness}, OrderFound: {Closing, InDoubt}, Traced: {Expired, Cancelled},
		LivenessOpened: {AwaitingLiveness}, LivenessPassed: {Judged}, LivenessFailed: {AwaitingLiveness, Declined},
		CancelRequested: {Cancelled}, Concluded: {Expired}, Assessed: pass,
		Received: {Refunding}, Closed: {AwaitingLiveness}, TakenBack: {AwaitingLiveness}, PayFailed: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Ordering: {
		Restored: {Closing},
		Ordered:  {Presented}, OrderRefused: {Declined, Judged, AwaitingApproval, AwaitingLiveness}, CancelRequested: {Ordering}, Concluded: {Declined, Cancelled}, Received: {Paid},
		Waiting: pass, Missing: pass, Unclear: pass, NotSent: pass,
	},
	Presented: {
		Restored: {Closing},
		Received: {Paid}, CancelRequested: {Presented}, CloseIntended: {Closing}, Closed: {Expired, Cancelled}, TakenBack: {Expired, Cancelled},
		Waiting: pass, Missing: pass, Unclear: pass, PayFailed: pass,
	},
	PresentedOffline: {
		Restored: {PresentedOffline},
		Attested: {PresentedOffline, Unconfirmed}, CancelRequested: {Cancelled}, ReceiptFound: {Settled}, DisputeRaised: {Disputed},
	},
	Closing: {
		Restored: {Closing},
		Received: {Paid, Refunding}, TakenOver: {Closing}, CancelRequested: {Closing}, CloseIntended: {Closing}, Closed: {Expired, Cancelled}, TakenBack: {Expired, Cancelled},
		Concluded: {Expired, Cancelled}, Waiting: pass, Missing: pass, Unclear: pass, PayFailed: pass,
	},
	Charging: {
		Restored: {Charging},
		Received: {Paid}, ChargeRefused: {InDoubt}, NotSent: {Declined}, Waiting: {InDoubt}, Missing: {InDoubt}, Unclear: {InDoubt},
		PayFailed: {InDoubt}, TakenBack: {Reversed, Declined, Cancelled}, Closed: {Reversed, Declined, Cancelled}, CancelRequested: {Charging},
	},
	InDoubt: {
		Restored: {InDoubt},
		Received: {Paid, Refunding}, TakenOver: {InDoubt}, PayFailed: {InDoubt}, CancelRequested: {InDoubt}, ReverseIntended: {Reversing},
		TakenBack: {Reversed, Declined, Cancelled}, Closed: {Reversed, Declined, Cancelled}, Concluded: {Declined, Cancelled, AwaitingApproval, AwaitingLiveness},
		ChargeRefused: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Unconfirmed: {
		Restored:     {Unconfirmed},
		ReceiptFound: {Settled}, DisputeRaised: {Disputed},
	},
	Disputed: {
		Restored:     {Disputed},
		ReceiptFound: {Settled}, DisputeRaised: pass,
	},
	Settled: {
		Restored: {Settled},
	},
	Reversing: {
		Restored: {Reversing},
		Received: {Reversing, Refunding}, TakenOver: {Reversing}, CancelRequested: {Reversing}, ReverseIntended: {Reversing}, TakenBack: {Reversed, Declined, Cancelled},
		Closed: {Reversed, Declined, Cancelled}, Irreversible: {Refunding}, Concluded: {Declined, Cancelled},
		PayFailed: {Reversing}, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Paid: {
		Restored: {Paid}, OrderFound: {Closing, InDoubt}, RefundFound: {Refunding}, Traced: {Paid},
		RefundRequested: {Refunding}, RefundDone: {PartRefunded, Refunded}, RefundFailed: {Paid}, Reconciled: {Paid}, Received: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Refunding: {
		Restored: {Refunding}, OrderFound: {Closing, InDoubt}, RefundFound: {Refunding}, Traced: {Refunding},
		RefundIntended: {Refunding}, RefundPending: {Refunding}, RefundDone: {PartRefunded, Refunded, Refunding}, RefundFailed: {Paid, PartRefunded, Refunding}, Reconciled: {Refunding},
		Received: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	PartRefunded: {
		Restored: {PartRefunded}, OrderFound: {Closing, InDoubt}, RefundFound: {Refunding}, Traced: {PartRefunded},
		RefundRequested: {Refunding}, RefundDone: {PartRefunded, Refunded}, RefundFailed: {PartRefunded}, Reconciled: {PartRefunded}, Received: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Refunded: {
		Restored: {Refunded}, OrderFound: {Closing, InDoubt}, Traced: {Refunded},
		Reconciled: {Refunded}, Received: pass, RefundDone: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Declined: {
		Restored: {Declined}, OrderFound: {Closing, InDoubt}, Traced: {Declined},
		ChargeIntended: {Charging}, CancelRequested: {Cancelled}, Received: {Refunding}, Closed: {Declined}, TakenBack: {Declined}, Concluded: {Declined},
		PayFailed: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Cancelled: {
		Restored: {Cancelled}, OrderFound: {Closing, InDoubt}, Traced: {Cancelled},
		ReceiptFound: {Settled}, Received: {Refunding}, Closed: {Cancelled}, TakenBack: {Cancelled}, Concluded: {Cancelled}, CancelRequested: pass,
		PayFailed: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Expired: {
		Restored: {Expired}, OrderFound: {Closing, InDoubt}, Traced: {Expired},
		ReceiptFound: {Settled}, Received: {Refunding}, Closed: {Expired}, TakenBack: {Expired}, Concluded: {Expired}, CancelRequested: pass,
		PayFailed: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
	Reversed: {
		Restored: {Reversed}, OrderFound: {Closing, InDoubt}, Traced: {Reversed},
		ChargeIntended: {Charging}, CancelRequested: {Cancelled}, Received: {Refunding}, Closed: {Reversed}, TakenBack: {Reversed}, Concluded: {Reversed},
		PayFailed: pass, Waiting: pass, Missing: pass, Unclear: pass,
	},
})

// Transition is one row of the table, for the diagram and for the tests.
type Transition struct {
	From State
	On   Kind
	To   []State // none: nothing is recorded
}

// Transitions lists the table in the order of States and Kinds.
func Transitions() []Transition {
	var all []Transition
	for _, from := range States() {
		for _, on := range Kinds() {
			if to, ok := table[from][on]; ok {
				all = append(all, Transition{from, on, to})
			}
		}
	}
	return all
}

package sale

import (
	"encoding/json"
	"fmt"
	"time"

	"qrposd/rules/money"
)

// Kind says what an Event states. The names are on disk in every journal.
type Kind string

const (
	// Begun: a cashier or a POS asked for a sale. It creates the Sale and is the
	// first entry of every sale's journal.
	Begun Kind = "begun"

	// Priced: the sale has a price in the currency that the payer pays in.
	Priced Kind = "priced"
	// NotPriced: nobody projected one that could be charged.
	NotPriced Kind = "not_priced"

	// Assessed: what the rules say of the sale, and a model if one was quick. It may
	// end the sale, or name what has to happen first.
	Assessed Kind = "judged"
	// Agreed: the payer agreed to the price.
	Agreed Kind = "agreed"
	// Approved: a manager agreed.
	Approved Kind = "approved"

	// LivenessOpened: the payer can begin the check, at the address that is shown.
	LivenessOpened Kind = "liveness_opened"
	// LivenessPassed: it was checked here, and somebody alive holds the telephone.
	LivenessPassed Kind = "liveness_passed"
	// LivenessFailed: it did not pass, or not in time.
	LivenessFailed Kind = "liveness_failed"

	// OrderIntended: the request for a QR code is about to leave, and here it is.
	OrderIntended Kind = "order_intended"
	// Ordered: the provider gave a code to show.
	Ordered Kind = "ordered"
	// OrderRefused: the provider will not make this order. Nobody has seen a code.
	OrderRefused Kind = "order_refused"

	// ChargeIntended: the charge of a payer's code is about to leave, and here it
	// is, the code itself blanked. From here on the money may be anywhere.
	ChargeIntended Kind = "charge_intended"
	// ChargeRefused: the provider's signed word that the payer's code or account
	// will not do. Still confirmed by a query before anybody is told.
	ChargeRefused Kind = "charge_refused"
	// NotSent: not one byte of the charge reached the network. The only failure
	// that is certain without the provider.
	NotSent Kind = "not_sent"

	// Waiting: the provider knows the order and it is not paid: the payer is still
	// looking, or typing. A fact that changes nothing but when to ask next.
	Waiting Kind = "waiting"
	// Missing: the provider says that it does not know the order. It may learn of
	// it yet. A fact that changes nothing until it is heard again and late enough.
	Missing Kind = "missing"
	// Unclear: no answer, or one that cannot be trusted. It says nothing about the
	// money.
	Unclear Kind = "unclear"

	// Received: the provider's signed word that the payer paid. Valid in every
	// state that has an attempt, however late: money is never overlooked.
	Received Kind = "received"
	// PayFailed: the provider's signed word that the payment failed; it asks for a
	// reversal to close the order.
	PayFailed Kind = "pay_failed"

	// CancelRequested: the cashier wants out. What follows depends on where the
	// money may be.
	CancelRequested Kind = "cancel_requested"
	// CloseIntended: the withdrawal of a QR code is about to be sent.
	CloseIntended Kind = "close_intended"
	// Closed: the provider's signed word that the code can no longer be paid.
	Closed Kind = "closed"
	// ReverseIntended: the taking back of a charge is about to be sent.
	ReverseIntended Kind = "reverse_intended"
	// TakenBack: the provider's signed word that the charge is undone.
	TakenBack Kind = "taken_back"
	// Irreversible: the charge went through and can only be refunded now.
	Irreversible Kind = "irreversible"
	// Concluded: the till's own conclusion that nothing was taken, by time and by
	// the provider's not knowing the order. The weakest end; it stays watched. Said
	// of a watched order it ends the watch: the provider still knew of no payment.
	Concluded Kind = "concluded"

	// Restored: the record of this sale came out of a backup, and what happened to it
	// since then is lost. No attempt follows, and the provider is asked for the rest.
	Restored Kind = "restored"
	// OrderFound: the provider knows an order of this sale that the record does not.
	OrderFound Kind = "order_found"
	// RefundFound: the same of a refund.
	RefundFound Kind = "refund_found"
	// Traced: the provider knows of no further order or, of the order named, of no
	// further refund.
	Traced Kind = "traced"
	// OfflineShown: a code that the till made by itself is about to be shown, and here
	// is its text. From here on a payer may pay it.
	OfflineShown Kind = "offline_shown"
	// OfflineRefused: no code can be made for the sale. Nobody has seen one.
	OfflineRefused Kind = "offline_refused"
	// Attested: an operator says what the payer's telephone showed.
	Attested Kind = "attested"
	// ReceiptFound: a statement of the shop's bank says that the money came. Valid in
	// every state in which somebody may have seen the code.
	ReceiptFound Kind = "receipt_found"
	// DisputeRaised: no receipt was found until the window was over, or a person says
	// that there will be none.
	DisputeRaised Kind = "dispute_raised"

	// Reconciled: the provider's model has looked at a payment. It moves no money.
	Reconciled Kind = "reconciled"

	// RefundRequested: the shop promises money back to the payer.
	RefundRequested Kind = "refund_requested"
	// RefundIntended: the refund is about to be sent, under a number fixed here.
	RefundIntended Kind = "refund_intended"
	// RefundPending: the provider accepted the refund and is working on it.
	RefundPending Kind = "refund_pending"
	// RefundDone: the provider's signed word that the payer has the money.
	RefundDone Kind = "refund_done"
	// RefundFailed: the provider's signed word that the refund will not arrive by
	// itself. Either it will never happen and the money is still the shop's, or it
	// is held and a person has to finish it at the provider.
	RefundFailed Kind = "refund_failed"

	// TakenOver: somebody has seen for themselves whether the payer paid. It frees
	// the counter and neither settles the sale nor lets it be charged again.
	TakenOver Kind = "taken_over"
	// SetAside: somebody takes the refunds that wait out of the till's hands.
	SetAside Kind = "set_aside"
	// Resumed: somebody has the till go on with what it owes, at once: it asks first.
	Resumed Kind = "resumed"
	// Repaid: somebody has given the money of refunds that the provider closed back in
	// another way. It is not promised again.
	Repaid Kind = "repaid"
	// Left: somebody took the till away, to update or to remove it, in spite of what
	// the sale owes.
	Left Kind = "left"
)

// Kinds lists every kind of event in the order of a sale's life.
func Kinds() []Kind {
	return []Kind{
		Begun, Priced, NotPriced, Assessed, Agreed, Approved, LivenessOpened, LivenessPassed, LivenessFailed, OrderIntended, Ordered, OrderRefused, ChargeIntended, ChargeRefused, NotSent, Waiting, Missing, Unclear, Received, PayFailed,
		CancelRequested, CloseIntended, Closed, ReverseIntended, TakenBack, Irreversible, Concluded, Restored, OrderFound, RefundFound, Traced,
		OfflineShown, OfflineRefused, Attested, ReceiptFound, DisputeRaised, Reconciled, RefundRequested, RefundIntended,
		RefundPending, RefundDone, RefundFailed, TakenOver, SetAside, Resumed, Repaid, Left,
	}
}

// Event is a fact about a sale. Facts are never wrong: what was not heard is
// the fact Unclear. At and Wall are stamped by the store in the transaction
// that records the fact.
//
// budget: a fact is one line of the journal, whatever it is about
type Event struct {
	Kind    Kind      `json:"kind"`
	At      Instant   `json:"at"`
	Wall    time.Time `json:"wall"`
	OrderNo string    `json:"order_no,omitempty"` // the attempt it is about; empty is the current one
	By      string    `json:"by,omitempty"`       // who asked: a cashier, a POS, or empty for the till itself

	Request *Request `json:"request,omitempty"` // intents: what is about to leave
	CodeID  string   `json:"code_id,omitempty"` // ChargeIntended: which payer code, as its digest
	Key     string   `json:"key,omitempty"`     // intents of an attempt: its idempotency key, minted by the store

	CodeURL string        `json:"code_url,omitempty"` // Ordered: what the QR code says
	Lasts   time.Duration `json:"lasts,omitempty"`    // Ordered: how long it can be paid

	TransactionID string      `json:"transaction_id,omitempty"` // Received: the provider's number
	Amount        money.Money `json:"amount,omitzero"`          // Received, RefundRequested, RefundFound
	RefundNo      string      `json:"refund_no,omitempty"`      // refunds: which one
	Returned      bool        `json:"returned,omitempty"`       // Received, Reconciled: some of it was asked back, whatever became of that
	Held          bool        `json:"held,omitempty"`           // RefundFailed: it can still be finished by hand
	Reroute       bool        `json:"reroute,omitempty"`        // OrderRefused, ChargeRefused: another way may be tried, once
	Appeal        bool        `json:"appeal,omitempty"`         // the same, if a manager says so

	Price    *Price    `json:"price,omitempty"`    // Priced
	Liveness *Liveness `json:"liveness,omitempty"` // LivenessOpened; OrderRefused, ChargeRefused: the check that the provider wants first
	Audit    *Audit    `json:"-"`                  // LivenessPassed, LivenessFailed: what is kept of it apart from every journal
	Verdict  Verdict   `json:"verdict,omitempty"`  // Received, Reconciled
	Finding  *Finding  `json:"finding,omitempty"`  // Received, Reconciled: what the verdict rests on

	Own     *OwnCode `json:"own,omitempty"`     // Begun of flow offline: its scheme; OfflineShown: the code
	Shown   bool     `json:"shown,omitempty"`   // Attested: the telephone showed a payment
	Receipt *Receipt `json:"receipt,omitempty"` // ReceiptFound

	Judgement *Judgement `json:"judgement,omitempty"` // Assessed; OrderIntended and OfflineShown where it goes with them

	Why *Reason `json:"why,omitempty"` // in the provider's, a rule's or the cashier's words
}

// Need is something that has to happen before a sale may be charged.
type Need string

// The needs, in the order in which they are met.
const (
	NeedConfirm Need = "confirm" // the payer agrees to the price
	NeedApprove Need = "approve" // a manager agrees
	NeedVerify  Need = "verify"  // somebody alive holds the telephone
)

// Judgement is the word of the rules, and perhaps of a model, on a sale. There is
// none that settles a sale.
type Judgement struct {
	Refused bool            `json:"refused,omitempty"`
	Needs   []Need          `json:"needs,omitempty"`
	Review  bool            `json:"review,omitempty"` // somebody looks at it later
	By      string          `json:"by"`               // by what path it came about
	Record  json.RawMessage `json:"record,omitempty"` // how, for replay and for whoever asks; not kept in the sale
}

// met is j without the need that was met.
func (j *Judgement) met() *Judgement {
	return &Judgement{Needs: j.Needs[1:], Review: j.Review, By: j.By}
}

// clear says that nothing stands in the way.
func (j *Judgement) clear() bool { return j != nil && !j.Refused && len(j.Needs) == 0 }

// Attempts says that k is the intent that begins an attempt.
func (k Kind) Attempts() bool { return k == OrderIntended || k == ChargeIntended }

// ends says that ev is the end of an attempt without money.
func (ev Event) ends() bool {
	return ev.Kind == Closed || ev.Kind == TakenBack || ev.Kind == Concluded
}

// Reason explains a state to a person and to a program.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Chinese string `json:"zh,omitempty"` // the same, where a rule says it
}

func (r Reason) String() string { return fmt.Sprintf("%s: %s", r.Code, r.Message) }

// Once makes a request of the local API happen once: the caller's key and a
// digest of what was asked under it. The zero Once is an event of the till
// itself, which needs none.
type Once struct {
	Key   string
	Print string
}

// Entry is one line of the journal as its readers see it: the fact and where it
// left the sale. Seq is dense, starts at one and survives restarts.
type Entry struct {
	Seq   uint64 `json:"seq"`
	Sale  ID     `json:"sale"`
	State State  `json:"state"`
	Event Event  `json:"event"`
}

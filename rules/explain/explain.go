package explain

import (
	"fmt"

	"qrposd/rules/money"
)

// Cause is whose refusal it is. There is none that means paid.
type Cause uint8

// The causes. Unknown is what is left when nothing is plain.
const (
	Unknown       Cause = iota
	User                // the payer's money, card, code, password or wish
	Policy              // a rule, score or limit of the API, the platform or the shop
	Hallucination       // the text speaks of something else than the request, or contradicts itself
)

var causes = [...]string{"unknown", "user", "policy", "hallucination"}

func (c Cause) String() string {
	if int(c) < len(causes) {
		return causes[c]
	}
	return fmt.Sprintf("cause(%d)", uint8(c))
}

// MarshalText is the cause's name; a number that is no cause has none.
func (c Cause) MarshalText() ([]byte, error) {
	if int(c) >= len(causes) {
		return nil, fmt.Errorf("explain: no cause %d", uint8(c))
	}
	return []byte(causes[c]), nil
}

// Advice is what payer or cashier can do about it now.
type Advice uint8

// The advice. None goes with every Unknown and Hallucination: "try again" said on
// a guess is how a payer is charged twice.
const (
	None        Advice = iota
	RefreshCode        // show a new payment code
	TopUp              // put money into the wallet, or pay from elsewhere
	OtherCard          // choose another card
	OtherWay           // pay in another way
	TryAgain           // the payer stopped it, and may start it again
	Password           // enter the payment password
	AskManager         // have the shop's manager look
	VerifyFace         // pass the liveness check
)

var advices = [...]string{"none", "refresh_code", "top_up", "other_card", "other_way", "try_again", "password", "ask_manager", "verify_face"}

func (a Advice) String() string {
	if int(a) < len(advices) {
		return advices[a]
	}
	return fmt.Sprintf("advice(%d)", uint8(a))
}

// MarshalText is the advice's name; a number that is no advice has none.
func (a Advice) MarshalText() ([]byte, error) {
	if int(a) >= len(advices) {
		return nil, fmt.Errorf("explain: no advice %d", uint8(a))
	}
	return []byte(advices[a]), nil
}

// Sent is what the refused request held: all that an explanation of it may cite.
type Sent struct {
	Amounts    []money.Money
	Rates      []string // decimals: every rate of the projection and the agreed one
	Percents   []string // with or without the sign
	Names      []string // rule ids, items, models, labels
	Thresholds []string // decimals that the merchant configured
}

// Finding is what a text comes down to.
type Finding struct {
	Cause      Cause
	Confidence float64  // 0..1; an order among findings, not a probability
	Sure       bool     // plain enough to be told to the payer or the manager as it is
	Foreign    []string // what it cites that was not sent; as data, for people and never for a model
	Advice     Advice
}

// What the vote asks for.
const (
	enough  = 2 // points that make a cause
	margin  = 2 // points ahead of the other cause
	plain   = 3 // points that make a cause sure, in words that are all known
	certain = 6 // points that make a policy sure beside words that are not: a manager looks at it
	heavy   = 4 // points of an invention, whatever else is said
)

// Read finds the cause of a refusal in its explanation. It reads at most 4 KiB,
// in linear time, and takes any bytes.
func Read(text string, sent Sent) Finding {
	s := normalize(text)
	cited := cites(s, &sent)
	v := vote(s)
	made := v.points[Hallucination]
	if made < heavy && (cited.absurd || len(cited.foreign) > 0) {
		made = heavy
	}
	if made >= heavy {
		return Finding{
			Cause: Hallucination, Confidence: share(made+len(cited.foreign), 0),
			Sure: true, Foreign: cited.foreign,
		}
	}
	top, other := User, Policy
	if v.points[Policy] > v.points[User] {
		top, other = Policy, User
	}
	p, q := v.points[top], v.points[other]
	idled := top == Policy && (has(s, idle) || !has(s, acts))
	if p < enough || p-q < margin || q >= plain || v.doubt || idled { // two plain causes are one too many
		return Finding{Confidence: share(q, p)}
	}
	return Finding{
		Cause: top, Confidence: share(p, q),
		Sure: p >= plain && q == 0 && (top == Policy && p >= certain || understood(s, &sent)), Advice: v.advice[top],
	}
}

// share is how much of the vote p has against q; the constant keeps one weak
// phrase alone from looking like certainty.
func share(p, q int) float64 { return float64(p) / float64(p+q+1) }

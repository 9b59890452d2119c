package rules

import (
	"time"

	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Case is the facts about one sale to be judged. What is not filled in is not
// known, and a condition that needs it is broken: forgetting a fact makes a till
// stricter, never laxer.
//
// Nobody can be recognised in it. What the till knows about a payer is kept under
// a keyed hash that stays in the store; here are only the counts. All amounts are
// of the sale's currency, and counts do not include the sale itself.
type Case struct {
	Amount   money.Money // of this sale
	Flow     sale.Flow   // who shows the code
	Draw     Int         // 0 to 9999 from a keyed and recorded source, so that nobody can predict which sale is picked
	Local    Local
	Link     Link
	Offline  Offline
	Payer    Payer
	Till     Till
	Operator Operator
	Price    Price
	Intent   Intent
}

// Local is the shop's own time.
type Local struct {
	Time    Int // seconds since midnight
	Weekday Weekday
}

// LocalTime is the time of day and the weekday where t is. The seconds follow
// the hands of the clock, also on a day when it is put forward or back.
func LocalTime(t time.Time) Local {
	h, m, s := t.Clock()
	return Local{Known(int64(h*3600 + m*60 + s)), Weekday((t.Weekday()+6)%7) + Monday}
}

// Link is how the till reaches the provider.
type Link struct {
	State Connection
	// Silence is the time since the provider last answered, by a clock that nobody
	// can set. Unknown if it never has.
	Silence Int
}

// Offline is what was sold without the provider's word and is still open.
type Offline struct {
	Sum    Int // minor units, in the currency of this sale
	Count  Int // in all currencies
	Oldest Int // age of the oldest in seconds
	Streak Int // sales in a row without an online one between them
}

// Payer is what is known about whoever pays. Where the payer scans the till's
// code nobody knows who that will be, and all of it is unknown.
type Payer struct {
	Wallet    Wallet
	FirstSeen Flag // this till has never taken money from this payer
	Denied    Flag // on the deny list
	Verified  Flag // the liveness check of this sale was passed
	Count1m   Int
	Count10m  Int
	Count1h   Int
	Count1d   Int
	Sum10m    Int // minor units
	Sum1h     Int
	Sum1d     Int
	SumSplit  Int // within the file's split_window
	Declines  Int // attempts refused within an hour
}

// Till is the traffic of this till.
type Till struct {
	Count1m  Int
	Count1h  Int
	Sum1h    Int // minor units
	Sum1d    Int
	Declines Int // attempts refused within ten minutes
}

// Operator is what the cashier did in this shift.
type Operator struct {
	Sales      Int
	Voids      Int // sales withdrawn after a code was shown
	Refunds    Int
	OwnRefunds Int // refunds of sales that the same cashier had made
	TinySales  Int // sales of less than a tenth of the currency's main unit
	Count10m   Int // sales within ten minutes
}

// Price is how a sale in another currency was priced.
type Price struct {
	Cross      Flag // the payer pays in another currency
	Width      Int  // of the projected range, in basis points of its middle
	Left       Int  // seconds until the projection expires, negative when it has
	Confidence Int  // percent, as the projection says
}

// Intent is what the merchant's classifier takes the sale for.
type Intent struct {
	Label      string // 1 to 32 of a-z, 0-9, - and _; anything else is not known
	Confidence Int    // percent
}

// Int is a count or a size. The zero Int is not known.
type Int struct {
	n     int64
	known bool
}

// Known is the fact n.
func Known(n int64) Int { return Int{n, true} }

// Seconds is the fact that something lasts d, rounded towards zero.
func Seconds(d time.Duration) Int { return Int{int64(d / time.Second), true} }

// Value is the number and whether it is known.
func (i Int) Value() (n int64, known bool) { return i.n, i.known }

// Flag is a yes or a no. The zero Flag is not known.
type Flag uint8

// The flags that are known.
const (
	No Flag = iota + 1
	Yes
)

// FlagOf is the fact b.
func FlagOf(b bool) Flag {
	if b {
		return Yes
	}
	return No
}

// Connection says what stands between the till and the provider. The numbers
// are part of the hash of a case: they are never reused.
type Connection uint8

// The connections. Zero is not known.
const (
	Online         Connection = iota + 1
	NoLink                    // no cable, no radio, no address
	NoDNS                     // a link without a route or names
	ProviderDown              // it answers with errors, or not at all
	ProviderSlow              // its breaker is open because it was slow
	ClockUntrusted            // the till does not know what time it is and cannot sign
)

// Wallet is the scheme of the payer's code, by its first digits. The numbers are
// part of the hash of a case: they are never reused.
type Wallet uint8

// The wallets. Zero is not known.
const (
	WeChat Wallet = iota + 1
	WeChatHK
	Alipay
	UnionPay
	OtherWallet
)

// Weekday is a day of the week in ISO 8601 order. Zero is not known, which is
// why it is not the standard library's: there zero is Sunday.
type Weekday uint8

// The days.
const (
	Monday Weekday = iota + 1
	Tuesday
	Wednesday
	Thursday
	Friday
	Saturday
	Sunday
)

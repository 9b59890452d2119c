package sim

import (
	"net/http"
	"strings"
	"sync"
	"time"
)

// Time limits of the provider, before TimeScale. The first group is WeChat Pay's own, the second is how long the
// simulated people and banks take.
const (
	codepayVoid   = 45 * time.Second     // an unpaid code payment voids itself
	reverseNotFor = 15 * time.Second     // no reverse before this
	reverseWindow = 7 * 24 * time.Hour   // no reverse after this
	payerCodeLife = 60 * time.Second     // a payer code on the phone
	codeURLLife   = 2 * time.Hour        // a code_url, whatever time_expire says
	nativeLife    = 7 * 24 * time.Hour   // an order without time_expire
	nativeLongest = 90 * 24 * time.Hour  // the farthest time_expire
	nativeSoonest = time.Minute          // the nearest time_expire; nearer ones are moved there
	refundPace    = 60 * time.Second     // between two refunds of one order
	refundWindow  = 365 * 24 * time.Hour // no refund after this
	clockWindow   = 5 * time.Minute      // never scaled: it compares two wall clocks

	passwordTakes  = 8 * time.Second   // the payer types a password
	passwordLate   = 35 * time.Second  // the payer looked for the glasses first
	stubbornPays   = 120 * time.Second // a payer nobody reverses pays in the end
	lateAfterClose = 5 * time.Second   // money that arrives after a close
	lateCodepay    = 55 * time.Second  // money that arrives after the 45 s
	refundTakes    = 2 * time.Second   // PROCESSING of an ordinary refund
	refundSlow     = 120 * time.Second // PROCESSING of a slow one
	lagMissing     = 10 * time.Second  // a lagging query knows no order
	lagUnpaid      = 20 * time.Second  // a lagging query knows no payment
)

// WeChat is WeChat Pay: API v3 and the v2 calls a shop counter needs, the payers' phones, and the control
// endpoints under /sim/. The zero value is ready. Set the exported fields before the first request.
type WeChat struct {
	// Credentials are the keys of both sides; nil means they are minted on first use (see Keys).
	Credentials *Credentials
	// Now is the provider's clock; nil is time.Now.
	Now func() time.Time
	// TimeScale divides every time limit of the provider and every delay of a payer; 0 is 1.
	TimeScale float64
	// PasswordLimit is the amount in fen above which a payer is asked for the password; 0 is 100000.
	PasswordLimit int64
	// Site is where a browser finds this handler, for the liveness checks: https and a host; "" is a host that does not exist.
	Site string
	// AISecret is the merchant secret of the payment AI API's idempotency keys; without it no key verifies.
	AISecret []byte

	minted minted

	mu    sync.Mutex
	book  book
	tally tallies
	rules rules
	seen  map[string]time.Time // nonces of the last ten minutes
	link  link
	ai    aiBook
	post  noticeBook
}

// minted is whether keys were made, once.
type minted struct {
	once sync.Once
	err  error
}

// book is what the provider remembers.
type book struct {
	orders  map[string]*order // by merchant order number
	refunds map[string]*refund
	codes   map[string]*payerCode
	urls    map[string]*order // by code_url, dead ones included
	seq     int

	accounts map[string]Account // by payer, those that were set
	bills    billBook
}

// ServeHTTP answers as the provider, and as the world around it under /sim/.
func (w *WeChat) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/sim/") {
		w.serveControl(rw, r)
		return
	}
	w.serveProvider(rw, r)
}

// Keys returns the credentials in use and mints them when there are none yet.
func (w *WeChat) Keys() (*Credentials, error) {
	w.minted.once.Do(func() {
		if w.Credentials == nil {
			w.Credentials, w.minted.err = NewCredentials()
		}
	})
	return w.Credentials, w.minted.err
}

func (w *WeChat) now() time.Time {
	now := w.Now
	if now == nil {
		now = time.Now
	}
	return now().Add(time.Duration(w.book.bills.ahead.Load()))
}

// scaled turns a limit of the real provider into one of this simulation.
func (w *WeChat) scaled(d time.Duration) time.Duration {
	if w.TimeScale <= 0 {
		return d
	}
	return time.Duration(float64(d) / w.TimeScale)
}

func (w *WeChat) passwordLimit() int64 {
	if w.PasswordLimit == 0 {
		return 100_000
	}
	return w.PasswordLimit
}

// lock takes the mutex and makes the maps of a zero value.
func (w *WeChat) lock() {
	w.mu.Lock()
	if w.book.orders == nil {
		w.book = book{
			orders: map[string]*order{}, refunds: map[string]*refund{},
			codes: map[string]*payerCode{}, urls: map[string]*order{}, accounts: map[string]Account{},
		}
		w.tally = newTallies()
		w.ai = newAIBook()
		w.seen = map[string]time.Time{}
		w.link.cut = make(chan struct{})
		w.post = newNoticeBook()
	}
}

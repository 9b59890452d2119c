package aipay

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"qrposd/rules/explain"
	"qrposd/rules/money"
	"qrposd/rules/sale"
)

// Rung is what was seen of how a sale was rung up and is not in its record. It is
// in memory only: a till that was restarted knows less, and what it knew is in the
// bytes that are on disk.
type Rung struct {
	Articles  []Article
	Confirmed []time.Time // when somebody agreed
}

// How much of a session is told. The API takes 32 interactions; the last attempts
// say more than the first, and the first articles as much as the last.
const (
	maxArticles  = 20
	maxConfirmed = 2
	maxAttempts  = maxInteractions - maxArticles - maxConfirmed - 2 // a scan, and the payment
)

func (c *Client) rung(id sale.ID) Rung {
	if c.opts.Rung == nil {
		return Rung{}
	}
	return c.opts.Rung(id)
}

// session is how the sale was rung up, as far as its record and the till's memory
// tell. It is named by a digest of the sale's own key, which is random and names
// nobody. An amount with articles was not typed.
func session(s sale.Sale, r Rung, now time.Time) Session {
	sum := sha256.Sum256([]byte("session\x00" + s.Key))
	var list []Interaction
	for _, a := range r.Articles[:min(len(r.Articles), maxArticles)] {
		list = append(list, Interaction{Product, s.BegunWall, a})
	}
	if len(list) == 0 {
		list = append(list, Interaction{Kind: Keypad, At: s.BegunWall})
	}
	for _, at := range r.Confirmed[:min(len(r.Confirmed), maxConfirmed)] {
		list = append(list, Interaction{Kind: Confirm, At: at})
	}
	for _, a := range s.Attempts[max(0, len(s.Attempts)-maxAttempts):] {
		list = append(list, Interaction{Kind: Attempt, At: s.BegunWall.Add(a.Sent.Sub(s.Begun))})
	}
	if s.Flow == sale.Payer {
		list = append(list, Interaction{Kind: Scan, At: now})
	}
	return Session{
		ID: hex.EncodeToString(sum[:16]), Flow: s.Flow, Amount: s.Amount, Started: s.BegunWall, Interactions: append(list, Interaction{Kind: Pay, At: now}),
	}
}

// sent is what an explanation can rightly speak of. What the classifier said is
// taken from the bytes that were sent: after a restart it may say something else.
func (c *Client) sent(step sale.Step, s sale.Sale) explain.Sent {
	in := c.intent(s)
	names := []string{step.OrderNo, s.Description, c.conf.PreAuthorization, c.conf.Fallback, c.conf.Reconciliation, in.Label, in.Classifier}
	if a := s.Attempt(step.OrderNo); a != nil {
		var body struct {
			Context struct {
				Intent struct{ Label, Classifier string }
			}
		}
		if json.Unmarshal([]byte(a.Request.Body), &body) == nil {
			names = append(names, body.Context.Intent.Label, body.Context.Intent.Classifier)
		}
	}
	told := explain.Sent{Amounts: []money.Money{s.Amount}, Names: slices.DeleteFunc(names, func(n string) bool { return n == "" })}
	if p := s.Price; p != nil { // both amounts, and with them both currencies
		told.Amounts = append(told.Amounts, p.Asked)
		for _, r := range []money.Rate{p.Low, p.Mid, p.High, p.Agreed} {
			told.Rates = append(told.Rates, r.String())
		}
		told.Names = append(told.Names, p.Projection)
	}
	return told
}

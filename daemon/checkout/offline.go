package checkout

import (
	"context"

	"qrposd/rules/sale"
)

// OwnCodes make codes without the provider.
type OwnCodes interface {
	// Terms says how a sale is to be made in a scheme now, or refuses it in words:
	// because the provider can be reached, or because there is no such account.
	Terms(ctx context.Context, n sale.New) (*sale.Terms, error)
	// Code makes the code of a sale, as a sale.OfflineShown fact, or says why there is
	// none, as sale.OfflineRefused. It has no error and nothing leaves by it; the code is
	// shown when the fact is on disk, and after a power cut it is made again.
	Code(s sale.Sale) sale.Event
}

// openOwn begins a sale without the provider. A key that was used before is answered
// with its sale, whatever became of the link since: without terms a journal begins
// nothing new.
func (d *Desk) openOwn(ctx context.Context, n sale.New, session string, once sale.Once) (sale.Sale, bool, error) {
	var refusal error = errNoOffline
	if d.Offline != nil && n.Offline != nil {
		n.Offline, refusal = d.Offline.Terms(ctx, n)
	} else {
		n.Offline = nil
	}
	s, replayed, err := d.Journal.Begin(ctx, n, session, once)
	if refusal != nil && !replayed {
		return sale.Sale{}, false, refusal
	}
	return s, replayed, err
}

// Attest records what an operator saw on the payer's telephone.
//
// If the power goes before it is on disk, the sale still waits for that word; after
// it, it is unconfirmed. No money is moved or counted by it.
func (d *Desk) Attest(ctx context.Context, id sale.ID, by string, shown bool) (sale.Sale, error) {
	return d.say(ctx, id, sale.Event{Kind: sale.Attested, By: by, Shown: shown})
}

// Dispute records that no receipt will be found for a sale, on somebody's word.
func (d *Desk) Dispute(ctx context.Context, id sale.ID, by, note string) (sale.Sale, error) {
	return d.say(ctx, id, sale.Event{Kind: sale.DisputeRaised, By: by, Why: &sale.Reason{Code: "offline_disputed", Message: note}})
}

func (d *Desk) say(ctx context.Context, id sale.ID, ev sale.Event) (sale.Sale, error) {
	s, err := d.Journal.Commit(ctx, id, ev, sale.Once{})
	if err == nil {
		d.kick(id)
	}
	return s, err
}

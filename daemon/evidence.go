package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"qrposd/daemon/aipay"
	"qrposd/rules/sale"
	"qrposd/store"
)

// purgeEvery is how often it is looked whether something is old enough to go.
const purgeEvery = time.Hour

// evidence is what the store keeps of liveness checks, as the gateway asks for it.
type evidence struct {
	db   *store.DB
	conf aipay.LivenessConfig
}

// Epoch is the key to make a digest under now.
func (e evidence) Epoch() (uint32, []byte, error) {
	epoch, err := e.db.Epoch(context.Background(), e.conf.Rotate())
	return epoch.ID, epoch.Key, err
}

// Told looks for a print under every key that is kept, and wipes the keys.
func (e evidence) Told(print func(key []byte) (string, error)) (told bool, err error) {
	list, err := e.db.Epochs()
	if err != nil {
		return false, err
	}
	for _, epoch := range list {
		defer clear(epoch.Key)
		p, err := print(epoch.Key)
		if err != nil || p == "" {
			return false, err
		}
		if there, err := e.db.Told(epoch.ID, p); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// Audit is the digest of the check that a sale has passed.
func (e evidence) Audit(id sale.ID, session string) (string, error) { return e.db.Audit(id, session) }

// checks are what the gateway needs to check payers.
func checks(c aipay.LivenessConfig, db *store.DB, secret []byte) *aipay.Checks {
	return &aipay.Checks{Conf: c, Evidence: evidence{db, c}, Secret: secret, Clock: db.Now}
}

// purge throws away what is kept of liveness checks when its time is over, also
// where checks have been switched off since.
func (e evidence) purge(ctx context.Context, log *slog.Logger) {
	tick := time.NewTicker(purgeEvery)
	defer tick.Stop()
	for {
		e.purgeOnce(ctx, log)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (e evidence) purgeOnce(ctx context.Context, log *slog.Logger) {
	c := e.conf
	if c.KeepDays < 1 || c.RotateHours < 1 {
		c = aipay.DefaultLiveness()
	}
	policy := fmt.Sprintf("aipay.liveness keep_days %d, rotate_hours %d", c.KeepDays, c.RotateHours)
	p, err := e.db.PurgeAudits(ctx, c.Keep(), c.Rotate(), policy)
	switch {
	case err != nil && ctx.Err() == nil:
		log.Error("what is kept of liveness checks was not purged; it is tried again", "err", err)
	case len(p.Epochs) > 0:
		log.Info("what was kept of liveness checks was deleted", "digests", p.Digests, "prints", p.Prints, "keys", p.Epochs, "policy", p.Policy)
	}
}

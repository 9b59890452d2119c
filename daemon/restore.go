package daemon

import (
	"context"
	"errors"

	"qrposd/store"
)

// Restore puts a backup in the place of this till's store. The till must not run; its
// next start asks the provider about everything that the backup has open.
func Restore(ctx context.Context, cfg Config, o Options, q store.Restoring) (store.RestoreRecord, error) {
	secret, err := readSecret(cfg.Till.SecretFile)
	if err != nil {
		return store.RestoreRecord{}, err
	}
	id := identify(cfg.Till, secret, o.Log)
	if id == "" {
		return store.RestoreRecord{}, &ConfigError{Err: errors.New("till.device_files: nothing here tells this machine from others")}
	}
	return store.Restore(ctx, cfg.Store.Path, storeOptions(cfg, secret, id, o.Log), q)
}

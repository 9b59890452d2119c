package api

import (
	"context"
	"net/http"
)

// Backup is a verified copy of the store.
type Backup struct {
	Path    string `json:"path" doc:"Where the copy is, on the till"`
	Bytes   int64  `json:"bytes"`
	Sales   int    `json:"sales"`
	Entries int    `json:"entries" doc:"Lines of the journal"`
	Head    string `json:"head" doc:"The last link of the journal's chain"`

	Encrypted bool `json:"encrypted" doc:"Whether only the configured recipients can read it"`
}

// Backup has the till write a copy of its store and verify it.
func (c *Client) Backup(ctx context.Context) (Backup, error) {
	var b Backup
	err := c.call(ctx, http.MethodPost, "/v1/backups", nil, struct{}{}, &b)
	return b, err
}

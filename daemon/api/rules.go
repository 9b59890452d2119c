package api

import (
	"context"
	"net/http"
)

// Rules are the rules in force.
type Rules struct {
	Name  string `json:"name" doc:"Where they came from"`
	Hash  string `json:"hash" doc:"The same for two files that say the same"`
	Count int    `json:"count"`
	Text  string `json:"text"`
}

// NewRules are rules to be put in force.
type NewRules struct {
	Text string `json:"text" minLength:"1" maxLength:"60000" doc:"The rule file, in TOML"`
}

// Rules are the rules in force.
func (c *Client) Rules(ctx context.Context) (Rules, error) {
	var r Rules
	err := c.call(ctx, http.MethodGet, "/v1/rules", nil, nil, &r)
	return r, err
}

// ReplaceRules puts other rules in force, all or nothing.
func (c *Client) ReplaceRules(ctx context.Context, text string) (Rules, error) {
	var r Rules
	err := c.call(ctx, http.MethodPut, "/v1/rules", nil, NewRules{text}, &r)
	return r, err
}

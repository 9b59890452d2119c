package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"qrposd/rules/sale"
)

// maxAnswer bounds what a client reads of one answer.
const maxAnswer = 4 << 20

// Client speaks to a till. A refusal is a *Problem; any other error says that
// the outcome is not known, and the same call may be made again under its key.
type Client struct {
	Base string       // such as http://127.0.0.1:8430
	HTTP *http.Client // nil is a client without a timeout; calls end with their context
}

// Open asks for a sale under an idempotency key and waits for its QR code or
// its outcome, but no longer than wait.
func (c *Client) Open(ctx context.Context, n NewSale, key string, wait time.Duration) (Sale, error) {
	h := http.Header{"Idempotency-Key": {QuoteKey(key)}}
	prefer(h, wait)
	return c.sale(ctx, http.MethodPost, "/v1/sales", h, n)
}

// Sale is a sale, once it rests or wait is over.
func (c *Client) Sale(ctx context.Context, id sale.ID, wait time.Duration) (Sale, error) {
	h := http.Header{}
	prefer(h, wait)
	return c.sale(ctx, http.MethodGet, of(id, ""), h, nil)
}

// Sales lists sales, newest first: limit of them before the sale given, if one is.
func (c *Client) Sales(ctx context.Context, limit int, before sale.ID) (Sales, error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	if before != "" {
		q.Set("before", string(before))
	}
	var list Sales
	err := c.call(ctx, http.MethodGet, "/v1/sales?"+q.Encode(), nil, nil, &list)
	return list, err
}

// Cancel withdraws a sale. It needs no key: a second cancelling changes nothing.
func (c *Client) Cancel(ctx context.Context, id sale.ID, operator string) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(id, "/cancel"), nil, Cancellation{operator})
}

// Scan hands a customer's code to a sale. It needs no key: a code charges once.
func (c *Client) Scan(ctx context.Context, id sale.ID, code string) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(id, "/scan"), nil, NewScan{code})
}

// Consent records that the customer or a manager agreed to what seen says of the sale.
func (c *Client) Consent(ctx context.Context, seen Sale, operator string) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(seen.ID, "/consent"), nil, Consent{operator, seen.History.Facts})
}

// Refund gives money back under an idempotency key.
func (c *Client) Refund(ctx context.Context, id sale.ID, n NewRefund, key string) (Sale, error) {
	return c.sale(ctx, http.MethodPost, of(id, "/refunds"), http.Header{"Idempotency-Key": {QuoteKey(key)}}, n)
}

// Status is what the till says about itself.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.call(ctx, http.MethodGet, "/v1/status", nil, nil, &s)
	return s, err
}

// QuoteKey is a key as the header carries it, a structured field string (RFC 8941).
func QuoteKey(key string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`
}

func of(id sale.ID, what string) string { return "/v1/sales/" + url.PathEscape(string(id)) + what }

func prefer(h http.Header, wait time.Duration) {
	if s := int(wait / time.Second); s > 0 {
		h.Set("Prefer", "wait="+strconv.Itoa(s))
	}
}

func (c *Client) sale(ctx context.Context, method, path string, h http.Header, body any) (Sale, error) {
	var s Sale
	err := c.call(ctx, method, path, h, body, &s)
	return s, err
}

func (c *Client) call(ctx context.Context, method, path string, h http.Header, body, into any) error {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		send = bytes.NewReader(b)
	}
	res, err := c.do(ctx, method, path, h, send)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("api: %s %s: %w", method, path, err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("api: %s %s: the till's answer: %w", method, path, err)
	}
	return nil
}

// do sends a request and turns a refusal into its problem.
func (c *Client) do(ctx context.Context, method, path string, h http.Header, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.Base, "/")+path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range h {
		req.Header[name] = values
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	if res.StatusCode < 400 {
		return res, nil
	}
	defer res.Body.Close()
	p := &Problem{}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil || json.Unmarshal(b, p) != nil || p.Status != res.StatusCode {
		return nil, errors.Join(fmt.Errorf("api: %s %s: %s, and no word why", method, path, res.Status), err)
	}
	return nil, p
}

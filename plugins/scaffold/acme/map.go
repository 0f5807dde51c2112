package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// FILL IN 3 of 3: what the platform's words mean. Hand them on as they are ("18k yellow gold", "1250.00"): the hub
// normalizes and keeps both. Pure functions, easy to test; only writeStock asks the platform.

// observe states an item as a listing and its stock as a level.
func (c *connector) observe(it *item) []canon.Observation {
	version := it.Modified.UnixMicro()
	stock := it.Stock
	return []canon.Observation{
		{
			Kind: canon.KindListing, ExternalID: it.ID, SourceVersion: version,
			Listing: &canon.ListingState{
				SKU: it.SKU, Serial: it.Serial, Title: it.Title, Metal: it.Metal, Status: "active",
				Prices: []canon.StatedMoney{{Amount: it.Price, Currency: c.settings.Currency}},
			},
		},
		{
			Kind: canon.KindLevel, ExternalID: canon.LevelID(it.ID, ""), SourceVersion: version,
			Level: &canon.LevelState{StockID: it.ID, Available: &stock},
		},
	}
}

// writeStock sends one write and says what became of it. wait is set when the platform throttles.
func (c *connector) writeStock(ctx context.Context, w *sdk.Write) (result sdk.Result, wait time.Duration) {
	resp, err := c.client.setStock(ctx, w.Stock.StockID, w.Key, w.Stock.Want, w.Stock.Expect)
	switch {
	case errors.Is(err, sdk.ErrNotSent):
		return sdk.Result{Status: sdk.StatusRetry, Code: "acme.unreachable", Reason: err.Error(), RetryAfterMillis: 1000}, 0
	case err != nil: // it may have been done
		return sdk.Result{Status: sdk.StatusUnknown, Code: "acme.no_answer", Reason: err.Error()}, 0
	}
	switch resp.Status {
	case http.StatusOK:
		return sdk.Result{Status: sdk.StatusApplied, Shows: c.level(resp.Body)}, 0
	case http.StatusConflict:
		return sdk.Result{Status: sdk.StatusConflict, Code: "acme.changed", Shows: c.level(resp.Body)}, 0
	case http.StatusTooManyRequests:
		wait = max(resp.RetryAfter, time.Second)
		return sdk.Result{Status: sdk.StatusRetry, Code: "acme.throttled", RetryAfterMillis: wait.Milliseconds()}, wait
	case http.StatusNotFound:
		return sdk.Result{Status: sdk.StatusRejected, Code: "acme.no_such_item", Reason: "Acme has no such item"}, 0
	}
	if resp.Status >= 500 { // an error after the work is done looks the same
		return sdk.Result{Status: sdk.StatusUnknown, Code: "acme.failed", Reason: fmt.Sprintf("status %d", resp.Status)}, 0
	}
	return sdk.Result{Status: sdk.StatusRejected, Code: "acme.refused", Reason: fmt.Sprintf("status %d", resp.Status)}, 0
}

// level is the level in an answer that has an item; nil when it has none.
func (c *connector) level(body []byte) *canon.Observation {
	var it item
	if err := json.Unmarshal(body, &it); err != nil || it.ID == "" {
		return nil
	}
	return &c.observe(&it)[1]
}

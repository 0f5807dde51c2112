package shopify

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// maxWriters is how many writes of one batch are under way at once.
const maxWriters = 8

// Apply sets available stock and carries out actions, one mutation for each write: several in one mutation would succeed or fail together under
// one key.
func (c *connector) Apply(ctx context.Context, req *sdk.ApplyRequest) (*sdk.ApplyResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	return &sdk.ApplyResponse{Results: s.each(req.Writes, func(w *sdk.Write) sdk.Result {
		if w.Action != nil && w.Action.Kind.OnListing() {
			return s.publishListing(ctx, w)
		}
		if w.Action != nil {
			return s.act(ctx, w)
		}
		return s.setStock(ctx, w)
	})}, nil
}

// each runs the writes side by side and gives their results in order.
func (s *session) each(writes []sdk.Write, do func(*sdk.Write) sdk.Result) []sdk.Result {
	results := make([]sdk.Result, len(writes))
	slots := make(chan struct{}, maxWriters)
	var wg sync.WaitGroup
	for i := range writes {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			results[i] = do(&writes[i])
			results[i].Key = writes[i].Key
		})
	}
	wg.Wait()
	return results
}

// idempotencyKey derives the platform's key from the hub's, so that every node and every retry has the same one.
func (s *session) idempotencyKey(key string) string {
	return uuid.NewSHA1(uuid.NameSpaceURL, []byte("jumpring:shopify:"+s.shop+":inventorySetQuantities:"+key)).String()
}

type setStockAnswer struct {
	InventorySetQuantities struct {
		InventoryAdjustmentGroup *struct {
			CreatedAt string `json:"createdAt"`
			Changes   []struct {
				Item *struct {
					ID             string      `json:"id"`
					Tracked        bool        `json:"tracked"`
					InventoryLevel *graphLevel `json:"inventoryLevel"`
				} `json:"item"`
			} `json:"changes"`
		} `json:"inventoryAdjustmentGroup"`
		UserErrors []struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"userErrors"`
	} `json:"inventorySetQuantities"`
}

func (s *session) setStock(ctx context.Context, w *sdk.Write) sdk.Result {
	if w.Stock == nil || w.Ref.Kind != canon.KindLevel || w.Key == "" {
		return sdk.Result{Status: sdk.StatusRejected, Code: "shopify.unsupported_write", Reason: "only the stock of a level can be written, under a key"}
	}
	st := w.Stock
	if !wellFormed(canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(st.StockID, st.Location)}) {
		return sdk.Result{Status: sdk.StatusRejected, Code: "shopify.bad_id", Reason: "stock id and location have to be global ids of this platform"}
	}
	key := s.idempotencyKey(w.Key)
	vars := map[string]any{"key": key, "location": st.Location, "input": map[string]any{
		"name": "available", "reason": "correction", "referenceDocumentUri": "gid://jumpring/Write/" + key,
		"quantities": []map[string]any{{"inventoryItemId": st.StockID, "locationId": st.Location, "quantity": st.Want, "changeFromQuantity": st.Expect}},
	}}
	var data setStockAnswer
	ans, err := s.client.call(ctx, laneInteractive, docSetStock, vars, &data)
	if err != nil {
		return failed(err)
	}
	set := &data.InventorySetQuantities
	if len(set.UserErrors) > 0 {
		return s.refusedStock(ctx, st, set.UserErrors[0].Code, set.UserErrors[0].Message)
	}

	res := sdk.Result{Status: sdk.StatusApplied}
	if group := set.InventoryAdjustmentGroup; group != nil {
		// A replay of the same key answers with what was made then, down to its time: what it shows may be over.
		if ans.at.Sub(moment(group.CreatedAt)) > 2*time.Second {
			res.Status = sdk.StatusDuplicate
		} else if len(group.Changes) > 0 && group.Changes[0].Item != nil && group.Changes[0].Item.InventoryLevel != nil {
			item := group.Changes[0].Item
			obs := graphLevelObservation(item.ID, item.Tracked, item.InventoryLevel)
			res.Shows = &obs
			return representable(res, item.Tracked)
		}
	}
	obs, tracked, ok := s.readLevel(ctx, st)
	if !ok {
		return res
	}
	res.Shows = &obs
	return representable(res, tracked || obs.Deleted)
}

// representable turns success on an item whose stock the shop does not count into what it is.
func representable(res sdk.Result, tracked bool) sdk.Result {
	if !tracked {
		res.Status, res.Code, res.Reason = sdk.StatusNotRepresentable, "shopify.not_tracked", "the shop does not count this variant's stock; switch tracking on there"
	}
	return res
}

// readLevel reads what the shop shows now; it gives nothing when that can't be read.
func (s *session) readLevel(ctx context.Context, st *sdk.StockWrite) (obs canon.Observation, tracked, ok bool) {
	found, err := s.levels(ctx, laneInteractive, []string{st.StockID})
	if err != nil {
		return obs, false, false
	}
	return level(found, st.StockID, st.Location)
}

// refusedStock explains a business error. The mutation is atomic: nothing was written.
func (s *session) refusedStock(ctx context.Context, st *sdk.StockWrite, code, message string) sdk.Result {
	if code == "IDEMPOTENCY_CONCURRENT_REQUEST" {
		return sdk.Result{Status: sdk.StatusRetry, Code: "shopify.in_progress", Reason: "the same write is under way", RetryAfterMillis: 500}
	}
	res := sdk.Result{Status: sdk.StatusRejected, Code: "shopify." + first(word(code), "refused"), Reason: message}
	obs, tracked, ok := s.readLevel(ctx, st)
	if ok {
		res.Shows = &obs
	}
	switch {
	case code == "CHANGE_FROM_QUANTITY_STALE" || code == "COMPARE_QUANTITY_STALE":
		res.Status = sdk.StatusConflict
	case ok && obs.Deleted:
		// Stocking an item at a location is a merchant's decision; the hub never takes it by surprise (invariant 9).
		res.Status, res.Code = sdk.StatusNotRepresentable, "shopify.not_stocked"
		res.Reason = "the item is not stocked at this location; stock it there in the shop's admin"
	case ok && !tracked || code == "NON_MUTABLE_INVENTORY_ITEM":
		res.Status = sdk.StatusNotRepresentable
	}
	return res
}

// failed maps a call without an answer of the mutation itself.
func failed(err error) sdk.Result {
	var ae *apiError
	if !errors.As(err, &ae) {
		return sdk.Result{Status: sdk.StatusRejected, Code: "shopify.internal", Reason: err.Error()}
	}
	res := sdk.Result{Code: ae.code, Reason: ae.reason}
	switch ae.kind {
	case failUnknown:
		res.Status = sdk.StatusUnknown
	case failRefused:
		res.Status = sdk.StatusRejected
	default:
		res.Status, res.RetryAfterMillis = sdk.StatusRetry, max(ae.wait, 100*time.Millisecond).Milliseconds()
	}
	return res
}

// Lookup finds out by reading. The platform could be asked by sending the mutation again under its key, but where the
// first one never arrived that would write, and a look-up must not (invariant 9). A level that shows the wanted stock
// has it, whoever wrote it; one that still shows the expected stock did not get the write; anything else is unknown,
// with what is there now.
func (c *connector) Lookup(ctx context.Context, req *sdk.LookupRequest) (*sdk.LookupResponse, error) {
	s, err := c.session()
	if err != nil {
		return nil, err
	}
	return &sdk.LookupResponse{Results: s.each(req.Writes, func(w *sdk.Write) sdk.Result {
		if w.Action != nil && w.Action.Kind.OnListing() {
			return s.lookupListing(ctx, w)
		}
		if w.Action != nil {
			return s.lookupAction(ctx, w)
		}
		return s.lookupStock(ctx, w)
	})}, nil
}

func (s *session) lookupStock(ctx context.Context, w *sdk.Write) sdk.Result {
	if w.Stock == nil || !wellFormed(canon.Ref{Kind: canon.KindLevel, ExternalID: canon.LevelID(w.Stock.StockID, w.Stock.Location)}) {
		return sdk.Result{Status: sdk.StatusRejected, Code: "shopify.unsupported_write", Reason: "such a write is never sent"}
	}
	obs, _, ok := s.readLevel(ctx, w.Stock)
	if !ok {
		return sdk.Result{Status: sdk.StatusUnknown, Code: "shopify.unreadable", Reason: "the level could not be read"}
	}
	res := sdk.Result{Shows: &obs}
	switch {
	case obs.Deleted || obs.Level.Available == nil:
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "shopify.not_done", "the shop does not count this stock"
	case *obs.Level.Available == w.Stock.Want:
		res.Status = sdk.StatusApplied
	case *obs.Level.Available == w.Stock.Expect:
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "shopify.not_done", "the shop still shows the stock from before"
	default:
		res.Status, res.Code = sdk.StatusUnknown, "shopify.moved_on"
		res.Reason = fmt.Sprintf("the shop shows %d, neither the wanted nor the earlier stock", *obs.Level.Available)
	}
	return res
}

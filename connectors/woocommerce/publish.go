package woocommerce

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// metaListing is the key under which a product that the hub made keeps the mark of its write; its slug is made of the same mark,
// by which it is found: the shop's routes filter by slug, not by meta data.
const metaListing = "_jumpring_listing"

func listingSlug(key string) string { return "jr-" + key[:min(len(key), 24)] }

// The words of the shop for what is for sale and what is not. A variation that is not enabled is private.
const (
	statusPublish = "publish"
	statusDraft   = "draft"
	statusPrivate = "private"
)

// onListing carries out an action on a listing.
func (s *shop) onListing(ctx context.Context, w *sdk.Write) sdk.Result {
	res := sdk.Result{Key: w.Key}
	t := w.Action.Listing
	if t == nil || w.Key == "" || w.Ref.Kind != canon.KindListing {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "woocommerce.write_invalid", "an action on a listing needs a key and says what it does"
		return res
	}
	if t.Content.Price != nil {
		s.learnCurrency(ctx)
		if shop := s.knownCurrency(); shop != t.Content.Price.Currency {
			res.Status, res.Code, res.Reason = sdk.StatusNotRepresentable, "woocommerce.currency", fmt.Sprintf("the shop's prices are in %q, not %s", shop, t.Content.Price.Currency)
			return res
		}
	}
	if w.Action.Kind == canon.ActionCreateListing {
		s.makeListing(ctx, w, &res)
		return res
	}
	path, ok := listingPath(t)
	if !ok {
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "woocommerce.write_invalid", "the listing's id is not a WooCommerce id"
		return res
	}
	body, ok := s.listingChange(ctx, path, w, &res)
	if !ok {
		return res
	}
	var p product
	if _, err := s.client.do(ctx, http.MethodPut, path, nil, body, &p); err != nil {
		writeFailed(err, &res)
		return res
	}
	res.Status = sdk.StatusApplied
	s.toldListing(&res, &p, t.ExternalID)
	return res
}

// listingPath gives the route of a listing: a product, or a variation of one.
func listingPath(t *canon.ListingTask) (string, bool) {
	id, ok := parseID(t.ExternalID)
	if !ok {
		return "", false
	}
	if parent, ok := parseID(t.ProductID); ok && parent != id {
		return "products/" + idText(parent) + "/variations/" + idText(id), true
	}
	return "products/" + idText(id), true
}

// listingChange gives the body of a change; ok is false where the result says why there is none.
func (s *shop) listingChange(ctx context.Context, path string, w *sdk.Write, res *sdk.Result) (map[string]any, bool) {
	t := w.Action.Listing
	variation := t.ProductID != "" && t.ProductID != t.ExternalID
	switch w.Action.Kind {
	case canon.ActionShowListing:
		return map[string]any{"status": statusPublish}, true
	case canon.ActionHideListing:
		if variation {
			return map[string]any{"status": statusPrivate}, true
		}
		return map[string]any{"status": statusDraft}, true
	}
	body := map[string]any{}
	only := canon.ListingContent{}
	for _, wish := range t.Fields {
		switch wish.Field {
		case "title":
			if !variation { // its name is its product's
				body["name"] = t.Content.Title
			}
		case "description":
			body["description"] = t.Content.Description
		case "sku":
			body["sku"] = t.Content.SKU
		case "gtin":
			body["global_unique_id"] = t.Content.GTIN
		case "price":
			putPrices(body, &t.Content)
		case "attributes":
			only.Attributes = t.Content.Attributes
		default:
			only.Brand, only.StyleNo, only.Serial, only.EPC = t.Content.Brand, t.Content.StyleNo, t.Content.Serial, t.Content.EPC
			only.Metal, only.Weight, only.RingSize, only.Certificates = t.Content.Metal, t.Content.Weight, t.Content.RingSize, t.Content.Certificates
		}
	}
	if meta := s.listingMeta(&only); meta != nil {
		body["meta_data"] = meta
	}
	if only.Attributes != nil && !variation {
		merged, err := s.mergedAttributes(ctx, path, only.Attributes)
		if err != nil {
			notWritten(err, res)
			return nil, false
		}
		body["attributes"] = merged
	}
	if len(body) == 0 {
		res.Status, res.Code, res.Reason = sdk.StatusNotRepresentable, "woocommerce.no_field", "the shop has no field for it"
		return nil, false
	}
	return body, true
}

// mergedAttributes gives a product's attributes with some values set: the shop replaces the whole list.
func (s *shop) mergedAttributes(ctx context.Context, path string, values []canon.StatedAttribute) ([]map[string]any, error) {
	var now struct {
		Attributes []map[string]any `json:"attributes"`
	}
	if _, err := s.client.get(ctx, path, nil, &now); err != nil {
		return nil, err
	}
	out := now.Attributes
next:
	for _, v := range values {
		for _, have := range out {
			if have["name"] == v.Code {
				have["options"] = []string{v.Value}
				continue next
			}
		}
		out = append(out, newAttribute(v))
	}
	return out, nil
}

func newAttribute(v canon.StatedAttribute) map[string]any {
	return map[string]any{"name": v.Code, "visible": true, "options": []string{v.Value}}
}

// putPrices puts a price as the shop has it: the regular one, and what is asked in its place, which is taken away where there is
// none.
func putPrices(body map[string]any, c *canon.ListingContent) {
	if c.Price == nil {
		return
	}
	body["regular_price"], body["sale_price"] = c.Price.Amount, ""
	if c.Sale != nil {
		body["sale_price"] = c.Sale.Amount
	}
}

// listingMeta gives the meta data that carries what the shop has no field for, each under the key that is read first.
func (s *shop) listingMeta(c *canon.ListingContent) []metaValue {
	var out []metaValue
	put := func(key, value string) {
		if value != "" && key != "" {
			out = append(out, metaValue{Key: key, Value: value})
		}
	}
	first := func(keys []string) string {
		if len(keys) == 0 {
			return ""
		}
		return keys[0]
	}
	put(first(s.cfg.SerialKeys), c.Serial)
	put(first(s.cfg.EPCKeys), c.EPC)
	if len(c.Certificates) > 0 { // the shop has a field for one
		put(first(s.cfg.CertificateKeys), c.Certificates[0].Number)
		put(first(s.cfg.LabKeys), c.Certificates[0].Lab)
	}
	put("_jumpring_"+brandKeys[0], c.Brand)
	put("_jumpring_"+styleKeys[0], c.StyleNo)
	put("_jumpring_"+metalKeys[0], c.Metal)
	put("_jumpring_"+weightKeys[0], c.Weight)
	put("_jumpring_"+ringSizeKeys[0], c.RingSize)
	return out
}

// findListing looks for what was made under a write's mark; nil where there is none.
func (s *shop) findListing(ctx context.Context, key string) (*product, error) {
	var found []product
	q := url.Values{"slug": {listingSlug(key)}, "status": {"any"}}
	if _, err := s.client.get(ctx, "products", q, &found); err != nil {
		return nil, err
	}
	for i := range found {
		if found[i].MetaData.value(metaListing) == listingSlug(key) {
			return &found[i], nil
		}
	}
	return nil, nil
}

// makeListing makes a simple product as a draft.
func (s *shop) makeListing(ctx context.Context, w *sdk.Write, res *sdk.Result) {
	c := &w.Action.Listing.Content
	found, err := s.findListing(ctx, w.Key)
	if err != nil {
		notWritten(err, res)
		return
	}
	if found != nil {
		res.Status = sdk.StatusDuplicate
		s.toldMade(res, found)
		return
	}
	body := map[string]any{
		"name": c.Title, "slug": listingSlug(w.Key), "type": "simple", "status": statusDraft, "manage_stock": true, "stock_quantity": 0, "backorders": "no",
		"sold_individually": c.Serialized, "meta_data": append(s.listingMeta(c), metaValue{Key: metaListing, Value: listingSlug(w.Key)}),
	}
	putPrices(body, c)
	for name, value := range map[string]string{"description": c.Description, "sku": c.SKU, "global_unique_id": c.GTIN} {
		if value != "" {
			body[name] = value
		}
	}
	var attributes, images []map[string]any
	for _, a := range c.Attributes {
		attributes = append(attributes, newAttribute(a))
	}
	for _, src := range c.ImageURLs {
		images = append(images, map[string]any{"src": src})
	}
	if attributes != nil {
		body["attributes"] = attributes
	}
	if images != nil {
		body["images"] = images
	}
	var p product
	if _, err := s.client.do(ctx, http.MethodPost, "products", nil, body, &p); err != nil {
		writeFailed(err, res)
		return
	}
	res.Status = sdk.StatusApplied
	s.toldMade(res, &p)
}

func (s *shop) toldMade(res *sdk.Result, p *product) {
	id := idText(p.ID)
	res.Made = &canon.ListingMade{ExternalID: id, ProductID: id, StockID: id}
	s.toldListing(res, p, id)
}

// toldListing adds what the shop shows: the answer to a write is the product as it was saved.
func (s *shop) toldListing(res *sdk.Result, p *product, id string) {
	if idText(p.ID) != id {
		res.Status, res.Shows, res.Reason = sdk.StatusUnknown, nil, "the shop's answer is about something else"
		return
	}
	obs, _ := s.observeProduct(p)
	for i := range obs {
		if o := &obs[i]; o.Kind == canon.KindListing && o.ExternalID == id {
			res.Shows = o
		} else {
			res.Also = append(res.Also, *o)
		}
	}
}

// lookupListing finds out whether a listing was made, by its mark.
func (s *shop) lookupListing(ctx context.Context, w *sdk.Write) sdk.Result {
	res := sdk.Result{Key: w.Key, Status: sdk.StatusUnknown}
	if w.Action.Kind != canon.ActionCreateListing {
		res.Code, res.Reason = "woocommerce.read_it", "what the listing shows tells whether it was written"
		return res
	}
	found, err := s.findListing(ctx, w.Key)
	switch left := s.cfg.answerWait - time.Since(w.Action.AttemptedAt); {
	case err != nil:
		notWritten(err, &res)
	case found != nil:
		res.Status = sdk.StatusApplied
		s.toldMade(&res, found)
	case left > 0:
		res.Code, res.RetryAfterMillis = "woocommerce.may_run", max(left, time.Second).Milliseconds()
		res.Reason = fmt.Sprintf("the shop may still be at it for %s", left.Round(time.Second))
	default:
		res.Status, res.Code, res.Reason = sdk.StatusRejected, "woocommerce.not_done", "the shop does not show it"
	}
	return res
}

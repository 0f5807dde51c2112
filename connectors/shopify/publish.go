package shopify

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// makeEnds is how long after a request to make a product one that nothing was heard of may still be carried out.
const makeEnds = 15 * time.Second

// listingHandle is the handle of a product that the hub makes: the mark by which it is found again before anybody gives it a
// better one. The platform makes one product of it whoever asks: productSet under a handle writes the product that has it.
func listingHandle(key string) string { return "jr-" + key[:min(len(key), 24)] }

// graphMade is a product as far as it tells what was made.
type graphMade struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Variants struct {
		Nodes []struct {
			ID            string  `json:"id"`
			InventoryItem graphID `json:"inventoryItem"`
		} `json:"nodes"`
	} `json:"variants"`
}

type userErrorNode struct {
	Code    string   `json:"code"`
	Field   []string `json:"field"`
	Message string   `json:"message"`
}

type madeAnswer struct {
	Product *graphMade `json:"productByIdentifier"`
}

type factsAnswer struct {
	Product *graphMade `json:"product"`
}

type makeAnswer struct {
	ProductSet *struct {
		Product    *graphMade      `json:"product"`
		UserErrors []userErrorNode `json:"userErrors"`
	} `json:"productSet"`
}

type changeAnswer struct {
	ProductUpdate *struct {
		UserErrors []userErrorNode `json:"userErrors"`
	} `json:"productUpdate"`
	ProductVariantsBulkUpdate *struct {
		UserErrors []userErrorNode `json:"userErrors"`
	} `json:"productVariantsBulkUpdate"`
	PublishablePublish *struct {
		UserErrors []userErrorNode `json:"userErrors"`
	} `json:"publishablePublish"`
}

// publishable refuses what is never sent.
func publishable(w *sdk.Write) *sdk.Result {
	t := w.Action.Listing
	switch {
	case t == nil || w.Key == "" || w.Ref.Kind != canon.KindListing:
		return &sdk.Result{Status: sdk.StatusRejected, Code: "shopify.unsupported_write", Reason: "an action on a listing needs a key and says what it does"}
	case w.Action.Kind == canon.ActionCreateListing:
		return nil
	case gidNumber("ProductVariant", t.ExternalID) == 0 || gidNumber("Product", t.ProductID) == 0:
		return &sdk.Result{Status: sdk.StatusRejected, Code: "shopify.bad_id", Reason: "a listing is named by the global ids of its variant and product"}
	}
	return nil
}

// publishListing carries out an action on a listing.
func (s *session) publishListing(ctx context.Context, w *sdk.Write) sdk.Result {
	if no := publishable(w); no != nil {
		return *no
	}
	t := w.Action.Listing
	if t.Content.Price != nil {
		if err := s.learnCurrency(ctx, laneInteractive); err != nil {
			return notSent(err)
		}
		if shop := s.shopCurrency(); t.Content.Price.Currency != shop {
			return sdk.Result{Status: sdk.StatusNotRepresentable, Code: "shopify.currency", Reason: fmt.Sprintf("the shop's prices are in %s, not %s", shop, t.Content.Price.Currency)}
		}
	}
	switch w.Action.Kind {
	case canon.ActionCreateListing:
		return s.makeListing(ctx, w)
	case canon.ActionHideListing:
		return s.setStatus(ctx, t, "DRAFT")
	case canon.ActionShowListing:
		return s.setStatus(ctx, t, "ACTIVE")
	}
	return s.changeListing(ctx, t)
}

// notSent is a call before anything was asked for: it can be made again.
func notSent(err error) sdk.Result {
	res := publishFailed(err)
	if res.Status == sdk.StatusUnknown {
		res.Status, res.RetryAfterMillis = sdk.StatusRetry, 1000
	}
	return res
}

func publishFailed(err error) sdk.Result {
	res := failed(err)
	if res.Code == "shopify.access_denied" {
		return mayNotPublish()
	}
	return res
}

// mayNotPublish is refused, not tried again and again.
func mayNotPublish() sdk.Result {
	return sdk.Result{
		Status: sdk.StatusRejected, Code: "shopify.access_denied",
		Reason: "the app may not write products: grant it the scope " + scopeCatalogue + " (and " + scopePublish + " where publications are named) and install it again",
	}
}

// findMade looks for what was made under a write's mark.
func (s *session) findMade(ctx context.Context, key string) (*graphMade, error) {
	var data madeAnswer
	_, err := s.client.call(ctx, laneInteractive, docListingMade, map[string]any{"handle": listingHandle(key)}, &data)
	return data.Product, err
}

// makeListing makes a product with one variant, as a draft.
func (s *session) makeListing(ctx context.Context, w *sdk.Write) sdk.Result {
	t := w.Action.Listing
	found, err := s.findMade(ctx, w.Key)
	if err != nil {
		return notSent(err)
	}
	if found != nil {
		return s.toldMade(ctx, found, sdk.StatusDuplicate)
	}
	price, compareAt := shopPrices(&t.Content)
	variant := map[string]any{
		"optionValues":    []map[string]any{{"optionName": "Title", "name": "Default Title"}},
		"inventoryPolicy": "DENY", "inventoryItem": map[string]any{"tracked": true, "sku": t.Content.SKU}, "price": price, "compareAtPrice": compareAt,
	}
	if t.Content.GTIN != "" {
		variant["barcode"] = t.Content.GTIN
	}
	var levels []map[string]any
	for _, place := range t.Places {
		levels = append(levels, map[string]any{"locationId": place, "name": "available", "quantity": 0})
	}
	if levels != nil {
		variant["inventoryQuantities"] = levels
	}
	input := map[string]any{
		"title": t.Content.Title, "status": "DRAFT", "handle": listingHandle(w.Key),
		"productOptions": []map[string]any{{"name": "Title", "values": []map[string]any{{"name": "Default Title"}}}},
		"variants":       []map[string]any{variant},
	}
	for name, value := range map[string]string{"descriptionHtml": t.Content.Description, "vendor": t.Content.Brand, "productType": t.Content.Category} {
		if value != "" {
			input[name] = value
		}
	}
	if fields := s.metafields.of(&t.Content); fields != nil {
		if s.owner == ownerProduct {
			input["metafields"] = fields
		} else {
			variant["metafields"] = fields
		}
	}
	var files []map[string]any
	for _, url := range t.Content.ImageURLs {
		files = append(files, map[string]any{"originalSource": url, "contentType": "IMAGE"})
	}
	if files != nil {
		input["files"] = files
	}
	var data makeAnswer
	ans, err := s.client.call(ctx, laneInteractive, docListingMake, map[string]any{"handle": listingHandle(w.Key), "input": input}, &data)
	if err != nil {
		return publishFailed(err)
	}
	switch set := data.ProductSet; {
	case ans.denied:
		return mayNotPublish()
	case set == nil:
		return unanswered(ans)
	case len(set.UserErrors) > 0:
		return refusedListing(set.UserErrors)
	case set.Product == nil:
		return sdk.Result{Status: sdk.StatusUnknown, Code: "shopify.unreadable", Reason: "the answer does not say what was made"}
	default:
		return s.toldMade(ctx, set.Product, sdk.StatusApplied)
	}
}

// shopPrices gives a price as the shop has it: what is asked, and what it is lower than.
func shopPrices(c *canon.ListingContent) (price, compareAt any) {
	switch {
	case c.Price == nil:
		return nil, nil
	case c.Sale != nil:
		return c.Sale.Amount, c.Price.Amount
	}
	return c.Price.Amount, nil
}

// toldMade adds what the shop shows of a listing that was made.
func (s *session) toldMade(ctx context.Context, p *graphMade, status sdk.Status) sdk.Result {
	if len(p.Variants.Nodes) == 0 {
		return sdk.Result{Status: sdk.StatusUnknown, Code: "shopify.unreadable", Reason: "the shop shows no variant of what was made"}
	}
	v := p.Variants.Nodes[0]
	res := sdk.Result{Status: status, Made: &canon.ListingMade{ExternalID: v.ID, ProductID: p.ID, StockID: v.InventoryItem.ID}}
	return s.toldListing(ctx, res, v.ID, p.ID)
}

// toldListing adds what the shop shows of a listing now; what can't be read now is read by the hub later.
func (s *session) toldListing(ctx context.Context, res sdk.Result, variant, product string) sdk.Result {
	r := reading{session: s, seen: map[canon.BindingKey]bool{}}
	if err := r.productPage(ctx, []string{product}, nil); err != nil {
		return res
	}
	for i := range r.out {
		if o := &r.out[i]; o.Kind == canon.KindListing && o.ExternalID == variant {
			res.Shows = o
		} else {
			res.Also = append(res.Also, *o)
		}
	}
	return res
}

// refusedListing explains a business error. The mutation is atomic: nothing was written.
func refusedListing(errs []userErrorNode) sdk.Result {
	return sdk.Result{Status: sdk.StatusRejected, Code: "shopify." + first(word(errs[0].Code), "listing_refused"), Reason: errs[0].Message}
}

// setStatus takes a product down or puts it up. One that other listings share is left: they would go with it.
func (s *session) setStatus(ctx context.Context, t *canon.ListingTask, status string) sdk.Result {
	var facts factsAnswer
	if _, err := s.client.call(ctx, laneInteractive, docListingFacts, map[string]any{"id": t.ProductID}, &facts); err != nil {
		return notSent(err)
	}
	switch p := facts.Product; {
	case p == nil:
		return sdk.Result{Status: sdk.StatusConflict, Code: "shopify.not_found", Reason: "the shop has this product no longer"}
	case len(p.Variants.Nodes) > 1:
		return sdk.Result{Status: sdk.StatusNotRepresentable, Code: "shopify.shared_product", Reason: "the product has other variants, which would be taken down or put up with it"}
	}
	if status == "ACTIVE" && len(s.publications) > 0 {
		var input []map[string]any
		for _, id := range s.publications {
			input = append(input, map[string]any{"publicationId": id})
		}
		if res := s.change(ctx, docListingPublish, map[string]any{"id": t.ProductID, "input": input}); res != nil {
			return *res
		}
	}
	if res := s.change(ctx, docProductUpdate, map[string]any{"product": map[string]any{"id": t.ProductID, "status": status}}); res != nil {
		return *res
	}
	return s.toldListing(ctx, sdk.Result{Status: sdk.StatusApplied}, t.ExternalID, t.ProductID)
}

// change makes one mutation; nil when it was carried out.
func (s *session) change(ctx context.Context, doc document, vars map[string]any) *sdk.Result {
	var data changeAnswer
	ans, err := s.client.call(ctx, laneInteractive, doc, vars, &data)
	if err != nil {
		res := publishFailed(err)
		return &res
	}
	if ans.denied {
		res := mayNotPublish()
		return &res
	}
	var errs []userErrorNode
	switch {
	case data.ProductUpdate != nil:
		errs = data.ProductUpdate.UserErrors
	case data.ProductVariantsBulkUpdate != nil:
		errs = data.ProductVariantsBulkUpdate.UserErrors
	case data.PublishablePublish != nil:
		errs = data.PublishablePublish.UserErrors
	default:
		res := unanswered(ans)
		return &res
	}
	if len(errs) > 0 {
		res := refusedListing(errs)
		return &res
	}
	return nil
}

// changeListing writes the fields that are named: those of the product, and those of the variant. Each can be written again.
func (s *session) changeListing(ctx context.Context, t *canon.ListingTask) sdk.Result {
	product, variant := map[string]any{}, map[string]any{}
	for _, wish := range t.Fields {
		switch wish.Field {
		case "title":
			product["title"] = t.Content.Title
		case "description":
			product["descriptionHtml"] = t.Content.Description
		case "brand":
			product["vendor"] = t.Content.Brand
		case "category":
			product["productType"] = t.Content.Category
		case "sku":
			variant["inventoryItem"] = map[string]any{"sku": t.Content.SKU}
		case "gtin":
			variant["barcode"] = t.Content.GTIN
		case "price":
			variant["price"], variant["compareAtPrice"] = shopPrices(&t.Content)
		}
	}
	if fields := s.metafields.of(&t.Content); fields != nil {
		if s.owner == ownerProduct {
			product["metafields"] = fields
		} else {
			variant["metafields"] = fields
		}
	}
	if len(product)+len(variant) == 0 {
		return sdk.Result{Status: sdk.StatusNotRepresentable, Code: "shopify.no_field", Reason: "the shop has no field for it: map a metafield"}
	}
	if len(product) > 0 {
		product["id"] = t.ProductID
		if res := s.change(ctx, docProductUpdate, map[string]any{"product": product}); res != nil {
			return *res
		}
	}
	if len(variant) > 0 {
		variant["id"] = t.ExternalID
		vars := map[string]any{"product": t.ProductID, "variants": []map[string]any{variant}}
		if res := s.change(ctx, docVariantsUpdate, vars); res != nil {
			return *res // what was written of the product is seen by the next read
		}
	}
	return s.toldListing(ctx, sdk.Result{Status: sdk.StatusApplied}, t.ExternalID, t.ProductID)
}

// of gives the metafields that carry a content's fields.
func (m *metafieldMap) of(c *canon.ListingContent) []map[string]any {
	var out []map[string]any
	put := func(key, typ, value string) {
		namespace, name, _ := strings.Cut(key, ".")
		out = append(out, map[string]any{"namespace": namespace, "key": name, "type": typ, "value": value})
	}
	const text, texts = "single_line_text_field", "list.single_line_text_field"
	for _, key := range m.keys {
		value := ""
		switch m.fieldOf[key] {
		case "certificate":
			var numbers []string
			for _, cert := range c.Certificates {
				numbers = append(numbers, cert.Number)
			}
			if len(numbers) > 1 {
				raw, err := json.Marshal(numbers)
				if err == nil { // texts always marshal
					put(key, texts, string(raw))
				}
				continue
			}
			value = first(numbers...)
		case "certificate_lab":
			value = oneLab(c.Certificates)
		case "certificate_url":
			if len(c.Certificates) == 1 {
				value = c.Certificates[0].URL
			}
		case "epc":
			value = c.EPC
		case "metal":
			value = c.Metal
		case "ring_size":
			value = c.RingSize
		case "serial":
			value = c.Serial
		case "style_no":
			value = c.StyleNo
		case "weight":
			value = c.Weight
		case "":
			i := slices.IndexFunc(c.Attributes, func(a canon.StatedAttribute) bool { return a.Code == key })
			if i >= 0 {
				value = c.Attributes[i].Value
			}
		}
		if value != "" {
			put(key, text, value)
		}
	}
	return out
}

// oneLab gives the laboratory of all reports; "" where they are of several: the shop has one field for it.
func oneLab(certs []canon.StatedCert) string {
	lab := ""
	for _, c := range certs {
		if lab != "" && c.Lab != lab {
			return ""
		}
		lab = c.Lab
	}
	return lab
}

// lookupListing finds out whether a listing was made, by its mark.
func (s *session) lookupListing(ctx context.Context, w *sdk.Write) sdk.Result {
	if no := publishable(w); no != nil {
		return *no
	}
	if w.Action.Kind != canon.ActionCreateListing { // what the listing shows tells
		return sdk.Result{Status: sdk.StatusUnknown, Code: "shopify.read_it", Reason: "what the listing shows tells whether it was written"}
	}
	found, err := s.findMade(ctx, w.Key)
	if err != nil {
		return notSent(err)
	}
	if found != nil {
		return s.toldMade(ctx, found, sdk.StatusApplied)
	}
	if left := makeEnds - time.Since(w.Action.AttemptedAt); left > 0 {
		return sdk.Result{
			Status: sdk.StatusUnknown, Code: "shopify.may_run", RetryAfterMillis: max(left, time.Second).Milliseconds(),
			Reason: fmt.Sprintf("the shop may still be at it for %s", left.Round(time.Second)),
		}
	}
	return sdk.Result{Status: sdk.StatusRejected, Code: "shopify.not_done", Reason: "the shop does not show it"}
}

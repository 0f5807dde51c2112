package twin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// attempt is what an idempotency key was used for.
type attempt struct {
	parameters string
	payload    node // of a success; replayed
	failed     bool
}

type mutationRoot struct{}

func (mutationRoot) typeName() string { return "Mutation" }

// field gives nothing: mutations need their directives and go through mutate.
func (mutationRoot) field(*execution, string, map[string]any) any { return nil }

// mutate runs one field of a mutation.
func (x *execution) mutate(f *ast.Field) any {
	args := x.arguments(f)
	switch f.Name {
	case "bulkOperationRunQuery":
		return x.runBulk(args)
	case "bulkOperationCancel":
		return x.cancelBulk(args)
	case "orderCancel":
		return x.cancelOrder(args)
	case "refundCreate":
		return x.createRefund(f, args["input"].(map[string]any))
	case "inventorySetQuantities":
		return x.setQuantities(f, args["input"].(map[string]any))
	case "productSet":
		return x.setProduct(args)
	case "productUpdate":
		input, _ := args["product"].(map[string]any)
		return x.updateProduct(input)
	case "productVariantsBulkUpdate":
		return x.updateVariants(args)
	case "publishablePublish":
		return x.publishProduct(args)
	case "webhookSubscriptionCreate":
		return x.subscribe(args["topic"].(string), args["webhookSubscription"].(map[string]any))
	case "webhookSubscriptionDelete":
		return x.unsubscribe(args["id"].(string))
	}
	return fail("INTERNAL_SERVER_ERROR", "the sandbox has no mutation %s", f.Name)
}

type userError struct {
	code    string
	message string
	field   []string
}

func quantitiesPayload(group any, errs ...userError) node {
	list := []node{}
	for _, e := range errs {
		list = append(list, object{"InventorySetQuantitiesUserError", map[string]any{"code": text(e.code), "field": e.field, "message": e.message}})
	}
	return object{"InventorySetQuantitiesPayload", map[string]any{"inventoryAdjustmentGroup": group, "userErrors": list}}
}

var reasons = []string{
	"correction", "cycle_count_available", "damaged", "movement_created", "movement_updated", "movement_received",
	"movement_canceled", "other", "promotion", "quality_control", "received", "reservation_created", "reservation_deleted",
	"reservation_updated", "restock", "safety_stock", "shrinkage",
}

// setQuantities needs an idempotency key since 2026-04, and an explicit changeFromQuantity.
func (x *execution) setQuantities(f *ast.Field, input map[string]any) any {
	if denied := x.need("write_inventory"); denied != nil {
		return denied
	}
	directive := f.Directives.ForName("idempotent")
	if directive == nil {
		return fail("BAD_REQUEST", "The @idempotent directive is required for this mutation but was not provided.")
	}
	key, _ := directive.ArgumentMap(x.variables)["key"].(string)
	if strings.TrimSpace(key) == "" {
		return fail("BAD_REQUEST", "The idempotency key can't be blank.")
	}
	if x.userError != "" {
		return quantitiesPayload(nil, userError{x.userError, "injected", nil})
	}
	parameters := string(scalar(input))
	if before := x.srv.state.idempotent[key]; before != nil {
		switch {
		case before.parameters != parameters:
			return quantitiesPayload(nil, userError{"IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "The same idempotency key cannot be used with different operation parameters.", nil})
		case before.failed:
			return quantitiesPayload(nil, userError{"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED", "A previous request with this idempotency key failed. Retry with a new idempotency key.", nil})
		}
		x.srv.ledger.Counts.Replays++
		return before.payload
	}
	quantities := input["quantities"].([]any)
	for _, q := range quantities {
		if _, given := q.(map[string]any)["changeFromQuantity"]; !given {
			return fail("BAD_REQUEST", "changeFromQuantity must be given for each quantity; pass null to skip the check.")
		}
	}
	done := &attempt{parameters: parameters}
	x.srv.state.idempotent[key] = done
	writes, bad := x.planQuantities(input, quantities)
	if bad != nil {
		done.failed = true
		if bad.code == "CHANGE_FROM_QUANTITY_STALE" {
			x.srv.ledger.Counts.Stale++
		}
		return quantitiesPayload(nil, *bad)
	}
	done.payload = quantitiesPayload(x.applyQuantities(input, key, writes))
	return done.payload
}

type plannedWrite struct {
	level *level
	value int64
}

// planQuantities checks every quantity before one is changed: the mutation succeeds or fails as a whole.
func (x *execution) planQuantities(input map[string]any, quantities []any) ([]plannedWrite, *userError) {
	field := func(path ...string) []string { return append([]string{"input"}, path...) }
	name := input["name"].(string)
	if name != "available" && name != "on_hand" {
		return nil, &userError{"INVALID_NAME", "The quantity name must be either 'available' or 'on_hand'.", field("name")}
	}
	if !slices.Contains(reasons, input["reason"].(string)) {
		return nil, &userError{"INVALID_REASON", "The specified reason is invalid.", field("reason")}
	}
	if ref, given := input["referenceDocumentUri"].(string); given {
		if u, err := url.Parse(ref); err != nil || u.Scheme == "" || u.Host+u.Opaque == "" {
			return nil, &userError{"INVALID_REFERENCE_DOCUMENT", "The specified reference document is invalid.", field("referenceDocumentUri")}
		}
	}
	if len(quantities) == 0 || len(quantities) > maxPage {
		return nil, &userError{"", "The input array has to have 1 to 250 elements.", field("quantities")}
	}
	var plan []plannedWrite
	for i, raw := range quantities {
		q, at := raw.(map[string]any), strconv.Itoa(i)
		itemType, itemID, _ := parseGID(q["inventoryItemId"].(string))
		it := x.srv.state.items[itemID]
		if it == nil || itemType != "InventoryItem" {
			return nil, &userError{"INVALID_INVENTORY_ITEM", "The specified inventory item could not be found.", field("quantities", at, "inventoryItemId")}
		}
		placeType, placeID, _ := parseGID(q["locationId"].(string))
		if place := x.srv.state.locations[placeID]; place == nil || placeType != "Location" || !place.active {
			return nil, &userError{"INVALID_LOCATION", "The specified location could not be found.", field("quantities", at, "locationId")}
		}
		l := it.at(placeID)
		if l == nil {
			return nil, &userError{"", "The specified inventory item is not stocked at the location.", field("quantities", at, "locationId")}
		}
		if slices.ContainsFunc(plan, func(p plannedWrite) bool { return p.level == l }) {
			return nil, &userError{"NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", "The combination of inventoryItemId and locationId must be unique.", field("quantities", at)}
		}
		value, _ := whole(q["quantity"])
		before := l.available
		if name == "on_hand" {
			before += l.committed
		}
		switch from, skip := whole(q["changeFromQuantity"]); {
		case value > 1_000_000_000:
			return nil, &userError{"INVALID_QUANTITY_TOO_HIGH", "The total quantity can't be higher than 1,000,000,000.", field("quantities", at, "quantity")}
		case value < -1_000_000_000:
			return nil, &userError{"INVALID_QUANTITY_TOO_LOW", "The total quantity can't be lower than -1,000,000,000.", field("quantities", at, "quantity")}
		case skip && from != before:
			return nil, &userError{"CHANGE_FROM_QUANTITY_STALE", "The changeFromQuantity value does not match persisted value.", field("quantities", at, "changeFromQuantity")}
		}
		if name == "on_hand" {
			value -= l.committed
		}
		plan = append(plan, plannedWrite{l, value})
	}
	return plan, nil
}

func (x *execution) applyQuantities(input map[string]any, key string, plan []plannedWrite) any {
	changes := []node{}
	for _, p := range plan {
		before := p.level.available
		x.srv.ledger.Counts.APIWrites++
		x.srv.ledger.Changes = append(x.srv.ledger.Changes, x.srv.change(p.level, before, p.value, "api", key))
		if before == p.value {
			x.srv.ledger.Counts.NoopWrites++
			continue
		}
		x.srv.setLevel(p.level, p.value)
		// What a replay shows is what was true at the time, so the answer is frozen.
		changes = append(changes, object{"InventoryChange", map[string]any{
			"name": "available", "delta": p.value - before,
			"quantityAfterChange": p.value, "item": frozen(p.level), "location": locationNode{p.level.location},
		}})
	}
	if len(changes) == 0 {
		return nil
	}
	return object{"InventoryAdjustmentGroup", map[string]any{
		"id": gid("InventoryAdjustmentGroup", x.srv.state.id()), "createdAt": stamp(x.srv.now()),
		"reason": input["reason"], "referenceDocumentUri": input["referenceDocumentUri"], "changes": changes,
	}}
}

// frozen copies an item with one level.
func frozen(l *level) node {
	it := *l.item
	copied := *l
	copied.item, it.levels = &it, []*level{&copied}
	return itemNode{&it}
}

func userErrors(messages ...string) []node {
	list := []node{}
	for _, m := range messages {
		list = append(list, object{"UserError", map[string]any{"field": []string{"webhookSubscription", "uri"}, "message": m}})
	}
	return list
}

func (x *execution) subscribe(topic string, input map[string]any) any {
	payload := func(sub any, messages ...string) node {
		return object{"WebhookSubscriptionCreatePayload", map[string]any{"webhookSubscription": sub, "userErrors": userErrors(messages...)}}
	}
	uri, _ := input["uri"].(string)
	u, err := url.Parse(uri)
	switch {
	case uri == "" || err != nil || u.Host == "":
		return payload(nil, "Address is invalid")
	case u.Scheme != "https" && (u.Scheme != "http" || !x.srv.opts.AllowHTTP):
		return payload(nil, "Address protocol "+u.Scheme+":// is not supported")
	case input["format"] == "XML":
		return payload(nil, "this sandbox delivers JSON only")
	}
	for _, sub := range x.srv.state.subscriptions {
		if sub.topic == topic && sub.uri == uri {
			return payload(nil, "Address for this topic has already been taken")
		}
	}
	sub := &subscription{id: x.srv.state.id(), topic: topic, uri: uri, createdAt: x.srv.now()}
	x.srv.state.subscriptions[sub.id] = sub
	return payload(subscriptionNode(sub))
}

func (x *execution) unsubscribe(id string) any {
	payload := func(deleted any, messages ...string) node {
		return object{"WebhookSubscriptionDeletePayload", map[string]any{"deletedWebhookSubscriptionId": deleted, "userErrors": userErrors(messages...)}}
	}
	typ, n, _ := parseGID(id)
	if typ != "WebhookSubscription" || x.srv.state.subscriptions[n] == nil {
		return payload(nil, "Webhook subscription does not exist")
	}
	delete(x.srv.state.subscriptions, n)
	return payload(id)
}

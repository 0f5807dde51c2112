package twin

import (
	"slices"
	"strings"
	"time"
)

// stamp writes a time as the vendor does: whole seconds, UTC.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// text is null when it is empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func (x *execution) money(c cents) node { return moneyV2(c, x.srv.opts.Currency) }

func moneyV2(c cents, currency string) node {
	return object{"MoneyV2", map[string]any{"amount": graphAmount(c), "currencyCode": currency}}
}

// graphAmount writes a Decimal as GraphQL does: "12.5" for what a webhook writes as "12.50".
func graphAmount(c cents) string {
	s := strings.TrimSuffix(c.String(), "0")
	if strings.HasSuffix(s, ".") {
		return s + "0"
	}
	return s
}

func (x *execution) bag(c cents) node {
	return object{"MoneyBag", map[string]any{"shopMoney": x.money(c), "presentmentMoney": x.money(c)}}
}

// need answers ACCESS_DENIED unless the app has a scope; a write scope includes reading.
func (x *execution) need(scope string) *graphError {
	if x.srv.granted(scope) {
		return nil
	}
	return fail("ACCESS_DENIED", "Access denied. Required access: `%s` access scope.", scope)
}

type queryRoot struct{}

func (queryRoot) typeName() string { return "QueryRoot" }

var scopeOf = map[string]string{
	"products": "read_products", "product": "read_products", "productByIdentifier": "read_products", "productVariantsCount": "read_products", "productVariants": "read_products",
	"inventoryItem": "read_inventory", "inventoryItems": "read_inventory", "orders": "read_orders", "order": "read_orders",
	"ordersCount": "read_orders", "refund": "read_orders", "fulfillment": "read_orders", "customers": "read_customers", "customersCount": "read_customers",
	"locations": "read_locations", "priceLists": "read_products", "metafieldDefinitions": "read_products",
}

var scopeOfType = map[string]string{
	"Product": "read_products", "ProductVariant": "read_products", "InventoryItem": "read_inventory",
	"Order": "read_orders", "Refund": "read_orders", "Fulfillment": "read_orders", "Customer": "read_customers", "Location": "read_locations",
}

func (queryRoot) field(x *execution, name string, args map[string]any) any {
	if scope := scopeOf[name]; scope != "" {
		if denied := x.need(scope); denied != nil {
			return denied
		}
	}
	s := x.srv.state
	id := func(typ string) any { return x.byID(args["id"].(string), typ) }
	switch name {
	case "shop":
		return object{"Shop", map[string]any{
			"id": gid("Shop", 1), "name": x.srv.opts.Name, "myshopifyDomain": x.srv.opts.Shop, "currencyCode": x.srv.opts.Currency,
			"plan": object{"ShopPlan", map[string]any{"publicDisplayName": "Basic", "shopifyPlus": false}},
		}}
	case "currentAppInstallation":
		var scopes []node
		for _, h := range x.srv.opts.Scopes {
			scopes = append(scopes, object{"AccessScope", map[string]any{"handle": h, "description": h}})
		}
		return object{"AppInstallation", map[string]any{"id": gid("AppInstallation", 1), "accessScopes": scopes}}
	case "products":
		return x.connection(productRows(s), args)
	case "product":
		return id("Product")
	case "productByIdentifier":
		return x.productByIdentifier(args["identifier"].(map[string]any))
	case "productVariants":
		rows := make([]row, 0, len(s.variants))
		for _, v := range s.variants {
			rows = append(rows, row{variantNode{v}, v.id, v.updatedAt, v.createdAt})
		}
		return x.connection(rows, args)
	case "bulkOperation":
		if op := x.srv.bulkByID(args["id"].(string)); op != nil {
			return x.srv.bulkNode(op, x.host)
		}
		return nil
	case "bulkOperations":
		return x.bulkOperations(args)
	case "productVariantsCount":
		return count(int64(len(s.variants)), args)
	case "inventoryItem":
		return id("InventoryItem")
	case "inventoryItems":
		var rows []row
		for _, it := range byID(s.items) {
			rows = append(rows, row{itemNode{it}, it.id, it.updatedAt, it.createdAt})
		}
		return x.connection(rows, args)
	case "orders":
		return x.connection(x.orderRows(), args)
	case "ordersCount":
		rows, bad := filter(x.orderRows(), args)
		if bad != nil {
			return bad
		}
		return count(int64(len(rows)), args)
	case "order":
		return id("Order")
	case "refund":
		return id("Refund")
	case "fulfillment":
		return id("Fulfillment")
	case "customers":
		return x.connection(customerRows(s), args)
	case "customersCount":
		rows, bad := filter(customerRows(s), args)
		if bad != nil {
			return bad
		}
		return count(int64(len(rows)), args)
	case "locations":
		var rows []row
		for _, l := range byID(s.locations) {
			if l.active || args["includeInactive"] == true {
				rows = append(rows, row{locationNode{l}, l.id, l.updatedAt, l.updatedAt})
			}
		}
		return x.connection(rows, args)
	case "priceLists":
		return x.connection(nil, args)
	case "metafieldDefinitions":
		return x.connection(definitionRows(s, args), args)
	case "webhookSubscriptions":
		return x.connection(subscriptionRows(s, args), args)
	case "node":
		return x.byID(args["id"].(string), "")
	case "nodes":
		var out []any
		for _, id := range args["ids"].([]any) {
			out = append(out, x.byID(id.(string), ""))
		}
		if len(out) > maxPage {
			return fail("BAD_REQUEST", "nodes takes at most %d ids", maxPage)
		}
		return out
	}
	return nil
}

func count(n int64, args map[string]any) node {
	precision := "EXACT"
	if limit, ok := whole(args["limit"]); ok && n > limit {
		n, precision = limit, "AT_LEAST"
	}
	return object{"Count", map[string]any{"count": n, "precision": precision}}
}

// byID finds a node by its global id; nil when there is none. want restricts the type.
func (x *execution) byID(id, want string) any {
	typ, n, ok := parseGID(id)
	if !ok || want != "" && typ != want {
		return fail("BAD_REQUEST", "Invalid global id '%s'", id)
	}
	if scope := scopeOfType[typ]; scope != "" {
		if denied := x.need(scope); denied != nil {
			return denied
		}
	}
	s := x.srv.state
	switch typ {
	case "Product":
		if v := s.products[n]; v != nil {
			return productNode{v}
		}
	case "ProductVariant":
		if v := s.variants[n]; v != nil {
			return variantNode{v}
		}
	case "InventoryItem":
		if v := s.items[n]; v != nil {
			return itemNode{v}
		}
	case "Order":
		if v := s.orders[n]; v != nil && x.visible(v) {
			return orderNode{v}
		}
	case "Fulfillment":
		for _, o := range s.orders {
			for _, f := range o.fulfilments {
				if f.id == n && x.visible(o) {
					return fulfilmentNode{f}
				}
			}
		}
	case "Refund":
		if v := s.refunds[n]; v != nil && x.visible(v.order) {
			return refundNode{v}
		}
	case "Customer":
		if v := s.customers[n]; v != nil {
			return customerNode{v}
		}
	case "Location":
		if v := s.locations[n]; v != nil {
			return locationNode{v}
		}
	}
	return nil
}

// visible hides orders of more than 60 days from an app without read_all_orders.
func (x *execution) visible(o *order) bool {
	return slices.Contains(x.srv.opts.Scopes, "read_all_orders") || x.srv.now().Sub(o.createdAt) < 60*24*time.Hour
}

func productRows(s *state) []row {
	rows := make([]row, 0, len(s.products))
	for _, p := range s.products {
		rows = append(rows, row{productNode{p}, p.id, p.updatedAt, p.createdAt})
	}
	return rows
}

func (x *execution) orderRows() []row {
	rows := make([]row, 0, len(x.srv.state.orders))
	for _, o := range x.srv.state.orders {
		if x.visible(o) {
			rows = append(rows, row{orderNode{o}, o.id, o.updatedAt, o.createdAt})
		}
	}
	return rows
}

func customerRows(s *state) []row {
	rows := make([]row, 0, len(s.customers))
	for _, c := range s.customers {
		rows = append(rows, row{customerNode{c}, c.id, c.updatedAt, c.createdAt})
	}
	return rows
}

func subscriptionRows(s *state, args map[string]any) []row {
	var rows []row
	topics, _ := args["topics"].([]any)
	for _, sub := range byID(s.subscriptions) {
		if uri, given := args["uri"].(string); given && uri != sub.uri || len(topics) > 0 && !slices.Contains(topics, any(sub.topic)) {
			continue
		}
		rows = append(rows, row{subscriptionNode(sub), sub.id, sub.createdAt, sub.createdAt})
	}
	return rows
}

func subscriptionNode(s *subscription) node {
	return object{"WebhookSubscription", map[string]any{"id": gid("WebhookSubscription", s.id), "topic": s.topic, "uri": s.uri, "format": "JSON", "createdAt": stamp(s.createdAt)}}
}

// definitionRows makes a definition of each metafield that is in use.
func definitionRows(s *state, args map[string]any) []row {
	keys := map[string]Metafield{}
	owner := args["ownerType"].(string)
	for _, p := range s.products {
		if owner == "PRODUCT" {
			for _, m := range p.metafields {
				keys[m.Namespace+"."+m.Key] = m
			}
		}
		for _, v := range p.variants {
			if owner == "PRODUCTVARIANT" {
				for _, m := range v.metafields {
					keys[m.Namespace+"."+m.Key] = m
				}
			}
		}
	}
	names := make([]string, 0, len(keys))
	for k := range keys {
		names = append(names, k)
	}
	slices.Sort(names)
	var rows []row
	for i, k := range names {
		m := keys[k]
		n := int64(i + 1)
		rows = append(rows, row{node: object{"MetafieldDefinition", map[string]any{"id": gid("MetafieldDefinition", n), "name": m.Key, "namespace": m.Namespace, "key": m.Key, "ownerType": owner}}, id: n})
	}
	return rows
}

// metafield gives one by its key.
func (x *execution) metafield(owner int64, all []Metafield, args map[string]any) any {
	namespace, _ := args["namespace"].(string)
	for i, m := range all {
		if m.Namespace == namespace && m.Key == args["key"] {
			return metafieldNode(owner*1000+int64(i), &m)
		}
	}
	return nil
}

func metafieldNode(id int64, m *Metafield) node {
	typ := m.Type
	if typ == "" {
		typ = "single_line_text_field"
	}
	return object{"Metafield", map[string]any{"id": gid("Metafield", id), "namespace": m.Namespace, "key": m.Key, "value": m.Value, "type": typ}}
}

func (x *execution) metafields(owner int64, all []Metafield, args map[string]any) any {
	keys, _ := args["keys"].([]any)
	namespace, _ := args["namespace"].(string)
	var rows []row
	for i, m := range all {
		if len(keys) > 0 && !slices.Contains(keys, any(m.Namespace+"."+m.Key)) || namespace != "" && namespace != m.Namespace {
			continue
		}
		n := owner*1000 + int64(i)
		rows = append(rows, row{node: metafieldNode(n, &m), id: n})
	}
	return x.connection(rows, args)
}

package twin

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

// How the stock of a product is counted.
const (
	trackNone    = "none"
	trackProduct = "product"
	trackVariant = "variant"
)

type product struct {
	id                int64
	name, sku, kind   string // kind is physical or digital
	description       string
	price, sale       money
	tracking          string
	brand             int64
	hidden            bool
	custom            []customField
	images            []string
	channels          []int64
	upc, mpn, gtin    string
	created, modified time.Time
}

type customField struct {
	id          int64
	name, value string
}

type variant struct {
	id, product          int64
	base                 bool // of a product without options
	sku, upc, mpn, gtin  string
	price, sale          money // 0 is the product's
	option, optionOption string
}

type metafield struct {
	id                      int64
	kind                    string // product or variant
	resource                int64
	namespace, key, value   string
	permission, description string
	created, modified       time.Time
}

type priceList struct {
	id       int64
	name     string
	inactive bool
	group    int64 // that it is assigned to; 0 for none
	channel  int64
	records  []*priceRecord
	created  time.Time
}

type priceRecord struct {
	id, product, variant int64
	currency             string
	price, sale          money
	modified             time.Time
}

func (s *Server) variantsOf(p *product) []*variant {
	var out []*variant
	for _, v := range sorted(s.variants) {
		if v.product == p.id {
			out = append(out, v)
		}
	}
	return out
}

var productIncludes = []string{"bulk_pricing_rules", "channels", "custom_fields", "images", "modifiers", "options", "parent_relations", "primary_image", "reviews", "variants", "videos"}

var productSorts = []string{"id", "name", "sku", "price", "date_modified", "date_last_imported", "inventory_level", "is_visible", "total_sold", "calculated_price"}

// productFields are those that include_fields and exclude_fields may name, as far as the twin has them.
var productFields = []string{
	"name", "type", "sku", "description", "price", "sale_price", "calculated_price", "brand_id", "inventory_level", "inventory_tracking", "is_visible", "upc", "mpn", "gtin",
	"date_created", "date_modified", "base_variant_id", "custom_url", "condition", "availability", "categories", "weight",
}

func (s *Server) listProducts(r *request) *response {
	for _, inc := range words(r.query.Get("include")) {
		if !slices.Contains(productIncludes, inc) {
			return r.problem(http.StatusUnprocessableEntity, "The include: "+inc+" is not valid.", nil)
		}
	}
	for _, f := range words(r.query.Get("include_fields")) {
		if !slices.Contains(productFields, f) {
			return r.problem(http.StatusUnprocessableEntity, "The field: "+f+" is not valid.", nil)
		}
	}
	by := cmp.Or(r.query.Get("sort"), "id")
	if !slices.Contains(productSorts, by) {
		return r.problem(http.StatusUnprocessableEntity, "The filter(s): sort are not valid filter parameter(s).", nil)
	}
	var rows []*product
	for _, p := range sorted(s.products) {
		inChannel := !r.query.Has("channel_id:in") || slices.ContainsFunc(p.channels, func(c int64) bool { return r.in("channel_id:in", c) })
		if r.in("id:in", p.id) && r.in("id", p.id) && inChannel && p.id >= r.num("id:min", 0) && p.id > r.num("id:greater", -1) &&
			s.since(r, "date_modified:min", p.modified) && r.until("date_modified:max", p.modified) && r.word("sku", p.sku) && r.word("sku:in", p.sku) {
			rows = append(rows, p)
		}
	}
	if by == "date_modified" {
		slices.SortStableFunc(rows, func(a, b *product) int { return a.modified.Compare(b.modified) })
	}
	if r.query.Get("direction") == "desc" {
		slices.Reverse(rows)
	}
	return v3List(r, rows, maxPage, func(p *product) any { return s.productRow(r, p) })
}

func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

func (s *Server) productRow(r *request, p *product) row {
	level := int64(0)
	for k, h := range s.stock {
		if k.product == p.id {
			level += h.count()
		}
	}
	out := row{
		"id": p.id, "name": p.name, "type": p.kind, "sku": p.sku, "description": p.description, "weight": 1, "price": p.price.number(), "cost_price": 0, "retail_price": 0,
		"sale_price": p.sale.number(), "map_price": 0, "calculated_price": cmp.Or(p.sale, p.price).number(), "categories": []int64{}, "brand_id": p.brand,
		"inventory_level": level, "inventory_warning_level": 0, "inventory_tracking": p.tracking, "is_visible": !p.hidden, "upc": p.upc, "mpn": p.mpn, "gtin": p.gtin,
		"date_created": isoTime(p.created), "date_modified": isoTime(p.modified), "condition": "New", "availability": "available",
		"custom_url": row{"url": "/p-" + itoa(p.id) + "/", "is_customized": false},
	}
	variants := s.variantsOf(p)
	if len(variants) > 0 && variants[0].base {
		out["base_variant_id"] = variants[0].id
	}
	if only := words(r.query.Get("include_fields")); only != nil {
		for k := range out {
			if k != "id" && !slices.Contains(only, k) {
				delete(out, k)
			}
		}
	}
	include := words(r.query.Get("include"))
	if slices.Contains(include, "variants") {
		list := make([]row, len(variants))
		for i, v := range variants {
			list[i] = s.variantRow(v)
		}
		out["variants"] = list
	}
	if slices.Contains(include, "custom_fields") {
		list := []row{}
		for _, f := range p.custom {
			list = append(list, row{"id": f.id, "name": f.name, "value": f.value})
		}
		out["custom_fields"] = list
	}
	if slices.Contains(include, "images") {
		list := []row{}
		for i, u := range p.images {
			list = append(list, row{"id": i + 1, "product_id": p.id, "is_thumbnail": i == 0, "sort_order": i, "description": "", "url_zoom": u, "url_standard": u, "url_thumbnail": u, "url_tiny": u, "date_modified": isoTime(p.modified)})
		}
		out["images"] = list
	}
	if slices.Contains(include, "channels") {
		out["channels"] = p.channels
	}
	return out
}

func (s *Server) variantRow(v *variant) row {
	optional := func(m money) any {
		if m == 0 {
			return nil
		}
		return m.number()
	}
	level := int64(0)
	for k, h := range s.stock {
		if k.product == v.product && (k.variant == v.id || v.base) {
			level += h.count()
		}
	}
	options := []row{}
	var skuID any
	if !v.base {
		skuID = v.id + 1_000_000
		options = append(options, row{"id": v.id, "label": v.optionOption, "option_id": v.product, "option_display_name": v.option})
	}
	p := s.products[v.product]
	return row{
		"id": v.id, "product_id": v.product, "sku": v.sku, "sku_id": skuID, "price": optional(v.price), "sale_price": optional(v.sale), "cost_price": 0, "retail_price": nil,
		"calculated_price": cmp.Or(v.sale, v.price, p.sale, p.price).number(), "weight": nil, "purchasing_disabled": false, "purchasing_disabled_message": "",
		"upc": v.upc, "mpn": v.mpn, "gtin": v.gtin, "inventory_level": level, "inventory_warning_level": 0, "bin_picking_number": "", "option_values": options, "image_url": "",
	}
}

func (s *Server) listVariants(r *request) *response {
	var rows []*variant
	for _, v := range sorted(s.variants) {
		if r.in("id", v.id) && r.in("product_id:in", v.product) && r.word("sku", v.sku) && r.word("upc", v.upc) {
			rows = append(rows, v)
		}
	}
	return v3List(r, rows, maxPage, func(v *variant) any { return s.variantRow(v) })
}

func (s *Server) listProductMetafields(r *request) *response { return s.listMetafields(r, "product") }
func (s *Server) listVariantMetafields(r *request) *response { return s.listMetafields(r, "variant") }

func (s *Server) listMetafields(r *request, kind string) *response {
	var rows []*metafield
	for _, m := range s.fields {
		if m.kind == kind && r.in("resource_id:in", m.resource) && r.word("namespace", m.namespace) && r.word("namespace:in", m.namespace) && r.word("key", m.key) &&
			r.word("key:in", m.key) && s.since(r, "date_modified:min", m.modified) && r.until("date_modified:max", m.modified) {
			rows = append(rows, m)
		}
	}
	return cursorList(r, rows, func(m *metafield) int64 { return m.id }, func(m *metafield) any { return s.metafieldRow(m) })
}

func (s *Server) metafieldRow(m *metafield) row {
	return row{
		"id": m.id, "namespace": m.namespace, "key": m.key, "value": m.value, "permission_set": m.permission, "resource_type": m.kind, "resource_id": m.resource,
		"description": m.description, "date_created": zuluTime(m.created), "date_modified": zuluTime(m.modified), "owner_client_id": s.opts.ClientID,
	}
}

// createProductMetafield is how another program would write one.
func (s *Server) createProductMetafield(r *request) *response {
	p := s.products[r.id()]
	if p == nil {
		return r.missing()
	}
	var in struct {
		Namespace   string `json:"namespace"`
		Key         string `json:"key"`
		Value       string `json:"value"`
		Permission  string `json:"permission_set"`
		Description string `json:"description"`
	}
	if bad := r.decode(&in); bad != nil {
		return bad
	}
	if in.Namespace == "" || in.Key == "" || in.Value == "" || !slices.Contains([]string{"app_only", "read", "write", "read_and_sf_access", "write_and_sf_access"}, in.Permission) {
		return r.problem(http.StatusUnprocessableEntity, "JSON data is missing or invalid", map[string]string{"permission_set": "error.path.missing"})
	}
	for _, m := range s.fields {
		if m.kind == "product" && m.resource == p.id && m.namespace == in.Namespace && m.key == in.Key {
			return r.problem(http.StatusConflict, "Conflict: a metafield of this namespace and key exists", nil)
		}
	}
	s.setMetafield("product", p.id, in.Namespace, in.Key, in.Value)
	m := s.fields[len(s.fields)-1]
	m.permission, m.description = in.Permission, in.Description
	return data(s.metafieldRow(m))
}

// setMetafield writes one. The product's own date_modified stays as it was.
func (s *Server) setMetafield(kind string, resource int64, namespace, key, value string) {
	now := s.now()
	scope := "store/product/metafield/"
	if kind == "variant" {
		scope = "store/product/variant/metafield/"
	}
	for _, m := range s.fields {
		if m.kind == kind && m.resource == resource && m.namespace == namespace && m.key == key {
			m.value, m.modified = value, now
			s.fire(scope+"updated", s.metafieldEvent(m))
			return
		}
	}
	m := &metafield{
		id: s.id(), kind: kind, resource: resource, namespace: namespace, key: key, value: value, permission: "read", created: now, modified: now,
	}
	s.fields = append(s.fields, m)
	s.fire(scope+"created", s.metafieldEvent(m))
}

func (s *Server) metafieldEvent(m *metafield) row {
	d := row{"type": m.kind + "_metafield", "id": m.id, "namespace": m.namespace}
	if m.kind == "variant" {
		d["product_id"], d["variant_id"] = s.variants[m.resource].product, m.resource
	} else {
		d["product_id"] = m.resource
	}
	return d
}

func (s *Server) listBrands(r *request) *response {
	type brand struct {
		id   int64
		name string
	}
	var rows []brand
	for id, name := range s.brands {
		if r.in("id", id) && r.in("id:in", id) && r.word("name", name) {
			rows = append(rows, brand{id, name})
		}
	}
	slices.SortFunc(rows, func(a, b brand) int { return cmp.Compare(a.id, b.id) })
	return v3List(r, rows, maxPage, func(b brand) any { return row{"id": b.id, "name": b.name} })
}

func (s *Server) listPriceLists(r *request) *response {
	var rows []*priceList
	for _, l := range sorted(s.lists) {
		if r.in("id:in", l.id) && r.word("name", l.name) {
			rows = append(rows, l)
		}
	}
	return cursorList(r, rows, func(l *priceList) int64 { return l.id }, func(l *priceList) any {
		return row{"id": l.id, "name": l.name, "active": !l.inactive, "date_created": zuluTime(l.created), "date_modified": zuluTime(l.created)}
	})
}

func (s *Server) listAssignments(r *request) *response {
	var rows []*priceList
	for _, l := range sorted(s.lists) {
		if (l.group > 0 || l.channel > 0) && r.in("price_list_id", l.id) && r.in("price_list_id:in", l.id) && r.in("customer_group_id", l.group) && r.in("channel_id", l.channel) {
			rows = append(rows, l)
		}
	}
	return cursorList(r, rows, func(l *priceList) int64 { return l.id }, func(l *priceList) any {
		out := row{"id": l.id, "price_list_id": l.id}
		if l.group > 0 {
			out["customer_group_id"] = l.group
		}
		if l.channel > 0 {
			out["channel_id"] = l.channel
		}
		return out
	})
}

func (s *Server) listRecords(r *request) *response {
	l := s.lists[r.id()]
	if l == nil {
		return r.missing()
	}
	var rows []*priceRecord
	for _, x := range l.records {
		if r.in("variant_id:in", x.variant) && r.in("product_id:in", x.product) && r.word("currency", strings.ToLower(x.currency)) && s.since(r, "date_modified:min", x.modified) {
			rows = append(rows, x)
		}
	}
	return cursorList(r, rows, func(x *priceRecord) int64 { return x.id }, func(x *priceRecord) any {
		out := row{
			"price_list_id": l.id, "variant_id": x.variant, "product_id": x.product, "currency": strings.ToLower(x.currency), "price": x.price.number(),
			"calculated_price": cmp.Or(x.sale, x.price).number(), "date_created": zuluTime(l.created), "date_modified": zuluTime(x.modified),
		}
		if x.sale != 0 {
			out["sale_price"] = x.sale.number()
		}
		return out
	})
}

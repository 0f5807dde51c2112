package twin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Meta is an entry of meta_data.
type Meta struct {
	ID    int64  `json:"id"`
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// Attribute is a product's attribute with its options, or a variation's choice.
type Attribute struct {
	ID        int64    `json:"id"`
	Name      string   `json:"name"`
	Position  int      `json:"position"`
	Visible   bool     `json:"visible"`
	Variation bool     `json:"variation"`
	Options   []string `json:"options"`
}

// product is a product or a variation.
type product struct {
	id, parent        int64 // parent is 0 for a product
	name, slug        string
	kind              string // simple, variable, grouped, external; "variation"
	status            string
	description       string
	sku, gtin         string
	regular, sale     string // decimal strings, "" when not set
	manage            bool
	stock             *int64
	stockStatus       string
	backorders        string
	soldIndividually  bool
	categories        []string
	attributes        []Attribute
	choices           map[string]string // of a variation, by attribute name
	images            []string
	meta              []Meta
	created, modified time.Time
	before            string // status before it went to the trash
}

// holder is where a product's stock is kept: a variation without own management uses its parent's.
func (s *Server) holder(p *product) *product {
	if p.parent != 0 && !p.manage {
		if parent := s.products[p.parent]; parent != nil && parent.manage {
			return parent
		}
	}
	if p.manage {
		return p
	}
	return nil
}

func (s *Server) variationsOf(id int64) []*product {
	var out []*product
	for _, p := range s.products {
		if p.parent == id {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b *product) int { return int(a.id - b.id) })
	return out
}

// stamp writes a time as the API does, in the given zone, without naming it.
func stamp(t time.Time, zone *time.Location) any {
	if t.IsZero() {
		return nil
	}
	return t.In(zone).Format("2006-01-02T15:04:05")
}

func (s *Server) dates(into map[string]any, name string, t time.Time) {
	into[name], into[name+"_gmt"] = stamp(t, s.opts.Zone), stamp(t, time.UTC)
}

func (p *product) price() string {
	if p.sale != "" {
		return p.sale
	}
	return p.regular
}

// productJSON is a product as /products/{id} shows it; variations too, with type "variation".
func (s *Server) productJSON(p *product) map[string]any {
	o := s.commonJSON(p)
	kids := []int64{}
	for _, v := range s.variationsOf(p.id) {
		if v.status != "trash" {
			kids = append(kids, v.id)
		}
	}
	attributes := []any{}
	if p.parent != 0 {
		attributes = p.choiceJSON()
	}
	for _, a := range p.attributes {
		attributes = append(attributes, a)
	}
	images := []any{}
	for i, src := range p.images {
		images = append(images, map[string]any{"id": p.id*100 + int64(i), "src": src, "name": "", "alt": ""})
	}
	categories := []any{}
	for i, c := range p.categories {
		categories = append(categories, map[string]any{"id": 15 + i, "name": c, "slug": slugOf(c)})
	}
	for k, v := range map[string]any{
		"name": p.fullName(s), "slug": p.slug, "type": p.kind, "featured": false, "catalog_visibility": "visible", "short_description": "",
		"sold_individually": p.soldIndividually, "categories": categories, "brands": []any{}, "tags": []any{}, "images": images, "attributes": attributes,
		"default_attributes": []any{}, "variations": kids, "grouped_products": []any{}, "parent_id": p.parent, "total_sales": 0, "price_html": "",
		"reviews_allowed": true, "average_rating": "0.00", "rating_count": 0, "upsell_ids": []any{}, "cross_sell_ids": []any{}, "related_ids": []any{},
		"purchase_note": "", "external_url": "", "button_text": "", "shipping_required": true, "shipping_taxable": true, "has_options": p.kind == "variable",
		"post_password": "",
	} {
		o[k] = v
	}
	o["_links"] = s.links("products", p.id)
	return o
}

// variationJSON is a variation as the variations' route shows it.
func (s *Server) variationJSON(p *product) map[string]any {
	o := s.commonJSON(p)
	o["name"], o["type"], o["parent_id"], o["attributes"], o["image"] = p.choiceName(), "variation", p.parent, p.choiceJSON(), nil
	if len(p.images) > 0 {
		o["image"] = map[string]any{"id": p.id * 100, "src": p.images[0], "name": "", "alt": ""}
	}
	o["_links"] = s.links(fmt.Sprintf("products/%d/variations", p.parent), p.id)
	return o
}

func (s *Server) commonJSON(p *product) map[string]any {
	o := map[string]any{
		"id": p.id, "permalink": s.home + "/product/" + p.slug + "/", "status": p.status, "description": p.description, "sku": p.sku,
		"global_unique_id": p.gtin, "price": p.price(), "regular_price": p.regular, "sale_price": p.sale, "date_on_sale_from": nil,
		"date_on_sale_from_gmt": nil, "date_on_sale_to": nil, "date_on_sale_to_gmt": nil, "on_sale": p.sale != "", "purchasable": p.regular != "",
		"virtual": false, "downloadable": false, "downloads": []any{}, "download_limit": -1, "download_expiry": -1, "tax_status": "taxable", "tax_class": "",
		"manage_stock": p.manage, "stock_quantity": nil, "stock_status": p.stockStatus, "backorders": p.backorders,
		"backorders_allowed": p.backorders != "no", "backordered": p.stockStatus == "onbackorder", "low_stock_amount": nil, "weight": "",
		"dimensions": map[string]any{"length": "", "width": "", "height": ""}, "shipping_class": "", "shipping_class_id": 0, "menu_order": 0,
		"meta_data": p.meta,
	}
	if p.meta == nil {
		o["meta_data"] = []any{}
	}
	if h := s.holder(p); h != nil {
		o["stock_quantity"] = h.stock
		if h != p {
			o["manage_stock"], o["stock_status"], o["backorders"] = "parent", h.stockStatus, h.backorders
		}
	}
	s.dates(o, "date_created", p.created)
	s.dates(o, "date_modified", p.modified)
	return o
}

func (p *product) choiceJSON() []any {
	out := []any{}
	for _, name := range sortedKeys(p.choices) {
		out = append(out, map[string]any{"id": 0, "name": name, "slug": slugOf(name), "option": p.choices[name]})
	}
	return out
}

func (p *product) choiceName() string {
	var parts []string
	for _, name := range sortedKeys(p.choices) {
		parts = append(parts, p.choices[name])
	}
	return strings.Join(parts, ", ")
}

func (p *product) fullName(s *Server) string {
	if parent := s.products[p.parent]; p.parent != 0 && parent != nil {
		if c := p.choiceName(); c != "" {
			return parent.name + " - " + c
		}
		return parent.name
	}
	return p.name
}

func (s *Server) links(path string, id int64) map[string]any {
	href := func(p string) []any { return []any{map[string]any{"href": s.home + "/wp-json/wc/v3/" + p}} }
	return map[string]any{"self": href(path + "/" + itoa(id)), "collection": href(path)}
}

func slugOf(s string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(s)), "-")
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

var (
	productOrderbys   = []string{"date", "id", "include", "title", "slug", "modified", "price", "popularity", "rating", "menu_order"}
	variationOrderbys = []string{"date", "id", "include", "title", "slug", "modified", "menu_order"}
	productStatuses   = []string{"any", "future", "trash", "draft", "pending", "private", "publish"}
	productTypes      = []string{"simple", "grouped", "external", "variable"}
	backorderWords    = []string{"no", "notify", "yes"}
)

// listProducts answers a list of products, or of one product's variations.
func (s *Server) listProducts(r *request, parent int64) *response {
	orderbys := productOrderbys
	if parent != 0 {
		orderbys = variationOrderbys
	}
	c, err := r.collection(orderbys, "date", "desc")
	if err == nil {
		err = r.dates(c, s.opts.Zone)
	}
	if err != nil {
		return err.response()
	}
	status, kind, sku, slug := r.query.Get("status"), r.query.Get("type"), r.query.Get("sku"), r.query.Get("slug")
	if status != "" && !slices.Contains(productStatuses, status) {
		return notOneOf("status", productStatuses).response()
	}
	if kind != "" && parent == 0 && !slices.Contains(productTypes, kind) {
		return notOneOf("type", productTypes).response()
	}
	if e := s.mustRead(r); e != nil {
		return e.response()
	}
	var found []*product
	for _, p := range s.products {
		switch {
		case p.parent != parent, slug != "" && p.slug != slug:
		case status == "" || status == "any":
			if p.status != "trash" && c.keeps(p.id, p.created, p.modified) && (kind == "" || p.kind == kind || parent != 0) && skuFits(sku, p.sku) {
				found = append(found, p)
			}
		case p.status == status && c.keeps(p.id, p.created, p.modified) && (kind == "" || p.kind == kind || parent != 0) && skuFits(sku, p.sku):
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *product) int {
		return c.less(sortRow{a.id, a.name, a.created, a.modified}, sortRow{b.id, b.name, b.created, b.modified})
	})
	return s.listResponse(r, c, len(found), func(i int) any {
		if parent != 0 {
			return s.variationJSON(found[i])
		}
		return s.productJSON(found[i])
	})
}

func skuFits(filter, sku string) bool {
	return filter == "" || slices.Contains(strings.Split(filter, ","), sku)
}

// productBody applies the fields of a write. All of them are checked before the first is set.
func (s *Server) productBody(p *product, b map[string]any) *apiError {
	next := *p
	var err *apiError
	text := func(name string, into *string) {
		if err == nil {
			var v string
			var ok bool
			if v, ok, err = stringField(b, name); ok {
				*into = v
			}
		}
	}
	enum := func(name string, into *string, allowed []string) {
		if err == nil {
			var v string
			var ok bool
			if v, ok, err = enumField(b, name, allowed); ok {
				*into = v
			}
		}
	}
	flag := func(name string, into *bool) {
		if err == nil {
			var v, ok bool
			if v, ok, err = boolField(b, name); ok {
				*into = v
			}
		}
	}
	text("name", &next.name)
	text("slug", &next.slug)
	text("description", &next.description)
	text("sku", &next.sku)
	text("global_unique_id", &next.gtin)
	text("regular_price", &next.regular)
	text("sale_price", &next.sale)
	if p.parent == 0 {
		enum("type", &next.kind, productTypes)
		enum("status", &next.status, []string{"draft", "pending", "private", "publish", "future", "auto-draft", "trash"})
	} else {
		enum("status", &next.status, []string{"draft", "pending", "private", "publish"})
	}
	enum("backorders", &next.backorders, backorderWords)
	flag("manage_stock", &next.manage)
	flag("sold_individually", &next.soldIndividually)
	quantity, hasQuantity, qerr := intField(b, "stock_quantity")
	if err == nil {
		err = qerr
	}
	if err != nil {
		return err
	}
	if next.sku != "" && next.sku != p.sku {
		for _, o := range s.products {
			if o.id != p.id && o.sku == next.sku && o.status != "trash" {
				return &apiError{http.StatusBadRequest, "product_invalid_sku", "Invalid or duplicated SKU.", nil}
			}
		}
	}
	if err := productLists(&next, b); err != nil {
		return err
	}
	*p = next
	switch {
	case !p.manage:
		p.stock, p.backorders = nil, "no" // a quantity is ignored where stock is not managed
		if p.stockStatus == "" {
			p.stockStatus = "instock"
		}
	case hasQuantity:
		s.counts.StockWrites++
		if p.stock != nil && *p.stock == quantity {
			s.counts.NoopStockWrites++
		}
		s.setStock(p, quantity, SourceAPI, 0)
	case p.stock == nil:
		zero := int64(0)
		p.stock = &zero
		p.restock()
	default:
		p.restock()
	}
	return nil
}

func productLists(p *product, b map[string]any) *apiError {
	if list, ok := b["meta_data"].([]any); ok {
		for _, e := range list {
			m, _ := e.(map[string]any)
			key, _ := m["key"].(string)
			if key == "" {
				return invalidParam("meta_data", "meta_data[0][key] is required.")
			}
			p.setMeta(key, m["value"])
		}
	}
	if list, ok := b["images"].([]any); ok {
		p.images = nil
		for _, e := range list {
			m, _ := e.(map[string]any)
			src, _ := m["src"].(string)
			if !strings.HasPrefix(src, "https://") && !strings.HasPrefix(src, "http://") {
				return &apiError{http.StatusBadRequest, "woocommerce_product_image_upload_error", "Invalid URL Provided.", nil}
			}
			p.images = append(p.images, src)
		}
	}
	if list, ok := b["attributes"].([]any); ok {
		p.attributes, p.choices = nil, map[string]string{}
		for i, e := range list {
			m, _ := e.(map[string]any)
			name, _ := m["name"].(string)
			if option, ok := m["option"].(string); ok && p.parent != 0 {
				p.choices[name] = option
				continue
			}
			a := Attribute{Name: name, Position: i, Visible: true}
			a.Variation, _ = m["variation"].(bool)
			if options, ok := m["options"].([]any); ok {
				for _, o := range options {
					a.Options = append(a.Options, fmt.Sprint(o))
				}
			}
			p.attributes = append(p.attributes, a)
		}
	}
	return nil
}

func (p *product) setMeta(key string, value any) {
	for i := range p.meta {
		if p.meta[i].Key == key {
			p.meta[i].Value = value
			return
		}
	}
	p.meta = append(p.meta, Meta{ID: p.id*1000 + int64(len(p.meta)), Key: key, Value: value})
}

// restock derives the stock status from the quantity, as every save does.
func (p *product) restock() {
	switch {
	case p.stock != nil && *p.stock > 0:
		p.stockStatus = "instock"
	case p.backorders != "no":
		p.stockStatus = "onbackorder"
	default:
		p.stockStatus = "outofstock"
	}
}

// saved moves the date and fires product.updated, whether anything changed or not. A variation fires its own, with
// itself as the body.
func (s *Server) saved(p *product) {
	p.modified = s.now()
	s.fire("product.updated", p.id)
}

func (s *Server) newProduct(parent int64) *product {
	now := s.now()
	p := &product{id: s.id(), parent: parent, kind: "simple", status: "publish", stockStatus: "instock", backorders: "no", created: now, modified: now}
	if parent != 0 {
		p.kind = "variation"
	}
	return p
}

func (s *Server) createProduct(parent int64, b map[string]any) (*product, *apiError) {
	if id, ok, _ := intField(b, "id"); ok && id != 0 {
		return nil, &apiError{http.StatusBadRequest, "woocommerce_rest_product_exists", "Cannot create existing product.", nil}
	}
	p := s.newProduct(parent)
	if err := s.productBody(p, b); err != nil {
		return nil, err
	}
	if p.name == "" && parent == 0 {
		p.name = "Product"
	}
	if p.slug = slugOf(p.slug); p.slug == "" {
		p.slug = slugOf(p.name) + "-" + strconv.FormatInt(p.id, 10)
	}
	s.products[p.id] = p
	s.fire("product.created", p.id)
	return p, nil
}

// updateProduct is a write to an existing product or variation.
func (s *Server) updateProduct(p *product, b map[string]any) *apiError {
	if err := s.productBody(p, b); err != nil {
		return err
	}
	s.saved(p)
	return nil
}

// trash moves a product to the trash, or deletes it for ever.
func (s *Server) trash(p *product, force bool) {
	if force {
		for _, v := range s.variationsOf(p.id) {
			delete(s.products, v.id)
		}
		delete(s.products, p.id)
	} else {
		p.before, p.status, p.modified = p.status, "trash", s.now()
	}
	s.fire("product.deleted", p.id)
}

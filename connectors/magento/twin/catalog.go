package twin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the shop's people and shoppers are told.
var (
	ErrNotFound   = errors.New("the shop has no such thing")
	ErrOutOfStock = errors.New("the requested qty is not available")
)

// ProductSpec is a product that a person enters.
type ProductSpec struct {
	SKU   string `json:"sku"`
	Name  string `json:"name"`
	Price string `json:"price"` // "1250.00"; empty is 0
	Type  string `json:"type"`  // simple, virtual, configurable …; empty is simple
	// Attributes are custom attributes by code; for those with options, the option's label.
	Attributes map[string]string `json:"attributes"`
	// Stock is by source; nil assigns no source.
	Stock    map[string]int64 `json:"stock"`
	Children []string         `json:"children"` // SKUs of a configurable product's variants
	Disabled bool             `json:"disabled"`
}

// productFields are what products can be searched by beside their attributes.
var productFields = []string{
	"entity_id", "sku", "name", "attribute_set_id", "price", "status", "visibility", "type_id", "created_at", "updated_at", "weight",
}

// vendorAttributes are those that a jeweler's shop has from the start.
func vendorAttributes() []row {
	var out []row
	add := func(code, input, label string, options ...string) {
		a := row{
			"attribute_id": int64(130 + len(out)), "attribute_code": code, "frontend_input": input, "entity_type_id": "4", "is_required": false,
			"is_user_defined": true, "default_frontend_label": label, "frontend_labels": []row{}, "backend_type": "varchar", "scope": "global", "is_unique": "0",
		}
		opts := []row{}
		if input == "select" || input == "multiselect" {
			opts = append(opts, row{"label": " ", "value": ""})
		}
		for i, o := range options {
			opts = append(opts, row{"label": o, "value": strconv.Itoa(1000 + 50*len(out) + i)})
		}
		if input == "boolean" {
			opts = []row{{"label": "Yes", "value": "1"}, {"label": "No", "value": "0"}}
		}
		a["options"] = opts
		out = append(out, a)
	}
	add("description", "textarea", "Description")
	add("image", "media_image", "Base")
	add("url_key", "text", "URL Key")
	add("manufacturer", "select", "Manufacturer", "Maison Aurum", "Atelier Nord")
	add("serial_number", "text", "Serial number")
	add("certificate_number", "text", "Certificate")
	add("certificate_lab", "select", "Laboratory", "GIA", "IGI", "HRD")
	add("epc", "text", "RFID tag")
	add("style_number", "text", "Style")
	add("metal", "select", "Metal", "Yellow gold", "White gold", "Platinum")
	add("fineness", "select", "Fineness", "750", "585", "950")
	add("ring_size", "select", "Ring size", "50", "52", "54")
	add("metal_weight", "text", "Weight")
	add("stone", "select", "Stone", "Diamond", "Sapphire")
	add("carat", "text", "Carat")
	add("stone_colour", "text", "Colour")
	add("clarity", "text", "Clarity")
	add("occasions", "multiselect", "Occasions", "Wedding", "Birthday", "Christmas")
	add("engraving", "text", "Engraving")
	return out
}

// AddAttribute adds a custom attribute to the shop's attribute set.
func (s *Server) AddAttribute(code, input, label string, options ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	opts := []row{}
	for _, o := range options {
		opts = append(opts, row{"label": o, "value": strconv.FormatInt(s.id(), 10)})
	}
	s.attrs = append(s.attrs, row{
		"attribute_id": s.id(), "attribute_code": code, "frontend_input": input, "entity_type_id": "4", "is_required": false, "is_user_defined": true,
		"default_frontend_label": label, "frontend_labels": []row{}, "backend_type": "varchar", "scope": "global", "is_unique": "0", "options": opts,
	})
}

// stored gives the value under which the shop keeps what a person chose.
func (s *Server) stored(code, label string) string {
	for _, a := range s.attrs {
		if a["attribute_code"] != code {
			continue
		}
		labels := []string{label}
		if a["frontend_input"] == "multiselect" {
			labels = strings.Split(label, ", ")
		}
		var values []string
		for _, part := range labels {
			for _, o := range a["options"].([]row) {
				if o["label"] == part {
					values = append(values, o["value"].(string))
				}
			}
		}
		if len(values) > 0 {
			return strings.Join(values, ",")
		}
	}
	return label
}

func (s *Server) bySKU(sku string) row {
	return s.products[s.skus[strings.ToLower(sku)]]
}

// CreateProduct enters a product and gives its id.
func (s *Server) CreateProduct(spec ProductSpec) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	price, ok := cents(spec.Price)
	if !ok || spec.SKU == "" {
		return 0, fmt.Errorf("a product needs a sku and a price")
	}
	if s.bySKU(spec.SKU) != nil {
		return 0, fmt.Errorf("sku %q is taken", spec.SKU)
	}
	kind := spec.Type
	if kind == "" {
		kind = "simple"
	}
	at := stamp(s.now())
	p := row{
		"id": s.id(), "sku": spec.SKU, "name": spec.Name, "attribute_set_id": int64(4), "price": number(price), "status": int64(1), "visibility": int64(4),
		"type_id": kind, "created_at": at, "updated_at": at, "weight": json.Number("0.01"), "product_links": []row{}, "options": []row{},
		"media_gallery_entries": []row{}, "tier_prices": []row{}, "extension_attributes": row{"website_ids": []int64{1}, "category_links": []row{}},
	}
	if spec.Disabled {
		p["status"] = int64(2)
	}
	var links []int64
	for _, child := range spec.Children {
		if c := s.bySKU(child); c != nil {
			links = append(links, c["id"].(int64))
			c["visibility"] = int64(1)
		}
	}
	if kind == "configurable" {
		p["extension_attributes"].(row)["configurable_product_links"] = links
	}
	codes := make([]string, 0, len(spec.Attributes))
	for code := range spec.Attributes {
		codes = append(codes, code)
	}
	slices.Sort(codes)
	list := []row{}
	for _, code := range codes {
		list = append(list, row{"attribute_code": code, "value": s.stored(code, spec.Attributes[code])})
	}
	p["custom_attributes"] = list
	s.products[p["id"].(int64)], s.skus[strings.ToLower(spec.SKU)] = p, p["id"].(int64)
	for source, qty := range spec.Stock {
		s.stock.items[itemKey{strings.ToLower(spec.SKU), source}] = &sourceItem{sku: spec.SKU, source: source, quantity: qty, inStock: qty > 0}
	}
	s.reindex(spec.SKU)
	s.emit("observer.catalog_product_save_commit_after", row{"id": p["id"], "sku": spec.SKU, "updated_at": at})
	return p["id"].(int64), nil
}

// SetAttribute changes a custom attribute of a product, which moves its updated_at.
func (s *Server) SetAttribute(id int64, code, label string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return ErrNotFound
	}
	s.setCustom(p, code, s.stored(code, label))
	s.touchProduct(p)
	return nil
}

func (s *Server) setCustom(p row, code string, value any) {
	for _, a := range customs(p) {
		if a["attribute_code"] == code {
			a["value"] = value
			return
		}
	}
	p["custom_attributes"] = append(customs(p), row{"attribute_code": code, "value": value})
}

func (s *Server) touchProduct(p row) {
	p["updated_at"] = stamp(s.now())
	s.emit("observer.catalog_product_save_commit_after", row{"id": p["id"], "sku": p["sku"], "updated_at": p["updated_at"]})
}

// RenameSKU gives a product another SKU; its source items go with it.
func (s *Server) RenameSKU(id int64, sku string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil || s.bySKU(sku) != nil {
		return ErrNotFound
	}
	old := p["sku"].(string)
	p["sku"] = sku
	delete(s.skus, strings.ToLower(old))
	s.skus[strings.ToLower(sku)] = id
	for k, it := range s.stock.items {
		if k.sku == strings.ToLower(old) {
			delete(s.stock.items, k)
			it.sku = sku
			s.stock.items[itemKey{strings.ToLower(sku), k.source}] = it
		}
	}
	s.reindex(sku)
	s.touchProduct(p)
	return nil
}

// DeleteProduct removes a product and its stock. Orders keep their lines.
func (s *Server) DeleteProduct(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return ErrNotFound
	}
	s.dropProduct(p)
	return nil
}

func (s *Server) dropProduct(p row) {
	delete(s.products, p["id"].(int64))
	delete(s.skus, strings.ToLower(p["sku"].(string)))
	for k := range s.stock.items {
		if k.sku == strings.ToLower(p["sku"].(string)) {
			delete(s.stock.items, k)
		}
	}
	s.emit("observer.catalog_product_delete_commit_after", row{"id": p["id"], "sku": p["sku"]})
}

func (s *Server) listProducts(r *request) *response {
	known := slices.Clone(productFields)
	for _, a := range s.attrs {
		known = append(known, a["attribute_code"].(string))
	}
	c, resp := parseCriteria(r)
	if resp != nil {
		return resp
	}
	for _, g := range c.groups {
		for _, f := range g {
			if !slices.Contains(known, f.field) {
				return failure(http.StatusBadRequest, `The "%1" attribute name is invalid. Reset the name and try again.`, []string{f.field})
			}
		}
	}
	return s.search(r, all(s.products), known, "id")
}

func (s *Server) getProduct(r *request) *response {
	p := s.bySKU(r.vars["sku"])
	if p == nil {
		return failure(http.StatusNotFound, "The product that was requested doesn't exist. Verify the product and try again.")
	}
	out := row{}
	for k, v := range p {
		out[k] = v
	}
	ext := row{}
	for k, v := range p["extension_attributes"].(row) {
		ext[k] = v
	}
	qty, salable := s.indexOf(p["sku"].(string))
	ext["stock_item"] = row{ // which lists don't have
		"item_id": p["id"], "product_id": p["id"], "stock_id": int64(1), "qty": qty, "is_in_stock": salable, "is_qty_decimal": false,
		"show_default_notification_message": false, "use_config_min_qty": true, "min_qty": int64(0), "use_config_min_sale_qty": int64(1), "min_sale_qty": int64(1),
		"use_config_max_sale_qty": true, "max_sale_qty": int64(10000), "use_config_backorders": true, "backorders": int64(0),
		"use_config_notify_stock_qty": true, "notify_stock_qty": int64(1), "use_config_qty_increments": true, "qty_increments": int64(0),
		"use_config_enable_qty_inc": true, "enable_qty_increments": false, "use_config_manage_stock": true, "manage_stock": true,
		"low_stock_date": "", "is_decimal_divided": false, "stock_status_changed_auto": int64(0),
	}
	out["extension_attributes"] = ext
	return answer(out)
}

func (s *Server) deleteProduct(r *request) *response {
	p := s.bySKU(r.vars["sku"])
	if p == nil {
		return failure(http.StatusNotFound, "The product that was requested doesn't exist. Verify the product and try again.")
	}
	s.dropProduct(p)
	return answer(true)
}

// saveProduct is POST and PUT: an upsert by SKU.
func (s *Server) saveProduct(r *request) *response {
	var in struct {
		SaveOptions *bool `json:"saveOptions"`
		Product     *struct {
			ID                  *int64       `json:"id"`
			SKU                 *string      `json:"sku"`
			Name                *string      `json:"name"`
			AttributeSetID      *int64       `json:"attribute_set_id"`
			Price               *json.Number `json:"price"`
			Status              *int64       `json:"status"`
			Visibility          *int64       `json:"visibility"`
			TypeID              *string      `json:"type_id"`
			Weight              *json.Number `json:"weight"`
			ExtensionAttributes *struct {
				WebsiteIDs []int64 `json:"website_ids"`
			} `json:"extension_attributes"`
			CustomAttributes []struct {
				Code  string `json:"attribute_code"`
				Value any    `json:"value"`
			} `json:"custom_attributes"`
		} `json:"product"`
	}
	if resp := decode(r.body, &in); resp != nil {
		return resp
	}
	if in.Product == nil {
		return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": "product"})
	}
	sku := r.vars["sku"]
	if sku == "" && in.Product.SKU != nil {
		sku = *in.Product.SKU
	}
	p := s.bySKU(sku)
	if p == nil {
		for name, missing := range map[string]bool{"name": in.Product.Name == nil, "price": in.Product.Price == nil, "attribute_set_id": in.Product.AttributeSetID == nil} {
			if missing {
				return failure(http.StatusBadRequest, `The "%1" attribute value is empty. Set the attribute and try again.`, []string{name})
			}
		}
		at := stamp(s.now())
		p = row{
			"id": s.id(), "sku": sku, "name": "", "attribute_set_id": int64(4), "price": json.Number("0"), "status": int64(1), "visibility": int64(4), "type_id": "simple",
			"created_at": at, "updated_at": at, "product_links": []row{}, "options": []row{}, "media_gallery_entries": []row{}, "tier_prices": []row{},
			"extension_attributes": row{"website_ids": []int64{1}, "category_links": []row{}}, "custom_attributes": []row{},
		}
		s.products[p["id"].(int64)], s.skus[strings.ToLower(sku)] = p, p["id"].(int64)
		s.stock.items[itemKey{strings.ToLower(sku), s.opts.Sources[0].Code}] = &sourceItem{sku: sku, source: s.opts.Sources[0].Code}
		s.reindex(sku)
	}
	set(p, "name", in.Product.Name)
	set(p, "attribute_set_id", in.Product.AttributeSetID)
	set(p, "price", in.Product.Price)
	set(p, "status", in.Product.Status)
	set(p, "visibility", in.Product.Visibility)
	set(p, "type_id", in.Product.TypeID)
	set(p, "weight", in.Product.Weight)
	for _, a := range in.Product.CustomAttributes {
		if slices.ContainsFunc(s.attrs, func(k row) bool { return k["attribute_code"] == a.Code }) { // others are dropped without a word
			s.setCustom(p, a.Code, a.Value)
		}
	}
	s.touchProduct(p)
	return answer(p)
}

func set[T any](p row, field string, v *T) {
	if v != nil {
		p[field] = *v
	}
}

func (s *Server) listAttributes(r *request) *response {
	return s.search(r, s.attrs, nil, "attribute_id")
}

func (s *Server) attributeOptions(r *request) *response {
	for _, a := range s.attrs {
		if a["attribute_code"] == r.vars["code"] {
			return answer(a["options"])
		}
	}
	return noSuchEntity()
}

func (s *Server) modules(*request) *response {
	mods := []string{"Magento_Backend", "Magento_Catalog", "Magento_Sales", "Magento_Customer", "Magento_InventoryApi", "Magento_InventoryExportStockApi", "Magento_WebapiAsync"}
	if s.opts.Events != "" {
		mods = append(mods, "Magento_AdobeCommerceEventsClient")
	}
	return answer(mods)
}

func (s *Server) storeConfigs(*request) *response {
	u := s.home + "/"
	return answer([]row{{
		"id": int64(1), "code": "default", "website_id": int64(1), "locale": "en_US", "base_currency_code": s.opts.Currency,
		"default_display_currency_code": s.opts.Currency, "timezone": "Europe/Paris", "weight_unit": "kgs", "base_url": u, "base_link_url": u,
		"base_static_url": u + "static/", "base_media_url": u + "media/", "secure_base_url": u, "secure_base_link_url": u,
		"secure_base_static_url": u + "static/", "secure_base_media_url": u + "media/",
	}})
}

func (s *Server) storeViews(*request) *response {
	return answer([]row{
		{"id": int64(0), "code": "admin", "name": "Admin", "website_id": int64(0), "store_group_id": int64(0), "is_active": int64(1)},
		{"id": int64(1), "code": "default", "name": "Default Store View", "website_id": int64(1), "store_group_id": int64(1), "is_active": int64(1)},
	})
}

func (s *Server) websites(*request) *response {
	return answer([]row{
		{"id": int64(0), "code": "admin", "name": "Admin", "default_group_id": int64(0)},
		{"id": int64(1), "code": "base", "name": "Main Website", "default_group_id": int64(1)},
	})
}

// cents reads a decimal with up to two places.
func cents(s string) (int64, bool) {
	s = strings.TrimSpace(s)
	if s == "" {
		return 0, true
	}
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) > 2 {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+(frac + "00")[:2], 10, 64)
	return n, err == nil
}

func centsOf(r row, field string) int64 {
	n, _ := cents(fmt.Sprint(r[field]))
	return n
}

// due reports whether a moment of the shop's clock has come.
func (s *Server) due(at time.Time) bool { return !s.opts.Now().Before(at) }

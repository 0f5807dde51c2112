package twin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// stockKey is where stock is counted: of a product, or of one of its variants (0 for the product's).
type stockKey struct{ location, product, variant int64 }

// holding is what lies somewhere.
type holding struct {
	onhand  *int64 // nil until somebody counted
	safety  int64
	changes []change
}

// change is a past number, so that reads can lag behind.
type change struct {
	until time.Time // when the next one was made
	had   int64
}

func (h *holding) count() int64 {
	if h.onhand == nil {
		return 0
	}
	return *h.onhand
}

// available is what a shopper can buy.
func (h *holding) available() int64 { return h.count() - h.safety }

// set changes the number.
func (h *holding) set(n int64, now time.Time) {
	h.changes = append(h.changes, change{until: now, had: h.count()})
	h.onhand = &n
}

// seen is the number that a read shows: changes of the last moments are not in it yet.
func (h *holding) seen(now time.Time, lag time.Duration) int64 {
	for len(h.changes) > 0 && now.Sub(h.changes[0].until) >= lag {
		h.changes = h.changes[1:]
	}
	if len(h.changes) > 0 {
		return h.changes[0].had
	}
	return h.count()
}

// keyOf is where a variant's stock is counted; false where it is not counted.
func (s *Server) keyOf(v *variant, location int64) (stockKey, bool) {
	switch p := s.products[v.product]; p.tracking {
	case trackProduct:
		return stockKey{location, p.id, 0}, true
	case trackVariant:
		return stockKey{location, p.id, v.id}, true
	}
	return stockKey{}, false
}

func (s *Server) location(id int64) *Location {
	for i := range s.opts.Locations {
		if s.opts.Locations[i].ID == id {
			return &s.opts.Locations[i]
		}
	}
	return nil
}

// move changes what lies somewhere and tells of it.
func (s *Server) move(k stockKey, to int64, by Actor) {
	h := s.stock[k]
	from := h.count()
	h.set(to, s.opts.Now())
	if from == to {
		return
	}
	s.ledger.Stock = append(s.ledger.Stock, LedgerStock{At: s.now(), Product: k.product, Variant: k.variant, Location: k.location, From: from, To: to, By: by})
	if to-h.safety < 0 && to < from {
		s.ledger.Oversold++
	}
	v := k.variant
	if v == 0 {
		if all := s.variantsOf(s.products[k.product]); len(all) > 0 {
			v = all[0].id
		}
	}
	s.fire("store/channel/*/inventory/product/stock_changed", row{"variant_id": v, "product_id": k.product, "location_id": k.location})
	event := "inventory/updated"
	if by == ByShopper || by == ByCancel {
		event = "inventory/order/updated"
	}
	value := row{"product_id": k.product, "method": "absolute", "value": to}
	if k.variant == 0 {
		s.fire("store/product/"+event, row{"type": "product", "id": k.product, "inventory": value})
		return
	}
	value["variant_id"] = k.variant
	s.fire("store/sku/"+event, row{"type": "sku", "id": k.variant + 1_000_000, "inventory": value})
}

func (s *Server) listLocations(r *request) *response {
	return v3List(r, s.filterLocations(r), maxItems, func(l Location) any {
		return row{
			"id": l.ID, "code": l.Code, "label": l.Label, "description": "", "managed_by_external_source": false, "type_id": "PHYSICAL", "enabled": !l.Disabled,
			"time_zone": "Etc/UTC", "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z", "storefront_visibility": true,
			"address": row{"address1": "1 Rue de la Paix", "city": "Paris", "state": "Paris", "zip": "75002", "email": "shop@example.com", "country_code": l.Country, "geo_coordinates": row{"latitude": 48.87, "longitude": 2.33}},
		}
	})
}

func (s *Server) filterLocations(r *request) []Location {
	var out []Location
	for _, l := range s.opts.Locations {
		active := r.query.Get("is_active")
		if r.in("location_id:in", l.ID) && r.word("location_code:in", l.Code) && (active == "" || active == fmt.Sprint(!l.Disabled)) {
			out = append(out, l)
		}
	}
	return out
}

// item is a row of the inventory: what is counted together, in all places.
type item struct {
	product *product
	variant *variant
	counted int64 // the key's variant
}

func (s *Server) listItems(r *request) *response {
	var rows []item
	for _, p := range sorted(s.products) {
		all := s.variantsOf(p)
		if p.tracking == trackNone || len(all) == 0 {
			continue
		}
		if p.tracking == trackProduct {
			all = all[:1]
		}
		for _, v := range all {
			if !r.in("product_id:in", p.id) || !r.in("variant_id:in", v.id) || !r.word("sku:in", v.sku) {
				continue
			}
			it := item{product: p, variant: v}
			if p.tracking == trackVariant {
				it.counted = v.id
			}
			rows = append(rows, it)
		}
	}
	return v3List(r, rows, maxItems, func(it item) any { return s.itemRow(r, it) })
}

func (s *Server) itemRow(r *request, it item) row {
	places := []row{}
	for _, l := range s.filterLocations(r) {
		h := s.stock[stockKey{l.ID, it.product.id, it.counted}]
		if h == nil {
			continue
		}
		onhand := h.seen(s.opts.Now(), s.opts.InventoryLag)
		places = append(places, row{
			"location_id": l.ID, "location_code": l.Code, "location_name": l.Label, "location_enabled": !l.Disabled, "available_to_sell": onhand - h.safety,
			"total_inventory_onhand": onhand, "settings": row{"safety_stock": h.safety, "is_in_stock": true, "warning_level": 0, "bin_picking_number": ""},
		})
	}
	identity := row{"sku": it.variant.sku, "variant_id": it.variant.id, "product_id": it.product.id, "sku_id": nil}
	if !it.variant.base {
		identity["sku_id"] = it.variant.id + 1_000_000
	}
	return row{"identity": identity, "locations": places}
}

// adjustment is a body of the inventory's two writes.
type adjustment struct {
	Reason string `json:"reason"`
	Items  []struct {
		Location *int64       `json:"location_id"`
		SKU      *string      `json:"sku"`
		Variant  *int64       `json:"variant_id"`
		Product  *int64       `json:"product_id"`
		Quantity *json.Number `json:"quantity"`
	} `json:"items"`
}

// maxAdjustments is how many rows one call may have.
const maxAdjustments = 2000

func (s *Server) adjustAbsolute(r *request) *response { return s.adjust(r, false) }
func (s *Server) adjustRelative(r *request) *response { return s.adjust(r, true) }

// adjust does all rows or none.
func (s *Server) adjust(r *request, relative bool) *response {
	var in adjustment
	if bad := r.decode(&in); bad != nil {
		return bad
	}
	refuse := func(title string, args ...any) *response {
		return r.problem(http.StatusUnprocessableEntity, fmt.Sprintf(title, args...), nil)
	}
	if len(in.Items) == 0 || len(in.Items) > maxAdjustments {
		return r.problem(http.StatusUnprocessableEntity, "Payload contains invalid fields", map[string]string{"items": "between 1 and 2000 items are expected"})
	}
	next := map[stockKey]int64{}
	var order []stockKey
	for i, it := range in.Items {
		named := 0
		for _, is := range []bool{it.SKU != nil, it.Variant != nil, it.Product != nil} {
			if is {
				named++
			}
		}
		if it.Location == nil || it.Quantity == nil || named != 1 {
			return r.problem(http.StatusUnprocessableEntity, "Payload contains invalid fields", map[string]string{fmt.Sprintf("items.%d", i): "location_id, quantity and one of sku, product_id and variant_id are required"})
		}
		n, err := it.Quantity.Int64()
		if err != nil || !relative && n < 0 {
			return r.problem(http.StatusUnprocessableEntity, "Payload contains invalid fields", map[string]string{fmt.Sprintf("items.%d.quantity", i): "must be a whole number"})
		}
		if s.location(*it.Location) == nil {
			return refuse("[Location with id %d does not exist]", *it.Location)
		}
		k := stockKey{location: *it.Location}
		var identity string
		switch {
		case it.Product != nil:
			identity = "product_id " + itoa(*it.Product)
			p := s.products[*it.Product]
			if p == nil {
				return refuse("[Item with %s does not exist]", identity)
			}
			if p.tracking == trackVariant {
				return refuse("[Item with %s is tracked by variant, please update stock by variant id]", identity)
			}
			k.product = p.id
		default:
			var v *variant
			for _, x := range s.variants {
				if it.Variant != nil && x.id == *it.Variant || it.SKU != nil && x.sku == *it.SKU {
					v = x
				}
			}
			if it.Variant != nil {
				identity = "variant_id " + itoa(*it.Variant)
			} else {
				identity = "sku " + *it.SKU
			}
			if v == nil {
				return refuse("[Item with %s does not exist]", identity)
			}
			p := s.products[v.product]
			if p.tracking != trackVariant && !v.base {
				return refuse("[Item with %s is tracked by product, please update stock by product id]", identity)
			}
			if k.product = p.id; p.tracking == trackVariant {
				k.variant = v.id
			}
		}
		if s.products[k.product].tracking == trackNone {
			return refuse("[Item with %s has no inventory tracking]", identity)
		}
		h := s.stock[k]
		if relative && (h == nil || h.onhand == nil) {
			return refuse("Items with identity: [%s] requires absolute adjustment before relative", identity)
		}
		if relative {
			had, again := next[k]
			if !again {
				had = h.count()
			}
			if n < 0 && had+n < h.safety {
				return refuse("Items with identity: [%s] do not have enough stock", identity)
			}
			n += had
		}
		if !slices.Contains(order, k) {
			order = append(order, k)
		}
		next[k] = n
	}
	for _, k := range order {
		if s.stock[k] == nil {
			s.stock[k] = &holding{}
		}
		s.move(k, next[k], ByAPI)
	}
	s.counts.Adjustments++
	return answer(http.StatusOK, row{"transaction_id": fmt.Sprintf("%08d-adjust", s.id())})
}

package twin

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// What goes wrong for a person at the store.
var (
	ErrNotFound   = errors.New("there is no such thing in the store")
	ErrOutOfStock = errors.New("the store has not enough of it")
)

// ProductSpec is a product as a person enters it.
type ProductSpec struct {
	Name, SKU, Price string
	Sale             string // price of a sale; empty for none
	Description      string
	Brand            string
	Digital, Hidden  bool
	UPC, GTIN, MPN   string
	// Tracking is none, product or variant; empty is product, or variant where there are variants.
	Tracking string
	// Stock is what lies at each location, of a product without variants; a location that is absent was never counted.
	Stock map[int64]int64
	// Custom are custom fields, which shoppers see; Metafields are "namespace.key".
	Custom     map[string]string
	Metafields map[string]string
	Images     []string
	Channels   []int64 // empty is the first channel
	Option     string  // name of the option that tells variants apart
	Variants   []VariantSpec
}

// VariantSpec is one variant of a product.
type VariantSpec struct {
	SKU, Value, Price, GTIN string
	Stock                   map[int64]int64
	Metafields              map[string]string
}

// CreateProduct enters a product and gives its id.
func (s *Server) CreateProduct(spec ProductSpec) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.variants {
		if spec.SKU != "" && v.sku == spec.SKU {
			return 0, fmt.Errorf("the SKU %q is taken", spec.SKU)
		}
	}
	now := s.now()
	p := &product{
		id: s.id(), name: spec.Name, sku: spec.SKU, kind: "physical", description: spec.Description, price: parseMoney(spec.Price), sale: parseMoney(cmp.Or(spec.Sale, "0")),
		tracking: spec.Tracking, hidden: spec.Hidden, images: spec.Images, channels: spec.Channels, upc: spec.UPC, mpn: spec.MPN, gtin: spec.GTIN, created: now, modified: now,
	}
	if spec.Digital {
		p.kind = "digital"
	}
	if len(p.channels) == 0 {
		p.channels = []int64{s.opts.Channels[0].ID}
	}
	if p.tracking == "" {
		if p.tracking = trackProduct; len(spec.Variants) > 0 {
			p.tracking = trackVariant
		}
	}
	if spec.Brand != "" {
		p.brand = s.brand(spec.Brand)
	}
	for _, k := range keys(spec.Custom) {
		p.custom = append(p.custom, customField{id: s.id(), name: k, value: spec.Custom[k]})
	}
	s.products[p.id] = p
	s.setMetafields("product", p.id, spec.Metafields)
	if len(spec.Variants) == 0 {
		v := &variant{id: s.id(), product: p.id, base: true, sku: spec.SKU, upc: spec.UPC, mpn: spec.MPN, gtin: spec.GTIN}
		s.variants[v.id] = v
		s.fill(v, spec.Stock)
	}
	for _, vs := range spec.Variants {
		v := &variant{id: s.id(), product: p.id, sku: vs.SKU, gtin: vs.GTIN, price: parseMoney(cmp.Or(vs.Price, "0")), option: cmp.Or(spec.Option, "Size"), optionOption: vs.Value}
		s.variants[v.id] = v
		if p.tracking == trackVariant {
			s.fill(v, vs.Stock)
		}
		s.setMetafields("variant", v.id, vs.Metafields)
		s.fire("store/sku/created", row{"type": "sku", "id": v.id + 1_000_000, "sku": row{"product_id": p.id, "variant_id": v.id}})
	}
	if p.tracking == trackProduct && len(spec.Variants) > 0 {
		s.fill(s.variantsOf(p)[0], spec.Stock)
	}
	s.fire("store/product/created", row{"type": "product", "id": p.id})
	return p.id, nil
}

func keys(m map[string]string) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (s *Server) brand(name string) int64 {
	for id, n := range s.brands {
		if n == name {
			return id
		}
	}
	id := s.id()
	s.brands[id] = name
	return id
}

// fill enters the first count. Places that are not named have a row without one.
func (s *Server) fill(v *variant, stock map[int64]int64) {
	for _, l := range s.opts.Locations {
		k, counted := s.keyOf(v, l.ID)
		if !counted {
			return
		}
		h := &holding{}
		if n, named := stock[l.ID]; named {
			h.onhand = &n
		}
		s.stock[k] = h
	}
}

func (s *Server) setMetafields(kind string, resource int64, fields map[string]string) {
	for _, name := range keys(fields) {
		namespace, key := splitName(name)
		s.setMetafield(kind, resource, namespace, key, fields[name])
	}
}

func splitName(name string) (namespace, key string) {
	for i := range name {
		if name[i] == '.' {
			return name[:i], name[i+1:]
		}
	}
	return "jumpring", name
}

// Variants gives the ids of a product's variants in order.
func (s *Server) Variants(product int64) []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[product]
	if p == nil {
		return nil
	}
	var out []int64
	for _, v := range s.variantsOf(p) {
		out = append(out, v.id)
	}
	return out
}

// change runs a person's change of a product.
func (s *Server) change(id int64, do func(*product) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return fmt.Errorf("product %d: %w", id, ErrNotFound)
	}
	if err := do(p); err != nil {
		return err
	}
	p.modified = s.now()
	s.fire("store/product/updated", row{"type": "product", "id": p.id, "properties": []string{"name"}})
	return nil
}

// SetCustomField writes a custom field of a product.
func (s *Server) SetCustomField(id int64, name, value string) error {
	return s.change(id, func(p *product) error {
		for i := range p.custom {
			if p.custom[i].name == name {
				p.custom[i].value = value
				return nil
			}
		}
		p.custom = append(p.custom, customField{id: s.id(), name: name, value: value})
		return nil
	})
}

// SetMetafield writes a metafield of a product or, by the id of a variant, of a variant. It moves no date_modified.
func (s *Server) SetMetafield(resource int64, namespace, key, value string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.products[resource] != nil:
		s.setMetafield("product", resource, namespace, key, value)
	case s.variants[resource] != nil:
		s.setMetafield("variant", resource, namespace, key, value)
	default:
		return ErrNotFound
	}
	return nil
}

// RenameSKU gives a product without variants another SKU.
func (s *Server) RenameSKU(id int64, sku string) error {
	return s.change(id, func(p *product) error {
		p.sku = sku
		s.variantsOf(p)[0].sku = sku
		return nil
	})
}

// DeleteProduct removes a product. Old orders keep their lines.
func (s *Server) DeleteProduct(id int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.products[id]
	if p == nil {
		return fmt.Errorf("product %d: %w", id, ErrNotFound)
	}
	for _, v := range s.variantsOf(p) {
		delete(s.variants, v.id)
	}
	for k := range s.stock {
		if k.product == id {
			delete(s.stock, k)
		}
	}
	delete(s.products, id)
	s.fire("store/product/deleted", row{"type": "product", "id": id})
	return nil
}

// SetStock has a person count what lies at a location.
func (s *Server) SetStock(variant, location, to int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.variants[variant]
	if v == nil || s.location(location) == nil {
		return ErrNotFound
	}
	k, counted := s.keyOf(v, location)
	if !counted {
		return fmt.Errorf("variant %d is not counted", variant)
	}
	if s.stock[k] == nil {
		s.stock[k] = &holding{}
	}
	s.move(k, to, ByPerson)
	return nil
}

// SetSafety holds pieces back from sale.
func (s *Server) SetSafety(variant, location, pieces int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.variants[variant]; v != nil {
		if k, counted := s.keyOf(v, location); counted && s.stock[k] != nil {
			s.stock[k].safety = pieces
			return nil
		}
	}
	return ErrNotFound
}

// Available is what shoppers can buy of a variant at a location, as it is and not as reads show it.
func (s *Server) Available(variant, location int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.variants[variant]; v != nil {
		if k, counted := s.keyOf(v, location); counted && s.stock[k] != nil {
			return s.stock[k].available()
		}
	}
	return 0
}

// PriceListSpec is a price list with its records by variant.
type PriceListSpec struct {
	Name   string
	Group  int64 // customer group that it is assigned to; 0 for none
	Prices map[int64]string
}

// CreatePriceList makes an active price list.
func (s *Server) CreatePriceList(spec PriceListSpec) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &priceList{id: s.id(), name: spec.Name, group: spec.Group, channel: s.opts.Channels[0].ID, created: s.now()}
	s.lists[l.id] = l
	for _, v := range sorted(s.variants) {
		if price, ok := spec.Prices[v.id]; ok {
			s.setRecord(l, v, price)
		}
	}
	return l.id
}

// SetListPrice changes a price of a price list.
func (s *Server) SetListPrice(list, variant int64, price string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l, v := s.lists[list], s.variants[variant]
	if l == nil || v == nil {
		return ErrNotFound
	}
	s.setRecord(l, v, price)
	return nil
}

func (s *Server) setRecord(l *priceList, v *variant, price string) {
	event := row{"price_list_id": l.id, "variant_id": v.id, "currency": s.opts.Currency}
	for _, x := range l.records {
		if x.variant == v.id {
			x.price, x.modified = parseMoney(price), s.now()
			s.fire("store/priceList/record/updated", event)
			return
		}
	}
	l.records = append(l.records, &priceRecord{id: s.id(), product: v.product, variant: v.id, currency: s.opts.Currency, price: parseMoney(price), modified: s.now()})
	s.fire("store/priceList/record/created", event)
}

package twin

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	gateway = "shopify_payments"
	taxRate = 0.2 // included in the prices
)

// Errors of the shop's own doors.
var (
	ErrSoldOut  = errors.New("twin: not enough stock")
	ErrNotFound = errors.New("twin: not found")
	ErrInvalid  = errors.New("twin: invalid")
)

// AddLocation opens a location and gives its global id.
func (s *Server) AddLocation(name, country string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &location{id: int64(len(s.state.locations) + 1), name: name, country: country, active: true, updatedAt: s.now()}
	s.state.locations[l.id] = l
	s.publish("LOCATIONS_CREATE", restLocation(l))
	return gid("Location", l.id)
}

// NewProduct is a product to create.
type NewProduct struct {
	Title       string       `json:"title"`
	Description string       `json:"description"` // HTML
	Vendor      string       `json:"vendor"`
	Type        string       `json:"type"`
	Status      string       `json:"status"` // ACTIVE when empty
	Tags        []string     `json:"tags"`
	Metafields  []Metafield  `json:"metafields"`
	Variants    []NewVariant `json:"variants"`
}

// NewVariant is one of its variants.
type NewVariant struct {
	Title      string           `json:"title"` // "Default Title" when empty
	SKU        string           `json:"sku"`
	Barcode    string           `json:"barcode"`
	Price      string           `json:"price"`
	Cost       string           `json:"cost"`
	Policy     string           `json:"policy"` // DENY when empty, or CONTINUE: sold below zero
	Untracked  bool             `json:"untracked"`
	Stock      map[string]int64 `json:"stock"` // by location; nil stocks 0 at every location
	Metafields []Metafield      `json:"metafields"`
}

// Created names what a call made.
type Created struct {
	ID       string   `json:"id"`
	Variants []string `json:"variants,omitempty"`
	Items    []string `json:"items,omitempty"`
}

// CreateProduct creates a product with its stock.
func (s *Server) CreateProduct(n NewProduct) (Created, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if len(n.Variants) == 0 {
		return Created{}, fmt.Errorf("%w: a product needs a variant", ErrInvalid)
	}
	p := &product{
		id: s.state.id(), title: n.Title, descriptionHTML: n.Description, vendor: n.Vendor, typ: n.Type, status: n.Status,
		tags: append([]string{}, n.Tags...), createdAt: now, updatedAt: now, metafields: n.Metafields,
	}
	if p.status == "" {
		p.status = "ACTIVE"
	}
	for _, nv := range n.Variants {
		price, ok := parseCents(nv.Price)
		if !ok {
			return Created{}, fmt.Errorf("%w: price %q", ErrInvalid, nv.Price)
		}
		v := &variant{
			id: s.state.id(), product: p, title: nv.Title, sku: nv.SKU, barcode: nv.Barcode, price: price.String(), policy: nv.Policy,
			createdAt: now, updatedAt: now, metafields: nv.Metafields,
		}
		if v.title == "" {
			v.title = "Default Title"
		}
		if v.policy == "" {
			v.policy = "DENY"
		}
		v.item = &item{id: s.state.id(), variant: v, tracked: !nv.Untracked, cost: nv.Cost, createdAt: now, updatedAt: now}
		for _, place := range byID(s.state.locations) {
			quantity, stocked := nv.Stock[gid("Location", place.id)]
			if stocked || nv.Stock == nil {
				v.item.levels = append(v.item.levels, &level{item: v.item, location: place, active: true, available: quantity, createdAt: now, updatedAt: now})
			}
		}
		p.variants = append(p.variants, v)
	}
	p.handle = s.freeHandle(p.title)
	return s.addProduct(p), nil
}

// addProduct takes a product into the shop and tells of it.
func (s *Server) addProduct(p *product) Created {
	created := Created{ID: gid("Product", p.id)}
	s.state.products[p.id] = p
	for _, v := range p.variants {
		s.state.variants[v.id], s.state.items[v.item.id] = v, v.item
		created.Variants = append(created.Variants, gid("ProductVariant", v.id))
		created.Items = append(created.Items, gid("InventoryItem", v.item.id))
	}
	s.publish("PRODUCTS_CREATE", s.restProduct(p))
	for _, v := range p.variants {
		s.publish("INVENTORY_ITEMS_CREATE", restItem(v.item))
		for _, l := range v.item.levels {
			s.publish("INVENTORY_LEVELS_CONNECT", restLevel(l))
		}
	}
	return created
}

func restItem(it *item) fields {
	return fields{
		"id": it.id, "sku": it.variant.sku, "tracked": it.tracked, "cost": text(it.cost), "created_at": restTime(it.createdAt), "updated_at": restTime(it.updatedAt),
		"admin_graphql_api_id": gid("InventoryItem", it.id),
	}
}

// DeleteProduct removes a product for good; orders keep their lines.
func (s *Server) DeleteProduct(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, n, _ := parseGID(id)
	p := s.state.products[n]
	if p == nil {
		return fmt.Errorf("%w: %s", ErrNotFound, id)
	}
	for _, v := range p.variants {
		delete(s.state.variants, v.id)
		delete(s.state.items, v.item.id)
		for _, o := range s.state.orders {
			for _, l := range o.lines {
				if l.variant == v {
					l.variant = nil
				}
			}
		}
	}
	delete(s.state.products, n)
	s.publish("PRODUCTS_DELETE", fields{"id": n})
	return nil
}

// SetMetafield writes a variant's metafield.
func (s *Server) SetMetafield(variantID string, m Metafield) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, err := s.variant(variantID, "")
	if err != nil {
		return err
	}
	kept := v.metafields[:0:0]
	for _, old := range v.metafields {
		if old.Namespace != m.Namespace || old.Key != m.Key {
			kept = append(kept, old)
		}
	}
	v.metafields = append(kept, m)
	v.updatedAt, v.product.updatedAt = s.now(), s.now()
	s.publish("PRODUCTS_UPDATE", s.restProduct(v.product))
	return nil
}

// NewCustomer is a customer to create.
type NewCustomer struct {
	FirstName string    `json:"first_name"`
	LastName  string    `json:"last_name"`
	Email     string    `json:"email"`
	Phone     string    `json:"phone"`
	Note      string    `json:"note"`
	Consent   string    `json:"consent"` // subscribed, unsubscribed, pending; not_subscribed when empty
	Tags      []string  `json:"tags"`
	Addresses []Address `json:"addresses"`
}

// CreateCustomer creates a customer and gives the global id. An e-mail address is unique in a shop.
func (s *Server) CreateCustomer(n NewCustomer) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.Email != "" && s.customerByEmail(n.Email) != nil {
		return "", fmt.Errorf("%w: the e-mail address has already been taken", ErrInvalid)
	}
	return gid("Customer", s.addCustomer(n).id), nil
}

func (s *Server) customerByEmail(email string) *customer {
	for _, c := range s.state.customers {
		if strings.EqualFold(c.email, email) {
			return c
		}
	}
	return nil
}

func (s *Server) addCustomer(n NewCustomer) *customer {
	c := &customer{
		id: s.state.id(), firstName: n.FirstName, lastName: n.LastName, email: n.Email, phone: n.Phone, note: n.Note, consent: n.Consent,
		tags: append([]string{}, n.Tags...), addresses: n.Addresses, createdAt: s.now(), updatedAt: s.now(),
	}
	if c.consent == "" {
		c.consent = "not_subscribed"
	}
	s.state.customers[c.id] = c
	s.publish("CUSTOMERS_CREATE", s.restCustomer(c))
	return c
}

// variant finds one by global id or else by SKU.
func (s *Server) variant(id, sku string) (*variant, error) {
	if id != "" {
		if _, n, _ := parseGID(id); s.state.variants[n] != nil {
			return s.state.variants[n], nil
		}
		return nil, fmt.Errorf("%w: variant %s", ErrNotFound, id)
	}
	for _, v := range byID(s.state.variants) {
		if v.sku == sku {
			return v, nil
		}
	}
	return nil, fmt.Errorf("%w: SKU %s", ErrNotFound, sku)
}

// NewOrder is what a shopper buys.
type NewOrder struct {
	Lines     []NewLine    `json:"lines"`
	Customer  *NewCustomer `json:"customer"` // found again by e-mail; nil is a guest without a name
	Source    string       `json:"source"`   // web when empty, pos for the shop's own till
	Location  string       `json:"location"` // of a till's sale
	Pending   bool         `json:"pending"`  // not paid yet
	Fulfilled bool         `json:"fulfilled"`
	Test      bool         `json:"test"`
	PlacedAt  time.Time    `json:"placed_at"` // now when zero
}

// NewLine is one line of it.
type NewLine struct {
	VariantID  string     `json:"variant_id"`
	SKU        string     `json:"sku"` // where there is no variant id
	Quantity   int64      `json:"quantity"`
	Discount   string     `json:"discount"`
	Properties []Property `json:"properties"`
}

// Placed names an order and its lines.
type Placed struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Lines []string `json:"lines"`
}

// PlaceOrder sells. A tracked variant of policy DENY is refused when there is not enough of it.
func (s *Server) PlaceOrder(n NewOrder) (Placed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	o := &order{createdAt: now, updatedAt: now, processedAt: now, financial: "paid", source: n.Source, test: n.Test, locale: "fr-FR"}
	if !n.PlacedAt.IsZero() {
		o.createdAt, o.processedAt = n.PlacedAt.UTC().Truncate(time.Second), n.PlacedAt.UTC().Truncate(time.Second)
	}
	if n.Pending {
		o.financial = "pending"
	}
	if o.source == "" {
		o.source = "web"
	}
	if n.Location != "" {
		_, id, _ := parseGID(n.Location)
		if o.retail = s.state.locations[id]; o.retail == nil {
			return Placed{}, fmt.Errorf("%w: location %s", ErrNotFound, n.Location)
		}
	}
	takes, err := s.reserve(o, n.Lines)
	if err != nil {
		return Placed{}, err
	}

	o.id, o.number = s.state.id(), s.state.nextOrder
	s.state.nextOrder++
	if !n.Pending {
		o.saleID = s.state.id()
	}
	s.fillBuyer(o, n.Customer)
	if n.Fulfilled {
		o.fulfilment = "fulfilled"
	}
	entry := OrderEntry{At: s.opts.Clock(), ID: gid("Order", o.id), Name: o.name(), Email: o.email}
	placed := Placed{ID: entry.ID, Name: entry.Name}
	for _, l := range o.lines {
		l.id = s.state.id()
		placed.Lines = append(placed.Lines, gid("LineItem", l.id))
		o.subtotal += l.price*cents(l.quantity) - l.discount
		o.discount += l.discount
		o.tax += l.tax
		sold := SoldEntry{VariantID: gid("ProductVariant", l.variantID), ItemID: gid("InventoryItem", l.variant.item.id), SKU: l.sku, Quantity: l.quantity}
		if l.from != nil {
			sold.LocationID = gid("Location", l.from.id)
		}
		entry.Lines = append(entry.Lines, sold)
		if n.Fulfilled && l.from != nil {
			o.fulfilments = append(o.fulfilments, &fulfilment{id: s.state.id(), createdAt: now, location: l.from, line: l, quantity: l.quantity})
		}
	}
	if o.source == "web" {
		o.shipping = 1500
	}
	o.total = o.subtotal + o.shipping
	s.state.orders[o.id] = o
	s.ledger.Orders = append(s.ledger.Orders, entry)
	for _, t := range takes {
		s.ledger.Changes = append(s.ledger.Changes, s.change(t.level, t.level.available, t.level.available-t.quantity, "shopper", entry.ID))
		if !n.Fulfilled {
			t.level.committed += t.quantity
		}
		s.setLevel(t.level, t.level.available-t.quantity)
	}
	s.publish("ORDERS_CREATE", s.restOrder(o))
	if o.financial == "paid" {
		s.publish("ORDERS_PAID", s.restOrder(o))
	}
	if n.Fulfilled {
		s.publish("ORDERS_FULFILLED", s.restOrder(o))
	}
	return placed, nil
}

type take struct {
	level    *level
	quantity int64
}

// reserve finds the stock for every line before any is taken.
func (s *Server) reserve(o *order, lines []NewLine) ([]take, error) {
	if len(lines) == 0 {
		return nil, fmt.Errorf("%w: an order needs a line", ErrInvalid)
	}
	var takes []take
	taken := map[*level]int64{}
	for _, nl := range lines {
		v, err := s.variant(nl.VariantID, nl.SKU)
		if err != nil {
			return nil, err
		}
		if nl.Quantity == 0 {
			nl.Quantity = 1
		}
		discount, ok := parseCents(nl.Discount)
		if !ok && nl.Discount != "" || nl.Quantity < 0 {
			return nil, fmt.Errorf("%w: line of %s", ErrInvalid, v.sku)
		}
		price, _ := parseCents(v.price) // checked when it was created
		l := &line{
			order: o, variant: v, variantID: v.id, productID: v.product.id, sku: v.sku, title: v.product.title, quantity: nl.Quantity, current: nl.Quantity,
			price: price, discount: discount, properties: nl.Properties,
		}
		l.tax = (price*cents(nl.Quantity) - discount) / 6 // a rate of 20 % included in the price
		if v.item.tracked {
			lv := pickLevel(v, o.retail, nl.Quantity, taken)
			if lv == nil {
				s.ledger.Counts.SoldOut++
				return nil, fmt.Errorf("%w: %s", ErrSoldOut, v.sku)
			}
			taken[lv] += nl.Quantity
			takes = append(takes, take{lv, nl.Quantity})
			l.from = lv.location
		}
		o.lines = append(o.lines, l)
	}
	return takes, nil
}

// pickLevel takes the till's own location, or the first one that has enough; a variant of policy CONTINUE is sold
// below zero at the first.
func pickLevel(v *variant, at *location, quantity int64, taken map[*level]int64) *level {
	var fallback *level
	for _, l := range v.item.levels {
		if !l.active || at != nil && l.location != at {
			continue
		}
		if l.available-taken[l] >= quantity {
			return l
		}
		if fallback == nil {
			fallback = l
		}
	}
	if v.policy == "CONTINUE" {
		return fallback
	}
	return nil
}

func (s *Server) fillBuyer(o *order, n *NewCustomer) {
	if n == nil {
		return
	}
	o.email, o.phone = n.Email, n.Phone
	if n.Email != "" {
		o.customer = s.customerByEmail(n.Email)
	}
	if o.customer == nil {
		o.customer = s.addCustomer(*n)
	}
	if len(n.Addresses) > 0 {
		a := n.Addresses[0]
		o.billing, o.delivery = &a, &a
	}
}

package twin

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Metafield is a custom field of a product or a variant.
type Metafield struct {
	Namespace string `json:"namespace"`
	Key       string `json:"key"`
	Value     string `json:"value"`
	Type      string `json:"type,omitempty"` // single_line_text_field when empty
}

// Address is a postal address.
type Address struct {
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	Company      string `json:"company"`
	Address1     string `json:"address1"`
	Address2     string `json:"address2"`
	City         string `json:"city"`
	Province     string `json:"province"`
	ProvinceCode string `json:"province_code"`
	Zip          string `json:"zip"`
	Country      string `json:"country"`
	CountryCode  string `json:"country_code"`
	Phone        string `json:"phone"`
}

func (a *Address) name() string { return strings.TrimSpace(a.FirstName + " " + a.LastName) }

type location struct {
	id        int64
	name      string
	country   string
	active    bool
	updatedAt time.Time
}

type product struct {
	id                                          int64
	title, descriptionHTML, vendor, typ, status string
	tags                                        []string
	createdAt, updatedAt                        time.Time
	variants                                    []*variant
	metafields                                  []Metafield
	handle                                      string
	images                                      []string
	publications                                []string // that it was published to, sorted
}

type variant struct {
	id                         int64
	product                    *product
	title, sku, barcode, price string
	compareAt                  string // empty for none
	policy                     string // DENY or CONTINUE
	createdAt, updatedAt       time.Time
	item                       *item
	metafields                 []Metafield
}

type item struct {
	id        int64
	variant   *variant
	tracked   bool
	cost      string
	createdAt time.Time
	updatedAt time.Time
	levels    []*level // by location id
}

// level is the stock of one item at one location. On hand is available plus committed.
type level struct {
	item                 *item
	location             *location
	active               bool
	available, committed int64
	createdAt, updatedAt time.Time
}

func (it *item) at(locationID int64) *level {
	for _, l := range it.levels {
		if l.location.id == locationID && l.active {
			return l
		}
	}
	return nil
}

func (v *variant) total() int64 {
	var n int64
	for _, l := range v.item.levels {
		if l.active {
			n += l.available
		}
	}
	return n
}

type customer struct {
	id                          int64
	firstName, lastName         string
	email, phone, note, consent string
	tags                        []string
	addresses                   []Address
	createdAt, updatedAt        time.Time
}

type order struct {
	id, number                               int64
	email, phone, source, locale             string
	createdAt, updatedAt, processedAt        time.Time
	cancelledAt                              time.Time
	cancelling                               bool // by a job that has not ended
	staffNote                                string
	saleID                                   int64  // of the transaction that paid it; 0 before
	financial, fulfilment                    string // REST words; fulfilment may be empty
	test                                     bool
	subtotal, tax, discount, shipping, total cents
	retail                                   *location
	customer                                 *customer
	billing, delivery                        *Address
	lines                                    []*line
	fulfilments                              []*fulfilment
	refunds                                  []*refund
	returns                                  []*goodsBack
}

func (o *order) name() string { return "#" + strconv.FormatInt(o.number, 10) }

type line struct {
	id                   int64
	order                *order
	variant              *variant // nil after the product was deleted
	variantID, productID int64
	sku, title           string
	quantity, current    int64
	price, tax, discount cents
	from                 *location
	properties           []Property
}

// Property is what a storefront writes onto an order line.
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type fulfilment struct {
	id        int64
	createdAt time.Time
	location  *location
	line      *line
	quantity  int64
}

// goodsBack is a return of an order.
type goodsBack struct {
	id        int64
	createdAt time.Time
	status    string // in the words of GraphQL
	lines     []*refundLine
	exchange  []*line
	refunds   []*refund
}

type refund struct {
	id            int64
	order         *order
	createdAt     time.Time
	note          string
	lines         []*refundLine
	transactionID int64
	amount        cents
}

type refundLine struct {
	id       int64
	line     *line
	quantity int64
	restock  string // return, cancel, no_restock
	location *location
	subtotal cents
}

type subscription struct {
	id        int64
	topic     string // PRODUCTS_CREATE
	uri       string
	createdAt time.Time
}

// cents is money in hundredths of the shop's currency.
type cents int64

func (c cents) String() string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	frac := strconv.FormatInt(int64(c%100), 10)
	if len(frac) == 1 {
		frac = "0" + frac
	}
	return sign + strconv.FormatInt(int64(c/100), 10) + "." + frac
}

// parseCents reads a price with up to two decimals; ok is false for anything else.
func parseCents(s string) (c cents, ok bool) {
	whole, frac, _ := strings.Cut(s, ".")
	if len(frac) > 2 || whole == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+(frac + "00")[:2], 10, 64)
	return cents(n), err == nil && n >= 0
}

// state is everything the sandbox keeps; the server's mutex guards it.
type state struct {
	nextID        int64
	bulk          []*bulkOperation // oldest first
	nextOrder     int64
	locations     map[int64]*location
	products      map[int64]*product
	variants      map[int64]*variant
	items         map[int64]*item
	customers     map[int64]*customer
	orders        map[int64]*order
	refunds       map[int64]*refund
	subscriptions map[int64]*subscription
	idempotent    map[string]*attempt
}

func newState() *state {
	return &state{
		nextID: 1000, nextOrder: 1000, locations: map[int64]*location{}, products: map[int64]*product{}, variants: map[int64]*variant{},
		items: map[int64]*item{}, customers: map[int64]*customer{}, orders: map[int64]*order{}, refunds: map[int64]*refund{},
		subscriptions: map[int64]*subscription{}, idempotent: map[string]*attempt{},
	}
}

func (s *state) id() int64 {
	s.nextID++
	return s.nextID
}

// byID gives a map's values in the order of their ids.
func byID[T any](m map[int64]T) []T {
	out := make([]T, 0, len(m))
	for _, id := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[id])
	}
	return out
}

func gid(typ string, id int64) string {
	return "gid://shopify/" + typ + "/" + strconv.FormatInt(id, 10)
}

// parseGID splits a global id; ok is false when it is none.
func parseGID(s string) (typ string, id int64, ok bool) {
	rest, found := strings.CutPrefix(s, "gid://shopify/")
	typ, number, cut := strings.Cut(rest, "/")
	if !found || !cut || typ == "" {
		return "", 0, false
	}
	id, err := strconv.ParseInt(number, 10, 64)
	return typ, id, err == nil && id > 0
}

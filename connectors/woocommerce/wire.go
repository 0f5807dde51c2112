package woocommerce

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
)

// The types of this file are the parts of wc/v3 resources that are translated.

// product is a product, or a variation: /products/{id} and product webhooks give variations with type "variation" and a
// parent_id; the variations' own route gives them with neither.
type product struct {
	ID              int64       `json:"id"`
	ParentID        int64       `json:"parent_id"`
	Name            text        `json:"name"`
	Type            text        `json:"type"`
	Status          text        `json:"status"`
	Description     text        `json:"description"`
	DateCreatedGMT  text        `json:"date_created_gmt"`
	DateModifiedGMT text        `json:"date_modified_gmt"`
	SKU             text        `json:"sku"`
	GTIN            text        `json:"global_unique_id"`
	Price           text        `json:"price"`
	RegularPrice    text        `json:"regular_price"`
	SalePrice       text        `json:"sale_price"`
	SaleFromGMT     text        `json:"date_on_sale_from_gmt"`
	SaleToGMT       text        `json:"date_on_sale_to_gmt"`
	ManageStock     text        `json:"manage_stock"` // "true", "false" or "parent"
	StockQuantity   text        `json:"stock_quantity"`
	Categories      []term      `json:"categories"`
	Tags            []term      `json:"tags"`
	Brands          []term      `json:"brands"`
	Images          []image     `json:"images"`
	Image           *image      `json:"image"`
	Attributes      []attribute `json:"attributes"`
	Variations      []int64     `json:"variations"`
	MetaData        metaList    `json:"meta_data"`
}

type term struct {
	Name text `json:"name"`
}

type image struct {
	Src text `json:"src"`
}

type attribute struct {
	Name    text   `json:"name"`
	Slug    text   `json:"slug"`
	Options []text `json:"options"`
	Option  text   `json:"option"` // of a variation
}

type meta struct {
	Key   text            `json:"key"`
	Value json.RawMessage `json:"value"`
}

type order struct {
	ID               int64      `json:"id"`
	Number           text       `json:"number"`
	Status           text       `json:"status"`
	Currency         text       `json:"currency"`
	DateCreatedGMT   text       `json:"date_created_gmt"`
	DateModifiedGMT  text       `json:"date_modified_gmt"`
	DatePaidGMT      text       `json:"date_paid_gmt"`
	DateCompletedGMT text       `json:"date_completed_gmt"`
	CreatedVia       text       `json:"created_via"`
	DiscountTotal    text       `json:"discount_total"`
	ShippingTotal    text       `json:"shipping_total"`
	Total            text       `json:"total"`
	TotalTax         text       `json:"total_tax"`
	CustomerID       int64      `json:"customer_id"`
	CustomerNote     text       `json:"customer_note"`
	Billing          address    `json:"billing"`
	Shipping         address    `json:"shipping"`
	PaymentMethod    text       `json:"payment_method"`
	TransactionID    text       `json:"transaction_id"`
	LineItems        []lineItem `json:"line_items"`
	MetaData         metaList   `json:"meta_data"`
	Refunds          []struct {
		ID    int64 `json:"id"`
		Total text  `json:"total"` // below zero
	} `json:"refunds"`
}

type lineItem struct {
	ID          int64    `json:"id"`
	Name        text     `json:"name"`
	ProductID   int64    `json:"product_id"`
	VariationID int64    `json:"variation_id"`
	Quantity    text     `json:"quantity"`
	Subtotal    text     `json:"subtotal"`
	Total       text     `json:"total"`
	TotalTax    text     `json:"total_tax"`
	SKU         text     `json:"sku"`
	Price       text     `json:"price"` // a JSON number, kept in the words it was written in
	MetaData    metaList `json:"meta_data"`
	Taxes       []struct {
		ID    int64 `json:"id"`
		Total text  `json:"total"`
	} `json:"taxes"`
}

type refund struct {
	ID             int64      `json:"id"`
	DateCreatedGMT text       `json:"date_created_gmt"`
	Amount         text       `json:"amount"`
	Reason         text       `json:"reason"`
	LineItems      []lineItem `json:"line_items"`
}

type customer struct {
	ID              int64   `json:"id"`
	DateCreatedGMT  text    `json:"date_created_gmt"`
	DateModifiedGMT text    `json:"date_modified_gmt"`
	Email           text    `json:"email"`
	FirstName       text    `json:"first_name"`
	LastName        text    `json:"last_name"`
	Billing         address `json:"billing"`
	Shipping        address `json:"shipping"`
}

type address struct {
	FirstName text `json:"first_name"`
	LastName  text `json:"last_name"`
	Company   text `json:"company"`
	Address1  text `json:"address_1"`
	Address2  text `json:"address_2"`
	City      text `json:"city"`
	State     text `json:"state"`
	Postcode  text `json:"postcode"`
	Country   text `json:"country"`
	Email     text `json:"email"`
	Phone     text `json:"phone"`
}

// UnmarshalJSON reads an address; PHP writes one without fields as [].
func (a *address) UnmarshalJSON(b []byte) error {
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] != '{' {
		*a = address{}
		return nil
	}
	type plain address
	return json.Unmarshal(b, (*plain)(a))
}

// text is a scalar in the words of its source: plugins and PHP's loose types make one field a string in one shop and a
// number, a boolean or null in the next. Numbers keep their digits; null and false-ish structures are "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch b = bytes.TrimSpace(b); {
	case len(b) == 0 || bytes.Equal(b, []byte("null")) || bytes.Equal(b, []byte("[]")) || bytes.Equal(b, []byte("{}")):
		*t = ""
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case b[0] == '{' || b[0] == '[':
		return fmt.Errorf("a single value is expected, not %c…", b[0])
	default:
		*t = text(b)
	}
	return nil
}

// metaList reads meta_data, which PHP writes as an object when a filter took entries out of the list.
type metaList []meta

// UnmarshalJSON implements json.Unmarshaler.
func (l *metaList) UnmarshalJSON(b []byte) error {
	*l = nil
	b = bytes.TrimSpace(b)
	if len(b) == 0 || b[0] != '{' {
		return json.Unmarshal(b, (*[]meta)(l))
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if _, err := dec.Token(); err != nil {
		return err
	}
	for dec.More() {
		if _, err := dec.Token(); err != nil {
			return err
		}
		var m meta
		if err := dec.Decode(&m); err != nil {
			return err
		}
		*l = append(*l, m)
	}
	return nil
}

// value gives the text of a key's first entry, or "". Values that are no scalars are of no use here.
func (l metaList) value(key string) string {
	for _, m := range l {
		if strings.EqualFold(string(m.Key), key) {
			var t text
			if t.UnmarshalJSON(m.Value) == nil {
				return clean(t)
			}
		}
	}
	return ""
}

// clean trims and undoes the HTML entities that WordPress puts into names.
func clean(t text) string {
	return strings.TrimSpace(html.UnescapeString(strings.ToValidUTF8(string(t), "\uFFFD")))
}

// gmtTime reads a *_gmt field: UTC, without a zone, one second.
func gmtTime(t text) (time.Time, bool) {
	s := strings.TrimSuffix(string(t), "Z")
	v, err := time.Parse("2006-01-02T15:04:05", s)
	return v, err == nil
}

// version is a *_gmt time as a source version in Unix microseconds, 0 where there is none.
func version(t text) int64 {
	if v, ok := gmtTime(t); ok && v.Unix() > 0 {
		return v.UnixMicro()
	}
	return 0
}

func gmtText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05") }

// whole reads a quantity. Plugins allow fractions; a part of a piece can't be sold, so it is cut off downwards.
func whole(t text) (int64, bool) {
	s := strings.TrimSpace(string(t))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	head, frac, found := strings.Cut(s, ".")
	if !found || strings.ContainsFunc(frac, func(r rune) bool { return r < '0' || r > '9' }) {
		return 0, false
	}
	n, err := strconv.ParseInt(head, 10, 64)
	if err != nil && head != "" && head != "-" {
		return 0, false
	}
	if strings.HasPrefix(head, "-") && strings.Trim(frac, "0") != "" {
		n--
	}
	return n, true
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }

// parseID reads an external id of this platform: a positive number.
func parseID(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}

// lenient is a row of a list that may be unreadable without spoiling the rows around it.
type lenient[T any] struct {
	value    T
	id       int64
	modified text
	err      error // of the value; id and modified are known all the same
}

// UnmarshalJSON implements json.Unmarshaler. It fails only for what is no row at all.
func (l *lenient[T]) UnmarshalJSON(b []byte) error {
	var head struct {
		ID       int64 `json:"id"`
		Modified text  `json:"date_modified_gmt"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	l.id, l.modified = head.ID, head.Modified
	if err := json.Unmarshal(b, &l.value); err != nil {
		l.err = fmt.Errorf("the row can't be read: %w", jsonError(err))
	}
	return nil
}

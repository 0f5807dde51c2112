package magento

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// text is a scalar in the words of its source. Magento writes amounts as JSON numbers and the same field as a text in
// another version; numbers keep their digits, null is "".
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	switch b = bytes.TrimSpace(b); {
	case len(b) == 0 || bytes.Equal(b, []byte("null")):
		*t = ""
	case b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case b[0] == '{' || b[0] == '[':
		*t = "" // attributes of the shop's own types may be structures
	default:
		*t = text(b)
	}
	return nil
}

type product struct {
	ID         int64  `json:"id"`
	SKU        string `json:"sku"`
	Name       text   `json:"name"`
	Price      text   `json:"price"`
	Status     text   `json:"status"` // 1 enabled, 2 disabled
	Visibility text   `json:"visibility"`
	TypeID     string `json:"type_id"`
	CreatedAt  text   `json:"created_at"`
	UpdatedAt  text   `json:"updated_at"`
	Extension  struct {
		Links     []int64 `json:"configurable_product_links"`
		StockItem *struct {
			MinQty text `json:"min_qty"`
		} `json:"stock_item"`
	} `json:"extension_attributes"`
	Media []struct {
		File     string `json:"file"`
		Disabled bool   `json:"disabled"`
	} `json:"media_gallery_entries"`
	Custom []customAttribute `json:"custom_attributes"`
}

type customAttribute struct {
	Code  string          `json:"attribute_code"`
	Value json.RawMessage `json:"value"`
}

// words gives an attribute's value as stored; a list is joined by commas, as the shop does itself.
func (a *customAttribute) words() string {
	var t text
	if t.UnmarshalJSON(a.Value) == nil && t != "" {
		return string(t)
	}
	var list []text
	if json.Unmarshal(a.Value, &list) != nil {
		return ""
	}
	parts := make([]string, len(list))
	for i := range list {
		parts[i] = string(list[i])
	}
	return strings.Join(parts, ",")
}

type sourceItem struct {
	SKU        string      `json:"sku"`
	SourceCode string      `json:"source_code"`
	Quantity   json.Number `json:"quantity"`
	Status     int64       `json:"status"`
}

type order struct {
	EntityID      int64       `json:"entity_id"`
	IncrementID   text        `json:"increment_id"`
	State         text        `json:"state"`
	Status        text        `json:"status"`
	StoreID       int64       `json:"store_id"`
	CreatedAt     text        `json:"created_at"`
	UpdatedAt     text        `json:"updated_at"`
	Currency      text        `json:"order_currency_code"`
	GrandTotal    text        `json:"grand_total"`
	Subtotal      text        `json:"subtotal"`
	Tax           text        `json:"tax_amount"`
	Discount      text        `json:"discount_amount"`
	Shipping      text        `json:"shipping_amount"`
	TotalPaid     text        `json:"total_paid"`
	TotalRefunded text        `json:"total_refunded"`
	CustomerID    int64       `json:"customer_id"`
	Guest         text        `json:"customer_is_guest"`
	Email         text        `json:"customer_email"`
	First         text        `json:"customer_firstname"`
	Last          text        `json:"customer_lastname"`
	ExtOrderID    text        `json:"ext_order_id"`
	Items         []orderItem `json:"items"`
	Billing       *address    `json:"billing_address"`
	Payment       struct {
		Method      text `json:"method"`
		AmountPaid  text `json:"amount_paid"`
		LastTransID text `json:"last_trans_id"`
	} `json:"payment"`
	Histories []struct {
		Comment text `json:"comment"`
	} `json:"status_histories"`
	Extension struct {
		Pickup          text `json:"pickup_location_code"`
		GiftCardsAmount text `json:"gift_cards_amount"`
		BalanceAmount   text `json:"customer_balance_amount"`
		Assignments     []struct {
			Shipping struct {
				Address *address `json:"address"`
			} `json:"shipping"`
		} `json:"shipping_assignments"`
	} `json:"extension_attributes"`
}

type orderItem struct {
	ItemID       int64  `json:"item_id"`
	OrderID      int64  `json:"order_id"`
	ParentItemID int64  `json:"parent_item_id"`
	ProductID    int64  `json:"product_id"`
	ProductType  string `json:"product_type"`
	SKU          string `json:"sku"`
	Name         text   `json:"name"`
	Ordered      text   `json:"qty_ordered"`
	Invoiced     text   `json:"qty_invoiced"`
	Shipped      text   `json:"qty_shipped"`
	Refunded     text   `json:"qty_refunded"`
	Canceled     text   `json:"qty_canceled"`
	Price        text   `json:"price"`
	Discount     text   `json:"discount_amount"`
	Tax          text   `json:"tax_amount"`
}

type creditMemo struct {
	EntityID    int64 `json:"entity_id"`
	OrderID     int64 `json:"order_id"`
	CreatedAt   text  `json:"created_at"`
	UpdatedAt   text  `json:"updated_at"`
	State       int64 `json:"state"` // 1 open, 2 refunded, 3 cancelled by the vendor's constants
	GrandTotal  text  `json:"grand_total"`
	Currency    text  `json:"order_currency_code"`
	Transaction text  `json:"transaction_id"`
	Items       []struct {
		OrderItemID int64 `json:"order_item_id"`
		Qty         text  `json:"qty"`
		RowTotal    text  `json:"row_total"`
	} `json:"items"`
	Comments []struct {
		Comment text `json:"comment"`
	} `json:"comments"`
}

type address struct {
	First    text     `json:"firstname"`
	Last     text     `json:"lastname"`
	Company  text     `json:"company"`
	Street   []text   `json:"street"`
	City     text     `json:"city"`
	Region   regional `json:"region"`
	Postcode text     `json:"postcode"`
	Country  text     `json:"country_id"`
	Phone    text     `json:"telephone"`
	Email    text     `json:"email"`
}

// regional is a region: a text in an order, a structure at a customer.
type regional struct{ name string }

// UnmarshalJSON implements json.Unmarshaler.
func (r *regional) UnmarshalJSON(b []byte) error {
	var of struct {
		Region text `json:"region"`
	}
	if b = bytes.TrimSpace(b); len(b) > 0 && b[0] == '{' {
		err := json.Unmarshal(b, &of)
		r.name = string(of.Region)
		return err
	}
	var t text
	err := t.UnmarshalJSON(b)
	r.name = string(t)
	return err
}

type customer struct {
	ID        int64     `json:"id"`
	GroupID   int64     `json:"group_id"`
	CreatedAt text      `json:"created_at"`
	UpdatedAt text      `json:"updated_at"`
	Email     text      `json:"email"`
	Prefix    text      `json:"prefix"`
	First     text      `json:"firstname"`
	Middle    text      `json:"middlename"`
	Last      text      `json:"lastname"`
	Suffix    text      `json:"suffix"`
	Birthday  text      `json:"dob"`
	Addresses []address `json:"addresses"`
	Extension struct {
		Subscribed *bool `json:"is_subscribed"`
	} `json:"extension_attributes"`
}

// clean trims a text and makes it valid.
func clean(t text) string {
	return strings.TrimSpace(strings.ToValidUTF8(string(t), "\uFFFD"))
}

const timeLayout = "2006-01-02 15:04:05"

// shopTime reads a time of the API: UTC without a zone, whole seconds.
func shopTime(t text) (time.Time, bool) {
	v, err := time.Parse(timeLayout, clean(t))
	return v, err == nil
}

// version is a time as a source version in Unix microseconds, 0 where there is none.
func version(t text) int64 {
	if v, ok := shopTime(t); ok && v.Unix() > 0 {
		return v.UnixMicro()
	}
	return 0
}

func timeText(t time.Time) string { return t.UTC().Format(timeLayout) }

// plainDecimal bounds what is computed with: big.Rat would spend minutes on "1e999999".
var plainDecimal = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})?$`)

func decimal(s string) (*big.Rat, bool) {
	if !plainDecimal.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// amount is a number as an amount. PHP writes small and large floats with an exponent, and binary fractions with all their
// digits (0.30000000000000004): those are written out and rounded to the four places that the shop's database has.
func amount(t text) string {
	s := clean(t)
	_, frac, _ := strings.Cut(s, ".")
	if !strings.ContainsAny(s, "eE") && len(frac) <= 4 {
		return s
	}
	v, ok := decimal(s)
	if !ok {
		return s
	}
	out := v.FloatString(4)
	return strings.TrimRight(strings.TrimRight(out, "0"), ".")
}

// whole reads a quantity. A part of a piece can't be sold, so it is cut off downwards.
func whole(t text) (int64, bool) {
	v, ok := decimal(clean(t))
	if !ok {
		return 0, false
	}
	n := new(big.Int).Div(v.Num(), v.Denom()) // Euclidean: downwards for a positive denominator
	return n.Int64(), n.IsInt64()
}

func pieces(t text) int64 {
	n, _ := whole(t)
	return n
}

func idText(id int64) string { return strconv.FormatInt(id, 10) }

// parseID reads an external id of this platform: a positive number.
func parseID(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0
}

// jsonError keeps the place of an error and drops the value, which may be personal.
func jsonError(err error) error {
	switch e := err.(type) {
	case *json.UnmarshalTypeError:
		return fmt.Errorf("field %q at byte %d has the wrong type", e.Field, e.Offset)
	case *json.SyntaxError:
		return fmt.Errorf("syntax error at byte %d", e.Offset)
	}
	return fmt.Errorf("unreadable")
}

package bigcommerce

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

// text is a scalar in the words of its source. v2 writes amounts as texts and v3 as JSON numbers, which keep their digits
// here; null is "".
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
		*t = ""
	default:
		*t = text(b)
	}
	return nil
}

type product struct {
	ID           int64         `json:"id"`
	Name         text          `json:"name"`
	SKU          string        `json:"sku"`
	Description  text          `json:"description"`
	Price        text          `json:"price"`
	SalePrice    text          `json:"sale_price"`
	BrandID      int64         `json:"brand_id"`
	Tracking     string        `json:"inventory_tracking"`
	Visible      bool          `json:"is_visible"`
	Availability text          `json:"availability"`
	UPC          text          `json:"upc"`
	GTIN         text          `json:"gtin"`
	MPN          text          `json:"mpn"`
	Created      text          `json:"date_created"`
	Modified     text          `json:"date_modified"`
	Variants     []variant     `json:"variants"`
	Custom       []customField `json:"custom_fields"`
	Images       []struct {
		URL text `json:"url_zoom"`
	} `json:"images"`
}

type variant struct {
	ID        int64  `json:"id"`
	ProductID int64  `json:"product_id"`
	SKU       string `json:"sku"`
	Price     text   `json:"price"`
	SalePrice text   `json:"sale_price"`
	UPC       text   `json:"upc"`
	GTIN      text   `json:"gtin"`
	MPN       text   `json:"mpn"`
	Disabled  bool   `json:"purchasing_disabled"`
	Options   []struct {
		Name  text `json:"option_display_name"`
		Label text `json:"label"`
	} `json:"option_values"`
}

type customField struct {
	Name  text `json:"name"`
	Value text `json:"value"`
}

type metafield struct {
	ID        int64  `json:"id"`
	Namespace string `json:"namespace"`
	Key       string `json:"key"`
	Value     text   `json:"value"`
	Resource  int64  `json:"resource_id"`
}

type priceRecord struct {
	ListID    int64  `json:"price_list_id"`
	VariantID int64  `json:"variant_id"`
	ProductID int64  `json:"product_id"`
	Currency  string `json:"currency"`
	Price     text   `json:"price"`
	SalePrice text   `json:"sale_price"`
}

type location struct {
	ID      int64 `json:"id"`
	Label   text  `json:"label"`
	Enabled bool  `json:"enabled"`
	Address struct {
		Country text `json:"country_code"`
	} `json:"address"`
}

type inventoryItem struct {
	Identity struct {
		VariantID int64 `json:"variant_id"`
		ProductID int64 `json:"product_id"`
	} `json:"identity"`
	Locations []struct {
		ID        int64 `json:"location_id"`
		Available text  `json:"available_to_sell"`
		OnHand    text  `json:"total_inventory_onhand"`
		Settings  struct {
			Safety text `json:"safety_stock"`
		} `json:"settings"`
	} `json:"locations"`
}

type order struct {
	ID             int64        `json:"id"`
	CustomerID     int64        `json:"customer_id"`
	Created        text         `json:"date_created"`
	Modified       text         `json:"date_modified"`
	StatusID       int64        `json:"status_id"`
	Status         text         `json:"status"`
	Subtotal       text         `json:"subtotal_ex_tax"`
	Shipping       text         `json:"shipping_cost_ex_tax"`
	ShippingGross  text         `json:"shipping_cost_inc_tax"`
	Total          text         `json:"total_inc_tax"`
	Tax            text         `json:"total_tax"`
	Discount       text         `json:"discount_amount"`
	CouponDiscount text         `json:"coupon_discount"`
	StoreCredit    text         `json:"store_credit_amount"`
	GiftCert       text         `json:"gift_certificate_amount"`
	ItemsShipped   text         `json:"items_shipped"`
	PaymentMethod  text         `json:"payment_method"`
	PaymentStatus  text         `json:"payment_status"`
	DisplayCode    text         `json:"currency_code"`
	PaidCode       text         `json:"default_currency_code"` // of the currency that is paid in
	StaffNotes     text         `json:"staff_notes"`
	ChannelID      int64        `json:"channel_id"`
	Source         text         `json:"order_source"`
	Locale         text         `json:"customer_locale"`
	Billing        address      `json:"billing_address"`
	Consignments   consignments `json:"consignments"`
}

// consignments are the ways in which an order's goods go to the buyer. Where an answer has none, URL names where they are.
type consignments struct {
	URL     text `json:"url"`
	Pickups []struct {
		ID       int64 `json:"id"`
		Location struct {
			ID int64 `json:"id"`
		} `json:"location"`
		Lines []orderLine `json:"line_items"`
	} `json:"pickups"`
	Shipping []struct {
		address
		Lines []orderLine `json:"line_items"`
	} `json:"shipping"`
	Downloads []struct {
		Lines []orderLine `json:"line_items"`
	} `json:"downloads"`
	Email struct {
		Gifts []struct {
			Lines []orderLine `json:"line_items"`
		} `json:"gift_certificates"`
	} `json:"email"`
}

type orderLine struct {
	ID        int64  `json:"id"`
	ProductID int64  `json:"product_id"`
	VariantID int64  `json:"variant_id"`
	AddressID int64  `json:"order_address_id"`
	SKU       string `json:"sku"`
	Name      text   `json:"name"`
	Type      string `json:"type"`
	Price     text   `json:"price_ex_tax"`
	Tax       text   `json:"total_tax"`
	Quantity  text   `json:"quantity"`
	Shipped   text   `json:"quantity_shipped"`
	Refunded  text   `json:"quantity_refunded"`
	Discounts []struct {
		Amount text `json:"amount"`
		Target text `json:"target"`
	} `json:"applied_discounts"`
	Options []struct {
		Name  text `json:"display_name"`
		Value text `json:"display_value"`
	} `json:"product_options"`

	location int64 // that gives it, where the order says so
}

type shipment struct {
	ID       int64 `json:"id"`
	Created  text  `json:"date_created"`
	Tracking text  `json:"tracking_number"`
	Provider text  `json:"shipping_provider"`
	Carrier  text  `json:"tracking_carrier"`
	Items    []struct {
		LineID   int64 `json:"order_product_id"`
		Quantity text  `json:"quantity"`
	} `json:"items"`
}

type transaction struct {
	ID        int64 `json:"id"`
	Event     text  `json:"event"`
	Method    text  `json:"method"`
	Gateway   text  `json:"gateway"`
	GatewayID text  `json:"gateway_transaction_id"`
	Amount    text  `json:"amount"`
	Currency  text  `json:"currency"`
	Status    text  `json:"status"`
	Reference int64 `json:"reference_transaction_id"`
	Created   text  `json:"date_created"`
}

type refund struct {
	ID      int64  `json:"id"`
	OrderID int64  `json:"order_id"`
	Created text   `json:"created"`
	Reason  text   `json:"reason"`
	Total   text   `json:"total_amount"`
	Items   []item `json:"items"`

	Payments []moneyBack `json:"payments"`
}

// moneyBack is a payment of a refund.
type moneyBack struct {
	Provider text `json:"provider_id"`
	Amount   text `json:"amount"`
	Offline  bool `json:"offline"`
	Declined bool `json:"is_declined"`
	Message  text `json:"declined_message"`
}

type item struct {
	Type     string `json:"item_type"`
	ID       int64  `json:"item_id"`
	Quantity text   `json:"quantity"`
	Amount   text   `json:"requested_amount"`
	Reason   text   `json:"reason"`
}

type address struct {
	First    text `json:"first_name"`
	Last     text `json:"last_name"`
	Company  text `json:"company"`
	Street1  text `json:"street_1"`
	Street2  text `json:"street_2"`
	City     text `json:"city"`
	State    text `json:"state"`
	Zip      text `json:"zip"`
	Country  text `json:"country_iso2"`
	CountryN text `json:"country"`
	Phone    text `json:"phone"`
	Email    text `json:"email"`
}

type customer struct {
	ID        int64 `json:"id"`
	GroupID   int64 `json:"customer_group_id"`
	Email     text  `json:"email"`
	First     text  `json:"first_name"`
	Last      text  `json:"last_name"`
	Company   text  `json:"company"`
	Phone     text  `json:"phone"`
	Notes     text  `json:"notes"`
	Created   text  `json:"date_created"`
	Modified  text  `json:"date_modified"`
	Addresses []struct {
		First   text `json:"first_name"`
		Last    text `json:"last_name"`
		Company text `json:"company"`
		Line1   text `json:"address1"`
		Line2   text `json:"address2"`
		City    text `json:"city"`
		State   text `json:"state_or_province"`
		Zip     text `json:"postal_code"`
		Country text `json:"country_code"`
		Phone   text `json:"phone"`
	} `json:"addresses"`
}

// clean trims a text and makes it valid.
func clean(t text) string {
	return strings.TrimSpace(strings.ToValidUTF8(string(t), "\uFFFD"))
}

// timeLayouts are those of v3 (with an offset or Z, and without) and of v2 (mail).
var timeLayouts = []string{time.RFC3339, time.RFC1123Z, "2006-01-02T15:04:05"}

// moment reads a time of the API.
func moment(t text) (time.Time, bool) {
	for _, layout := range timeLayouts {
		if v, err := time.Parse(layout, clean(t)); err == nil {
			return v.UTC(), true
		}
	}
	return time.Time{}, false
}

func momentPtr(t text) *time.Time {
	if v, ok := moment(t); ok && v.Unix() > 0 {
		return &v
	}
	return nil
}

// version is a time as a source version in Unix microseconds, 0 where there is none.
func version(t text) int64 {
	if v, ok := moment(t); ok && v.Unix() > 0 {
		return v.UnixMicro()
	}
	return 0
}

func timeText(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// plainDecimal bounds what is computed with: big.Rat would spend minutes on "1e999999".
var plainDecimal = regexp.MustCompile(`^-?[0-9]{1,18}(\.[0-9]{1,17})?([eE][-+]?[0-9]{1,2})?$`)

func decimal(s string) (*big.Rat, bool) {
	if !plainDecimal.MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// amount is a number as an amount: as stated, where it has at most four places and no exponent; else rounded to the four
// places that the platform computes with.
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
	return strings.TrimRight(strings.TrimRight(v.FloatString(4), "0"), ".")
}

// isZero reports whether an amount is none: absent, or nothing in whatever spelling.
func isZero(t text) bool {
	v, ok := decimal(clean(t))
	return !ok || v.Sign() == 0
}

// sum adds amounts; false where one can't be read.
func sum(all ...text) (string, bool) {
	total, digits := new(big.Rat), 2
	for _, t := range all {
		if clean(t) == "" {
			continue
		}
		v, ok := decimal(amount(t))
		if !ok {
			return "", false
		}
		if _, frac, _ := strings.Cut(amount(t), "."); len(frac) > digits {
			digits = len(frac)
		}
		total.Add(total, v)
	}
	return total.FloatString(digits), true
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

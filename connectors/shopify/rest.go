package shopify

import (
	"encoding/json"
	"strconv"
)

// The bodies of webhooks have the shape of the REST resources. Only what is translated is declared, so that decoding
// skips the rest. Money is a decimal string and ids are 64-bit numbers.

type restMoneySet struct {
	ShopMoney struct {
		Amount       string `json:"amount"`
		CurrencyCode string `json:"currency_code"`
	} `json:"shop_money"`
}

func (m *restMoneySet) amount() string {
	if m == nil {
		return ""
	}
	return m.ShopMoney.Amount
}

type restAddress struct {
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	Name         string `json:"name"`
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

type restOrder struct {
	ID                    int64            `json:"id"`
	Name                  string           `json:"name"`
	Email                 string           `json:"email"`
	Phone                 string           `json:"phone"`
	CreatedAt             string           `json:"created_at"`
	UpdatedAt             string           `json:"updated_at"`
	ProcessedAt           string           `json:"processed_at"`
	CancelledAt           string           `json:"cancelled_at"`
	Currency              string           `json:"currency"`
	FinancialStatus       string           `json:"financial_status"`
	FulfillmentStatus     string           `json:"fulfillment_status"`
	TotalPrice            string           `json:"total_price"`
	SubtotalPrice         string           `json:"subtotal_price"`
	TotalTax              string           `json:"total_tax"`
	TotalDiscounts        string           `json:"total_discounts"`
	TotalShippingPriceSet *restMoneySet    `json:"total_shipping_price_set"`
	LocationID            int64            `json:"location_id"`
	SourceName            string           `json:"source_name"`
	Test                  bool             `json:"test"`
	CustomerLocale        string           `json:"customer_locale"`
	Customer              *restOrderBuyer  `json:"customer"`
	BillingAddress        *restAddress     `json:"billing_address"`
	ShippingAddress       *restAddress     `json:"shipping_address"`
	LineItems             []restLine       `json:"line_items"`
	Refunds               []restRefund     `json:"refunds"`
	Fulfillments          []restFulfilment `json:"fulfillments"`
}

type restFulfilment struct {
	ID              int64  `json:"id"`
	LocationID      int64  `json:"location_id"`
	Status          string `json:"status"`
	ShipmentStatus  string `json:"shipment_status"`
	CreatedAt       string `json:"created_at"`
	TrackingCompany string `json:"tracking_company"`
	TrackingNumber  string `json:"tracking_number"`
	LineItems       []struct {
		ID       int64 `json:"id"`
		Quantity int64 `json:"quantity"`
	} `json:"line_items"`
}

type restOrderBuyer struct {
	ID        int64  `json:"id"`
	Email     string `json:"email"`
	Phone     string `json:"phone"`
	FirstName string `json:"first_name"`
	LastName  string `json:"last_name"`
}

type restLine struct {
	ID                  int64  `json:"id"`
	VariantID           int64  `json:"variant_id"`
	SKU                 string `json:"sku"`
	Title               string `json:"title"`
	Quantity            int64  `json:"quantity"`
	Price               string `json:"price"`
	DiscountAllocations []struct {
		Amount string `json:"amount"`
	} `json:"discount_allocations"`
	TaxLines []struct {
		Price string `json:"price"`
	} `json:"tax_lines"`
	Properties []struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	} `json:"properties"`
}

type restRefund struct {
	ID              int64  `json:"id"`
	OrderID         int64  `json:"order_id"`
	CreatedAt       string `json:"created_at"`
	Note            string `json:"note"`
	RefundLineItems []struct {
		LineItemID  int64         `json:"line_item_id"`
		Quantity    int64         `json:"quantity"`
		RestockType string        `json:"restock_type"`
		LocationID  int64         `json:"location_id"`
		Subtotal    json.Number   `json:"subtotal"`
		SubtotalSet *restMoneySet `json:"subtotal_set"`
	} `json:"refund_line_items"`
	Transactions []restTransaction `json:"transactions"`
}

type restTransaction struct {
	ID       int64       `json:"id"`
	Kind     string      `json:"kind"`
	Gateway  string      `json:"gateway"`
	Status   string      `json:"status"`
	Amount   json.Number `json:"amount"`
	Currency string      `json:"currency"`
}

type restProduct struct {
	ID          int64         `json:"id"`
	Title       string        `json:"title"`
	BodyHTML    string        `json:"body_html"`
	Vendor      string        `json:"vendor"`
	ProductType string        `json:"product_type"`
	Status      string        `json:"status"`
	Tags        string        `json:"tags"`
	CreatedAt   string        `json:"created_at"`
	UpdatedAt   string        `json:"updated_at"`
	Variants    []restVariant `json:"variants"`
	// VariantGIDs lists every variant where the body carries only the first of them.
	VariantGIDs []struct {
		ID string `json:"admin_graphql_api_id"`
	} `json:"variant_gids"`
}

type restVariant struct {
	ID                  int64           `json:"id"`
	Title               string          `json:"title"`
	SKU                 string          `json:"sku"`
	Barcode             string          `json:"barcode"`
	Price               string          `json:"price"`
	CompareAt           string          `json:"compare_at_price"`
	CreatedAt           string          `json:"created_at"`
	UpdatedAt           string          `json:"updated_at"`
	InventoryItemID     int64           `json:"inventory_item_id"`
	InventoryQuantity   int64           `json:"inventory_quantity"`
	InventoryManagement json.RawMessage `json:"inventory_management"` // absent, null (untracked) or a system's name
}

type restLevel struct {
	InventoryItemID int64  `json:"inventory_item_id"`
	LocationID      int64  `json:"location_id"`
	Available       *int64 `json:"available"`
	UpdatedAt       string `json:"updated_at"`
}

type restCustomer struct {
	ID                    int64         `json:"id"`
	Email                 string        `json:"email"`
	Phone                 string        `json:"phone"`
	FirstName             string        `json:"first_name"`
	LastName              string        `json:"last_name"`
	Note                  string        `json:"note"`
	Tags                  string        `json:"tags"`
	CreatedAt             string        `json:"created_at"`
	UpdatedAt             string        `json:"updated_at"`
	Addresses             []restAddress `json:"addresses"`
	EmailMarketingConsent *struct {
		State string `json:"state"`
	} `json:"email_marketing_consent"`
}

type restLocation struct {
	ID          int64  `json:"id"`
	Name        string `json:"name"`
	Active      bool   `json:"active"`
	Country     string `json:"country"`
	CountryCode string `json:"country_code"`
	UpdatedAt   string `json:"updated_at"`
}

// restThin has the ids of the bodies that name an entity and say nothing else of it.
type restThin struct {
	ID                int64  `json:"id"`
	OrderID           int64  `json:"order_id"`
	KeptCustomer      string `json:"admin_graphql_api_customer_kept_id"`
	DeletedCustomer   string `json:"admin_graphql_api_customer_deleted_id"`
	OrderEditEnvelope struct {
		OrderID int64 `json:"order_id"`
	} `json:"order_edit"`
}

// text gives a property's value: a JSON string without its quotes, everything else as it stands.
func text(raw json.RawMessage) string {
	if len(raw) > 1 && raw[0] == '"' {
		if s, err := strconv.Unquote(string(raw)); err == nil {
			return s
		}
	}
	return string(raw)
}

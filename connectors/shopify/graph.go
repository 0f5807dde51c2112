package shopify

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// What the GraphQL documents answer.

type graphPage struct {
	HasNextPage bool   `json:"hasNextPage"`
	EndCursor   string `json:"endCursor"`
}

type connection[T any] struct {
	Nodes    []T       `json:"nodes"`
	PageInfo graphPage `json:"pageInfo"`
}

type graphID struct {
	ID string `json:"id"`
}

func (g *graphID) id() string {
	if g == nil {
		return ""
	}
	return g.ID
}

type graphMoney struct {
	Amount       string `json:"amount"`
	CurrencyCode string `json:"currencyCode"`
}

func (m *graphMoney) amount() string { return restAmount(m.Amount, m.CurrencyCode) }

type graphBag struct {
	ShopMoney graphMoney `json:"shopMoney"`
}

func (b *graphBag) money() *canon.StatedMoney {
	if b == nil {
		return nil
	}
	return money(b.ShopMoney.amount(), b.ShopMoney.CurrencyCode)
}

type graphMetafield struct {
	Namespace string `json:"namespace"`
	Key       string `json:"key"`
	Value     string `json:"value"`
}

type graphLevel struct {
	UpdatedAt  string  `json:"updatedAt"`
	Location   graphID `json:"location"`
	Quantities []struct {
		Quantity int64 `json:"quantity"`
	} `json:"quantities"`
}

type graphItem struct {
	ID              string                 `json:"id"`
	Tracked         bool                   `json:"tracked"`
	UnitCost        *graphMoney            `json:"unitCost"`
	InventoryLevels connection[graphLevel] `json:"inventoryLevels"`
}

type graphVariant struct {
	ID        string `json:"id"`
	Title     string `json:"title"`
	SKU       string `json:"sku"`
	Barcode   string `json:"barcode"`
	Price     string `json:"price"`
	CompareAt string `json:"compareAtPrice"`
	CreatedAt string `json:"createdAt"`
	UpdatedAt string `json:"updatedAt"`
	Product   struct {
		ID          string                     `json:"id"`
		Title       string                     `json:"title"`
		Vendor      string                     `json:"vendor"`
		ProductType string                     `json:"productType"`
		Status      string                     `json:"status"`
		UpdatedAt   string                     `json:"updatedAt"`
		Metafields  connection[graphMetafield] `json:"metafields"`
	} `json:"product"`
	InventoryItem graphItem                  `json:"inventoryItem"`
	Metafields    connection[graphMetafield] `json:"metafields"`
}

type graphProduct struct {
	ID              string                     `json:"id"`
	Title           string                     `json:"title"`
	DescriptionHTML string                     `json:"descriptionHtml"`
	Vendor          string                     `json:"vendor"`
	ProductType     string                     `json:"productType"`
	Status          string                     `json:"status"`
	Tags            []string                   `json:"tags"`
	CreatedAt       string                     `json:"createdAt"`
	UpdatedAt       string                     `json:"updatedAt"`
	Variants        connection[graphID]        `json:"variants"`
	Metafields      connection[graphMetafield] `json:"metafields"`
}

type graphAddress struct {
	Name          string `json:"name"`
	FirstName     string `json:"firstName"`
	LastName      string `json:"lastName"`
	Company       string `json:"company"`
	Address1      string `json:"address1"`
	Address2      string `json:"address2"`
	City          string `json:"city"`
	Province      string `json:"province"`
	ProvinceCode  string `json:"provinceCode"`
	Zip           string `json:"zip"`
	Country       string `json:"country"`
	CountryCodeV2 string `json:"countryCodeV2"`
	Phone         string `json:"phone"`
}

// rest gives the address in the shape of a webhook's body, which both translations share.
func (a *graphAddress) rest() *restAddress {
	if a == nil {
		return nil
	}
	return &restAddress{
		FirstName: a.FirstName, LastName: a.LastName, Name: a.Name, Company: a.Company, Address1: a.Address1,
		Address2: a.Address2, City: a.City, Province: a.Province, ProvinceCode: a.ProvinceCode, Zip: a.Zip, Country: a.Country,
		CountryCode: a.CountryCodeV2, Phone: a.Phone,
	}
}

type graphEmail struct {
	EmailAddress   string `json:"emailAddress"`
	MarketingState string `json:"marketingState"`
}

type graphPhone struct {
	PhoneNumber string `json:"phoneNumber"`
}

type graphCustomer struct {
	ID                  string                   `json:"id"`
	FirstName           string                   `json:"firstName"`
	LastName            string                   `json:"lastName"`
	Note                string                   `json:"note"`
	Tags                []string                 `json:"tags"`
	CreatedAt           string                   `json:"createdAt"`
	UpdatedAt           string                   `json:"updatedAt"`
	DefaultEmailAddress *graphEmail              `json:"defaultEmailAddress"`
	DefaultPhoneNumber  *graphPhone              `json:"defaultPhoneNumber"`
	AddressesV2         connection[graphAddress] `json:"addressesV2"`
}

type graphLine struct {
	ID               string   `json:"id"`
	SKU              string   `json:"sku"`
	Title            string   `json:"title"`
	Quantity         int64    `json:"quantity"`
	Variant          *graphID `json:"variant"`
	CustomAttributes []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"customAttributes"`
	OriginalUnitPriceSet graphBag `json:"originalUnitPriceSet"`
	DiscountAllocations  []struct {
		AllocatedAmountSet graphBag `json:"allocatedAmountSet"`
	} `json:"discountAllocations"`
	TaxLines []struct {
		PriceSet graphBag `json:"priceSet"`
	} `json:"taxLines"`
}

type graphOrder struct {
	ID                       string                `json:"id"`
	Name                     string                `json:"name"`
	Email                    string                `json:"email"`
	Phone                    string                `json:"phone"`
	UpdatedAt                string                `json:"updatedAt"`
	ProcessedAt              string                `json:"processedAt"`
	CancelledAt              string                `json:"cancelledAt"`
	CurrencyCode             string                `json:"currencyCode"`
	DisplayFinancialStatus   string                `json:"displayFinancialStatus"`
	DisplayFulfillmentStatus string                `json:"displayFulfillmentStatus"`
	Test                     bool                  `json:"test"`
	SourceName               string                `json:"sourceName"`
	CustomerLocale           string                `json:"customerLocale"`
	TotalPriceSet            graphBag              `json:"totalPriceSet"`
	SubtotalPriceSet         *graphBag             `json:"subtotalPriceSet"`
	TotalTaxSet              *graphBag             `json:"totalTaxSet"`
	TotalDiscountsSet        *graphBag             `json:"totalDiscountsSet"`
	TotalShippingPriceSet    *graphBag             `json:"totalShippingPriceSet"`
	RetailLocation           *graphID              `json:"retailLocation"`
	Customer                 *graphCustomer        `json:"customer"`
	BillingAddress           *graphAddress         `json:"billingAddress"`
	ShippingAddress          *graphAddress         `json:"shippingAddress"`
	LineItems                connection[graphLine] `json:"lineItems"`
	Fulfillments             []graphFulfilment     `json:"fulfillments"`
	Transactions             []graphTransaction    `json:"transactions"`
	ReturnStatus             string                `json:"returnStatus"`
	// linesApart tells that the lines of its fulfilments are read apart: a bulk operation has no list of a list.
	linesApart bool
	Refunds    []graphID `json:"refunds"`
}

type graphFulfilledLine struct {
	Quantity int64   `json:"quantity"`
	LineItem graphID `json:"lineItem"`
}

type graphFulfilment struct {
	ID            string   `json:"id"`
	Status        string   `json:"status"`
	DisplayStatus string   `json:"displayStatus"`
	CreatedAt     string   `json:"createdAt"`
	Location      *graphID `json:"location"`
	TrackingInfo  []struct {
		Company string `json:"company"`
		Number  string `json:"number"`
	} `json:"trackingInfo"`
	Lines connection[graphFulfilledLine] `json:"fulfillmentLineItems"`
}

type graphTransaction struct {
	ID                string   `json:"id"`
	Kind              string   `json:"kind"`
	Status            string   `json:"status"`
	Gateway           string   `json:"gateway"`
	ProcessedAt       string   `json:"processedAt"`
	AmountSet         graphBag `json:"amountSet"`
	ParentTransaction *graphID `json:"parentTransaction"`
}

// graphReturns is an order's returns.
type graphReturns struct {
	ID        string                  `json:"id"`
	UpdatedAt string                  `json:"updatedAt"`
	Returns   connection[graphReturn] `json:"returns"`
}

type graphReturn struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	CreatedAt string `json:"createdAt"`
	Lines     connection[struct {
		Quantity            int64 `json:"quantity"`
		FulfillmentLineItem struct {
			LineItem graphID `json:"lineItem"`
		} `json:"fulfillmentLineItem"`
	}] `json:"returnLineItems"`
	Exchange connection[struct {
		Quantity  int64     `json:"quantity"`
		LineItems []graphID `json:"lineItems"`
	}] `json:"exchangeLineItems"`
	Refunds connection[graphID] `json:"refunds"`
}

type graphRefundLine struct {
	Quantity    int64    `json:"quantity"`
	RestockType string   `json:"restockType"`
	LineItem    graphID  `json:"lineItem"`
	Location    *graphID `json:"location"`
	SubtotalSet graphBag `json:"subtotalSet"`
}

type graphRefund struct {
	ID          string `json:"id"`
	CreatedAt   string `json:"createdAt"`
	ProcessedAt string `json:"processedAt"`
	Note        string `json:"note"`
	Order       struct {
		ID           string `json:"id"`
		CurrencyCode string `json:"currencyCode"`
	} `json:"order"`
	RefundLineItems connection[graphRefundLine] `json:"refundLineItems"`
	Transactions    connection[struct {
		ID        string   `json:"id"`
		Kind      string   `json:"kind"`
		Gateway   string   `json:"gateway"`
		Status    string   `json:"status"`
		AmountSet graphBag `json:"amountSet"`
	}] `json:"transactions"`
}

type graphLocation struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	IsActive  bool   `json:"isActive"`
	UpdatedAt string `json:"updatedAt"`
	Address   struct {
		CountryCode string `json:"countryCode"`
	} `json:"address"`
}

// word turns an upper-case word of GraphQL into the one that webhooks use.
func word(upper string) string { return strings.ToLower(upper) }

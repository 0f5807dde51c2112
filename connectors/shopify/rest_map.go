package shopify

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// listingHidden and productHidden are the fields of a listing and a product that a webhook's body never carries.
var (
	listingHidden = []string{
		"attributes", "certificates", "cost", "epc", "fineness", "metal", "metal_colour", "ring_size",
		"serial", "stones", "style_no", "weight",
	}
	productHidden = []string{"attributes", "style_no"}
)

func (a *restAddress) state() *canon.AddressState {
	if a == nil {
		return nil
	}
	return &canon.AddressState{
		Name: first(a.Name, strings.TrimSpace(a.FirstName+" "+a.LastName)), Company: a.Company,
		Line1: a.Address1, Line2: a.Address2, City: a.City, Region: first(a.ProvinceCode, a.Province), PostalCode: a.Zip,
		Country: first(a.CountryCode, a.Country), Phone: a.Phone,
	}
}

// order translates an order and the refunds that its body carries.
func (s *session) order(o *restOrder) []canon.Observation {
	cancelledAt := momentPtr(o.CancelledAt)
	status := orderStatus(cancelledAt, o.FinancialStatus, o.FulfillmentStatus)
	state := &canon.OrderState{
		Number: o.Name, Status: status, FinancialStatus: o.FinancialStatus,
		PlacedAt: moment(first(o.ProcessedAt, o.CreatedAt)), CancelledAt: cancelledAt, Currency: o.Currency,
		Total:    canon.StatedMoney{Amount: o.TotalPrice, Currency: o.Currency},
		Subtotal: money(o.SubtotalPrice, o.Currency), Tax: money(o.TotalTax, o.Currency),
		Discount: money(o.TotalDiscounts, o.Currency), Shipping: money(o.TotalShippingPriceSet.amount(), o.Currency),
		Lines:    make([]canon.OrderLine, 0, len(o.LineItems)),
		Location: gid("Location", o.LocationID), Channel: o.SourceName, HandedOver: handedOver(o.SourceName, status),
	}
	for i := range o.Fulfillments {
		state.Fulfilments = append(state.Fulfilments, o.Fulfillments[i].state())
	}
	sortFulfilments(state)
	from := state.Location
	if from == "" && status == canon.OrderFulfilled {
		locations := make([]string, 0, len(o.Fulfillments))
		for _, f := range o.Fulfillments {
			if f.Status == "" || f.Status == "success" {
				locations = append(locations, gid("Location", f.LocationID))
			}
		}
		from = oneLocation(locations)
	}
	for i := range o.LineItems {
		state.Lines = append(state.Lines, o.LineItems[i].state(o.Currency, from))
	}

	var buyer canon.PersonState
	var email, phone string
	if c := o.Customer; c != nil {
		state.CustomerID = gid("Customer", c.ID)
		buyer.GivenName, buyer.FamilyName, email, phone = c.FirstName, c.LastName, c.Email, c.Phone
	}
	for _, a := range []*restAddress{o.BillingAddress, o.ShippingAddress} {
		if a != nil && buyer.GivenName == "" && buyer.FamilyName == "" {
			buyer.GivenName, buyer.FamilyName = a.FirstName, a.LastName
		}
	}
	buyer.Emails, buyer.Phones = nonEmpty(first(o.Email, email)), nonEmpty(first(o.Phone, phone))
	buyer.Locale = o.CustomerLocale
	state.Buyer = person(buyer, o.BillingAddress.state(), o.ShippingAddress.state())

	obs := canon.Observation{
		Kind: canon.KindOrder, ExternalID: gid("Order", o.ID), Aspect: canon.AspectMain,
		SourceVersion: version(o.UpdatedAt), Order: state,
	}
	if s.personalDenied.Load() && state.Buyer == nil {
		obs.Hidden = []string{"buyer", "customer_id"}
	}
	out := append(make([]canon.Observation, 0, 1+len(o.Refunds)), obs)
	for i := range o.Refunds {
		r := &o.Refunds[i]
		if r.OrderID == 0 {
			r.OrderID = o.ID
		}
		out = append(out, r.observation(o.Currency))
	}
	return out
}

func (l *restLine) state(currency, from string) canon.OrderLine {
	line := canon.OrderLine{
		ID: gid("LineItem", l.ID), ListingID: gid("ProductVariant", l.VariantID), SKU: l.SKU, Title: l.Title,
		Quantity: l.Quantity, Price: canon.StatedMoney{Amount: l.Price, Currency: currency}, Location: from,
	}
	if n := len(l.DiscountAllocations); n > 0 {
		amounts := make([]string, 0, n)
		for _, d := range l.DiscountAllocations {
			amounts = append(amounts, d.Amount)
		}
		line.Discount = sumMoney(amounts, currency)
	}
	if n := len(l.TaxLines); n > 0 {
		amounts := make([]string, 0, n)
		for _, t := range l.TaxLines {
			amounts = append(amounts, t.Price)
		}
		line.Tax = sumMoney(amounts, currency)
	}
	for _, p := range l.Properties {
		lineProperty(&line, p.Name, text(p.Value))
	}
	return line
}

func (r *restRefund) observation(currency string) canon.Observation {
	state := &canon.RefundState{OrderID: gid("Order", r.OrderID), CreatedAt: moment(r.CreatedAt), Note: r.Note}
	var paid []string
	for _, t := range r.Transactions {
		if t.Kind != "refund" || t.Status != "success" {
			continue
		}
		cur := first(t.Currency, currency)
		currency = cur // a refund's own body states its currency only here
		paid = append(paid, t.Amount.String())
		state.Tenders = append(state.Tenders, canon.Tender{
			Kind:   tenderKind(t.Gateway),
			Amount: canon.StatedMoney{Amount: t.Amount.String(), Currency: cur}, Reference: gid("OrderTransaction", t.ID),
		})
	}
	state.Total = sumMoney(paid, currency)
	for i := range r.RefundLineItems {
		l := &r.RefundLineItems[i]
		cur := currency
		if l.SubtotalSet != nil {
			cur = first(l.SubtotalSet.ShopMoney.CurrencyCode, currency)
		}
		state.Lines = append(state.Lines, canon.RefundLine{
			OrderLineID: gid("LineItem", l.LineItemID), Quantity: l.Quantity,
			Restocked: restocked(l.RestockType), Location: gid("Location", l.LocationID),
			Amount: money(first(l.SubtotalSet.amount(), l.Subtotal.String()), cur),
		})
	}
	return canon.Observation{
		Kind: canon.KindRefund, ExternalID: gid("Refund", r.ID), Aspect: canon.AspectMain,
		SourceVersion: version(r.CreatedAt), Refund: state,
	}
}

// product translates a product and its variants. Its body carries no metafields and no cost: those fields are hidden.
func (s *session) product(p *restProduct) []canon.Observation {
	productID := gid("Product", p.ID)
	state := &canon.ProductState{
		Title: p.Title, Description: p.BodyHTML, Brand: p.Vendor, Category: p.ProductType,
		Status: listingStatus(p.Status), Tags: sortedTags(strings.Split(p.Tags, ",")), CreatedAt: momentPtr(p.CreatedAt),
	}
	newest := version(p.UpdatedAt)
	if len(p.VariantGIDs) > len(p.Variants) {
		for _, v := range p.VariantGIDs {
			state.ListingIDs = append(state.ListingIDs, v.ID)
		}
	} else {
		for i := range p.Variants {
			state.ListingIDs = append(state.ListingIDs, gid("ProductVariant", p.Variants[i].ID))
		}
	}
	out := append(make([]canon.Observation, 0, 1+len(p.Variants)), canon.Observation{
		Kind: canon.KindProduct, ExternalID: productID,
		Aspect: canon.AspectMain, SourceVersion: newest, Hidden: productHidden, Product: state,
	})

	currency := ""
	if c := s.currency.Load(); c != nil {
		currency = *c
	}
	for i := range p.Variants {
		v := &p.Variants[i]
		l := &canon.ListingState{
			ProductID: productID, StockID: gid("InventoryItem", v.InventoryItemID), Title: p.Title,
			VariantTitle: variantTitle(v.Title), SKU: v.SKU, GTIN: gtin(v.Barcode), Brand: p.Vendor, Category: p.ProductType,
			Status: state.Status, CreatedAt: momentPtr(v.CreatedAt),
		}
		hidden := listingHidden
		if v.InventoryItemID == 0 {
			hidden = append(hidden[:len(hidden):len(hidden)], "stock_id")
		}
		if v.InventoryManagement == nil {
			hidden = append(hidden[:len(hidden):len(hidden)], "tracked")
		} else {
			tracked := string(v.InventoryManagement) != "null"
			l.Tracked = &tracked
		}
		if currency == "" {
			hidden = append(hidden[:len(hidden):len(hidden)], "offers", "prices")
		} else {
			l.Prices, l.Offers = variantPrices(v.Price, v.CompareAt, currency)
		}
		out = append(out, canon.Observation{
			Kind: canon.KindListing, ExternalID: gid("ProductVariant", v.ID), Aspect: canon.AspectMain,
			SourceVersion: max(newest, version(v.UpdatedAt)), Hidden: hidden, Listing: l,
		})
	}
	return out
}

func (l *restLevel) observation() canon.Observation {
	item, location := gid("InventoryItem", l.InventoryItemID), gid("Location", l.LocationID)
	return canon.Observation{
		Kind: canon.KindLevel, ExternalID: canon.LevelID(item, location), Aspect: canon.AspectMain,
		SourceVersion: version(l.UpdatedAt), Level: &canon.LevelState{StockID: item, Location: location, Available: l.Available},
	}
}

func (s *session) customer(c *restCustomer) canon.Observation {
	p := canon.PersonState{GivenName: c.FirstName, FamilyName: c.LastName, Emails: nonEmpty(c.Email), Phones: nonEmpty(c.Phone), Note: c.Note}
	addresses := make([]*canon.AddressState, 0, len(c.Addresses))
	for i := range c.Addresses {
		addresses = append(addresses, c.Addresses[i].state())
	}
	state := &canon.CustomerState{Person: person(p, addresses...), Tags: sortedTags(strings.Split(c.Tags, ",")), CreatedAt: momentPtr(c.CreatedAt)}
	if c.EmailMarketingConsent != nil {
		state.MarketingEmail = consent(c.EmailMarketingConsent.State)
	}
	obs := canon.Observation{
		Kind: canon.KindCustomer, ExternalID: gid("Customer", c.ID), Aspect: canon.AspectMain,
		SourceVersion: version(c.UpdatedAt), Customer: state,
	}
	if s.personalDenied.Load() && state.Person == nil {
		obs.Hidden = []string{"person"}
	}
	return obs
}

func (l *restLocation) observation() canon.Observation {
	return canon.Observation{
		Kind: canon.KindLocation, ExternalID: gid("Location", l.ID), Aspect: canon.AspectMain,
		SourceVersion: version(l.UpdatedAt), Location: &canon.LocationState{Name: l.Name, Active: l.Active, Country: first(l.CountryCode, l.Country)},
	}
}

package shopify

import (
	"encoding/json"
	"sort"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

func (s *session) graphListing(v *graphVariant) canon.Observation {
	tracked := v.InventoryItem.Tracked
	l := &canon.ListingState{
		ProductID: v.Product.ID, StockID: v.InventoryItem.ID, Title: v.Product.Title,
		VariantTitle: variantTitle(v.Title), SKU: v.SKU, GTIN: gtin(v.Barcode), Brand: v.Product.Vendor, Category: v.Product.ProductType,
		Status: listingStatus(word(v.Product.Status)), Tracked: &tracked, CreatedAt: momentPtr(v.CreatedAt),
	}
	obs := canon.Observation{
		Kind: canon.KindListing, ExternalID: v.ID, Aspect: canon.AspectMain,
		SourceVersion: max(version(v.UpdatedAt), version(v.Product.UpdatedAt)), Listing: l,
	}
	if c := s.shopCurrency(); c == "" {
		obs.Hidden = append(obs.Hidden, "offers", "prices")
	} else {
		l.Prices, l.Offers = variantPrices(v.Price, v.CompareAt, c)
	}
	if c := v.InventoryItem.UnitCost; c != nil {
		l.Cost = money(c.amount(), c.CurrencyCode)
	}
	// The variant's own values come last and so replace the product's.
	s.metafields.apply(l, append(v.Product.Metafields.Nodes, v.Metafields.Nodes...))
	return obs
}

// apply puts metafields into a listing; of several with the same key the last one counts.
func (m *metafieldMap) apply(l *canon.ListingState, fields []graphMetafield) {
	values := make(map[string]string, len(fields))
	for _, f := range fields {
		if f.Value != "" {
			values[f.Namespace+"."+f.Key] = f.Value
		}
	}
	var certificates []string
	var lab, url string
	for _, key := range m.keys {
		value, ok := values[key]
		if !ok {
			continue
		}
		switch m.fieldOf[key] {
		case "certificate":
			certificates = listValue(value)
		case "certificate_lab":
			lab = value
		case "certificate_url":
			url = value
		case "epc":
			l.EPC = value
		case "fineness":
			l.Fineness = value
		case "metal":
			l.Metal = value
		case "metal_colour":
			l.MetalColour = value
		case "ring_size":
			l.RingSize = value
		case "serial":
			l.Serial = value
		case "stones":
			l.Stones = stonesValue(value)
		case "style_no":
			l.StyleNo = value
		case "weight":
			l.Weight = weightValue(value)
		default:
			l.Attributes = append(l.Attributes, canon.StatedAttribute{Code: key, Value: value})
		}
	}
	for _, number := range certificates {
		l.Certificates = append(l.Certificates, canon.StatedCert{Lab: lab, Number: number, URL: url})
	}
}

// listValue reads a list metafield (a JSON array of strings) or a single value.
func listValue(value string) []string {
	var list []string
	if strings.HasPrefix(value, "[") && json.Unmarshal([]byte(value), &list) == nil {
		return nonEmpty(list...)
	}
	return []string{value}
}

// stonesValue reads a JSON metafield: a list of stones with the names of canon.StatedStone.
func stonesValue(value string) []canon.StatedStone {
	var stones []canon.StatedStone
	if json.Unmarshal([]byte(value), &stones) == nil {
		return stones
	}
	return []canon.StatedStone{{Kind: value}}
}

// weightValue writes a weight metafield ({"value":4.2,"unit":"g"}) as text; anything else stays as it is.
func weightValue(value string) string {
	var w struct {
		Value json.Number `json:"value"`
		Unit  string      `json:"unit"`
	}
	if !strings.HasPrefix(value, "{") || json.Unmarshal([]byte(value), &w) != nil || w.Value == "" {
		return value
	}
	units := map[string]string{"grams": "g", "kilograms": "kg", "ounces": "oz", "pounds": "lb"}
	unit := strings.ToLower(w.Unit)
	return w.Value.String() + " " + first(units[unit], unit)
}

func (s *session) graphProduct(p *graphProduct) canon.Observation {
	state := &canon.ProductState{
		Title: p.Title, Description: p.DescriptionHTML, Brand: p.Vendor, Category: p.ProductType,
		Status: listingStatus(word(p.Status)), Tags: sortedTags(p.Tags), CreatedAt: momentPtr(p.CreatedAt),
	}
	for _, v := range p.Variants.Nodes {
		state.ListingIDs = append(state.ListingIDs, v.ID)
	}
	obs := canon.Observation{Kind: canon.KindProduct, ExternalID: p.ID, Aspect: canon.AspectMain, SourceVersion: version(p.UpdatedAt), Product: state}
	if s.owner == ownerVariant {
		obs.Hidden = productHidden
		return obs
	}
	var l canon.ListingState
	s.metafields.apply(&l, p.Metafields.Nodes)
	state.StyleNo, state.Attributes = l.StyleNo, l.Attributes
	return obs
}

func graphLevelObservation(item string, tracked bool, l *graphLevel) canon.Observation {
	state := &canon.LevelState{StockID: item, Location: l.Location.ID}
	if tracked && len(l.Quantities) > 0 {
		available := l.Quantities[0].Quantity
		state.Available = &available
	}
	return canon.Observation{
		Kind: canon.KindLevel, ExternalID: canon.LevelID(item, l.Location.ID), Aspect: canon.AspectMain,
		SourceVersion: version(l.UpdatedAt), Level: state,
	}
}

func (s *session) graphOrder(o *graphOrder, denied bool) canon.Observation {
	cancelledAt := momentPtr(o.CancelledAt)
	financial := word(o.DisplayFinancialStatus)
	status := orderStatus(cancelledAt, financial, word(o.DisplayFulfillmentStatus))
	state := &canon.OrderState{
		Number: o.Name, Status: status, FinancialStatus: financial, PlacedAt: moment(o.ProcessedAt),
		CancelledAt: cancelledAt, Currency: o.CurrencyCode, Subtotal: o.SubtotalPriceSet.money(), Tax: o.TotalTaxSet.money(),
		Discount: o.TotalDiscountsSet.money(), Shipping: o.TotalShippingPriceSet.money(), Lines: make([]canon.OrderLine, 0, len(o.LineItems.Nodes)),
		Location: o.RetailLocation.id(), Channel: o.SourceName, HandedOver: handedOver(o.SourceName, status),
	}
	if total := o.TotalPriceSet.money(); total != nil {
		state.Total = *total
	}
	for i := range o.Fulfillments {
		state.Fulfilments = append(state.Fulfilments, o.Fulfillments[i].state())
	}
	sortFulfilments(state)
	from := state.Location
	if from == "" && status == canon.OrderFulfilled {
		var locations []string
		for _, f := range o.Fulfillments {
			if f.Status == "SUCCESS" {
				locations = append(locations, f.Location.id())
			}
		}
		from = oneLocation(locations)
	}
	for i := range o.LineItems.Nodes {
		state.Lines = append(state.Lines, o.LineItems.Nodes[i].state(o.CurrencyCode, from))
	}

	buyer := canon.PersonState{Locale: o.CustomerLocale}
	var email, phone string
	if c := o.Customer; c != nil {
		state.CustomerID, buyer.GivenName, buyer.FamilyName = c.ID, c.FirstName, c.LastName
		if c.DefaultEmailAddress != nil {
			email = c.DefaultEmailAddress.EmailAddress
		}
		if c.DefaultPhoneNumber != nil {
			phone = c.DefaultPhoneNumber.PhoneNumber
		}
	}
	for _, a := range []*graphAddress{o.BillingAddress, o.ShippingAddress} {
		if a != nil && buyer.GivenName == "" && buyer.FamilyName == "" {
			buyer.GivenName, buyer.FamilyName = a.FirstName, a.LastName
		}
	}
	buyer.Emails, buyer.Phones = nonEmpty(first(o.Email, email)), nonEmpty(first(o.Phone, phone))
	state.Buyer = person(buyer, o.BillingAddress.rest().state(), o.ShippingAddress.rest().state())

	obs := canon.Observation{Kind: canon.KindOrder, ExternalID: o.ID, Aspect: canon.AspectMain, SourceVersion: version(o.UpdatedAt), Order: state}
	if denied {
		s.personalDenied.Store(true)
		if state.Buyer == nil {
			obs.Hidden = []string{"buyer", "customer_id"}
		}
	}
	return obs
}

func (l *graphLine) state(currency, from string) canon.OrderLine {
	line := canon.OrderLine{ID: l.ID, ListingID: l.Variant.id(), SKU: l.SKU, Title: l.Title, Quantity: l.Quantity, Location: from}
	if price := l.OriginalUnitPriceSet.money(); price != nil {
		line.Price = *price
	}
	var discounts, taxes []string
	for _, d := range l.DiscountAllocations {
		discounts = append(discounts, d.AllocatedAmountSet.ShopMoney.amount())
	}
	for _, t := range l.TaxLines {
		taxes = append(taxes, t.PriceSet.ShopMoney.amount())
	}
	line.Discount, line.Tax = sumMoney(discounts, currency), sumMoney(taxes, currency)
	for _, a := range l.CustomAttributes {
		lineProperty(&line, a.Key, a.Value)
	}
	return line
}

func graphRefundObservation(r *graphRefund) canon.Observation {
	created := first(r.CreatedAt, r.ProcessedAt)
	state := &canon.RefundState{OrderID: r.Order.ID, CreatedAt: moment(created), Note: r.Note}
	currency := r.Order.CurrencyCode
	var paid []string
	for _, t := range r.Transactions.Nodes {
		if t.Kind != "REFUND" || t.Status != "SUCCESS" {
			continue
		}
		amount := t.AmountSet.ShopMoney
		paid = append(paid, amount.amount())
		state.Tenders = append(state.Tenders, canon.Tender{
			Kind: tenderKind(t.Gateway), Reference: t.ID,
			Amount: canon.StatedMoney{Amount: amount.amount(), Currency: first(amount.CurrencyCode, currency)},
		})
	}
	state.Total = sumMoney(paid, currency)
	for _, l := range r.RefundLineItems.Nodes {
		state.Lines = append(state.Lines, canon.RefundLine{
			OrderLineID: l.LineItem.ID, Quantity: l.Quantity,
			Restocked: restocked(word(l.RestockType)), Location: l.Location.id(), Amount: l.SubtotalSet.money(),
		})
	}
	return canon.Observation{Kind: canon.KindRefund, ExternalID: r.ID, Aspect: canon.AspectMain, SourceVersion: version(created), Refund: state}
}

func (s *session) graphCustomer(c *graphCustomer, denied bool) canon.Observation {
	p := canon.PersonState{GivenName: c.FirstName, FamilyName: c.LastName, Note: c.Note}
	state := &canon.CustomerState{Tags: sortedTags(c.Tags), CreatedAt: momentPtr(c.CreatedAt)}
	if e := c.DefaultEmailAddress; e != nil {
		p.Emails = nonEmpty(e.EmailAddress)
		state.MarketingEmail = consent(word(e.MarketingState))
	}
	if t := c.DefaultPhoneNumber; t != nil {
		p.Phones = nonEmpty(t.PhoneNumber)
	}
	addresses := make([]*canon.AddressState, 0, len(c.AddressesV2.Nodes))
	for i := range c.AddressesV2.Nodes {
		addresses = append(addresses, c.AddressesV2.Nodes[i].rest().state())
	}
	state.Person = person(p, addresses...)
	obs := canon.Observation{Kind: canon.KindCustomer, ExternalID: c.ID, Aspect: canon.AspectMain, SourceVersion: version(c.UpdatedAt), Customer: state}
	if denied {
		s.personalDenied.Store(true)
		if state.Person == nil {
			obs.Hidden = []string{"person"}
		}
	}
	return obs
}

func graphLocationObservation(l *graphLocation) canon.Observation {
	return canon.Observation{
		Kind: canon.KindLocation, ExternalID: l.ID, Aspect: canon.AspectMain, SourceVersion: version(l.UpdatedAt),
		Location: &canon.LocationState{Name: l.Name, Active: l.IsActive, Country: l.Address.CountryCode},
	}
}

// sortedUnique sorts ids and drops repetitions.
func sortedUnique(ids []string) []string {
	sort.Strings(ids)
	out := ids[:0]
	for i, id := range ids {
		if i == 0 || id != ids[i-1] {
			out = append(out, id)
		}
	}
	return out
}

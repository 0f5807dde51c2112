package twin

import (
	"slices"
	"strconv"
	"strings"
)

type productNode struct{ *product }

func (productNode) typeName() string { return "Product" }

func (n productNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "id":
		return gid("Product", n.id)
	case "handle":
		return n.handle
	case "title":
		return n.title
	case "descriptionHtml":
		return n.descriptionHTML
	case "vendor":
		return n.vendor
	case "productType":
		return n.typ
	case "status":
		return n.status
	case "tags":
		return n.tags
	case "createdAt":
		return stamp(n.createdAt)
	case "updatedAt":
		return stamp(n.updatedAt)
	case "variants":
		var rows []row
		for _, v := range n.variants {
			rows = append(rows, row{variantNode{v}, v.id, v.updatedAt, v.createdAt})
		}
		return x.connection(rows, args)
	case "metafield":
		return x.metafield(n.id, n.metafields, args)
	case "metafields":
		return x.metafields(n.id, n.metafields, args)
	}
	return nil
}

type variantNode struct{ *variant }

func (variantNode) typeName() string { return "ProductVariant" }

func (n variantNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "id":
		return gid("ProductVariant", n.id)
	case "title":
		return n.title
	case "sku":
		return text(n.sku)
	case "barcode":
		return text(n.barcode)
	case "price":
		return n.price
	case "compareAtPrice":
		return text(n.compareAt)
	case "inventoryPolicy":
		return n.policy
	case "inventoryQuantity":
		return n.total()
	case "createdAt":
		return stamp(n.createdAt)
	case "updatedAt":
		return stamp(n.updatedAt)
	case "product":
		return productNode{n.product}
	case "inventoryItem":
		if denied := x.need("read_inventory"); denied != nil {
			return denied
		}
		return itemNode{n.item}
	case "metafield":
		return x.metafield(n.id, n.metafields, args)
	case "metafields":
		return x.metafields(n.id, n.metafields, args)
	}
	return nil
}

type itemNode struct{ *item }

func (itemNode) typeName() string { return "InventoryItem" }

func (n itemNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "id":
		return gid("InventoryItem", n.id)
	case "sku":
		return text(n.variant.sku)
	case "tracked":
		return n.tracked
	case "unitCost":
		if c, ok := parseCents(n.cost); ok {
			return x.money(c)
		}
		return nil
	case "createdAt":
		return stamp(n.createdAt)
	case "updatedAt":
		return stamp(n.updatedAt)
	case "inventoryLevel":
		_, id, ok := parseGID(args["locationId"].(string))
		if !ok {
			return fail("BAD_REQUEST", "Invalid global id '%v'", args["locationId"])
		}
		if l := n.at(id); l != nil {
			return levelNode{l}
		}
		return nil
	case "inventoryLevels":
		var rows []row
		for _, l := range n.levels {
			if l.active || args["includeInactive"] == true {
				rows = append(rows, row{levelNode{l}, l.location.id, l.updatedAt, l.createdAt})
			}
		}
		return x.connection(rows, args)
	case "variants":
		return x.connection([]row{{variantNode{n.variant}, n.variant.id, n.variant.updatedAt, n.variant.createdAt}}, args)
	}
	return nil
}

type levelNode struct{ *level }

func (levelNode) typeName() string { return "InventoryLevel" }

var quantityNames = []string{"available", "committed", "damaged", "incoming", "on_hand", "quality_control", "reserved", "safety_stock"}

func (n levelNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "id":
		return gid("InventoryLevel", n.location.id) + "?inventory_item_id=" + strconv.FormatInt(n.item.id, 10)
	case "isActive":
		return n.active
	case "createdAt":
		return stamp(n.createdAt)
	case "updatedAt":
		return stamp(n.updatedAt)
	case "item":
		return itemNode{n.item}
	case "location":
		if denied := x.need("read_locations"); denied != nil {
			return denied
		}
		return locationNode{n.location}
	case "quantities":
		var out []node
		for _, q := range args["names"].([]any) {
			if !slices.Contains(quantityNames, q.(string)) {
				return fail("BAD_REQUEST", "%q is no quantity name", q)
			}
			var value int64
			switch q {
			case "available":
				value = n.available
			case "committed":
				value = n.committed
			case "on_hand":
				value = n.available + n.committed
			}
			out = append(out, object{"InventoryQuantity", map[string]any{"id": gid("InventoryQuantity", n.item.id) + "?name=" + q.(string), "name": q, "quantity": value, "updatedAt": stamp(n.updatedAt)}})
		}
		return out
	}
	return nil
}

type locationNode struct{ *location }

func (locationNode) typeName() string { return "Location" }

func (n locationNode) field(_ *execution, name string, _ map[string]any) any {
	switch name {
	case "id":
		return gid("Location", n.id)
	case "name":
		return n.name
	case "isActive":
		return n.active
	case "updatedAt":
		return stamp(n.updatedAt)
	case "address":
		return object{"LocationAddress", map[string]any{"countryCode": text(n.country), "country": text(n.country)}}
	}
	return nil
}

type customerNode struct{ *customer }

func (customerNode) typeName() string { return "Customer" }

func (n customerNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "firstName", "lastName", "defaultEmailAddress", "defaultPhoneNumber", "addressesV2", "note":
		if denied := x.personal(); denied != nil {
			return denied
		}
	}
	switch name {
	case "id":
		return gid("Customer", n.id)
	case "firstName":
		return text(n.firstName)
	case "lastName":
		return text(n.lastName)
	case "note":
		return text(n.note)
	case "tags":
		return n.tags
	case "createdAt":
		return stamp(n.createdAt)
	case "updatedAt":
		return stamp(n.updatedAt)
	case "defaultEmailAddress":
		if n.email == "" {
			return nil
		}
		return object{"CustomerEmailAddress", map[string]any{"emailAddress": n.email, "marketingState": strings.ToUpper(n.consent)}}
	case "defaultPhoneNumber":
		if n.phone == "" {
			return nil
		}
		return object{"CustomerPhoneNumber", map[string]any{"phoneNumber": n.phone}}
	case "addressesV2":
		var rows []row
		for i := range n.addresses {
			rows = append(rows, row{node: addressNode{&n.addresses[i]}, id: int64(i + 1)})
		}
		return x.connection(rows, args)
	}
	return nil
}

// personal answers ACCESS_DENIED where the app has no approval for protected customer data.
func (x *execution) personal() *graphError {
	if x.srv.opts.HidePersonal {
		return fail("ACCESS_DENIED", "This app is not approved to access protected customer data.")
	}
	return nil
}

type addressNode struct{ *Address }

func (addressNode) typeName() string { return "MailingAddress" }

func (n addressNode) field(_ *execution, name string, _ map[string]any) any {
	switch name {
	case "id":
		return gid("MailingAddress", 1)
	case "name":
		return text(n.name())
	case "firstName":
		return text(n.FirstName)
	case "lastName":
		return text(n.LastName)
	case "company":
		return text(n.Company)
	case "address1":
		return text(n.Address1)
	case "address2":
		return text(n.Address2)
	case "city":
		return text(n.City)
	case "province":
		return text(n.Province)
	case "provinceCode":
		return text(n.ProvinceCode)
	case "zip":
		return text(n.Zip)
	case "country":
		return text(n.Country)
	case "countryCodeV2":
		return text(n.CountryCode)
	case "phone":
		return text(n.Phone)
	}
	return nil
}

type orderNode struct{ *order }

func (orderNode) typeName() string { return "Order" }

func (n orderNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "email", "phone", "billingAddress", "shippingAddress":
		if denied := x.personal(); denied != nil {
			return denied
		}
	}
	switch name {
	case "id":
		return gid("Order", n.id)
	case "name":
		return n.name()
	case "email":
		return text(n.email)
	case "phone":
		return text(n.phone)
	case "createdAt":
		return stamp(n.createdAt)
	case "updatedAt":
		return stamp(n.updatedAt)
	case "processedAt":
		return stamp(n.processedAt)
	case "cancelledAt":
		return stamp(n.cancelledAt)
	case "currencyCode":
		return x.srv.opts.Currency
	case "displayFinancialStatus":
		return strings.ToUpper(n.financial)
	case "displayFulfillmentStatus":
		if n.fulfilment == "" {
			return "UNFULFILLED"
		}
		return strings.ToUpper(n.fulfilment)
	case "test":
		return n.test
	case "sourceName":
		return n.source
	case "customerLocale":
		return text(n.locale)
	case "totalPriceSet":
		return x.bag(n.total)
	case "subtotalPriceSet":
		return x.bag(n.subtotal)
	case "totalTaxSet":
		return x.bag(n.tax)
	case "totalDiscountsSet":
		return x.bag(n.discount)
	case "totalShippingPriceSet":
		return x.bag(n.shipping)
	case "retailLocation":
		if n.retail != nil {
			return locationNode{n.retail}
		}
	case "customer":
		if denied := x.need("read_customers"); denied != nil {
			return denied
		}
		if n.customer != nil {
			return customerNode{n.customer}
		}
	case "billingAddress":
		if n.billing != nil {
			return addressNode{n.billing}
		}
	case "shippingAddress":
		if n.delivery != nil {
			return addressNode{n.delivery}
		}
	case "lineItems":
		var rows []row
		for _, l := range n.lines {
			rows = append(rows, row{node: lineNode{l}, id: l.id})
		}
		return x.connection(rows, args)
	case "fulfillments":
		out := []node{}
		for _, f := range n.fulfilments {
			out = append(out, fulfilmentNode{f})
		}
		return out
	case "transactions":
		return x.transactions(n.order)
	case "returnStatus":
		if len(n.returns) > 0 {
			return "RETURNED"
		}
		return "NO_RETURN"
	case "returns":
		if denied := x.need("read_returns"); denied != nil {
			return denied
		}
		var rows []row
		for _, r := range n.returns {
			rows = append(rows, row{node: returnNode{r}, id: r.id})
		}
		return x.connection(rows, args)
	case "cancellation":
		if !n.cancelledAt.IsZero() {
			return object{"OrderCancellation", map[string]any{"staffNote": text(n.staffNote)}}
		}
	case "suggestedRefund":
		return x.suggestRefund(n.order, args)
	case "refunds":
		out := []node{}
		for _, r := range n.refunds {
			out = append(out, refundNode{r})
		}
		return out
	}
	return nil
}

type lineNode struct{ *line }

func (lineNode) typeName() string { return "LineItem" }

func (n lineNode) field(x *execution, name string, _ map[string]any) any {
	switch name {
	case "id":
		return gid("LineItem", n.id)
	case "sku":
		return text(n.sku)
	case "title":
		return n.title
	case "quantity":
		return n.quantity
	case "currentQuantity":
		return n.current
	case "variant":
		if n.variant != nil {
			return variantNode{n.variant}
		}
	case "customAttributes":
		out := []node{}
		for _, p := range n.properties {
			out = append(out, object{"Attribute", map[string]any{"key": p.Name, "value": p.Value}})
		}
		return out
	case "originalUnitPriceSet":
		return x.bag(n.price)
	case "discountAllocations":
		out := []node{}
		if n.discount > 0 {
			out = append(out, object{"DiscountAllocation", map[string]any{"allocatedAmountSet": x.bag(n.discount)}})
		}
		return out
	case "taxLines":
		out := []node{}
		if n.tax > 0 {
			out = append(out, object{"TaxLine", map[string]any{"title": "VAT", "rate": taxRate, "priceSet": x.bag(n.tax)}})
		}
		return out
	}
	return nil
}

type refundNode struct{ *refund }

func (refundNode) typeName() string { return "Refund" }

func (n refundNode) field(x *execution, name string, args map[string]any) any {
	switch name {
	case "id":
		return gid("Refund", n.id)
	case "createdAt", "processedAt", "updatedAt":
		return stamp(n.createdAt)
	case "note":
		return text(n.note)
	case "order":
		return orderNode{n.order}
	case "refundLineItems":
		var rows []row
		for _, l := range n.lines {
			values := map[string]any{
				"id": gid("RefundLineItem", l.id), "quantity": l.quantity, "restockType": strings.ToUpper(l.restock),
				"restocked": l.restock != "no_restock", "lineItem": lineNode{l.line}, "subtotalSet": x.bag(l.subtotal),
			}
			if l.location != nil {
				values["location"] = locationNode{l.location}
			}
			rows = append(rows, row{node: object{"RefundLineItem", values}, id: l.id})
		}
		return x.connection(rows, args)
	case "transactions":
		var rows []row
		if n.transactionID != 0 {
			rows = append(rows, row{node: object{"OrderTransaction", map[string]any{
				"id": gid("OrderTransaction", n.transactionID), "kind": "REFUND",
				"gateway": gateway, "status": "SUCCESS", "amountSet": x.bag(n.amount),
			}}, id: n.transactionID})
		}
		return x.connection(rows, args)
	}
	return nil
}

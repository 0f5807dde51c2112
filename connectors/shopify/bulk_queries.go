package shopify

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The queries of bulk operations. The platform allows at most 5 connections in each, 2 levels deep, none of them within a
// list, and no variables. So products are read apart from their variants, and refunds, which are a list of an order, one by
// one afterwards. Metafields are named one by one: each is a field, where a connection would be further lines.

// bulkQuery is one of them.
type bulkQuery struct {
	text string
	// grouped asks for an entity's lines in a row. It is left out where each line says by itself what it belongs to:
	// the platform is slower at it.
	grouped bool
	rows    func(s *session, rows []bulkRow, t *translated) error
}

// bulkQueries gives the queries of a phase of a snapshot, in order.
func (s *session) bulkQueries(page *snapshotPage) []bulkQuery {
	switch page.Phase {
	case phaseProducts:
		return []bulkQuery{
			{bulkText("products", "", `id title descriptionHtml vendor productType status tags createdAt updatedAt`+s.bulkMetafields(s.owner != ownerVariant)+
				` variants { edges { node { id } } }`), true, bulkProducts},
			{bulkText("productVariants", "", `id title sku barcode price compareAtPrice createdAt updatedAt
  product { id title vendor productType status updatedAt`+s.bulkMetafields(s.owner != ownerVariant)+` }
  inventoryItem { id tracked unitCost { amount currencyCode } inventoryLevels { edges { node { id item { id tracked } ...Level } } } }`+
				s.bulkMetafields(s.owner != ownerProduct), fragmentLevel), false, bulkVariants},
		}
	case phaseCustomers:
		return []bulkQuery{{bulkText("customers", "", `id firstName lastName note tags createdAt updatedAt
  defaultEmailAddress { emailAddress marketingState } defaultPhoneNumber { phoneNumber }
  addressesV2 { edges { node { id ...Address } } }`, fragmentAddress), true, bulkCustomers}}
	}
	return []bulkQuery{{bulkText("orders", page.Since, `id name email phone updatedAt processedAt cancelledAt currencyCode displayFinancialStatus displayFulfillmentStatus
  test sourceName customerLocale
  totalPriceSet { ...Amount } subtotalPriceSet { ...Amount } totalTaxSet { ...Amount }
  totalDiscountsSet { ...Amount } totalShippingPriceSet { ...Amount }
  retailLocation { id }
  customer { id firstName lastName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber } }
  billingAddress { ...Address } shippingAddress { ...Address }
  lineItems { edges { node { ...Line } } }
  fulfillments { id status displayStatus createdAt location { id } trackingInfo { company number } }
  transactions { id kind status gateway processedAt amountSet { ...Amount } parentTransaction { id } }
  returnStatus
  refunds { id }`, fragmentLine, fragmentAddress), true, bulkOrders}}
}

// bulkText writes a query over one collection. filter is a search query without double quotes or backslashes.
func bulkText(collection, filter, fields string, fragments ...string) string {
	if filter != "" {
		collection += `(query: "` + filter + `")`
	}
	return "{ " + collection + " { edges { node {\n  " + fields + "\n} } } }" + strings.Join(fragments, "")
}

// bulkMetafields names every metafield that is read, m0, m1, …
func (s *session) bulkMetafields(wanted bool) string {
	if !wanted {
		return ""
	}
	var b strings.Builder
	for i, key := range s.metafields.keys {
		dot := strings.LastIndexByte(key, '.')
		fmt.Fprintf(&b, "\n  m%d: metafield(namespace: %q, key: %q) { namespace key value }", i, key[:dot], key[dot+1:])
	}
	return b.String()
}

// metafieldsIn gathers the metafields that a row or a part of it names.
func (s *session) metafieldsIn(raw json.RawMessage) ([]graphMetafield, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, err
	}
	var out []graphMetafield
	for i := range s.metafields.keys {
		var m *graphMetafield
		if value, there := fields[fmt.Sprintf("m%d", i)]; there {
			if err := json.Unmarshal(value, &m); err != nil {
				return nil, err
			}
		}
		if m != nil {
			out = append(out, *m)
		}
	}
	return out, nil
}

var (
	docBulkRun = document{"BulkRun", `mutation BulkRun($query: String!, $grouped: Boolean!) {
  bulkOperationRunQuery(query: $query, groupObjects: $grouped) { bulkOperation { id createdAt } userErrors { code message } }
}`}
	docBulk = document{"Bulk", `query Bulk($id: ID!) {
  bulkOperation(id: $id) { id status errorCode createdAt fileSize url }
}`}
	docBulks = document{"Bulks", `query Bulks {
  bulkOperations(first: 20, sortKey: CREATED_AT, reverse: true) { nodes { id status type query createdAt } }
}`}
)

package shopify

import "sort"

// The GraphQL documents. Page sizes keep each request under the 1,000 points that one request may cost when every page
// is full; what is charged is what is there.
const (
	productPage   = 10
	variantBatch  = 15 // at most; see variantsPerRequest
	itemPage      = 15
	levelBatch    = 25
	orderPage     = 5
	refundBatch   = 8
	returnBatch   = 2
	fulfilBatch   = 20
	customerPage  = 40
	locationPage  = 50
	maxNodesPoint = 200 // nodes of small kinds per request
)

const fragmentLevel = `
fragment Level on InventoryLevel { updatedAt location { id } quantities(names: ["available"]) { quantity } }`

const fragmentMoney = `
fragment Amount on MoneyBag { shopMoney { amount currencyCode } }`

const fragmentVariant = `
fragment Variant on ProductVariant {
  id title sku barcode price compareAtPrice createdAt updatedAt
  product {
    id title vendor productType status updatedAt
    metafields(first: $fields, keys: $keys) @include(if: $ofProduct) { nodes { namespace key value } }
  }
  inventoryItem {
    id tracked unitCost { amount currencyCode }
    inventoryLevels(first: 10) { nodes { ...Level } pageInfo { hasNextPage endCursor } }
  }
  metafields(first: $fields, keys: $keys) @include(if: $ofVariant) { nodes { namespace key value } }
}` + fragmentLevel

const fragmentProduct = `
fragment Product on Product {
  id title descriptionHtml vendor productType status tags createdAt updatedAt
  variants(first: 50) { nodes { id } pageInfo { hasNextPage endCursor } }
  metafields(first: $fields, keys: $keys) @include(if: $ofProduct) { nodes { namespace key value } }
}`

const fragmentLine = `
fragment Line on LineItem {
  id sku title quantity variant { id } customAttributes { key value }
  originalUnitPriceSet { ...Amount }
  discountAllocations { allocatedAmountSet { ...Amount } }
  taxLines { priceSet { ...Amount } }
}` + fragmentMoney

const fragmentOrder = `
fragment Order on Order {
  id name email phone updatedAt processedAt cancelledAt currencyCode displayFinancialStatus displayFulfillmentStatus
  test sourceName customerLocale
  totalPriceSet { ...Amount } subtotalPriceSet { ...Amount } totalTaxSet { ...Amount }
  totalDiscountsSet { ...Amount } totalShippingPriceSet { ...Amount }
  retailLocation { id }
  customer { id firstName lastName defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber } }
  billingAddress { ...Address } shippingAddress { ...Address }
  lineItems(first: 10) { nodes { ...Line } pageInfo { hasNextPage endCursor } }
  fulfillments {
    id status displayStatus createdAt location { id } trackingInfo(first: 1) { company number }
    fulfillmentLineItems(first: 10) { nodes { quantity lineItem { id } } pageInfo { hasNextPage endCursor } }
  }
  transactions { id kind status gateway processedAt amountSet { ...Amount } parentTransaction { id } }
  returnStatus
  refunds { id }
}` + fragmentLine + fragmentAddress

const fragmentAddress = `
fragment Address on MailingAddress {
  name firstName lastName company address1 address2 city province provinceCode zip country countryCodeV2 phone
}`

const fragmentRefund = `
fragment Refund on Refund {
  id createdAt processedAt note order { id currencyCode }
  refundLineItems(first: 20) { nodes { ...RefundLine } pageInfo { hasNextPage endCursor } }
  transactions(first: 5) { nodes { id kind gateway status amountSet { ...Amount } } }
}` + fragmentRefundLine + fragmentMoney

const fragmentRefundLine = `
fragment RefundLine on RefundLineItem { quantity restockType lineItem { id } location { id } subtotalSet { ...Amount } }`

const fragmentCustomer = `
fragment Customer on Customer {
  id firstName lastName note tags createdAt updatedAt
  defaultEmailAddress { emailAddress marketingState } defaultPhoneNumber { phoneNumber }
  addressesV2(first: 10) @include(if: $addresses) { nodes { ...Address } }
}` + fragmentAddress

const fragmentLocation = `
fragment Location on Location { id name isActive updatedAt address { countryCode } }`

var (
	docShop = document{"Shop", `query Shop {
  shop { name myshopifyDomain currencyCode plan { publicDisplayName } }
  currentAppInstallation { accessScopes { handle } }
}`}
	docTotals = document{"Totals", `query Totals($orders: String!) {
  productVariantsCount { count } customersCount(limit: null) { count } ordersCount(query: $orders, limit: null) { count }
}`}
	docProducts = document{"Products", `query Products($first: Int!, $after: String, $query: String, $keys: [String!]!, $fields: Int!, $ofProduct: Boolean!) {
  products(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) { nodes { ...Product } pageInfo { hasNextPage endCursor } }
}` + fragmentProduct}
	docProductsByID = document{"ProductsByID", `query ProductsByID($ids: [ID!]!, $keys: [String!]!, $fields: Int!, $ofProduct: Boolean!) {
  nodes(ids: $ids) { ...Product }
}` + fragmentProduct}
	docProductVariants = document{"ProductVariants", `query ProductVariants($id: ID!, $after: String) {
  product(id: $id) { variants(first: 250, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }
}`}
	docVariants = document{"Variants", `query Variants($ids: [ID!]!, $keys: [String!]!, $fields: Int!, $ofProduct: Boolean!, $ofVariant: Boolean!) {
  nodes(ids: $ids) { ...Variant }
}` + fragmentVariant}
	docItems = document{"Items", `query Items($first: Int!, $after: String, $query: String) {
  inventoryItems(first: $first, after: $after, query: $query) {
    nodes { id updatedAt variants(first: 1) { nodes { id } } } pageInfo { hasNextPage endCursor }
  }
}`}
	docLevels = document{"Levels", `query Levels($ids: [ID!]!) {
  nodes(ids: $ids) { ... on InventoryItem { id tracked inventoryLevels(first: 10) { nodes { ...Level } pageInfo { hasNextPage endCursor } } } }
}` + fragmentLevel}
	docMoreLevels = document{"MoreLevels", `query MoreLevels($id: ID!, $after: String) {
  inventoryItem(id: $id) { inventoryLevels(first: 100, after: $after) { nodes { ...Level } pageInfo { hasNextPage endCursor } } }
}` + fragmentLevel}
	docOrders = document{"Orders", `query Orders($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) { nodes { ...Order } pageInfo { hasNextPage endCursor } }
}` + fragmentOrder}
	docOrdersByID = document{"OrdersByID", `query OrdersByID($ids: [ID!]!) {
  nodes(ids: $ids) { ...Order }
}` + fragmentOrder}
	docMoreLines = document{"MoreLines", `query MoreLines($id: ID!, $after: String) {
  order(id: $id) { lineItems(first: 50, after: $after) { nodes { ...Line } pageInfo { hasNextPage endCursor } } }
}` + fragmentLine}
	docMoreFulfilled = document{"MoreFulfilled", `query MoreFulfilled($id: ID!, $after: String) {
  fulfillment(id: $id) { fulfillmentLineItems(first: 100, after: $after) { nodes { quantity lineItem { id } } pageInfo { hasNextPage endCursor } } }
}`}
	docFulfilled = document{"Fulfilled", `query Fulfilled($ids: [ID!]!) {
  nodes(ids: $ids) { ... on Fulfillment { id fulfillmentLineItems(first: 20) { nodes { quantity lineItem { id } } pageInfo { hasNextPage endCursor } } } }
}`}
	docReturns = document{"Returns", `query Returns($ids: [ID!]!) {
  nodes(ids: $ids) { ... on Order { id updatedAt returns(first: 10) { nodes {
    id name status createdAt
    returnLineItems(first: 10) { nodes { quantity ... on ReturnLineItem { fulfillmentLineItem { lineItem { id } } } } }
    exchangeLineItems(first: 5) { nodes { quantity lineItems { id } } }
    refunds(first: 5) { nodes { id } }
  } } } }
}`}
	docRefunds = document{"Refunds", `query Refunds($ids: [ID!]!) {
  nodes(ids: $ids) { ...Refund }
}` + fragmentRefund}
	docMoreRefundLines = document{"MoreRefundLines", `query MoreRefundLines($id: ID!, $after: String) {
  refund(id: $id) { refundLineItems(first: 100, after: $after) { nodes { ...RefundLine } pageInfo { hasNextPage endCursor } } }
}` + fragmentRefundLine + fragmentMoney}
	docCustomers = document{"Customers", `query Customers($first: Int!, $after: String, $query: String, $addresses: Boolean!) {
  customers(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) { nodes { ...Customer } pageInfo { hasNextPage endCursor } }
}` + fragmentCustomer}
	docCustomersByID = document{"CustomersByID", `query CustomersByID($ids: [ID!]!, $addresses: Boolean!) {
  nodes(ids: $ids) { ...Customer }
}` + fragmentCustomer}
	docLocations = document{"Locations", `query Locations($first: Int!, $after: String) {
  locations(first: $first, after: $after, includeInactive: true) { nodes { ...Location } pageInfo { hasNextPage endCursor } }
}` + fragmentLocation}
	docLocationsByID = document{"LocationsByID", `query LocationsByID($ids: [ID!]!) {
  nodes(ids: $ids) { ...Location }
}` + fragmentLocation}
	docFields = document{"Fields", `query Fields($owner: MetafieldOwnerType!, $after: String) {
  metafieldDefinitions(first: 250, after: $after, ownerType: $owner) { nodes { name namespace key } pageInfo { hasNextPage endCursor } }
}`}
	docPriceLists = document{"PriceLists", `query PriceLists($after: String) {
  priceLists(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
}`}
	docSetStock = document{"SetStock", `mutation SetStock($input: InventorySetQuantitiesInput!, $key: String!, $location: ID!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) {
    inventoryAdjustmentGroup { createdAt changes(quantityNames: ["available"]) { item { id tracked inventoryLevel(locationId: $location) { ...Level } } } }
    userErrors { code field message }
  }
}` + fragmentLevel}
	docOrderFacts = document{"OrderFacts", `query OrderFacts($id: ID!, $lines: [RefundLineItemInput!], $whole: Boolean!, $due: Boolean!) {
  order(id: $id) {
    id cancelledAt displayFulfillmentStatus cancellation { staffNote } refunds(first: 50) { id note }
    suggestedRefund(refundLineItems: $lines, suggestFullRefund: $whole, refundShipping: $whole) @include(if: $due) {
      amountSet { presentmentMoney { amount currencyCode } }
      suggestedTransactions { amountSet { presentmentMoney { amount currencyCode } } gateway parentTransaction { id } }
    }
  }
}`}
	docOrderCancel = document{"OrderCancel", `mutation OrderCancel($order: ID!, $reason: OrderCancelReason!, $restock: Boolean!, $notify: Boolean!, $method: OrderCancelRefundMethodInput!, $note: String!) {
  orderCancel(orderId: $order, reason: $reason, restock: $restock, notifyCustomer: $notify, refundMethod: $method, staffNote: $note) {
    jobResult { status } orderCancelUserErrors { code field message }
  }
}`}
	docRefundCreate = document{"RefundCreate", `mutation RefundCreate($input: RefundInput!, $key: String!) {
  refundCreate(input: $input) @idempotent(key: $key) { refund { id } userErrors { field message } }
}`}
	docListingMade = document{"ListingMade", `query ListingMade($handle: String!) {
  productByIdentifier(identifier: {handle: $handle}) { id status variants(first: 2) { nodes { id inventoryItem { id } } } }
}`}
	docListingFacts = document{"ListingFacts", `query ListingFacts($id: ID!) {
  product(id: $id) { id status variants(first: 2) { nodes { id } } }
}`}
	docListingMake = document{"ListingMake", `mutation ListingMake($handle: String!, $input: ProductSetInput!) {
  productSet(identifier: {handle: $handle}, input: $input, synchronous: true) {
    product { id status variants(first: 2) { nodes { id inventoryItem { id } } } } userErrors { code field message }
  }
}`}
	docProductUpdate = document{"ProductUpdate", `mutation ProductUpdate($product: ProductUpdateInput!) {
  productUpdate(product: $product) { userErrors { field message } }
}`}
	docVariantsUpdate = document{"VariantsUpdate", `mutation VariantsUpdate($product: ID!, $variants: [ProductVariantsBulkInput!]!) {
  productVariantsBulkUpdate(productId: $product, variants: $variants) { userErrors { code field message } }
}`}
	docListingPublish = document{"ListingPublish", `mutation ListingPublish($id: ID!, $input: [PublicationInput!]!) {
  publishablePublish(id: $id, input: $input) { userErrors { field message } }
}`}
	docHooks = document{"Hooks", `query Hooks($uri: String, $after: String) {
  webhookSubscriptions(first: 100, after: $after, uri: $uri) { nodes { id topic uri format } pageInfo { hasNextPage endCursor } }
}`}
	docHookCreate = document{"HookCreate", `mutation HookCreate($topic: WebhookSubscriptionTopic!, $hook: WebhookSubscriptionInput!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $hook) { webhookSubscription { id } userErrors { field message } }
}`}
	docHookDelete = document{"HookDelete", `mutation HookDelete($id: ID!) {
  webhookSubscriptionDelete(id: $id) { deletedWebhookSubscriptionId userErrors { field message } }
}`}
)

// documents lists every document, by name: the contract test holds them against the vendor's schema.
func documents() []document {
	all := []document{
		docShop, docTotals, docProducts, docProductsByID, docProductVariants, docVariants, docItems, docLevels, docMoreLevels,
		docOrders, docOrdersByID, docMoreLines, docFulfilled, docMoreFulfilled, docReturns, docRefunds, docMoreRefundLines, docCustomers, docCustomersByID, docLocations, docLocationsByID,
		docFields, docPriceLists, docSetStock, docBulkRun, docBulk, docBulks, docOrderFacts, docOrderCancel, docRefundCreate,
		docListingMade, docListingFacts, docListingMake, docProductUpdate, docVariantsUpdate, docListingPublish, docHooks, docHookCreate, docHookDelete,
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all
}

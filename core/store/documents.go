package store

// The types of the house's documents, as they stand in the keys of their records.
const (
	TypeTransfer = "transfer" // canon.Transfer
	TypeCount    = "count"    // canon.CountSession
	TypeCredit   = "credit"   // canon.CreditAccount
	TypeOffer    = "offer"    // canon.Offer

	TypeConsignment = "consignment" // canon.Consignment
	TypeApproval    = "approval"    // canon.Approval
)

// PrefixPapers has the documents of orders that the house made, canon.OrderDocuments by golden id of the order.
const PrefixPapers = "odc/"

// PrefixPrices has the prices of price lists, canon.ListPrice by offer and golden id of the item.
const PrefixPrices = "prl/"

// PrefixCredit has the lines of gift cards and store credits, canon.CreditEntry by account and key.
const PrefixCredit = "crl/"

// PrefixCounted has the lines of counts of places, canon.CountLine by session, state and goods:
// cln/<session>/<state><run>/<item or scan>.
const PrefixCounted = "cln/"

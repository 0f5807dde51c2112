package router

import (
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// RecordTypes lists what the digests cover: every record, claim, case and binding, and what the fold keeps beside them.
// The golden digest covers values and links alone.
func RecordTypes() []store.RecordType {
	rec := func(typ string, newRecord func() any) store.RecordType {
		return store.RecordType{Prefix: store.PrefixRecord + typ + "/", New: newRecord, Golden: true}
	}
	return []store.RecordType{
		rec(store.TypeItem, func() any { return new(canon.Item) }),
		rec(store.TypeProduct, func() any { return new(canon.Product) }),
		rec(store.TypeClient, func() any { return new(canon.Client) }),
		rec(store.TypeOrder, func() any { return new(canon.Order) }),
		{Prefix: store.PrefixPapers, New: func() any { return new(canon.OrderDocuments) }, Golden: true},
		rec(store.TypeRefund, func() any { return new(canon.Refund) }),
		rec(store.TypeMemo, func() any { return new(canon.Memo) }),
		rec(store.TypeTransfer, func() any { return new(canon.Transfer) }),
		rec(store.TypeConsignment, func() any { return new(canon.Consignment) }),
		rec(store.TypeApproval, func() any { return new(canon.Approval) }),
		rec(store.TypeOffer, func() any { return new(canon.Offer) }),
		{Prefix: store.PrefixPrices, New: func() any { return new(canon.ListPrice) }, Golden: true},
		rec(store.TypeCredit, func() any { return new(canon.CreditAccount) }),
		{Prefix: store.PrefixCredit, New: func() any { return new(canon.CreditEntry) }, Golden: true},
		rec(store.TypeCount, func() any { return new(canon.CountSession) }),
		{Prefix: store.PrefixCounted, New: func() any { return new(canon.CountLine) }, Golden: true},
		rec(store.TypeLocation, func() any { return new(canon.Location) }),
		{Prefix: store.PrefixBinding, New: func() any { return new(canon.Binding) }, Golden: true},
		{Prefix: store.PrefixClaim, New: func() any { return new(canon.Claim) }, Golden: true},
		{Prefix: store.PrefixCase, New: func() any { return new(canon.Case) }, Golden: true},
		{Prefix: store.PrefixNode, New: func() any { return new(store.Node) }, Golden: true},
		{Prefix: store.PrefixMatch, New: func() any { return new(canon.MatchRow) }, Golden: true},
		{Prefix: store.PrefixStock, New: func() any { return new(lifecycle.Ledger) }, Golden: true},
		{Prefix: store.PrefixDecision, New: func() any { return new(canon.Match) }},
		{Prefix: store.PrefixAction, New: func() any { return new(canon.Action) }},
		{Prefix: store.PrefixPublish, New: func() any { return new(canon.Publication) }},
		{Prefix: store.PrefixConn, New: func() any { return new(canon.Connection) }},
		{Prefix: store.PrefixOutcome, New: func() any { return new(canon.Outcome) }},
		{Prefix: store.PrefixParked, New: func() any { return new(canon.Parked) }},
		{Prefix: store.PrefixRow, New: func() any { return new(canon.Row) }},
		{Prefix: store.PrefixTopic, New: func() any { return new(canon.Published) }},
		{Prefix: store.KeySettings, New: func() any { return new(canon.Settings) }},
		{Prefix: prefixListing, New: func() any { return new(listingNode) }},
		{Prefix: store.PrefixStockID, New: func() any { return new(store.StockID) }},
		{Prefix: prefixConsigned, New: func() any { return new(string) }},
		{Prefix: prefixCount, New: func() any { return new(countNode) }},
		{Prefix: prefixLinks, New: func() any { return new(orderLinks) }},
		{Prefix: prefixPerson, New: func() any { return new(personNode) }},
		{Prefix: prefixWords, New: func() any { return new(canon.ClientDecisions) }},
		{Prefix: prefixProduct, New: func() any { return new(productNode) }},
		{Prefix: store.PrefixSweep, New: func() any { return new(canon.DriftRun) }},
		{Prefix: store.PrefixReport, New: func() any { return new(canon.DriftReport) }},
		{Prefix: store.PrefixHold, New: func() any { return new(canon.DriftHold) }},
		{Prefix: store.PrefixHeld, New: func() any { return new(canon.Undelivered) }},
		{Prefix: store.PrefixLease, New: func() any { return new(canon.Lease) }},
		{Prefix: store.PrefixSide, New: func() any { return new(canon.SideValue) }},
		{Prefix: store.KeySideProof, New: func() any { return new(canon.SideKey) }},
		{Prefix: prefixAppender, New: func() any { return new(appender) }},
	}
}

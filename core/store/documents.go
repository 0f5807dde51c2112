package store

// The types of the house's documents, as they stand in the keys of their records.
const (
	TypeTransfer = "transfer" // canon.Transfer
	TypeCount    = "count"    // canon.CountSession
)

// PrefixCounted has the lines of counts of places, canon.CountLine by session, state and goods:
// cln/<session>/<state><run>/<item or scan>.
const PrefixCounted = "cln/"

// Package audit judges a trading day. It knows the ledgers of the channels, which each channel keeps by itself, and what
// the hub's public API says. It never sees the hub's insides, so that it believes no figure that the hub makes of
// itself.
package audit

import "time"

// By says how a sale or a hold came to the hub.
type By string

// The ways.
const (
	ByWebhook By = "webhook" // a platform sold it and told the hub
	ByCommand By = "command" // a till asked the hub and got a yes
	ByEvent   By = "event"   // a till sold it and reported it
	ByFile    By = "file"    // a till without an API wrote it into a file
)

// Sale is one line that a channel's own ledger states as sold.
type Sale struct {
	By By
	// Shop is the platform that sold it; empty for a till.
	Shop string
	// Connection and Order name the sale in the hub's API. A till's command has no order id of its own: there Order is
	// the receipt.
	Connection, Order string
	SKU               string
	Quantity          int64
	// Restocked is how many came back for sale, Refunded how many were refunded in all.
	Restocked, Refunded int64
	At                  time.Time // by the channel's ledger
	// Freed is when the goods came back; zero when they did not.
	Freed time.Time
	// Heard is when the first byte that tells of the sale reached the hub's door; zero when none did.
	Heard time.Time
}

// Hold is a reservation that the hub granted to a till.
type Hold struct {
	SKU  string
	From time.Time // the hub's yes arrived
	// Until is when it was given up, sold by its own holder, or due to end.
	Until time.Time
}

// Commit is a change of what a shop shows of a SKU, over all of its places.
type Commit struct {
	SKU   string
	At    time.Time
	After int64
	// API tells that it was written through the shop's API, which nobody but the hub has the key of.
	API bool
}

// Shop is one platform's own account.
type Shop struct {
	Connection string
	Commits    []Commit         // oldest first
	Stock      map[string]int64 // what it shows at the end, by SKU
	Noops      int64            // writes through the API that set what was set already
}

// stockAt gives what the shop showed of a SKU at a moment.
func (s *Shop) stockAt(sku string, at time.Time, opening int64) int64 {
	shown := opening
	for _, c := range s.Commits {
		if c.SKU == sku && c.At.Before(at) {
			shown = c.After
		}
	}
	return shown
}

// Outage is a span in which something was broken on purpose.
type Outage struct {
	What        string
	From, Until time.Time
}

// Evidence is what the channels know.
type Evidence struct {
	// Opening is the stock in the morning, by SKU; Pieces are the SKUs of which there is one piece.
	Opening map[string]int64
	Pieces  map[string]bool
	Sales   []Sale
	Holds   []Hold
	Shops   []Shop
	Outages []Outage
	// Emails are the buyers' addresses in lower case.
	Emails map[string]bool
	// Refused is how many deliveries the hub's door answered with 401.
	Refused int64
	// Accepted is how many deliveries, commands, events and file lines the hub took.
	Accepted int64
	// Kills is how often the hub's process was killed and came back.
	Kills int64
	// Now is when the evidence was taken.
	Now time.Time
}

// Record is what the hub's API says.
type Record struct {
	Items   []Item
	Orders  []Order
	Cases   []Case
	Clients []Client
	Parked  int64
	// Drift is how many rows the hub's own full read and compare gave.
	Drift int64
	// Restarts is how often a connector's process was started again, since the hub's own start.
	Restarts int64
}

// Item is an item of the API.
type Item struct {
	ID         string   `json:"id"`
	SKU        string   `json:"sku"`
	Serialized bool     `json:"serialized"`
	Status     string   `json:"status"`
	Contested  bool     `json:"contested"`
	Nodes      []string `json:"nodes"`
	Stock      []struct {
		Location  string `json:"location"`
		Available int64  `json:"available"`
	} `json:"stock"`
	Holder *struct {
		Kind string `json:"kind"`
	} `json:"holder"`
	Listings []struct {
		Connection string `json:"connection"`
	} `json:"listings"`
}

// Order is an order of the API.
type Order struct {
	ID         string `json:"id"`
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	Number     string `json:"number"`
	Status     string `json:"status"`
	Lines      []struct {
		Node     string `json:"node"`
		SKU      string `json:"sku"`
		Quantity int64  `json:"quantity"`
		Returned int64  `json:"returned"`
		Refunded int64  `json:"refunded"`
		Waiting  bool   `json:"waiting"`
	} `json:"lines"`
}

// Case is a case of the API.
type Case struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Open    bool   `json:"open"`
	Subject string `json:"subject"`
}

// Client is a client of the API.
type Client struct {
	ID     string   `json:"id"`
	Emails []string `json:"emails"`
}

package canon

import (
	"encoding/json"
	"slices"
)

// Settings are the part of the configuration that the fold uses. They are journaled when they change, so that a
// replay uses what was in force. They carry no secret.
type Settings struct {
	// MatchItem is the join order of listings: certificate, epc, huid, serial, sku.
	MatchItem []string `json:"match_item"`
	// Serialized says when a listing without serial, certificate and EPC is one piece: when_quantity_max_1, always, never.
	Serialized string `json:"serialized"`
	// StockAuthority is "hub" or a connection's name.
	StockAuthority string `json:"stock_authority"`
	// Safety is held back from what each connection shows, in pieces, of quantity SKUs.
	Safety int64 `json:"safety,omitempty"`
	// OneChannel lets a one-of-a-kind piece be shown on one channel at a time: the first connection in the order of
	// authority that lists it for sale; the others show none.
	OneChannel bool `json:"one_channel,omitempty"`
	// Region is the default region of phone numbers, ISO 3166-1 alpha-2.
	Region string `json:"region,omitempty"`
	// Attributes define the custom attributes of items.
	Attributes []AttributeDef `json:"attributes,omitempty"`
	// Policy says whose word counts for each field; nil means the default for all.
	Policy *Policy `json:"policy,omitempty"`
	// ClientWeights are the weights by which records of clients are compared, as package identity writes them; empty for
	// those of the build.
	ClientWeights json.RawMessage `json:"client_weights,omitempty"`
	// Locations are the hub's own places, sorted.
	Locations   []string             `json:"locations"`
	Connections []ConnectionSettings `json:"connections"` // in the order of authority
}

// ConnectionSettings are the part of a connection's configuration that the fold uses.
type ConnectionSettings struct {
	Name      string `json:"name"`
	Connector string `json:"connector"`
	Mode      Mode   `json:"mode"`
	// Modes are of parts, each at most once.
	Modes []ScopeWish `json:"modes,omitempty"`
	// Baseline is RFC 3339; empty for the default.
	Baseline string `json:"baseline,omitempty"`
	// SellsFrom are the hub's locations whose stock it may sell.
	SellsFrom []string `json:"sells_from"`
	// Locations maps the platform's locations to the hub's.
	Locations map[string]string `json:"locations,omitempty"`
	Safety    int64             `json:"safety,omitempty"`
	// What the connector describes.
	OpeningStock      bool `json:"opening_stock,omitempty"`
	OrderLowersLevel  bool `json:"order_lowers_level,omitempty"`
	RefundRaisesLevel bool `json:"refund_raises_level,omitempty"`
	CancelRaisesLevel bool `json:"cancel_raises_level,omitempty"`
	// Actions are those that the connector can carry out.
	Actions []ActionKind `json:"actions,omitempty"`
}

// Can reports whether the connector can carry out a kind of action.
func (c *ConnectionSettings) Can(kind ActionKind) bool {
	return c != nil && slices.Contains(c.Actions, kind)
}

// Connection gives the settings of a connection; nil when there is none of that name.
func (s *Settings) Connection(name string) *ConnectionSettings {
	if s == nil {
		return nil
	}
	for i := range s.Connections {
		if s.Connections[i].Name == name {
			return &s.Connections[i]
		}
	}
	return nil
}

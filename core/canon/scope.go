package canon

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// Scope is a part of what the hub writes to a connection that may have a mode of its own: the stock of one of the hub's
// locations, all stock, orders, listings, or prices. The zero Scope is what no other one covers: the rest.
type Scope struct {
	Entity   ScopeEntity `json:"entity,omitempty"`
	Location string      `json:"location,omitempty"` // one of the hub's own; goes with stock
}

// ScopeEntity is what is written.
type ScopeEntity string

// What is written to a connection.
const (
	ScopeStock ScopeEntity = "stock" // levels
	ScopeOrder ScopeEntity = "order" // cancellations and refunds
	// ScopeListing is catalogue: listings made, changed, taken down and put up. ScopePrice is their prices.
	ScopeListing ScopeEntity = "listing"
	ScopePrice   ScopeEntity = "price"
)

// NewScope makes a scope of what a person or a configuration names; both may be empty. A location alone stands for its
// stock: nothing else that is written has a place.
func NewScope(entity ScopeEntity, location string) (Scope, error) {
	switch {
	case entity == "" && location != "":
		entity = ScopeStock
	case entity != "" && entity != ScopeStock && entity != ScopeOrder && entity != ScopeListing && entity != ScopePrice:
		return Scope{}, errors.New("the entity is stock, order, listing or price")
	case entity != ScopeStock && location != "":
		return Scope{}, fmt.Errorf("an entity of kind %s has no location: leave the location out, or name stock", entity)
	}
	return Scope{Entity: entity, Location: location}, nil
}

// IsZero reports whether it is the rest.
func (s Scope) IsZero() bool { return s == Scope{} }

// String gives the scope for a person: "stock@boutique-paris", "order", or "" for the rest.
func (s Scope) String() string {
	if s.Location != "" {
		return string(s.Entity) + "@" + s.Location
	}
	return string(s.Entity)
}

// ScopedMode is the mode of a part of a connection.
type ScopedMode struct {
	Scope
	Mode Mode `json:"mode"`
	// Asked is what the configuration wants of this part; empty where a person set its mode.
	Asked Mode `json:"asked,omitempty"`
	// Lowered tells that a person took it to less than it had: the hub does not raise it by itself.
	Lowered bool `json:"lowered,omitempty"`
	// PlanDigest is of the plan that was accepted for this part.
	PlanDigest string `json:"plan_digest,omitempty"`
}

// ScopeWish is the mode that a configuration wants of a part of a connection.
type ScopeWish struct {
	Scope
	Mode Mode `json:"mode"`
}

// Less reports whether m lets the hub do less than other.
func (m Mode) Less(other Mode) bool { return m.rank() < other.rank() }

func (m Mode) rank() int {
	switch m {
	case ModeShadow:
		return 1
	case ModeLive:
		return 2
	}
	return 0
}

// Scoped gives the mode of exactly this part; nil when it has none of its own.
func (c *Connection) Scoped(s Scope) *ScopedMode {
	for i := range c.Scopes {
		if c.Scopes[i].Scope == s {
			return &c.Scopes[i]
		}
	}
	return nil
}

// ModeOf gives the mode that is in force for a part: its own, else that of its entity, else that of the rest.
func (c *Connection) ModeOf(s Scope) Mode {
	for !s.IsZero() {
		if own := c.Scoped(s); own != nil {
			return own.Mode
		}
		if s.Location == "" {
			break
		}
		s.Location = ""
	}
	return c.Mode
}

// StockMode gives the mode of a level that shows the stock of these locations together: the least of theirs, so that it
// is live only where all of them are. Invariant 9.
func (c *Connection) StockMode(locations []string) Mode {
	if len(c.Scopes) == 0 || len(locations) == 0 {
		return c.ModeOf(Scope{Entity: ScopeStock})
	}
	least := ModeLive
	for _, l := range locations {
		if m := c.ModeOf(Scope{Entity: ScopeStock, Location: l}); m.Less(least) {
			least = m
		}
	}
	return least
}

// Live reports whether any part of the connection is live.
func (c *Connection) Live() bool {
	return c.Mode == ModeLive || slices.ContainsFunc(c.Scopes, func(s ScopedMode) bool { return s.Mode == ModeLive })
}

// PutScope sets the mode of a part of its own, in the order of the parts' names. The slice is replaced, never changed.
func (c *Connection) PutScope(m ScopedMode) {
	scopes := slices.DeleteFunc(slices.Clone(c.Scopes), func(s ScopedMode) bool { return s.Scope == m.Scope })
	scopes = append(scopes, m)
	slices.SortFunc(scopes, func(a, b ScopedMode) int {
		return cmp.Or(cmp.Compare(a.Entity, b.Entity), cmp.Compare(a.Location, b.Location))
	})
	c.Scopes = scopes
}

// DropScope leaves a part to what is in force without a mode of its own.
func (c *Connection) DropScope(s Scope) {
	c.Scopes = slices.DeleteFunc(slices.Clone(c.Scopes), func(m ScopedMode) bool { return m.Scope == s })
	if len(c.Scopes) == 0 {
		c.Scopes = nil
	}
}

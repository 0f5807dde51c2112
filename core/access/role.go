package access

import (
	"fmt"
	"slices"
)

// Role is what the holder of a token is to the hub.
type Role string

// The roles.
const (
	RoleAdmin   Role = "admin"   // runs the hub: everything
	RoleManager Role = "manager" // runs the shops: decides cases, matches and parked entries, sees costs
	RoleTill    Role = "till"    // sells: reserves, sells, reports sales, sees clients
	RoleDevice  Role = "device"  // a reader, a scale, a display: reports, looks pieces up
	RoleRead    Role = "read"    // a dashboard: looks, changes nothing
)

// Roles lists every role.
func Roles() []Role { return []Role{RoleAdmin, RoleManager, RoleTill, RoleDevice, RoleRead} }

// ParseRole checks the name of a role.
func ParseRole(s string) (Role, error) {
	if !slices.Contains(Roles(), Role(s)) {
		return "", fmt.Errorf("role %.20q is not known; use admin, manager, till, device or read", s)
	}
	return Role(s), nil
}

// Permission is what a route asks for. A role has what the table says and nothing else.
type Permission string

// The permissions.
const (
	ItemsRead          Permission = "items.read"
	ItemsClaim         Permission = "items.claim" // reserve, release, sell
	ItemsRestock       Permission = "items.restock"
	StockMove          Permission = "stock.move"    // transfers, counts, what becomes of goods; the machines say which role takes which step
	StockScan          Permission = "stock.scan"    // what a reader does for them: pick, receive, see
	OffersManage       Permission = "offers.manage" // price lists and promotions
	CreditsMove        Permission = "credits.move"  // gift cards and store credits
	ClientsRead        Permission = "clients.read"
	OrdersRead         Permission = "orders.read"
	OrdersChange       Permission = "orders.change" // cancel and refund at the platform
	LocationsRead      Permission = "locations.read"
	CasesRead          Permission = "cases.read"
	CasesResolve       Permission = "cases.resolve"
	ParkedManage       Permission = "parked.manage"
	MatchesManage      Permission = "matches.manage"
	PolicyRead         Permission = "policy.read" // whose word counts, and with which values
	ConnectionsRead    Permission = "connections.read"
	ConnectionsInspect Permission = "connections.inspect" // check, discover, plan, import, drift: reads platforms
	ConnectionsControl Permission = "connections.control" // mode, pause, resume: decides what is written
	EventsReport       Permission = "events.report"
	StreamRead         Permission = "stream.read"
	MetricsRead        Permission = "metrics.read"
	TokensManage       Permission = "tokens.manage"
	DescriptionRead    Permission = "description.read" // the OpenAPI document
	OwnCommandsRead    Permission = "commands.read"    // outcomes of the token's own commands
)

// table says who may do what. Deny is the default: a permission that is not in a role's list is refused.
var table = map[Role][]Permission{
	RoleAdmin: Permissions(),
	RoleManager: {
		ItemsRead, ItemsClaim, ItemsRestock, ClientsRead, OrdersRead, OrdersChange, LocationsRead, CasesRead, CasesResolve, ParkedManage,
		MatchesManage, PolicyRead, ConnectionsRead, ConnectionsInspect, EventsReport, StreamRead, MetricsRead, DescriptionRead, OwnCommandsRead,
		StockMove, StockScan, CreditsMove, OffersManage,
	},
	RoleTill: {
		ItemsRead, ItemsClaim, ItemsRestock, StockMove, StockScan, CreditsMove, ClientsRead, OrdersRead, LocationsRead, EventsReport, StreamRead, DescriptionRead,
		OwnCommandsRead,
	},
	RoleDevice: {ItemsRead, LocationsRead, EventsReport, DescriptionRead, StockScan, OwnCommandsRead},
	RoleRead: {
		ItemsRead, OrdersRead, LocationsRead, CasesRead, ConnectionsRead, StreamRead, MetricsRead, DescriptionRead,
	},
}

// Permissions lists every permission.
func Permissions() []Permission {
	return []Permission{
		ItemsRead, ItemsClaim, ItemsRestock, ClientsRead, OrdersRead, OrdersChange, LocationsRead, CasesRead, CasesResolve, ParkedManage,
		MatchesManage, PolicyRead, ConnectionsRead, ConnectionsInspect, ConnectionsControl, EventsReport, StreamRead, MetricsRead,
		StockMove, StockScan, CreditsMove, OffersManage,
		TokensManage, DescriptionRead, OwnCommandsRead,
	}
}

// Can reports whether a role has a permission.
func (r Role) Can(p Permission) bool { return slices.Contains(table[r], p) }

// Principal is who asks: the holder of a token.
type Principal struct {
	// Name is the token's name: the actor of everything that it does.
	Name string
	Role Role
	// Location is the only one of the hub's locations that it may act at; empty for all.
	Location string
}

// Channel is how the principal shows as the origin of a claim: "till:paris-1". It never equals a connection's name,
// which has no colon.
func (p Principal) Channel() string { return string(p.Role) + ":" + p.Name }

// At gives the location to act at: the stated one, or the token's own where none is stated. ok is false when the
// token is bound to another one.
func (p Principal) At(stated string) (location string, ok bool) {
	switch {
	case p.Location == "" || stated == p.Location:
		return stated, true
	case stated == "":
		return p.Location, true
	}
	return "", false
}

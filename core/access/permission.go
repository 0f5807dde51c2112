package access

import "slices"

// Permission is what a route asks for. A role has what it is given and nothing else: deny is the default.
type Permission string

// The permissions.
const (
	ItemsRead          Permission = "items.read"
	ItemsClaim         Permission = "items.claim" // reserve, release, sell
	ItemsRestock       Permission = "items.restock"
	StockMove          Permission = "stock.move"    // transfers, counts, what becomes of goods; the machines say which role takes which step
	StockScan          Permission = "stock.scan"    // what a reader does for them: pick, receive, see
	OffersManage       Permission = "offers.manage" // price lists and promotions
	CreditsRead        Permission = "credits.read"  // gift cards and store credits
	CreditsMove        Permission = "credits.move"
	ClientsRead        Permission = "clients.read"
	ClientsMerge       Permission = "clients.merge" // say who is one person, and take it back
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
	FiguresRead        Permission = "figures.read" // sales of the day, stock value, facts per minute
	MetricsRead        Permission = "metrics.read"
	TokensManage       Permission = "tokens.manage"
	StaffManage        Permission = "staff.manage"
	AuditRead          Permission = "audit.read" // seals, the journal's entries, who read what
	AlarmsRead         Permission = "alarms.read"
	HubManage          Permission = "hub.manage"       // the support bundle, a test of an alarm's way, a backup now
	SnapshotRead       Permission = "snapshot.read"    // the whole view, for another node
	DescriptionRead    Permission = "description.read" // the OpenAPI document
	OwnCommandsRead    Permission = "commands.read"    // outcomes of the token's own commands
	OwnSelfRead        Permission = "self.read"        // who the token is
)

// Permissions lists every permission.
func Permissions() []Permission {
	return []Permission{
		ItemsRead, ItemsClaim, ItemsRestock, StockMove, StockScan, OffersManage, CreditsRead, CreditsMove, ClientsRead, ClientsMerge,
		OrdersRead, OrdersChange, LocationsRead, CasesRead, CasesResolve, ParkedManage, MatchesManage, PolicyRead, ConnectionsRead,
		ConnectionsInspect, ConnectionsControl, EventsReport, StreamRead, FiguresRead, MetricsRead, TokensManage, StaffManage, AuditRead, AlarmsRead, HubManage, SnapshotRead,
		DescriptionRead, OwnCommandsRead, OwnSelfRead,
	}
}

// set is permissions as bits, by their place in Permissions.
type set uint64

func setOf(ps ...Permission) (s set) {
	for _, p := range ps {
		s |= bitOf(p)
	}
	return s
}

// bitOf gives a permission's bit; none for what is no permission.
func bitOf(p Permission) set { return bits[p] }

var bits = func() map[Permission]set {
	m := make(map[Permission]set)
	for i, p := range Permissions() {
		m[p] = 1 << i
	}
	return m
}()

// list gives the permissions of a set, in the order of Permissions.
func (s set) list() []Permission {
	return slices.DeleteFunc(Permissions(), func(p Permission) bool { return s&bitOf(p) == 0 })
}

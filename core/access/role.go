package access

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Role names what the holder of a token, or a person, is to the hub.
type Role string

// The built-in roles.
const (
	RoleAdmin      Role = "admin"      // runs the hub: everything
	RoleManager    Role = "manager"    // runs the shops: decides cases, matches and parked entries, sees costs
	RoleConsultant Role = "consultant" // serves clients: finds, reserves, sells
	RoleWorkshop   Role = "workshop"   // repairs and finishes pieces; sees no client and no price paid
	RoleAccountant Role = "accountant" // reads sales, stock values and credits with their costs; changes nothing
	RoleTill       Role = "till"       // sells: reserves, sells, reports sales, sees clients
	RoleDevice     Role = "device"     // a reader, a scale, a display: reports, looks pieces up
	RoleConnector  Role = "connector"  // a system of the house that reports events of its own and reads no person
	RoleRead       Role = "read"       // a dashboard: looks, changes nothing
)

// Roles lists the built-in roles.
func Roles() []Role {
	return []Role{RoleAdmin, RoleManager, RoleConsultant, RoleWorkshop, RoleAccountant, RoleTill, RoleDevice, RoleConnector, RoleRead}
}

// ParseRole checks the name of a built-in role.
func ParseRole(s string) (Role, error) {
	if _, ok := builtIn[Role(s)]; !ok {
		return "", fmt.Errorf("%w: %.20q; use %s", ErrRole, s, names(Roles()))
	}
	return Role(s), nil
}

// ErrRole tells that a role is not known.
var ErrRole = errors.New("access: no such role")

func names(roles []Role) string {
	var b strings.Builder
	for i, r := range roles {
		switch {
		case i > 0 && i == len(roles)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		b.WriteString(string(r))
	}
	return b.String()
}

// rights is what a role amounts to.
type rights struct {
	can  set
	sees Sight
	// acts is the built-in role that the fold's machines take it for: they know which step a manager, a consultant and
	// a device may take.
	acts Role
}

// within reports whether whoever has these rights gets nothing that o does not have.
func (r rights) within(o rights) bool {
	return r.can&^o.can == 0 && r.sees&^o.sees == 0 && (r.acts == o.acts || rank(r.acts) < rank(o.acts))
}

// rank orders the roles that the machines know.
func rank(r Role) int {
	switch r {
	case RoleAdmin:
		return 3
	case RoleManager:
		return 2
	case RoleDevice:
		return 0
	}
	return 1
}

// looks is what nearly everybody may read.
var looks = []Permission{ItemsRead, LocationsRead, DescriptionRead, OwnCommandsRead, OwnSelfRead}

func with(more ...Permission) set { return setOf(looks...) | setOf(more...) }

// builtIn says who may do and see what.
var builtIn = map[Role]rights{
	RoleAdmin: {can: setOf(Permissions()...), sees: seesAll, acts: RoleAdmin},
	RoleManager: {acts: RoleManager, sees: seesAll, can: with(
		ItemsClaim, ItemsRestock, StockMove, StockScan, OffersManage, CreditsRead, CreditsMove, ClientsRead, ClientsMerge, OrdersRead, OrdersChange,
		CasesRead, CasesResolve, ParkedManage, MatchesManage, PolicyRead, ConnectionsRead, ConnectionsInspect, EventsReport, StreamRead, FiguresRead, MetricsRead, AlarmsRead,
	)},
	RoleConsultant: {acts: RoleConsultant, sees: SightOf(Public, Internal, Personal), can: with(
		ItemsClaim, ItemsRestock, StockMove, StockScan, ClientsRead, OrdersRead, CasesRead, CreditsRead, StreamRead, FiguresRead,
	)},
	RoleWorkshop: {acts: RoleWorkshop, sees: SightOf(Public, Internal), can: with(StockMove, StockScan, CasesRead, StreamRead)},
	RoleAccountant: {acts: RoleAccountant, sees: SightOf(Public, Internal, Cost, Payment), can: with(
		OrdersRead, CreditsRead, CasesRead, ConnectionsRead, StreamRead, FiguresRead, MetricsRead,
	)},
	RoleTill: {acts: RoleTill, sees: SightOf(Public, Internal, Payment, Personal), can: with(
		ItemsClaim, ItemsRestock, StockMove, StockScan, CreditsRead, CreditsMove, ClientsRead, OrdersRead, EventsReport, StreamRead,
	)},
	RoleDevice:    {acts: RoleDevice, sees: SightOf(Public, Internal), can: with(EventsReport, StockScan)},
	RoleConnector: {acts: RoleConnector, sees: SightOf(Public, Internal), can: with(EventsReport, StreamRead)},
	RoleRead: {acts: RoleRead, sees: SightOf(Public, Internal), can: setOf(
		ItemsRead, OrdersRead, LocationsRead, CasesRead, ConnectionsRead, StreamRead, FiguresRead, MetricsRead, AlarmsRead, DescriptionRead, OwnSelfRead,
	)},
}

// Can reports whether a built-in role has a permission.
func (r Role) Can(p Permission) bool { return builtIn[r].can&bitOf(p) != 0 }

// Sees reports whether a built-in role gets the fields of a class:
//
//	           admin  manager  consultant  workshop  accountant  till  device  connector  read
//	public     yes    yes      yes         yes       yes         yes   yes     yes        yes
//	internal   yes    yes      yes         yes       yes         yes   yes     yes        yes
//	cost       yes    yes      no          no        yes         no    no      no         no
//	payment    yes    yes      no          no        yes         yes   no      no         no
//	personal   yes    yes      yes         no        no          yes   no      no         no
//
// A class that is not in the table is seen by nobody.
func (r Role) Sees(c Class) bool { return builtIn[r].sees.Sees(c) }

// Sight gives what a built-in role sees; nothing for any other.
func (r Role) Sight() Sight { return builtIn[r].sees }

// Definition is a role of the house's own, by configuration.
type Definition struct {
	Name Role
	// Like is the role that it begins with; empty for nothing.
	Like Role
	// Permissions are added to those of Like, Without taken away.
	Permissions, Without []Permission
	// Sees are the classes beside public and internal that it sees; nil leaves those of Like.
	Sees []Class
	// ActsAs is the built-in role whose steps it may take; empty leaves that of Like, or consultant.
	ActsAs Role
}

var roleRule = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// RoleBook knows the built-in roles and the house's own.
type RoleBook struct {
	roles map[Role]rights
	order []Role
}

// NewRoleBook makes a book. An own role may take neither the name of a built-in one nor be like one that comes later.
func NewRoleBook(own ...Definition) (*RoleBook, error) {
	b := &RoleBook{roles: maps.Clone(builtIn), order: Roles()}
	for _, d := range own {
		r, err := b.define(d)
		if err != nil {
			return nil, err
		}
		b.roles[d.Name], b.order = r, append(b.order, d.Name)
	}
	return b, nil
}

func (b *RoleBook) define(d Definition) (rights, error) {
	if !roleRule.MatchString(string(d.Name)) {
		return rights{}, fmt.Errorf("access: role %.40q: a role's name has up to 31 small letters, digits and dashes", d.Name)
	}
	if _, taken := b.roles[d.Name]; taken {
		return rights{}, fmt.Errorf("access: role %s is there already", d.Name)
	}
	r := rights{acts: RoleConsultant, sees: SightOf(Public, Internal), can: setOf(OwnSelfRead, OwnCommandsRead)}
	if d.Like != "" {
		like, known := b.roles[d.Like]
		if !known {
			return rights{}, fmt.Errorf("access: role %s is like %.40q, which is no role before it", d.Name, d.Like)
		}
		r = like
	}
	for _, p := range slices.Concat(d.Permissions, d.Without) {
		if bitOf(p) == 0 {
			return rights{}, fmt.Errorf("access: role %s: %.40q is no permission", d.Name, p)
		}
	}
	r.can = (r.can | setOf(d.Permissions...)) &^ setOf(d.Without...)
	if d.Sees != nil {
		r.sees = SightOf(append([]Class{Public, Internal}, d.Sees...)...)
		for _, c := range d.Sees {
			if sightBits[c] == 0 {
				return rights{}, fmt.Errorf("access: role %s: %.40q is no class of fields", d.Name, c)
			}
		}
	}
	if d.ActsAs != "" {
		if _, ok := builtIn[d.ActsAs]; !ok {
			return rights{}, fmt.Errorf("access: role %s acts as %.40q, which is no built-in role", d.Name, d.ActsAs)
		}
		r.acts = d.ActsAs
	}
	return r, nil
}

// Roles lists the roles: the built-in ones, then the house's own.
func (b *RoleBook) Roles() []Role { return slices.Clone(b.order) }

// Permissions lists what a role may do, Classes which fields it sees, ActsAs which steps it may take.
func (b *RoleBook) Permissions(r Role) []Permission { return b.roles[r].can.list() }

// Classes lists the classes of fields that a role sees.
func (b *RoleBook) Classes(r Role) []Class { return b.roles[r].sees.classes() }

// ActsAs is the built-in role whose steps a role may take.
func (b *RoleBook) ActsAs(r Role) Role { return b.roles[r].acts }

// Principal gives who comes under a name with a role. One whose role is not in the book may do and sees nothing.
func (b *RoleBook) Principal(name string, r Role, location string) Principal {
	p := Principal{Name: name, Role: r, Location: location}
	if _, is := builtIn[r]; !is {
		held := b.roles[r]
		p.own = &held
	}
	return p
}

// Known checks the name of a role.
func (b *RoleBook) Known(r Role) error {
	if _, ok := b.roles[r]; !ok {
		return fmt.Errorf("%w: %.40q; use %s", ErrRole, r, names(b.order))
	}
	return nil
}

// MayGrant reports whether somebody may give a role at a location: never more than they have themselves.
func (b *RoleBook) MayGrant(who Principal, r Role, location string) bool {
	return b.Known(r) == nil && b.roles[r].within(who.rights()) && (who.Location == "" || who.Location == location)
}

// Principal is who asks: the holder of a token, or a person who signed in.
type Principal struct {
	// Name is the token's name, or the person's: the actor of everything that it does.
	Name string
	Role Role
	// Location is the only one of the hub's locations that it may act at; empty for all.
	Location string
	own      *rights // by the role book; nil for the built-in role's
}

func (p Principal) rights() rights {
	if p.own != nil {
		return *p.own
	}
	return builtIn[p.Role]
}

// Can reports whether the principal has a permission.
func (p Principal) Can(perm Permission) bool { return p.rights().can&bitOf(perm) != 0 }

// Sees reports whether the principal gets the fields of a class.
func (p Principal) Sees(c Class) bool { return p.rights().sees.Sees(c) }

// Sight is which classes of fields the principal sees.
func (p Principal) Sight() Sight { return p.rights().sees }

// Permissions lists what the principal may do, Classes which fields it sees.
func (p Principal) Permissions() []Permission { return p.rights().can.list() }

// Classes lists the classes of fields that the principal sees.
func (p Principal) Classes() []Class { return p.rights().sees.classes() }

// ActsAs is the built-in role that the fold's machines take the principal for.
func (p Principal) ActsAs() string { return string(p.rights().acts) }

// Channel is how the principal shows as the origin of a claim: "till:paris-1". It never equals a connection's name,
// which has no colon. Somebody of the staff is a channel whatever the role: "staff:anna".
func (p Principal) Channel() string {
	if strings.HasPrefix(p.Name, staffPrefix) {
		return p.Name
	}
	return string(p.Role) + ":" + p.Name
}

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

// Within reports whether a document that names these locations is the principal's to see: any of them is its own, it is
// bound to none, or the document names none.
func (p Principal) Within(locations ...string) bool {
	named := false
	for _, l := range locations {
		if l == p.Location {
			return true
		}
		named = named || l != ""
	}
	return p.Location == "" || !named
}

package lifecycle

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// Sum is what the ledger adds up to for one node at one of the hub's locations, in pieces.
type Sum struct {
	Opening  int64 `json:"opening,omitempty"`  // fixed when a connection went live
	Reserved int64 `json:"reserved,omitempty"` // live reservations
	// Committed, InRepair and Damaged are on hand and not for sale; InTransit is on the way to here; Arrived came here
	// by transfers.
	Committed int64 `json:"committed,omitempty"`
	InRepair  int64 `json:"in_repair,omitempty"`
	Damaged   int64 `json:"damaged,omitempty"`
	InTransit int64 `json:"in_transit,omitempty"`
	Arrived   int64 `json:"arrived,omitempty"`
	// Counted is the newest count of the node at this location.
	Counted *Counted `json:"counted,omitempty"`
	// Sold is what live sale claims took, by connection.
	Sold map[string]int64 `json:"sold,omitempty"`
	// Pending is what claims took that the stock authority's own level is not known to include yet.
	Pending int64 `json:"pending,omitempty" golden:"-"`
}

// Taken is what sale claims on a node had taken at a place at the moment when the item was counted there last: the
// count did not find it.
type Taken struct {
	Before int64     `json:"before"`
	Since  time.Time `json:"since"`
}

// Counted is what somebody counted, in pieces, and when.
type Counted struct {
	At       time.Time `json:"at"`
	Quantity int64     `json:"quantity"`
	Key      string    `json:"key"` // of the count; it decides between counts of the same moment
}

// Newer reports whether a count stands instead of another, which may be nil. The counter's own time decides, so that
// the order in which counts and sales arrive does not matter (invariant 3).
func (c *Counted) Newer(than *Counted) bool {
	if than == nil {
		return true
	}
	if d := c.At.Compare(than.At); d != 0 {
		return d > 0
	}
	return c.Key > than.Key
}

// Counts gives the newest count of an item at each location.
func Counts(ledgers []*Ledger) map[string]*Counted {
	var counts map[string]*Counted
	for _, l := range ledgers {
		for at, s := range l.At {
			if s.Counted != nil && s.Counted.Newer(counts[at]) {
				if counts == nil {
					counts = make(map[string]*Counted)
				}
				counts[at] = s.Counted
			}
		}
	}
	return counts
}

// counted is what a count made of a location: what was found, and what had been taken then and is part of the sums.
func counted(c *Counted, at string, ledgers []*Ledger) int64 {
	q := c.Quantity
	for _, l := range ledgers {
		if t := l.Taken[at]; t.Since.Equal(c.At) {
			q += t.Before
		}
	}
	return q
}

func (s *Sum) sold() int64 {
	var n int64
	for _, q := range s.Sold {
		n += q
	}
	return n
}

// Ledger is the ledger's sums of one node.
type Ledger struct {
	Adopted bool            `json:"adopted,omitempty"`
	At      map[string]*Sum `json:"at,omitempty"` // by location
	// Taken is by location, where the item was counted.
	Taken map[string]Taken `json:"taken,omitempty" golden:"-"`
	// Live are the keys of the claims that count, sorted, as long as there are few. Many tells that there were more
	// than that at one time, and that Live is empty for it.
	Live []string `json:"live,omitempty" golden:"-"`
	Many bool     `json:"many,omitempty" golden:"-"`
	// First is no later than the moment of any sale that was ever claimed on the node; zero where none was.
	First time.Time `json:"first,omitzero" golden:"-"`
}

// InGolden keeps a ledger that says nothing out of the golden digest.
func (l *Ledger) InGolden() bool { return l.Adopted || len(l.At) > 0 }

// few is how many live claims a ledger names.
const few = 8

// name keeps Live in line with a claim that counts or does not.
func (l *Ledger) name(key string, live bool) {
	i, found := slices.BinarySearch(l.Live, key)
	switch {
	case l.Many || found == live:
	case !live:
		l.Live = slices.Delete(l.Live, i, i+1)
	case len(l.Live) == few:
		l.Live, l.Many = nil, true
	default:
		l.Live = slices.Insert(l.Live, i, key)
	}
}

// Sum gives the sum at a location, made if it is missing.
func (l *Ledger) Sum(location string) *Sum {
	if l.At == nil {
		l.At = make(map[string]*Sum)
	}
	s := l.At[location]
	if s == nil {
		s = &Sum{}
		l.At[location] = s
	}
	return s
}

// Apply moves the ledger by a claim's change from before to after. Each may be nil. Reserved and sold claims move
// other sums; what is pending at a stock authority that is a platform counts all claims but its own.
func (l *Ledger) Apply(before, after *canon.Claim, authority string) {
	l.move(before, -1, authority)
	l.move(after, 1, authority)
	if before != nil {
		l.name(before.Key, false)
	}
	if after != nil {
		l.name(after.Key, after.Live())
		if t := after.When(); after.Kind == canon.ClaimSale && (l.First.IsZero() || t.Before(l.First)) {
			l.First = t
		}
	}
	if len(l.At) == 0 {
		l.Live, l.Many = nil, false
	}
}

func (l *Ledger) move(c *canon.Claim, sign int64, authority string) {
	if c == nil {
		return
	}
	net := Net(c)
	s := l.Sum(c.Location)
	if bucket := s.bucket(c); bucket != nil {
		*bucket += sign * net
	} else if net != 0 {
		if s.Sold == nil {
			s.Sold = make(map[string]int64)
		}
		s.Sold[c.Connection] += sign * net
		if s.Sold[c.Connection] == 0 {
			delete(s.Sold, c.Connection)
		}
	}
	if c.To != "" && !c.Overruled {
		to, came := l.Sum(c.To), int64(0)
		for _, a := range c.Arrived {
			came += a.Quantity
		}
		to.Arrived += sign * came
		to.InTransit += sign * c.OnTheWay()
		l.takenBefore(c, c.To, sign)
		l.Trim(c.To)
	}
	l.takenBefore(c, c.Location, sign)
	if c.Connection != authority {
		s.Pending += sign * (net - c.Reflected)
	}
	l.Trim(c.Location)
}

// bucket is where what a claim holds on hand counts; nil where it took the goods away.
func (s *Sum) bucket(c *canon.Claim) *int64 {
	switch {
	case !c.OnHand():
		return nil
	case c.Kind == canon.ClaimReservation:
		return &s.Reserved
	case c.State == canon.ItemInRepair:
		return &s.InRepair
	case c.Kind == canon.ClaimAside && BucketOf(State(c.State)) == BucketDamaged:
		return &s.Damaged
	}
	return &s.Committed
}

func (l *Ledger) takenBefore(c *canon.Claim, at string, sign int64) {
	if t, ok := l.Taken[at]; ok {
		t.Before += sign * c.BeforeAt(at, t.Since)
		l.Taken[at] = t
	}
}

// Trim drops the sum of a location that says nothing.
func (l *Ledger) Trim(location string) {
	if s := l.At[location]; s != nil && s.zero() {
		delete(l.At, location)
	}
}

// Net is what a claim takes now: nothing when it is not live.
func Net(c *canon.Claim) int64 {
	if c.Live() || c.To != "" && !c.Overruled { // what arrived elsewhere is not here
		return c.Net
	}
	return 0
}

func (s *Sum) zero() bool {
	return s.Opening == 0 && s.Counted == nil && s.Reserved == 0 && len(s.Sold) == 0 && s.Pending == 0 &&
		s.Committed == 0 && s.InRepair == 0 && s.Damaged == 0 && s.InTransit == 0 && s.Arrived == 0
}

// ShownAt is what a connection's level shows at one of the hub's locations.
type ShownAt struct {
	Connection string
	Location   string // the hub's
	Available  int64
	// Whole tells that the connection has one number for all places; Location is then the first it sells from.
	Whole bool
	// Opening tells that the connection's levels are a count of what is there.
	Opening bool
	// Own is how many of the connection's own sales the level already includes.
	Own int64
}

// Stock is what the hub makes of levels and ledgers for one item.
type Stock struct {
	At []canon.StockAt // sorted by location
	// Conflict tells that nothing was adopted and the sources disagree: nothing may be written.
	Conflict bool
	// Unseen tells that no source has shown a level.
	Unseen  bool
	Adopted bool
}

// Opening gives the opening stock by location that the sources' levels imply, and whether they disagree. A level
// that includes its connection's own sales has them added back. Sources that count what is there outrank shop windows;
// sources that know places say where, and those with one number for all have to agree with the sum.
func Opening(levels []ShownAt) (opening map[string]int64, conflict, seen bool) {
	counted := slices.ContainsFunc(levels, func(s ShownAt) bool { return s.Opening })
	placed := make(map[string]map[string]int64) // by connection and location
	whole := make(map[string]int64)
	wholeAt := make(map[string]string)
	for _, s := range levels {
		if s.Opening != counted {
			continue
		}
		q := s.Available + s.Own
		if s.Whole {
			whole[s.Connection] += q
			wholeAt[s.Connection] = s.Location
			continue
		}
		if placed[s.Connection] == nil {
			placed[s.Connection] = make(map[string]int64)
		}
		placed[s.Connection][s.Location] += q
	}
	opening = make(map[string]int64)
	set := make(map[string]bool)
	total := int64(0)
	for _, conn := range slices.Sorted(maps.Keys(placed)) {
		for _, loc := range slices.Sorted(maps.Keys(placed[conn])) {
			q := placed[conn][loc]
			if set[loc] && opening[loc] != q {
				conflict = true
				q = min(q, opening[loc])
			}
			opening[loc], set[loc] = q, true
		}
	}
	for _, q := range opening {
		total += q
	}
	for _, conn := range slices.Sorted(maps.Keys(whole)) {
		if len(set) == 0 {
			opening[wholeAt[conn]], set[wholeAt[conn]], total = whole[conn], true, whole[conn]
			continue
		}
		conflict = conflict || whole[conn] != total
	}
	return opening, conflict, len(set) > 0
}

// PieceCustody says whether a serialized piece is in the house, and where. held tells that a live claim exists: a
// claim proves that the piece was there.
func PieceCustody(levels []ShownAt, ledgers []*Ledger, authority string, held bool) (c Custody, at string, adopted bool) {
	if authority != HubAuthority {
		st := PlatformStock(levels, ledgers, authority)
		for _, a := range st.At {
			if a.Available > 0 {
				return CustodyIn, a.Location, true
			}
		}
		if st.Unseen {
			return CustodyUnknown, "", true
		}
		return CustodyOut, "", true
	}
	onHand := make(map[string]int64)
	var conflict, seen bool
	for _, l := range ledgers {
		if l.Adopted && !adopted {
			adopted, seen = true, true
			for loc, s := range l.At {
				onHand[loc] += s.Opening
			}
		}
	}
	if !adopted {
		onHand, conflict, seen = Opening(levels)
	}
	in := false
	if counts := Counts(ledgers); len(counts) > 0 {
		// A piece that was found is there, and nowhere else.
		seen = true
		var found *Counted
		for _, loc := range slices.Sorted(maps.Keys(counts)) {
			c := counts[loc]
			onHand[loc] = counted(c, loc, ledgers)
			if onHand[loc] > 0 && c.Newer(found) {
				found, in, at = c, true, loc
			}
		}
		conflict = conflict && !in
	}
	for _, loc := range slices.Sorted(maps.Keys(onHand)) {
		if onHand[loc] > 0 && !in {
			in, at = true, loc
		}
	}
	switch {
	case conflict && !held:
		return CustodyUnknown, at, adopted
	case in || (held && !seen):
		return CustodyIn, at, adopted
	case !seen:
		return CustodyUnknown, "", adopted
	}
	return CustodyOut, "", adopted
}

// HubAuthority is the stock authority's name when it is the hub itself.
const HubAuthority = "hub"

// HubStock computes the stock of an item whose authority is the hub: opening less sales, or where it was counted, what
// was found less the sales after it; and less reservations for what is available. Documents move it, levels do not once it is adopted.
func HubStock(levels []ShownAt, ledgers []*Ledger) Stock {
	var st Stock
	var adopted *Ledger
	for _, l := range ledgers {
		if l.Adopted && adopted == nil {
			adopted = l
		}
	}
	opening := make(map[string]int64)
	if adopted != nil {
		st.Adopted = true
		for loc, s := range adopted.At {
			opening[loc] = s.Opening
		}
	} else {
		var seen bool
		opening, st.Conflict, seen = Opening(levels)
		st.Unseen = !seen
	}
	for loc, c := range Counts(ledgers) {
		opening[loc], st.Unseen = counted(c, loc, ledgers), false
	}
	at := make(map[string]*canon.StockAt)
	get := func(loc string) *canon.StockAt {
		a := at[loc]
		if a == nil {
			a = &canon.StockAt{Location: loc}
			at[loc] = a
		}
		return a
	}
	for loc, q := range opening {
		get(loc).OnHand += q
	}
	for _, l := range ledgers {
		for loc, s := range l.At {
			a := get(loc)
			a.OnHand += s.Arrived - s.sold()
			a.Reserved += s.Reserved
			a.Committed += s.Committed
			a.InRepair += s.InRepair
			a.Damaged += s.Damaged
			a.InTransit += s.InTransit
		}
	}
	st.At = finish(at)
	return st
}

// PlatformStock computes the stock of an item whose authority is a platform: its levels, less what other channels
// took and it does not show yet.
func PlatformStock(levels []ShownAt, ledgers []*Ledger, authority string) Stock {
	st := Stock{Unseen: true, Adopted: true}
	at := make(map[string]*canon.StockAt)
	whole := "" // where the authority has one number for all places
	for _, s := range levels {
		if s.Connection != authority {
			continue
		}
		st.Unseen = false
		if s.Whole {
			whole = s.Location
		}
		a := at[s.Location]
		if a == nil {
			a = &canon.StockAt{Location: s.Location}
			at[s.Location] = a
		}
		a.OnHand += s.Available
	}
	for _, l := range ledgers {
		for loc, s := range l.At {
			a := at[loc]
			if a == nil {
				if s.Pending == 0 {
					continue
				}
				if a = at[whole]; a != nil {
					a.OnHand -= s.Pending
					continue
				}
				a = &canon.StockAt{Location: loc}
				at[loc] = a
			}
			a.OnHand -= s.Pending
		}
	}
	st.At = finish(at)
	return st
}

func finish(at map[string]*canon.StockAt) []canon.StockAt {
	out := make([]canon.StockAt, 0, len(at))
	for _, loc := range slices.Sorted(maps.Keys(at)) {
		a := at[loc]
		a.Available = a.OnHand - a.Reserved - a.Committed - a.InRepair - a.Damaged
		out = append(out, *a)
	}
	return out
}

// HoldBack says of what is available which part no channel is shown: the buffer, from the first place on.
func HoldBack(at []canon.StockAt, buffer int64) {
	for i := range at {
		at[i].Safety = max(min(buffer, at[i].Available), 0)
		buffer -= at[i].Safety
	}
}

// Oversold gives the case of a quantity SKU whose stock is below zero somewhere; nil when it is not.
func Oversold(item *canon.Item) *canon.Case {
	c := &canon.Case{
		ID: CaseID(canon.CaseOversold, item.ID), Kind: canon.CaseOversold, Open: true, Subject: item.ID,
		Summary: "more was sold than there was",
	}
	for _, a := range item.Stock {
		if a.Available < 0 {
			c.Evidence = append(c.Evidence, canon.Evidence{Text: fmt.Sprintf("%d at %s", a.Available, a.Location)})
		}
	}
	if len(c.Evidence) == 0 {
		return nil
	}
	return c
}

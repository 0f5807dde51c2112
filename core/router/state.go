package router

import (
	"fmt"
	"slices"
	"time"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/store"
)

// shownLevel is a level binding with what it shows.
type shownLevel struct {
	binding *canon.Binding
	state   *canon.LevelState // nil when it was deleted
}

// decodeLevel reads a level binding and what it shows.
func decodeLevel(raw []byte) (*shownLevel, error) {
	b := new(canon.Binding)
	if err := json.Unmarshal(raw, b); err != nil {
		return nil, fmt.Errorf("%w: a level binding does not decode", store.ErrCorrupt)
	}
	obs, err := effective(b)
	if err != nil {
		return nil, err
	}
	return &shownLevel{b, present(obs, obs.Level)}, nil
}

// own gives a shared level as one whose binding and wants may be set.
func (l *shownLevel) own() shownLevel {
	b := *l.binding
	if b.Wants != nil {
		w := *b.Wants
		b.Wants = &w
	}
	return shownLevel{&b, l.state}
}

// shows is what the level is known or expected to show.
func (l shownLevel) shows() int64 {
	if l.binding.Wants != nil {
		return l.binding.Wants.Shows
	}
	return *l.state.Available
}

// written is what the level was seen to show, or written since.
func (l shownLevel) written() int64 {
	if l.binding.Wants != nil && l.binding.Wants.Written != nil {
		return *l.binding.Wants.Written
	}
	return *l.state.Available
}

// levelsOf loads the level bindings of a listing, sorted by external id.
func (f *fold) levelsOf(n *listingNode) ([]shownLevel, error) {
	sid, err := store.Peek[store.StockID](f.tx, store.StockIDKey(n.Connection, n.StockID), nil)
	if err != nil || sid == nil || sid.Listing != n.ExternalID {
		return nil, err
	}
	return f.loadLevels(n.Connection, sid)
}

func (f *fold) loadLevels(connection string, sid *store.StockID) ([]shownLevel, error) {
	out := make([]shownLevel, 0, len(sid.Levels))
	for _, id := range sid.Levels {
		key := canon.BindingKey{Connection: connection, Kind: canon.KindLevel, ExternalID: id, Aspect: canon.AspectMain}
		l, err := store.Peek(f.tx, store.BindingKey(key), decodeLevel)
		if err != nil {
			return nil, err
		}
		if l != nil {
			out = append(out, l.own())
		}
	}
	return out, nil
}

// refreshDirty computes the state of every item that this entry touched, after the orders that it concerns.
func (f *fold) refreshDirty() error {
	if err := f.wake(); err != nil {
		return err
	}
	for len(f.dirty) > 0 {
		for _, id := range sortedKeys(f.dirty) {
			delete(f.dirty, id)
			before, err := store.Peek[canon.Item](f.tx, store.RecordKey(store.TypeItem, id), nil)
			if err != nil {
				return err
			}
			if before == nil {
				continue
			}
			item := *before
			if err := f.refresh(&item, before); err != nil {
				return err
			}
		}
	}
	return nil
}

// itemParts is what an item's state is computed from.
type itemParts struct {
	nodes   []*listingNode
	levels  [][]shownLevel      // by node
	ledgers []*lifecycle.Ledger // shared
	claims  []*canon.Claim      // live ones, of a piece
	shown   []lifecycle.ShownAt
	changed []time.Time // when the platform last changed what is shown, by its own clock; zero where it does not say
	live    bool        // a connection that lists it is live for one of its levels
	homes   []string
	// expected is how much less than its stock the stock authority is expected to show, where it is a platform.
	expected int64
	deleted  bool // by every platform
}

func (f *fold) parts(item *canon.Item) (*itemParts, error) {
	p := &itemParts{deleted: true}
	for _, id := range item.Nodes {
		n, err := f.listingNode(id)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		p.nodes = append(p.nodes, n)
		p.deleted = p.deleted && n.Deleted
		levels, err := f.levelsOf(n)
		if err != nil {
			return nil, err
		}
		p.levels = append(p.levels, levels)
		ledger, err := f.sharedLedger(id)
		if err != nil {
			return nil, err
		}
		p.ledgers = append(p.ledgers, ledger)
		if item.Serialized {
			claims, err := f.claimsOf(id, ledger)
			if err != nil {
				return nil, err
			}
			p.claims = append(p.claims, claims...)
		}
		cs := f.settings.Connection(n.Connection)
		if cs == nil {
			// A till or a device that reports events is no configured connection: it names the hub's own places, and
			// states what is there.
			cs = &canon.ConnectionSettings{Name: n.Connection, OpeningStock: true}
		}
		if n.Home != "" && !n.Deleted {
			if home := mapLocation(cs, f.settings, n.Home); home != "" {
				p.homes = append(p.homes, home)
			}
		}
		for _, l := range levels {
			if l.state == nil || l.state.Available == nil || n.Deleted {
				continue
			}
			at := lifecycle.ShownAt{
				Connection: n.Connection, Available: *l.state.Available, Opening: cs.OpeningStock,
			}
			if n.Connection == f.settings.StockAuthority {
				// What the hub wrote counts, or what the write has just taken would be sold again. What the platform
				// is expected to do by itself does not move stock, but the hub neither sells it elsewhere nor
				// writes it back.
				at.Available = l.written()
				p.expected += at.Available - l.shows()
			}
			at.Location, at.Whole = levelPlace(cs, f.settings, l.state.Location)
			if at.Location != "" || at.Whole {
				p.shown, p.changed = append(p.shown, at), append(p.changed, levelChanged(l.binding))
			}
		}
		conn, err := f.connection(n.Connection)
		if err != nil {
			return nil, err
		}
		p.live = p.live || (conn != nil && !n.Deleted && f.writes(conn, cs, levels))
	}
	if err := f.countMoments(p.nodes, p.ledgers); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.ledgers, func(l *lifecycle.Ledger) bool { return l.Adopted }) {
		if err := f.ownSales(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// refresh computes an item's stock, status and holder, its cases, and what each of its listings should show.
func (f *fold) refresh(item, before *canon.Item) error {
	p, err := f.parts(item)
	if err != nil {
		return err
	}
	flags := make(map[string]bool)
	for _, fl := range item.Flags {
		if fl != "stock.conflict" && fl != "stock.unseen" && fl != "location.unknown" {
			flags[fl] = true
		}
	}
	if item.Blocked, err = f.blockedBy(item); err != nil {
		return err
	}
	if f.reported[item.ID] || len(item.SameReport) > 0 {
		delete(f.reported, item.ID)
		if item.SameReport, err = f.twins(item); err != nil {
			return err
		}
	}
	if item.Serialized {
		f.pieceState(item, p, flags)
	} else {
		f.quantityState(item, p, flags)
	}
	if p.deleted && (!item.Serialized || len(p.claims) == 0) {
		item.Status = canon.ItemRetired
	}
	item.Flags = sortedKeys(flags)
	if err := f.itemCases(before, item, p); err != nil {
		return err
	}
	if err := f.consignmentOf(before, item); err != nil {
		return err
	}
	if err := f.putItem(before, item); err != nil {
		return err
	}
	if f.claimed[item.ID] {
		delete(f.claimed, item.ID)
		if err := f.kinChanged(item); err != nil {
			return err
		}
	}
	if p.live && !item.Adopted && f.settings.StockAuthority == lifecycle.HubAuthority && !flags["stock.conflict"] && !flags["stock.unseen"] {
		f.adopt = append(f.adopt, item.ID)
	}
	if err := f.wants(item, p); err != nil {
		return err
	}
	return f.publish(item)
}

func (f *fold) pieceState(item *canon.Item, p *itemParts, flags map[string]bool) {
	live := lifecycle.Live(p.claims)
	custody, at, adopted := lifecycle.PieceCustody(p.shown, p.ledgers, f.settings.StockAuthority, len(live) > 0)
	item.Adopted = adopted && f.settings.StockAuthority == lifecycle.HubAuthority
	item.Status = lifecycle.PieceStatus(live, custody)
	item.Contested = len(live) > 1
	if at == "" && len(p.homes) > 0 {
		at = p.homes[0]
	}
	for _, c := range live {
		if at == "" {
			at = c.Location // whoever claims it says where it is taken from; never where it was before (invariant 3)
		}
	}
	item.Location = at
	prev := ""
	if item.Holder != nil {
		prev = item.Holder.Claim
	}
	item.Holder = nil
	if h := lifecycle.Holder(prev, live); h != nil {
		item.Holder = &canon.Holder{Claim: h.Key, Kind: h.Kind, Channel: h.Connection, Until: h.Until}
	}
	item.Stock = []canon.StockAt{}
	if custody == lifecycle.CustodyIn || len(live) > 0 {
		if item.Status == canon.ItemInStock && (len(item.Blocked) > 0 || len(item.SameReport) > 0) { // Invariant 4: who holds a part of it holds it
			item.Status = canon.ItemBlocked
		}
		st := pieceStock(item.Status, at, live)
		if item.Status == canon.ItemInTransit {
			item.Location, at = "", st.Location
		}
		item.Stock = append(item.Stock, st)
	}
	switch {
	case custody == lifecycle.CustodyUnknown && len(live) == 0 && len(p.shown) > 0:
		flags["stock.conflict"] = true
	case custody == lifecycle.CustodyUnknown && len(live) == 0:
		flags["stock.unseen"] = true
	case custody == lifecycle.CustodyIn && at == "":
		flags["location.unknown"] = true
	}
}

// pieceStock is what a piece counts as, and where.
func pieceStock(status canon.ItemStatus, at string, live []*canon.Claim) canon.StockAt {
	st := canon.StockAt{Location: at}
	switch status {
	case canon.ItemInStock:
		st.OnHand, st.Available = 1, 1
	case canon.ItemBlocked, canon.ItemAssembled:
		st.OnHand, st.Committed = 1, 1
	case canon.ItemReserved:
		st.OnHand, st.Committed = 1, 1 // picked for a transfer
		for _, c := range live {
			if c.Kind == canon.ClaimReservation {
				st.Reserved, st.Committed = 1, 0
			}
		}
	case canon.ItemOnMemo:
		st.Memo = 1
	case canon.ItemInRepair:
		st.OnHand, st.InRepair = 1, 1
	case canon.ItemReturned, canon.ItemQuarantine:
		st.OnHand, st.Damaged = 1, 1
	case canon.ItemInTransit:
		st.InTransit = 1
		for _, c := range live {
			if c.To != "" {
				st.Location = c.To
				break
			}
		}
	}
	return st
}

func (f *fold) quantityState(item *canon.Item, p *itemParts, flags map[string]bool) {
	var st lifecycle.Stock
	if f.settings.StockAuthority == lifecycle.HubAuthority {
		st = lifecycle.HubStock(p.shown, p.ledgers)
	} else {
		st = lifecycle.PlatformStock(p.shown, p.ledgers, f.settings.StockAuthority)
	}
	item.Adopted = st.Adopted && f.settings.StockAuthority == lifecycle.HubAuthority
	item.Stock = st.At
	lifecycle.HoldBack(item.Stock, f.settings.Safety)
	item.Holder, item.Contested, item.Location = nil, false, ""
	available := int64(0)
	for _, a := range st.At {
		available += max(a.Available, 0)
	}
	switch {
	case st.Conflict:
		item.Status = canon.ItemUnknown
		flags["stock.conflict"] = true
	case st.Unseen:
		item.Status = canon.ItemUnknown
		flags["stock.unseen"] = true
	case available > 0:
		item.Status = canon.ItemInStock
	default:
		item.Status = canon.ItemUnavailable
	}
}

// itemCases opens and closes the cases of an item: a case is open exactly while its cause exists, so that one whose
// cause did not exist before need not be looked for.
func (f *fold) itemCases(before, item *canon.Item, p *itemParts) error {
	closeDouble := func(why string) error {
		if before != nil && !before.Contested {
			return nil
		}
		return f.closeCase(lifecycle.CaseID(canon.CaseDoubleClaim, item.ID), why)
	}
	closeOver := func(why string) error {
		if before != nil && (before.Serialized || lifecycle.Oversold(before) == nil) {
			return nil
		}
		return f.closeCase(lifecycle.CaseID(canon.CaseOversold, item.ID), why)
	}
	if err := f.componentCase(item, p.claims); err != nil {
		return err
	}
	if err := f.reportCase(before, item); err != nil {
		return err
	}
	if !item.Serialized {
		if err := closeDouble("no piece any longer"); err != nil {
			return err
		}
		if c := lifecycle.Oversold(item); c != nil {
			if err := f.proposeCancelling(item, c); err != nil {
				return err
			}
			return f.openCase(c)
		}
		return closeOver("the stock is no longer below zero")
	}
	if err := closeOver("no quantity any longer"); err != nil {
		return err
	}
	holder := ""
	if item.Holder != nil {
		holder = item.Holder.Claim
	}
	if c := lifecycle.DoubleClaim(item.ID, lifecycle.Live(p.claims), holder); c != nil {
		if err := f.openCase(c); err != nil || c.Claims == 0 {
			return err
		}
		return f.claimRows(c.ID, p.claims)
	}
	return closeDouble("one live claim is left")
}

// claimRows refers in the timeline of a case to the claims that this entry states: the case itself names the first and the
// last alone.
func (f *fold) claimRows(id string, claims []*canon.Claim) error {
	for _, c := range lifecycle.Live(claims) {
		if c.Since != f.f.pos {
			continue
		}
		if err := f.row(canon.Row{Entity: id, Type: "case", Event: "case.claim", Changes: []canon.Change{{Field: "claim", After: textJSON(c.Key)}}}); err != nil {
			return err
		}
	}
	return nil
}

func (f *fold) dropItemCases(id string) error {
	for _, k := range []canon.CaseKind{canon.CaseDoubleClaim, canon.CaseOversold, canon.CaseComponent, canon.CaseReport} {
		if err := f.closeCase(lifecycle.CaseID(k, id), "the item was joined to another"); err != nil {
			return err
		}
	}
	return nil
}

// openCase writes an open case; one that is open already keeps when it was opened.
func (f *fold) openCase(c *canon.Case) error {
	key := store.PrefixCase + c.ID
	old, err := store.Load[canon.Case](f.tx, key)
	if err != nil {
		return err
	}
	c.OpenedAt, c.Opened = f.f.at, f.f.pos
	if old != nil && old.Open {
		c.OpenedAt, c.Opened = old.OpenedAt, old.Opened
		c.Decision, c.Actions, c.Note = old.Decision, old.Actions, old.Note
		if slices.Equal(old.Evidence, c.Evidence) && slices.Equal(old.Compared, c.Compared) && old.Summary == c.Summary && old.Claims == c.Claims && slices.Equal(old.Proposals, c.Proposals) {
			return nil
		}
	}
	f.reindex(store.IndexCaseOpen, c.ID, []string{"closed"}, []string{"open"})
	if err := f.save(key, c); err != nil {
		return err
	}
	event := "case.opened"
	if old != nil && old.Open {
		event = "case.changed"
	}
	if err := f.row(canon.Row{Entity: c.ID, Type: "case", Event: event}); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: c.Subject, Type: "case", Event: event + ":" + string(c.Kind)})
}

// closeCase closes a case if it is open.
func (f *fold) closeCase(id, resolution string) error {
	key := store.PrefixCase + id
	c, err := store.Load[canon.Case](f.tx, key)
	if err != nil || c == nil || !c.Open {
		return err
	}
	if c, err = f.settleDecision(c); err != nil {
		return err
	}
	c.Open, c.ClosedAt, c.Closed = false, f.f.at, f.f.pos
	if c.Resolution == "" {
		c.Resolution = resolution
	}
	f.reindex(store.IndexCaseOpen, id, []string{"open"}, []string{"closed"})
	if err := f.save(key, c); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: id, Type: "case", Event: "case.closed"})
}

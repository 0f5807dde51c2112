package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// listingNode is what the fold keeps of a listing beside its binding: its keys in normalized form, and what it is
// bound to.
type listingNode struct {
	Node       string   `json:"node"`
	Connection string   `json:"connection"`
	ExternalID string   `json:"external_id"`
	StockID    string   `json:"stock_id"`
	ProductID  string   `json:"product_id,omitempty"`
	Certs      []string `json:"certs,omitempty"`
	EPC        string   `json:"epc,omitempty"`
	HUID       string   `json:"huid,omitempty"`
	Serial     string   `json:"serial,omitempty"`
	Brand      string   `json:"brand,omitempty"`
	SKU        string   `json:"sku,omitempty"`
	Serialized *bool    `json:"serialized,omitempty"`
	Home       string   `json:"home,omitempty"`
	Title      string   `json:"title,omitempty"`
	RawSKU     string   `json:"raw_sku,omitempty"`
	Status     string   `json:"status,omitempty"`
	Deleted    bool     `json:"deleted,omitempty"`
	Item       string   `json:"item,omitempty"` // golden id; empty while unbound
	JoinedBy   string   `json:"joined_by,omitempty"`
	Reason     string   `json:"reason,omitempty"` // why it is unbound
}

// listingNode loads a node. Its slices are shared: they are replaced, never changed.
func (f *fold) listingNode(node string) (*listingNode, error) {
	return copyOf(store.Peek[listingNode](f.tx, prefixListing+node, nil))
}

// copyOf gives a shared record as one whose fields may be set; what they point to stays shared.
func copyOf[T any](shared *T, err error) (*T, error) {
	if shared == nil {
		return nil, err
	}
	own := *shared
	return &own, err
}

// keys lists the node's keys as the index names them.
func (n *listingNode) keys() []nodeKey {
	if n == nil {
		return nil
	}
	var ks []nodeKey
	for _, c := range n.Certs {
		ks = append(ks, nodeKey{"certificate", c})
	}
	for _, k := range []nodeKey{{"epc", n.EPC}, {"huid", n.HUID}, {"serial", n.Serial}, {"sku", n.SKU}} {
		if k.value != "" {
			ks = append(ks, k)
		}
	}
	return ks
}

type nodeKey struct{ name, value string }

// wait is what a line that has this key is found by when listings with it change.
func (k nodeKey) wait() string { return k.name + "/" + k.value }

// listing folds what a platform shows of one of its variants. A deleted one stays part of its piece, with what it
// showed before: to delete it does not unsell a ring.
func (f *fold) listing(b *canon.Binding, st *canon.ListingState) error {
	node := canon.NodeID("itm", b.Connection, canon.KindListing, b.ExternalID)
	n, err := f.listingNode(node)
	if err != nil {
		return err
	}
	before, stock := n.keys(), ""
	if n == nil {
		n = &listingNode{Node: node, Connection: b.Connection, ExternalID: b.ExternalID}
		f.moved["listing/"+n.Connection+"/"+n.ExternalID] = true
	} else {
		stock = n.StockID
	}
	n.Deleted = b.Deleted
	if st == nil {
		st = &canon.ListingState{}
	}
	f.readKeys(n, st)
	after := n.keys()
	for _, k := range before {
		if !slices.Contains(after, k) {
			f.tx.Delete(store.IndexKey(indexNodeKey+k.name, k.value, node))
			f.moved[k.wait()] = true
		}
	}
	for _, k := range after {
		if !slices.Contains(before, k) {
			f.tx.Put(store.IndexKey(indexNodeKey+k.name, k.value, node), nil)
			f.moved[k.wait()] = true
		}
	}
	if err := f.save(prefixListing+node, n); err != nil {
		return err
	}
	if err := f.linkStock(n, stock); err != nil {
		return err
	}
	return f.recluster(node, append(before, after...))
}

// partOfListing computes the item anew whose listing stated an aspect of its own.
func (f *fold) partOfListing(b *canon.Binding) error {
	n, err := f.listingNode(canon.NodeID("itm", b.Connection, canon.KindListing, b.ExternalID))
	if err != nil || n == nil || n.Item == "" {
		return err // the listing finds it when it comes
	}
	item, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, n.Item))
	if err != nil || item == nil {
		return err
	}
	return f.rebuild(item)
}

func (f *fold) readKeys(n *listingNode, st *canon.ListingState) {
	n.StockID, n.ProductID = st.StockID, st.ProductID
	if n.StockID == "" {
		n.StockID = n.ExternalID
	}
	n.Title, n.RawSKU, n.Status, n.Home, n.Serialized = st.Title, st.SKU, st.Status, st.Home, st.Serialized
	n.SKU, n.Serial = normalize.SKU(st.SKU), normalize.Serial(st.Serial)
	n.EPC = ""
	if st.EPC != "" {
		n.EPC, _ = normalize.EPC(st.EPC)
	}
	n.HUID = ""
	if st.HUID != "" {
		n.HUID, _ = normalize.HUID(st.HUID)
	}
	n.Brand = normalize.SKU(st.Brand)
	n.Certs = nil
	for _, c := range st.Certificates {
		if cert, err := normalize.Certificate(c); err == nil {
			n.Certs = append(n.Certs, cert.Key())
		}
	}
	slices.Sort(n.Certs)
	n.Certs = slices.Compact(n.Certs)
}

// linkStock brings the listings of a stock id in line: one of them has its levels. before is the stock id that the
// listing had.
func (f *fold) linkStock(n *listingNode, before string) error {
	if before != "" && before != n.StockID {
		if err := f.relinkStock(n.Connection, before, n.ExternalID, false, false); err != nil {
			return err
		}
	}
	return f.relinkStock(n.Connection, n.StockID, n.ExternalID, true, n.Deleted)
}

func (f *fold) relinkStock(connection, stockID, listing string, shares, gone bool) error {
	key := store.StockIDKey(connection, stockID)
	sid, err := store.Load[store.StockID](f.tx, key)
	if err != nil {
		return err
	}
	if sid == nil {
		sid = &store.StockID{}
	}
	was := *sid
	sid.Listings, sid.Gone = member(sid.Listings, listing, shares), member(sid.Gone, listing, shares && gone)
	sid.Listing = ""
	for _, id := range sid.Listings {
		if !contains(sid.Gone, id) {
			sid.Listing = id
			break
		}
	}
	if sid.Listing == "" && len(sid.Listings) > 0 {
		sid.Listing = sid.Listings[0]
	}
	if was.Listing == sid.Listing && slices.Equal(was.Listings, sid.Listings) && slices.Equal(was.Gone, sid.Gone) {
		return nil
	}
	if err := f.save(key, sid); err != nil || was.Listing == sid.Listing {
		return err
	}
	if sid.Listing == "" {
		if err := f.blockStock(connection, sid, "listing.unknown"); err != nil {
			return err
		}
	}
	for _, other := range []string{was.Listing, sid.Listing} {
		if other == "" || other == listing {
			continue // the listing itself is joined anew
		}
		o, err := f.listingNode(canon.NodeID("itm", connection, canon.KindListing, other))
		if err != nil {
			return err
		}
		if o == nil || o.Item == "" {
			if o != nil {
				err = f.blockLevels(o, "listing.unbound")
			}
			if err != nil {
				return err
			}
			continue
		}
		item, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, o.Item))
		if err != nil {
			return err
		}
		if item != nil {
			if err := f.rebuild(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// member puts a value into a sorted list, or takes it out.
func member(list []string, v string, in bool) []string {
	i, found := slices.BinarySearch(list, v)
	switch {
	case in && !found:
		return slices.Insert(slices.Clone(list), i, v)
	case !in && found:
		return slices.Delete(slices.Clone(list), i, i+1)
	}
	return list
}

// closure gathers every node that the join has to see: those that share a key with one of the seeds, and so on. It
// is bounded by identity.Crowd for each key. The result is sorted by node id.
func (f *fold) closure(seed string, keys []nodeKey) (map[string]*listingNode, []identity.Piece, error) {
	nodes := make(map[string]*listingNode)
	crowded := make(map[nodeKey]bool)
	doneKeys := make(map[nodeKey]bool)
	queue := []string{seed}
	visitKey := func(k nodeKey) error {
		if doneKeys[k] {
			return nil
		}
		doneKeys[k] = true
		ids, err := f.scan(indexNodeKey+k.name, k.value, identity.Crowd+2)
		if err != nil {
			return err
		}
		if len(ids) > identity.Crowd {
			crowded[k] = true
			if len(ids) > identity.Crowd+1 {
				return nil // it was crowded before; nobody else is concerned
			}
		}
		queue = append(queue, ids...)
		return nil
	}
	for _, k := range keys {
		if err := visitKey(k); err != nil {
			return nil, nil, err
		}
	}
	decisions := make(map[string]string)
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if _, seen := nodes[id]; seen {
			continue
		}
		n, err := f.listingNode(id)
		if err != nil {
			return nil, nil, err
		}
		nodes[id] = n
		if n == nil {
			continue
		}
		for _, k := range n.keys() {
			if err := visitKey(k); err != nil {
				return nil, nil, err
			}
		}
		d, err := store.Load[canon.Match](f.tx, decisionKey(n.Connection, n.ExternalID))
		if err != nil {
			return nil, nil, err
		}
		if d != nil {
			decisions[id] = d.Item
			if d.Item != identity.DecisionNew && d.Item != identity.DecisionNone {
				queue = append(queue, d.Item)
			}
		}
		named, err := f.scan(indexDecision, id, identity.Crowd)
		if err != nil {
			return nil, nil, err
		}
		queue = append(queue, named...)
		if n.Item != "" { // whoever it was one piece with until now
			item, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, n.Item))
			if err != nil {
				return nil, nil, err
			}
			if item != nil {
				queue = append(queue, item.Nodes...)
			}
		}
	}
	var pieces []identity.Piece
	for id, n := range nodes {
		if n == nil {
			delete(nodes, id)
			continue
		}
		p := identity.Piece{Node: id, Connection: n.Connection, Decision: decisions[id], SKU: n.SKU, Deleted: n.Deleted}
		p.CrowdedSKU = crowded[nodeKey{"sku", n.SKU}]
		// A strong key that half the catalogue carries ("N/A") names nothing.
		if !crowded[nodeKey{"epc", n.EPC}] {
			p.EPC = n.EPC
		}
		if !crowded[nodeKey{"huid", n.HUID}] && contains(f.settings.MatchItem, "huid") {
			p.HUID = n.HUID
		}
		if !crowded[nodeKey{"serial", n.Serial}] {
			p.Serial, p.Brand = n.Serial, n.Brand
		}
		for _, c := range n.Certs {
			if !crowded[nodeKey{"certificate", c}] {
				p.Certificates = append(p.Certificates, c)
			}
		}
		pieces = append(pieces, p)
	}
	return nodes, pieces, nil
}

func decisionKey(connection, listing string) string {
	return store.PrefixDecision + connection + "/" + listing
}

func matchKey(connection, listing string) string {
	return store.PrefixMatch + connection + "/" + listing
}

// recluster joins the node anew with all that it may be one piece with, and computes the items that this concerns.
func (f *fold) recluster(seed string, keys []nodeKey) error {
	nodes, pieces, err := f.closure(seed, keys)
	if err != nil {
		return err
	}
	joined := identity.Join(pieces, f.settings.MatchItem)
	decisions := make(map[string]string)
	for i := range pieces {
		decisions[pieces[i].Node] = pieces[i].Decision
	}
	gone := make(map[string]bool) // golden ids that were
	for _, n := range nodes {
		if n.Item != "" {
			gone[n.Item] = true
		}
	}
	previous := make(map[string]*canon.Item)
	for id := range gone {
		it, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, id))
		if err != nil {
			return err
		}
		if it != nil {
			previous[id] = it
		}
	}
	var rebuild [][]*listingNode
	for _, c := range joined.Clusters {
		members := make([]*listingNode, 0, len(c.Nodes))
		changed := false
		for _, id := range c.Nodes {
			n := nodes[id]
			members = append(members, n)
			if n.Item != c.Nodes[0] || n.JoinedBy != c.JoinedBy[id] || n.Reason != "" || id == seed {
				changed = true
			}
			if err := f.bind(n, c.Nodes[0], c.JoinedBy[id], decisions[id]); err != nil {
				return err
			}
		}
		if p := previous[c.Nodes[0]]; p == nil || !slices.Equal(p.Nodes, c.Nodes) {
			changed = true
		}
		delete(gone, c.Nodes[0])
		if changed {
			rebuild = append(rebuild, members)
		}
	}
	for _, u := range joined.Unbound {
		if err := f.unbind(nodes[u.Node], u.Reason, u.Candidates); err != nil {
			return err
		}
	}
	if err := f.contradictions(nodes, joined.Unbound); err != nil {
		return err
	}
	for _, id := range sortedKeys(gone) {
		if p := previous[id]; p != nil {
			if err := f.dropItem(p); err != nil {
				return err
			}
		}
	}
	for _, members := range rebuild {
		if err := f.buildItem(members, previous); err != nil {
			return err
		}
	}
	return nil
}

// bind notes that a node belongs to an item, and moves its claims there. What a person decided of it, if anything, stays on
// the match list in the listing's present words.
func (f *fold) bind(n *listingNode, item, by, decision string) error {
	if decision != "" {
		if err := f.save(matchKey(n.Connection, n.ExternalID), f.matchRow(n, identity.ReasonPerson, nil, decision)); err != nil {
			return err
		}
	}
	moved := n.Item != item
	if !moved && n.JoinedBy == by && n.Reason == "" {
		return nil
	}
	n.Item, n.JoinedBy, n.Reason = item, by, ""
	if err := f.save(prefixListing+n.Node, n); err != nil {
		return err
	}
	if err := f.save(store.PrefixNode+n.Node, store.Node{Type: store.TypeItem, Golden: item}); err != nil {
		return err
	}
	if decision == "" {
		f.tx.Delete(matchKey(n.Connection, n.ExternalID))
	}
	if !moved {
		return nil
	}
	f.noteMoved(n)
	return f.moveClaims(n)
}

// noteMoved notes that the lines which are found by the node's keys may now mean another item.
func (f *fold) noteMoved(n *listingNode) {
	for _, k := range n.keys() {
		f.moved[k.wait()] = true
	}
}

// unbind notes that a node is no item's, why, and puts it on the match list.
func (f *fold) unbind(n *listingNode, reason string, candidates []string) error {
	moved := n.Item != ""
	if err := f.leaveNode(n); err != nil {
		return err
	}
	if moved || n.Reason != reason {
		n.Item, n.JoinedBy, n.Reason = "", "", reason
		if err := f.save(prefixListing+n.Node, n); err != nil {
			return err
		}
		f.tx.Delete(store.PrefixNode + n.Node)
	}
	blocked := "listing.unbound"
	if n.Deleted {
		blocked = "listing.deleted"
		f.tx.Delete(matchKey(n.Connection, n.ExternalID))
	} else {
		decision := ""
		if reason == identity.ReasonPerson {
			decision = identity.DecisionNone
		}
		if err := f.save(matchKey(n.Connection, n.ExternalID), f.matchRow(n, reason, candidates, decision)); err != nil {
			return err
		}
	}
	if err := f.blockLevels(n, blocked); err != nil || !moved {
		return err
	}
	f.noteMoved(n)
	return f.moveClaims(n)
}

func (f *fold) matchRow(n *listingNode, reason string, candidates []string, decision string) canon.MatchRow {
	return canon.MatchRow{
		Connection: n.Connection, ListingID: n.ExternalID, Node: n.Node, SKU: n.RawSKU, Title: n.Title,
		Reason: reason, Candidates: candidates, Decision: decision,
	}
}

// contradictions keeps one open case for each group of listings whose keys contradict each other.
func (f *fold) contradictions(nodes map[string]*listingNode, unbound []identity.Unbound) error {
	open := make(map[string]identity.Unbound)
	for _, u := range unbound {
		if u.Reason == identity.ReasonContradict && (len(u.Candidates) == 0 || u.Node < u.Candidates[0]) {
			open[u.Node] = u
		}
	}
	for _, id := range sortedKeys(nodes) {
		n := nodes[id]
		u, is := open[id]
		if !is {
			if err := f.closeCase(lifecycle.CaseID(canon.CaseIdentity, id), "the keys agree again"); err != nil {
				return err
			}
			continue
		}
		c := &canon.Case{
			ID: lifecycle.CaseID(canon.CaseIdentity, id), Kind: canon.CaseIdentity, Open: true, Subject: id,
			Summary: "listings share a key but state different pieces; none of them is written",
		}
		c.Evidence = append(c.Evidence, evidence(n))
		for _, k := range u.Candidates {
			if m := nodes[k]; m != nil {
				c.Evidence = append(c.Evidence, evidence(m))
			}
		}
		if err := f.openCase(c); err != nil {
			return err
		}
	}
	return nil
}

func evidence(n *listingNode) canon.Evidence {
	text := "listing " + n.ExternalID
	if n.Brand != "" {
		text += ", brand " + n.Brand
	}
	for _, k := range n.keys() {
		text += ", " + k.name + " " + k.value
	}
	return canon.Evidence{Connection: n.Connection, Text: text}
}

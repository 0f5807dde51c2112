package router

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// personNode is what the fold keeps of a person as one connection knows them.
type personNode struct {
	Node       string `json:"node"`
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	// Account is what the customer's own record says; Buyer what the newest order says, for a guest or an account that
	// has not been seen.
	Account *person `json:"account,omitempty"`
	Buyer   *person `json:"buyer,omitempty"`
	// Order says which order Buyer is from: the newest that says anything.
	Order string `json:"order,omitempty"`
	// Newest is the key of that order among those that say anything.
	Newest  string        `json:"newest,omitempty"`
	Consent string        `json:"consent,omitempty"`
	Facts   *accountFacts `json:"facts,omitempty"` // what the customer's record says beside the person
	// Known tells that the connection stated it by itself, not through orders alone.
	Known  bool   `json:"known,omitempty"`
	Client string `json:"client,omitempty"` // golden id
	// Asked are the nodes with which an open case asks whether they are one person.
	Asked []string `json:"asked,omitempty"`
}

// person is a normalized person.
type person struct {
	Given     string          `json:"given,omitempty"`
	Family    string          `json:"family,omitempty"`
	Emails    []string        `json:"emails,omitempty"`
	Phones    []string        `json:"phones,omitempty"`
	Addresses []canon.Address `json:"addresses,omitempty"`
	Locale    string          `json:"locale,omitempty"`
	Birthday  string          `json:"birthday,omitempty"`
	Details   *personDetails  `json:"details,omitempty"`
}

// own is what counts of a node: the account's own words, else the buyer's.
func (n *personNode) own() *person {
	if n == nil {
		return nil
	}
	if n.Account != nil {
		return n.Account
	}
	return n.Buyer
}

func (f *fold) readPerson(connection string, st *canon.PersonState) *person {
	if st == nil {
		return nil
	}
	p := &person{Given: strings.TrimSpace(st.GivenName), Family: strings.TrimSpace(st.FamilyName), Locale: st.Locale, Birthday: st.Birthday}
	for _, raw := range st.Emails {
		if e, ok := normalize.Email(raw); ok {
			p.Emails = append(p.Emails, e)
		}
	}
	phones := slices.Clone(st.Phones)
	region := f.settings.Region
	for i := range st.Addresses {
		a := canon.Address(st.Addresses[i])
		if c, ok := normalize.Country(a.Country); ok {
			a.Country = c
			if i == 0 {
				region = c
			}
		}
		if a.Phone != "" && !slices.Contains(phones, a.Phone) { // to read one costs more than all else of a person
			phones = append(phones, a.Phone)
		}
		p.Addresses = append(p.Addresses, a)
	}
	for _, raw := range phones {
		if e := f.readPhone(raw, region); e != "" {
			p.Phones = append(p.Phones, e)
		}
	}
	p.Details = readDetails(p, connection, st, region)
	slices.Sort(p.Emails)
	slices.Sort(p.Phones)
	p.Emails, p.Phones = slices.Compact(p.Emails), slices.Compact(p.Phones)
	return p
}

// phone is a number as somebody wrote it, in the country where they did.
type phone struct{ raw, region string }

// maxPhones is how many numbers are remembered.
const maxPhones = 4096

// readPhone gives a number in E.164, "" where it is none. To read one costs more than all else of a person, and a client
// who comes back has the same.
func (f *fold) readPhone(raw, region string) string {
	if e, known := f.phones[phone{raw, region}]; known {
		return e
	}
	e, ok := normalize.Phone(raw, region)
	if !ok {
		return ""
	}
	if f.phones == nil || len(f.phones) >= maxPhones {
		f.phones = make(map[phone]string)
	}
	f.phones[phone{strings.Clone(raw), region}] = e // the text is part of a whole observation
	return e
}

// customer folds a person's account at a platform.
func (f *fold) customer(b *canon.Binding, st *canon.CustomerState) error {
	node := canon.NodeID("cli", b.Connection, canon.KindCustomer, b.ExternalID)
	return f.person(node, b.Connection, b.ExternalID, func(n *personNode) error {
		n.Known, n.Account, n.Consent, n.Facts = true, nil, "", readFacts(st)
		if st != nil {
			n.Account, n.Consent = f.readPerson(b.Connection, st.Person), st.MarketingEmail
		}
		return nil
	})
}

// buyer folds who bought: the account that the order names, or a guest of this order alone.
func (f *fold) buyer(order *canon.Order, links *orderLinks, st *canon.OrderState) error {
	external := st.CustomerID
	if external == "" && st.Buyer != nil {
		external = "guest/" + order.ExternalID
	}
	node, key := "", ""
	if external != "" {
		node = canon.NodeID("cli", order.Connection, canon.KindCustomer, external)
	}
	if node != "" && st.Buyer != nil {
		key = fmt.Sprintf("%s%s/%020d/%s", prefixBuyer, node, math.MaxInt64-order.PlacedAt.UnixMicro(), order.ExternalID)
	}
	order.ClientNode = node
	left, leftKey := links.Buyer, links.BuyerKey
	if key != links.BuyerKey || node != left {
		if links.BuyerKey != "" {
			f.tx.Delete(links.BuyerKey)
		}
		if key != "" {
			f.tx.Put(key, nil)
		}
		f.reindex(store.IndexBuyer, order.ID, []string{left}, []string{node})
		links.Buyer, links.BuyerKey = node, key
	}
	if left != "" && left != node {
		if err := f.leavePerson(left, leftKey); err != nil {
			return err
		}
	}
	if node == "" {
		return nil
	}
	return f.person(node, order.Connection, external, func(n *personNode) error {
		return f.newestWords(n, leftKey, key, st.Buyer)
	})
}

// newestWords takes what the newest order says of a node. left and came are the keys under which one order, whose words
// are at hand, was and is found.
func (f *fold) newestWords(n *personNode, left, came string, words *canon.PersonState) error {
	newest := n.Newest
	switch {
	case came != "" && (newest == "" || came <= newest):
		newest = came
	case newest == "" || newest == left:
		newest = ""
		err := f.tx.Scan(prefixBuyer+n.Node+"/", "", func(key string, _ []byte) (bool, error) {
			newest = key
			return false, nil
		})
		if err != nil {
			return err
		}
	default:
		return nil // another order is newer, and as it was
	}
	n.Newest, n.Order = newest, ""
	if newest == "" {
		n.Buyer = nil
		return nil
	}
	_, n.Order, _ = strings.Cut(newest[len(prefixBuyer)+len(n.Node)+1:], "/")
	if newest != came {
		_, obs, err := f.binding(n.Connection, canon.KindOrder, n.Order)
		if err != nil || obs == nil || obs.Order == nil {
			return err
		}
		words = obs.Order.Buyer
	}
	n.Buyer = f.readPerson(n.Connection, words)
	return nil
}

// leavePerson takes an order's words away from a node. A node that nothing names any longer is no more.
func (f *fold) leavePerson(node, key string) error {
	n, err := store.Load[personNode](f.tx, prefixPerson+node)
	if err != nil || n == nil {
		return err
	}
	named, err := f.scan(store.IndexBuyer, node, 1)
	if err != nil {
		return err
	}
	if n.Known || len(named) > 0 {
		return f.person(node, n.Connection, n.ExternalID, func(n *personNode) error { return f.newestWords(n, key, "", nil) })
	}
	f.tx.Delete(prefixPerson + node)
	f.tx.Delete(store.PrefixNode + node)
	return f.rejoin(n, false, n.own(), nil)
}

// person changes a node and joins it anew where its keys or its words changed.
func (f *fold) person(node, connection, external string, change func(n *personNode) error) error {
	n, err := store.Load[personNode](f.tx, prefixPerson+node)
	if err != nil {
		return err
	}
	fresh := n == nil
	if fresh {
		n = &personNode{Node: node, Connection: connection, ExternalID: external}
	}
	was := *n
	if err := change(n); err != nil {
		return err
	}
	if !fresh && reflect.DeepEqual(&was, n) {
		return nil
	}
	if !fresh { // a new one is saved with its client
		if err := f.save(prefixPerson+node, n); err != nil {
			return err
		}
	}
	if !fresh && was.Consent == n.Consent && reflect.DeepEqual(was.Facts, n.Facts) && reflect.DeepEqual(was.own(), n.own()) && (was.Account == nil) == (n.Account == nil) {
		return nil // the same words of the same weight
	}
	return f.rejoin(n, true, was.own(), n.own())
}

// rejoin joins a node anew after its words changed from before to after. stands tells that the node is still there.
func (f *fold) rejoin(n *personNode, stands bool, before, after *person) error {
	if before == nil {
		before = &person{}
	}
	if after == nil {
		after = &person{}
	}
	f.reindex(indexNodeMail, n.Node, before.Emails, after.Emails)
	f.reindex(indexNodePhone, n.Node, before.Phones, after.Phones)
	was, is := before.likeKeys(), after.likeKeys()
	f.reindex(indexNodeLike, n.Node, was, is)
	return f.joinPersons(n, stands, contacts{slices.Concat(before.Emails, after.Emails), slices.Concat(before.Phones, after.Phones), slices.Concat(was, is)})
}

// clientOf loads the golden record that a node belonged to until now.
func (f *fold) clientOf(n *personNode) (*canon.Client, error) {
	if n == nil || n.Client == "" {
		return nil, nil
	}
	return store.Load[canon.Client](f.tx, store.RecordKey(store.TypeClient, n.Client))
}

func uncrowded(values []string, index string, crowded map[nodeKey]bool) []string {
	var out []string
	for _, v := range values {
		if !crowded[nodeKey{index, v}] {
			out = append(out, v)
		}
	}
	return out
}

// buildClient computes a client's golden record from its nodes, as the policy says.
func (f *fold) buildClient(ids []string, nodes map[string]*personNode) error {
	golden := ids[0]
	known := nodes[golden].Client == golden // else there is no such record
	c := &canon.Client{ID: golden, Nodes: ids, Accounts: make([]canon.Account, 0, len(ids))}
	members := make([]*personNode, 0, len(ids))
	for _, id := range ids {
		n := nodes[id]
		members = append(members, n)
		c.Accounts = append(c.Accounts, canon.Account{Connection: n.Connection, ExternalID: n.ExternalID, Node: n.Node})
		if n.Client != golden {
			n.Client = golden
			if err := f.save(prefixPerson+id, n); err != nil {
				return err
			}
			if err := f.save(store.PrefixNode+id, store.Node{Type: store.TypeClient, Golden: golden}); err != nil {
				return err
			}
		}
	}
	f.sortPersons(members)
	flags := make(map[string]bool)
	disputes := compose(f, clientFields, c, members, flags)
	slices.Sort(c.Emails)
	slices.Sort(c.Phones)
	c.Emails, c.Phones = slices.Compact(c.Emails), slices.Compact(c.Phones)
	sortClient(c, members, flags)
	var before *canon.Client
	var disputed []string
	var err error
	if known {
		if before, err = store.Load[canon.Client](f.tx, store.RecordKey(store.TypeClient, golden)); err != nil {
			return err
		}
	}
	if before != nil {
		disputed = before.Disputed
	}
	if c.Disputed, err = f.dispute(store.TypeClient, golden, disputed, disputes); err != nil {
		return err
	}
	return f.putClient(before, c)
}

// sortPersons brings sources in the default order: as the connections are configured, accounts before buyers.
func (f *fold) sortPersons(members []*personNode) {
	rank := func(n *personNode) int {
		r := len(f.settings.Connections)
		for i := range f.settings.Connections {
			if f.settings.Connections[i].Name == n.Connection {
				r = i
			}
		}
		if n.Account == nil {
			r += len(f.settings.Connections) + 1 // a buyer's words count after every account's
		}
		return r
	}
	slices.SortFunc(members, func(a, b *personNode) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Node, b.Node))
	})
}

// stricter gives the more restrictive of two consents to e-mail.
func stricter(a, b string) string {
	rank := map[string]int{"": 0, "subscribed": 1, "pending": 2, "unsubscribed": 3}
	if rank[b] > rank[a] {
		return b
	}
	return a
}

func clientKeys(c *canon.Client) map[string][]string {
	if c == nil {
		return nil
	}
	words := strings.Fields(normalize.Name(c.GivenName + " " + c.FamilyName))
	slices.Sort(words)
	return map[string][]string{store.IndexEmail: c.Emails, store.IndexPhone: c.Phones, store.IndexWord: slices.Compact(words)}
}

var clientIndexes = []string{store.IndexEmail, store.IndexPhone, store.IndexWord}

func (f *fold) putClient(before, c *canon.Client) error {
	changes, err := diff(before, c)
	if err != nil || (before != nil && len(changes) == 0) {
		return err
	}
	c.Version, c.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(store.RecordKey(store.TypeClient, c.ID), c); err != nil {
		return err
	}
	was, is := clientKeys(before), clientKeys(c)
	for _, index := range clientIndexes {
		f.reindex(index, c.ID, was[index], is[index])
	}
	event := "client.changed"
	if before == nil {
		event = "client.created"
	}
	return f.row(canon.Row{Entity: c.ID, Type: store.TypeClient, Event: event, Changes: changes})
}

func (f *fold) dropClient(id string) error {
	key := store.RecordKey(store.TypeClient, id)
	c, err := store.Load[canon.Client](f.tx, key)
	if err != nil || c == nil {
		return err
	}
	f.tx.Delete(key)
	if _, err := f.dispute(store.TypeClient, id, c.Disputed, nil); err != nil {
		return err
	}
	was := clientKeys(c)
	for _, index := range clientIndexes {
		f.reindex(index, id, was[index], nil)
	}
	return f.row(canon.Row{Entity: id, Type: store.TypeClient, Event: "client.joined"})
}

package router

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/identity"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/store"
)

// usualWeights score two records of clients where the settings have no weights: as if there were a million records, so
// that a chance agreement has to be that much rarer. They belong to the version of the fold.
var usualWeights = identity.Default(1_000_000)

// weightsOf gives the weights that settings name.
func weightsOf(s *canon.Settings) (*identity.Weights, error) {
	if len(s.ClientWeights) == 0 {
		return usualWeights, nil
	}
	w := new(identity.Weights)
	if err := json.Unmarshal(s.ClientWeights, w); err != nil {
		return nil, faultf("settings.client_weights", "%v", err)
	}
	return w, nil
}

// personIndexes are what nodes of one person are found by.
var personIndexes = []string{indexNodeMail, indexNodePhone, indexNodeLike}

// likeKeys are keys that two records of one person share though they share no contact: a number of a loyalty programme or
// another system, the family name as it sounds with the birthday, and with the given name's first letter and the postal
// code.
func (p *person) likeKeys() []string {
	if p == nil {
		return nil
	}
	var out []string
	for _, id := range p.numbers() {
		out = append(out, "x:"+id)
	}
	family := normalize.Skeleton(normalize.Latin(p.Family))
	if family == "" {
		slices.Sort(out)
		return slices.Compact(out)
	}
	if d := birthday(p.Birthday); d.Year != 0 {
		out = append(out, "b:"+p.Birthday+":"+family)
	}
	given := normalize.Skeleton(normalize.Latin(p.Given))
	for i := range p.Addresses {
		if code := normalize.PostalCode(p.Addresses[i].PostalCode); code != "" && given != "" && p.Addresses[i].Line1 != "" {
			out = append(out, "p:"+code+":"+family+":"+given[:1])
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// numbers are what systems that the hub is not connected to know the person by. An identifier counts within its system.
func (p *person) numbers() []string {
	if p.Details == nil {
		return nil
	}
	var out []string
	for _, e := range p.Details.External {
		if len(e.ID) >= 4 {
			out = append(out, strings.ToLower(e.System+"/"+e.ID))
		}
	}
	return out
}

// compared gives what of a node is compared with others.
func (n *personNode) compared(crowded map[nodeKey]bool) identity.Person {
	p := identity.Person{Node: n.Node}
	own := n.own()
	if own == nil {
		return p
	}
	p.Given, p.Family = normalize.Name(own.Given), normalize.Name(own.Family)
	p.Emails = uncrowded(own.Emails, indexNodeMail, crowded)
	p.Phones = uncrowded(own.Phones, indexNodePhone, crowded)
	p.Like = uncrowded(own.likeKeys(), indexNodeLike, crowded)
	p.Birthday = birthday(own.Birthday)
	for _, id := range own.numbers() {
		if !crowded[nodeKey{indexNodeLike, "x:" + id}] {
			p.Numbers = append(p.Numbers, id)
		}
	}
	for i := range own.Addresses {
		a := &own.Addresses[i]
		p.Places = append(p.Places, identity.Where{Line: strings.TrimSpace(a.Line1 + " " + a.Line2), City: a.City, PostalCode: a.PostalCode, Region: a.Region})
	}
	return p
}

// birthday reads "1970-04-03", or "--04-03" where the year is not stated; anything else is not compared.
func birthday(s string) identity.Date {
	var d identity.Date
	if n, err := fmt.Sscanf(s, "%4d-%2d-%2d", &d.Year, &d.Month, &d.Day); err == nil && n == 3 {
		return d
	}
	d = identity.Date{}
	if n, err := fmt.Sscanf(s, "--%2d-%2d", &d.Month, &d.Day); err == nil && n == 2 {
		return d
	}
	return identity.Date{}
}

// words gives what a person said of a node and others.
func (f *fold) words(node string) ([]canon.ClientDecision, error) {
	if !f.spoken {
		return nil, nil
	}
	said, err := store.Load[canon.ClientDecisions](f.tx, prefixWords+node)
	if err != nil || said == nil {
		return nil, err
	}
	return said.Decisions, nil
}

// say keeps, or with nil takes back, a person's word on two nodes.
func (f *fold) say(a, b string, word *canon.ClientDecision) error {
	for _, node := range []string{a, b} {
		list, err := f.words(node)
		if err != nil {
			return err
		}
		list = slices.DeleteFunc(slices.Clone(list), func(d canon.ClientDecision) bool { return d.A == a && d.B == b })
		if word != nil {
			list = append(list, *word)
		}
		if len(list) == 0 {
			f.tx.Delete(prefixWords + node)
			continue
		}
		slices.SortFunc(list, func(x, y canon.ClientDecision) int { return strings.Compare(x.A+"/"+x.B, y.A+"/"+y.B) })
		f.spoken = true
		if err := f.save(prefixWords+node, canon.ClientDecisions{Node: node, Decisions: list}); err != nil {
			return err
		}
	}
	return nil
}

// sameClient takes a person's word on whether two records are one person.
func (f *fold) sameClient(s *canon.SameClient) (*canon.Outcome, error) {
	nodes := make([]string, 0, 2)
	for _, id := range []string{s.A, s.B} {
		n, err := store.Load[personNode](f.tx, prefixPerson+id)
		if err != nil {
			return nil, err
		}
		if n == nil {
			list, err := f.words(id)
			if err != nil {
				return nil, err
			}
			if s.Word != canon.ClientUndo || len(list) == 0 { // what was said of a record that is gone can still be taken back
				return refuse(404, "client.unknown", "no client has the id %q", id), nil
			}
		}
		nodes = append(nodes, id)
	}
	a, b := min(nodes[0], nodes[1]), max(nodes[0], nodes[1])
	if a == b {
		return refuse(422, "client.one_record", "both ids mean the same record: name two"), nil
	}
	said, err := f.said(a, b)
	if err != nil {
		return nil, err
	}
	var word *canon.ClientDecision
	switch s.Word {
	case canon.ClientSame, canon.ClientDifferent:
		word = &canon.ClientDecision{A: a, B: b, Same: s.Word == canon.ClientSame}
	case canon.ClientUnmerge:
	case canon.ClientUndo:
		if said == nil {
			return refuse(409, "client.undecided", "nothing was said of these two"), nil
		}
	default:
		return refuse(422, "client.word", "%q is not same, different, undo or unmerge", shortened(s.Word)), nil
	}
	if err := f.say(a, b, word); err != nil {
		return nil, err
	}
	together, err := f.rejoinTwo(a, b)
	if err != nil {
		return nil, err
	}
	if s.Word == canon.ClientUnmerge && together {
		if err := f.say(a, b, &canon.ClientDecision{A: a, B: b}); err != nil {
			return nil, err
		}
		if _, err := f.rejoinTwo(a, b); err != nil {
			return nil, err
		}
	}
	out := canon.ClientDecided{Word: s.Word}
	for _, node := range []string{a, b} {
		n, err := store.Load[personNode](f.tx, prefixPerson+node)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		c, err := f.clientOf(n)
		if err != nil {
			return nil, err
		}
		if c == nil || slices.ContainsFunc(out.Clients, func(have *canon.Client) bool { return have.ID == c.ID }) {
			continue
		}
		out.Clients = append(out.Clients, c)
		// Invariant 8: whose word it was stands in the client's own history.
		if err := f.row(canon.Row{Entity: c.ID, Type: store.TypeClient, Event: "client.said_" + s.Word}); err != nil {
			return nil, err
		}
	}
	return done(200, out)
}

// said gives a person's word on two nodes; nil where there is none.
func (f *fold) said(a, b string) (*canon.ClientDecision, error) {
	list, err := f.words(a)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(list, func(d canon.ClientDecision) bool { return d.A == a && d.B == b }); i >= 0 {
		return &list[i], nil
	}
	return nil, nil
}

// rejoinTwo joins two nodes anew, which need not be linked any longer, and reports whether they are one client.
func (f *fold) rejoinTwo(a, b string) (together bool, err error) {
	for _, node := range []string{a, b} {
		n, err := store.Load[personNode](f.tx, prefixPerson+node)
		if err != nil {
			return false, err
		}
		if n == nil {
			continue
		}
		if err := f.joinPersons(n, true, n.own().contacts()); err != nil {
			return false, err
		}
	}
	x, err := store.Load[personNode](f.tx, prefixPerson+a)
	if err != nil {
		return false, err
	}
	y, err := store.Load[personNode](f.tx, prefixPerson+b)
	if err != nil {
		return false, err
	}
	return x != nil && y != nil && x.Client == y.Client, nil
}

// askAbout opens a case for each pair that a person should look at, and closes those of these nodes whose cause is gone.
func (f *fold) askAbout(nodes map[string]*personNode, persons []identity.Person, reviews []identity.Edge) error {
	at := make(map[string]*identity.Person, len(persons))
	for i := range persons {
		at[persons[i].Node] = &persons[i]
	}
	asked := make(map[string][]string)
	for _, e := range reviews {
		asked[e.A], asked[e.B] = append(asked[e.A], e.B), append(asked[e.B], e.A)
		if err := f.openCase(f.reviewCase(nodes[e.A], nodes[e.B], at[e.A], at[e.B], e.Score)); err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(nodes) {
		n := nodes[id]
		if n == nil {
			continue
		}
		now := asked[id]
		slices.Sort(now)
		if slices.Equal(now, n.Asked) {
			continue
		}
		for _, other := range n.Asked {
			if !slices.Contains(now, other) {
				if err := f.closeCase(reviewID(id, other), "no longer in question"); err != nil {
					return err
				}
			}
		}
		n.Asked = now
		if err := f.save(prefixPerson+id, n); err != nil {
			return err
		}
	}
	return nil
}

func reviewID(a, b string) string {
	return lifecycle.CaseID(canon.CaseClient, min(a, b)+"/"+max(a, b))
}

// reviewCase says how two records agree.
func (f *fold) reviewCase(a, b *personNode, x, y *identity.Person, score int32) *canon.Case {
	c := &canon.Case{
		ID: reviewID(a.Node, b.Node), Kind: canon.CaseClient, Open: true, Subject: min(a.Node, b.Node),
		Summary: fmt.Sprintf("two records may be one person, at %d centibits", score),
		Evidence: []canon.Evidence{
			{Connection: a.Connection, Text: a.Node}, {Connection: b.Connection, Text: b.Node},
		},
		Proposals: []canon.Proposal{
			{ID: "client:same", Text: "they are one person: put the records together"},
			{ID: "client:different", Text: "they are two people: never put them together"},
		},
	}
	for _, e := range identity.Explain(x, y, f.weights) {
		c.Compared = append(c.Compared, canon.Compared{Field: e.Field.String(), Level: identity.LevelName(e.Field, e.Level), Weight: e.Weight, A: e.A, B: e.B})
	}
	return c
}

// resolveClient ends a case about two records by a person's word.
func (f *fold) resolveClient(c *canon.Case, r *canon.Resolve) (*canon.Outcome, error) {
	id := c.ID
	c.Resolution, c.Note = r.Proposal, r.Note
	if err := f.save(store.PrefixCase+id, c); err != nil {
		return nil, err
	}
	out, err := f.sameClient(&canon.SameClient{A: c.Evidence[0].Text, B: c.Evidence[1].Text, Word: strings.TrimPrefix(r.Proposal, "client:")})
	if err != nil || !out.OK {
		return out, err
	}
	if err := f.closeCase(id, r.Proposal); err != nil {
		return nil, err
	}
	if c, err = store.Load[canon.Case](f.tx, store.PrefixCase+id); err != nil {
		return nil, err
	}
	return done(200, c)
}

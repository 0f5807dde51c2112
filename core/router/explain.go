package router

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// Errors of Explain.
var (
	ErrNoGroup  = errors.New("router: no such field group")
	ErrNoRecord = errors.New("router: no such record")
)

// Explain says which rule of the policy in force a field group goes by ("item.price") and, where id is not empty, what
// each source of that record states of it and what became of that. The id may be any that resolves to the record. It
// reads one state and changes nothing.
func Explain(r store.Reader, full, id string) (*policy.Explanation, error) {
	g, known := policy.Find(full)
	publish := strings.HasPrefix(full, policy.PublishGroup)
	if !known && !publish {
		return nil, fmt.Errorf("%w: %.64q", ErrNoGroup, full)
	}
	f, err := newFold(store.NewTx(r), &Commit{})
	if err != nil {
		return nil, err
	}
	if publish {
		f.f = &fact{}
		return f.explainPublish(full, id)
	}
	e := f.policy.Explain(g, f.inOrder(g.Entity))
	if id == "" {
		return e, nil
	}
	if e.Record, err = f.golden(g.Entity, id); err != nil {
		return nil, err
	}
	switch g.Entity {
	case policy.Item:
		err = f.explainItem(e, &g)
	case policy.Product:
		err = f.explainProduct(e, &g)
	case policy.Client:
		err = f.explainClient(e, &g)
	}
	return e, err
}

// inOrder gives the configured connections in the default order of an entity.
func (f *fold) inOrder(entity string) []string {
	var counts, names []string
	for i := range f.settings.Connections {
		if c := &f.settings.Connections[i]; entity == policy.Item && c.OpeningStock {
			counts = append(counts, c.Name)
		} else {
			names = append(names, c.Name)
		}
	}
	return append(counts, names...)
}

// golden gives the golden id of a record by any id that resolves to it.
func (f *fold) golden(typ, id string) (string, error) {
	n, err := store.Load[store.Node](f.tx, store.PrefixNode+id)
	if err != nil {
		return "", err
	}
	if n == nil || n.Type != typ {
		return "", fmt.Errorf("%w: %s %.64q", ErrNoRecord, typ, id)
	}
	return n.Golden, nil
}

func (f *fold) explainItem(e *policy.Explanation, g *policy.Group) error {
	item, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, e.Record))
	if err != nil || item == nil {
		return orNoRecord(err)
	}
	members := make([]*listingNode, 0, len(item.Nodes))
	for _, id := range item.Nodes {
		n, err := f.listingNode(id)
		if err != nil {
			return err
		}
		if n != nil {
			members = append(members, n)
		}
	}
	sources, err := f.sourcesOf(members)
	if err != nil {
		return err
	}
	return explain(f, e, g, itemFields, item, item.Disputed, itemSources(sources), func(s source) string { return s.node.ExternalID })
}

func (f *fold) explainProduct(e *policy.Explanation, g *policy.Group) error {
	p, err := store.Load[canon.Product](f.tx, store.RecordKey(store.TypeProduct, e.Record))
	if err != nil || p == nil {
		return orNoRecord(err)
	}
	sources, err := f.productSources(p.Nodes)
	if err != nil {
		return err
	}
	return explain(f, e, g, productFields, p, p.Disputed, sources, func(s productSource) string { return s.node.ExternalID })
}

func (f *fold) explainClient(e *policy.Explanation, g *policy.Group) error {
	c, err := store.Load[canon.Client](f.tx, store.RecordKey(store.TypeClient, e.Record))
	if err != nil || c == nil {
		return orNoRecord(err)
	}
	var members []*personNode
	for _, id := range c.Nodes {
		n, err := store.Load[personNode](f.tx, prefixPerson+id)
		if err != nil {
			return err
		}
		if n != nil {
			members = append(members, n)
		}
	}
	f.sortPersons(members)
	return explain(f, e, g, clientFields, c, c.Disputed, members, func(n *personNode) string { return n.ExternalID })
}

func orNoRecord(err error) error {
	if err != nil {
		return err
	}
	return ErrNoRecord
}

// explain fills in what a record has and what each of its sources states.
func explain[R any, S voiced](f *fold, e *policy.Explanation, g *policy.Group, groups []fieldGroup[R, S], record *R, disputed []string, sources []S, externalID func(s S) string) error {
	i := slices.IndexFunc(groups, func(have fieldGroup[R, S]) bool { return have.full == g.Full() })
	if i < 0 {
		return nil // not a matter of policy
	}
	if v := groups[i].value(record); v != nil {
		raw, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("router: show %s of %s: %w", e.Group, e.Record, err)
		}
		e.Value = raw
	}
	if slices.Contains(disputed, g.Name) {
		e.Case = fieldCaseID(g.Entity, e.Record, g.Name)
	}
	sources = unmuted(f, f.policy.Own(g.Full()), sources)
	stated, _ := groups[i].stated(f, sources)
	ids := make([]string, len(sources))
	for k, s := range sources {
		ids[k] = externalID(s)
	}
	return e.Show(stated, ids)
}

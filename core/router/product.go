package router

import (
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// productNode is a platform's product with what identifies its style.
type productNode struct {
	Node       string `json:"node"`
	Connection string `json:"connection"`
	ExternalID string `json:"external_id"`
	Style      string `json:"style,omitempty"`
	Golden     string `json:"golden"`
}

// maxStyle is how many products may share a style number before it names nothing.
const maxStyle = 200

// product folds a style. Products are joined where they state the same brand and style number.
func (f *fold) product(b *canon.Binding, st *canon.ProductState) error {
	node := canon.NodeID("prd", b.Connection, canon.KindProduct, b.ExternalID)
	n, err := store.Load[productNode](f.tx, prefixProduct+node)
	if err != nil {
		return err
	}
	if n == nil {
		n = &productNode{Node: node, Connection: b.Connection, ExternalID: b.ExternalID, Golden: node}
	}
	before := n.Style
	n.Style = ""
	if st != nil && st.StyleNo != "" {
		n.Style = normalize.Name(st.Brand) + "/" + normalize.SKU(st.StyleNo)
	}
	f.reindex(indexNodeStyle, node, []string{before}, []string{n.Style})
	if err := f.save(prefixProduct+node, n); err != nil {
		return err
	}
	clusters := [][]string{}
	if n.Style == "" {
		clusters = append(clusters, []string{node})
	}
	for _, style := range slices.Compact([]string{before, n.Style}) {
		if style == "" {
			continue
		}
		ids, err := f.scan(indexNodeStyle, style, maxStyle+2)
		switch {
		case err != nil:
			return err
		case len(ids) > maxStyle+1: // nobody else is concerned: it was crowded before
			if style == n.Style {
				clusters = append(clusters, []string{node})
			}
		case len(ids) > maxStyle:
			for _, id := range ids {
				clusters = append(clusters, []string{id})
			}
		case len(ids) > 0:
			clusters = append(clusters, ids)
		}
	}
	return f.buildProducts(clusters)
}

// buildProducts computes the golden records of styles from their nodes, which are sorted, and drops those that these
// nodes had before and have no longer.
func (f *fold) buildProducts(clusters [][]string) error {
	gone := make(map[string]bool)
	for _, ids := range clusters {
		for _, id := range ids {
			n, err := store.Load[productNode](f.tx, prefixProduct+id)
			if err != nil {
				return err
			}
			if n == nil {
				continue
			}
			gone[n.Golden] = true
			if n.Golden != ids[0] {
				n.Golden = ids[0]
				if err := f.save(prefixProduct+id, n); err != nil {
					return err
				}
			}
			if err := f.save(store.PrefixNode+id, store.Node{Type: store.TypeProduct, Golden: ids[0]}); err != nil {
				return err
			}
		}
	}
	for _, ids := range clusters {
		delete(gone, ids[0])
		if err := f.buildProduct(ids); err != nil {
			return err
		}
	}
	for _, id := range sortedKeys(gone) {
		key := store.RecordKey(store.TypeProduct, id)
		was, err := store.Load[canon.Product](f.tx, key)
		if err != nil {
			return err
		}
		if was == nil {
			continue
		}
		if _, err := f.dispute(store.TypeProduct, id, was.Disputed, nil); err != nil {
			return err
		}
		f.tx.Delete(key)
		if err := f.row(canon.Row{Entity: id, Type: store.TypeProduct, Event: "product.joined"}); err != nil {
			return err
		}
	}
	return nil
}

// productSource is what one platform shows of a style.
type productSource struct {
	node  *productNode
	state *canon.ProductState
}

// voice says who states what a product shows.
func (s productSource) voice() policy.Source {
	v := policy.Source{Connection: s.node.Connection, Node: s.node.Node}
	if s.state.CreatedAt != nil {
		v.Created = *s.state.CreatedAt
	}
	return v
}

// productFields are the field groups of a style (core/policy names them), and how each is taken of a source.
var productFields = []fieldGroup[canon.Product, productSource]{
	text(policy.Product, "title", func(p *canon.Product) *string { return &p.Title }, func(s productSource) string { return s.state.Title }),
	text(policy.Product, "description", func(p *canon.Product) *string { return &p.Description }, func(s productSource) string { return s.state.Description }),
	text(policy.Product, "brand", func(p *canon.Product) *string { return &p.Brand }, func(s productSource) string { return s.state.Brand }),
	text(policy.Product, "style", func(p *canon.Product) *string { return &p.StyleNo }, func(s productSource) string { return s.state.StyleNo }),
	text(policy.Product, "category", func(p *canon.Product) *string { return &p.Category }, func(s productSource) string { return s.state.Category }),
	{
		full: "product.attributes", value: func(p *canon.Product) any { return listOrNil(p.Attributes) },
		means: func(p *canon.Product) any { return attributesMean(p.Attributes) },
		take: func(f *fold, p *canon.Product, s productSource, flags map[string]bool) {
			p.Attributes = f.attributes(p.Attributes, s.node.Connection, s.state.Attributes, flags)
		},
	},
}

// productSources loads what a style's platforms show, in the default order: who made its record first, then by node id.
func (f *fold) productSources(ids []string) ([]productSource, error) {
	var sources []productSource
	for _, id := range ids {
		n, err := store.Load[productNode](f.tx, prefixProduct+id)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		_, obs, err := f.binding(n.Connection, canon.KindProduct, n.ExternalID)
		if err != nil {
			return nil, err
		}
		if obs != nil && !obs.Deleted {
			sources = append(sources, productSource{n, obs.Product})
		}
	}
	slices.SortStableFunc(sources, func(a, b productSource) int {
		x, y := a.voice(), b.voice()
		return policy.CompareFirst(&x, &y)
	})
	return sources, nil
}

// buildProduct computes the golden record of a style from its nodes, as the policy says.
func (f *fold) buildProduct(ids []string) error {
	p := &canon.Product{ID: ids[0], Nodes: ids}
	sources, err := f.productSources(ids)
	if err != nil {
		return err
	}
	disputes := compose(f, productFields, p, sources, map[string]bool{})
	key := store.RecordKey(store.TypeProduct, p.ID)
	before, err := store.Load[canon.Product](f.tx, key)
	if err != nil {
		return err
	}
	var disputed []string
	if before != nil {
		disputed = before.Disputed
	}
	if p.Disputed, err = f.dispute(store.TypeProduct, p.ID, disputed, disputes); err != nil {
		return err
	}
	if len(sources) == 0 { // every platform deleted it
		if before == nil {
			return nil
		}
		f.tx.Delete(key)
		return f.row(canon.Row{Entity: p.ID, Type: store.TypeProduct, Event: "product.deleted"})
	}
	changes, err := diff(before, p)
	if err != nil || (before != nil && len(changes) == 0) {
		return err
	}
	p.Version, p.UpdatedAt = f.f.pos, f.f.at
	if err := f.save(key, p); err != nil {
		return err
	}
	if err := f.publishProduct(ids); err != nil {
		return err
	}
	return f.row(canon.Row{Entity: p.ID, Type: store.TypeProduct, Event: "product.changed", Changes: changes})
}

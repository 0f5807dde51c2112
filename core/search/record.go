package search

import (
	"fmt"
	"strings"

	"github.com/goccy/go-json"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// recordReader reads records from the view and puts them into the indexes a chunk at a time, so that searches get a
// turn between.
type recordReader struct {
	live     *Live
	view     store.View
	products map[string]*canon.Product // by node id; nil for those that are not there

	items, clients []document
	gone           []string // keys
}

func (r *recordReader) pending() int { return len(r.items) + len(r.clients) + len(r.gone) }

// take decodes a record. The error of one that does not decode names the key, never the content (invariant 7).
func (r *recordReader) take(key string, raw []byte) error {
	if id, ok := strings.CutPrefix(key, prefixClient); ok {
		var c canon.Client
		if err := json.Unmarshal(raw, &c); err != nil {
			return fmt.Errorf("%w: the record of key %q is no client", store.ErrCorrupt, key)
		}
		r.clients = append(r.clients, people.document(id, c.Version, &c))
		return nil
	}
	var p Piece
	if err := json.Unmarshal(raw, &p.Item); err != nil {
		return fmt.Errorf("%w: the record of key %q is no item", store.ErrCorrupt, key)
	}
	id := strings.TrimPrefix(key, prefixItem)
	var err error
	if p.Product, err = r.product(p.Item.ProductID); err != nil {
		return err
	}
	created, err := r.created(r.live.pieces, id, p.Item.Version)
	if err != nil {
		return err
	}
	r.items = append(r.items, pieces.document(id, created, &p))
	return nil
}

// created is the position of the first row of an item's timeline, for those that the index does not have.
func (r *recordReader) created(x *Index, id string, version canon.Position) (canon.Position, error) {
	x.mu.RLock()
	_, known := x.at[id]
	x.mu.RUnlock()
	if known {
		return version, nil // not used
	}
	prefix := store.PrefixEntity + id + "/"
	err := r.view.Scan(prefix, "", func(key string, _ []byte) (bool, error) {
		text, _, _ := strings.Cut(key[len(prefix):], "/")
		if p, ok := positionOfSortKey(text); ok {
			version = p
		}
		return false, nil
	})
	return version, err
}

// positionOfSortKey reads canon.Position.SortKey back.
func positionOfSortKey(s string) (p canon.Position, ok bool) {
	if len(s) != 24 {
		return p, false
	}
	n, err := fmt.Sscanf(s, "%16x%8x", &p.Offset, &p.Index)
	return p, err == nil && n == 2
}

// product gives the style of a node id; nil where there is none.
func (r *recordReader) product(node string) (*canon.Product, error) {
	if node == "" {
		return nil, nil
	}
	if p, ok := r.products[node]; ok {
		return p, nil
	}
	golden := node
	n, err := store.Load[store.Node](r.view, store.PrefixNode+node)
	if err != nil {
		return nil, err
	}
	if n != nil {
		golden = n.Golden
	}
	p, err := store.Load[canon.Product](r.view, store.RecordKey(store.TypeProduct, golden))
	if err != nil {
		return nil, err
	}
	r.products[node] = p
	return p, nil
}

// refresh reads the records under keys, and the pieces of the styles among them.
func (r *recordReader) refresh(dirty map[string]bool) error {
	styles := map[string]bool{}
	for key := range dirty {
		id, ok := strings.CutPrefix(key, prefixProduct)
		if !ok {
			continue
		}
		styles[fold(id)] = true
		p, err := store.Load[canon.Product](r.view, key)
		if err != nil {
			return err
		}
		if p != nil {
			for _, node := range p.Nodes {
				styles[fold(node)] = true
			}
		}
	}
	more := map[string]bool{}
	for _, id := range r.live.pieces.ofStyles(styles) {
		if key := store.RecordKey(store.TypeItem, id); !dirty[key] {
			more[key] = true
		}
	}
	for _, keys := range []map[string]bool{dirty, more} {
		for key := range keys {
			if strings.HasPrefix(key, prefixProduct) {
				continue
			}
			raw, ok, err := r.view.Get(key)
			if err != nil {
				return err
			}
			if !ok {
				r.gone = append(r.gone, key)
			} else if err := r.take(key, raw); err != nil {
				return err
			}
			if r.pending() >= chunk {
				r.flush()
			}
		}
	}
	r.flush()
	return nil
}

// ofStyles gives the pieces of styles by the folded node ids.
func (x *Index) ofStyles(nodes map[string]bool) []string {
	if len(nodes) == 0 {
		return nil
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	f := x.fields["product"]
	t := x.tables[f.table]
	col := t.words[f.column]
	var out []string
	for record, id := range x.ids {
		if s := t.spans[record]; id != "" && s.rows > 0 && nodes[col.dict.folded[col.cells[s.start]]] {
			out = append(out, id)
		}
	}
	return out
}

// flush puts what was read into the indexes.
func (r *recordReader) flush() {
	var items, clients []string
	for _, key := range r.gone {
		if id, ok := strings.CutPrefix(key, prefixItem); ok {
			items = append(items, id)
		} else if id, ok := strings.CutPrefix(key, prefixClient); ok {
			clients = append(clients, id)
		}
	}
	r.live.pieces.change(r.items, items)
	r.live.people.change(r.clients, clients)
	r.items, r.clients, r.gone = r.items[:0], r.clients[:0], r.gone[:0]
}

// stamp says what the indexes stand for.
func (r *recordReader) stamp(at canon.Position) {
	for _, x := range []*Index{r.live.pieces, r.live.people} {
		x.mu.Lock()
		if at.Compare(x.position) > 0 {
			x.position = at
		}
		x.mu.Unlock()
	}
}

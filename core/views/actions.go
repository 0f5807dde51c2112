package views

import (
	"encoding/json"
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Actions lists what was asked for at the platform of an order, in the order of their keys. There are few of one order:
// all of them are one page.
func Actions(r store.Reader, order string) (Page, error) {
	if _, err := Get(r, store.TypeOrder, order); err != nil {
		return Page{}, err
	}
	items := nothing()
	err := r.Scan(store.IndexPrefix(store.IndexAction, order), "", func(key string, _ []byte) (bool, error) {
		a, err := store.Load[canon.Action](r, store.PrefixAction+store.IndexID(key))
		if err != nil || a == nil {
			return true, err
		}
		raw, err := json.Marshal(a)
		items = append(items, raw)
		return true, err
	})
	if err != nil {
		return Page{}, fmt.Errorf("views: actions: %w", err)
	}
	return Page{Items: items}, nil
}

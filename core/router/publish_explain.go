package router

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/policy"
	"github.com/jumpring/jumpring/core/store"
)

// explainPublish says what a publish rule lets the hub do ("publish.web-eu") and, of one item, what is to be done there or why
// nothing is.
func (f *fold) explainPublish(full, id string) (*policy.Explanation, error) {
	connection := strings.TrimPrefix(full, policy.PublishGroup)
	cs := f.settings.Connection(connection)
	if cs == nil {
		return nil, fmt.Errorf("%w: %.64q", ErrNoGroup, full)
	}
	e := f.policy.ExplainPublish(connection)
	if id == "" {
		return e, nil
	}
	golden, err := f.golden(policy.Item, id)
	if err != nil {
		return nil, err
	}
	e.Record = golden
	item, err := store.Load[canon.Item](f.tx, store.RecordKey(store.TypeItem, golden))
	if err != nil || item == nil {
		return nil, orNoRecord(err)
	}
	var all []canon.Publication
	for _, node := range item.Nodes {
		p, err := f.publication(connection, node)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, *p)
		}
	}
	w := &publishing{f: f, item: item, cs: cs, rule: f.policy.Publishes(connection)}
	if err := w.prepare(); err != nil {
		return nil, err
	}
	shown := struct {
		Should       *canon.ListingContent `json:"should"`
		Selected     bool                  `json:"selected"` // by what new listings are made of
		NotForSale   canon.HideWhen        `json:"not_for_sale,omitempty"`
		Publications []canon.Publication   `json:"publications"`
	}{w.content, policy.Selects(w.rule.Create, w.rule.CreateOf, item, w.price), policy.WhyHidden(item), all}
	if e.Value, err = json.Marshal(shown); err != nil {
		return nil, fmt.Errorf("router: show what is published of %s: %w", golden, err)
	}
	_, why, err := w.wantsNew(nil)
	if err != nil {
		return nil, err
	}
	if why != "" && len(all) == 0 {
		e.Why = append(e.Why, "Nothing is made of this item: "+why+".")
	}
	for _, p := range all {
		if p.Why != "" {
			e.Why = append(e.Why, fmt.Sprintf("%s: %s.", p.State, p.Why))
		}
	}
	return e, nil
}

package views

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// OrderQuery says which orders to list. Connection and ExternalID together name one.
type OrderQuery struct {
	Connection, ExternalID string
	// Client is any id of a client: the orders that they bought, under each of their accounts.
	Client string
	Paging
}

// Orders lists orders in the order of their ids.
func Orders(r store.Reader, q OrderQuery) (Page, error) {
	keep := func(raw []byte) (bool, error) {
		if q.Connection == "" && q.ExternalID == "" {
			return true, nil
		}
		var o struct {
			Connection string `json:"connection"`
			ExternalID string `json:"external_id"`
		}
		if err := json.Unmarshal(raw, &o); err != nil {
			return false, fmt.Errorf("a stored order: %w", err)
		}
		return (q.Connection == "" || o.Connection == q.Connection) && (q.ExternalID == "" || o.ExternalID == q.ExternalID), nil
	}
	switch {
	case q.Client != "":
		return ordersOfClient(r, q, keep)
	case q.Connection != "" && q.ExternalID != "":
		raw, err := Get(r, store.TypeOrder, canon.NodeID("ord", q.Connection, canon.KindOrder, q.ExternalID))
		if errors.Is(err, ErrNotFound) {
			return Page{Items: nothing()}, nil
		}
		if err != nil {
			return Page{}, err
		}
		return Page{Items: []json.RawMessage{raw}}, nil
	}
	return each(r, store.PrefixRecord+store.TypeOrder+"/", q.Paging, keep)
}

func ordersOfClient(r store.Reader, q OrderQuery, keep func([]byte) (bool, error)) (Page, error) {
	after, err := q.after()
	if err != nil {
		return Page{}, err
	}
	nodes, err := nodesOf(r, store.TypeClient, q.Client)
	if err != nil {
		return Page{}, err
	}
	prefixes := make([]string, len(nodes))
	for i, n := range nodes {
		prefixes[i] = store.IndexPrefix(store.IndexBuyer, n)
	}
	page, last := Page{Items: nothing()}, ""
	ids, more, err := merged(r, prefixes, after, q.limit())
	if err != nil {
		return Page{}, err
	}
	for _, id := range ids {
		last = id
		raw, ok, err := r.Get(store.RecordKey(store.TypeOrder, id))
		if err != nil {
			return Page{}, fmt.Errorf("views: order: %w", err)
		}
		if !ok {
			continue
		}
		if ok, err = keep(raw); err != nil {
			return Page{}, err
		} else if ok {
			page.Items = append(page.Items, raw)
		}
	}
	if more {
		page.NextCursor = cursorAt(last)
	}
	return page, nil
}

package views

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/store"
)

// ClientQuery says which clients to list. Every condition that is set must hold.
type ClientQuery struct {
	Email, Phone string
	// Q has words of the name; a record matches when each of them begins one of its words.
	Q string
	Paging
}

func nothing() []json.RawMessage { return []json.RawMessage{} }

// Clients lists clients in the order of their ids. ErrBroad tells that more than 20,000 records have one of the words.
func Clients(r store.Reader, k Keys, q ClientQuery) (Page, error) {
	var filters []filter
	for _, key := range []struct {
		stated, index string
		normalize     func(string) string
	}{{q.Email, store.IndexEmail, k.email}, {q.Phone, store.IndexPhone, k.phone}} {
		if key.stated == "" {
			continue
		}
		v := key.normalize(key.stated)
		if v == "" || strings.ContainsRune(v, 0) {
			return Page{Items: nothing()}, nil
		}
		filters = append(filters, filter{key.index, v})
	}
	if strings.TrimSpace(q.Q) == "" {
		return list(r, store.TypeClient, filters, q.Paging)
	}
	words := k.words(q.Q)
	if len(words) == 0 {
		return Page{Items: nothing()}, nil
	}
	// The longest word is likely to have the fewest records; the others only narrow.
	slices.SortStableFunc(words, func(a, b string) int { return len(b) - len(a) })
	var ids map[string]bool
	for _, w := range words {
		found, err := withWord(r, w)
		if err != nil {
			return Page{}, err
		}
		if ids == nil {
			ids = found
			continue
		}
		maps.DeleteFunc(ids, func(id string, _ bool) bool { return !found[id] })
	}
	return pick(r, ids, filters, q.Paging)
}

// withWord finds the clients that have a word which begins with w.
func withWord(r store.Reader, w string) (map[string]bool, error) {
	if strings.ContainsAny(w, "/\x00") {
		return nil, nil
	}
	ids := map[string]bool{}
	err := r.Scan(store.PrefixIndex+store.IndexWord+"/"+w, "", func(key string, _ []byte) (bool, error) {
		ids[store.IndexID(key)] = true
		if len(ids) > maxScan {
			return false, ErrBroad
		}
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("views: clients by word: %w", err)
	}
	return ids, nil
}

// pick gives a page of the clients with these ids that also meet the filters.
func pick(r store.Reader, ids map[string]bool, filters []filter, p Paging) (Page, error) {
	after, err := p.after()
	if err != nil {
		return Page{}, err
	}
	page, last := Page{Items: nothing()}, ""
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if id <= after {
			continue
		}
		if len(page.Items) == p.limit() {
			page.NextCursor = cursorAt(last)
			break
		}
		last = id
		ok, err := meets(r, id, filters)
		if err != nil {
			return Page{}, err
		}
		if !ok {
			continue
		}
		raw, ok, err := r.Get(store.RecordKey(store.TypeClient, id))
		if err != nil {
			return Page{}, fmt.Errorf("views: client: %w", err)
		}
		if ok {
			page.Items = append(page.Items, raw)
		}
	}
	return page, nil
}

func meets(r store.Reader, id string, filters []filter) (bool, error) {
	for _, f := range filters {
		if _, ok, err := r.Get(store.IndexKey(f.index, f.value, id)); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

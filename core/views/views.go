// Package views answers what is read: records by id, lists by any of their keys, timelines. It reads one committed
// state of the store and changes nothing. Records come as the JSON that the store holds, so that a plain read decodes
// nothing; redaction by role is the doors' work.
package views

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/store"
)

// Limits of lists.
const (
	DefaultLimit = 50
	MaxLimit     = 500
	// maxScan is how many rows one call looks at; a list that filters goes on behind its cursor.
	maxScan = 20_000
)

// Errors of the queries.
var (
	ErrNotFound = errors.New("views: no such record")
	ErrCursor   = errors.New("views: the cursor is not one of this list's")
	ErrBroad    = errors.New("views: too many records match")
)

// Page is one part of a list. NextCursor is empty at the end.
type Page struct {
	Items      []json.RawMessage `json:"items"`
	NextCursor string            `json:"next_cursor,omitempty"`
}

// Paging says which part of a list to give.
type Paging struct {
	Limit  int    // 0 means DefaultLimit; at most MaxLimit
	Cursor string // of the page before
}

func (p Paging) limit() int {
	switch {
	case p.Limit <= 0:
		return DefaultLimit
	case p.Limit > MaxLimit:
		return MaxLimit
	}
	return p.Limit
}

// after decodes the cursor: the id, or key, that the page before ended with. Cursors are stable: they name a record,
// not a place in the list, so that records that come and go neither repeat nor hide others.
func (p Paging) after() (string, error) {
	if p.Cursor == "" {
		return "", nil
	}
	b, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil || len(b) == 0 || len(b) > 4096 {
		return "", ErrCursor
	}
	return string(b), nil
}

func cursorAt(last string) string { return base64.RawURLEncoding.EncodeToString([]byte(last)) }

// Resolve gives the golden id that an id belongs to: the record's own, or that of any of its nodes.
func Resolve(r store.Reader, typ, id string) (string, error) {
	raw, ok, err := r.Get(store.PrefixNode + id)
	if err != nil {
		return "", fmt.Errorf("views: resolve: %w", err)
	}
	if !ok {
		return id, nil // records made in the hub have no node
	}
	var n store.Node
	if err := json.Unmarshal(raw, &n); err != nil {
		return "", fmt.Errorf("views: node %s: %w", id, err)
	}
	if n.Type != typ {
		return "", ErrNotFound
	}
	return n.Golden, nil
}

// Get gives a record's JSON by any id that resolves to it.
func Get(r store.Reader, typ, id string) (json.RawMessage, error) {
	if !plainID(id) {
		return nil, ErrNotFound
	}
	// Most ids that are asked for are golden: one read instead of two.
	raw, ok, err := r.Get(store.RecordKey(typ, id))
	if err != nil {
		return nil, fmt.Errorf("views: get %s: %w", typ, err)
	}
	if ok {
		return raw, nil
	}
	golden, err := Resolve(r, typ, id)
	if err != nil {
		return nil, err
	}
	if golden == id {
		return nil, ErrNotFound
	}
	raw, ok, err = r.Get(store.RecordKey(typ, golden))
	if err != nil {
		return nil, fmt.Errorf("views: get %s: %w", typ, err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	return raw, nil
}

// plainID refuses what can't be an id.
func plainID(id string) bool {
	return id != "" && len(id) <= 1024 && !strings.ContainsRune(id, 0)
}

// filter is one condition of a list: an index and the value that it must have.
type filter struct{ index, value string }

// list gives the records of a type that meet every filter, in the order of their ids. The first filter drives.
func list(r store.Reader, typ string, filters []filter, p Paging) (Page, error) {
	after, err := p.after()
	if err != nil {
		return Page{}, err
	}
	var prefix string
	id := store.IndexID
	if len(filters) > 0 {
		prefix = store.IndexPrefix(filters[0].index, filters[0].value)
	} else {
		prefix = store.PrefixRecord + typ + "/"
		id = func(key string) string { return key[len(prefix):] }
	}
	from := ""
	if after != "" {
		from = prefix + after + "\x00"
	}
	page := Page{Items: []json.RawMessage{}}
	limit, seen, last, more := p.limit(), 0, "", false
	err = r.Scan(prefix, from, func(key string, value []byte) (bool, error) {
		if len(page.Items) == limit || seen == maxScan {
			more = true
			return false, nil
		}
		seen++
		last = id(key)
		for _, f := range filters[min(1, len(filters)):] {
			if _, ok, err := r.Get(store.IndexKey(f.index, f.value, last)); err != nil || !ok {
				return err == nil, err
			}
		}
		if len(filters) == 0 {
			page.Items = append(page.Items, append(json.RawMessage{}, value...))
			return true, nil
		}
		raw, ok, err := r.Get(store.RecordKey(typ, last))
		if err != nil {
			return false, err
		}
		if ok {
			page.Items = append(page.Items, raw)
		}
		return true, nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("views: list %s: %w", typ, err)
	}
	if more {
		page.NextCursor = cursorAt(last)
	}
	return page, nil
}

// each gives the values below a prefix in the order of their keys, of those that keep accepts (nil keeps all).
func each(r store.Reader, prefix string, p Paging, keep func(value []byte) (bool, error)) (Page, error) {
	after, err := p.after()
	if err != nil {
		return Page{}, err
	}
	from := ""
	if after != "" {
		from = prefix + after + "\x00"
	}
	page := Page{Items: []json.RawMessage{}}
	limit, seen, last, more := p.limit(), 0, "", false
	err = r.Scan(prefix, from, func(key string, value []byte) (bool, error) {
		if len(page.Items) == limit || seen == maxScan {
			more = true
			return false, nil
		}
		seen++
		last = key[len(prefix):]
		if keep != nil {
			if ok, err := keep(value); err != nil || !ok {
				return err == nil, err
			}
		}
		page.Items = append(page.Items, append(json.RawMessage{}, value...))
		return true, nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("views: list %s: %w", prefix, err)
	}
	if more {
		page.NextCursor = cursorAt(last)
	}
	return page, nil
}

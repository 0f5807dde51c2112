package views

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Locations lists the hub's locations.
func Locations(r store.Reader, p Paging) (Page, error) {
	return list(r, store.TypeLocation, nil, p)
}

// Cases lists cases by id: open ones, or closed ones.
func Cases(r store.Reader, open bool, kind canon.CaseKind, p Paging) (Page, error) {
	state := "closed"
	if open {
		state = "open"
	}
	after, err := p.after()
	if err != nil {
		return Page{}, err
	}
	page, seen, last, more := Page{Items: nothing()}, 0, "", false
	prefix, from := store.IndexPrefix(store.IndexCaseOpen, state), ""
	if after != "" {
		from = prefix + after + "\x00"
	}
	err = r.Scan(prefix, from, func(key string, _ []byte) (bool, error) {
		if len(page.Items) == p.limit() || seen == maxScan {
			more = true
			return false, nil
		}
		seen++
		last = store.IndexID(key)
		raw, ok, err := r.Get(store.PrefixCase + last)
		if err != nil || !ok {
			return err == nil, err
		}
		if kind != "" {
			var c canon.Case
			if err := json.Unmarshal(raw, &c); err != nil {
				return false, fmt.Errorf("case %s: %w", last, err)
			}
			if c.Kind != kind {
				return true, nil
			}
		}
		page.Items = append(page.Items, raw)
		return true, nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("views: cases: %w", err)
	}
	if more {
		page.NextCursor = cursorAt(last)
	}
	return page, nil
}

// Case gives a case by its id.
func Case(r store.Reader, id string) (json.RawMessage, error) { return value(r, store.PrefixCase, id) }

// ParkedKey is where a parked entry is kept.
func ParkedKey(p canon.Position) string { return store.PrefixParked + p.SortKey() }

// Parked lists the entries that could not be applied, oldest first.
func Parked(r store.Reader, p Paging) (Page, error) { return each(r, store.PrefixParked, p, nil) }

// ParkedAt gives a parked entry by its position.
func ParkedAt(r store.Reader, p canon.Position) (json.RawMessage, error) {
	raw, ok, err := r.Get(ParkedKey(p))
	if err != nil {
		return nil, fmt.Errorf("views: parked: %w", err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	return raw, nil
}

// Matches lists the listings of a connection that could not be joined or that a person decided.
func Matches(r store.Reader, connection string, p Paging) (Page, error) {
	if strings.ContainsAny(connection, "/\x00") {
		return Page{}, ErrNotFound
	}
	return each(r, store.PrefixMatch+connection+"/", p, nil)
}

// Claim gives a claim by its key.
func Claim(r store.Reader, key string) (json.RawMessage, error) {
	raw, ok, err := r.Get(store.PrefixClaim + key)
	if err != nil {
		return nil, fmt.Errorf("views: claim: %w", err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	return raw, nil
}

// Outcome gives what the fold decided about an actor's command; ErrNotFound while it has not decided.
func Outcome(r store.Reader, actor, key string) (json.RawMessage, error) {
	raw, ok, err := r.Get(store.OutcomeKey(actor, key))
	if err != nil {
		return nil, fmt.Errorf("views: outcome: %w", err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	return raw, nil
}

// Connection gives what the fold knows of a connection.
func Connection(r store.Reader, name string) (json.RawMessage, error) {
	return value(r, store.PrefixConn, name)
}

func value(r store.Reader, prefix, id string) (json.RawMessage, error) {
	if !plainID(id) {
		return nil, ErrNotFound
	}
	raw, ok, err := r.Get(prefix + id)
	if err != nil {
		return nil, fmt.Errorf("views: %s: %w", strings.TrimSuffix(prefix, "/"), err)
	}
	if !ok {
		return nil, ErrNotFound
	}
	return raw, nil
}

package views

import (
	"encoding/json"
	"fmt"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Publications lists what the hub means to show at a connection, in the order of their nodes; state may be empty for all.
func Publications(r store.Reader, connection string, state canon.PublicationState, p Paging) (Page, error) {
	after, err := p.after()
	if err != nil {
		return Page{}, err
	}
	prefix := store.PrefixPublish + connection + "/"
	page, seen, last, more, from := Page{Items: nothing()}, 0, "", false, ""
	if after != "" {
		from = prefix + after + "\x00"
	}
	err = r.Scan(prefix, from, func(key string, raw []byte) (bool, error) {
		if len(page.Items) == p.limit() || seen == maxScan {
			more = true
			return false, nil
		}
		seen++
		last = key[len(prefix):]
		var pub canon.Publication
		if err := json.Unmarshal(raw, &pub); err != nil {
			return false, fmt.Errorf("publication %s: %w", last, err)
		}
		if state == "" || pub.State == state {
			page.Items = append(page.Items, append(json.RawMessage(nil), raw...))
		}
		return true, nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("views: publications: %w", err)
	}
	if more {
		page.NextCursor = cursorAt(last)
	}
	return page, nil
}

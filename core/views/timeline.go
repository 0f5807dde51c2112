package views

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Timeline gives what happened to a record, the newest last. Rows are kept under the golden id that the record had at
// the time, so that the union over its nodes is its whole history, merges included.
func Timeline(r store.Reader, typ, id string, p Paging) ([]canon.Row, string, error) {
	after, err := p.after()
	if err != nil {
		return nil, "", err
	}
	if _, err := Get(r, typ, id); err != nil {
		return nil, "", err
	}
	nodes, err := nodesOf(r, typ, id)
	if err != nil {
		return nil, "", err
	}
	prefixes := make([]string, len(nodes))
	for i, n := range nodes {
		prefixes[i] = store.PrefixEntity + n + "/"
	}
	places, more, err := merged(r, prefixes, after, p.limit())
	if err != nil {
		return nil, "", err
	}
	rows := make([]canon.Row, 0, len(places))
	for _, place := range places {
		raw, ok, err := r.Get(store.PrefixRow + place)
		if err != nil {
			return nil, "", fmt.Errorf("views: timeline: %w", err)
		}
		if !ok {
			return nil, "", fmt.Errorf("views: timeline row %s is missing: %w", place, store.ErrCorrupt)
		}
		var row canon.Row
		if err := json.Unmarshal(raw, &row); err != nil {
			return nil, "", fmt.Errorf("views: timeline row %s: %w", place, err)
		}
		rows = append(rows, row)
	}
	next := ""
	if more {
		next = cursorAt(places[len(places)-1])
	}
	return rows, next, nil
}

// nodesOf gives every id under which a record may have left something: its golden id and its nodes, sorted.
func nodesOf(r store.Reader, typ, id string) ([]string, error) {
	raw, err := Get(r, typ, id)
	if err != nil {
		return nil, err
	}
	var rec struct {
		ID    string   `json:"id"`
		Nodes []string `json:"nodes"`
	}
	if err := json.Unmarshal(raw, &rec); err != nil {
		return nil, fmt.Errorf("views: nodes of a %s: %w", typ, err)
	}
	all := append(rec.Nodes, rec.ID)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// merged gives the first limit ends of the keys below several prefixes, in their common order and each once, behind
// after; more tells that there are others.
func merged(r store.Reader, prefixes []string, after string, limit int) (ends []string, more bool, err error) {
	for _, prefix := range prefixes {
		from := ""
		if after != "" {
			from = prefix + after + "\x00"
		}
		n := 0
		err := r.Scan(prefix, from, func(key string, _ []byte) (bool, error) {
			ends = append(ends, key[len(prefix):])
			n++
			return n <= limit, nil // one more than fits tells that there is more
		})
		if err != nil {
			return nil, false, fmt.Errorf("views: scan: %w", err)
		}
	}
	slices.Sort(ends)
	ends = slices.Compact(ends)
	if len(ends) > limit {
		return ends[:limit], true, nil
	}
	return ends, false, nil
}

// Rows gives the hub's timeline behind a position, oldest first, at most limit rows, but never a part of what one
// entry wrote. It is what the stream resumes from.
func Rows(r store.Reader, after canon.Position, limit int) ([]canon.Row, error) {
	from := ""
	if !after.IsZero() {
		from = store.PrefixRow + after.SortKey() + "0" // behind every "/" of that position
	}
	var rows []canon.Row
	err := r.Scan(store.PrefixRow, from, func(key string, value []byte) (bool, error) {
		var row canon.Row
		if err := json.Unmarshal(value, &row); err != nil {
			return false, fmt.Errorf("row %s: %w", key, err)
		}
		if len(rows) >= limit && row.Position != rows[len(rows)-1].Position {
			return false, nil
		}
		rows = append(rows, row)
		return true, nil
	})
	if err != nil {
		return nil, fmt.Errorf("views: rows: %w", err)
	}
	return rows, nil
}

// Newest gives the last rows of the hub's timeline, the newest first, at most limit. Keys ascend and are read forwards,
// so it looks behind the journal's end in steps that grow until there are enough.
func Newest(r interface {
	store.Reader
	Mark() (store.Mark, error)
}, limit int,
) ([]canon.Row, error) {
	mark, err := r.Mark()
	if err != nil {
		return nil, fmt.Errorf("views: newest: %w", err)
	}
	end := mark.Position.Offset
	for step := uint64(64); ; step *= 8 {
		after := canon.Position{}
		if end > step {
			after.Offset = end - step
		}
		var rows []canon.Row
		for at := after; ; {
			some, err := Rows(r, at, MaxLimit)
			if err != nil {
				return nil, err
			}
			if len(some) == 0 {
				break
			}
			at = some[len(some)-1].Position
			if rows = append(rows, some...); len(rows) > 2*MaxLimit {
				rows = slices.Clone(rows[len(rows)-MaxLimit:])
			}
		}
		if len(rows) >= limit || after.IsZero() || step >= newestReach {
			slices.Reverse(rows)
			return rows[:min(limit, len(rows))], nil
		}
	}
}

// newestReach is how many batches of the journal Newest looks behind its end at most.
const newestReach = 1 << 15

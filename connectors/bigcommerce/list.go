package bigcommerce

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
)

// page is a page of a list of v3.
type page[T any] struct {
	Data []lenient[T] `json:"data"`
	Meta struct {
		Pagination struct {
			Total int64 `json:"total"`
		} `json:"pagination"`
		Cursor struct {
			End   string `json:"end_cursor"`
			Links struct {
				Next text `json:"next"`
			} `json:"links"`
		} `json:"cursor_pagination"`
	} `json:"meta"`
}

// list3 reads a page of v3. What has no list in it is no answer: an empty success would tell that everything is gone.
func list3[T any](ctx context.Context, s *store, path string, q url.Values) (*page[T], time.Time, error) {
	var out page[T]
	at, err := s.client.get(ctx, "v3/"+path, q, &out)
	if err != nil {
		return nil, at, err
	}
	if out.Data == nil {
		return nil, at, fmt.Errorf("GET v3/%s: %w: there is no list", path, errUnreadable)
	}
	return &out, at, nil
}

// all3 reads all pages of a list of v3 that is known to be short.
func all3[T any](ctx context.Context, s *store, path string, q url.Values) ([]T, error) {
	var out []T
	for n := 1; ; n++ {
		got, _, err := list3[T](ctx, s, path, with(q, "page", n, "limit", maxPage))
		if err != nil {
			return nil, err
		}
		for i := range got.Data {
			if got.Data[i].err != nil {
				return nil, fmt.Errorf("%s %d: %w", path, got.Data[i].id, got.Data[i].err)
			}
			out = append(out, got.Data[i].value)
		}
		if total := got.Meta.Pagination.Total; len(got.Data) < maxPage || total > 0 && int64(n*maxPage) >= total {
			return out, nil
		}
	}
}

// list2 reads a page of v2: a bare list, and no body at all where it is empty.
func list2[T any](ctx context.Context, s *store, path string, q url.Values) ([]lenient[T], time.Time, error) {
	out := []lenient[T]{}
	at, err := s.client.get(ctx, "v2/"+path, q, &out)
	if err != nil {
		return nil, at, err
	}
	if out == nil {
		return nil, at, fmt.Errorf("GET v2/%s: %w: there is no list", path, errUnreadable)
	}
	return out, at, nil
}

// all2 reads all pages of a list of v2 that is known to be short.
func all2[T any](ctx context.Context, s *store, path string) ([]T, error) {
	var out []T
	for n := 1; ; n++ {
		rows, _, err := list2[T](ctx, s, path, with(nil, "page", n, "limit", maxPage))
		if err != nil {
			return nil, err
		}
		for i := range rows {
			if rows[i].err != nil {
				return nil, fmt.Errorf("%s %d: %w", path, rows[i].id, rows[i].err)
			}
			out = append(out, rows[i].value)
		}
		if len(rows) < maxPage {
			return out, nil
		}
	}
}

// with adds parameters, given as name and value in turn, to a copy of a query.
func with(q url.Values, pairs ...any) url.Values {
	out := url.Values{}
	for k, v := range q {
		out[k] = v
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		out.Set(fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1]))
	}
	return out
}

// joined writes a list of ids as the platform reads one.
func joined(ids []int64) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = idText(id)
	}
	return strings.Join(parts, ",")
}

// chunks parts a list.
func chunks[T any](all []T, size int) [][]T {
	var out [][]T
	for len(all) > 0 {
		n := min(size, len(all))
		out, all = append(out, all[:n]), all[n:]
	}
	return out
}

// lenient is a row of a list that may be unreadable without spoiling the rows around it.
type lenient[T any] struct {
	value    T
	id       int64
	modified text
	err      error // of the value; id and modified are known all the same
}

// UnmarshalJSON implements json.Unmarshaler. It fails only for what is no row at all.
func (l *lenient[T]) UnmarshalJSON(b []byte) error {
	var head struct {
		ID       int64 `json:"id"`
		Modified text  `json:"date_modified"`
		Created  text  `json:"created"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	l.id, l.modified = head.ID, head.Modified
	if l.modified == "" {
		l.modified = head.Created
	}
	if err := json.Unmarshal(b, &l.value); err != nil {
		l.err = fmt.Errorf("the row can't be read: %w", jsonError(err))
	}
	return nil
}

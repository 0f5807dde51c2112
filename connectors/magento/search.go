package magento

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// criteria builds the vendor's searchCriteria: groups of filters are ANDed, filters within a group ORed.
type criteria struct {
	q      url.Values
	groups int
	sorts  int
}

func search(size int) *criteria {
	c := &criteria{q: url.Values{}}
	c.q.Set("searchCriteria[pageSize]", strconv.Itoa(size))
	c.q.Set("searchCriteria[currentPage]", "1")
	return c
}

func (c *criteria) page(n int) *criteria {
	c.q.Set("searchCriteria[currentPage]", strconv.Itoa(n))
	return c
}

func (c *criteria) fields(list string) *criteria {
	c.q.Set("fields", list)
	return c
}

func (c *criteria) where(field, condition, value string) *criteria {
	c.filter(c.groups, 0, field, condition, value)
	c.groups++
	return c
}

func (c *criteria) filter(group, n int, field, condition, value string) {
	at := fmt.Sprintf("searchCriteria[filter_groups][%d][filters][%d]", group, n)
	c.q.Set(at+"[field]", field)
	c.q.Set(at+"[value]", value)
	c.q.Set(at+"[condition_type]", condition)
}

// any asks for one of some values. The shop takes the list of `in` apart at commas, so that a value with a comma gets a
// filter of its own.
func (c *criteria) any(field string, values []string) *criteria {
	n := 0
	var plain []string
	for _, v := range values {
		if strings.Contains(v, ",") {
			c.filter(c.groups, n, field, "eq", v)
			n++
			continue
		}
		plain = append(plain, v)
	}
	if len(plain) > 0 {
		c.filter(c.groups, n, field, "in", strings.Join(plain, ","))
	}
	c.groups++
	return c
}

func (c *criteria) ascending(field string) *criteria {
	at := fmt.Sprintf("searchCriteria[sortOrders][%d]", c.sorts)
	c.q.Set(at+"[field]", field)
	c.q.Set(at+"[direction]", "ASC")
	c.sorts++
	return c
}

// found is a list's answer.
type found[T any] struct {
	Items []lenient[T] `json:"items"`
	Total *int         `json:"total_count"`
}

// list asks for one page. An answer without a count is not a list: taking it for an empty one would delete the catalogue.
func list[T any](ctx context.Context, s *shop, path string, c *criteria) (*found[T], time.Time, error) {
	var out found[T]
	at, err := s.client.get(ctx, path, c.q, &out)
	if err != nil {
		return nil, at, err
	}
	if out.Total == nil {
		return nil, at, fmt.Errorf("%s: %w: it has no total_count", path, errUnreadable)
	}
	return &out, at, nil
}

// maxQuery bounds the values of one request in bytes: web servers refuse lines of 8 kB.
const maxQuery = 3000

// chunks parts values so that each part fits into one request.
func chunks(values []string, most int) [][]string {
	var out [][]string
	var part []string
	size := 0
	for _, v := range values {
		cost := len(url.QueryEscape(v)) + 3
		if strings.Contains(v, ",") {
			cost += 200 // a filter of its own
		}
		if len(part) == most || size+cost > maxQuery && len(part) > 0 {
			out = append(out, part)
			part, size = nil, 0
		}
		part = append(part, v)
		size += cost
	}
	if len(part) > 0 {
		out = append(out, part)
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
		EntityID int64 `json:"entity_id"`
		Updated  text  `json:"updated_at"`
		Created  text  `json:"created_at"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return err
	}
	l.id, l.modified = max(head.ID, head.EntityID), head.Updated
	if l.modified == "" {
		l.modified = head.Created
	}
	if err := json.Unmarshal(b, &l.value); err != nil {
		l.err = fmt.Errorf("the row can't be read: %w", jsonError(err))
	}
	return nil
}

package twin

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
)

const (
	maxPage    = 250    // of any connection
	cursorDeep = 25_000 // rows that one cursor can be followed
)

// row is one element of a collection with its place in the order.
type row struct {
	node    node
	id      int64
	updated time.Time
	created time.Time
}

// page is one page of a connection.
type page struct {
	rows    []row
	cursors []string
	more    bool
	before  bool
}

func (p *page) object(typ string) node {
	nodes := make([]node, 0, len(p.rows))
	for _, r := range p.rows {
		nodes = append(nodes, r.node)
	}
	info := object{"PageInfo", map[string]any{"hasNextPage": p.more, "hasPreviousPage": p.before}}
	if n := len(p.cursors); n > 0 {
		info.values["startCursor"], info.values["endCursor"] = p.cursors[0], p.cursors[n-1]
	}
	edges := make([]node, len(nodes))
	for i, n := range nodes {
		edges[i] = object{strings.TrimSuffix(typ, "Connection") + "Edge", map[string]any{"cursor": p.cursors[i], "node": n}}
	}
	return object{typ, map[string]any{"nodes": nodes, "edges": edges, "pageInfo": info}}
}

type cursor struct {
	Sort  string `json:"sort"`
	Key   string `json:"key"`
	Depth int    `json:"depth"`
}

func sortKeyOf(r row, by string) string {
	switch by {
	case "UPDATED_AT":
		return fmt.Sprintf("%020d/%020d", r.updated.Unix(), r.id)
	case "CREATED_AT", "PROCESSED_AT":
		return fmt.Sprintf("%020d/%020d", r.created.Unix(), r.id)
	}
	return fmt.Sprintf("%020d", r.id)
}

// inOrder compares two rows as their sort keys do, without writing them down.
func inOrder(by string) func(a, b row) int {
	return func(a, b row) int {
		first := 0
		switch by {
		case "UPDATED_AT":
			first = cmp.Compare(a.updated.Unix(), b.updated.Unix())
		case "CREATED_AT", "PROCESSED_AT":
			first = cmp.Compare(a.created.Unix(), b.created.Unix())
		}
		return cmp.Or(first, cmp.Compare(a.id, b.id))
	}
}

// paginate gives the page of a collection that the arguments ask for. Only forward paging is spoken.
func paginate(rows []row, args map[string]any, deepest int) any {
	if args["last"] != nil || args["before"] != nil || args["reverse"] == true {
		return fail("BAD_REQUEST", "this sandbox pages forward only")
	}
	if args["first"] == nil {
		return fail("BAD_REQUEST", "you must provide one of first or last")
	}
	first, ok := whole(args["first"])
	if !ok || first < 1 || first > maxPage {
		return fail("BAD_REQUEST", "first must be between 1 and %d", maxPage)
	}
	by, _ := args["sortKey"].(string)
	var from cursor
	if after, given := args["after"].(string); given {
		raw, err := base64.StdEncoding.DecodeString(after)
		if err != nil || json.Unmarshal(raw, &from) != nil || from.Sort != by {
			return fail("BAD_REQUEST", "Invalid cursor for current pagination sort.")
		}
	}
	slices.SortStableFunc(rows, inOrder(by))
	start := sort.Search(len(rows), func(i int) bool { return from.Key == "" || sortKeyOf(rows[i], by) > from.Key })
	p := &page{before: start > 0}
	for i := start; i < len(rows); i++ {
		if int64(len(p.rows)) == first {
			p.more = true
			break
		}
		depth := from.Depth + len(p.rows) + 1
		if depth > deepest {
			return fail("BAD_REQUEST", "pagination is limited to %d objects; filter the query", deepest)
		}
		raw, err := json.Marshal(cursor{by, sortKeyOf(rows[i], by), depth})
		if err != nil {
			return fail("INTERNAL_SERVER_ERROR", "the cursor could not be made")
		}
		p.rows, p.cursors = append(p.rows, rows[i]), append(p.cursors, base64.StdEncoding.EncodeToString(raw))
	}
	return p
}

var termPattern = regexp.MustCompile(`^(updated_at|created_at|id):(>=|>|<=|<|)'?([^']*)'?$`)

// filter keeps the rows that a search query matches. Terms are joined by AND; the vendor ignores a term that it does
// not know and so answers too much, this sandbox refuses it.
func filter(rows []row, args map[string]any) ([]row, *graphError) {
	query, _ := args["query"].(string)
	if strings.TrimSpace(query) == "" {
		return rows, nil
	}
	for _, term := range strings.Split(query, " AND ") {
		m := termPattern.FindStringSubmatch(strings.TrimSpace(term))
		if m == nil {
			return nil, fail("BAD_REQUEST", "the search term %q is not spoken here", term)
		}
		var limit int64
		if m[1] == "id" {
			n, err := strconv.ParseInt(m[3], 10, 64)
			if err != nil {
				return nil, fail("BAD_REQUEST", "the search term %q has no number", term)
			}
			limit = n
		} else {
			t, err := time.Parse(time.RFC3339, m[3])
			if err != nil {
				return nil, fail("BAD_REQUEST", "the search term %q has no time", term)
			}
			limit = t.Unix()
		}
		var kept []row
		for _, r := range rows {
			value := r.id
			switch m[1] {
			case "updated_at":
				value = r.updated.Unix()
			case "created_at":
				value = r.created.Unix()
			}
			if compare(value, m[2], limit) {
				kept = append(kept, r)
			}
		}
		rows = kept
	}
	return rows, nil
}

func compare(value int64, op string, limit int64) bool {
	switch op {
	case ">=":
		return value >= limit
	case ">":
		return value > limit
	case "<=":
		return value <= limit
	case "<":
		return value < limit
	}
	return value == limit
}

// connection filters and pages.
func (x *execution) connection(rows []row, args map[string]any) any {
	rows, bad := filter(rows, args)
	if bad != nil {
		return bad
	}
	if x.bulk != nil { // a bulk operation has no pages
		slices.SortStableFunc(rows, inOrder(""))
		return &page{rows: rows}
	}
	return paginate(rows, args, x.srv.opts.MaxCursorDepth)
}

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
	return object{typ, map[string]any{"nodes": nodes, "pageInfo": info}}
}

type cursor struct {
	Sort  string `json:"sort"`
	Key   string `json:"key"`
	Depth int    `json:"depth"`
}

// sortKey is a row's place in a collection: a time in Unix seconds, 0 when it is sorted by id alone, and the id.
type sortKey struct{ at, id int64 }

func sortKeyOf(r *row, by string) sortKey {
	switch by {
	case "UPDATED_AT":
		return sortKey{r.updated.Unix(), r.id}
	case "CREATED_AT", "PROCESSED_AT":
		return sortKey{r.created.Unix(), r.id}
	}
	return sortKey{0, r.id}
}

func (k sortKey) compare(o sortKey) int {
	return cmp.Or(cmp.Compare(k.at, o.at), cmp.Compare(k.id, o.id))
}

func (k sortKey) String() string { return fmt.Sprintf("%d/%d", k.at, k.id) }

func parseSortKey(s string) (k sortKey, ok bool) {
	at, id, _ := strings.Cut(s, "/")
	var bad [2]error
	k.at, bad[0] = strconv.ParseInt(at, 10, 64)
	k.id, bad[1] = strconv.ParseInt(id, 10, 64)
	return k, bad[0] == nil && bad[1] == nil
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
	start := 0
	slices.SortStableFunc(rows, func(a, b row) int { return sortKeyOf(&a, by).compare(sortKeyOf(&b, by)) })
	if after, given := args["after"].(string); given {
		raw, err := base64.StdEncoding.DecodeString(after)
		if err != nil || json.Unmarshal(raw, &from) != nil || from.Sort != by {
			return fail("BAD_REQUEST", "Invalid cursor for current pagination sort.")
		}
		key, ok := parseSortKey(from.Key)
		if !ok {
			return fail("BAD_REQUEST", "Invalid cursor for current pagination sort.")
		}
		start = sort.Search(len(rows), func(i int) bool { return sortKeyOf(&rows[i], by).compare(key) > 0 })
	}
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
		raw, err := json.Marshal(cursor{by, sortKeyOf(&rows[i], by).String(), depth})
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
	return paginate(rows, args, x.srv.opts.MaxCursorDepth)
}

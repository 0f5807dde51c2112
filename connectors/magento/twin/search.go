package twin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// criteria is a parsed searchCriteria.
type criteria struct {
	groups   map[string]map[string]*filter // by their positions in the query
	sorts    map[string]*sorting
	pageSize int
	page     int
}

type filter struct {
	field, value, condition string
	list                    map[string]bool // of in and nin
}

type sorting struct{ field, direction string }

var criteriaKey = regexp.MustCompile(`^search_?[cC]riteria\[([a-zA-Z_]+)\](?:\[(\d+)\])?(?:\[filters\]\[(\d+)\])?(?:\[([a-zA-Z_]+)\])?$`)

// The vendor's names of a filter's and a sorting's parts are taken in both spellings.
func snake(s string) string {
	return strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(s, "${1}_$2"))
}

// maxPageSize and its companions are the vendor's input limits.
const (
	maxPageSize  = 300
	pageUnasked  = 20
	maxSyncItems = 20
	maxBulkItems = 5000
)

// checkSearch refuses a list request without searchCriteria, which the vendor's interface requires.
func (s *Server) checkSearch(r *request) *response {
	given := false
	for k := range r.query {
		given = given || strings.HasPrefix(k, "searchCriteria") || strings.HasPrefix(k, "search_criteria")
	}
	if !given {
		return failure(http.StatusBadRequest, `"%fieldName" is required. Enter and try again.`, map[string]string{"fieldName": "searchCriteria"})
	}
	c, resp := parseCriteria(r)
	if resp != nil {
		return resp
	}
	if s.opts.InputLimits && c.pageSize > maxPageSize {
		return failure(http.StatusBadRequest, "Maximum SearchCriteria pageSize is %max", map[string]string{"max": strconv.Itoa(maxPageSize)})
	}
	return nil
}

func parseCriteria(r *request) (*criteria, *response) {
	c := &criteria{groups: map[string]map[string]*filter{}, sorts: map[string]*sorting{}, page: 1}
	for k, values := range r.query {
		m := criteriaKey.FindStringSubmatch(k)
		if m == nil {
			continue
		}
		v := values[len(values)-1]
		switch snake(m[1]) {
		case "filter_groups":
			if c.groups[m[2]] == nil {
				c.groups[m[2]] = map[string]*filter{}
			}
			f := c.groups[m[2]][m[3]]
			if f == nil {
				f = &filter{condition: "eq"}
				c.groups[m[2]][m[3]] = f
			}
			switch snake(m[4]) {
			case "field":
				f.field = v
			case "value":
				f.value = v
			case "condition_type":
				f.condition = v
			}
		case "sort_orders":
			if c.sorts[m[2]] == nil {
				c.sorts[m[2]] = &sorting{direction: "DESC"}
			}
			switch snake(m[4]) {
			case "field":
				c.sorts[m[2]].field = v
			case "direction":
				if c.sorts[m[2]].direction = strings.ToUpper(v); c.sorts[m[2]].direction != "ASC" && c.sorts[m[2]].direction != "DESC" {
					return nil, failure(http.StatusBadRequest, "Sort order has to be ASC or DESC.")
				}
			}
		case "page_size", "current_page":
			n, err := strconv.Atoi(v)
			if err != nil {
				return nil, failure(http.StatusBadRequest, `Error occurred during "%fieldName" processing. %details`, map[string]string{"fieldName": m[1], "details": "The \"" + v + "\" value's type is invalid. The \"int\" type was expected. Verify and try again."})
			}
			if snake(m[1]) == "page_size" {
				c.pageSize = n
			} else {
				c.page = max(1, n)
			}
		}
	}
	return c, nil
}

// search answers a list. known are the fields that may be named; nil takes any that a row has. A field that is not known
// fails in the database, which the shop does not explain.
func (s *Server) search(r *request, rows []row, known []string, idField string) *response {
	c, resp := parseCriteria(r)
	if resp != nil {
		return resp
	}
	kept, resp := c.keep(rows, known)
	if resp != nil {
		return resp
	}
	if resp := c.sort(kept, known, idField); resp != nil {
		return resp
	}
	if c.pageSize == 0 && s.opts.InputLimits {
		c.pageSize = pageUnasked
	}
	total := len(kept)
	if c.pageSize > 0 {
		// A page beyond the end is the last page once more.
		last := max(1, (total+c.pageSize-1)/c.pageSize)
		from := (min(c.page, last) - 1) * c.pageSize
		kept = kept[min(from, total):min(from+c.pageSize, total)]
	}
	items := make([]any, len(kept))
	for i := range kept {
		items[i] = kept[i]
	}
	return answer(map[string]any{"items": items, "search_criteria": c.echo(), "total_count": total})
}

func (c *criteria) echo() any {
	groups := []any{}
	for _, g := range sortedKeys(c.groups) {
		filters := []any{}
		for _, f := range sortedKeys(c.groups[g]) {
			x := c.groups[g][f]
			filters = append(filters, row{"field": x.field, "value": x.value, "condition_type": x.condition})
		}
		groups = append(groups, row{"filters": filters})
	}
	out := row{"filter_groups": groups}
	if c.pageSize > 0 {
		out["page_size"], out["current_page"] = c.pageSize, c.page
	}
	return out
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	})
	return keys
}

func (c *criteria) keep(rows []row, known []string) ([]row, *response) {
	var kept []row
	for _, g := range c.groups {
		for _, f := range g {
			if known != nil && !slices.Contains(known, f.field) {
				return nil, hidden()
			}
			if !slices.Contains(conditions, f.condition) {
				return nil, hidden()
			}
			if f.condition == "in" || f.condition == "nin" {
				f.list = map[string]bool{}
				for part := range strings.SplitSeq(f.value, ",") { // so a value with a comma can't be asked for
					f.list[strings.ToLower(part)] = true
				}
			}
		}
	}
	for _, r := range rows {
		all := true
		for _, g := range c.groups {
			some := len(g) == 0
			for _, f := range g {
				some = some || f.fits(r)
			}
			all = all && some
		}
		if all {
			kept = append(kept, r)
		}
	}
	return kept, nil
}

var conditions = []string{"eq", "neq", "gt", "gteq", "lt", "lteq", "in", "nin", "like", "null", "notnull", "from", "to", "finset", "moreq"}

// plain gives a row's value in the words of the database; custom attributes are fields too.
func plain(r row, field string) (string, bool) {
	v, ok := r[field]
	if !ok && field == "entity_id" {
		v, ok = r["id"]
	}
	if !ok {
		for _, a := range customs(r) {
			if a["attribute_code"] == field {
				return fmt.Sprint(a["value"]), true
			}
		}
	}
	if !ok || v == nil {
		return "", false
	}
	return fmt.Sprint(v), true
}

func customs(r row) []row {
	list, _ := r["custom_attributes"].([]row)
	return list
}

// compare is the database's: numbers as numbers, texts without regard to case.
func compare(a, b string) int {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err1 == nil && err2 == nil {
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

func (f *filter) fits(r row) bool {
	v, set := plain(r, f.field)
	switch f.condition {
	case "null":
		return !set
	case "notnull":
		return set
	}
	if !set {
		return f.condition == "nin"
	}
	switch f.condition {
	case "eq":
		return compare(v, f.value) == 0
	case "neq":
		return compare(v, f.value) != 0
	case "gt":
		return compare(v, f.value) > 0
	case "gteq", "from", "moreq":
		return compare(v, f.value) >= 0
	case "lt":
		return compare(v, f.value) < 0
	case "lteq", "to":
		return compare(v, f.value) <= 0
	case "in":
		return f.list[strings.ToLower(v)]
	case "nin":
		return !f.list[strings.ToLower(v)]
	case "finset":
		return slices.Contains(strings.Split(v, ","), f.value)
	}
	// like, with % at either end
	want := strings.ToLower(f.value)
	got := strings.ToLower(v)
	core := strings.Trim(want, "%")
	switch {
	case strings.HasPrefix(want, "%") && strings.HasSuffix(want, "%"):
		return strings.Contains(got, core)
	case strings.HasPrefix(want, "%"):
		return strings.HasSuffix(got, core)
	case strings.HasSuffix(want, "%"):
		return strings.HasPrefix(got, core)
	}
	return got == want
}

// sort orders rows; what is equal stands in no order that one could rely on, here the newest first.
func (c *criteria) sort(rows []row, known []string, idField string) *response {
	keys := sortedKeys(c.sorts)
	for _, k := range keys {
		if known != nil && !slices.Contains(known, c.sorts[k].field) {
			return hidden()
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int {
		for _, k := range keys {
			x, _ := plain(a, c.sorts[k].field)
			y, _ := plain(b, c.sorts[k].field)
			n := compare(x, y)
			if c.sorts[k].direction == "DESC" {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		x, _ := plain(a, idField)
		y, _ := plain(b, idField)
		if len(keys) == 0 {
			return compare(x, y)
		}
		return compare(y, x)
	})
	return nil
}

// all gives the rows of a table by id.
func all(m map[int64]row) []row {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := make([]row, len(ids))
	for i, id := range ids {
		out[i] = m[id]
	}
	return out
}

// number writes cents as PHP writes a float: 1250, 12.5.
func number(cents int64) json.Number {
	sign := ""
	if cents < 0 {
		sign, cents = "-", -cents
	}
	s := fmt.Sprintf("%d.%02d", cents/100, cents%100)
	return json.Number(sign + strings.TrimRight(strings.TrimRight(s, "0"), "."))
}

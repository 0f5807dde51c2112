package twin

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is a REST request on its way.
type request struct {
	http   *http.Request
	method string
	path   string // "wc/v3/products/12"
	query  url.Values
	key    *Key
	ping   *webhook // a copy of the webhook to ping when the work is done
}

// list gives a parameter that PHP takes as a list: "a,b", x[]=a&x[]=b, x[0]=a, or x=a twice (the last one counts).
func (r *request) list(name string) []string {
	var out []string
	var keys []string
	for k := range r.query {
		if k == name+"[]" || (strings.HasPrefix(k, name+"[") && strings.HasSuffix(k, "]")) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for _, k := range keys {
		out = append(out, r.query[k]...)
	}
	if v := r.query[name]; len(v) > 0 && v[len(v)-1] != "" {
		out = append(out, strings.Split(v[len(v)-1], ",")...)
	}
	return out
}

func (r *request) ids(name string) ([]int64, *apiError) {
	var out []int64
	for i, v := range r.list(name) {
		n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
		if err != nil {
			return nil, invalidParam(name, fmt.Sprintf("%s[%d] is not of type integer.", name, i))
		}
		out = append(out, n)
	}
	return out, nil
}

// collection are the validated parameters of a list.
type collection struct {
	page, perPage, offset int
	orderby, order        string
	include, exclude      []int64
	after, before         *time.Time // of creation
	modAfter, modBefore   *time.Time
	gmt                   bool
}

// collection reads the parameters that all lists have. Names that a list does not know are ignored, as WordPress does.
func (r *request) collection(orderbys []string, defaultOrderby, defaultOrder string) (*collection, *apiError) {
	c := &collection{page: 1, perPage: 10, orderby: defaultOrderby, order: defaultOrder}
	var err *apiError
	number := func(name string, into *int, low, high int) {
		v := r.query.Get(name)
		if v == "" || err != nil {
			return
		}
		n, e := strconv.Atoi(v)
		switch {
		case e != nil:
			err = invalidParam(name, name+" is not of type integer.")
		case high < math.MaxInt && (n < low || n > high):
			err = invalidParam(name, fmt.Sprintf("%s must be between %d (inclusive) and %d (inclusive)", name, low, high))
		case n < low:
			err = invalidParam(name, fmt.Sprintf("%s must be greater than or equal to %d", name, low))
		}
		*into = n
	}
	number("page", &c.page, 1, math.MaxInt)
	number("per_page", &c.perPage, 1, 100)
	number("offset", &c.offset, math.MinInt, math.MaxInt)
	enum := func(name string, into *string, allowed []string) {
		v := r.query.Get(name)
		if v == "" || err != nil {
			return
		}
		if !slices.Contains(allowed, v) {
			err = notOneOf(name, allowed)
			return
		}
		*into = v
	}
	enum("orderby", &c.orderby, orderbys)
	enum("order", &c.order, []string{"asc", "desc"})
	if err != nil {
		return nil, err
	}
	if c.include, err = r.ids("include"); err != nil {
		return nil, err
	}
	if c.exclude, err = r.ids("exclude"); err != nil {
		return nil, err
	}
	switch v := r.query.Get("dates_are_gmt"); v {
	case "", "false", "0":
	case "true", "1":
		c.gmt = true
	default:
		return nil, invalidParam("dates_are_gmt", "dates_are_gmt is not of type boolean.")
	}
	return c, nil
}

func notOneOf(name string, allowed []string) *apiError {
	return invalidParam(name, name+" is not one of "+strings.Join(allowed[:len(allowed)-1], ", ")+", and "+allowed[len(allowed)-1]+".")
}

// dates reads the filters by time; a time without a zone is the shop's own unless dates_are_gmt.
func (r *request) dates(c *collection, zone *time.Location) *apiError {
	if c.gmt {
		zone = time.UTC
	}
	for name, into := range map[string]**time.Time{"after": &c.after, "before": &c.before, "modified_after": &c.modAfter, "modified_before": &c.modBefore} {
		v := r.query.Get(name)
		if v == "" {
			continue
		}
		var t time.Time
		var err error
		if t, err = time.Parse(time.RFC3339, v); err != nil {
			if t, err = time.ParseInLocation("2006-01-02T15:04:05", v, zone); err != nil {
				return invalidParam(name, "Invalid date.")
			}
		}
		*into = &t
	}
	return nil
}

// keeps applies the filters by id and time. All comparisons are strict.
func (c *collection) keeps(id int64, created, modified time.Time) bool {
	switch {
	case len(c.include) > 0 && !slices.Contains(c.include, id):
	case slices.Contains(c.exclude, id):
	case c.after != nil && !created.After(*c.after):
	case c.before != nil && !created.Before(*c.before):
	case c.modAfter != nil && !modified.After(*c.modAfter):
	case c.modBefore != nil && !modified.Before(*c.modBefore):
	default:
		return true
	}
	return false
}

// sortRow is what lists are ordered by.
type sortRow struct {
	id                int64
	name              string
	created, modified time.Time
}

// less orders two rows; with equal times the id decides, in the same direction.
func (c *collection) less(a, b sortRow) int {
	var n int
	switch c.orderby {
	case "date", "registered_date":
		n = a.created.Compare(b.created)
	case "modified":
		n = a.modified.Compare(b.modified)
	case "title", "slug", "name":
		n = strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name))
	case "include":
		return slices.Index(c.include, a.id) - slices.Index(c.include, b.id)
	}
	if n == 0 {
		n = int(min(1, max(-1, a.id-b.id)))
	}
	if c.order == "desc" {
		return -n
	}
	return n
}

// listResponse cuts out the page and adds the headers that tell the size.
func (s *Server) listResponse(r *request, c *collection, total int, at func(i int) any) *response {
	start := (c.page - 1) * c.perPage
	if c.offset != 0 {
		start = max(0, c.offset) // offset takes the place of page
	}
	rows := []any{}
	for i := start; i < total && i < start+c.perPage; i++ {
		rows = append(rows, at(i))
	}
	resp := jsonResponse(http.StatusOK, rows)
	pages := (total + c.perPage - 1) / c.perPage
	resp.header["X-WP-Total"], resp.header["X-WP-TotalPages"] = []string{strconv.Itoa(total)}, []string{strconv.Itoa(pages)}
	link := func(page int, rel string) {
		q := url.Values{}
		for k, v := range r.query {
			q[k] = v
		}
		q.Set("page", strconv.Itoa(page))
		resp.header.Add("Link", "<"+s.home+"/wp-json/"+r.path+"?"+q.Encode()+`>; rel="`+rel+`"`)
	}
	if c.page > 1 {
		link(min(c.page-1, pages), "prev")
	}
	if c.page < pages {
		link(c.page+1, "next")
	}
	return resp
}

// body reads a JSON or form body into a map, numbers as json.Number.
func (r *request) body() (map[string]any, *apiError) {
	raw, err := io.ReadAll(io.LimitReader(r.http.Body, 32<<20))
	if err != nil {
		return nil, &apiError{http.StatusBadRequest, "rest_invalid_json", "Invalid JSON body passed.", nil}
	}
	out := map[string]any{}
	if len(strings.TrimSpace(string(raw))) == 0 {
		return out, nil
	}
	if strings.HasPrefix(r.http.Header.Get("Content-Type"), "application/json") {
		dec := json.NewDecoder(strings.NewReader(string(raw)))
		dec.UseNumber()
		if err := dec.Decode(&out); err != nil {
			return nil, &apiError{http.StatusBadRequest, "rest_invalid_json", "Invalid JSON body passed.", nil}
		}
		return out, nil
	}
	form, err := url.ParseQuery(string(raw))
	if err != nil {
		return out, nil
	}
	for k, v := range form {
		out[k] = v[len(v)-1]
	}
	return out, nil
}

// The readers of body fields answer rest_invalid_param for a value of another type, as the schema of wc/v3 does.

func intField(b map[string]any, name string) (int64, bool, *apiError) {
	v, ok := b[name]
	if !ok || v == nil {
		return 0, false, nil
	}
	n, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(fmt.Sprint(v), 64)
		if ferr != nil || f != math.Trunc(f) {
			return 0, false, invalidParam(name, name+" is not of type integer.")
		}
		n = int64(f)
	}
	return n, true, nil
}

func stringField(b map[string]any, name string) (string, bool, *apiError) {
	switch v := b[name].(type) {
	case nil:
		return "", false, nil
	case string:
		return v, true, nil
	default:
		return "", false, invalidParam(name, name+" is not of type string.")
	}
}

func boolField(b map[string]any, name string) (value, given bool, err *apiError) {
	switch v := b[name].(type) {
	case nil:
		return false, false, nil
	case bool:
		return v, true, nil
	case string:
		switch strings.ToLower(v) {
		case "true", "1":
			return true, true, nil
		case "false", "0", "":
			return false, true, nil
		}
	case json.Number:
		if v == "0" || v == "1" {
			return v == "1", true, nil
		}
	}
	return false, false, invalidParam(name, name+" is not of type boolean.")
}

func enumField(b map[string]any, name string, allowed []string) (string, bool, *apiError) {
	v, ok, err := stringField(b, name)
	if err != nil || !ok {
		return "", false, err
	}
	if !slices.Contains(allowed, v) {
		return "", false, notOneOf(name, allowed)
	}
	return v, true, nil
}

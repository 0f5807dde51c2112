package twin

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The sizes of pages.
const (
	defaultPage = 50
	maxPage     = 250
	maxItems    = 1000 // of inventory lists
)

func number(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// check refuses parameters that the route does not have, and values that they can't have.
func (r *request) check(rt route) *response {
	known := strings.Fields(rt.query)
	var unknown []string
	for name := range r.query {
		if !slices.Contains(known, name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	if len(unknown) > 0 {
		if r.v2 {
			return r.problem(http.StatusBadRequest, "The field '"+unknown[0]+"' is not supported by this resource.", nil)
		}
		return r.problem(http.StatusUnprocessableEntity, "The filter(s): "+strings.Join(unknown, ",")+" are not valid filter parameter(s).", nil)
	}
	for name, values := range r.query {
		v := values[0]
		ok := len(values) == 1
		switch {
		case name == "page" || name == "limit":
			n, isNumber := number(v)
			ok = ok && isNumber && n > 0
		case strings.Contains(name, "date_") || strings.HasPrefix(name, "created:"):
			_, isTime := parseTime(v)
			ok = ok && isTime
		case strings.HasSuffix(name, "id:in") || name == "min_id" || name == "max_id" || name == "id:min" || name == "id:greater":
			for part := range strings.SplitSeq(v, ",") {
				_, isNumber := number(part)
				ok = ok && isNumber
			}
		}
		if !ok {
			if r.v2 {
				return r.problem(http.StatusBadRequest, "The field '"+name+"' is invalid.", nil)
			}
			return r.problem(http.StatusUnprocessableEntity, "The filter(s): "+name+" are not valid filter parameter(s).", nil)
		}
	}
	if r.query.Has("before") && r.query.Has("after") {
		return r.problem(http.StatusUnprocessableEntity, "Only one of before and after may be given.", nil)
	}
	return nil
}

// parseTime reads the times that the platform takes: ISO 8601 with and without zone, a date, RFC 2822.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateOnly, time.RFC1123Z} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// mailTime is a time of v2, isoTime and zuluTime are of v3, which has both.
func mailTime(t time.Time) string { return t.UTC().Format(time.RFC1123Z) }
func isoTime(t time.Time) string  { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
func zuluTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// in reports whether a number is in a list of numbers; an absent list has them all.
func (r *request) in(name string, n int64) bool {
	v, ok := r.query[name]
	return !ok || slices.Contains(strings.Split(v[0], ","), itoa(n))
}

// word reports whether a word is in a list of words; an absent list has them all.
func (r *request) word(name, w string) bool {
	v, ok := r.query[name]
	return !ok || slices.Contains(strings.Split(v[0], ","), w)
}

// since reports whether a time is at or after a parameter, or strictly after it where the store is so.
func (s *Server) since(r *request, name string, t time.Time) bool {
	at, ok := parseTime(r.query.Get(name))
	if !ok {
		return true
	}
	if s.opts.After {
		return t.After(at)
	}
	return !t.Before(at)
}

func (r *request) until(name string, t time.Time) bool {
	at, ok := parseTime(r.query.Get(name))
	return !ok || !t.After(at)
}

// id is the number in a route's path.
func (r *request) id() int64 {
	n, _ := number(r.vars["id"])
	return n
}

func (r *request) num(name string, or int64) int64 {
	if n, ok := number(r.query.Get(name)); ok {
		return n
	}
	return or
}

// window gives which of n rows a page has.
func (r *request) window(n, most int) (from, to, page, limit int) {
	limit = min(int(r.num("limit", defaultPage)), most)
	page = int(r.num("page", 1))
	from = min((page-1)*limit, n)
	return from, min(from+limit, n), page, limit
}

// v2List answers a page of a bare list, and an empty body where there is none.
func v2List[T any](r *request, rows []T, show func(T) any) *response {
	from, to, _, _ := r.window(len(rows), maxPage)
	if from == to {
		return &response{status: http.StatusNoContent}
	}
	out := make([]any, 0, to-from)
	for _, v := range rows[from:to] {
		out = append(out, show(v))
	}
	return answer(http.StatusOK, out)
}

// v3List answers a page with its envelope.
func v3List[T any](r *request, rows []T, most int, show func(T) any) *response {
	from, to, page, limit := r.window(len(rows), most)
	out := make([]any, 0, to-from)
	for _, v := range rows[from:to] {
		out = append(out, show(v))
	}
	links := row{"current": "?" + r.link(page, limit)}
	if to < len(rows) {
		links["next"] = "?" + r.link(page+1, limit)
	}
	if page > 1 {
		links["previous"] = "?" + r.link(page-1, limit)
	}
	return answer(http.StatusOK, row{"data": out, "meta": row{"pagination": row{
		"total": len(rows), "count": len(out), "per_page": limit, "current_page": page, "total_pages": (len(rows) + limit - 1) / limit, "links": links,
	}}})
}

func (r *request) link(page, limit int) string {
	q := url.Values{}
	for k, v := range r.query {
		q[k] = v
	}
	q.Set("page", strconv.Itoa(page))
	q.Set("limit", strconv.Itoa(limit))
	return q.Encode()
}

// cursorList answers a page behind a cursor, which is the id of a row; with page numbers it is a list like others.
func cursorList[T any](r *request, rows []T, id func(T) int64, show func(T) any) *response {
	if !r.query.Has("after") && r.query.Has("page") {
		return v3List(r, rows, maxPage, show)
	}
	from := 0
	if raw, err := base64.StdEncoding.DecodeString(r.query.Get("after")); err == nil {
		if after, ok := number(string(raw)); ok {
			for from < len(rows) && id(rows[from]) <= after {
				from++
			}
		}
	}
	limit := min(int(r.num("limit", defaultPage)), maxPage)
	to := min(from+limit, len(rows))
	out := make([]any, 0, to-from)
	for _, v := range rows[from:to] {
		out = append(out, show(v))
	}
	cursor := row{"count": len(out), "per_page": limit, "links": row{}}
	if to > from {
		cursor["start_cursor"] = base64.StdEncoding.EncodeToString([]byte(itoa(id(rows[from]))))
		end := base64.StdEncoding.EncodeToString([]byte(itoa(id(rows[to-1]))))
		cursor["end_cursor"] = end
		if to < len(rows) {
			cursor["links"] = row{"next": "?after=" + url.QueryEscape(end) + "&limit=" + strconv.Itoa(limit)}
		}
	}
	return answer(http.StatusOK, row{"data": out, "meta": row{"cursor_pagination": cursor, "pagination": row{
		"total": len(rows), "count": len(out), "per_page": limit, "current_page": 1, "total_pages": (len(rows) + limit - 1) / limit,
	}}})
}

// sorted gives the values of a map in the order of their ids.
func sorted[V any](m map[int64]V) []V {
	ids := make([]int64, 0, len(m))
	for id := range m {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	out := make([]V, len(ids))
	for i, id := range ids {
		out[i] = m[id]
	}
	return out
}

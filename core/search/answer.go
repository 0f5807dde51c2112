package search

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// ErrCursor is the error of a cursor that is not one of this search's.
var ErrCursor = errors.New("search: the cursor is not one of this search's")

// Limits of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 500
)

// Request is what a person or a program asks for.
type Request struct {
	// Text are free words: "princess 1-1.5 ct F-G VS platinum under 9,000 EUR in Paris".
	Text string
	// Filters are conditions as ParseFilter reads them; several may be joined by "&".
	Filters []string
	// Sort is one of Sorts, with a currency behind a price ("price:EUR"); empty is by relevance.
	Sort string
	// Facets are the fields to count; nil for the usual ones on a first page and none on others.
	Facets []string
	Limit  int    // 0 means DefaultLimit; at most MaxLimit
	Cursor string // of the page before
	// After waits until the answer stands for this position at least.
	After canon.Position
}

// Answer is what was found.
type Answer struct {
	// Records are the golden records as the view has them, in order.
	Records    []json.RawMessage
	Total      int
	NextCursor string
	// Position is what the answer stands for: every change up to it is in it, and some behind it may be.
	Position   canon.Position
	Sort       string
	Understood []Reading
	Facets     []Facet
}

// plan is a request, understood.
type plan struct {
	query      Query
	understood []Reading
	digest     uint32
}

// cursor is what a page hands on. It has the query as it was understood, so that a word that comes into the vocabulary
// between two pages does not change what they are pages of.
type cursor struct {
	Digest   uint32   `json:"d"` // of the request that it belongs to
	Filters  []string `json:"f,omitempty"`
	Words    []Word   `json:"w,omitempty"`
	Sort     Sort     `json:"s"`
	Currency string   `json:"c,omitempty"`
	Place    Place    `json:"p"`
}

// maxCursor bounds what is read back.
const maxCursor = 8192

func (r *Request) digest() uint32 {
	h := fnv.New32a()
	for _, s := range append([]string{r.Text, r.Sort}, r.Filters...) {
		_, _ = io.WriteString(h, s+"\x00")
	}
	return h.Sum32()
}

// plan understands a request by rules.
func (x *Index) plan(r *Request, rules []rule, usual []string) (*plan, error) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	p := &plan{digest: r.digest()}
	p.query.Limit = r.Limit
	switch {
	case r.Limit <= 0:
		p.query.Limit = DefaultLimit
	case r.Limit > MaxLimit:
		p.query.Limit = MaxLimit
	}
	p.query.Facets = r.Facets
	if r.Facets == nil && r.Cursor == "" {
		p.query.Facets = usual
	}
	by, currency, _ := strings.Cut(r.Sort, ":")
	p.query.Sort, p.query.Currency = Sort(by), upper(currency)
	if by == "" {
		p.query.Sort = ByRelevance
	}
	parsed := x.parse(r.Text, rules)
	p.understood = parsed.Understood
	p.query.Words = parsed.Words
	p.query.Filters = parsed.Filters
	var raw []string
	for _, f := range r.Filters {
		raw = append(raw, splitFilters(f)...)
	}
	if len(raw) > MaxFilters {
		return nil, &FilterError{cutShort(raw[MaxFilters]), fmt.Sprintf("at most %d filters are taken", MaxFilters)}
	}
	for _, text := range raw {
		f, w, err := x.ParseFilter(text)
		if err != nil {
			return nil, err
		}
		m := &meaning{as: "identifier"}
		if w != nil {
			m.words = []Word{*w}
			p.query.Words = append(p.query.Words, *w)
		} else {
			m.as, m.filters = f.Field, []Filter{f}
			// What a person chose beside the words narrows them.
			p.query.Filters = narrow(p.query.Filters, f)
		}
		reading := Reading{Text: text, As: m.as, Means: (&reader{x: x}).words(m)}
		for _, f := range m.filters {
			reading.Filters = append(reading.Filters, x.String(f))
		}
		p.understood = append(p.understood, reading)
	}
	if r.Cursor == "" {
		return p, nil
	}
	return p, p.resume(x, r.Cursor)
}

// narrow puts a filter in the place of what the words say of the same field.
func narrow(list []Filter, f Filter) []Filter {
	list = slices.DeleteFunc(list, func(o Filter) bool { return o.Field == f.Field && o.Not == f.Not && o.Code == f.Code })
	return append(list, f)
}

// resume takes the query from a cursor.
func (p *plan) resume(x *Index, text string) error {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) > maxCursor {
		return ErrCursor
	}
	var c cursor
	if err := json.Unmarshal(raw, &c); err != nil || c.Digest != p.digest || len(c.Words) > maxWords || len(c.Filters) > maxConditions || c.Place.ID == "" {
		return ErrCursor
	}
	q := Query{Words: c.Words, Sort: c.Sort, Currency: c.Currency, Facets: p.query.Facets, Limit: p.query.Limit, After: &c.Place}
	for _, s := range c.Filters {
		f, _, err := x.ParseFilter(s)
		if err != nil || f.Field == "" {
			return ErrCursor
		}
		q.Filters = append(q.Filters, f)
	}
	p.query = q
	return nil
}

// next writes the cursor of the page behind a result.
func (p *plan) next(x *Index, res *Result) (string, error) {
	if res.Next == nil {
		return "", nil
	}
	c := cursor{Digest: p.digest, Words: p.query.Words, Sort: p.query.Sort, Currency: res.Currency, Place: *res.Next}
	for _, f := range p.query.Filters {
		c.Filters = append(c.Filters, x.String(f))
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("search: write a cursor: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// splitFilters parts filters at "&" outside of quotation marks.
func splitFilters(s string) []string {
	var out []string
	inside, start := false, 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i == len(s) || s[i] == '&' && !inside:
			if part := strings.TrimSpace(s[start:i]); part != "" {
				out = append(out, part)
			}
			start = i + 1
		case s[i] == '"':
			inside = !inside
		}
	}
	return out
}

// slipsRead adds to the readings how words were met that no record has as they stand.
func slipsRead(list []Reading, read map[string]string) {
	for i := range list {
		for typed, found := range read {
			if list[i].As == "text" && fold(list[i].Text) == fold(typed) {
				list[i].Means = "the word " + found + ", for " + typed
			}
		}
	}
}

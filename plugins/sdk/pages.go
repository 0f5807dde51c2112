package sdk

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// PageToken is a snapshot's page token for the usual ways of paging. It has all that the next page needs, so that another
// process can go on. The zero token is the first page.
//
// Key paging (After) is the one that loses and doubles nothing while rows come and go; a cursor is as good as the
// platform makes it; page numbers and offsets shift when rows before them go, which a later poll or sweep has to mend.
type PageToken struct {
	Phase  string `json:"phase,omitempty"`  // which list, where a snapshot reads several
	Number int    `json:"number,omitempty"` // page number, from 0
	Offset int    `json:"offset,omitempty"` // rows read
	Cursor string `json:"cursor,omitempty"` // the platform's own, or a link
	After  string `json:"after,omitempty"`  // the last key read
}

// ParsePageToken reads what Bytes wrote; nothing gives the first page.
func ParsePageToken(b []byte) (PageToken, error) {
	var p PageToken
	if len(b) == 0 {
		return p, nil
	}
	if err := json.Unmarshal(b, &p); err != nil {
		return p, fmt.Errorf("page token: %w", err)
	}
	return p, nil
}

// Bytes writes the token.
func (p PageToken) Bytes() []byte {
	b, err := json.Marshal(p)
	if err != nil { // strings and numbers always have a JSON form
		panic(fmt.Sprintf("page token can't be written: %v", err))
	}
	return b
}

// NextNumber and the others below give the token of the next page of the same list, and whether there is one. got is how
// many rows came, limit how many were asked for.
func (p PageToken) NextNumber(got, limit int) (next PageToken, more bool) {
	return PageToken{Phase: p.Phase, Number: p.Number + 1}, got > 0 && got >= limit
}

// NextOffset goes on by the number of rows.
func (p PageToken) NextOffset(got, limit int) (next PageToken, more bool) {
	return PageToken{Phase: p.Phase, Offset: p.Offset + got}, got > 0 && got >= limit
}

// NextKey goes on after the last row's key.
func (p PageToken) NextKey(last string, got, limit int) (next PageToken, more bool) {
	return PageToken{Phase: p.Phase, After: last}, got > 0 && got >= limit
}

// NextCursor goes on at the platform's cursor. One that stays the same ends the list: reading on would never end.
func (p PageToken) NextCursor(cursor string) (next PageToken, more bool) {
	return PageToken{Phase: p.Phase, Cursor: cursor}, cursor != "" && cursor != p.Cursor
}

// ErrForeignLink is returned for a link to another host: the request's credentials must not follow it.
var ErrForeignLink = errors.New("the next page's link leads to another host")

// NextLink gives the address of the link with rel=next (RFC 8288), resolved against the request's; nil where there is
// none.
func NextLink(header http.Header, requested *url.URL) (*url.URL, error) {
	for _, value := range header.Values("Link") {
		for _, link := range splitLinks(value) {
			target, params, ok := strings.Cut(link, ">")
			target, isLink := strings.CutPrefix(strings.TrimSpace(target), "<")
			if !ok || !isLink || !isNext(params) {
				continue
			}
			u, err := requested.Parse(target)
			if err != nil {
				return nil, errors.New("the next page's link can't be read")
			}
			if u.Host != requested.Host || u.Scheme != requested.Scheme {
				return nil, ErrForeignLink
			}
			return u, nil
		}
	}
	return nil, nil
}

// splitLinks parts links at the commas that stand outside of addresses.
func splitLinks(value string) (links []string) {
	inside, begin := false, 0
	for i, c := range value {
		switch {
		case c == '<':
			inside = true
		case c == '>':
			inside = false
		case c == ',' && !inside:
			links = append(links, value[begin:i])
			begin = i + 1
		}
	}
	return append(links, value[begin:])
}

func isNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for rel := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(rel, "next") {
				return true
			}
		}
	}
	return false
}

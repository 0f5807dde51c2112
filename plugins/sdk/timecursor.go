package sdk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// TimeCursor walks a list that a platform sorts by modification time, oldest first, and that can be asked for what was
// modified at or after a moment. It copes with what such lists do: rows of the same time (ties) that fill more than a
// page, and rows that appear late with a time that lies behind (commits and replicas that lag).
//
// A walk is a series of pages. Within it the cursor moves on to the last time seen, so that a row modified meanwhile
// shifts nothing. Only a page full of one single time is followed by the next page of that same time; since rows can
// shift there, such pages are read again until a pass shows nothing new. At a walk's end the next one begins the
// overlap earlier. Rows that were given before are recognized and not given again.
//
//	cur, err := sdk.ParseTimeCursor(req.Cursor, req.Since, 2*time.Minute)
//	rows := list(modifiedFrom: cur.From(), page: cur.Page(), limit: limit)
//	for _, row := range rows {
//		if cur.Fresh(row.ID, row.ModifiedAt) { … }
//	}
//	more := cur.EndPage(len(rows) == limit)
//	return &sdk.PollResponse{Cursor: cur.Bytes(), More: more, …}
type TimeCursor struct {
	state   cursorState
	overlap time.Duration
	// These describe the page that is being read.
	last     time.Time
	count    int
	tieFresh bool // a fresh row at exactly From
}

type cursorState struct {
	Start time.Time `json:"start"`          // where the first walk began; no walk begins earlier
	From  time.Time `json:"from"`           // what the next page is asked from
	Page  int       `json:"page,omitempty"` // of the rows at From, 0 first
	High  time.Time `json:"high"`           // the latest time seen ever
	// Again tells that this pass through the pages of one time gave a fresh row, so that another pass has to follow.
	Again bool `json:"again,omitempty"`
	// Seen has the rows given before that a later page may show again: "id" → its time in Unix microseconds.
	Seen map[string]int64 `json:"seen,omitempty"`
}

// maxSeen bounds how many rows a cursor remembers. Those forgotten are given again, which costs but harms nothing.
const maxSeen = 5000

// ParseTimeCursor reads a cursor that Bytes wrote; an empty one begins at since.
func ParseTimeCursor(b []byte, since time.Time, overlap time.Duration) (*TimeCursor, error) {
	c := &TimeCursor{overlap: overlap, state: cursorState{Start: since.UTC(), From: since.UTC(), High: since.UTC()}}
	if len(b) > 0 {
		if err := json.Unmarshal(b, &c.state); err != nil {
			return nil, fmt.Errorf("poll cursor: %w", err)
		}
	}
	if c.state.Seen == nil {
		c.state.Seen = map[string]int64{}
	}
	return c, nil
}

// From is the moment to ask from, inclusive. For a platform that excludes it, or that has whole seconds only, ask from
// one unit of its precision earlier.
func (c *TimeCursor) From() time.Time { return c.state.From }

// Page is which page to ask for, from 0.
func (c *TimeCursor) Page() int { return c.state.Page }

// Fresh takes note of one row of the page and reports whether it has not been given before in this state.
func (c *TimeCursor) Fresh(id string, modified time.Time) bool {
	if c.count == 0 || modified.After(c.last) {
		c.last = modified
	}
	c.count++
	if modified.After(c.state.High) {
		c.state.High = modified.UTC()
	}
	at, known := c.state.Seen[id]
	c.state.Seen[id] = modified.UnixMicro()
	fresh := !known || at != modified.UnixMicro()
	c.tieFresh = c.tieFresh || fresh && modified.Equal(c.state.From)
	return fresh
}

// EndPage ends a page. full tells that it had as many rows as were asked for, so that there may be more; EndPage then
// moves to the next one and reports true.
func (c *TimeCursor) EndPage(full bool) (more bool) {
	onward := full && c.last.After(c.state.From)
	tied := full && c.count > 0 && !onward
	again := c.state.Page > 0 && !tied && (c.state.Again || c.tieFresh)
	switch {
	case tied:
		c.state.Page++
		c.state.Again = c.state.Again || c.tieFresh
	case again:
		c.state.Page, c.state.Again = 0, false
	case onward:
		c.state.From, c.state.Page, c.state.Again = c.last.UTC(), 0, false
	default:
		c.state.From, c.state.Page, c.state.Again = c.state.High.Add(-c.overlap), 0, false
		if c.state.From.Before(c.state.Start) {
			c.state.From = c.state.Start
		}
	}
	c.forget()
	c.last, c.count, c.tieFresh = time.Time{}, 0, false
	return tied || again || onward
}

// forget drops rows that no later page can show: those before the overlap of the latest time.
func (c *TimeCursor) forget() {
	floor := c.state.High.Add(-c.overlap)
	if c.state.From.Before(floor) {
		floor = c.state.From
	}
	for id, at := range c.state.Seen {
		if at < floor.UnixMicro() {
			delete(c.state.Seen, id)
		}
	}
	if len(c.state.Seen) <= maxSeen {
		return
	}
	ids := make([]string, 0, len(c.state.Seen))
	for id := range c.state.Seen {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		if d := c.state.Seen[a] - c.state.Seen[b]; d != 0 {
			return int(max(-1, min(1, d)))
		}
		return strings.Compare(a, b)
	})
	for _, id := range ids[:len(ids)-maxSeen] {
		delete(c.state.Seen, id)
	}
}

// Bytes writes the cursor; equal cursors give equal bytes.
func (c *TimeCursor) Bytes() []byte {
	b, err := json.Marshal(c.state)
	if err != nil { // a time outside the years 0 to 9999 is the only cause
		panic(fmt.Sprintf("poll cursor can't be written: %v", err))
	}
	return b
}

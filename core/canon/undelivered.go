package canon

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// TypeDelivery is the type of timeline rows that tell of deliveries; their entity is the connection.
const TypeDelivery = "delivery"

// RowPlace is the place of a timeline's row for ever: the entry that caused it, and its number among that entry's rows.
type RowPlace struct {
	Position Position `json:"position"`
	Row      int      `json:"row"`
}

// String gives "OFFSET.INDEX.ROW". It is the id under which the row is published.
func (p RowPlace) String() string { return fmt.Sprintf("%s.%d", p.Position, p.Row) }

// ParseRowPlace reads what String gives.
func ParseRowPlace(s string) (RowPlace, error) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return RowPlace{}, fmt.Errorf("%q is no place of a row: expected OFFSET.INDEX.ROW", s)
	}
	at, err := ParsePosition(s[:i])
	if err != nil {
		return RowPlace{}, err
	}
	n, err := strconv.Atoi(s[i+1:])
	if err != nil || n < 0 {
		return RowPlace{}, fmt.Errorf("%q is no place of a row: expected OFFSET.INDEX.ROW", s)
	}
	return RowPlace{Position: at, Row: n}, nil
}

// Compare orders places as their rows were written.
func (p RowPlace) Compare(o RowPlace) int {
	if c := p.Position.Compare(o.Position); c != 0 {
		return c
	}
	return p.Row - o.Row
}

// Next is the first place that may come behind this one.
func (p RowPlace) Next() RowPlace { return RowPlace{Position: p.Position, Row: p.Row + 1} }

// Undelivered is a record whose changes a connection could not deliver: they wait from From on, in their order, while the
// changes of all others go on. Invariant 6.
type Undelivered struct {
	Connection string `json:"connection"`
	Key        string `json:"key"`  // golden id of the record
	Type       string `json:"type"` // of the record
	// Parked tells that it waits for a person; otherwise the hub goes on trying.
	Parked bool `json:"parked"`
	// From is the first change that is not delivered, and EventType what happened in it.
	From      RowPlace  `json:"from"`
	Event     string    `json:"event"` // id of that change
	EventType string    `json:"event_type"`
	Attempts  int64     `json:"attempts"` // so far
	Code      string    `json:"code,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Since     time.Time `json:"since"`
	Changed   Position  `json:"changed"`
}

// Held says that a record's changes wait from a place on, or with Done that none waits any longer.
type Held struct {
	Key       string   `json:"key"`
	Type      string   `json:"type,omitempty"`
	Parked    bool     `json:"parked,omitempty"`
	From      RowPlace `json:"from"`
	EventType string   `json:"event_type,omitempty"`
	Attempts  int64    `json:"attempts,omitempty"`
	Code      string   `json:"code,omitempty"`
	Reason    string   `json:"reason,omitempty"`
	Done      bool     `json:"done,omitempty"`
	// Seen is the entry that the sender acted on; where a person has said something since, it does not count.
	Seen Position `json:"seen,omitzero"`
}

// Redeliver has what waits of a record delivered again, by a person's word; with Discard, without its first change.
type Redeliver struct {
	Connection string `json:"connection"`
	Key        string `json:"key"`
	// Event is the id of the first change that waits, as the person saw it.
	Event   string `json:"event"`
	Discard bool   `json:"discard,omitempty"`
}

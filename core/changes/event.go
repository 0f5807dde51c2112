// Package changes publishes the hub's timeline to the outside: each row as a CloudEvents message on a topic exchange,
// redacted by class, from a cursor that is journaled.
package changes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/jumpring/jumpring/bus/rabbit"
	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/store"
)

// Event is a row of the timeline as a CloudEvents 1.0 event in structured mode.
type Event struct {
	SpecVersion string `json:"specversion"`
	// ID is the row's place for ever: the position of the entry that caused it and its number among that entry's rows.
	// With Source it is how a reader knows an event that comes twice.
	ID string `json:"id"`
	// Source names the journal.
	Source string `json:"source"`
	// Type is "jumpring.<entity>.<what happened>.v1".
	Type            string    `json:"type"`
	Subject         string    `json:"subject"` // golden id of the record
	Time            time.Time `json:"time"`
	DataContentType string    `json:"datacontenttype"`
	// Actor is who did it; Position the entry, by which /v1/stream can be joined.
	Actor    string `json:"actor,omitempty"`
	Position string `json:"position"`
	// Truncated tells that the values of the changed fields were too large to be sent.
	Truncated string    `json:"truncated,omitempty"`
	Data      canon.Row `json:"data"`
}

// maxEvent is the largest event that is sent with the values of its changed fields, in bytes.
const maxEvent = 256 << 10

// mediaType is that of the structured mode.
const mediaType = "application/cloudevents+json; charset=utf-8"

// Viewer is whose eyes events are redacted for: a role, or a principal.
type Viewer interface {
	Can(access.Permission) bool
	Sight() access.Sight
}

// CloudEvent makes the event of row number n of its entry, as somebody may see it, and its JSON; ok is false for a row
// that they do not see at all. It is a pure function: the same row gives the same bytes.
func CloudEvent(journal string, who Viewer, row canon.Row, n int) (e Event, body []byte, ok bool, err error) {
	if row.Type == store.TypeClient && !who.Can(access.ClientsRead) {
		return e, nil, false, nil
	}
	row.Changes = append([]canon.Change(nil), row.Changes...)
	access.Row(who.Sight(), &row) // invariant 7
	entity, what := words(row)
	e = Event{
		SpecVersion: "1.0", ID: canon.RowPlace{Position: row.Position, Row: n}.String(), Source: "/jumpring/" + journal,
		Type: "jumpring." + entity + "." + plain(what) + ".v1", Subject: row.Entity, Time: row.At, DataContentType: "application/json",
		Actor: row.Actor, Position: row.Position.String(), Data: row,
	}
	body, err = json.Marshal(e)
	if err == nil && len(body) > maxEvent {
		for i := range e.Data.Changes {
			e.Data.Changes[i].Before, e.Data.Changes[i].After = nil, nil
		}
		e.Truncated = "true"
		body, err = json.Marshal(e)
	}
	if err != nil {
		return e, nil, false, fmt.Errorf("changes: encode row %s: %w", e.ID, err)
	}
	return e, body, true, nil
}

// Encode makes the message of row number n of its entry, as a role may see it; ok is false for a row that the role does
// not see at all. It is a pure function: the same row gives the same bytes.
func Encode(exchange, journal string, role access.Role, row canon.Row, n int) (msg rabbit.Message, ok bool, err error) {
	e, body, ok, err := CloudEvent(journal, role, row, n)
	if err != nil || !ok {
		return msg, false, err
	}
	return rabbit.Message{
		Exchange: exchange, Key: RoutingKey(row),
		Publishing: amqp.Publishing{
			ContentType: mediaType, DeliveryMode: amqp.Persistent, MessageId: e.ID, Timestamp: row.At, Type: bounded(e.Type, 255), Body: body,
		},
	}, true, nil
}

// RoutingKey is "<entity>.<event>.<location>", such as "item.changed.boutique-paris" or "case.opened:double_claim.-". Each
// part is one word of a topic: what is neither letter, digit, dash, underscore nor colon is %XX, and an empty part is "-"
// (a part that is a dash itself is "%2D").
func RoutingKey(row canon.Row) string {
	entity, what := words(row)
	return word(entity) + "." + word(what) + "." + word(row.Location)
}

// Name is what happened in a row, "item.changed", without its qualifier.
func Name(row *canon.Row) string {
	entity, what := words(*row)
	return entity + "." + plain(what)
}

// words gives the entity and what happened to it, of a row whose event is "item.changed".
func words(row canon.Row) (entity, what string) {
	what, ok := strings.CutPrefix(row.Event, row.Type+".")
	if !ok {
		what = row.Event
	}
	return row.Type, what
}

// plain is what happened without its qualifier, which is in the data.
func plain(what string) string {
	what, _, _ = strings.Cut(what, ":")
	return what
}

// maxWord bounds each part, so that three and their dots stay within AMQP's 255 bytes.
const maxWord = 80

func word(s string) string {
	switch s {
	case "":
		return "-"
	case "-":
		return "%2D"
	}
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == ':' {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return bounded(b.String(), maxWord)
}

// bounded shortens a text to n bytes; what is too long ends in a digest of the whole.
func bounded(s string, n int) string {
	if len(s) <= n {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	end := "~" + hex.EncodeToString(sum[:4])
	return s[:n-len(end)] + end
}

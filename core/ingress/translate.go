package ingress

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/body"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// The types of events that tills and devices report.
const (
	TypeSale   = "jumpring.sale.reported.v1"
	TypeReturn = "jumpring.return.reported.v1"
	TypeCount  = "jumpring.count.reported.v1"
	TypeItem   = "jumpring.item.registered.v1"
	TypeClient = "jumpring.client.registered.v1"
)

// Types lists the types of events that are taken.
func Types() []string { return []string{TypeSale, TypeReturn, TypeCount, TypeItem, TypeClient} }

// report is the data of one type of event.
type report interface {
	// place gives where the report's location is stated; nil when it has none.
	place() *string
	// observe translates it. version is the source's; 0 where it states none.
	observe(version int64) ([]canon.Observation, []problem.Field)
}

func newReport(typ string) report {
	switch typ {
	case TypeSale:
		return new(Sale)
	case TypeReturn:
		return new(Return)
	case TypeCount:
		return new(Count)
	case TypeItem:
		return new(Item)
	case TypeClient:
		return new(Client)
	}
	return nil
}

// Schemas gives the schemas of all reports.
func Schemas() *body.Schemas {
	s := body.NewSchemas()
	for _, typ := range Types() {
		s.Of(reflect.TypeOf(newReport(typ)).Elem())
	}
	return s
}

// Translate reads an event's data and gives the observations that it stands for, each of the location that at allows.
// It is a pure function: same event, same observations. What does not fit comes back as a problem whose paths are
// relative to the event.
func Translate(s *body.Schemas, e *Envelope, at func(stated string) (string, bool)) ([]canon.Observation, error) {
	r := newReport(e.Type)
	if r == nil {
		return nil, problem.New(problem.EventType, "").With(problem.Field{
			Path: "type", Message: "expected one of " + strings.Join(Types(), ", "),
		})
	}
	if err := s.Decode(e.Data, r, "data"); err != nil {
		var p *problem.Problem
		if errors.As(err, &p) && p.Code == problem.BodyInvalid {
			return nil, invalid(p.Errors...)
		}
		return nil, err
	}
	if place := r.place(); place != nil {
		location, ok := at(*place)
		if !ok {
			return nil, problem.New(problem.LocationForbidden, "").With(problem.Field{
				Path: "data.location", Message: "is not the location of the token",
			})
		}
		*place = location
	}
	out, wrong := r.observe(e.SourceVersion)
	if len(wrong) > 0 {
		return nil, invalid(wrong...)
	}
	for i := range out {
		if err := out[i].Check(); err != nil {
			return nil, fmt.Errorf("translate %s: %w", e.Type, err)
		}
	}
	return out, nil
}

func invalid(fields ...problem.Field) *problem.Problem {
	return problem.New(problem.EventInvalid, "").With(fields...)
}

func sortFields(f []problem.Field) {
	slices.SortFunc(f, func(a, b problem.Field) int { return strings.Compare(a.Path+"\x00"+a.Message, b.Path+"\x00"+b.Message) })
}

// checks collects findings about a report.
type checks struct{ wrong []problem.Field }

func (c *checks) add(path, message string) {
	c.wrong = append(c.wrong, problem.Field{Path: "data." + path, Message: message})
}

func (c *checks) currency(path, code string) {
	if _, ok := canon.CurrencyExponent(code); !ok {
		c.add(path, "is not an ISO 4217 currency; write EUR, USD …")
	}
}

// money checks an amount; an empty one is no finding. The currency of the report holds where the amount has none.
func (c *checks) money(path string, m *Amount, currency string) *canon.StatedMoney {
	if m == nil {
		return nil
	}
	code := m.Currency
	if code == "" {
		code = currency
	}
	if _, ok := canon.CurrencyExponent(code); !ok {
		c.add(path+".currency", "is not an ISO 4217 currency; write EUR, USD …")
		return nil
	}
	if _, err := canon.ParseMoney(m.Amount, code); err != nil {
		c.add(path+".amount", "is not an amount of "+code+"; write digits and a point, such as 1250.00")
		return nil
	}
	return &canon.StatedMoney{Amount: m.Amount, Currency: code}
}

// instant reads a time with its offset.
func (c *checks) instant(path, s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		c.add(path, "expected a time with its offset, such as 2026-03-01T17:45:00+01:00")
		return time.Time{}
	}
	if t.Year() < 1900 || t.Year() > 2200 {
		c.add(path, "is not a year that goods were sold in")
	}
	return t
}

// key checks what names the goods: exactly these, at least one.
func (c *checks) key(path string, keys ...string) {
	if !slices.ContainsFunc(keys, func(k string) bool { return strings.TrimSpace(k) != "" }) {
		c.add(path, "needs item, serial, epc or sku")
	}
}

// Amount is an amount of money.
type Amount struct {
	Amount   string `json:"amount" maxLength:"32" doc:"Digits with a point: 1250.00" example:"1250.00"`
	Currency string `json:"currency,omitempty" maxLength:"3" doc:"ISO 4217; the report's own where it is left out" example:"EUR"`
}

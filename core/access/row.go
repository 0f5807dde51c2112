package access

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Row takes out of a timeline's row what is not seen: the values of changed fields go by the class of the
// field in the record's type. That a field changed stays visible, from what to what does not.
func Row(r Sight, row *canon.Row) {
	if r == seesAll {
		return
	}
	for i := range row.Changes {
		if changeHidden(r, row.Type, row.Changes[i].Field) {
			row.Changes[i].Before, row.Changes[i].After = nil, nil
		}
	}
}

func changeHidden(r Sight, typ, field string) bool {
	name := field
	if i := strings.IndexAny(field, ".[/"); i >= 0 {
		name = field[:i]
	}
	switch typ {
	case "item":
		return FieldHidden[canon.Item](r, name)
	case "product":
		return FieldHidden[canon.Product](r, name)
	case "order":
		return FieldHidden[canon.Order](r, name)
	case "refund":
		return FieldHidden[canon.Refund](r, name)
	case "location":
		return FieldHidden[canon.Location](r, name)
	case "case":
		return FieldHidden[canon.Case](r, name)
	case "claim", "reservation":
		return FieldHidden[canon.Claim](r, name)
	case "memo":
		return FieldHidden[canon.Memo](r, name)
	case "transfer":
		return FieldHidden[canon.Transfer](r, name)
	case "offer":
		return FieldHidden[canon.Offer](r, name)
	case "credit":
		return FieldHidden[canon.CreditAccount](r, name)
	case "count":
		return FieldHidden[canon.CountSession](r, name)
	case "client":
		return FieldHidden[canon.Client](r, name)
	}
	return true
}

// Untyped takes out of JSON whose kind of record is not known every member that is hidden in any kind of record.
func Untyped(s Sight, raw []byte) ([]byte, error) {
	if s == seesAll || len(raw) == 0 {
		return raw, nil
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("access: %w", errNotJSON)
	}
	hidden := map[string]bool{}
	for _, t := range recordTypes {
		if p := planOf(s, t); p != nil {
			for _, name := range p.names {
				hidden[string(bytes.Trim(name, `"`))] = true
			}
		}
	}
	cut(v, hidden)
	return json.Marshal(v)
}

func cut(v any, hidden map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		for name, inner := range x {
			if hidden[name] {
				delete(x, name)
				continue
			}
			cut(inner, hidden)
		}
	case []any:
		for _, inner := range x {
			cut(inner, hidden)
		}
	}
}

// recordTypes are the kinds of records that a command may make or change.
var recordTypes = []reflect.Type{
	reflect.TypeFor[canon.Item](), reflect.TypeFor[canon.Product](), reflect.TypeFor[canon.Client](), reflect.TypeFor[canon.Order](),
	reflect.TypeFor[canon.Refund](), reflect.TypeFor[canon.Claim](), reflect.TypeFor[canon.Case](), reflect.TypeFor[canon.Memo](),
	reflect.TypeFor[canon.Transfer](), reflect.TypeFor[canon.Offer](), reflect.TypeFor[canon.CreditAccount](),
	reflect.TypeFor[canon.CountSession](), reflect.TypeFor[canon.Action](), reflect.TypeFor[canon.Reservation](), reflect.TypeFor[canon.Parked](),
}

package access

import (
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// Row takes out of a timeline's row what the role does not see: the values of changed fields go by the class of the
// field in the record's type. That a field changed stays visible, from what to what does not.
func Row(r Role, row *canon.Row) {
	if seesAll(r) {
		return
	}
	for i := range row.Changes {
		if changeHidden(r, row.Type, row.Changes[i].Field) {
			row.Changes[i].Before, row.Changes[i].After = nil, nil
		}
	}
}

func changeHidden(r Role, typ, field string) bool {
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

package identity

import (
	"fmt"
	"strings"
)

// Evidence is how two records agree in one field.
type Evidence struct {
	Field  Field
	Level  Level
	Weight int32  // in centibits, with what the value's rarity is worth
	A, B   string // what they state
}

// Explain says field by field how two records agree, for a person who decides.
func Explain(a, b *Person, w *Weights) []Evidence {
	x, y := a.prepared(w), b.prepared(w)
	l := Compare(x, y)
	worth := Worth(&l, x, y)
	var out []Evidence
	for f, level := range l {
		if level == Missing {
			continue
		}
		e := Evidence{Field: Field(f), Level: level, Weight: w.Levels[f][level] + worth[f]}
		e.A, e.B = a.stated(Field(f)), b.stated(Field(f))
		out = append(out, e)
	}
	return out
}

func (p *Person) prepared(w *Weights) *Profile {
	return NewProfile(p.Node, &Facts{Given: p.Given, Family: p.Family, Emails: p.Emails, Phones: p.Phones, Birthday: p.Birthday, Addresses: p.Places, PersonIDs: p.Numbers}, w)
}

// stated writes what a person states of a field.
func (p *Person) stated(f Field) string {
	var out []string
	switch f {
	case Given:
		return p.Given
	case Family:
		return p.Family
	case Email:
		out = p.Emails
	case Phone:
		out = p.Phones
	case Birthday:
		return fmt.Sprintf("%04d-%02d-%02d", p.Birthday.Year, p.Birthday.Month, p.Birthday.Day)
	case PersonID:
		out = p.Numbers
	case Street:
		for _, w := range p.Places {
			out = append(out, w.Line)
		}
	case Place:
		for _, w := range p.Places {
			out = append(out, strings.TrimSpace(w.PostalCode+" "+w.City))
		}
	}
	return strings.Join(out, ", ")
}

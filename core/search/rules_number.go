package search

import (
	"regexp"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// bounds say on which side of a number what is meant lies.
type side int

const (
	exactly side = iota
	atMost
	atLeast
	about
)

// sideWords come before a number.
var sideWords = map[string]side{
	"under": atMost, "below": atMost, "max": atMost, "maximum": atMost, "up to": atMost, "less than": atMost, "at most": atMost, "cheaper than": atMost, "<": atMost, "<=": atMost, "≤": atMost,
	"unter": atMost, "bis": atMost, "bis zu": atMost, "hochstens": atMost, "moins de": atMost, "jusqu'a": atMost, "jusqua": atMost, "sous": atMost, "inferieur a": atMost, "au plus": atMost, "sotto": atMost, "meno di": atMost, "menos de": atMost,
	"over": atLeast, "above": atLeast, "min": atLeast, "minimum": atLeast, "more than": atLeast, "at least": atLeast, "from": atLeast, "starting at": atLeast, ">": atLeast, ">=": atLeast, "≥": atLeast,
	"uber": atLeast, "ab": atLeast, "mindestens": atLeast, "plus de": atLeast, "superieur a": atLeast, "au moins": atLeast, "a partir de": atLeast, "piu di": atLeast, "mas de": atLeast,
	"about": about, "around": about, "approx": about, "ca": about, "circa": about, "roughly": about, "~": about, "environ": about, "etwa": about,
}

// plain is a number with what may be written against it: a side, a sign of currency, a range, a unit.
var plain = regexp.MustCompile(`^(<=|>=|<|>|≤|≥|~)?([€$£¥₹]|US\$|CHF)?(\d[\d.,'’]*k?)(?:(?:-|\.\.)([€$£¥₹])?(\d[\d.,'’]*k?))?([€$£₹]|[A-Za-zµ]{1,6}\.?)?(\+)?$`)

// quantity is a number, or a range, with its unit as it stands.
type quantity struct {
	tokens   int
	side     side
	from, to string // to is empty for one number
	unit     string
	sided    bool
}

// quantity reads a number at a place with the words around it.
func (p *reader) quantity(at int) *quantity {
	q := &quantity{}
	i := at
	between := p.lower(i) == "between" || p.lower(i) == "zwischen" || p.lower(i) == "entre"
	if between {
		i++
	} else if i+1 < len(p.tokens) {
		if s, ok := sideWords[p.lowers(i, 2)]; ok {
			q.side, q.sided, i = s, true, i+2
		} else if s, ok := sideWords[p.lower(i)]; ok {
			q.side, q.sided, i = s, true, i+1
		}
	}
	if i < len(p.tokens) && !p.tokens[i].quoted {
		if code, ok := currencyOf(p.tokens[i].text); ok && i+1 < len(p.tokens) && plain.MatchString(p.tokens[i+1].text) {
			q.unit, i = code, i+1
		}
	}
	if i >= len(p.tokens) || p.tokens[i].quoted {
		return nil
	}
	part := plain.FindStringSubmatch(p.tokens[i].text)
	if part == nil {
		return nil
	}
	i++
	if s, ok := sideWords[part[1]]; ok && part[1] != "" {
		q.side, q.sided = s, true
	}
	q.from, q.to = part[3], part[5]
	for _, unit := range []string{part[2], part[4], part[6]} {
		if unit != "" {
			q.unit = unit
		}
	}
	if part[7] == "+" {
		q.side, q.sided = atLeast, true
	}
	i = p.grouped(i, q)
	i = p.unit(i, q)
	if q.to == "" && i < len(p.tokens) {
		joins := p.lower(i) == "to" || p.tokens[i].text == "-" || p.lower(i) == "bis" || p.lower(i) == "a"
		if between {
			joins = p.lower(i) == "and" || p.lower(i) == "und" || p.lower(i) == "et" || joins
		}
		if joins && i+1 < len(p.tokens) && !p.tokens[i+1].quoted {
			if second := plain.FindStringSubmatch(p.tokens[i+1].text); second != nil && second[5] == "" && second[1] == "" {
				q.to, i = second[3], i+2
				for _, unit := range []string{second[2], second[6]} {
					if unit != "" {
						q.unit = unit
					}
				}
				i = p.unit(i, q)
			}
		}
	}
	if between && q.to == "" {
		return nil
	}
	if q.to != "" {
		q.side = exactly
	}
	for _, after := range []string{"or more", "and up", "and more", "or above", "or over"} {
		if i+1 < len(p.tokens) && p.lowers(i, 2) == after && q.to == "" {
			q.side, q.sided, i = atLeast, true, i+2
		}
	}
	for _, after := range []string{"or less", "or under", "or below", "and below"} {
		if i+1 < len(p.tokens) && p.lowers(i, 2) == after && q.to == "" {
			q.side, q.sided, i = atMost, true, i+2
		}
	}
	if s, ok := sideWordsBehind[p.lower(i)]; ok && i < len(p.tokens) && !q.sided && q.to == "" && q.unit != "" {
		q.side, q.sided, i = s, true, i+1
	}
	q.tokens = i - at
	return q
}

// sideWordsBehind come behind a number with its unit: "9000 EUR max".
var sideWordsBehind = map[string]side{"max": atMost, "maximum": atMost, "maxi": atMost, "min": atLeast, "minimum": atLeast, "mini": atLeast}

var threeDigits = regexp.MustCompile(`^\d{3}([€$£₹]|[A-Za-z]{3})?$`)

// grouped joins "9 000 EUR": groups of three digits that a currency ends.
func (p *reader) grouped(i int, q *quantity) int {
	if q.unit != "" || q.to != "" || len(q.from) > 3 {
		return i
	}
	digits := q.from
	for k := i; k < len(p.tokens) && !p.tokens[k].quoted && threeDigits.MatchString(p.tokens[k].text); k++ {
		text := p.tokens[k].text
		digits += text[:3]
		unit := text[3:]
		if unit == "" && k+1 < len(p.tokens) {
			unit = p.tokens[k+1].text
		}
		if code, ok := currencyOf(unit); ok && unit != "" {
			q.from = digits
			if text[3:] != "" {
				q.unit = code
			}
			return k + 1
		}
	}
	return i
}

// unit takes the unit behind a number.
func (p *reader) unit(i int, q *quantity) int {
	if q.unit != "" || i >= len(p.tokens) || p.tokens[i].quoted {
		return i
	}
	text := p.tokens[i].text
	_, money := currencyOf(text)
	_, caratErr := normalize.Carat("1 " + text)
	_, weightErr := normalize.Weight("1 " + text)
	if money || caratErr == nil || weightErr == nil {
		q.unit = text
		return i + 1
	}
	return i
}

// ruleQuantity reads prices, weights in carats and weights of pieces.
func ruleQuantity(p *reader, at int) *meaning {
	hint := ""
	start := at
	switch p.lower(at) {
	case "price", "priced", "preis", "prix", "budget":
		hint, start = "price", at+1
	case "carat", "weight", "weighing":
		hint, start = p.lower(at), at+1
	}
	q := p.quantity(start)
	if q == nil {
		return nil
	}
	if p.lower(at) == "budget" && q.to == "" && !q.sided {
		q.side, q.sided = atMost, true
	}
	var m *meaning
	if code, ok := currencyOf(q.unit); ok && q.unit != "" {
		m = p.price(q, code)
	} else if q.unit != "" {
		m = p.measured(q)
	} else {
		m = p.bare(q, hint)
	}
	if m != nil {
		m.tokens = q.tokens + start - at
	}
	return m
}

// share is how far a number that is only about right may lie off, in percent.
const share = 10

// What is beyond these is no price of a piece, in minor units, and no weight, in thousandths of a carat or milligrams.
const (
	maxAmount = 1_000_000_000_000_000
	maxCarats = 9_000_000
	maxWeight = 900_000_000
)

func (p *reader) price(q *quantity, currency string) *meaning {
	from, ok := amount(q.from, currency)
	if !ok || from > maxAmount {
		return nil
	}
	r := Range{&from, &from}
	m := &meaning{as: "price"}
	switch {
	case q.to != "":
		to, ok := amount(q.to, currency)
		if !ok || to < from || to > maxAmount {
			return nil
		}
		r.Most = &to
	case q.side == atMost:
		r.Least = nil
	case q.side == atLeast:
		r.Most = nil
	default: // nobody asks for a price to the cent
		least, most := from-from*share/100, from+from*share/100
		r = Range{&least, &most}
		m.instead = []string{p.x.String(Filter{Field: "price", Code: currency, Ranges: []Range{{Most: &from}}})}
	}
	m.filters = []Filter{{Field: "price", Code: currency, Ranges: []Range{r}}}
	if m.instead != nil {
		m.means = "about " + moneyShown(from, currency) + " " + currency + ": " + p.words(m)
	}
	if currency == "" {
		m.means = "price " + strings.TrimPrefix(p.words(&meaning{filters: m.filters}), "price ") + " in any currency"
	}
	return m
}

// measured reads a number with a unit of weight.
func (p *reader) measured(q *quantity) *meaning {
	if from, err := normalize.Carat(q.from + " " + q.unit); err == nil && from <= maxCarats {
		return p.carat(q, from)
	}
	from, err := normalize.Weight(q.from + " " + q.unit)
	if err != nil || from > maxWeight {
		return nil
	}
	r := Range{&from, &from}
	if q.to != "" {
		to, err := normalize.Weight(q.to + " " + q.unit)
		if err != nil || to < from {
			return nil
		}
		r.Most = &to
	}
	least, most := from-from*share/100, from+from*share/100
	switch {
	case q.to != "":
	case q.side == atMost:
		r.Least = nil
	case q.side == atLeast:
		r.Most = nil
	default:
		r = Range{&least, &most}
	}
	return &meaning{as: "weight", filters: []Filter{{Field: "weight", Ranges: []Range{r}}}}
}

// carat reads a weight in carats. One that is written with less than two decimals is a trade size, which stands for
// what lies within 5 percent of it; laboratories state two.
func (p *reader) carat(q *quantity, from int64) *meaning {
	r := Range{&from, &from}
	m := &meaning{as: "carat", diamond: true}
	switch {
	case q.to != "":
		to, err := normalize.Carat(q.to + " " + q.unit)
		if err != nil || to < from {
			return nil
		}
		r.Most = &to
	case q.side == atMost:
		r.Least = nil
	case q.side == atLeast:
		r.Most = nil
	default:
		tolerance := int64(5)
		switch _, fraction, _ := strings.Cut(strings.Replace(q.from, ",", ".", 1), "."); {
		case q.side == about:
			tolerance = share
		case len(fraction) >= 2 || strings.HasPrefix(strings.ToLower(q.unit), "p"):
			tolerance = 0
		}
		least, most := from-from*tolerance/100, from+from*tolerance/100
		if tolerance == 0 {
			most += 9 // the third decimal, which reports leave out
		}
		r = Range{&least, &most}
		if metal, err := normalize.Metal(q.from + q.unit); err == nil && !p.diamond && !q.sided {
			// "18ct" is a karat in Britain, and no usual weight of a stone.
			if _, karat := canon.KaratFineness(metal.Karat()); karat && from >= 8000 {
				return &meaning{as: "metal", filters: metalFilters(metal), instead: []string{p.x.String(Filter{Field: "carat", Ranges: []Range{r}})}}
			}
		}
	}
	m.filters = []Filter{{Field: "carat", Ranges: []Range{r}}}
	if r.Least != nil && r.Most != nil && *r.Least < from {
		m.means = "about " + showCarat(from) + " ct: " + p.words(m)
	}
	return m
}

// bare reads a number without a unit: only where words say on which side of it one looks, or where it is a range among
// a diamond's words. Small ones are carats, large ones prices.
func (p *reader) bare(q *quantity, hint string) *meaning {
	n, ok := amount(q.from, "")
	if !ok || !q.sided && hint == "" && (q.to == "" || !p.diamond) {
		return nil
	}
	switch {
	case hint == "carat", hint == "" && n < 3000:
		q.unit = "ct"
		m := p.measured(q)
		if m != nil && hint == "" {
			if other := p.price(q, ""); other != nil {
				m.instead = append(m.instead, p.x.String(other.filters[0]))
			}
		}
		return m
	case hint == "weight" || hint == "weighing":
		return nil
	}
	return p.price(q, "")
}

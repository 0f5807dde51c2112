package search

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Bounds of what is read.
const (
	MaxText    = 1000 // bytes of the words that a person types
	MaxFilters = 20   // filters of one query
	maxFilter  = 500  // bytes of one filter
	maxChoices = 50   // values of one filter
)

// ParseFilter reads one condition: NAME:VALUE, with several values parted by commas, ranges as LEAST..MOST with either
// left out, and a "-" in front of what must not be. Values with spaces, commas or dots may be in quotation marks.
//
//	carat:1..1.5   colour:F..G   clarity:VS   status:in_stock,reserved   -brand:Aurum
//	price:..9000 EUR   attr.collection:"Luna di notte"   serial:A-17   size:"US 7"
//
// Identifiers (serial, sku, epc, gtin, huid, certificate, id; email, phone) are met as a whole; with a "*" at the end
// by what they begin with.
func (x *Index) ParseFilter(raw string) (Filter, *Word, error) {
	fail := func(format string, args ...any) (Filter, *Word, error) {
		return Filter{}, nil, &FilterError{cutShort(raw), fmt.Sprintf(format, args...)}
	}
	if len(raw) > maxFilter {
		return fail("it is longer than %d bytes", maxFilter)
	}
	body, not := strings.CutPrefix(strings.TrimSpace(raw), "-")
	name, text, ok := cutName(body)
	if !ok {
		return fail("write NAME:VALUE, such as carat:1..1.5")
	}
	name = strings.ToLower(name)
	if kind := keyKinds[name]; kind != 0 && x.fields[name] == nil && strings.IndexByte(x.kinds, kind) >= 0 {
		if not {
			return fail("an identifier can't be excluded")
		}
		w, err := x.keyWord(name, kind, text)
		if err != nil {
			return fail("%s", err)
		}
		return Filter{}, w, nil
	}
	f := Filter{Field: name, Not: not}
	field := x.fields[name]
	if field == nil {
		base, code, _ := strings.Cut(name, ".")
		if field = x.fields[base]; field == nil || !field.codeFirst || code == "" {
			return fail("there is no field %q; there are %s", name, strings.Join(x.names(), ", "))
		}
		// The case of codes counts nothing, but stays as it was typed.
		if f.Code, _ = unquoted(body[len(base)+1 : len(name)]); f.Code == "" {
			return fail("it names no code")
		}
	} else if field.codeFirst {
		return fail("name the code: %s.collection:luna", field.Name)
	}
	f.Field = field.Name
	if field.coded && field.number() {
		text, f.Code = cutCurrency(text)
	}
	choices, err := splitChoices(text)
	if err != nil {
		return fail("%s", err)
	}
	if len(choices) > maxChoices {
		return fail("at most %d values are taken", maxChoices)
	}
	for _, c := range choices {
		if err := f.add(field, c); err != nil {
			return fail("%s", err)
		}
	}
	if len(f.Words) == 0 && len(f.Ranges) == 0 {
		return fail("it has no value")
	}
	return f, nil, nil
}

func cutShort(s string) string {
	if len(s) > 80 {
		return strings.ToValidUTF8(s[:80], "") + "…"
	}
	return s
}

// cutName parts NAME from VALUE at the first colon that is not inside quotation marks.
func cutName(s string) (name, rest string, ok bool) {
	inside := false
	for i := range len(s) {
		switch {
		case s[i] == '"':
			inside = !inside
		case s[i] == ':' && !inside:
			return s[:i], s[i+1:], i > 0
		}
	}
	return "", "", false
}

func (x *Index) names() []string {
	var out []string
	for _, f := range x.list {
		out = append(out, f.Name)
	}
	slices.Sort(out)
	return out
}

// keyWord makes the condition on an identifier.
func (x *Index) keyWord(name string, kind byte, text string) (*Word, error) {
	plain, err := unquoted(text)
	if err != nil {
		return nil, err
	}
	plain, begins := strings.CutSuffix(plain, "*")
	w := &Word{Text: name + ":" + quoted(plain), Kind: kind, Whole: !begins}
	if w.Key = keyForm(kind, plain, x.region); w.Key == "" && begins {
		w.Key = upper(plain)
	}
	if begins {
		w.Text += "*"
	}
	if w.Key == "" || strings.Contains(w.Key, separator) {
		return nil, fmt.Errorf("%.48q is no %s", plain, name)
	}
	return w, nil
}

// choice is one value of a filter as it was written: from a value, or from one to another.
type choice struct {
	from, to string
	ranged   bool
}

// splitChoices parts values at commas and ranges at "..", outside of quotation marks.
func splitChoices(s string) ([]choice, error) {
	var out []choice
	var c choice
	var b strings.Builder
	inside, any := false, false
	end := func() {
		part := strings.TrimSpace(b.String())
		b.Reset()
		if c.ranged {
			c.to = part
		} else {
			c.from = part
		}
		if any || part != "" || c.ranged {
			out = append(out, c)
		}
		c, any = choice{}, false
	}
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			inside, any = !inside, true
		case inside && s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case inside:
			b.WriteByte(s[i])
		case s[i] == ',':
			end()
		case strings.HasPrefix(s[i:], ".."):
			if c.ranged {
				return nil, errors.New("a range has two ends")
			}
			c.from, c.ranged, any = strings.TrimSpace(b.String()), true, false
			b.Reset()
			i++
		default:
			b.WriteByte(s[i])
		}
	}
	if inside {
		return nil, errors.New("a quotation mark is missing")
	}
	end()
	return out, nil
}

// cutCurrency takes the currency off the end of a price, or the front.
func cutCurrency(s string) (rest, currency string) {
	s = strings.TrimSpace(s)
	fields := strings.Fields(s)
	if n := len(fields); n > 1 {
		if code, ok := currencyOf(fields[n-1]); ok {
			return strings.Join(fields[:n-1], " "), code
		}
		if code, ok := currencyOf(fields[0]); ok {
			return strings.Join(fields[1:], " "), code
		}
	}
	return s, ""
}

// add takes a value into a filter.
func (f *Filter) add(field *Field, c choice) error {
	if field.number() {
		r, err := f.bounds(field, c)
		if err != nil {
			return err
		}
		f.Ranges = append(f.Ranges, r)
		return nil
	}
	from, err := field.readWords(c.from)
	if err != nil {
		return err
	}
	if !c.ranged {
		if len(from) == 0 {
			return errors.New("a value is empty")
		}
		f.addWords(from)
		return nil
	}
	to, err := field.readWords(c.to)
	switch {
	case err != nil:
		return err
	case field.scale == nil:
		return fmt.Errorf("%s has no order, so it takes no range; part values with commas", field.Name)
	case len(from) == 0:
		from = field.scale[:1]
	}
	if len(to) == 0 {
		to = field.scale[len(field.scale)-1:]
	}
	words := between(field.scale, from, to)
	if words == nil {
		return fmt.Errorf("%s..%s is no range on the scale of %s", c.from, c.to, field.Name)
	}
	f.addWords(words)
	return nil
}

// between gives the steps from the first of one group of words to the last of another.
func between(scale, from, to []string) []string {
	if len(from) == 0 || len(to) == 0 {
		return nil
	}
	return steps(scale, best(scale, from, to), worst(scale, from, to))
}

func best(scale, a, b []string) string  { return extreme(scale, append(slices.Clone(a), b...), false) }
func worst(scale, a, b []string) string { return extreme(scale, append(slices.Clone(a), b...), true) }

func extreme(scale, words []string, most bool) string {
	found := -1
	for _, w := range words {
		i := slices.Index(scale, w)
		if i < 0 {
			return ""
		}
		if found < 0 || most && i > found || !most && i < found {
			found = i
		}
	}
	return scale[found]
}

func (f *Filter) addWords(words []string) {
	for _, w := range words {
		if !slices.Contains(f.Words, w) {
			f.Words = append(f.Words, w)
		}
	}
}

// readWords reads one value of a field of words; none for an empty one.
func (f *Field) readWords(raw string) ([]string, error) {
	if raw == "" {
		return nil, nil
	}
	if f.read == nil {
		return []string{raw}, nil
	}
	v, err := f.read(raw)
	return v.words, err
}

// middle is the number of a value that stands for what is about it: the ends of a range are meant as they are written.
func middle(r Range) *int64 {
	if r.Least == nil || r.Most == nil {
		return nil
	}
	n := (*r.Least + *r.Most) / 2
	return &n
}

// bounds reads a number or a range of it.
func (f *Filter) bounds(field *Field, c choice) (Range, error) {
	read := func(raw string) (Range, error) {
		if raw == "" {
			return Range{}, nil
		}
		if field.coded {
			n, ok := amount(raw, f.Code)
			if !ok {
				return Range{}, wanted("an amount", raw, "digits and the currency, such as 9000 EUR")
			}
			return Range{&n, &n}, nil
		}
		v, err := field.read(raw)
		return v.bounds, err
	}
	from, err := read(c.from)
	if err != nil {
		return Range{}, err
	}
	if !c.ranged {
		if from.Least == nil {
			return Range{}, errors.New("a value is empty")
		}
		return from, nil
	}
	to, err := read(c.to)
	if err != nil {
		return Range{}, err
	}
	r := Range{Least: middle(from), Most: middle(to)}
	switch {
	case r.Least == nil && r.Most == nil:
		return r, errors.New("a range needs an end")
	case r.Least != nil && r.Most != nil && *r.Least > *r.Most:
		return r, errors.New("the range ends before it begins")
	}
	return r, nil
}

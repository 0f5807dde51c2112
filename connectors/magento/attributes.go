package magento

import (
	"context"
	"strings"
	"time"
)

// attributes are the shop's product attributes: their labels, and the labels of their options. Products state options by
// their ids alone.
type attributes struct {
	at     time.Time
	fields map[string]*attribute // by code
}

type attribute struct {
	Code    string `json:"attribute_code"`
	Input   string `json:"frontend_input"`
	Label   text   `json:"default_frontend_label"`
	User    bool   `json:"is_user_defined"`
	Options []struct {
		Label text `json:"label"`
		Value text `json:"value"`
	} `json:"options"`
}

// optionRetry is how soon attributes are read again because an option is not known.
const optionRetry = time.Minute

const attributeFields = "items[attribute_code,frontend_input,default_frontend_label,is_user_defined,options],total_count"

// attributes gives the shop's attributes, asking where they are not known, old, or lack the options of some products.
func (s *shop) attributes(ctx context.Context, rows []lenient[product]) (*attributes, error) {
	s.mu.Lock()
	known := s.fields
	s.mu.Unlock()
	if known != nil {
		age := utcNow().Sub(known.at)
		if age < optionRetry || age < factsLife && !known.lacks(rows) {
			return known, nil
		}
	}
	a := &attributes{at: utcNow(), fields: map[string]*attribute{}}
	seen := 0
	for page := 1; ; page++ {
		var out struct {
			Items []attribute `json:"items"`
			Total int         `json:"total_count"`
		}
		q := search(maxWrites).page(page).ascending("attribute_code").fields(attributeFields)
		if _, err := s.client.get(ctx, "V1/products/attributes", q.q, &out); err != nil {
			return nil, err
		}
		for i := range out.Items {
			a.fields[out.Items[i].Code] = &out.Items[i]
		}
		if seen += len(out.Items); seen >= out.Total || len(out.Items) == 0 {
			break
		}
	}
	s.mu.Lock()
	s.fields = a
	s.mu.Unlock()
	return a, nil
}

func (f *attribute) chosen() bool {
	return f.Input == "select" || f.Input == "multiselect" || f.Input == "boolean"
}

func (f *attribute) label(value string) (string, bool) {
	for _, o := range f.Options {
		if string(o.Value) == value {
			return clean(o.Label), true
		}
	}
	return "", false
}

// lacks reports whether a product has an option that is not known.
func (a *attributes) lacks(rows []lenient[product]) bool {
	for i := range rows {
		for j := range rows[i].value.Custom {
			c := &rows[i].value.Custom[j]
			f := a.fields[c.Code]
			if f == nil || !f.chosen() {
				continue
			}
			values := []string{c.words()}
			if f.Input == "multiselect" {
				values = strings.Split(c.words(), ",")
			}
			for _, v := range values {
				if _, ok := f.label(v); !ok && v != "" {
					return true
				}
			}
		}
	}
	return false
}

// value gives an attribute of a product in the words that a person reads: an option's label. An option that is not known
// stays as it is stored.
func (a *attributes) value(c *customAttribute) string {
	stored := c.words()
	f := a.fields[c.Code]
	if f == nil || !f.chosen() || stored == "" {
		return clean(text(stored))
	}
	if f.Input != "multiselect" {
		if l, ok := f.label(stored); ok {
			return l
		}
		return clean(text(stored))
	}
	parts := strings.Split(stored, ",")
	for i, v := range parts {
		l, ok := f.label(v)
		if !ok {
			return clean(text(stored))
		}
		parts[i] = l
	}
	return strings.Join(parts, ", ")
}

// first gives the value of the first of some attributes that a product has, under the code that it was found by.
func (a *attributes) first(p *product, keys []string) string {
	for _, k := range keys {
		for i := range p.Custom {
			if strings.EqualFold(p.Custom[i].Code, k) {
				if v := a.value(&p.Custom[i]); v != "" {
					return v
				}
			}
		}
	}
	return ""
}

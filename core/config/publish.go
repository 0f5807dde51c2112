package config

import (
	"maps"
	"reflect"
	"slices"

	"github.com/goccy/go-yaml/ast"

	"github.com/jumpring/jumpring/core/canon"
)

// publishRule says which listings of a connection the hub may create, change and take down.
type publishRule struct {
	Create    publishVerb `yaml:"create"`
	Update    publishVerb `yaml:"update"`
	Unpublish publishVerb `yaml:"unpublish"`
	Hide      []string    `yaml:"hide"`
	Deleted   string      `yaml:"deleted"`
	Currency  string      `yaml:"currency"`
}

// publishVerb is a word, all or none, or what is selected.
type publishVerb struct {
	word     string
	selected *selection
}

type selection struct {
	Categories []string            `yaml:"category"`
	Metals     []string            `yaml:"metal"`
	Brands     []string            `yaml:"brand"`
	Statuses   []string            `yaml:"status"`
	Locations  []string            `yaml:"location"`
	Price      *selectedPrice      `yaml:"price"`
	Attributes map[string][]string `yaml:"attribute"`
}

type selectedPrice struct {
	Currency string `yaml:"currency"`
	Min      string `yaml:"min"`
	Max      string `yaml:"max"`
}

var typeVerb = reflect.TypeFor[publishVerb]()

// verb reads all or none, or what is selected.
func (d *decoder) verb(n ast.Node, into reflect.Value, path string) {
	var v publishVerb
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		v.selected = new(selection)
		d.object(n, reflect.ValueOf(v.selected).Elem(), path)
	default:
		word, _, ok := d.text(n, path)
		if !ok {
			return
		}
		v.word = word
	}
	into.Set(reflect.ValueOf(v))
}

func (v *publishVerb) rule() (canon.Publish, *canon.Selection) {
	if v.selected == nil {
		return canon.Publish(v.word), nil
	}
	s := v.selected
	of := &canon.Selection{Categories: s.Categories, Metals: s.Metals, Brands: s.Brands, Locations: s.Locations}
	for _, status := range s.Statuses {
		of.Statuses = append(of.Statuses, canon.ItemStatus(status))
	}
	if p := s.Price; p != nil {
		of.Price = &canon.PriceRange{Currency: p.Currency, Min: minorOf(p.Min, p.Currency), Max: minorOf(p.Max, p.Currency)}
	}
	for _, code := range slices.Sorted(maps.Keys(s.Attributes)) {
		of.Attributes = append(of.Attributes, canon.AttributeIs{Code: code, Values: s.Attributes[code]})
	}
	return canon.PublishSelected, of
}

// minorOf reads an amount; -1, which no rule may have, where it is none. Nothing means no bound.
func minorOf(amount, currency string) int64 {
	if amount == "" {
		return 0
	}
	m, err := canon.ParseMoney(amount, currency)
	if err != nil {
		return -1
	}
	return m.Minor
}

// rule gives a rule in the form that is journaled.
func (r publishRule) rule(connection string) canon.PublishRule {
	out := canon.PublishRule{Connection: connection, Deleted: canon.Deleted(r.Deleted), Currency: r.Currency}
	out.Create, out.CreateOf = r.Create.rule()
	out.Update, out.UpdateOf = r.Update.rule()
	out.Unpublish, out.UnpublishOf = r.Unpublish.rule()
	for _, h := range r.Hide {
		out.Hide = append(out.Hide, canon.HideWhen(h))
	}
	return out
}

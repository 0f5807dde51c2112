package ingress

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Item registers a piece, or a SKU that is kept in a quantity, as a till or a device knows it.
type Item struct {
	ID           string        `json:"id" minLength:"1" maxLength:"200" doc:"The source's own id of the item; sales of this source may name it" example:"P1-1001"`
	Title        string        `json:"title,omitempty" maxLength:"500" example:"Solitaire ring"`
	SKU          string        `json:"sku,omitempty" maxLength:"200"`
	Serial       string        `json:"serial,omitempty" maxLength:"200" example:"SN-0001"`
	EPC          string        `json:"epc,omitempty" maxLength:"200" doc:"Hexadecimal, URN or Digital Link"`
	GTIN         string        `json:"gtin,omitempty" maxLength:"14" pattern:"^([0-9]{8}|[0-9]{12,14})$"`
	Brand        string        `json:"brand,omitempty" maxLength:"200"`
	StyleNo      string        `json:"style_no,omitempty" maxLength:"200"`
	Category     string        `json:"category,omitempty" maxLength:"200"`
	Serialized   *bool         `json:"serialized,omitempty" doc:"One piece (true) or a quantity (false); the hub's policy decides where it is left out"`
	Certificates []Certificate `json:"certificates,omitempty" maxItems:"50"`
	Metal        string        `json:"metal,omitempty" maxLength:"200" example:"18k yellow gold"`
	Weight       string        `json:"weight,omitempty" maxLength:"50" doc:"With its unit" example:"4.2 g"`
	Stones       []Stone       `json:"stones,omitempty" maxItems:"200"`
	RingSize     string        `json:"ring_size,omitempty" maxLength:"50" example:"FR 52"`
	Prices       []Amount      `json:"prices,omitempty" maxItems:"50"`
	Cost         *Amount       `json:"cost,omitempty"`
	Attributes   []Attribute   `json:"attributes,omitempty" maxItems:"200"`
	Archived     bool          `json:"archived,omitempty" doc:"The source sells it no longer"`
	Location     string        `json:"location,omitempty" maxLength:"100" doc:"Where it is" example:"boutique-paris"`
	Quantity     *int64        `json:"quantity,omitempty" minimum:"0" maximum:"1000000" doc:"How many are there; nothing is said of stock where it is left out" example:"1"`
}

// Certificate is a grading report.
type Certificate struct {
	Lab    string `json:"lab,omitempty" maxLength:"50" example:"GIA"`
	Number string `json:"number" minLength:"1" maxLength:"100" example:"2141438171"`
	URL    string `json:"url,omitempty" maxLength:"1000" format:"uri"`
}

// Stone is one stone, or several alike.
type Stone struct {
	Kind    string `json:"kind,omitempty" maxLength:"50" example:"diamond"`
	Shape   string `json:"shape,omitempty" maxLength:"50" example:"round"`
	Carat   string `json:"carat,omitempty" maxLength:"50" doc:"Of one; not negative" example:"0.51"`
	Colour  string `json:"colour,omitempty" maxLength:"50" example:"F"`
	Clarity string `json:"clarity,omitempty" maxLength:"50" example:"VS1"`
	Cut     string `json:"cut,omitempty" maxLength:"50"`
	Origin  string `json:"origin,omitempty" maxLength:"50" example:"natural"`
	Count   int64  `json:"count,omitempty" minimum:"0" maximum:"100000"`
}

// Attribute is a custom field of the source.
type Attribute struct {
	Code  string `json:"code" minLength:"1" maxLength:"100"`
	Value string `json:"value" maxLength:"5000"`
}

func (m *Item) place() *string { return &m.Location }

func (m *Item) observe(version int64) ([]canon.Observation, []problem.Field) {
	var c checks
	l := &canon.ListingState{
		Title: m.Title, SKU: m.SKU, GTIN: m.GTIN, Serial: m.Serial, EPC: m.EPC, Brand: m.Brand, StyleNo: m.StyleNo,
		Category: m.Category, Status: "active", Serialized: m.Serialized, Home: m.Location, Metal: m.Metal, Weight: m.Weight,
		RingSize: m.RingSize, Cost: c.money("cost", m.Cost, ""),
	}
	if m.Archived {
		l.Status = "archived"
	}
	if negative(m.Weight) {
		c.add("weight", "is negative")
	}
	for _, cert := range m.Certificates {
		l.Certificates = append(l.Certificates, canon.StatedCert{Lab: cert.Lab, Number: cert.Number, URL: cert.URL})
	}
	for i, s := range m.Stones {
		if negative(s.Carat) {
			c.add(fmt.Sprintf("stones[%d].carat", i), "is negative")
		}
		l.Stones = append(l.Stones, canon.StatedStone{
			Kind: s.Kind, Shape: s.Shape, Carat: s.Carat, Colour: s.Colour, Clarity: s.Clarity, Cut: s.Cut, Origin: s.Origin, Count: s.Count,
		})
	}
	for i := range m.Prices {
		if p := c.money(fmt.Sprintf("prices[%d]", i), &m.Prices[i], ""); p != nil {
			l.Prices = append(l.Prices, *p)
		}
	}
	for _, a := range m.Attributes {
		l.Attributes = append(l.Attributes, canon.StatedAttribute(a))
	}
	out := []canon.Observation{{
		Kind: canon.KindListing, ExternalID: m.ID, Aspect: canon.AspectMain, SourceVersion: version, Listing: l,
	}}
	if m.Quantity != nil {
		out = append(out, canon.Observation{
			Kind: canon.KindLevel, ExternalID: canon.LevelID(m.ID, m.Location), Aspect: canon.AspectMain, SourceVersion: version,
			Level: &canon.LevelState{StockID: m.ID, Location: m.Location, Available: m.Quantity},
		})
	}
	return out, c.wrong
}

// negative tells whether a number in words has a minus before its first digit ("-0.5 ct", "− 3 g").
func negative(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "-") || strings.HasPrefix(s, "−")
}

package ingress

import (
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
)

// Item registers a piece, or a SKU that is kept in a quantity, as a till or a device knows it.
type Item struct {
	ID           string                   `json:"id" minLength:"1" maxLength:"200" doc:"The source's own id of the item; sales of this source may name it" example:"P1-1001"`
	Title        string                   `json:"title,omitempty" maxLength:"500" example:"Solitaire ring"`
	SKU          string                   `json:"sku,omitempty" maxLength:"200"`
	Serial       string                   `json:"serial,omitempty" maxLength:"200" example:"SN-0001"`
	EPC          string                   `json:"epc,omitempty" maxLength:"200" doc:"Hexadecimal, URN or Digital Link"`
	GTIN         string                   `json:"gtin,omitempty" maxLength:"14" pattern:"^([0-9]{8}|[0-9]{12,14})$"`
	Brand        string                   `json:"brand,omitempty" maxLength:"200"`
	StyleNo      string                   `json:"style_no,omitempty" maxLength:"200"`
	Category     string                   `json:"category,omitempty" maxLength:"200"`
	Serialized   *bool                    `json:"serialized,omitempty" doc:"One piece (true) or a quantity (false); the hub's policy decides where it is left out"`
	HUID         string                   `json:"huid,omitempty" maxLength:"20" doc:"India's hallmark id of one piece"`
	Certificates []Certificate            `json:"certificates,omitempty" maxItems:"50"`
	Metal        string                   `json:"metal,omitempty" maxLength:"200" example:"18k yellow gold"`
	Weight       string                   `json:"weight,omitempty" maxLength:"50" doc:"With its unit" example:"4.2 g"`
	Metals       []canon.StatedMetal      `json:"metals,omitempty" maxItems:"50" doc:"Part by part"`
	Stones       []Stone                  `json:"stones,omitempty" maxItems:"200"`
	RingSize     string                   `json:"ring_size,omitempty" maxLength:"50" example:"FR 52"`
	Prices       []Amount                 `json:"prices,omitempty" maxItems:"50"`
	Cost         *Amount                  `json:"cost,omitempty"`
	Attributes   []Attribute              `json:"attributes,omitempty" maxItems:"200"`
	Dialect      string                   `json:"dialect,omitempty" maxLength:"50" doc:"The code list of abbreviations" example:"rapnet"`
	Components   []canon.StatedComponent  `json:"components,omitempty" maxItems:"200" doc:"What sits in it and has an identity of its own"`
	Ownership    *canon.StatedOwnership   `json:"ownership,omitempty"`
	Edition      *canon.StatedEdition     `json:"edition,omitempty"`
	Sets         []canon.StatedSet        `json:"sets,omitempty" maxItems:"50"`
	Provenance   []canon.StatedProvenance `json:"provenance,omitempty" maxItems:"200"`
	Appraisals   []canon.StatedAppraisal  `json:"appraisals,omitempty" maxItems:"50"`
	Archived     bool                     `json:"archived,omitempty" doc:"The source sells it no longer"`
	Location     string                   `json:"location,omitempty" maxLength:"100" doc:"Where it is" example:"boutique-paris"`
	Quantity     *int64                   `json:"quantity,omitempty" minimum:"0" maximum:"1000000" doc:"How many are there; nothing is said of stock where it is left out" example:"1"`
}

// Certificate is a grading report.
type Certificate struct {
	Lab         string             `json:"lab,omitempty" maxLength:"50" example:"GIA"`
	Number      string             `json:"number" minLength:"1" maxLength:"100" example:"2141438171"`
	URL         string             `json:"url,omitempty" maxLength:"1000" format:"uri"`
	Type        string             `json:"type,omitempty" maxLength:"100"`
	Date        string             `json:"date,omitempty" maxLength:"40"`
	Inscription string             `json:"inscription,omitempty" maxLength:"200"`
	Hash        string             `json:"hash,omitempty" maxLength:"80" doc:"SHA-256 of the document, hexadecimal"`
	Grading     *canon.StatedStone `json:"grading,omitempty" doc:"What the report says of the stone"`
	Text        string             `json:"text,omitempty" maxLength:"20000" doc:"The report's own words"`
}

// Stone is one stone, or several alike.
type Stone struct {
	Kind               string                  `json:"kind,omitempty" maxLength:"50" example:"diamond"`
	Shape              string                  `json:"shape,omitempty" maxLength:"50" example:"round"`
	Carat              string                  `json:"carat,omitempty" maxLength:"50" doc:"Of one; not negative" example:"0.51"`
	Colour             string                  `json:"colour,omitempty" maxLength:"50" example:"F"`
	Clarity            string                  `json:"clarity,omitempty" maxLength:"50" example:"VS1"`
	Cut                string                  `json:"cut,omitempty" maxLength:"50"`
	Origin             string                  `json:"origin,omitempty" maxLength:"50" example:"natural"`
	Variety            string                  `json:"variety,omitempty" maxLength:"50" example:"tsavorite"`
	Role               string                  `json:"role,omitempty" maxLength:"50" example:"centre"`
	Polish             string                  `json:"polish,omitempty" maxLength:"50"`
	Symmetry           string                  `json:"symmetry,omitempty" maxLength:"50"`
	Fluorescence       string                  `json:"fluorescence,omitempty" maxLength:"50" example:"Strong Blue"`
	FluorescenceColour string                  `json:"fluorescence_colour,omitempty" maxLength:"50"`
	Measurements       string                  `json:"measurements,omitempty" maxLength:"100" example:"5.12 - 5.15 x 3.18 mm"`
	Proportions        *canon.StatedProportion `json:"proportions,omitempty"`
	Growth             string                  `json:"growth,omitempty" maxLength:"50" example:"CVD"`
	Treatments         string                  `json:"treatments,omitempty" maxLength:"500" example:"heated"`
	Locality           string                  `json:"locality,omitempty" maxLength:"200" example:"Burma"`
	Certificate        string                  `json:"certificate,omitempty" maxLength:"100" doc:"Number of its report, one of the item's certificates"`
	Count              int64                   `json:"count,omitempty" minimum:"0" maximum:"100000"`
}

func (s *Stone) stated() canon.StatedStone {
	return canon.StatedStone{
		Kind: s.Kind, Variety: s.Variety, Role: s.Role, Shape: s.Shape, Carat: s.Carat, Colour: s.Colour, Clarity: s.Clarity, Cut: s.Cut, Polish: s.Polish,
		Symmetry: s.Symmetry, Fluorescence: s.Fluorescence, FluorescenceColour: s.FluorescenceColour, Measurements: s.Measurements, Proportions: s.Proportions,
		Origin: s.Origin, Growth: s.Growth, Treatments: s.Treatments, Locality: s.Locality, Certificate: s.Certificate, Count: s.Count,
	}
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
		RingSize: m.RingSize, Cost: c.money("cost", m.Cost, ""), HUID: m.HUID, Metals: m.Metals, Dialect: m.Dialect, Components: m.Components,
		Ownership: m.Ownership, Edition: m.Edition, Sets: m.Sets, Provenance: m.Provenance, Appraisals: m.Appraisals,
	}
	if m.Archived {
		l.Status = "archived"
	}
	if negative(m.Weight) {
		c.add("weight", "is negative")
	}
	for _, cert := range m.Certificates {
		l.Certificates = append(l.Certificates, canon.StatedCert(cert))
	}
	for i, s := range m.Stones {
		if negative(s.Carat) {
			c.add(fmt.Sprintf("stones[%d].carat", i), "is negative")
		}
		l.Stones = append(l.Stones, s.stated())
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

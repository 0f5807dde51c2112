package search

import (
	"github.com/jumpring/jumpring/core/canon"
)

// The columns of pieces. A new attribute is a new line here. No field of class cost is among them: what a role can't
// see it can't find out by searching either (invariant 7).

var itemColumns = []column[canon.Item]{
	{Field: Field{Name: "status", What: "Status", Facet: true, read: readStatus}, word: func(i *canon.Item) string { return string(i.Status) }},
	{Field: Field{Name: "location", Also: []string{"at"}, What: "Where it is, or where there is stock of it", Facet: true}, words: locationsOf},
	{Field: Field{Name: "brand", What: "Brand", Facet: true}, word: func(i *canon.Item) string { return i.Brand }},
	{Field: Field{Name: "category", What: "Category", Facet: true}, word: func(i *canon.Item) string { return i.Category }},
	{Field: Field{Name: "style", Also: []string{"style_no"}, What: "Style number"}, word: func(i *canon.Item) string { return i.StyleNo }},
	{Field: Field{Name: "lab", What: "Laboratory of a certificate", Facet: true, read: readLab}, words: labsOf},
	{Field: Field{Name: "ownership", What: "Whose it is: owned, consigned, memo_in, client"}, word: ownershipOf},
	{Field: Field{Name: "edition", What: "Limited series"}, word: editionOf},
	{Field: Field{Name: "set", What: "Code or name of a matching set"}, words: setsOf},
	{Field: Field{Name: "scheme", What: "Scheme of a provenance entry: KP, SOW, RJC_COC …"}, words: schemesOf},
	{Field: Field{Name: "listed", Also: []string{"connection"}, What: "Connection that lists it"}, words: connectionsOf},
	{Field: Field{Name: "flag", Also: []string{"flags"}, What: "What a person should look at"}, words: func(i *canon.Item) []string { return i.Flags }},
	{Field: Field{Name: "kind", What: "piece, or quantity of a SKU"}, word: kindOf},
	{Field: Field{Name: "held", What: "yes while a claim holds it"}, word: func(i *canon.Item) string { return yes(i.Holder != nil) }},
	{Field: Field{Name: "contested", What: "yes while more than one claim is live"}, word: func(i *canon.Item) string { return yes(i.Contested) }},
	{Field: Field{Name: "available", What: "Pieces available at all locations", show: showNumber, read: readNumber}, number: availableOf},
	{Field: Field{Name: "weight", What: "Weight of the piece, with its unit: 4.2g", show: showGrams, read: readWeight}, number: weightOf},
	{Field: Field{Name: "size", Also: []string{"ring_size"}, What: "Ring size: inner circumference in millimetres, or a size with its system (US 7)", show: showTenths, read: readRing}, number: sizeOf},
	{Field: Field{Name: "product", What: "Node id of the style"}, word: func(i *canon.Item) string { return i.ProductID }},
}

var metalColumns = []column[canon.MetalComponent]{
	{Field: Field{Name: "metal", What: "Metal", Facet: true, read: readMetal}, word: func(m *canon.MetalComponent) string { return string(m.Kind) }},
	{Field: Field{Name: "fineness", Also: []string{"karat"}, What: "Fineness in parts per thousand; karats are read too (18k)", Facet: true, read: readFineness}, word: finenessOf},
	{Field: Field{Name: "metal_colour", Also: []string{"metal_color"}, What: "Colour of the alloy", Facet: true, read: readMetalColour}, word: func(m *canon.MetalComponent) string { return string(m.Colour) }},
	{Field: Field{Name: "plating", What: "Kind of plating: plated, vermeil, filled …"}, word: platingOf},
	{Field: Field{Name: "part", What: "Part that is of the metal"}, word: func(m *canon.MetalComponent) string { return m.Part }},
}

var stoneColumns = []column[canon.Stone]{
	{Field: Field{Name: "stone", What: "Kind of stone", Facet: true, read: readStone}, word: func(s *canon.Stone) string { return s.Kind }},
	{Field: Field{Name: "variety", What: "Variety of a stone: tsavorite, akoya …"}, word: func(s *canon.Stone) string { return s.Variety }},
	{Field: Field{Name: "role", What: "centre, side or accent"}, word: func(s *canon.Stone) string { return s.Role }},
	{Field: Field{Name: "shape", What: "Shape of a stone", Facet: true, read: readShape}, word: func(s *canon.Stone) string { return s.Shape }},
	{Field: Field{Name: "carat", Also: []string{"ct"}, What: "Weight of a stone in metric carats", Facet: true, Bands: caratBands, show: showCarat, read: readCarat}, number: func(s *canon.Stone) int64 { return s.CaratThousandths }},
	{Field: Field{Name: "colour", Also: []string{"color"}, What: "Colour of a stone: D to Z, or a fancy colour", Facet: true, scale: colourScale(), read: readColour}, word: func(s *canon.Stone) string { return s.Colour }},
	{Field: Field{Name: "hue", What: "Hue of a fancy colour"}, word: hueOf},
	{Field: Field{Name: "intensity", What: "Intensity of a fancy colour"}, word: intensityOf},
	{Field: Field{Name: "clarity", What: "Clarity of a stone", Facet: true, scale: clarityScale, read: readClarity}, word: func(s *canon.Stone) string { return s.Clarity }},
	{Field: Field{Name: "cut", What: "Cut grade of a stone", Facet: true, scale: gradeScale, read: readGrade}, word: func(s *canon.Stone) string { return s.Cut }},
	{Field: Field{Name: "polish", What: "Polish of a stone", scale: gradeScale, read: readGrade}, word: func(s *canon.Stone) string { return s.Polish }},
	{Field: Field{Name: "symmetry", What: "Symmetry of a stone", scale: gradeScale, read: readGrade}, word: func(s *canon.Stone) string { return s.Symmetry }},
	{Field: Field{Name: "fluorescence", What: "Fluorescence of a stone", scale: fluorescenceScale, read: readFluorescence}, word: func(s *canon.Stone) string { return s.Fluorescence }},
	{Field: Field{Name: "origin", What: "natural or lab_grown", Facet: true, read: readOrigin}, word: func(s *canon.Stone) string { return s.Origin }},
	{Field: Field{Name: "growth", What: "How a lab-grown stone was made: cvd or hpht"}, word: func(s *canon.Stone) string { return s.Growth }},
	{Field: Field{Name: "treatment", What: "What was done to a stone: none, heated, oiled …"}, words: func(s *canon.Stone) []string { return s.Treatments }},
	{Field: Field{Name: "found_in", What: "Country (ISO 3166-1) or region where a stone was found"}, words: foundIn},
	{Field: Field{Name: "stones", What: "How many stones alike", show: showNumber, read: readNumber}, number: func(s *canon.Stone) int64 { return s.Count }},
}

var priceColumns = []column[canon.Price]{
	{Field: Field{Name: "currency", What: "Currency of a price", read: readCurrency}, word: func(p *canon.Price) string { return p.Currency }},
	{Field: Field{Name: "price_at", What: "Connection that shows the price"}, word: func(p *canon.Price) string { return p.Connection }},
	{Field: Field{Name: "price", What: "Price that a connection shows, with its currency", Facet: true, Bands: priceBands, coded: true, codeIn: "currency", show: showNumber}, number: func(p *canon.Price) int64 { return p.Minor }},
}

var attributeColumns = []column[canon.Attribute]{
	{Field: Field{Name: "attr_code", What: "Code of a custom attribute that it has"}, word: func(a *canon.Attribute) string { return a.Code }},
	{Field: Field{Name: "attr", What: "Custom attribute, by its code: attr.collection", coded: true, codeFirst: true, codeIn: "attr_code"}, word: func(a *canon.Attribute) string { return a.Value }},
}

// caratBands are the weights at which the price of a carat steps, in thousandths.
var caratBands = []int64{230, 300, 500, 700, 900, 1000, 1500, 2000, 3000, 5000, 10_000}

// priceBands are in major units of any currency.
var priceBands = []int64{
	100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
}

// The scales give the grades that core/normalize reads their order, from the best to the worst.
var (
	clarityScale      = []string{"FL", "IF", "VVS1", "VVS2", "VS1", "VS2", "SI1", "SI2", "SI3", "I1", "I2", "I3"}
	gradeScale        = withSteps([]string{"IDEAL", "EXCELLENT", "VERY_GOOD", "GOOD", "FAIR", "POOR"})
	fluorescenceScale = []string{"NONE", "VERY_SLIGHT", "FAINT", "SLIGHT", "MEDIUM", "STRONG", "VERY_STRONG"}
)

// colourScale is D to Z; a report may give two neighbours ("O-P").
func colourScale() []string {
	var out []string
	for c := 'D'; c <= 'Z'; c++ {
		out = append(out, string(c))
		if c < 'Z' {
			out = append(out, string(c)+"-"+string(c+1))
		}
	}
	return out
}

// withSteps adds the grades between neighbours that some lists have, the lower one first ("VERY_GOOD-EXCELLENT").
func withSteps(grades []string) []string {
	var out []string
	for i, g := range grades {
		if i > 0 {
			out = append(out, g+"-"+grades[i-1])
		}
		out = append(out, g)
	}
	return out
}

package search

import (
	"strconv"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
)

// Piece is what is searchable of an item: its golden record, and that of its style where there is one.
type Piece struct {
	Item    canon.Item
	Product *canon.Product
}

// The kinds of identifiers.
const (
	keyID          = 'i'
	keySerial      = 's'
	keySKU         = 'u'
	keyEPC         = 'e'
	keyGTIN        = 'g'
	keyCertificate = 'c' // LAB/NUMBER
	keyEmail       = 'm'
	keyPhone       = 'p'
	keyAccount     = 'a'
)

// keyKinds are the identifiers by the name that a filter or a person gives them.
var keyKinds = map[string]byte{
	"id": keyID, "serial": keySerial, "sku": keySKU, "epc": keyEPC, "gtin": keyGTIN, "barcode": keyGTIN, "certificate": keyCertificate,
	"report": keyCertificate, "email": keyEmail, "phone": keyPhone, "account": keyAccount,
}

// pieces says what of an item can be asked for. A new attribute is a new line in one of its tables. No field of class
// cost is here: what a role can't see it can't find out by searching either (invariant 7).
var pieces = newSchema(pieceTexts, pieceKeys,
	tableOf(func(p *Piece) []canon.Item { return []canon.Item{p.Item} },
		column[canon.Item]{Field: Field{Name: "status", What: "Status", Facet: true, read: readStatus}, word: func(i *canon.Item) string { return string(i.Status) }},
		column[canon.Item]{Field: Field{Name: "location", Also: []string{"at"}, What: "Where it is, or where there is stock of it", Facet: true}, words: locationsOf},
		column[canon.Item]{Field: Field{Name: "brand", What: "Brand", Facet: true}, word: func(i *canon.Item) string { return i.Brand }},
		column[canon.Item]{Field: Field{Name: "category", What: "Category", Facet: true}, word: func(i *canon.Item) string { return i.Category }},
		column[canon.Item]{Field: Field{Name: "style", Also: []string{"style_no"}, What: "Style number"}, word: func(i *canon.Item) string { return i.StyleNo }},
		column[canon.Item]{Field: Field{Name: "lab", What: "Laboratory of a certificate", Facet: true, read: readLab}, words: labsOf},
		column[canon.Item]{Field: Field{Name: "listed", Also: []string{"connection"}, What: "Connection that lists it"}, words: connectionsOf},
		column[canon.Item]{Field: Field{Name: "flag", Also: []string{"flags"}, What: "What a person should look at"}, words: func(i *canon.Item) []string { return i.Flags }},
		column[canon.Item]{Field: Field{Name: "kind", What: "piece, or quantity of a SKU"}, word: kindOf},
		column[canon.Item]{Field: Field{Name: "held", What: "yes while a claim holds it"}, word: func(i *canon.Item) string { return yes(i.Holder != nil) }},
		column[canon.Item]{Field: Field{Name: "contested", What: "yes while more than one claim is live"}, word: func(i *canon.Item) string { return yes(i.Contested) }},
		column[canon.Item]{Field: Field{Name: "available", What: "Pieces available at all locations", show: showNumber, read: readNumber}, number: availableOf},
		column[canon.Item]{Field: Field{Name: "weight", What: "Weight in grams", show: showGrams, read: readGrams}, number: weightOf},
		column[canon.Item]{Field: Field{Name: "size", Also: []string{"ring_size"}, What: "Ring size: inner circumference in millimetres, or a size with its system (US 7)", show: showTenths, read: readRing}, number: sizeOf},
		column[canon.Item]{Field: Field{Name: "product", What: "Node id of the style"}, word: func(i *canon.Item) string { return i.ProductID }},
	),
	tableOf(metalsOf,
		column[canon.Metal]{Field: Field{Name: "metal", What: "Metal", Facet: true, read: readMetal}, word: func(m *canon.Metal) string { return string(m.Kind) }},
		column[canon.Metal]{Field: Field{Name: "fineness", Also: []string{"karat"}, What: "Fineness in parts per thousand; karats are read too (18k)", Facet: true, read: readFineness}, word: finenessOf},
		column[canon.Metal]{Field: Field{Name: "metal_colour", Also: []string{"metal_color"}, What: "Colour of the alloy", Facet: true, read: readMetalColour}, word: func(m *canon.Metal) string { return string(m.Colour) }},
	),
	tableOf(func(p *Piece) []canon.Stone { return p.Item.Stones },
		column[canon.Stone]{Field: Field{Name: "stone", What: "Kind of stone", Facet: true, read: readStone}, word: func(s *canon.Stone) string { return s.Kind }},
		column[canon.Stone]{Field: Field{Name: "shape", What: "Shape of a stone", Facet: true, read: readShape}, word: func(s *canon.Stone) string { return s.Shape }},
		column[canon.Stone]{Field: Field{Name: "carat", Also: []string{"ct"}, What: "Weight of a stone in metric carats", Facet: true, Bands: caratBands, show: showCarat, read: readCarat}, number: func(s *canon.Stone) int64 { return s.CaratThousandths }},
		column[canon.Stone]{Field: Field{Name: "colour", Also: []string{"color"}, What: "Colour of a stone: D to Z, or a fancy colour", Facet: true, scale: colourScale(), read: readColour}, word: func(s *canon.Stone) string { return s.Colour }},
		column[canon.Stone]{Field: Field{Name: "clarity", What: "Clarity of a stone", Facet: true, scale: clarityScale, read: readClarity}, word: func(s *canon.Stone) string { return s.Clarity }},
		column[canon.Stone]{Field: Field{Name: "cut", What: "Cut grade of a stone", scale: cutScale, read: readCut}, word: func(s *canon.Stone) string { return s.Cut }},
		column[canon.Stone]{Field: Field{Name: "origin", What: "natural or lab_grown", Facet: true, read: readOrigin}, word: func(s *canon.Stone) string { return s.Origin }},
		column[canon.Stone]{Field: Field{Name: "stones", What: "How many stones alike", show: showNumber, read: readNumber}, number: func(s *canon.Stone) int64 { return s.Count }},
	),
	tableOf(func(p *Piece) []canon.Price { return p.Item.Prices },
		column[canon.Price]{Field: Field{Name: "currency", What: "Currency of a price", read: readCurrency}, word: func(p *canon.Price) string { return p.Currency }},
		column[canon.Price]{Field: Field{Name: "price_at", What: "Connection that shows the price"}, word: func(p *canon.Price) string { return p.Connection }},
		column[canon.Price]{Field: Field{Name: "price", What: "Price that a connection shows, with its currency", Facet: true, Bands: priceBands, coded: true, codeIn: "currency", show: showNumber}, number: func(p *canon.Price) int64 { return p.Minor }},
	),
	tableOf(func(p *Piece) []canon.Attribute { return p.Item.Attributes },
		column[canon.Attribute]{Field: Field{Name: "attr_code", What: "Code of a custom attribute that it has"}, word: func(a *canon.Attribute) string { return a.Code }},
		column[canon.Attribute]{Field: Field{Name: "attr", What: "Custom attribute, by its code: attr.collection", coded: true, codeFirst: true, codeIn: "attr_code"}, word: func(a *canon.Attribute) string { return a.Value }},
	),
)

// caratBands are the weights at which the price of a carat steps, in thousandths.
var caratBands = []int64{230, 300, 500, 700, 900, 1000, 1500, 2000, 3000, 5000, 10_000}

// priceBands are in major units of any currency.
var priceBands = []int64{
	100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
}

// clarityScale and cutScale are the grades from the best to the worst; core/normalize has the words for them.
var (
	clarityScale = []string{"FL", "IF", "VVS1", "VVS2", "VS1", "VS2", "SI1", "SI2", "SI3", "I1", "I2", "I3"}
	cutScale     = []string{"IDEAL", "EXCELLENT", "VERY_GOOD", "GOOD", "FAIR", "POOR"}
)

// colourScale is D to Z; a report may give two neighbours.
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

func pieceTexts(p *Piece) []text {
	i := &p.Item
	out := []text{{words: i.Title, weight: 8}, {words: i.Brand, weight: 4}, {words: i.StyleNo, weight: 4}, {words: i.Category, weight: 4}}
	for _, m := range metalsOf(p) {
		out = append(out, text{words: string(m.Kind), weight: 2}, text{words: string(m.Colour), weight: 2}, text{words: m.Raw, weight: 2})
	}
	for _, s := range i.Stones {
		out = append(out, text{words: s.Kind, weight: 2}, text{words: s.Shape, weight: 2}, text{words: s.Raw, weight: 1})
	}
	for _, a := range i.Attributes {
		out = append(out, text{words: a.Value, weight: 2})
	}
	if p.Product != nil {
		out = append(out, text{words: p.Product.Title, weight: 4}, text{words: p.Product.Brand, weight: 4}, text{words: p.Product.StyleNo, weight: 4}, text{words: p.Product.Description, weight: 1})
	}
	return out
}

func pieceKeys(p *Piece) []key {
	i := &p.Item
	out := []key{{keyID, i.ID}, {keySKU, normalize.SKU(i.SKU)}, {keySerial, normalize.Serial(i.Serial)}, {keyEPC, upper(i.EPC)}, {keyGTIN, i.GTIN}}
	for _, c := range i.Certificates {
		out = append(out, key{keyCertificate, c.Key()})
	}
	for _, l := range i.Listings {
		if sku := normalize.SKU(l.SKU); sku != out[1].value {
			out = append(out, key{keySKU, sku})
		}
	}
	return out
}

func locationsOf(i *canon.Item) []string {
	if i.Location != "" {
		return []string{i.Location}
	}
	var out []string
	for _, s := range i.Stock {
		if s.OnHand > 0 {
			out = append(out, s.Location)
		}
	}
	return out
}

func labsOf(i *canon.Item) []string {
	var out []string
	for _, c := range i.Certificates {
		out = append(out, c.Lab)
	}
	return out
}

func connectionsOf(i *canon.Item) []string {
	var out []string
	for _, l := range i.Listings {
		out = append(out, l.Connection)
	}
	return out
}

func kindOf(i *canon.Item) string {
	if i.Serialized {
		return "piece"
	}
	return "quantity"
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func availableOf(i *canon.Item) int64 {
	var n int64
	for _, s := range i.Stock {
		n += s.Available
	}
	return n
}

func weightOf(i *canon.Item) int64 {
	if i.Weight == nil {
		return 0
	}
	return i.Weight.Milligrams
}

func sizeOf(i *canon.Item) int64 {
	if i.RingSize == nil {
		return 0
	}
	return i.RingSize.CircumferenceTenths
}

func metalsOf(p *Piece) []canon.Metal {
	if p.Item.Metal == nil {
		return nil
	}
	return []canon.Metal{*p.Item.Metal}
}

func finenessOf(m *canon.Metal) string {
	if m.Fineness == 0 {
		return ""
	}
	return strconv.FormatInt(m.Fineness, 10)
}

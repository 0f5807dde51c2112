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
	keyHUID        = 'h'
	keyComponent   = 'k' // what sits in it, as Component.Keys names it
	keyEmail       = 'm'
	keyPhone       = 'p'
	keyAccount     = 'a'
)

// keyKinds are the identifiers by the name that a filter or a person gives them.
var keyKinds = map[string]byte{
	"id": keyID, "serial": keySerial, "sku": keySKU, "epc": keyEPC, "gtin": keyGTIN, "barcode": keyGTIN, "huid": keyHUID, "contains": keyComponent, "certificate": keyCertificate,
	"report": keyCertificate, "email": keyEmail, "phone": keyPhone, "account": keyAccount,
}

// pieces says what of an item can be asked for: see columns.go.
var pieces = newSchema(pieceTexts, pieceKeys,
	tableOf(func(p *Piece) []canon.Item { return []canon.Item{p.Item} }, itemColumns...),
	tableOf(metalsOf, metalColumns...),
	tableOf(func(p *Piece) []canon.Stone { return p.Item.Stones }, stoneColumns...),
	tableOf(func(p *Piece) []canon.Price { return p.Item.Prices }, priceColumns...),
	tableOf(func(p *Piece) []canon.Attribute { return p.Item.Attributes }, attributeColumns...),
)

func pieceTexts(p *Piece) []text {
	i := &p.Item
	out := []text{{words: i.Title, weight: 8}, {words: i.Brand, weight: 4}, {words: i.StyleNo, weight: 4}, {words: i.Category, weight: 4}}
	for _, m := range metalsOf(p) {
		out = append(out, text{words: string(m.Kind), weight: 2}, text{words: string(m.Colour), weight: 2}, text{words: m.Raw, weight: 2})
	}
	for _, s := range i.Stones {
		out = append(out, text{words: s.Kind, weight: 2}, text{words: s.Variety, weight: 2}, text{words: s.Shape, weight: 2}, text{words: s.Raw, weight: 1})
	}
	if e := i.Edition; e != nil {
		out = append(out, text{words: e.Name, weight: 4})
	}
	for _, set := range i.Sets {
		out = append(out, text{words: set.Name, weight: 4})
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
	out := []key{{keyID, upper(i.ID)}, {keySKU, normalize.SKU(i.SKU)}, {keySerial, normalize.Serial(i.Serial)}, {keyEPC, upper(i.EPC)}, {keyGTIN, i.GTIN}, {keyHUID, i.HUID}}
	for _, c := range i.Certificates {
		out = append(out, key{keyCertificate, upper(c.Key())})
	}
	for _, c := range i.Components {
		for _, k := range c.Keys {
			out = append(out, key{keyComponent, upper(k)})
		}
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

// metalsOf gives the metals of a piece: as a whole, and of its parts.
func metalsOf(p *Piece) []canon.MetalComponent {
	out := p.Item.Metals
	if m := p.Item.Metal; m != nil {
		whole := canon.MetalComponent{Metal: *m}
		out = append([]canon.MetalComponent{whole}, out...)
	}
	return out
}

func finenessOf(m *canon.MetalComponent) string {
	if m.Fineness == 0 {
		return ""
	}
	return strconv.FormatInt(m.Fineness, 10)
}

func platingOf(m *canon.MetalComponent) string {
	if m.Plating == nil {
		return ""
	}
	return string(m.Plating.Kind)
}

func hueOf(s *canon.Stone) string {
	if s.Fancy == nil {
		return ""
	}
	return s.Fancy.Hue
}

func intensityOf(s *canon.Stone) string {
	if s.Fancy == nil {
		return ""
	}
	return s.Fancy.Intensity
}

func foundIn(s *canon.Stone) []string {
	if s.Locality == nil {
		return nil
	}
	return []string{s.Locality.Country, s.Locality.Region}
}

func ownershipOf(i *canon.Item) string {
	if i.Ownership == nil {
		return ""
	}
	return string(i.Ownership.Kind)
}

func editionOf(i *canon.Item) string {
	if i.Edition == nil {
		return ""
	}
	return i.Edition.Name
}

func setsOf(i *canon.Item) []string {
	var out []string
	for _, s := range i.Sets {
		out = append(out, s.Code, s.Name)
	}
	return out
}

func schemesOf(i *canon.Item) []string {
	var out []string
	for _, p := range i.Provenance {
		out = append(out, p.Scheme)
	}
	return out
}

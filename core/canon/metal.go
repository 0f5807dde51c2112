package canon

import (
	"strconv"
	"strings"
)

// MetalKind is a metal of which a piece is made.
type MetalKind string

// The metals. The empty kind means that the source's words do not tell.
const (
	Gold       MetalKind = "gold"
	Silver     MetalKind = "silver"
	Platinum   MetalKind = "platinum"
	Palladium  MetalKind = "palladium"
	Rhodium    MetalKind = "rhodium"
	Titanium   MetalKind = "titanium"
	Tungsten   MetalKind = "tungsten"
	Steel      MetalKind = "steel"
	Brass      MetalKind = "brass"
	OtherMetal MetalKind = "other"
)

// MetalColour is the colour of an alloy.
type MetalColour string

// The colours. The empty colour means that the source does not state one.
const (
	Yellow  MetalColour = "yellow"
	White   MetalColour = "white"
	Rose    MetalColour = "rose" // also pink and red gold: one alloy family that sources name differently
	Green   MetalColour = "green"
	Black   MetalColour = "black"
	TwoTone MetalColour = "two_tone"
	TriTone MetalColour = "tri_tone"
)

// Metal is what a piece is made of. "18k", "750" and "18 Karat yellow gold" are the same metal; Raw keeps the words.
type Metal struct {
	Kind     MetalKind   `json:"metal,omitempty" class:"public"`
	Fineness int64       `json:"fineness,omitempty" class:"public"` // parts per thousand; 0 when not known
	Colour   MetalColour `json:"colour,omitempty" class:"public"`
	Raw      string      `json:"raw,omitempty" class:"public"` // the source's words
}

// Agrees tells whether two readings can be of the same metal: equal in kind and fineness, and in colour unless one of
// them does not state it ("18k" says nothing of the colour). The raw words do not count.
func (m Metal) Agrees(o Metal) bool {
	return m.Kind == o.Kind && m.Fineness == o.Fineness && (m.Colour == o.Colour || m.Colour == "" || o.Colour == "")
}

// Karat gives the karat that a gold's fineness stands for, 0 for other metals and for finenesses between karats.
func (m Metal) Karat() int64 {
	if m.Kind != Gold {
		return 0
	}
	return KaratOf(m.Fineness)
}

// String gives the canonical words, "gold 750 yellow", which are read back as the same metal.
func (m Metal) String() string {
	var words []string
	if m.Kind != "" {
		words = append(words, string(m.Kind))
	}
	if m.Fineness != 0 {
		words = append(words, strconv.FormatInt(m.Fineness, 10))
	}
	if m.Colour != "" {
		words = append(words, string(m.Colour))
	}
	return strings.Join(words, " ")
}

// karats is the fineness of each karat as hallmarks state it (United Kingdom: Hallmarking Act 1973 as amended, 375 585
// 750 916 990 999; Germany's 333 for 8; the United States' 417 for 10; the exact 24th parts for the others).
var karats = []struct{ karat, fineness int64 }{
	{8, 333}, {9, 375}, {10, 417}, {12, 500}, {14, 585}, {15, 625}, {18, 750}, {20, 833}, {21, 875}, {22, 916}, {23, 958}, {24, 999},
}

// KaratFineness gives the fineness in parts per thousand that a karat stands for, and whether it is a karat in use.
func KaratFineness(karat int64) (fineness int64, ok bool) {
	for _, k := range karats {
		if k.karat == karat {
			return k.fineness, true
		}
	}
	return 0, false
}

// KaratOf gives the karat of a fineness in parts per thousand, 0 where it is no karat in use.
func KaratOf(fineness int64) int64 {
	for _, k := range karats {
		if k.fineness == fineness {
			return k.karat
		}
	}
	return 0
}

// MetalComponent is one part of a piece that is of one metal: the band, the head, the clasp.
type MetalComponent struct {
	Part string `json:"part,omitempty" class:"public"` // the source's word, "band"
	Metal
	Karat     int64      `json:"karat,omitempty" class:"public"` // of gold whose fineness is a karat's
	Gross     *Weight    `json:"gross,omitempty" class:"public"` // with stones and settings
	Net       *Weight    `json:"net,omitempty" class:"public"`   // of the metal alone
	Plating   *Plating   `json:"plating,omitempty" class:"public"`
	Hallmarks []Hallmark `json:"hallmarks,omitempty" class:"public"`
}

// PlatingKind is how a layer of metal came onto another.
type PlatingKind string

// The kinds of plating. Vermeil is gold of at least 2.5 micrometres on silver of 925 (United States: 16 CFR 23.4).
const (
	Plated  PlatingKind = "plated"
	Vermeil PlatingKind = "vermeil"
	Filled  PlatingKind = "filled"
	Rolled  PlatingKind = "rolled"
	Flash   PlatingKind = "flash"
)

// Plating is a layer of metal on another.
type Plating struct {
	Kind     PlatingKind `json:"kind,omitempty" class:"public"`
	Material MetalKind   `json:"material,omitempty" class:"public"`
	Fineness int64       `json:"fineness,omitempty" class:"public"` // of the layer, in parts per thousand
	Colour   MetalColour `json:"colour,omitempty" class:"public"`
	// Nanometres is how thick the layer is; 0 when not stated.
	Nanometres int64  `json:"nanometres,omitempty" class:"public"`
	Raw        string `json:"raw,omitempty" class:"public"`
}

// Hallmark is what an assay office or the maker struck into the metal.
type Hallmark struct {
	Country string `json:"country,omitempty" class:"public"` // ISO 3166-1 alpha-2
	// Standard is the fineness mark in parts per thousand: the highest legal standard that the metal reaches.
	Standard   int64  `json:"standard,omitempty" class:"public"`
	Office     string `json:"office,omitempty" class:"public"`      // london, birmingham, sheffield, edinburgh …
	Sponsor    string `json:"sponsor,omitempty" class:"public"`     // the maker's or sponsor's letters
	DateLetter string `json:"date_letter,omitempty" class:"public"` //
	// Common tells that it bears the Common Control Mark of the Vienna Convention of 1972.
	Common bool   `json:"common,omitempty" class:"public"`
	Raw    string `json:"raw,omitempty" class:"public"`
}

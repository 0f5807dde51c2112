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

// Stone is one stone of a piece, or several alike. A word that could not be read is empty here and stays in Raw.
type Stone struct {
	Kind  string `json:"kind,omitempty" class:"public"`  // diamond, sapphire …, lower case English
	Shape string `json:"shape,omitempty" class:"public"` // ROUND, PEAR, EMERALD …
	// CaratThousandths is the weight in thousandths of a metric carat (0.2 mg): of one stone, or of all together where
	// Count is above one, as the source states it.
	CaratThousandths int64  `json:"carat_thousandths,omitempty" class:"public"`
	Colour           string `json:"colour,omitempty" class:"public"`  // D … Z, "FANCY INTENSE YELLOW"; of other stones the source's word
	Clarity          string `json:"clarity,omitempty" class:"public"` // FL, IF, VVS1 …
	Cut              string `json:"cut,omitempty" class:"public"`     // IDEAL, EXCELLENT, VERY_GOOD, GOOD, FAIR, POOR
	Origin           string `json:"origin,omitempty" class:"public"`  // natural or lab_grown
	Count            int64  `json:"count,omitempty" class:"public"`   // at least 1 in a golden record
	Raw              string `json:"raw,omitempty" class:"public"`     // the source's words, field by field
}

// Certificate is a grading report of a laboratory. Lab and number together name one stone; the same number of another
// laboratory is another stone.
type Certificate struct {
	Lab    string `json:"lab,omitempty" class:"public"` // GIA, IGI, HRD …; empty when the source does not state it
	Number string `json:"number" class:"public"`        // letters in upper case and digits
	URL    string `json:"url,omitempty" class:"public"`
}

// Key gives "GIA/2141438171", and "/2141438171" where the laboratory is not known, which matches no known one.
func (c Certificate) Key() string { return c.Lab + "/" + c.Number }

// RingSize is a ring's size. Charts of different countries disagree by up to half a size, so the label is what counts
// and the circumference is for searching, with a tolerance of 6 tenths.
type RingSize struct {
	Label string `json:"label" class:"public"` // as entered, "US 7"
	// CircumferenceTenths is the inner circumference in tenths of a millimetre; 0 when the label could not be read.
	CircumferenceTenths int64 `json:"circumference_tenths,omitempty" class:"public"`
}

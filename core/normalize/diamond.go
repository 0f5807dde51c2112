package normalize

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// shapeCodes are the shapes and the codes that nearly all lists share.
var shapeCodes = map[string]string{
	"ROUND": "B BR RB RD RBC RND BRILLIANT ROUNDBRILLIANT BRILLANT ROND RUND",
	"PEAR":  "PS PSH PB PMB POIRE TROPFEN PEARSHAPE PEARBRILLIANT", "EMERALD": "EM EMERALDCUT SMARAGD EMERAUDE",
	"PRINCESS": "PRN PR PRIN PN PC MDSQB SMB PRINCESSE PRINZESS PRINCESSCUT", "MARQUISE": "MQB MQ NAVETTE MARQUISEBRILLIANT",
	"ASSCHER": "CSS CSSC AC ASSCHERCUT SQUAREEMERALD", "CUSHION": "CB CUX CU CMB CUSH CUS RCRMB CRC CSC CX RCSB SCMB SCX COUSSIN CUSHIONCUT CUSHIONBRILLIANT CUSHIONMODIFIEDBRILLIANT",
	"HEART": "HS HT MHRC COEUR HERZ HEARTSHAPE", "OVAL": "OV OMB OVALE OVALBRILLIANT", "RADIANT": "RAD RDN CRB RCRB RADIANTCUT",
	"TRILLIANT": "TRILLION TRIANGLE", "TRAPEZOID": "TRAP TRAPEZE", "OLD_MINER": "OMC OLDMINE OLDMINECUT OLDMINER", "EUROPEAN_CUT": "OEC OLDEUROPEAN OLDEUROPEANCUT EUROPEANCUT",
	"BAGUETTE": "BAG BAGUETTECUT", "KITE": "", "HALF_MOON": "HALFMOON", "BULLET": "", "SHIELD": "", "OCTAGONAL": "OCTAGON", "OTHER": "",
}

// sourceShapes are codes that lists disagree on, by source: EC is an emerald cut at RapNet and a European cut at
// Mazzal, so it is no shape at all where the source is not known.
var sourceShapes = map[string]map[string]string{
	"rapnet": {"EC": "EMERALD", "E": "EMERALD", "P": "PEAR", "M": "MARQUISE", "A": "ASSCHER", "C": "CUSHION", "H": "HEART", "O": "OVAL", "R": "RADIANT", "RA": "RADIANT", "RC": "RADIANT"},
	"mazzal": {"EC": "EUROPEAN_CUT"},
}

var shapeIndex = invert(shapeCodes)

// invert turns "value: alias alias" into alias → value; each value is its own alias.
func invert(codes map[string]string) map[string]string {
	index := map[string]string{}
	for value, aliases := range codes {
		index[compact(value)] = value
		for _, alias := range strings.Fields(aliases) {
			index[alias] = value
		}
	}
	return index
}

// compact gives the folded words in upper case without anything between them: "Very Good" is "VERYGOOD".
func compact(raw string) string { return strings.ToUpper(strings.Join(words(fold(raw)), "")) }

// Shape reads the shape of a stone. source names the list whose codes are used ("rapnet", "mazzal"); "" knows only the
// words and codes that all lists share.
func Shape(source, raw string) (shape string, ok bool) {
	key := compact(raw)
	if shape, ok = sourceShapes[source][key]; ok {
		return shape, true
	}
	shape, ok = shapeIndex[key]
	return shape, ok
}

var clarities = invert(map[string]string{
	"FL": "FLAWLESS", "IF": "LC LOUPECLEAN INTERNALLYFLAWLESS LUPENREIN PUR", "VVS1": "", "VVS2": "", "VS1": "", "VS2": "", "SI1": "", "SI2": "", "SI3": "",
	"I1": "P1 PIQUE1", "I2": "P2 PIQUE2", "I3": "P3 PIQUE3", "NONE": "N",
})

// Clarity reads a diamond's clarity grade; the European P1 … P3 are I1 … I3 and "loupe clean" is IF.
func Clarity(raw string) (grade string, ok bool) {
	grade, ok = clarities[compact(raw)]
	return grade, ok
}

var cuts = invert(map[string]string{
	"IDEAL": "I ID IDEALCUT AGS0", "EXCELLENT": "EX EXC X TRIPLEEXCELLENT 3EX", "VERY_GOOD": "VG V SEHRGUT TRESBON", "GOOD": "G GD GUT BON", "FAIR": "F FR", "POOR": "P PR",
})

// Cut reads a cut, polish or symmetry grade.
func Cut(raw string) (grade string, ok bool) {
	grade, ok = cuts[compact(raw)]
	return grade, ok
}

var fancyIntensities = map[string]string{
	"FNT": "FAINT", "VLT": "VERY LIGHT", "LGT": "LIGHT", "FCL": "FANCY LIGHT", "FCY": "FANCY", "FDK": "FANCY DARK", "FCI": "FANCY INTENSE", "FCV": "FANCY VIVID", "FDP": "FANCY DEEP",
}

var fancyHues = map[string]bool{
	"YELLOW": true, "BROWN": true, "PINK": true, "BLUE": true, "GREEN": true, "BLACK": true, "ORANGE": true, "GRAY": true, "PURPLE": true, "RED": true, "WHITE": true, "VIOLET": true, "CHAMPAGNE": true, "COGNAC": true, "CHAMELEON": true,
	"BROWNISH": true, "GREENISH": true, "YELLOWISH": true, "PINKISH": true, "PURPLISH": true, "GRAYISH": true, "ORANGY": true, "REDDISH": true, "BLUISH": true,
}

// DiamondColour reads a diamond's colour grade: D … Z, two neighbours of it ("O-P"), or a fancy colour with its
// intensity and hues ("Fancy Intense Yellow", "FCI Yellow") in upper case.
func DiamondColour(raw string) (grade string, ok bool) {
	w := strings.Fields(strings.ToUpper(strings.Join(words(fold(raw)), " ")))
	switch {
	case len(w) == 1 && grade1(w[0]):
		return w[0], true
	case len(w) == 2 && grade1(w[0]) && grade1(w[1]) && w[1][0] == w[0][0]+1:
		return w[0] + "-" + w[1], true
	case len(w) == 2 && w[1] == "COLOR" && grade1(w[0]):
		return w[0], true
	case len(w) == 0:
		return "", false
	}
	if intensity, found := fancyIntensities[w[0]]; found {
		w = append(strings.Fields(intensity), w[1:]...)
	}
	intensity := 0
	for intensity < len(w) && strings.Contains(" FAINT VERY LIGHT FANCY DARK INTENSE VIVID DEEP ", " "+w[intensity]+" ") {
		intensity++
	}
	known := false
	for _, i := range fancyIntensities {
		known = known || i == strings.Join(w[:intensity], " ")
	}
	if !known || intensity == len(w) {
		return "", false
	}
	for i, hue := range w[intensity:] {
		if hue == "GREY" || hue == "GREYISH" {
			hue = strings.Replace(hue, "E", "A", 1)
			w[intensity+i] = hue
		}
		if !fancyHues[hue] {
			return "", false
		}
	}
	return strings.Join(w, " "), true
}

func grade1(w string) bool { return len(w) == 1 && w[0] >= 'D' && w[0] <= 'Z' }

var stoneKinds = invert(map[string]string{
	"diamond": "DIAMANT DIAMANTE DIAMONDS DIAMANTS DIAMANTEN BRILLANT BRILLANTEN DIA", "sapphire": "SAPHIR ZAFFIRO ZAFIRO SAPHIRS SAPPHIRES", "ruby": "RUBIN RUBIS RUBINO RUBI RUBIES",
	"emerald": "EMERAUDE SMARAGD SMERALDO ESMERALDA EMERALDS", "pearl": "PERLE PERLA PEARLS PERLEN PERLES", "amethyst": "AMETHYSTE AMETISTA", "aquamarine": "AQUAMARIN AIGUEMARINE ACQUAMARINA",
	"topaz": "TOPAZE TOPAS", "opal": "OPALE", "tanzanite": "TANSANIT", "tourmaline": "TURMALIN", "garnet": "GRENAT GRANAT", "spinel": "SPINELL SPINELLE", "moissanite": "MOISSANIT", "cubic_zirconia": "CZ ZIRKONIA ZIRCONIA",
	"citrine": "CITRIN", "peridot": "", "morganite": "MORGANIT", "alexandrite": "ALEXANDRIT", "onyx": "", "turquoise": "TURKIS",
})

var origins = invert(map[string]string{
	"natural": "NATUREL NATURLICH NATURALE MINED EARTHMINED", "lab_grown": "LG LGD LABGROWN LAB LABORATORYGROWN LABCREATED CVD HPHT SYNTHETIC SYNTHETISCH CREATED",
})

// Stone reads a stone field by field with the code lists of source. What a field can't be read as stays empty, its
// words in Raw; the error joins one reason for each such field and wraps ErrUnread. A kind that is not in the table
// keeps its own words, since the vocabulary of stones is open.
func Stone(source string, stated canon.StatedStone) (canon.Stone, error) {
	s := canon.Stone{Count: max(stated.Count, 1)}
	var doubts []error
	if stated.Count < 0 {
		doubts = append(doubts, fmt.Errorf("%w: %d stones", ErrUnread, stated.Count))
	}
	if kind, ok := stoneKinds[compact(stated.Kind)]; ok {
		s.Kind = kind
	} else {
		s.Kind = Name(stated.Kind)
	}
	read := func(field, raw string, into *string, by func(string) (string, bool)) {
		if strings.TrimSpace(raw) == "" {
			return
		}
		value, ok := by(raw)
		if !ok {
			doubts = append(doubts, fmt.Errorf("%w: %s %.48q is not in the table of %s", ErrUnread, field, raw, field))
		}
		*into = value
	}
	read("shape", stated.Shape, &s.Shape, func(raw string) (string, bool) { return Shape(source, raw) })
	if s.Kind == "diamond" {
		read("colour", stated.Colour, &s.Colour, DiamondColour)
		read("clarity", stated.Clarity, &s.Clarity, Clarity)
	} else { // other stones have no common scale
		s.Colour, s.Clarity = strings.ToUpper(Name(stated.Colour)), strings.ToUpper(Name(stated.Clarity))
	}
	read("cut", stated.Cut, &s.Cut, Cut)
	read("origin", stated.Origin, &s.Origin, func(raw string) (string, bool) { o, ok := origins[compact(raw)]; return o, ok })
	if strings.TrimSpace(stated.Carat) != "" {
		carat, err := Carat(stated.Carat)
		if err != nil {
			doubts = append(doubts, err)
		}
		s.CaratThousandths = carat
	}
	s.Raw = joinStated([]string{stated.Kind, stated.Shape, stated.Carat, stated.Colour, stated.Clarity, stated.Cut, stated.Origin})
	return s, errors.Join(doubts...)
}

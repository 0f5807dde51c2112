package normalize

import "strings"

// shapes: the codes that nearly all lists share, and those that lists disagree on. EC is an emerald cut at RapNet and a
// European cut at Mazzal; a single letter is RapNet's alone (technet.rapaport.com, FieldsAndValues; mazzal.net).
var shapes = newGlossary(map[string]string{
	"ROUND": "B BR RB RD RBC RND BRILLIANT ROUNDBRILLIANT BRILLANT ROND RUND",
	"PEAR":  "PS PSH PB PMB POIRE TROPFEN PEARSHAPE PEARBRILLIANT", "EMERALD": "EM EMERALDCUT SMARAGD EMERAUDE",
	"PRINCESS": "PRN PR PRIN PN PC MDSQB SMB PRINCESSE PRINZESS PRINCESSCUT", "MARQUISE": "MQB MQ NAVETTE MARQUISEBRILLIANT",
	"ASSCHER": "CSS CSSC AC ASSCHERCUT SQUAREEMERALD", "CUSHION": "CB CUX CU CMB CUSH CUS RCRMB CRC CSC CX RCSB SCMB SCX COUSSIN CUSHIONCUT CUSHIONBRILLIANT CUSHIONMODIFIEDBRILLIANT",
	"HEART": "HS HT MHRC COEUR HERZ HEARTSHAPE", "OVAL": "OV OMB OVALE OVALBRILLIANT", "RADIANT": "RAD RDN CRB RCRB RADIANTCUT",
	"TRILLIANT": "TRILLION TRIANGLE", "TRAPEZOID": "TRAP TRAPEZE", "OLD_MINER": "OMC OLDMINE OLDMINECUT OLDMINER", "EUROPEAN_CUT": "OEC OLDEUROPEAN OLDEUROPEANCUT EUROPEANCUT",
	"BAGUETTE": "BAG BAGUETTECUT", "KITE": "", "HALF_MOON": "HALFMOON", "BULLET": "", "SHIELD": "", "OCTAGONAL": "OCTAGON", "CABOCHON": "CAB", "OTHER": "",
}, map[string]map[string]string{
	"rapnet": {"EMERALD": "EC E", "PEAR": "P", "MARQUISE": "M", "ASSCHER": "A", "CUSHION": "C", "HEART": "H", "OVAL": "O", "RADIANT": "R RA RC"},
	"mazzal": {"EUROPEAN_CUT": "EC"},
})

// Shape reads the shape of a stone. source names the list whose codes are used ("rapnet", "mazzal"); "" knows only the
// words and codes that all lists share.
func Shape(source, raw string) (shape string, ok bool) { return shapes.read(source, raw) }

var clarities = newGlossary(map[string]string{
	"FL": "FLAWLESS", "IF": "LC LOUPECLEAN INTERNALLYFLAWLESS LUPENREIN PUR", "VVS1": "", "VVS2": "", "VS1": "", "VS2": "", "SI1": "", "SI2": "", "SI3": "",
	"I1": "P1 PIQUE1", "I2": "P2 PIQUE2", "I3": "P3 PIQUE3", "NONE": "N",
}, nil)

// Clarity reads a diamond's clarity grade; the European P1 … P3 are I1 … I3 and "loupe clean" is IF.
func Clarity(raw string) (grade string, ok bool) { return clarities.read("", raw) }

// gradeOrder is the scale of cut, polish and symmetry from the best.
var gradeOrder = []string{"IDEAL", "EXCELLENT", "VERY_GOOD", "GOOD", "FAIR", "POOR"}

// grades: the AGS counts from 0 (ideal) to 10, in the bands of its own reports (1 excellent, 2 very good, 3-4 good,
// 5-7 fair, 8-10 poor).
var grades = newGlossary(map[string]string{
	"IDEAL": "I ID IDEALCUT AGS0", "EXCELLENT": "EX EXC X TRIPLEEXCELLENT 3EX", "VERY_GOOD": "VG V SEHRGUT TRESBON", "GOOD": "G GD GUT BON", "FAIR": "F FR", "POOR": "P PR",
}, map[string]map[string]string{
	"ags": {"IDEAL": "0", "EXCELLENT": "1", "VERY_GOOD": "2", "GOOD": "3 4", "FAIR": "5 6 7", "POOR": "8 9 10"},
})

// Cut reads a cut grade.
func Cut(raw string) (grade string, ok bool) { return Grade("", raw) }

// Grade reads a cut, polish or symmetry grade in a source's code list. RapNet also has grades between two neighbours
// ("VG-EX"); they are kept as "VERY_GOOD-EXCELLENT", the lower first.
func Grade(source, raw string) (grade string, ok bool) {
	if grade, ok = grades.read(source, raw); ok {
		return grade, true
	}
	left, right, found := strings.Cut(raw, "-")
	if !found {
		left, right, found = strings.Cut(raw, "/")
	}
	a, aok := grades.read(source, left)
	b, bok := grades.read(source, right)
	if !found || !aok || !bok {
		return "", false
	}
	for i := 1; i < len(gradeOrder); i++ {
		better, worse := gradeOrder[i-1], gradeOrder[i]
		if a == better && b == worse || a == worse && b == better {
			return worse + "-" + better, true
		}
	}
	return "", false
}

// fluorescences: VS is very strong at RapNet and very slight in older lists, so it is no word by itself; the
// laboratories' own scales (HRD's slight, RapNet's very slight) are kept, since they are not the GIA's faint.
var fluorescences = newGlossary(map[string]string{
	"NONE": "NON NIL NO INERT KEINE AUCUNE", "FAINT": "FNT FB FAIBLE SCHWACH", "VERY_SLIGHT": "VSL VERYSL", "SLIGHT": "SLT SL", "MEDIUM": "MED MEDIUMBLUE MITTEL MOYENNE",
	"STRONG": "STG STR STARK FORTE", "VERY_STRONG": "VST VSTG VERYSTG VERYSTR SEHRSTARK TRESFORTE",
}, map[string]map[string]string{
	"rapnet": {"NONE": "N", "FAINT": "F", "MEDIUM": "M", "STRONG": "S", "VERY_STRONG": "VS"},
	"mazzal": {"NONE": "N", "FAINT": "F", "MEDIUM": "M", "STRONG": "S", "VERY_SLIGHT": "VS"},
})

var fluorescenceColours = newGlossary(map[string]string{
	"BLUE": "BLEU BLAU", "YELLOW": "JAUNE GELB", "WHITE": "", "ORANGE": "", "RED": "", "GREEN": "", "PINK": "",
}, map[string]map[string]string{"rapnet": {"BLUE": "B", "YELLOW": "Y", "WHITE": "W", "ORANGE": "O", "RED": "R", "GREEN": "G"}})

// Fluorescence reads how strongly a diamond glows under ultraviolet light and in which colour: "Strong Blue", "MED
// Yellow", "None". The colour is empty where it is not stated.
func Fluorescence(source, raw string) (strength, colour string, ok bool) {
	if strength, ok = fluorescences.read(source, raw); ok {
		return strength, "", true
	}
	w := words(fold(raw))
	for cut := len(w) - 1; cut > 0; cut-- {
		s, sok := fluorescences.read(source, strings.Join(w[:cut], " "))
		c, cok := fluorescenceColours.read(source, strings.Join(w[cut:], " "))
		if sok && cok && s != "NONE" {
			return s, c, true
		}
	}
	return "", "", false
}

var culets = newGlossary(map[string]string{
	"NONE": "NON", "POINTED": "PTD", "VERY_SMALL": "VSM VSML", "SMALL": "SML", "MEDIUM": "MED", "SLIGHTLY_LARGE": "SLG", "LARGE": "LGE", "VERY_LARGE": "VLG", "EXTREMELY_LARGE": "ELG",
}, map[string]map[string]string{"rapnet": {"NONE": "N", "VERY_SMALL": "VS", "SMALL": "S", "MEDIUM": "M", "SLIGHTLY_LARGE": "SL", "LARGE": "L", "VERY_LARGE": "VL", "EXTREMELY_LARGE": "EL"}})

package normalize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

var stoneKinds = invert(map[string]string{
	"diamond": "DIAMANT DIAMANTE DIAMONDS DIAMANTS DIAMANTEN BRILLANT BRILLANTEN DIA", "sapphire": "SAPHIR ZAFFIRO ZAFIRO SAPHIRS SAPPHIRES", "ruby": "RUBIN RUBIS RUBINO RUBI RUBIES",
	"emerald": "EMERAUDE SMARAGD SMERALDO ESMERALDA EMERALDS", "pearl": "PERLE PERLA PEARLS PERLEN PERLES", "amethyst": "AMETHYSTE AMETISTA", "aquamarine": "AQUAMARIN AIGUEMARINE ACQUAMARINA",
	"topaz": "TOPAZE TOPAS", "opal": "OPALE", "tanzanite": "TANSANIT", "tourmaline": "TURMALIN", "garnet": "GRENAT GRANAT", "spinel": "SPINELL SPINELLE", "moissanite": "MOISSANIT", "cubic_zirconia": "CZ ZIRKONIA ZIRCONIA",
	"citrine": "CITRIN", "peridot": "", "morganite": "MORGANIT", "alexandrite": "ALEXANDRIT", "onyx": "", "turquoise": "TURKIS", "zircon": "", "jadeite": "JADEIT", "nephrite": "", "lapis_lazuli": "LAPIS",
	"quartz": "QUARZ", "moonstone": "MONDSTEIN", "coral": "CORAIL KORALLE", "amber": "AMBRE BERNSTEIN", "spodumene": "", "chrysoberyl": "", "beryl": "",
})

// varieties are trade names that say more than the kind.
var varieties = invert(map[string]string{
	"garnet/tsavorite": "TSAVORITE TSAVORIT", "garnet/demantoid": "DEMANTOID", "garnet/rhodolite": "RHODOLITE RHODOLITH", "garnet/spessartine": "SPESSARTINE SPESSARTIN MANDARINGARNET", "garnet/pyrope": "PYROPE", "garnet/almandine": "ALMANDINE",
	"sapphire/padparadscha": "PADPARADSCHA PADPARADSCHASAPPHIRE", "sapphire/star": "STARSAPPHIRE", "ruby/star": "STARRUBY",
	"pearl/akoya": "AKOYA AKOYAPEARL", "pearl/tahitian": "TAHITIAN TAHITI TAHITIANPEARL PERLEDETAHITI", "pearl/south_sea": "SOUTHSEA SOUTHSEAPEARL SUDSEEPERLE", "pearl/freshwater": "FRESHWATER FRESHWATERPEARL SUSSWASSERPERLE", "pearl/conch": "CONCH CONCHPEARL",
	"tourmaline/paraiba": "PARAIBA PARAIBATOURMALINE", "tourmaline/rubellite": "RUBELLITE RUBELLIT", "tourmaline/indicolite": "INDICOLITE INDIGOLITE", "tourmaline/watermelon": "WATERMELONTOURMALINE",
	"topaz/imperial": "IMPERIALTOPAZ", "topaz/london_blue": "LONDONBLUE LONDONBLUETOPAZ", "topaz/swiss_blue": "SWISSBLUETOPAZ", "quartz/smoky": "SMOKYQUARTZ RAUCHQUARZ", "quartz/rose": "ROSEQUARTZ ROSENQUARZ",
	"opal/black": "BLACKOPAL", "opal/fire": "FIREOPAL FEUEROPAL", "spodumene/kunzite": "KUNZITE KUNZIT", "spodumene/hiddenite": "HIDDENITE", "chrysoberyl/cats_eye": "CATSEYE CATSEYECHRYSOBERYL", "beryl/heliodor": "HELIODOR",
})

// stoneKind reads what a stone is. A kind that is not in the table keeps its own words, since the vocabulary is open.
func stoneKind(kind, variety string) (k, v string) {
	if both, ok := varieties[compact(variety)]; ok {
		k, v, _ = strings.Cut(both, "/")
	} else {
		v = Name(variety)
	}
	stated, ok := stoneKinds[compact(kind)]
	if !ok {
		if both, found := varieties[compact(kind)]; found && v == "" {
			stated, v, _ = strings.Cut(both, "/")
		} else {
			stated = Name(kind)
		}
	}
	if stated != "" {
		k = stated // the source's own word for the kind outranks what its variety implies
	}
	return k, v
}

var stoneRoles = invert(map[string]string{
	"centre": "CENTER CENTRESTONE CENTERSTONE MAIN MAINSTONE HAUPTSTEIN PIERRECENTRALE CENTRALE PRINCIPAL", "side": "SIDESTONE SIDESTONES SEITENSTEIN LATERALE",
	"accent": "ACCENTS ACCENTSTONE MELEE PAVE HALO ENTOURAGE BESATZ",
})

var origins = invert(map[string]string{
	"natural": "NATUREL NATURLICH NATURALE MINED EARTHMINED", "lab_grown": "LG LGD LABGROWN LAB LABORATORYGROWN LABCREATED CVD HPHT SYNTHETIC SYNTHETISCH CREATED",
})

var growths = invert(map[string]string{
	"cvd": "CHEMICALVAPORDEPOSITION CHEMICALVAPOURDEPOSITION", "hpht": "HIGHPRESSUREHIGHTEMPERATURE",
})

// treatments: what is done to stones and must be disclosed. The letters are the enhancement codes of the American Gem
// Trade Association and mean nothing elsewhere; "not heated" says nothing of other treatments.
var treatments = newGlossary(map[string]string{
	"none": "NO UNTREATED NOTREATMENT NOTENHANCED NOINDICATIONSOFTREATMENT AUCUN AUCUNTRAITEMENT UNBEHANDELT KEINE", "unheated": "NOHEAT NOTHEATED NTE NONCHAUFFE UNERHITZT NOINDICATIONSOFHEATING NOEVIDENCEOFHEATING",
	"heated": "HEAT HEATTREATED HEATING TE CHAUFFE ERHITZT INDICATIONSOFHEATING", "no_oil": "NOOIL NOTOILED NOCLARITYENHANCEMENT", "oiled": "OIL OILING HUILE GEOLT",
	"minor_oil": "INSIGNIFICANTOIL MINOROIL F1", "moderate_oil": "MODERATEOIL F2", "significant_oil": "SIGNIFICANTOIL F3", "resin_filled": "RESIN OPTICON", "fracture_filled": "CLARITYENHANCED FRACTUREFILLING FILLEDFRACTURES CE",
	"glass_filled": "LEADGLASSFILLED GLASSFILLING", "laser_drilled": "LASERDRILLING LASERED LD INTERNALLASERDRILLING ILD KM", "hpht": "HPHTTREATED HPHTANNEALED HPHTPROCESSED POSTGROWTHHPHT", "irradiated": "IRRADIATION",
	"annealed": "ANNEALING", "coated": "COATING SURFACECOATED", "dyed": "DYEING TEINTE GEFARBT", "bleached": "BLEACHING", "diffusion": "DIFFUSIONTREATED SURFACEDIFFUSION BERYLLIUMDIFFUSION BE BERYLLIUMHEATED", "waxed": "WAXING", "impregnated": "IMPREGNATION STABILIZED STABILISED",
}, map[string]map[string]string{
	"agta": {"none": "N", "heated": "H", "oiled": "O", "irradiated": "R", "fracture_filled": "F", "dyed": "D", "bleached": "B", "coated": "C", "diffusion": "U", "impregnated": "I", "laser_drilled": "L", "waxed": "W"},
	"grs":  {"heated": "H", "unheated": "N"},
})

// Treatments reads a list of what was done to a stone, parted by commas, semicolons, plus signs or slashes. What is not
// in the table comes back as an error beside the rest, and so does "none" beside a treatment.
func Treatments(source, raw string) ([]string, error) {
	var out []string
	for _, word := range strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune(",;+/|", r) }) {
		if strings.TrimSpace(word) == "" {
			continue
		}
		t, ok := treatments.read(source, word)
		if !ok {
			return out, fmt.Errorf("%w: treatment %.48q is not in the table of treatments", ErrUnread, strings.TrimSpace(word))
		}
		out = append(out, t)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	if len(out) > 1 && slices.Contains(out, "none") {
		return nil, fmt.Errorf("%w: treatments %.64q say none and something", ErrUnread, raw)
	}
	return out, nil
}

// localities are where stones are found, as reports and the trade name it: country and region. A word of the trade that
// is also a quality ("Burma type", "Ceylon colour") is not an origin, so further words make it unread.
var localities = map[string]canon.Locality{
	"KASHMIR": {Region: "kashmir"}, "BURMA": {Country: "MM"}, "BIRMANIE": {Country: "MM"}, "MOGOK": {Country: "MM", Region: "mogok"}, "MONGHSU": {Country: "MM", Region: "mong_hsu"},
	"CEYLON": {Country: "LK"}, "COLOMBIE": {Country: "CO"}, "KOLUMBIEN": {Country: "CO"}, "MUZO": {Country: "CO", Region: "muzo"}, "CHIVOR": {Country: "CO", Region: "chivor"}, "COSCUEZ": {Country: "CO", Region: "coscuez"},
	"PARAIBA": {Country: "BR", Region: "paraiba"}, "PAILIN": {Country: "KH", Region: "pailin"}, "MONTANA": {Country: "US", Region: "montana"}, "YOGO": {Country: "US", Region: "yogo"},
	"KAGEM": {Country: "ZM", Region: "kagem"}, "KAFUBU": {Country: "ZM", Region: "kafubu"}, "MONTEPUEZ": {Country: "MZ", Region: "montepuez"}, "ILAKAKA": {Country: "MG", Region: "ilakaka"}, "WINZA": {Country: "TZ", Region: "winza"},
	"MERELANI": {Country: "TZ", Region: "merelani"}, "ARGYLE": {Country: "AU", Region: "argyle"}, "LIGHTNINGRIDGE": {Country: "AU", Region: "lightning_ridge"}, "PANJSHIR": {Country: "AF", Region: "panjshir"}, "SANTATEREZINHA": {Country: "BR", Region: "santa_terezinha"},
	"KANCHANABURI": {Country: "TH", Region: "kanchanaburi"}, "CHANTHABURI": {Country: "TH", Region: "chanthaburi"}, "LUCYEN": {Country: "VN", Region: "luc_yen"}, "URAL": {Country: "RU", Region: "ural"}, "TAHITI": {Country: "PF"},
}

// LocalityOf reads where a stone was found: "Burma (Myanmar)", "Colombia, Muzo", "Kashmir". It is not ok where a word is
// not known or two countries are named.
func LocalityOf(raw string) (canon.Locality, bool) {
	var l canon.Locality
	parts := strings.FieldsFunc(raw, func(r rune) bool { return strings.ContainsRune("(),;/", r) })
	for _, part := range parts {
		if strings.TrimSpace(part) == "" {
			continue
		}
		found, ok := localities[compact(part)]
		if !ok {
			found.Country, ok = Country(part)
		}
		if !ok || l.Country != "" && found.Country != "" && found.Country != l.Country || l.Region != "" && found.Region != "" && found.Region != l.Region {
			return canon.Locality{}, false
		}
		if found.Country != "" {
			l.Country = found.Country
		}
		if found.Region != "" {
			l.Region = found.Region
		}
	}
	return l, l != (canon.Locality{})
}

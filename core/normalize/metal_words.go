package normalize

import "github.com/jumpring/jumpring/core/canon"

// metalWords name metals, folded, in the languages of catalogues (English, French, German, Italian, Spanish, Dutch).
// "or" is left out: it is French for gold and an English conjunction, so its neighbours decide.
var metalWords = map[string]canon.MetalKind{
	"gold": canon.Gold, "goud": canon.Gold, "oro": canon.Gold, "ouro": canon.Gold, "au": canon.Gold, "feingold": canon.Gold,
	"silver": canon.Silver, "silber": canon.Silver, "argent": canon.Silver, "argento": canon.Silver, "plata": canon.Silver, "zilver": canon.Silver, "ag": canon.Silver,
	"platinum": canon.Platinum, "platin": canon.Platinum, "platine": canon.Platinum, "platino": canon.Platinum, "platina": canon.Platinum, "plat": canon.Platinum, "pt": canon.Platinum,
	"palladium": canon.Palladium, "palladio": canon.Palladium, "pd": canon.Palladium,
	"rhodium":  canon.Rhodium,
	"titanium": canon.Titanium, "titan": canon.Titanium, "titane": canon.Titanium, "titanio": canon.Titanium, "ti": canon.Titanium,
	"tungsten": canon.Tungsten, "wolfram": canon.Tungsten, "tungstene": canon.Tungsten, "tungsteno": canon.Tungsten,
	"steel": canon.Steel, "stahl": canon.Steel, "edelstahl": canon.Steel, "acier": canon.Steel, "acciaio": canon.Steel, "acero": canon.Steel, "inox": canon.Steel,
	"brass": canon.Brass, "messing": canon.Brass, "laiton": canon.Brass, "ottone": canon.Brass, "laton": canon.Brass,
	"bronze": canon.OtherMetal, "copper": canon.OtherMetal, "kupfer": canon.OtherMetal, "cuivre": canon.OtherMetal, "aluminium": canon.OtherMetal, "aluminum": canon.OtherMetal,
}

// colourWords name alloy colours. Red, pink and rose are one family. French "gris" is the trade's name of white gold.
var colourWords = map[string]canon.MetalColour{
	"yellow": canon.Yellow, "jaune": canon.Yellow, "gelb": canon.Yellow, "gelbes": canon.Yellow, "giallo": canon.Yellow, "amarillo": canon.Yellow, "geel": canon.Yellow,
	"white": canon.White, "blanc": canon.White, "weiss": canon.White, "weisses": canon.White, "bianco": canon.White, "blanco": canon.White, "wit": canon.White, "gris": canon.White,
	"rose": canon.Rose, "rosa": canon.Rose, "pink": canon.Rose, "red": canon.Rose, "rot": canon.Rose, "rotes": canon.Rose, "rouge": canon.Rose, "rosso": canon.Rose, "rojo": canon.Rose,
	"green": canon.Green, "vert": canon.Green, "grun": canon.Green, "gruen": canon.Green, "verde": canon.Green,
	"black": canon.Black, "noir": canon.Black, "schwarz": canon.Black, "nero": canon.Black, "negro": canon.Black,
	"bicolor": canon.TwoTone, "bicolore": canon.TwoTone, "bicolour": canon.TwoTone, "zweifarbig": canon.TwoTone, "twotone": canon.TwoTone,
	"tricolor": canon.TriTone, "tricolore": canon.TriTone, "tricolour": canon.TriTone, "dreifarbig": canon.TriTone, "tritone": canon.TriTone,
}

// compoundWords are single words that say several things.
var compoundWords = map[string][]string{
	"gelbgold": {"yellow", "gold"}, "weissgold": {"white", "gold"}, "rotgold": {"rose", "gold"}, "rosegold": {"rose", "gold"}, "grungold": {"green", "gold"}, "rosagold": {"rose", "gold"},
	"geelgoud": {"yellow", "gold"}, "witgoud": {"white", "gold"}, "roodgoud": {"rose", "gold"}, "rosegoud": {"rose", "gold"},
	"yg": {"yellow", "gold"}, "wg": {"white", "gold"}, "rg": {"rose", "gold"},
	"ky": {"k", "yellow"}, "kw": {"k", "white"}, "kr": {"k", "rose"}, "kyg": {"k", "yellow", "gold"}, "kwg": {"k", "white", "gold"}, "krg": {"k", "rose", "gold"},
	"ktyg": {"k", "yellow", "gold"}, "ktwg": {"k", "white", "gold"}, "ktrg": {"k", "rose", "gold"}, "ctyg": {"k", "yellow", "gold"}, "ctwg": {"k", "white", "gold"}, "ctrg": {"k", "rose", "gold"},
	"sterlingsilber": {"silver", "sterling"}, "sterlingsilver": {"silver", "sterling"},
}

// karatUnits follow the number of a karat.
var karatUnits = map[string]bool{"k": true, "kt": true, "kts": true, "ct": true, "cts": true, "karat": true, "karats": true, "carat": true, "carats": true, "carati": true, "kilates": true, "quilates": true, "karaat": true}

// fillers say nothing about the metal itself.
var fillers = map[string]bool{
	"of": true, "in": true, "de": true, "en": true, "er": true, "und": true, "et": true, "and": true, "e": true, "aus": true, "with": true, "a": true,
	"solid": true, "massif": true, "massiv": true, "massives": true, "massivo": true, "massief": true, "fine": true, "fein": true, "fin": true, "metal": true, "metall": true, "jewelry": true, "jewellery": true,
	"recycled": true, "fairmined": true, "hallmarked": true, "polished": true, "poliert": true, "poli": true, "stainless": true, "carbide": true, "alloy": true, "legierung": true,
}

// coatings tell that the metal named is, or may be, only on the surface.
var coatings = map[string]bool{
	"plated": true, "plate": true, "plating": true, "gp": true, "gep": true, "hge": true, "gf": true, "filled": true, "rolled": true, "vermeil": true, "plaque": true, "plaquee": true, "dore": true, "doree": true,
	"vergoldet": true, "versilbert": true, "vergoldetes": true, "double": true, "placcato": true, "placcata": true, "chapado": true, "verguld": true, "coated": true, "overlay": true, "bonded": true, "clad": true, "flash": true, "wash": true, "gilt": true, "gilded": true,
	"tone": true, "toned": true, "colour": true, "coloured": true, "color": true, "colored": true, "farben": true, "goldfarben": true, "imitation": true, "faux": true, "fake": true, "not": true, "no": true, "non": true, "kein": true, "finish": true,
}

// fineMarks name a fineness by themselves.
var fineMarks = map[string]int64{"sterling": 925, "britannia": 958}

// legalMetals says of which single metal a fineness, stated alone, is a standard: the United Kingdom's table (gold 375
// 585 750 916 990, silver 800 925 958, platinum 850; hallmarkingconvention.org), 333 of Germany, 417 of the United
// States and 830, 835 of Scandinavia and Germany. Shared ones are left out and stay without a metal: 500, 875, 900, 950, 999.
var legalMetals = map[int64]canon.MetalKind{
	333: canon.Gold, 375: canon.Gold, 417: canon.Gold, 585: canon.Gold, 750: canon.Gold, 916: canon.Gold, 990: canon.Gold,
	800: canon.Silver, 830: canon.Silver, 835: canon.Silver, 925: canon.Silver, 958: canon.Silver,
	850: canon.Platinum,
}

// sameStandard maps marks that round the same karat in another way to the one that the model uses.
var sameStandard = map[int64]int64{416: 417, 583: 585, 917: 916}

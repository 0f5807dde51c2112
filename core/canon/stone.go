package canon

// Stone is one stone of a piece, or several alike. A word that could not be read is empty here and stays in Raw.
//
// The scales of diamonds are those of the Gemological Institute of America with the trade's additions (SI3, IDEAL); of
// other stones colour and clarity are the source's own words, since no common scale exists.
type Stone struct {
	Kind    string `json:"kind,omitempty" class:"public"`    // diamond, sapphire …, lower case English
	Variety string `json:"variety,omitempty" class:"public"` // of the kind: tsavorite, padparadscha, akoya …
	// Role is centre, side or accent; empty when not stated.
	Role  string `json:"role,omitempty" class:"public"`
	Shape string `json:"shape,omitempty" class:"public"` // ROUND, PEAR, EMERALD …
	// CaratThousandths is the weight in thousandths of a metric carat (0.2 mg): of one stone, or of all together where
	// Count is above one, as the source states it.
	CaratThousandths int64        `json:"carat_thousandths,omitempty" class:"public"`
	Colour           string       `json:"colour,omitempty" class:"public"`  // D … Z, "FANCY INTENSE YELLOW"; of other stones the source's word
	Fancy            *FancyColour `json:"fancy,omitempty" class:"public"`   // of a diamond of fancy colour, Colour taken apart
	Clarity          string       `json:"clarity,omitempty" class:"public"` // FL, IF, VVS1 … I3; NONE where it is not graded
	Cut              string       `json:"cut,omitempty" class:"public"`     // IDEAL, EXCELLENT, VERY_GOOD, GOOD, FAIR, POOR
	Polish           string       `json:"polish,omitempty" class:"public"`  // the scale of Cut
	Symmetry         string       `json:"symmetry,omitempty" class:"public"`
	// Fluorescence is NONE, FAINT, MEDIUM, STRONG or VERY_STRONG, or VERY_SLIGHT and SLIGHT of laboratories with that
	// scale; its colour stands apart (BLUE, YELLOW …).
	Fluorescence       string       `json:"fluorescence,omitempty" class:"public"`
	FluorescenceColour string       `json:"fluorescence_colour,omitempty" class:"public"`
	Dimensions         *Dimensions  `json:"dimensions,omitempty" class:"public"`
	Proportions        *Proportions `json:"proportions,omitempty" class:"public"`
	Origin             string       `json:"origin,omitempty" class:"public"` // natural or lab_grown
	Growth             string       `json:"growth,omitempty" class:"public"` // of a lab-grown stone: cvd or hpht
	// Treatments are what was done to it (heated, oiled, laser_drilled …), sorted; "none" where the source says that
	// nothing was. They must be disclosed at a sale.
	Treatments []string  `json:"treatments,omitempty" class:"public"`
	Locality   *Locality `json:"locality,omitempty" class:"public"` // where it was found
	// Certificate is the Key of the report that describes this stone.
	Certificate string `json:"certificate,omitempty" class:"public"`
	Count       int64  `json:"count,omitempty" class:"public"` // at least 1 in a golden record
	Raw         string `json:"raw,omitempty" class:"public"`   // the source's words, field by field
}

// FancyColour is the colour of a diamond outside of the scale D … Z (RapNet's and the GIA's words).
type FancyColour struct {
	Intensity string   `json:"intensity" class:"public"`           // FAINT … FANCY VIVID, FANCY DEEP
	Hue       string   `json:"hue" class:"public"`                 // YELLOW, PINK, BLUE …: the last word, which governs
	Overtones []string `json:"overtones,omitempty" class:"public"` // BROWNISH, ORANGY …, as they stand before the hue
}

// Dimensions are a stone's measurements in hundredths of a millimetre. Of a round stone Length and Width are the
// least and the greatest diameter.
type Dimensions struct {
	Length int64 `json:"length" class:"public"`
	Width  int64 `json:"width" class:"public"`
	Depth  int64 `json:"depth,omitempty" class:"public"`
}

// Proportions are the proportions of a faceted stone: shares in hundredths of a percent of the mean diameter, angles
// in hundredths of a degree. 0 means that it is not stated.
type Proportions struct {
	Depth         int64  `json:"depth,omitempty" class:"public"`
	Table         int64  `json:"table,omitempty" class:"public"`
	CrownAngle    int64  `json:"crown_angle,omitempty" class:"public"`
	CrownHeight   int64  `json:"crown_height,omitempty" class:"public"`
	PavilionAngle int64  `json:"pavilion_angle,omitempty" class:"public"`
	PavilionDepth int64  `json:"pavilion_depth,omitempty" class:"public"`
	StarLength    int64  `json:"star_length,omitempty" class:"public"`
	LowerHalf     int64  `json:"lower_half,omitempty" class:"public"`
	Girdle        string `json:"girdle,omitempty" class:"public"` // the report's words, "Medium - Slightly Thick"
	Culet         string `json:"culet,omitempty" class:"public"`  // NONE, VERY_SMALL … EXTREMELY_LARGE
}

// Locality is where a stone was found, as far as the source's words say.
type Locality struct {
	Country string `json:"country,omitempty" class:"public"` // ISO 3166-1 alpha-2
	Region  string `json:"region,omitempty" class:"public"`  // kashmir, mogok, paraiba …
}

// Certificate is a grading report of a laboratory. Lab and number together name one stone; the same number of another
// laboratory is another stone. A number may be issued again, so the date stands beside it.
type Certificate struct {
	Lab    string `json:"lab,omitempty" class:"public"` // GIA, IGI, HRD …; empty when the source does not state it
	Number string `json:"number" class:"public"`        // letters in upper case and digits
	URL    string `json:"url,omitempty" class:"public"`
	Type   string `json:"type,omitempty" class:"public"` // the laboratory's word or code, "DD", "Diamond Dossier"
	Date   string `json:"date,omitempty" class:"public"` // of the report, YYYY-MM-DD
	// Inscription is what is engraved on the stone's girdle.
	Inscription string `json:"inscription,omitempty" class:"public"`
	// Hash is the SHA-256 of the report's document, in lower case hexadecimal.
	Hash string `json:"hash,omitempty" class:"public"`
	// Grading is what the report says of the stone; Text are its words as the source gave them.
	Grading *Stone `json:"grading,omitempty" class:"public"`
	Text    string `json:"text,omitempty" class:"public"`
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

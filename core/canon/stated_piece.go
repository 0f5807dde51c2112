package canon

// StatedCert is a grading report as a source names it.
type StatedCert struct {
	Lab         string       `json:"lab,omitempty"` // "GIA"; empty when the source gives a number alone
	Number      string       `json:"number"`
	URL         string       `json:"url,omitempty"`
	Type        string       `json:"type,omitempty"` // "DD", "Diamond Dossier"
	Date        string       `json:"date,omitempty"` // of the report
	Inscription string       `json:"inscription,omitempty"`
	Hash        string       `json:"hash,omitempty"`    // SHA-256 of the document, hexadecimal
	Grading     *StatedStone `json:"grading,omitempty"` // what the report says of the stone
	Text        string       `json:"text,omitempty"`    // the report's own words
}

// StatedStone is a stone as a source describes it.
type StatedStone struct {
	Kind               string            `json:"kind,omitempty"`    // "diamond", "sapphire"
	Variety            string            `json:"variety,omitempty"` // "tsavorite"
	Role               string            `json:"role,omitempty"`    // "centre", "side", "melee"
	Shape              string            `json:"shape,omitempty"`   //
	Carat              string            `json:"carat,omitempty"`   // "0.51 carat"
	Colour             string            `json:"colour,omitempty"`
	Clarity            string            `json:"clarity,omitempty"`
	Cut                string            `json:"cut,omitempty"`
	Polish             string            `json:"polish,omitempty"`
	Symmetry           string            `json:"symmetry,omitempty"`
	Fluorescence       string            `json:"fluorescence,omitempty"`        // "Faint", "Strong Blue"
	FluorescenceColour string            `json:"fluorescence_colour,omitempty"` // when stated apart
	Measurements       string            `json:"measurements,omitempty"`        // "5.12 - 5.15 x 3.18 mm"
	Proportions        *StatedProportion `json:"proportions,omitempty"`
	Origin             string            `json:"origin,omitempty"`     // natural or lab-grown, as stated
	Growth             string            `json:"growth,omitempty"`     // "CVD", "HPHT"
	Treatments         string            `json:"treatments,omitempty"` // "heated, oiled"
	Locality           string            `json:"locality,omitempty"`   // "Burma", "Colombia (Muzo)"
	// Certificate is the number of the report that describes this stone, one of the listing's certificates.
	Certificate string `json:"certificate,omitempty"`
	Count       int64  `json:"count,omitempty"` // 0 means one
}

// StatedProportion has a stone's proportions as a source states them: "61.8 %", "34.5°".
type StatedProportion struct {
	Depth         string `json:"depth,omitempty"`
	Table         string `json:"table,omitempty"`
	CrownAngle    string `json:"crown_angle,omitempty"`
	CrownHeight   string `json:"crown_height,omitempty"`
	PavilionAngle string `json:"pavilion_angle,omitempty"`
	PavilionDepth string `json:"pavilion_depth,omitempty"`
	StarLength    string `json:"star_length,omitempty"`
	LowerHalf     string `json:"lower_half,omitempty"`
	Girdle        string `json:"girdle,omitempty"`
	Culet         string `json:"culet,omitempty"`
}

// StatedMetal is one part of a piece by its metal, as a source describes it.
type StatedMetal struct {
	Part      string           `json:"part,omitempty"` // "band"
	Metal     string           `json:"metal,omitempty"`
	Fineness  string           `json:"fineness,omitempty"`
	Colour    string           `json:"colour,omitempty"`
	Gross     string           `json:"gross,omitempty"` // weight with unit
	Net       string           `json:"net,omitempty"`   // weight with unit
	Plating   string           `json:"plating,omitempty"`
	Hallmarks []StatedHallmark `json:"hallmarks,omitempty"`
}

// StatedHallmark is a hallmark as a source describes it.
type StatedHallmark struct {
	Country    string `json:"country,omitempty"`
	Standard   string `json:"standard,omitempty"` // "750", "925"
	Office     string `json:"office,omitempty"`   // "London", "leopard's head"
	Sponsor    string `json:"sponsor,omitempty"`
	DateLetter string `json:"date_letter,omitempty"`
	Common     bool   `json:"common,omitempty"` // the Common Control Mark
}

// StatedAttribute is a custom attribute of a source.
type StatedAttribute struct {
	Code  string `json:"code"`
	Value string `json:"value"`
}

// StatedComponent is something with an identity of its own that sits in the piece. Any of the keys names it.
type StatedComponent struct {
	Kind        string      `json:"kind,omitempty"` // stone, piece or part; empty means stone
	Certificate *StatedCert `json:"certificate,omitempty"`
	EPC         string      `json:"epc,omitempty"`
	Serial      string      `json:"serial,omitempty"`
}

// StatedOwnership says whose a piece is, in the source's words.
type StatedOwnership struct {
	Kind string `json:"kind,omitempty"` // "owned", "consignment", "memo", "customer"
	// Party is the source's code of the owner, never a person's name.
	Party     string       `json:"party,omitempty"`
	Reference string       `json:"reference,omitempty"`
	Since     string       `json:"since,omitempty"`
	Due       string       `json:"due,omitempty"`
	Payable   *StatedMoney `json:"payable,omitempty" class:"cost"`
}

// StatedEdition is a piece's place in a series: either the words "12/100" or the numbers.
type StatedEdition struct {
	Name   string `json:"name,omitempty"`
	Words  string `json:"words,omitempty"`
	Number int64  `json:"number,omitempty"`
	Size   int64  `json:"size,omitempty"`
}

// StatedSet is a set that a piece belongs to.
type StatedSet struct {
	Code   string `json:"code"`
	Name   string `json:"name,omitempty"`
	Role   string `json:"role,omitempty"`
	Pieces int64  `json:"pieces,omitempty"`
}

// StatedProvenance is one step of where a piece comes from.
type StatedProvenance struct {
	Event     string       `json:"event,omitempty"`
	Date      string       `json:"date,omitempty"`
	Party     string       `json:"party,omitempty"`
	Scheme    string       `json:"scheme,omitempty"` // "KP", "System of Warranties", "RJC CoC"
	Statement string       `json:"statement,omitempty"`
	Number    string       `json:"number,omitempty"`
	Material  string       `json:"material,omitempty"`
	ValidFrom string       `json:"valid_from,omitempty"`
	ValidTo   string       `json:"valid_to,omitempty"`
	Document  string       `json:"document,omitempty"`
	Hash      string       `json:"hash,omitempty"`
	Invoice   string       `json:"invoice_no,omitempty" class:"cost"`
	Cost      *StatedMoney `json:"purchase_cost,omitempty" class:"cost"`
}

// StatedAppraisal is a valuation as a source states it.
type StatedAppraisal struct {
	Number    string       `json:"number,omitempty"`
	Purpose   string       `json:"purpose,omitempty"`
	Amount    *StatedMoney `json:"amount,omitempty"`
	Appraiser string       `json:"appraiser,omitempty"`
	Date      string       `json:"date,omitempty"`
	Expires   string       `json:"expires,omitempty"`
	URL       string       `json:"url,omitempty"`
	Hash      string       `json:"hash,omitempty"`
}

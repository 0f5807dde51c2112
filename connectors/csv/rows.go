package csv

import (
	"slices"
	"strconv"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/plugins/sdk"
)

// translate gives what the rows of one group state: one row of a catalogue, a list of clients or a count; all lines of
// a receipt. Either all of them are taken or none.
func translate(t *table, group []*row) ([]canon.Observation, []sdk.RowError) {
	switch t.content {
	case salesFile:
		return receiptGroup(t, group, sale)
	case returnsFile:
		return receiptGroup(t, group, refund)
	case catalogueFile:
		return single(t, group[0], catalogueRow)
	case clientsFile:
		return single(t, group[0], clientRow)
	}
	return single(t, group[0], countRow)
}

func single(t *table, r *row, f func(*row) (string, []canon.Observation)) ([]canon.Observation, []sdk.RowError) {
	key, observations := f(r)
	if r.err != nil {
		return nil, []sdk.RowError{t.rowError(r.line, key, r.err)}
	}
	return observations, nil
}

// catalogueColumns are the columns that a catalogue row has fields for; all others become attributes. A second,
// third and fourth stone have the suffixes _2, _3 and _4.
var catalogueColumns = []string{
	"id", "sku", "serial", "epc", "gtin", "barcode", "title", "brand", "style_no", "category", "status", "metal", "fineness", "metal_colour", "metal_color", "weight",
	"stone", "shape", "carat", "stone_colour", "stone_color", "clarity", "cut", "origin", "stones", "lab", "certificate", "certificate_url", "ring_size", "price", "currency", "cost", "cost_currency", "price_currency",
	"location", "quantity", "modified", "image_url", "timezone",
}

func catalogueRow(r *row) (string, []canon.Observation) {
	id := r.get("id")
	if id == "" {
		id = r.code("serial", "sku")
	}
	if id == "" {
		r.fail("csv.key_missing", "the row has no id, serial or SKU", "fill in one of them")
	}
	serial := r.get("serial")
	serialized := serial != ""
	status := r.get("status")
	switch strings.ToLower(status) {
	case "", "active":
		status = "active"
	case "draft", "archived":
		status = strings.ToLower(status)
	default:
		r.fail("csv.bad_status", "status is not known", "write active, draft or archived")
	}
	l := &canon.ListingState{
		Title: r.get("title"), SKU: r.get("sku"), GTIN: r.get("gtin", "barcode"), Serial: serial, EPC: r.get("epc"), Brand: r.get("brand"), StyleNo: r.get("style_no"),
		Category: r.get("category"), Status: status, Serialized: &serialized, Metal: r.get("metal"), Fineness: r.get("fineness"), MetalColour: r.get("metal_colour", "metal_color"),
		Weight: r.get("weight"), RingSize: r.get("ring_size"), Prices: r.prices("price"), Cost: r.money("cost"),
	}
	if serialized { // a SKU may lie at several places, a piece at one
		l.Home = r.location()
	}
	if url := r.get("image_url"); url != "" {
		l.ImageURLs = []string{url}
	}
	for n := 1; n <= 4; n++ {
		r.stone(l, n)
	}
	for _, name := range r.names {
		if !r.known(name) && r.get(name) != "" {
			l.Attributes = append(l.Attributes, canon.StatedAttribute{Code: name, Value: r.get(name)})
		}
	}
	version := r.version()
	out := []canon.Observation{{Kind: canon.KindListing, ExternalID: id, SourceVersion: version, Listing: l}}
	if serialized || r.get("quantity") != "" {
		available := r.count("quantity", 1)
		if serialized && available > 1 {
			r.fail("csv.bad_number", "a serial stands for one piece, but the quantity is above 1", "give each piece a row and a serial of its own")
		}
		out = append(out, canon.Observation{
			Kind: canon.KindLevel, ExternalID: canon.LevelID(id, r.location()), SourceVersion: version,
			Level: &canon.LevelState{StockID: id, Location: r.location(), Available: &available},
		})
	}
	return id, out
}

// stone reads the nth stone and its certificate.
func (r *row) stone(l *canon.ListingState, n int) {
	suffix := ""
	if n > 1 {
		suffix = "_" + strconv.Itoa(n)
	}
	s := canon.StatedStone{
		Kind: r.get("stone" + suffix), Shape: r.get("shape" + suffix), Carat: r.get("carat" + suffix), Colour: r.get("stone_colour"+suffix, "stone_color"+suffix),
		Clarity: r.get("clarity" + suffix), Cut: r.get("cut" + suffix), Origin: r.get("origin" + suffix), Count: r.count("stones"+suffix, 0),
	}
	if s != (canon.StatedStone{}) {
		l.Stones = append(l.Stones, s)
	}
	if number := r.get("certificate" + suffix); number != "" {
		l.Certificates = append(l.Certificates, canon.StatedCert{Lab: r.get("lab" + suffix), Number: number, URL: r.get("certificate_url" + suffix)})
	}
}

func (r *row) known(name string) bool {
	if base, n, ok := cutSuffix(name); ok && n >= 2 && n <= 4 {
		name = base
	}
	for _, amount := range []string{"price_", "cost_"} {
		if code, ok := strings.CutPrefix(name, amount); ok && len(code) == 3 {
			return true
		}
	}
	return name == "" || slices.Contains(catalogueColumns, name)
}

func cutSuffix(name string) (base string, n int, ok bool) {
	i := strings.LastIndexByte(name, '_')
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(name[i+1:])
	return name[:i], n, err == nil
}

func clientRow(r *row) (string, []canon.Observation) {
	id := r.get("id")
	if id == "" {
		r.fail("csv.key_missing", "the client has no id", "fill in the id")
	}
	c := &canon.CustomerState{Person: r.person("name", "note"), MarketingEmail: strings.ToLower(r.get("marketing_email"))}
	switch c.MarketingEmail {
	case "", "subscribed", "unsubscribed", "pending":
	default:
		r.fail("csv.bad_consent", "marketing_email is no consent", "write subscribed, unsubscribed or pending")
	}
	for tag := range strings.SplitSeq(r.get("tags"), "|") {
		if tag = strings.TrimSpace(tag); tag != "" {
			c.Tags = append(c.Tags, tag)
		}
	}
	if s := r.get("created"); s != "" {
		created := r.moment("created", s)
		c.CreatedAt = &created
	}
	return id, []canon.Observation{{Kind: canon.KindCustomer, ExternalID: id, SourceVersion: r.version(), Customer: c}}
}

// person reads the personal columns; nil when none is filled in.
func (r *row) person(nameColumn, noteColumn string) *canon.PersonState {
	p := &canon.PersonState{GivenName: r.get("given_name"), FamilyName: r.get("family_name"), Locale: r.get("locale"), Birthday: r.get("birthday"), Note: r.get(noteColumn)}
	if p.GivenName == "" && p.FamilyName == "" {
		if given, family, found := strings.Cut(r.get(nameColumn), " "); found {
			p.GivenName, p.FamilyName = given, strings.TrimSpace(family)
		} else {
			p.FamilyName = given
		}
	}
	for _, column := range []string{"email", "email_2", "email_3"} {
		if v := r.get(column); v != "" {
			p.Emails = append(p.Emails, v)
		}
	}
	for _, column := range []string{"phone", "phone_2", "phone_3"} {
		if v := r.get(column); v != "" {
			p.Phones = append(p.Phones, v)
		}
	}
	a := canon.AddressState{Company: r.get("company"), Line1: r.get("address", "line1"), Line2: r.get("line2"), City: r.get("city"), Region: r.get("region"), PostalCode: r.get("postal_code", "zip"), Country: r.get("country")}
	if a != (canon.AddressState{}) {
		p.Addresses = []canon.AddressState{a}
	}
	if p.GivenName+p.FamilyName+p.Note+p.Birthday == "" && p.Emails == nil && p.Phones == nil && p.Addresses == nil {
		return nil
	}
	return p
}

func countRow(r *row) (string, []canon.Observation) {
	at := r.stamp()
	line := r.get("line")
	if line == "" {
		r.fail("csv.key_missing", "the counted line has no number", "fill in the column line")
	}
	id := escaper.Replace(r.till()) + "/" + at.Format("2006-01-02") + "/" + escaper.Replace(line)
	c := &canon.CountState{Location: r.location(), SKU: r.get("sku"), Serial: r.get("serial"), EPC: r.get("epc"), Quantity: r.count("quantity", 1), CountedAt: at}
	if c.SKU+c.Serial+c.EPC == "" {
		r.fail("csv.key_missing", "the counted line names no piece", "fill in serial, sku or epc")
	}
	if c.Location == "" {
		r.fail("csv.location_missing", "the counted line has no location", "add a column location, or name it in the configuration")
	}
	return id, []canon.Observation{{Kind: canon.KindCount, ExternalID: id, SourceVersion: r.version(), Count: c}}
}

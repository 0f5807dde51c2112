package woocommerce

import (
	"regexp"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

var (
	defaultSerialKeys      = []string{"_jumpring_serial", "serial", "serial_number", "_serial_number"}
	defaultCertificateKeys = []string{"_jumpring_certificate", "certificate", "certificate_number", "_certificate_number"}
	defaultLabKeys         = []string{"_jumpring_certificate_lab", "certificate_lab", "lab", "laboratory"}
	defaultEPCKeys         = []string{"_jumpring_epc", "epc", "rfid"}
)

// The keys under which jewelers' shops keep the rest; each is also looked for with "_jumpring_" before it.
var (
	metalKeys       = []string{"metal", "material"}
	finenessKeys    = []string{"fineness", "karat", "purity"}
	metalColourKeys = []string{"metal_colour", "metal_color"}
	weightKeys      = []string{"metal_weight", "weight"}
	ringSizeKeys    = []string{"ring_size", "size"}
	styleKeys       = []string{"style_no", "style_number", "style"}
	brandKeys       = []string{"brand"}
	stoneKindKeys   = []string{"stone", "gemstone"}
	stoneShapeKeys  = []string{"stone_shape", "shape"}
	caratKeys       = []string{"carat", "carat_weight"}
	stoneColourKeys = []string{"stone_colour", "stone_color"}
	clarityKeys     = []string{"clarity"}
	cutKeys         = []string{"cut"}
	stoneOriginKeys = []string{"stone_origin"}
)

// observeProduct translates a product as WooCommerce states it: the product, and for what sells itself (a simple product
// or a variation) the listing and its level. A variable product names its variations only by id: they are returned as
// touched, unless the caller reads them itself.
//
// A level has no source version: the order of two levels of one second can't be told from date_modified, and stock may
// be changed directly in the database by plugins without it. So what the hub fetched itself counts, and a pushed level
// that differs from what is known makes the hub read.
func (s *shop) observeProduct(p *product) (obs []canon.Observation, touched []canon.Ref) {
	ver := version(p.DateModifiedGMT)
	if p.Status == "trash" {
		return deletedProduct(p.ID, p.Variations, ver), nil
	}
	id := idText(p.ID)
	switch {
	case p.isVariation():
		return s.observeVariation(p, p.ParentID), nil
	case p.Type == "grouped" || p.Type == "external":
		// Grouped products only show other products; external ones are sold by another shop.
	case p.isVariable():
		if level, ok := levelOf(p, id); ok && level.Level.Available != nil {
			obs = append(obs, level) // stock that the variations without own stock share
		}
		if len(p.Variations) > 0 {
			touched = []canon.Ref{{Kind: canon.KindProduct, ExternalID: id}}
		}
	default:
		listing := s.listing(p)
		listing.Listing.ProductID = id
		obs = append(obs, listing)
		if level, ok := levelOf(p, id); ok {
			obs = append(obs, level)
		}
	}
	return append([]canon.Observation{s.productObservation(p)}, obs...), touched
}

// observeVariation translates a variation of the given product. The products' route and the variations' route name, sort
// and illustrate the same variation differently; only what both state alike is taken, or the two would contradict each
// other for ever.
func (s *shop) observeVariation(p *product, parent int64) []canon.Observation {
	if p.Status == "trash" {
		return deletedListing(p.ID, version(p.DateModifiedGMT))
	}
	listing := s.listing(p)
	listing.Listing.ProductID = idText(parent)
	listing.Listing.VariantTitle = variantTitle(p)
	listing.Listing.Title, listing.Listing.Category, listing.Listing.Brand = "", "", p.field(brandKeys)
	listing.Listing.ImageURLs = listing.Listing.ImageURLs[:min(1, len(listing.Listing.ImageURLs))]
	stock := idText(p.ID)
	if p.ManageStock == "parent" {
		// The number belongs to the parent and is stated with each variation again; the parent's own statement is used.
		listing.Listing.StockID = idText(parent)
		tracked := true
		listing.Listing.Tracked = &tracked
		return []canon.Observation{listing, {
			Kind: canon.KindLevel, ExternalID: canon.LevelID(idText(parent), ""),
			Level: &canon.LevelState{StockID: idText(parent), Available: available(p)},
		}}
	}
	obs := []canon.Observation{listing}
	if level, ok := levelOf(p, stock); ok {
		obs = append(obs, level)
	}
	return obs
}

func (p *product) isVariation() bool { return p.Type == "variation" || p.Type == "product_variation" }

func (p *product) isVariable() bool {
	return strings.HasPrefix(string(p.Type), "variable") || len(p.Variations) > 0
}

func (s *shop) productObservation(p *product) canon.Observation {
	st := &canon.ProductState{
		Title:       clean(p.Name),
		Description: plainText(p.Description),
		Brand:       p.field(brandKeys),
		StyleNo:     p.field(styleKeys),
		Category:    firstTerm(p.Categories),
		Status:      listingStatus(p.Status),
		Attributes:  p.otherAttributes(s.cfg),
		CreatedAt:   createdAt(p.DateCreatedGMT),
	}
	if st.Brand == "" {
		st.Brand = firstTerm(p.Brands)
	}
	for _, t := range p.Tags {
		st.Tags = append(st.Tags, clean(t.Name))
	}
	switch {
	case p.isVariable():
		for _, v := range p.Variations {
			st.ListingIDs = append(st.ListingIDs, idText(v))
		}
	case p.Type != "grouped" && p.Type != "external":
		st.ListingIDs = []string{idText(p.ID)}
	}
	return canon.Observation{Kind: canon.KindProduct, ExternalID: idText(p.ID), SourceVersion: version(p.DateModifiedGMT), Product: st}
}

func (s *shop) listing(p *product) canon.Observation {
	tracked := p.ManageStock == "true" || p.ManageStock == "parent"
	l := &canon.ListingState{
		Title:       clean(p.Name),
		SKU:         clean(p.SKU),
		GTIN:        clean(p.GTIN),
		Serial:      p.field(s.cfg.SerialKeys),
		EPC:         p.field(s.cfg.EPCKeys),
		Brand:       p.field(brandKeys),
		StyleNo:     p.field(styleKeys),
		Category:    firstTerm(p.Categories),
		Status:      listingStatus(p.Status),
		Tracked:     &tracked,
		Metal:       p.field(metalKeys),
		Fineness:    p.field(finenessKeys),
		MetalColour: p.field(metalColourKeys),
		Weight:      p.field(weightKeys),
		RingSize:    p.field(ringSizeKeys),
		Attributes:  p.otherAttributes(s.cfg),
		CreatedAt:   createdAt(p.DateCreatedGMT),
	}
	if l.Brand == "" {
		l.Brand = firstTerm(p.Brands)
	}
	if n := p.field(s.cfg.CertificateKeys); n != "" {
		l.Certificates = []canon.StatedCert{{Lab: p.field(s.cfg.LabKeys), Number: n}}
	}
	stone := canon.StatedStone{
		Kind: p.field(stoneKindKeys), Shape: p.field(stoneShapeKeys), Carat: p.field(caratKeys), Colour: p.field(stoneColourKeys),
		Clarity: p.field(clarityKeys), Cut: p.field(cutKeys), Origin: p.field(stoneOriginKeys),
	}
	if stone != (canon.StatedStone{}) {
		l.Stones = []canon.StatedStone{stone}
	}
	o := canon.Observation{Kind: canon.KindListing, ExternalID: idText(p.ID), SourceVersion: version(p.DateModifiedGMT), Listing: l}
	// The regular price is what the shop asks; `price` moves with the clock when a sale begins, without a modification.
	if price := clean(p.RegularPrice); price != "" {
		if cur := s.knownCurrency(); cur != "" {
			l.Prices = []canon.StatedMoney{{Amount: price, Currency: cur}}
			if sale := clean(p.SalePrice); sale != "" {
				l.Offers = []canon.StatedOffer{{
					ID: "sale", Kind: canon.OfferSale, Price: canon.StatedMoney{Amount: sale, Currency: cur}, From: createdAt(p.SaleFromGMT), Until: createdAt(p.SaleToGMT),
				}}
			}
		} else {
			o.Hidden = []string{"offers", "prices"}
		}
	}
	for _, im := range p.Images {
		if im.Src != "" {
			l.ImageURLs = append(l.ImageURLs, string(im.Src))
		}
	}
	if p.Image != nil && p.Image.Src != "" {
		l.ImageURLs = append(l.ImageURLs, string(p.Image.Src))
	}
	return o
}

// levelOf gives the level of what keeps its own stock. A quantity that is no number is no statement.
func levelOf(p *product, stockID string) (canon.Observation, bool) {
	st := &canon.LevelState{StockID: stockID}
	if p.ManageStock == "true" {
		if st.Available = available(p); st.Available == nil && p.StockQuantity != "" {
			return canon.Observation{}, false
		}
	}
	return canon.Observation{Kind: canon.KindLevel, ExternalID: canon.LevelID(stockID, ""), Level: st}, true
}

func available(p *product) *int64 {
	if n, ok := whole(p.StockQuantity); ok {
		return &n
	}
	return nil
}

// deletedProduct are the tombstones of a product and of all that it stated.
func deletedProduct(id int64, variations []int64, ver int64) []canon.Observation {
	obs := []canon.Observation{{Kind: canon.KindProduct, ExternalID: idText(id), SourceVersion: ver, Deleted: true}}
	obs = append(obs, deletedListing(id, ver)...)
	for _, v := range variations {
		obs = append(obs, deletedListing(v, ver)...)
	}
	return obs
}

func deletedListing(id, ver int64) []canon.Observation {
	return []canon.Observation{
		{Kind: canon.KindListing, ExternalID: idText(id), SourceVersion: ver, Deleted: true},
		{Kind: canon.KindLevel, ExternalID: canon.LevelID(idText(id), ""), Deleted: true},
	}
}

func listingStatus(t text) string {
	switch t {
	case "publish", "true": // the variations' route of old shops states a boolean
		return "active"
	case "draft", "pending", "private", "future", "auto-draft", "false":
		return "draft"
	}
	return ""
}

func firstTerm(terms []term) string {
	for _, t := range terms {
		if n := clean(t.Name); n != "" && n != "Uncategorized" {
			return n
		}
	}
	return ""
}

func variantTitle(p *product) string {
	var parts []string
	for _, a := range p.Attributes {
		if o := clean(a.Option); o != "" {
			parts = append(parts, o)
		}
	}
	return strings.Join(parts, " / ")
}

// field finds the first of the keys that has a value: in the meta data, then among the attributes, by name or slug.
func (p *product) field(keys []string) string {
	for _, k := range keys {
		if v := p.MetaData.value(k); v != "" {
			return v
		}
		if v := p.MetaData.value("_jumpring_" + k); v != "" {
			return v
		}
		for _, a := range p.Attributes {
			if a.is(k) {
				if v := a.value(); v != "" {
					return v
				}
			}
		}
	}
	return ""
}

func (a *attribute) is(key string) bool {
	return attributeKey(clean(a.Name)) == attributeKey(key) || (a.Slug != "" && attributeKey(string(a.Slug)) == attributeKey(key))
}

func (a *attribute) value() string {
	if o := clean(a.Option); o != "" {
		return o
	}
	// A piece has one value; several options are a choice between variations and say nothing about this one.
	if len(a.Options) == 1 {
		return clean(a.Options[0])
	}
	return ""
}

// attributeKey makes "Ring Size", "pa_ring-size" and "ring_size" equal.
func attributeKey(s string) string {
	s = strings.TrimPrefix(strings.ToLower(s), "pa_")
	return strings.NewReplacer(" ", "_", "-", "_").Replace(s)
}

// otherAttributes are the attributes that no field of the canonical model has taken.
func (p *product) otherAttributes(cfg *config) []canon.StatedAttribute {
	taken := [][]string{
		cfg.SerialKeys, cfg.CertificateKeys, cfg.LabKeys, cfg.EPCKeys, metalKeys, finenessKeys, metalColourKeys, weightKeys,
		ringSizeKeys, styleKeys, brandKeys, stoneKindKeys, stoneShapeKeys, caratKeys, stoneColourKeys, clarityKeys, cutKeys, stoneOriginKeys,
	}
	var out []canon.StatedAttribute
next:
	for i := range p.Attributes {
		a := &p.Attributes[i]
		for _, keys := range taken {
			for _, k := range keys {
				if a.is(k) && a.value() != "" {
					continue next
				}
			}
		}
		value := clean(a.Option)
		if value == "" {
			parts := make([]string, len(a.Options))
			for j, o := range a.Options {
				parts[j] = clean(o)
			}
			value = strings.Join(parts, ", ")
		}
		if name := clean(a.Name); name != "" && value != "" {
			out = append(out, canon.StatedAttribute{Code: name, Value: value})
		}
	}
	return out
}

var tags = regexp.MustCompile(`<[^>]*>`)

// plainText takes the markup out of a description.
func plainText(t text) string {
	return strings.Join(strings.Fields(clean(text(tags.ReplaceAllString(string(t), " ")))), " ")
}

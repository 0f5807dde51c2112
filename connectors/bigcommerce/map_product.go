package bigcommerce

import (
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// word is something that a product says of itself, by name.
type word struct{ name, value string }

// spelled brings the names of fields into one spelling: "Ring size" is ring_size.
func spelled(name string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == ' ' || r == '-' || r == '_' }), "_")
}

// named reports whether a field is meant by a key: "serial" is any field of that name, "jumpring.serial" the metafield of that
// namespace alone.
func (w *word) named(key string) bool {
	if spelled(w.name) == spelled(key) {
		return true
	}
	_, own, scoped := strings.Cut(w.name, ".")
	return scoped && spelled(own) == spelled(key)
}

func first(words []word, keys []string) string {
	for _, k := range keys {
		for i := range words {
			if words[i].named(k) && words[i].value != "" {
				return words[i].value
			}
		}
	}
	return ""
}

// others are the words that no field of the canonical model has taken.
func (k *fieldKeys) others(words []word) []canon.StatedAttribute {
	var out []canon.StatedAttribute
	for i := range words {
		w := &words[i]
		taken := slices.ContainsFunc(k.table(), func(f fieldKey) bool { return slices.ContainsFunc(*f.keys, w.named) })
		again := slices.ContainsFunc(out, func(a canon.StatedAttribute) bool { return a.Code == w.name })
		if !taken && !again && w.value != "" {
			out = append(out, canon.StatedAttribute{Code: w.name, Value: w.value})
		}
	}
	return out
}

// metawords names a metafield by namespace and key.
func metawords(fields []metafield) []word {
	var out []word
	for _, m := range fields {
		out = append(out, word{m.Namespace + "." + m.Key, clean(m.Value)})
	}
	return out
}

// words are what a product says of itself, metafields before custom fields.
func (p *product) words(fields *fieldsOf) []word {
	out := metawords(fields.products[p.ID])
	for _, c := range p.Custom {
		out = append(out, word{clean(c.Name), clean(c.Value)})
	}
	return out
}

func (p *product) status() string {
	if p.Visible && p.Availability != "disabled" {
		return "active"
	}
	return "draft"
}

// observeProduct translates a product and its variants, which are its listings. A product without options has one.
func (s *store) observeProduct(p *product, f *facts, fields *fieldsOf, offers map[int64][]canon.StatedOffer) []canon.Observation {
	words := p.words(fields)
	k := &s.cfg.fieldKeys
	brand := first(words, k.Brand)
	if brand == "" {
		brand = f.brands[p.BrandID]
	}
	st := &canon.ProductState{
		Title: clean(p.Name), Description: plainText(p.Description), Brand: brand, StyleNo: first(words, k.Style), Category: first(words, k.Category), Status: p.status(),
		Attributes: k.others(words), CreatedAt: momentPtr(p.Created),
	}
	if st.StyleNo == "" {
		st.StyleNo = clean(p.MPN)
	}
	obs := []canon.Observation{{Kind: canon.KindProduct, ExternalID: idText(p.ID), SourceVersion: version(p.Modified), Product: st}}
	for i := range p.Variants {
		v := &p.Variants[i]
		st.ListingIDs = append(st.ListingIDs, idText(v.ID))
		obs = append(obs, s.observeListing(p, v, st, words, f, fields, offers[v.ID]))
	}
	return obs
}

// ofPiece are the keys that name one piece: said of a product with several variants, they would name each of them.
func (k *fieldKeys) ofPiece(w *word) bool {
	for _, keys := range [][]string{k.Serial, k.Certificate, k.Lab, k.EPC, k.GTIN} {
		if slices.ContainsFunc(keys, w.named) {
			return true
		}
	}
	return false
}

func (s *store) observeListing(p *product, v *variant, of *canon.ProductState, words []word, f *facts, fields *fieldsOf, offers []canon.StatedOffer) canon.Observation {
	k := &s.cfg.fieldKeys
	alone := len(p.Variants) == 1
	own := metawords(fields.variants[v.ID])
	var labels []string
	for _, o := range v.Options {
		own = append(own, word{clean(o.Name), clean(o.Label)})
		labels = append(labels, clean(o.Label))
	}
	for i := range words {
		if alone || !k.ofPiece(&words[i]) {
			own = append(own, words[i])
		}
	}
	tracked := p.Tracking == trackProduct || p.Tracking == trackVariant
	l := &canon.ListingState{
		ProductID: idText(p.ID), StockID: stockID(p.Tracking, p.ID, v.ID), Title: of.Title, VariantTitle: strings.Join(labels, " / "), SKU: strings.TrimSpace(v.SKU), Tracked: &tracked,
		GTIN: first(own, k.GTIN), Serial: first(own, k.Serial), EPC: first(own, k.EPC), Brand: of.Brand, StyleNo: of.StyleNo, Category: first(own, k.Category), Status: of.Status,
		Metal: first(own, k.Metal), Fineness: first(own, k.Fineness), MetalColour: first(own, k.MetalColour), Weight: first(own, k.Weight), RingSize: first(own, k.RingSize),
		Attributes: k.others(own), CreatedAt: of.CreatedAt,
	}
	codes := []text{v.GTIN, v.UPC}
	if alone {
		codes = append(codes, p.GTIN, p.UPC)
		if l.SKU == "" {
			l.SKU = strings.TrimSpace(p.SKU)
		}
	}
	for _, c := range codes {
		if l.GTIN == "" {
			l.GTIN = clean(c)
		}
	}
	if v.Disabled {
		l.Status = "draft"
	}
	if n := first(own, k.Certificate); n != "" {
		l.Certificates = []canon.StatedCert{{Lab: first(own, k.Lab), Number: n}}
	}
	stone := canon.StatedStone{
		Kind: first(own, k.Stone), Shape: first(own, k.Shape), Carat: first(own, k.Carat), Colour: first(own, k.StoneColour),
		Clarity: first(own, k.Clarity), Cut: first(own, k.Cut), Origin: first(own, k.Origin),
	}
	if stone != (canon.StatedStone{}) {
		l.Stones = []canon.StatedStone{stone}
	}
	for _, m := range p.Images {
		if u := clean(m.URL); u != "" {
			l.ImageURLs = append(l.ImageURLs, u)
		}
	}
	o := canon.Observation{Kind: canon.KindListing, ExternalID: idText(v.ID), SourceVersion: version(p.Modified), Listing: l}
	l.Offers = offers
	price, sale := v.Price, v.SalePrice
	if isZero(price) {
		price = p.Price
		if isZero(sale) {
			sale = p.SalePrice
		}
	}
	switch {
	case f.currency == "":
		o.Hidden = []string{"prices"}
	case amount(price) != "":
		l.Prices = []canon.StatedMoney{{Amount: amount(price), Currency: f.currency}}
		if !isZero(sale) {
			l.Offers = append([]canon.StatedOffer{{ID: "sale", Kind: canon.OfferSale, Price: canon.StatedMoney{Amount: amount(sale), Currency: f.currency}}}, l.Offers...)
		}
	}
	return o
}

var tags = regexp.MustCompile(`<[^>]*>`)

// plainText takes the markup out of a description.
func plainText(t text) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(clean(t), " "))), " ")
}

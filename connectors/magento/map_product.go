package magento

import (
	"html"
	"regexp"
	"slices"
	"strings"

	"github.com/jumpring/jumpring/core/canon"
)

// sellable reports whether a product has stock of its own. The others (configurable, bundle, grouped) only show those that
// have.
func (p *product) sellable() bool {
	return p.TypeID == "simple" || p.TypeID == "virtual" || p.TypeID == "downloadable"
}

// systemAttributes are kept by the shop for itself: how a page looks, what it is called in addresses, which image is where.
var systemAttributes = []string{
	"description", "short_description", "image", "small_image", "thumbnail", "swatch_image", "url_key", "url_path", "options_container", "page_layout",
	"custom_layout", "custom_layout_update", "custom_layout_update_file", "custom_design", "custom_design_from", "custom_design_to", "meta_title",
	"meta_keyword", "meta_description", "tax_class_id", "required_options", "has_options", "category_ids", "gift_message_available", "msrp_display_actual_price_type",
	"minimal_price", "news_from_date", "news_to_date", "special_from_date", "special_to_date", "special_price", "cost", "msrp", "links_exist", "shipment_type",
	"price_type", "sku_type", "weight_type", "price_view", "tier_price", "media_gallery", "gallery", "image_label", "small_image_label", "thumbnail_label",
	"quantity_and_stock_status", "country_of_manufacture",
}

// observeProduct translates a product: the product, and for what can be sold its listing.
func (s *shop) observeProduct(p *product, a *attributes, c *channel) []canon.Observation {
	id := idText(p.ID)
	ver := version(p.UpdatedAt)
	st := &canon.ProductState{
		Title: clean(p.Name), Description: plainText(p.raw("description")), Brand: a.first(p, s.cfg.Brand), StyleNo: a.first(p, s.cfg.Style),
		Category: a.first(p, s.cfg.Category), Status: listingStatus(p.Status), Attributes: s.others(p, a),
	}
	if t, ok := shopTime(p.CreatedAt); ok {
		st.CreatedAt = &t
	}
	for _, child := range p.Extension.Links {
		st.ListingIDs = append(st.ListingIDs, idText(child))
	}
	if p.sellable() {
		st.ListingIDs = []string{id}
	}
	obs := []canon.Observation{{Kind: canon.KindProduct, ExternalID: id, SourceVersion: ver, Product: st}}
	if p.sellable() {
		obs = append(obs, s.listing(p, a, c))
	}
	return obs
}

func (s *shop) listing(p *product, a *attributes, c *channel) canon.Observation {
	k := &s.cfg.fieldKeys
	tracked := true
	l := &canon.ListingState{
		ProductID: idText(p.ID), StockID: p.SKU, Title: clean(p.Name), SKU: strings.TrimSpace(p.SKU), Status: listingStatus(p.Status), Tracked: &tracked,
		GTIN: a.first(p, k.GTIN), Serial: a.first(p, k.Serial), EPC: a.first(p, k.EPC), Brand: a.first(p, k.Brand), StyleNo: a.first(p, k.Style),
		Category: a.first(p, k.Category), Metal: a.first(p, k.Metal), Fineness: a.first(p, k.Fineness), MetalColour: a.first(p, k.MetalColour),
		Weight: a.first(p, k.Weight), RingSize: a.first(p, k.RingSize), Attributes: s.others(p, a),
	}
	if n := a.first(p, k.Certificate); n != "" {
		l.Certificates = []canon.StatedCert{{Lab: a.first(p, k.Lab), Number: n}}
	}
	stone := canon.StatedStone{
		Kind: a.first(p, k.Stone), Shape: a.first(p, k.Shape), Carat: a.first(p, k.Carat), Colour: a.first(p, k.StoneColour),
		Clarity: a.first(p, k.Clarity), Cut: a.first(p, k.Cut), Origin: a.first(p, k.Origin),
	}
	if stone != (canon.StatedStone{}) {
		l.Stones = []canon.StatedStone{stone}
	}
	if t, ok := shopTime(p.CreatedAt); ok {
		l.CreatedAt = &t
	}
	for _, m := range p.Media {
		if m.File != "" && !m.Disabled {
			l.ImageURLs = append(l.ImageURLs, s.cfg.home.String()+"/media/catalog/product/"+strings.TrimLeft(m.File, "/"))
		}
	}
	o := canon.Observation{Kind: canon.KindListing, ExternalID: idText(p.ID), SourceVersion: version(p.UpdatedAt), Listing: l}
	if price := amount(p.Price); price != "" {
		if c.currency != "" {
			l.Prices = []canon.StatedMoney{{Amount: price, Currency: c.currency}}
		} else {
			o.Hidden = []string{"prices"}
		}
	}
	return o
}

// raw gives an attribute as it is stored.
func (p *product) raw(code string) string {
	for i := range p.Custom {
		if p.Custom[i].Code == code {
			return p.Custom[i].words()
		}
	}
	return ""
}

// others are the attributes that no field of the canonical model has taken and that say something of the piece.
func (s *shop) others(p *product, a *attributes) []canon.StatedAttribute {
	var out []canon.StatedAttribute
	for i := range p.Custom {
		at := &p.Custom[i]
		f := a.fields[at.Code]
		if slices.Contains(systemAttributes, at.Code) || f != nil && (f.Input == "media_image" || f.Input == "gallery") || s.cfg.takes(at.Code) {
			continue
		}
		if v := a.value(at); v != "" {
			out = append(out, canon.StatedAttribute{Code: at.Code, Value: v})
		}
	}
	return out
}

// takes reports whether an attribute is mapped to a field.
func (k *fieldKeys) takes(code string) bool {
	for _, f := range k.table() {
		if slices.ContainsFunc(*f.keys, func(key string) bool { return strings.EqualFold(key, code) }) {
			return true
		}
	}
	return false
}

func listingStatus(t text) string {
	switch t {
	case "1":
		return "active"
	case "2":
		return "draft"
	}
	return ""
}

// deletedProduct are the tombstones of a product. Its levels are by SKU, which is forgotten; the sweep finds them.
func deletedProduct(id string, ver int64) []canon.Observation {
	return []canon.Observation{
		{Kind: canon.KindProduct, ExternalID: id, SourceVersion: ver, Deleted: true},
		{Kind: canon.KindListing, ExternalID: id, SourceVersion: ver, Deleted: true},
	}
}

var tags = regexp.MustCompile(`<[^>]*>`)

// plainText takes the markup out of a description.
func plainText(s string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(clean(text(s)), " "))), " ")
}

package bigcommerce

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

// productIncludes are the parts of a product that come with it.
const productIncludes = "variants,custom_fields,images"

// fieldsOf are the metafields of some products and variants.
type fieldsOf struct {
	products, variants map[int64][]metafield
}

// readProducts reads products by their ids, with the platform's clock; those that the store, or its channel, does not have are
// not in the answer.
func (s *store) readProducts(ctx context.Context, ids []int64) (out []lenient[product], at time.Time, err error) {
	for _, part := range chunks(unique(ids), maxPage) {
		q := s.ofChannel(url.Values{"id:in": {joined(part)}, "include": {productIncludes}, "limit": {idText(maxPage)}}, "channel_id:in")
		got, when, err := list3[product](ctx, s, "catalog/products", q)
		if err != nil {
			return nil, at, err
		}
		out, at = append(out, got.Data...), when
	}
	return out, at, nil
}

// observeProducts translates products with their listings, offers and levels. Late are the levels that reads do not show yet.
func (s *store) observeProducts(ctx context.Context, rows []product) (obs []canon.Observation, late []canon.Ref, err error) {
	if len(rows) == 0 {
		return nil, nil, nil
	}
	f, err := s.facts(ctx)
	if err != nil {
		return nil, nil, err
	}
	fields, err := s.readMetafields(ctx, rows)
	if err != nil {
		return nil, nil, err
	}
	offers, err := s.readOffers(ctx, f, rows)
	if err != nil {
		return nil, nil, err
	}
	tracking := map[int64]string{}
	for i := range rows {
		obs = append(obs, s.observeProduct(&rows[i], f, fields, offers)...)
		tracking[rows[i].ID] = rows[i].Tracking
	}
	levels, late, err := s.observeStock(ctx, f, tracking)
	return append(obs, levels...), late, err
}

// readMetafields reads the metafields of products and of their variants, in the namespaces of the configuration.
func (s *store) readMetafields(ctx context.Context, rows []product) (*fieldsOf, error) {
	out := &fieldsOf{products: map[int64][]metafield{}, variants: map[int64][]metafield{}}
	if len(s.cfg.Namespaces) == 0 {
		return out, nil
	}
	var products, variants []int64
	for i := range rows {
		products = append(products, rows[i].ID)
		for j := range rows[i].Variants {
			variants = append(variants, rows[i].Variants[j].ID)
		}
	}
	for _, of := range []struct {
		path string
		ids  []int64
		into map[int64][]metafield
	}{{"catalog/products/metafields", products, out.products}, {"catalog/variants/metafields", variants, out.variants}} {
		for _, part := range chunks(of.ids, maxPage) {
			q := url.Values{"resource_id:in": {joined(part)}, "namespace:in": {strings.Join(s.cfg.Namespaces, ",")}}
			all, err := all3[metafield](ctx, s, of.path, q)
			if err != nil {
				return nil, err
			}
			for _, m := range all {
				of.into[m.Resource] = append(of.into[m.Resource], m)
			}
		}
	}
	return out, nil
}

// readOffers reads what active price lists ask for the variants of some products.
func (s *store) readOffers(ctx context.Context, f *facts, rows []product) (map[int64][]canon.StatedOffer, error) {
	out := map[int64][]canon.StatedOffer{}
	ids := make([]int64, len(rows))
	for i := range rows {
		ids[i] = rows[i].ID
	}
	for _, l := range f.lists {
		for _, part := range chunks(ids, maxPage) {
			all, err := all3[priceRecord](ctx, s, "pricelists/"+idText(l.ID)+"/records", url.Values{"product_id:in": {joined(part)}})
			if isGone(err) {
				break // the list was deleted since
			}
			if err != nil {
				return nil, err
			}
			for i := range all {
				if o, ok := observeOffer(f, &l, &all[i]); ok {
					out[all[i].VariantID] = append(out[all[i].VariantID], o)
				}
			}
		}
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b canon.StatedOffer) int {
			return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Price.Currency, b.Price.Currency))
		})
	}
	return out, nil
}

// observeOffer translates a price list's record: the price that is asked, which is the sale price where there is one.
func observeOffer(f *facts, l *priceList, x *priceRecord) (canon.StatedOffer, bool) {
	price := x.Price
	if !isZero(x.SalePrice) {
		price = x.SalePrice
	}
	if isZero(price) {
		return canon.StatedOffer{}, false
	}
	currency := strings.ToUpper(x.Currency)
	return canon.StatedOffer{
		ID: idText(l.ID), Kind: canon.OfferPriceList, Name: clean(l.Name), Price: canon.StatedMoney{Amount: amount(price), Currency: currency}, Groups: f.groupNames(l.groups),
	}, true
}

// productsOf finds the products of some variants, one request for each, with the platform's clock.
func (s *store) productsOf(ctx context.Context, variants []int64) (found map[int64]int64, at time.Time, err error) {
	found = map[int64]int64{}
	for _, id := range unique(variants) {
		got, when, err := list3[variant](ctx, s, "catalog/variants", url.Values{"id": {idText(id)}, "limit": {"1"}})
		if err != nil {
			return nil, at, fmt.Errorf("variant %d: %w", id, err)
		}
		at = when
		for i := range got.Data {
			if v := &got.Data[i]; v.err == nil && v.id == id {
				found[id] = v.value.ProductID
			}
		}
	}
	return found, at, nil
}

func unique(ids []int64) []int64 {
	out := slices.Clone(ids)
	slices.Sort(out)
	return slices.Compact(out)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

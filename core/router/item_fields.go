package router

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/normalize"
	"github.com/jumpring/jumpring/core/policy"
)

// itemFields are the field groups of an item (core/policy names them), and how each is taken of a source. A group of one
// value keeps the first that it is given, a group of many puts together what it is given.
var itemFields = []fieldGroup[canon.Item, source]{
	text(policy.Item, "title", func(i *canon.Item) *string { return &i.Title }, func(s source) string { return s.state.Title }),
	text(policy.Item, "brand", func(i *canon.Item) *string { return &i.Brand }, func(s source) string { return s.state.Brand }),
	text(policy.Item, "style", func(i *canon.Item) *string { return &i.StyleNo }, func(s source) string { return s.state.StyleNo }),
	text(policy.Item, "category", func(i *canon.Item) *string { return &i.Category }, func(s source) string { return s.state.Category }),
	text(policy.Item, "product", func(i *canon.Item) *string { return &i.ProductID }, productOf),
	text(policy.Item, "sku", func(i *canon.Item) *string { return &i.SKU }, func(s source) string { return s.state.SKU }),
	text(policy.Item, "serial", func(i *canon.Item) *string { return &i.Serial }, func(s source) string { return s.state.Serial }),
	text(policy.Item, "epc", func(i *canon.Item) *string { return &i.EPC }, func(s source) string { return s.node.EPC }),
	{
		full: "item.gtin", value: func(i *canon.Item) any { return orNil(i.GTIN) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			if item.GTIN == "" && s.state.GTIN != "" {
				g, err := normalize.GTIN(s.state.GTIN)
				flag(flags, "gtin.unreadable", err)
				if err == nil {
					item.GTIN = g
				}
			}
		},
	},
	{
		full: "item.huid", value: func(i *canon.Item) any { return orNil(i.HUID) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			if item.HUID == "" && s.state.HUID != "" {
				huid, ok := normalize.HUID(s.state.HUID)
				if !ok {
					flags["huid.unreadable"] = true
				}
				item.HUID = huid
			}
		},
	},
	{
		full: "item.certificates", value: func(i *canon.Item) any { return listOrNil(i.Certificates) },
		take: func(f *fold, item *canon.Item, s source, flags map[string]bool) {
			for _, c := range s.state.Certificates {
				f.report(item, c, flags)
			}
		},
	},
	{full: "item.metal", value: func(i *canon.Item) any { return pointerOrNil(i.Metal) }, take: takeMetal},
	{
		full: "item.metals", value: func(i *canon.Item) any { return listOrNil(i.Metals) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			if item.Metals != nil {
				return
			}
			for _, m := range s.state.Metals {
				part, err := normalize.MetalPart(m)
				flag(flags, "metal.unreadable", err)
				item.Metals = append(item.Metals, part)
			}
		},
	},
	{full: "item.weight", value: func(i *canon.Item) any { return pointerOrNil(i.Weight) }, take: takeWeight},
	{full: "item.ring_size", value: func(i *canon.Item) any { return pointerOrNil(i.RingSize) }, take: takeRingSize},
	{
		full: "item.stones", value: func(i *canon.Item) any { return listOrNil(i.Stones) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			if item.Stones != nil {
				return
			}
			dialect := normalize.Dialect(s.state.Dialect)
			for _, stone := range s.state.Stones {
				read, err := normalize.Stone(dialect, stone)
				flag(flags, "stone.unreadable", err)
				item.Stones = append(item.Stones, read)
			}
		},
	},
	{
		full: "item.components", value: func(i *canon.Item) any { return listOrNil(i.Components) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			for _, c := range s.state.Components {
				read, err := normalize.Component(c)
				flag(flags, "component.unreadable", err)
				item.Components = withComponent(item.Components, read)
			}
		},
	},
	{
		full: "item.ownership", value: func(i *canon.Item) any { return pointerOrNil(i.Ownership) }, restricts: ownershipRestricts,
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			if item.Ownership == nil && s.state.Ownership != nil {
				o, err := normalize.Ownership(*s.state.Ownership)
				flag(flags, "ownership.unreadable", err)
				item.Ownership = &o
			}
		},
	},
	{
		full: "item.edition", value: func(i *canon.Item) any { return pointerOrNil(i.Edition) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			if item.Edition == nil && s.state.Edition != nil {
				e, err := normalize.Edition(*s.state.Edition)
				flag(flags, "edition.unreadable", err)
				item.Edition = &e
			}
		},
	},
	{full: "item.sets", value: func(i *canon.Item) any { return listOrNil(i.Sets) }, take: takeSets},
	{
		full: "item.provenance", value: func(i *canon.Item) any { return listOrNil(i.Provenance) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			for _, step := range s.state.Provenance {
				p, err := normalize.Provenance(step)
				flag(flags, "provenance.unreadable", err)
				item.Provenance = united(item.Provenance, p)
			}
		},
	},
	{
		full: "item.appraisals", value: func(i *canon.Item) any { return listOrNil(i.Appraisals) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			for _, a := range s.state.Appraisals {
				read, err := normalize.Appraisal(a)
				flag(flags, "appraisal.unreadable", err)
				item.Appraisals = united(item.Appraisals, read)
			}
		},
	},
	{full: "item.price", value: func(i *canon.Item) any { return listOrNil(i.Prices) }, means: pricesMean, take: takePrices},
	{
		full: "item.cost", value: func(i *canon.Item) any { return pointerOrNil(i.Cost) },
		take: func(_ *fold, item *canon.Item, s source, flags map[string]bool) {
			if item.Cost == nil && s.state.Cost != nil {
				m, err := normalize.Money(*s.state.Cost)
				flag(flags, "cost.unreadable", err)
				if err == nil {
					item.Cost = &m
				}
			}
		},
	},
	{
		full: "item.attributes", value: func(i *canon.Item) any { return listOrNil(i.Attributes) },
		means: func(i *canon.Item) any { return attributesMean(i.Attributes) },
		take: func(f *fold, item *canon.Item, s source, flags map[string]bool) {
			item.Attributes = f.attributes(item.Attributes, s.node.Connection, s.state.Attributes, flags)
		},
	},
}

// voice says who states what a listing shows.
func (s source) voice() policy.Source {
	v := policy.Source{Connection: s.node.Connection, Node: s.node.Node}
	if s.state.CreatedAt != nil {
		v.Created = *s.state.CreatedAt
	}
	return v
}

// itemSources leaves out who states nothing: a listing that is not on its platform any longer.
func itemSources(sources []source) []source {
	out := sources[:0:0]
	for _, s := range sources {
		if s.state != nil {
			out = append(out, s)
		}
	}
	return out
}

func productOf(s source) string {
	if s.node.ProductID == "" {
		return ""
	}
	return canon.NodeID("prd", s.node.Connection, canon.KindProduct, s.node.ProductID)
}

func takeMetal(_ *fold, item *canon.Item, s source, flags map[string]bool) {
	st := s.state
	if item.Metal == nil && (st.Metal != "" || st.Fineness != "") {
		m, err := normalize.Metal(st.Metal, st.Fineness, st.MetalColour)
		flag(flags, "metal.unreadable", err)
		item.Metal = &m
	}
}

func takeWeight(_ *fold, item *canon.Item, s source, flags map[string]bool) {
	if item.Weight == nil && s.state.Weight != "" {
		w := canon.Weight{Raw: s.state.Weight}
		mg, err := normalize.Weight(s.state.Weight)
		flag(flags, "weight.unreadable", err)
		if err == nil {
			w.Milligrams = mg
		}
		item.Weight = &w
	}
}

func takeRingSize(_ *fold, item *canon.Item, s source, flags map[string]bool) {
	if item.RingSize == nil && s.state.RingSize != "" {
		r, err := normalize.RingSize(s.state.RingSize, "")
		flag(flags, "ring_size.unreadable", err)
		if err != nil {
			r = canon.RingSize{Label: s.state.RingSize}
		}
		item.RingSize = &r
	}
}

// takePrices keeps what a connection asks, beside the words that it used (invariant 5).
func takePrices(_ *fold, item *canon.Item, s source, flags map[string]bool) {
	for _, p := range s.state.Prices {
		if p.Amount == "" {
			continue
		}
		m, err := normalize.Money(p)
		flag(flags, "price.unreadable", err)
		if err != nil {
			continue
		}
		price := canon.Price{Connection: s.node.Connection, Money: m, Stated: p.Amount}
		if !slices.Contains(item.Prices, price) {
			item.Prices = append(item.Prices, price)
		}
	}
	for _, o := range s.state.Offers {
		if o.Price.Amount == "" {
			continue
		}
		m, err := normalize.Money(o.Price)
		flag(flags, "price.unreadable", err)
		if err != nil {
			continue
		}
		shown := canon.ShownOffer{
			Connection: s.node.Connection, ID: o.ID, Kind: o.Kind, Name: o.Name, Money: m, Stated: o.Price.Amount, Groups: o.Groups, From: utc(o.From), Until: utc(o.Until),
		}
		if !slices.ContainsFunc(item.Offers, func(k canon.ShownOffer) bool { return reflect.DeepEqual(k, shown) }) {
			item.Offers = append(item.Offers, shown)
		}
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := t.UTC()
	return &at
}

// compareOffers orders what connections ask beside their prices.
func compareOffers(a, b canon.ShownOffer) int {
	instant := func(t *time.Time) int64 {
		if t == nil {
			return 0
		}
		return t.Unix()
	}
	return cmp.Or(
		cmp.Compare(a.Connection, b.Connection), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Minor, b.Minor),
		cmp.Compare(instant(a.From), instant(b.From)), cmp.Compare(instant(a.Until), instant(b.Until)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Stated, b.Stated),
		slices.Compare(a.Groups, b.Groups),
	)
}

func takeSets(_ *fold, item *canon.Item, s source, _ map[string]bool) {
	for _, set := range s.state.Sets {
		if set.Code != "" && !slices.ContainsFunc(item.Sets, func(k canon.MatchingSet) bool { return k.Code == set.Code }) {
			item.Sets = append(item.Sets, canon.MatchingSet(set))
		}
	}
}

// pricesMean gives amounts by currency: to ask for nothing in a currency is no other price.
func pricesMean(item *canon.Item) any {
	by := make(map[string][]int64)
	for _, p := range item.Prices {
		by[p.Currency] = append(by[p.Currency], p.Minor)
	}
	for _, o := range item.Offers {
		at := string(o.Kind) + " " + o.ID + " " + o.Currency
		by[at] = append(by[at], o.Minor)
	}
	return by
}

// attributesMean gives values by code.
func attributesMean(list []canon.Attribute) any {
	by := make(map[string][]string)
	for _, a := range list {
		by[a.Code] = append(by[a.Code], a.Value)
	}
	return by
}

// ownershipRestricts says how much an ownership restricts what the house may do with a piece. One that could not be read
// restricts most: nobody knows what was agreed.
func ownershipRestricts(item *canon.Item) int {
	if item.Ownership == nil {
		return 0
	}
	switch item.Ownership.Kind {
	case canon.Owned:
		return 1
	case canon.Consigned:
		return 2
	case canon.MemoIn:
		return 3
	case canon.ClientOwn:
		return 4
	}
	return 5
}

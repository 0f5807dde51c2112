// Package searchtest makes pieces and clients to search, the same ones for the same seed.
package searchtest

import (
	"fmt"
	"math/rand/v2"

	"github.com/jumpring/jumpring/core/canon"
)

var (
	shapes     = []string{"ROUND", "ROUND", "ROUND", "PRINCESS", "OVAL", "EMERALD", "CUSHION", "PEAR", "MARQUISE", "RADIANT", "ASSCHER", "HEART"}
	colours    = []string{"D", "E", "F", "G", "H", "I", "J", "K", "O-P"}
	clarities  = []string{"FL", "IF", "VVS1", "VVS2", "VS1", "VS2", "SI1", "SI2", "I1"}
	grades     = []string{"IDEAL", "EXCELLENT", "EXCELLENT", "VERY_GOOD", "GOOD"}
	labs       = []string{"GIA", "GIA", "IGI", "HRD"}
	brands     = []string{"Aurum", "Maison Lumière", "Van der Berg", "Orfèvre & Fils", "Stella", "Kronos", "Lotus", "Belle Époque"}
	categories = []string{"Rings", "Rings", "Rings", "Earrings", "Necklaces", "Bracelets", "Pendants", "Watches"}
	places     = []string{"boutique-paris", "boutique-paris", "boutique-lyon", "paris-vault", "geneva"}
	styles     = []string{"solitaire", "halo", "trilogy", "pavé", "eternity", "cluster", "vintage", "bezel"}
	others     = []string{"sapphire", "ruby", "emerald", "tanzanite"}
	currencies = []string{"EUR", "EUR", "EUR", "USD", "CHF", "JPY"}
	metals     = []canon.Metal{
		{Kind: canon.Platinum, Fineness: 950, Raw: "platinum"},
		{Kind: canon.Gold, Fineness: 750, Colour: canon.Yellow, Raw: "18k yellow gold"},
		{Kind: canon.Gold, Fineness: 750, Colour: canon.White, Raw: "18k white gold"},
		{Kind: canon.Gold, Fineness: 750, Colour: canon.Rose, Raw: "18k rose gold"},
		{Kind: canon.Gold, Fineness: 585, Colour: canon.Yellow, Raw: "14k yellow gold"},
		{Kind: canon.Silver, Fineness: 925, Raw: "sterling silver"},
	}
	statuses = []canon.ItemStatus{canon.ItemInStock, canon.ItemInStock, canon.ItemInStock, canon.ItemInStock, canon.ItemReserved, canon.ItemSold, canon.ItemUnavailable}
)

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// ID is the golden id of piece number n.
func ID(n int) string { return fmt.Sprintf("itm_%016x%010d", uint64(n)*0x9E3779B97F4A7C15, n) }

// Piece makes piece number n. It depends on r alone.
func Piece(r *rand.Rand, n int) canon.Item {
	metal := pick(r, metals)
	style, category := pick(r, styles), pick(r, categories)
	it := canon.Item{
		ID: ID(n), Serialized: r.IntN(10) > 0, SKU: fmt.Sprintf("RG-%06d", n), Serial: fmt.Sprintf("S%07d", n),
		Brand: pick(r, brands), Category: category, StyleNo: fmt.Sprintf("ST-%04d", r.IntN(2000)), Metal: &metal, Status: pick(r, statuses),
		Weight: &canon.Weight{Milligrams: 1500 + int64(r.IntN(9000))}, Stock: []canon.StockAt{}, Version: canon.Position{Offset: uint64(n + 1)},
	}
	it.Nodes = []string{it.ID}
	stone := canon.Stone{Kind: "diamond", Shape: pick(r, shapes), CaratThousandths: int64(200+r.IntN(2800)) / 10 * 10, Count: 1}
	if r.IntN(8) == 0 {
		stone.Kind, stone.Colour = pick(r, others), "BLUE"
	} else {
		stone.Colour, stone.Clarity, stone.Cut = pick(r, colours), pick(r, clarities), pick(r, grades)
		stone.Polish, stone.Symmetry, stone.Fluorescence, stone.Origin = pick(r, grades), pick(r, grades), "NONE", "natural"
		c := canon.Certificate{Lab: pick(r, labs), Number: fmt.Sprintf("%d", 2_000_000_000+n)}
		it.Certificates, stone.Certificate = []canon.Certificate{c}, c.Key()
	}
	stone.Raw = fmt.Sprintf("%s %s %d.%02d ct", stone.Kind, stone.Shape, stone.CaratThousandths/1000, stone.CaratThousandths%1000/10)
	it.Stones = []canon.Stone{stone}
	if r.IntN(4) == 0 {
		it.Stones = append(it.Stones, canon.Stone{Kind: "diamond", Shape: "ROUND", CaratThousandths: int64(10 + r.IntN(300)), Colour: "H", Clarity: "SI1", Count: int64(2 + r.IntN(30)), Role: "accent"})
	}
	it.Title = fmt.Sprintf("%s %s in %s", style, category[:len(category)-1], metal.Raw)
	if category == "Rings" {
		it.RingSize = &canon.RingSize{Label: "EU 54", CircumferenceTenths: int64(450 + r.IntN(200))}
	}
	base := int64(300+r.IntN(40_000)) * 100
	for k, channel := range []string{"web-eu", "web-us"}[:1+r.IntN(2)] {
		currency := pick(r, currencies)
		it.Prices = append(it.Prices, canon.Price{Connection: channel, Money: canon.Money{Minor: base + int64(k)*5000, Currency: currency}})
		it.Listings = append(it.Listings, canon.Listing{Connection: channel, ExternalID: fmt.Sprintf("gid://shopify/ProductVariant/%d", n), Node: it.ID, SKU: it.SKU, JoinedBy: "own"})
	}
	it.Attributes = []canon.Attribute{{Code: "collection", Value: pick(r, []string{"Luna", "Sole", "Mare", "Terra"})}, {Code: "season", Value: pick(r, []string{"SS26", "FW26"})}}
	if it.Serialized {
		it.Location = pick(r, places)
		it.Stock = []canon.StockAt{{Location: it.Location, OnHand: 1, Available: 1}}
	} else {
		it.Stock = []canon.StockAt{{Location: "boutique-paris", OnHand: int64(r.IntN(5)), Available: 1}, {Location: "geneva", OnHand: int64(r.IntN(5)), Available: 1}}
	}
	if r.IntN(20) == 0 {
		it.Contested, it.Flags = true, []string{"stock.conflict"}
	}
	return it
}

// Rand gives the source of a seed.
func Rand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// Pieces makes n pieces of a seed.
func Pieces(seed uint64, n int) []canon.Item {
	r := Rand(seed)
	out := make([]canon.Item, n)
	for i := range out {
		out[i] = Piece(r, i)
	}
	return out
}

var (
	given    = []string{"Anna", "Marie", "José", "Robert", "Élodie", "Sofia", "Jürgen", "Chloé", "Wei", "Olga", "Pierre", "Katarzyna"}
	families = []string{"Müller", "Martin", "García", "Lefèvre", "O'Brien", "Nguyen", "Kowalska", "Rossi", "Schmidt", "Dubois"}
	cities   = []string{"Paris", "Lyon", "Genève", "München", "New York"}
)

// Client makes client number n. It depends on r alone.
func Client(r *rand.Rand, n int) canon.Client {
	c := canon.Client{
		ID: fmt.Sprintf("cli_%016x%06d", uint64(n)*0x9E3779B97F4A7C15, n), GivenName: pick(r, given), FamilyName: pick(r, families),
		Emails: []string{fmt.Sprintf("client%06d@example.com", n)}, Phones: []string{fmt.Sprintf("+3361%07d", n)},
		Addresses: []canon.Address{{City: pick(r, cities), Country: "FR", PostalCode: fmt.Sprintf("%05d", 75000+r.IntN(20)), Line1: fmt.Sprintf("%d rue de la Paix", 1+r.IntN(99))}},
		Accounts:  []canon.Account{{Connection: "web-eu", ExternalID: fmt.Sprint(n)}}, MarketingEmail: pick(r, []string{"subscribed", "unsubscribed"}),
		Version: canon.Position{Offset: uint64(n + 1)},
	}
	c.Nodes = []string{c.ID}
	return c
}

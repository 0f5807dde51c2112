package lifecycle

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jumpring/jumpring/core/canon"
)

func TestThePriceIsExplained(t *testing.T) {
	eur := func(minor int64) canon.Money { return canon.Money{Minor: minor, Currency: "EUR"} }
	ring := &canon.Item{ID: "itm_1", SKU: "RING", Brand: "Aurum", Category: "rings", Prices: []canon.Price{
		{Connection: "shop", Money: eur(130_000)}, {Connection: "web", Money: eur(125_000)}, {Connection: "web", Money: canon.Money{Minor: 140_000, Currency: "USD"}},
	}}
	list := func(id string, named int64, change func(*canon.Offer)) OfferedPrice {
		o := OfferedPrice{Offer: &canon.Offer{ID: id, Name: id, Kind: canon.OfferPriceList, Status: "active", Currency: "EUR"}}
		if named > 0 {
			m := eur(named)
			o.Named = &m
		}
		if change != nil {
			change(o.Offer)
		}
		return o
	}
	promo := func(id string, change func(*canon.Offer)) OfferedPrice {
		o := &canon.Offer{ID: id, Name: id, Kind: canon.OfferPromotion, Status: "running", Currency: "EUR"}
		change(o)
		return OfferedPrice{Offer: o}
	}
	offers := []OfferedPrice{
		list("world", 120_000, nil),
		list("paris", 118_000, func(o *canon.Offer) { o.Locations = []string{"paris"} }),
		list("friends", 99_999, func(o *canon.Offer) { o.Groups = []string{"vip"}; o.Priority = 5 }),
		list("old", 1, func(o *canon.Offer) { o.Status = "expired" }),
		list("others", 0, nil),
		promo("summer", func(o *canon.Offer) { o.Percent, o.Categories = 1_250, []string{"Rings"} }),
		promo("voucher", func(o *canon.Offer) { o.Off, o.Brands = 50_00, []string{"aurum"} }),
		promo("pearls", func(o *canon.Offer) { o.Percent, o.Categories = 5_000, []string{"pearls"} }),
	}
	for _, tc := range []struct {
		name  string
		ask   PriceAsk
		offer []OfferedPrice
		want  int64
		rules string
	}{
		{"what a connection shows", PriceAsk{Connection: "web"}, nil, 125_000, "shown:web"},
		{"in its currency", PriceAsk{Connection: "web", Currency: "USD"}, offers, 140_000, "shown:web"},
		{"what another shows, where it shows none", PriceAsk{Connection: "till"}, nil, 130_000, "shown:shop"},
		{"the list for all, less the promotion that takes more off", PriceAsk{Connection: "web"}, offers, 105_000, "shown:web price_list:world promotion:summer"},
		{"the list that says where", PriceAsk{Location: "paris"}, offers, 103_250, "shown:shop price_list:paris promotion:summer"},
		{"the list of a higher priority", PriceAsk{Location: "paris", Groups: []string{"new", "vip"}}, offers, 87_499, "shown:shop price_list:friends promotion:summer"},
		{"no promotion below zero", PriceAsk{}, []OfferedPrice{list("a", 100, nil), promo("p", func(o *canon.Offer) { o.Off = 500 })}, 0, "shown:shop price_list:a promotion:p"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for seed := range uint64(20) {
				shuffled := slices.Clone(tc.offer)
				rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
				got := Price(ring, tc.ask, shuffled)
				rules := ""
				for _, s := range got.Steps {
					rules += s.Rule + ":" + s.ID + " "
				}
				if got.Price == nil || got.Price.Minor != tc.want || rules != tc.rules+" " {
					t.Fatalf("%+v by %s, want %d by %s", got.Price, rules, tc.want, tc.rules)
				}
				used := len(got.Steps) - 1
				if len(got.Passed)+used != len(tc.offer) {
					t.Fatalf("%d offers: %d count, %d passed over: nothing is left unexplained: %+v", len(tc.offer), used, len(got.Passed), got.Passed)
				}
			}
		})
	}
	if got := Price(&canon.Item{ID: "itm_2"}, PriceAsk{}, offers[5:6]); got.Price != nil || len(got.Passed) != 1 {
		t.Errorf("nobody states a price: %+v", got)
	}
}

func TestAPlatformsSaleCountsInItsWindow(t *testing.T) {
	at := func(hour int) *time.Time {
		v := time.Date(2026, 11, 27, hour, 0, 0, 0, time.UTC)
		return &v
	}
	eur := func(minor int64) canon.Money { return canon.Money{Minor: minor, Currency: "EUR"} }
	ring := &canon.Item{ID: "itm_1", Prices: []canon.Price{{Connection: "web", Money: eur(100_000)}, {Connection: "till", Money: eur(110_000)}}, Offers: []canon.ShownOffer{
		{Connection: "web", ID: "sale", Kind: canon.OfferSale, Money: eur(80_000), From: at(8), Until: at(20)},
		{Connection: "web", ID: "vip", Kind: canon.OfferPriceList, Money: eur(90_000), Groups: []string{"vip"}},
	}}
	for _, tc := range []struct {
		name string
		ask  PriceAsk
		want int64
	}{
		{"before it", PriceAsk{Connection: "web", At: *at(7)}, 100_000},
		{"in it", PriceAsk{Connection: "web", At: *at(8)}, 80_000},
		{"after it", PriceAsk{Connection: "web", At: *at(20)}, 100_000},
		{"the list of whom it is for", PriceAsk{Connection: "web", At: *at(7), Groups: []string{"vip"}}, 90_000},
		{"the lower of both", PriceAsk{Connection: "web", At: *at(9), Groups: []string{"vip"}}, 80_000},
		{"another channel has no part in it", PriceAsk{Connection: "till", At: *at(9)}, 110_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Price(ring, tc.ask, nil)
			if got.Price == nil || got.Price.Minor != tc.want {
				t.Errorf("%+v, want %d", got, tc.want)
			}
		})
	}
}

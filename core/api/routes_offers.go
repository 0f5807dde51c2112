package api

import (
	"net/http"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
)

// offerRoutes is the part of the table about prices, price lists and promotions.
func offerRoutes() []route {
	get, post := http.MethodGet, http.MethodPost
	offer, made := json200(canon.Offer{}), gives{status: 201, value: canon.Offer{}}
	table := []route{
		{
			method: get, path: "/v1/items/{id}/price", name: "price", summary: "Say what an item costs somewhere, which rule says so, and why the others do not count.", needs: access.ItemsRead,
			query: []param{{"connection", "Where it is asked"}, {"location", "One of the hub's locations"}, {"currency", "ISO 4217"}, {"group", "A tag of clients"}, {"client", "Any id of a client, whose tags count"}},
			gives: json200(canon.PriceExplained{}), handle: (*API).price,
		},
		{
			method: get, path: "/v1/price-lists/{id}/prices", name: "list-prices", summary: "List the prices that a price list names.", needs: access.ItemsRead,
			query: paging, gives: page(canon.ListPrice{}), handle: (*API).listPrices,
		},
		{
			method: post, path: "/v1/price-lists", name: "draft-price-list", summary: "Draft a price list.", needs: access.OffersManage,
			takes: DraftPriceList{}, keyed: true, gives: made, handle: (*API).draftPriceList,
		},
		{
			method: post, path: "/v1/price-lists/{id}/edit", name: "edit-price-list", summary: "Change a drafted price list: up to 500 prices at once.", needs: access.OffersManage,
			takes: EditPriceList{}, keyed: true, gives: offer, handle: (*API).editPriceList,
		},
		{
			method: post, path: "/v1/promotions", name: "draft-promotion", summary: "Draft a promotion.", needs: access.OffersManage,
			takes: DraftPromotion{}, keyed: true, gives: made, handle: draftsPromotion("draft"),
		},
		{
			method: post, path: "/v1/promotions/{id}/edit", name: "edit-promotion", summary: "Change a drafted promotion.", needs: access.OffersManage,
			takes: DraftPromotion{}, keyed: true, gives: offer, handle: draftsPromotion("edit"),
		},
	}
	for _, of := range []struct {
		kind          canon.OfferKind
		path, one, is string
		steps         [][2]string
	}{
		{canon.OfferPriceList, "/v1/price-lists", "price-list", "draft, scheduled, active, suspended, expired, replaced or discarded", [][2]string{
			{"approve", "Approve a drafted price list, by somebody else than who drafted it: it counts from its time on."},
			{"discard", "Discard a draft."},
			{"withdraw", "Take a scheduled price list back to a draft."},
			{"activate", "Have a scheduled or suspended price list count, if its time has come."},
			{"suspend", "Have an active price list not count for now."},
			{"replace", "End an active price list."},
		}},
		{canon.OfferPromotion, "/v1/promotions", "promotion", "draft, scheduled, running, paused, ended or discarded", [][2]string{
			{"approve", "Approve a drafted promotion, by somebody else than who drafted it: it runs from its time on."},
			{"discard", "Discard a draft."},
			{"withdraw", "Take a scheduled promotion back to a draft."},
			{"start", "Have a scheduled or paused promotion run, if its time has come."},
			{"pause", "Have a running promotion not count for now."},
			{"stop", "End a promotion."},
		}},
	} {
		table = append(table, route{
			method: get, path: of.path, name: of.one + "s", summary: "List " + of.one + "s.", needs: access.ItemsRead,
			query: with(param{"status", of.is}), gives: page(canon.Offer{}), handle: listOffers(of.kind),
		}, route{
			method: get, path: of.path + "/{id}", name: of.one, summary: "Show a " + of.one + ".", needs: access.ItemsRead,
			gives: offer, handle: oneOffer(of.kind),
		}, route{
			method: get, path: of.path + "/{id}/timeline", name: of.one + "-timeline", summary: "Show what happened to a " + of.one + ".", needs: access.ItemsRead,
			query: paging, gives: page(canon.Row{}), handle: (*API).offerTimeline,
		})
		for _, s := range of.steps {
			table = append(table, route{
				method: post, path: of.path + "/{id}/" + s[0], name: s[0] + "-" + of.one, summary: s[1], needs: access.OffersManage,
				takes: Decide{}, keyed: true, gives: offer, handle: offerStep(of.kind, s[0]),
			})
		}
	}
	return table
}

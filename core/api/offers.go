package api

import (
	"encoding/json"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/lifecycle"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// Scope says where, for whom and when an offer applies.
type Scope struct {
	Name        string   `json:"name" minLength:"1" maxLength:"200" example:"Winter"`
	Currency    string   `json:"currency" minLength:"3" maxLength:"3" example:"EUR"`
	Priority    int64    `json:"priority,omitempty" minimum:"-1000" maximum:"1000" doc:"The higher counts; then the offer that says more exactly where it applies"`
	Connections []string `json:"connections,omitempty" maxItems:"100" doc:"Everywhere where it is left out"`
	Locations   []string `json:"locations,omitempty" maxItems:"100"`
	Groups      []string `json:"groups,omitempty" maxItems:"100" doc:"Tags of clients; everybody where it is left out"`
	From        string   `json:"from,omitempty" maxLength:"40" doc:"RFC 3339 with offset; at once where it is left out"`
	Until       string   `json:"until,omitempty" maxLength:"40" doc:"For ever where it is left out"`
}

// DraftPriceList is the body of drafting a price list.
type DraftPriceList struct {
	List   Scope        `json:"list"`
	Prices []NamedPrice `json:"prices,omitempty" maxItems:"500"`
}

// EditPriceList is the body of changing a drafted price list.
type EditPriceList struct {
	List   *Scope       `json:"list,omitempty" doc:"All of it anew; unchanged where it is left out"`
	Prices []NamedPrice `json:"prices,omitempty" maxItems:"500"`
}

// NamedPrice is a price of one item.
type NamedPrice struct {
	Item   string `json:"item" minLength:"1" maxLength:"200" doc:"Any id that resolves to it"`
	Amount string `json:"amount,omitempty" maxLength:"32" doc:"In the list's currency; without it the item is taken off the list" example:"1100.00"`
}

// DraftPromotion is the body of drafting a promotion, or of changing one that is drafted.
type DraftPromotion struct {
	Promotion  Scope    `json:"promotion"`
	Percent    int64    `json:"percent,omitempty" minimum:"1" maximum:"10000" doc:"Hundredths of a percent off" example:"1000"`
	Off        int64    `json:"off,omitempty" minimum:"1" doc:"Minor units off, instead of a share"`
	SKUs       []string `json:"skus,omitempty" maxItems:"100" doc:"What it is on, with brands and categories; everything where all are left out"`
	Brands     []string `json:"brands,omitempty" maxItems:"100"`
	Categories []string `json:"categories,omitempty" maxItems:"100"`
}

// draft reads a scope.
func (s *Scope) draft() (*canon.Offer, error) {
	o := &canon.Offer{
		Name: s.Name, Currency: s.Currency, Priority: s.Priority, Connections: s.Connections, Locations: s.Locations, Groups: s.Groups,
	}
	for _, t := range []struct {
		field, text string
		into        *time.Time
	}{{"from", s.From, &o.From}, {"until", s.Until, &o.Until}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return nil, problem.New(problem.BodyInvalid, "").With(problem.Field{Path: "body." + t.field, Message: "expected RFC 3339 with offset"})
		}
		*t.into = at
	}
	return o, nil
}

func named(prices []NamedPrice) []canon.PriceAsked {
	out := make([]canon.PriceAsked, len(prices))
	for i, p := range prices {
		out[i] = canon.PriceAsked{Item: p.Item, Amount: p.Amount}
	}
	return out
}

func (a *API) price(c *fiber.Ctx, who access.Principal) error {
	ask := lifecycle.PriceAsk{Connection: query(c, "connection"), Location: query(c, "location"), Currency: query(c, "currency"), At: time.Now()}
	if g := query(c, "group"); g != "" {
		ask.Groups = []string{g}
	}
	client := query(c, "client")
	if client != "" && !who.Can(access.ClientsRead) {
		return problem.New(problem.TokenForbidden, "the parameter client needs the permission clients.read")
	}
	return a.look(func(v store.View) error {
		p, err := views.Price(v, parameter(c, "id"), client, ask)
		if err != nil {
			return err
		}
		return show(c, who, p)
	})
}

func listOffers(kind canon.OfferKind) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		return listing[canon.Offer](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
			return views.Offers(v, kind, query(c, "status"), p)
		})
	}
}

func oneOffer(kind canon.OfferKind) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		return record[canon.Offer](a, c, who, func(v store.View) (json.RawMessage, error) { return views.Offer(v, kind, parameter(c, "id")) })
	}
}

func (a *API) offerTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeOffer)
}

func (a *API) listPrices(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.ListPrice](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.ListPrices(v, parameter(c, "id"), p)
	})
}

func (a *API) doOffer(c *fiber.Ctx, who access.Principal, ask canon.OfferAsk) error {
	return do[canon.Offer](a, c, who, canon.Command{Role: who.ActsAs(), Offer: &ask}, nil)
}

func (a *API) draftPriceList(c *fiber.Ctx, who access.Principal) error {
	b, err := read[DraftPriceList](a, c)
	if err != nil {
		return err
	}
	draft, err := b.List.draft()
	if err != nil {
		return err
	}
	return a.doOffer(c, who, canon.OfferAsk{Kind: canon.OfferPriceList, Event: "draft", Draft: draft, Prices: named(b.Prices)})
}

func (a *API) editPriceList(c *fiber.Ctx, who access.Principal) error {
	b, err := read[EditPriceList](a, c)
	if err != nil {
		return err
	}
	ask := canon.OfferAsk{Kind: canon.OfferPriceList, Event: "edit", Offer: parameter(c, "id"), Prices: named(b.Prices)}
	if b.List != nil {
		if ask.Draft, err = b.List.draft(); err != nil {
			return err
		}
	}
	return a.doOffer(c, who, ask)
}

func draftsPromotion(event string) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		b, err := read[DraftPromotion](a, c)
		if err != nil {
			return err
		}
		draft, err := b.Promotion.draft()
		if err != nil {
			return err
		}
		draft.Percent, draft.Off, draft.SKUs, draft.Brands, draft.Categories = b.Percent, b.Off, b.SKUs, b.Brands, b.Categories
		return a.doOffer(c, who, canon.OfferAsk{Kind: canon.OfferPromotion, Event: event, Offer: parameter(c, "id"), Draft: draft})
	}
}

// offerStep gives the handler of a step of an offer that takes nothing but an approval.
func offerStep(kind canon.OfferKind, event string) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		b, err := read[Decide](a, c)
		if err != nil {
			return err
		}
		return a.doOffer(c, who, canon.OfferAsk{Kind: kind, Event: event, Offer: parameter(c, "id"), Approved: b.Approved})
	}
}

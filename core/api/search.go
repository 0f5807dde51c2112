package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/search"
)

// Searcher finds pieces and clients; core/search's Live is one.
type Searcher interface {
	Items(ctx context.Context, r search.Request) (*search.Answer, error)
	// Clients answers with nothing where the role sees no personal data.
	Clients(ctx context.Context, r search.Request, seesPersonal bool) (*search.Answer, error)
	// Loading says how far it is with reading the records after a start; empty when it is done.
	Loading() string
}

// ItemsFound is the answer of a search for pieces.
type ItemsFound struct {
	Items []canon.Item `json:"items"`
	Found
}

// ClientsFound is the answer of a search for clients.
type ClientsFound struct {
	Items []canon.Client `json:"items"`
	Found
}

// Found is what a search says beside the records.
type Found struct {
	NextCursor string `json:"next_cursor,omitempty"`
	Total      int    `json:"total" doc:"How many records there are on all pages"`
	// Position is what the answer stands for.
	Position   canon.Position   `json:"position" doc:"Every change up to this journal position is in the answer"`
	Sort       string           `json:"sort"`
	Understood []search.Reading `json:"understood" doc:"How each part of q and filter was read"`
	Facets     []search.Facet   `json:"facets,omitempty" doc:"Counts of the values that could be chosen, each without its own filter"`
}

// searchParams are the parameters of both searches.
func searchParams(example string) []param {
	return with(
		param{"q", "Free words, such as: " + example},
		param{"filter", "A condition NAME:VALUE, with values parted by commas and ranges as LEAST..MOST; may be repeated, or joined by &. See docs/search.md"},
		param{"sort", "relevance (default), price, -price, carat, -carat or newest; a price may name its currency: price:EUR"},
		param{"facets", "Fields to count, parted by commas; none for none; the usual ones on a first page where it is left out"},
		param{"after", "A journal position that the answer must stand for"},
	)
}

func (a *API) searchItems(c *fiber.Ctx, who access.Principal) error {
	return searched[canon.Item](a, c, who, a.Search.Items)
}

func (a *API) searchClients(c *fiber.Ctx, who access.Principal) error {
	return searched[canon.Client](a, c, who, func(ctx context.Context, r search.Request) (*search.Answer, error) {
		return a.Search.Clients(ctx, r, who.Sees(access.Personal))
	})
}

// searched answers a search with records as the role may see them.
func searched[T any](a *API, c *fiber.Ctx, who access.Principal, find func(context.Context, search.Request) (*search.Answer, error)) error {
	r, err := searchRequest(c)
	if err != nil {
		return err
	}
	found, err := find(a.ctx, r)
	if err != nil {
		return searchProblem(err)
	}
	items := make([]json.RawMessage, len(found.Records))
	for i, raw := range found.Records {
		if items[i], err = access.JSON[T](who.Sight(), raw); err != nil {
			return err
		}
	}
	return c.JSON(struct {
		Items []json.RawMessage `json:"items"`
		Found
	}{items, Found{
		NextCursor: found.NextCursor, Total: found.Total, Position: found.Position, Sort: found.Sort, Understood: found.Understood, Facets: found.Facets,
	}})
}

// searchRequest reads the parameters of a search.
func searchRequest(c *fiber.Ctx) (search.Request, error) {
	p, err := pagingOf(c)
	r := search.Request{Text: query(c, "q"), Sort: query(c, "sort"), Limit: p.Limit, Cursor: p.Cursor}
	if err != nil {
		return r, err
	}
	if len(r.Text) > search.MaxText {
		return r, parameterProblem("q", "at most 1000 bytes are taken")
	}
	c.Context().QueryArgs().VisitAll(func(name, value []byte) {
		switch {
		case string(name) == "filter":
			r.Filters = append(r.Filters, string(value))
		case len(value) == 0 && strings.Contains(string(name), ":"):
			r.Filters = append(r.Filters, string(name)) // behind an & that was not escaped
		}
	})
	switch facets := query(c, "facets"); facets {
	case "":
	case "none":
		r.Facets = []string{}
	default:
		r.Facets = strings.Split(facets, ",")
	}
	if s := query(c, "after"); s != "" {
		if r.After, err = canon.ParsePosition(s); err != nil {
			return r, parameterProblem("after", "expected a position such as 1042.3")
		}
	}
	return r, nil
}

func parameterProblem(name, message string) error {
	return problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "query." + name, Message: message})
}

// searchProblem maps the errors of a search.
func searchProblem(err error) error {
	var filter *search.FilterError
	switch {
	case errors.As(err, &filter):
		return parameterProblem("filter", filter.Error())
	case errors.Is(err, search.ErrCursor):
		return problem.New(problem.CursorInvalid, "")
	case errors.Is(err, search.ErrLoading):
		return problem.New(problem.HubBusy, "the records are being read for searching; lists and single records answer").Retry(2 * time.Second)
	case errors.Is(err, context.DeadlineExceeded):
		return problem.New(problem.HubBusy, "the position that after names has not been reached").Retry(2 * time.Second)
	}
	return err
}

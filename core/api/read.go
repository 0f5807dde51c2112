package api

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// parameter gives a parameter of the path, unescaped and safe to keep.
func parameter(c *fiber.Ctx, name string) string {
	raw := c.Params(name)
	if s, err := url.PathUnescape(raw); err == nil && strings.IndexByte(raw, '%') >= 0 {
		return s
	}
	return strings.Clone(raw)
}

// query gives a parameter of the query, safe to keep.
func query(c *fiber.Ctx, name string) string { return strings.Clone(c.Query(name)) }

// pagingOf reads limit and cursor.
func pagingOf(c *fiber.Ctx) (views.Paging, error) {
	p := views.Paging{Cursor: query(c, "cursor")}
	if s := c.Query("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > views.MaxLimit {
			return p, problem.New(problem.ParameterInvalid, "").With(problem.Field{
				Path: "query.limit", Message: fmt.Sprintf("expected a number from 1 to %d", views.MaxLimit),
			})
		}
		p.Limit = n
	}
	return p, nil
}

// look runs fn on the newest committed state.
func (a *API) look(fn func(v store.View) error) error {
	v, err := a.Hub.View()
	if err != nil {
		return fmt.Errorf("open a view: %w", err)
	}
	defer v.Close()
	return fn(v)
}

// send answers with JSON that is already encoded.
func send(c *fiber.Ctx, status int, raw []byte) error {
	c.Response().Header.SetContentTypeBytes(applicationJSON)
	c.Response().SetStatusCode(status)
	c.Response().SetBodyRaw(raw)
	return nil
}

var applicationJSON = []byte("application/json")

// record answers with one record as the role may see it. Where nothing has to be hidden these are the stored bytes.
func record[T any](a *API, c *fiber.Ctx, who access.Principal, get func(v store.View) (json.RawMessage, error)) error {
	return a.look(func(v store.View) error {
		raw, err := get(v)
		if err != nil {
			return err
		}
		shown, err := access.JSON[T](who.Sight(), raw)
		if err != nil {
			return err
		}
		return send(c, fiber.StatusOK, shown)
	})
}

// listing answers with one page of records.
func listing[T any](a *API, c *fiber.Ctx, who access.Principal, get func(v store.View, p views.Paging) (views.Page, error)) error {
	p, err := pagingOf(c)
	if err != nil {
		return err
	}
	return a.look(func(v store.View) error {
		page, err := get(v, p)
		if err != nil {
			return err
		}
		shown := page.Items[:0]
		for _, raw := range page.Items {
			here, err := recordHere[T](v, who, raw)
			if err != nil {
				return err
			}
			if !here {
				continue
			}
			if raw, err = access.JSON[T](who.Sight(), raw); err != nil {
				return err
			}
			shown = append(shown, raw)
		}
		return sendPage(c, shown, page.NextCursor)
	})
}

func sendPage[T any](c *fiber.Ctx, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	return c.JSON(struct {
		Items []T    `json:"items"`
		Next  string `json:"next_cursor,omitempty"`
	}{items, next})
}

// recordHere tells whether a list may show a record to who is bound to a location: documents of others are left out, so
// that a page may be shorter than its limit.
func recordHere[T any](v store.View, who access.Principal, raw []byte) (bool, error) {
	var kind T
	switch any(kind).(type) {
	case canon.Order, canon.Transfer, canon.CountSession:
		return documentHere(who, raw)
	case canon.Memo:
		if who.Location == "" {
			return true, nil
		}
		return memoWithin(v, who, raw)
	}
	return true, nil
}

// show answers with a value as somebody may see it.
func show[T any](c *fiber.Ctx, who access.Principal, value T) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode an answer: %w", err)
	}
	if raw, err = access.JSON[T](who.Sight(), raw); err != nil {
		return err
	}
	return send(c, c.Response().StatusCode(), raw)
}

// timeline answers with what happened to a record.
func (a *API) timeline(c *fiber.Ctx, who access.Principal, typ string) error {
	p, err := pagingOf(c)
	if err != nil {
		return err
	}
	return a.look(func(v store.View) error {
		rows, next, err := views.Timeline(v, typ, parameter(c, "id"), p)
		if err != nil {
			return err
		}
		for i := range rows {
			access.Row(who.Sight(), &rows[i])
		}
		return sendPage(c, rows, next)
	})
}

func byID(c *fiber.Ctx, typ string) func(v store.View) (json.RawMessage, error) {
	return func(v store.View) (json.RawMessage, error) { return views.Get(v, typ, parameter(c, "id")) }
}

func (a *API) items(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Item](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Items(v, a.Keys, views.ItemQuery{
			SKU: query(c, "sku"), Serial: query(c, "serial"), EPC: query(c, "epc"), GTIN: query(c, "gtin"),
			Certificate: query(c, "certificate"), Status: canon.ItemStatus(query(c, "status")), Location: query(c, "location"), Paging: p,
		})
	})
}

func (a *API) item(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Item](a, c, who, byID(c, store.TypeItem))
}

func (a *API) itemTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeItem)
}

func (a *API) clients(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Client](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Clients(v, a.Keys, views.ClientQuery{Email: query(c, "email"), Phone: query(c, "phone"), Q: query(c, "q"), Paging: p})
	})
}

func (a *API) client(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Client](a, c, who, byID(c, store.TypeClient))
}

func (a *API) clientTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeClient)
}

func (a *API) orders(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Order](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		q := views.OrderQuery{Connection: query(c, "connection"), ExternalID: query(c, "external_id"), Client: query(c, "client"), Paging: p}
		if q.Client != "" && !who.Can(access.ClientsRead) {
			return views.Page{}, problem.New(problem.TokenForbidden, "the parameter client needs the permission clients.read")
		}
		return views.Orders(v, q)
	})
}

func (a *API) order(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Order](a, c, who, byID(c, store.TypeOrder))
}

func (a *API) orderTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeOrder)
}

func (a *API) orderActions(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Action](a, c, who, func(v store.View, _ views.Paging) (views.Page, error) { return views.Actions(v, parameter(c, "id")) })
}

func (a *API) locations(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Location](a, c, who, func(v store.View, p views.Paging) (views.Page, error) { return views.Locations(v, p) })
}

func (a *API) location(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Location](a, c, who, byID(c, store.TypeLocation))
}

func (a *API) locationTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeLocation)
}

func (a *API) cases(c *fiber.Ctx, who access.Principal) error {
	state := query(c, "state")
	if state != "" && state != "open" && state != "closed" {
		return problem.New(problem.ParameterInvalid, "").With(problem.Field{Path: "query.state", Message: "expected open or closed"})
	}
	return listing[canon.Case](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Cases(v, state != "closed", canon.CaseKind(query(c, "kind")), p)
	})
}

func (a *API) oneCase(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Case](a, c, who, func(v store.View) (json.RawMessage, error) { return views.Case(v, parameter(c, "id")) })
}

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/oklog/ulid/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/router"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// idempotencyKey is the header that names a command.
const idempotencyKey = "Idempotency-Key"

// Reserve is the body of a reservation.
type Reserve struct {
	Seconds  int64  `json:"seconds" minimum:"1" maximum:"2592000" doc:"For how long, at most 30 days" example:"900"`
	Quantity int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"Of a quantity SKU; 1 where it is left out"`
	Location string `json:"location,omitempty" maxLength:"100" doc:"Of a quantity SKU; the token's own where it is left out"`
	ForWhom  string `json:"for_whom,omitempty" maxLength:"200" doc:"For a person to read"`
	Collect  bool   `json:"collect,omitempty" doc:"It is collected at a boutique, which confirms, picks and keeps it ready: /v1/reservations/{reservation}/step"`
}

// Sell is the body of a sale at the till.
type Sell struct {
	Quantity    int64   `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"Of a quantity SKU; 1 where it is left out"`
	Reservation string  `json:"reservation,omitempty" maxLength:"200" doc:"The seller's own hold"`
	Location    string  `json:"location,omitempty" maxLength:"100" doc:"The token's own where it is left out"`
	Receipt     string  `json:"receipt,omitempty" maxLength:"200"`
	Price       *Amount `json:"price,omitempty" doc:"What the client pays for one"`
}

// Amount is an amount of money.
type Amount struct {
	Amount   string `json:"amount" maxLength:"32" example:"1250.00"`
	Currency string `json:"currency" maxLength:"3" example:"EUR"`
}

// Restock is the body of putting a returned piece back for sale.
type Restock struct {
	Claim    string `json:"claim,omitempty" maxLength:"500" doc:"The sale that ended, where there are several"`
	Location string `json:"location,omitempty" maxLength:"100" doc:"The token's own where it is left out"`
}

// Restocked is what was put back.
type Restocked struct {
	Item  string `json:"item"`
	Claim string `json:"claim" doc:"The sale that was taken back"`
}

// Resolve is the body of ending a case.
type Resolve struct {
	Proposal string `json:"proposal" minLength:"1" maxLength:"500" doc:"The id of one of the case's proposals"`
	Note     string `json:"note,omitempty" maxLength:"2000" doc:"Why; the platform's staff reads it too"`
	Refund   string `json:"refund,omitempty" enum:"auto,original,by_hand,none" doc:"How money goes back where an order gives way: auto is to the means of payment where the platform can, else by hand"`
	Notify   bool   `json:"notify,omitempty" doc:"The platform writes to the buyer, where it can be told"`
	Reason   string `json:"reason,omitempty" enum:"inventory,customer,fraud,other" doc:"What the platform is told; inventory where it is left out"`
	Again    bool   `json:"again,omitempty" doc:"What was sent before, with an outcome that nobody knows, did not happen: you looked at the platform"`
}

// CancelOrder is the body of cancelling an order at its platform.
type CancelOrder struct {
	Note    string `json:"note,omitempty" maxLength:"2000" doc:"Why; the platform's staff reads it too"`
	Refund  string `json:"refund,omitempty" enum:"auto,original,by_hand,none" doc:"How money goes back; auto where it is left out"`
	Restock bool   `json:"restock,omitempty" doc:"The goods go back into the platform's stock"`
	Notify  bool   `json:"notify,omitempty" doc:"The platform writes to the buyer, where it can be told"`
	Reason  string `json:"reason,omitempty" enum:"inventory,customer,fraud,other" doc:"customer where it is left out"`
	Again   bool   `json:"again,omitempty" doc:"What was sent before, with an outcome that nobody knows, did not happen: you looked at the platform"`
}

// RefundLines is the body of refunding lines of an order at its platform.
type RefundLines struct {
	Lines []LineToRefund `json:"lines" minItems:"1" maxItems:"200"`
	CancelOrder
}

// LineToRefund is a part of an order's line.
type LineToRefund struct {
	ID       string `json:"id" minLength:"1" maxLength:"500" doc:"The line's id, as the order shows it"`
	Quantity int64  `json:"quantity" minimum:"1" maximum:"1000000"`
}

// SameClient is the body of a person's word on two client records.
type SameClient struct {
	Other string `json:"other" minLength:"1" maxLength:"200" doc:"The other client, or the node of one of a client's accounts"`
	Word  string `json:"word" enum:"same,different,undo,unmerge" doc:"undo takes back what was said of the two; unmerge makes them two whatever joined them"`
}

// Command is what became of a command.
type Command struct {
	Key    string `json:"key"`
	Status string `json:"status" enum:"pending,done,refused"`
	// Outcome is what the fold decided.
	Position string           `json:"position,omitempty"`
	Result   json.RawMessage  `json:"result,omitempty"`
	Problem  *problem.Problem `json:"problem,omitempty"`
	URL      string           `json:"url"`
}

// do sends a command in the name of the token's holder and answers with what the fold decided. done writes the answer
// of a command that was carried out; nil answers with the outcome's status and result.
func do[T any](a *API, c *fiber.Ctx, who access.Principal, cmd canon.Command, done func(o *canon.Outcome) error) error {
	key, err := commandKey(c)
	if err != nil {
		return err
	}
	cmd.Key, cmd.ID = key, ulid.Make().String()
	c.Set(idempotencyKey, key)
	ctx, cancel := context.WithTimeout(a.ctx, a.CommandDeadline)
	defer cancel()
	o, err := a.Hub.Do(ctx, who.Name, cmd)
	if errors.Is(err, router.ErrPending) {
		at := "/v1/commands/" + url.PathEscape(key)
		c.Set(fiber.HeaderLocation, at)
		return c.Status(fiber.StatusAccepted).JSON(Command{Key: key, Status: "pending", URL: at})
	}
	if err != nil {
		return err
	}
	if !o.OK {
		return problem.FromOutcome(&o)
	}
	if o.Approval != "" {
		c.Set(fiber.HeaderLocation, "/v1/approvals/"+url.PathEscape(o.Approval))
		shown, err := access.JSON[canon.Approval](who.Sight(), o.Result)
		if err != nil {
			return err
		}
		return send(c, fiber.StatusAccepted, shown)
	}
	if done != nil {
		return done(&o)
	}
	status := o.Status
	if status < 200 || status > 299 {
		status = fiber.StatusOK
	}
	if len(o.Result) == 0 {
		return c.Status(status).JSON(Command{Key: key, Status: "done", Position: o.Position.String(), URL: "/v1/commands/" + url.PathEscape(key)})
	}
	shown, err := access.JSON[T](who.Sight(), o.Result)
	if err != nil {
		return err
	}
	return send(c, status, shown)
}

// commandKey gives the caller's key, or a new one.
func commandKey(c *fiber.Ctx) (string, error) {
	key := strings.Clone(c.Get(idempotencyKey))
	if key == "" {
		return ulid.Make().String(), nil
	}
	if len(key) > 200 || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", problem.New(problem.ParameterInvalid, "").With(problem.Field{
			Path: "header.Idempotency-Key", Message: "expected up to 200 printable ASCII characters without spaces",
		})
	}
	return key, nil
}

// carriedOut tells whether the token's command under the caller's key was carried out before.
func (a *API) carriedOut(c *fiber.Ctx, who access.Principal) (bool, error) {
	if c.Get(idempotencyKey) == "" {
		return false, nil
	}
	key, err := commandKey(c)
	if err != nil {
		return false, err
	}
	var o canon.Outcome
	err = a.look(func(v store.View) error {
		raw, err := views.Outcome(v, who.Name, key)
		if errors.Is(err, views.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(raw, &o)
	})
	return o.OK, err
}

// read decodes the body of a route. An empty body is an empty object.
func read[T any](a *API, c *fiber.Ctx) (*T, error) {
	b := c.Request().Body()
	if len(b) == 0 {
		b = []byte("{}")
	} else if media := string(c.Request().Header.ContentType()); media != "" && !strings.HasPrefix(media, "application/json") {
		return nil, problem.New(problem.BodyMediaType, "")
	}
	if len(c.Request().Header.Peek(fiber.HeaderContentEncoding)) > 0 {
		return nil, problem.New(problem.BodyMediaType, "send the body uncompressed")
	}
	v := new(T)
	if err := a.schemas.Decode(b, v, "body"); err != nil {
		return nil, err
	}
	return v, nil
}

// place gives where a command acts. A token that is bound to a location acts at that one alone: neither may another
// be stated, nor may the piece be at another.
func (a *API) place(who access.Principal, item, stated string) (string, error) {
	at, ok := who.At(stated)
	if !ok {
		return "", problem.New(problem.LocationForbidden, "").With(problem.Field{Path: "body.location", Message: "is not the location of the token"})
	}
	if who.Location == "" {
		return at, nil
	}
	err := a.look(func(v store.View) error {
		raw, err := views.Get(v, store.TypeItem, item)
		if err != nil {
			return err
		}
		var it struct {
			Serialized bool   `json:"serialized"`
			Location   string `json:"location"`
		}
		if err := json.Unmarshal(raw, &it); err != nil {
			return fmt.Errorf("a stored item: %w", err)
		}
		if it.Serialized && it.Location != "" && it.Location != who.Location {
			return problem.New(problem.LocationForbidden, "the piece is at another location")
		}
		return nil
	})
	return at, err
}

func (a *API) reserve(c *fiber.Ctx, who access.Principal) error {
	b, err := read[Reserve](a, c)
	if err != nil {
		return err
	}
	id := parameter(c, "id")
	at, err := a.place(who, id, b.Location)
	if err != nil {
		return err
	}
	cmd := canon.Command{Reserve: &canon.Reserve{
		Item: id, Quantity: b.Quantity, Seconds: b.Seconds, Location: at, Channel: who.Channel(), ForWhom: b.ForWhom, Collect: b.Collect,
	}}
	return do[canon.Reservation](a, c, who, cmd, func(o *canon.Outcome) error {
		var made canon.Reservation
		if err := json.Unmarshal(o.Result, &made); err != nil {
			return fmt.Errorf("the outcome of a reservation: %w", err)
		}
		c.Set(fiber.HeaderLocation, "/v1/items/"+url.PathEscape(made.Item)+"/reservations/"+url.PathEscape(made.ID))
		return send(c, fiber.StatusCreated, o.Result)
	})
}

func (a *API) release(c *fiber.Ctx, who access.Principal) error {
	if _, err := a.place(who, parameter(c, "id"), ""); err != nil {
		return err
	}
	cmd := canon.Command{Release: &canon.Release{Reservation: parameter(c, "reservation")}}
	return do[canon.Reservation](a, c, who, cmd, nil)
}

func (a *API) sell(c *fiber.Ctx, who access.Principal) error {
	b, err := read[Sell](a, c)
	if err != nil {
		return err
	}
	id := parameter(c, "id")
	at, err := a.place(who, id, b.Location)
	if err != nil {
		return err
	}
	sell := &canon.Sell{Item: id, Quantity: b.Quantity, Reservation: b.Reservation, Location: at, Channel: who.Channel(), Receipt: b.Receipt}
	if b.Price != nil {
		m, err := canon.ParseMoney(b.Price.Amount, b.Price.Currency)
		if err != nil || m.Minor < 0 {
			return problem.New(problem.BodyInvalid, "").With(problem.Field{
				Path: "body.price", Message: "expected digits with a point, not below zero, and an ISO 4217 currency that has as many decimals",
			})
		}
		sell.Price = &canon.StatedMoney{Amount: b.Price.Amount, Currency: b.Price.Currency}
	}
	return do[canon.Order](a, c, who, canon.Command{Sell: sell}, nil)
}

func (a *API) restock(c *fiber.Ctx, who access.Principal) error {
	b, err := read[Restock](a, c)
	if err != nil {
		return err
	}
	id := parameter(c, "id")
	at, err := a.place(who, id, b.Location)
	if err != nil {
		return err
	}
	return do[Restocked](a, c, who, canon.Command{Restock: &canon.Restock{Item: id, Claim: b.Claim, Location: at}}, nil)
}

func (a *API) resolve(c *fiber.Ctx, who access.Principal) error {
	b, err := read[Resolve](a, c)
	if err != nil {
		return err
	}
	cmd := canon.Command{Role: who.ActsAs(), Resolve: &canon.Resolve{
		Case: parameter(c, "id"), Proposal: b.Proposal, Note: b.Note, Refund: canon.RefundBy(b.Refund), Notify: b.Notify,
		Reason: canon.ActionReason(b.Reason), Again: b.Again,
	}}
	return do[canon.Case](a, c, who, cmd, nil)
}

func (a *API) cancelOrder(c *fiber.Ctx, who access.Principal) error {
	b, err := read[CancelOrder](a, c)
	if err != nil {
		return err
	}
	cmd := canon.Command{Role: who.ActsAs(), CancelOrder: &canon.CancelOrder{
		Order: parameter(c, "id"), Refund: canon.RefundBy(b.Refund), Restock: b.Restock, Notify: b.Notify,
		Reason: canon.ActionReason(b.Reason), Note: b.Note, Again: b.Again,
	}}
	return do[canon.Action](a, c, who, cmd, nil)
}

func (a *API) refundLines(c *fiber.Ctx, who access.Principal) error {
	b, err := read[RefundLines](a, c)
	if err != nil {
		return err
	}
	r := &canon.RefundLines{
		Order: parameter(c, "id"), Refund: canon.RefundBy(b.Refund), Restock: b.Restock, Notify: b.Notify,
		Reason: canon.ActionReason(b.Reason), Note: b.Note, Again: b.Again,
	}
	for _, l := range b.Lines {
		r.Lines = append(r.Lines, canon.ActionLine{ID: l.ID, Quantity: l.Quantity})
	}
	return do[canon.Action](a, c, who, canon.Command{Role: who.ActsAs(), RefundLines: r}, nil)
}

func (a *API) sameClient(c *fiber.Ctx, who access.Principal) error {
	b, err := read[SameClient](a, c)
	if err != nil {
		return err
	}
	cmd := canon.Command{Client: &canon.SameClient{A: parameter(c, "id"), B: b.Other, Word: b.Word}}
	return do[canon.ClientDecided](a, c, who, cmd, nil)
}

// command shows the outcome of one of the token's own commands.
func (a *API) command(c *fiber.Ctx, who access.Principal) error {
	key := parameter(c, "key")
	return a.look(func(v store.View) error {
		raw, err := views.Outcome(v, who.Name, key)
		if err != nil {
			return err
		}
		var o canon.Outcome
		if err := json.Unmarshal(raw, &o); err != nil {
			return fmt.Errorf("a stored outcome: %w", err)
		}
		// What kind of record it is is not kept with it: what is hidden in any kind is.
		result, err := access.Untyped(who.Sight(), o.Result)
		if err != nil {
			return err
		}
		shown := Command{Key: key, Status: "done", Position: o.Position.String(), Result: result, URL: "/v1/commands/" + url.PathEscape(key)}
		if !o.OK {
			shown.Status, shown.Problem = "refused", problem.FromOutcome(&o)
		}
		return c.JSON(shown)
	})
}

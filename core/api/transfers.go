package api

import (
	"encoding/json"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"github.com/jumpring/jumpring/core/access"
	"github.com/jumpring/jumpring/core/canon"
	"github.com/jumpring/jumpring/core/problem"
	"github.com/jumpring/jumpring/core/store"
	"github.com/jumpring/jumpring/core/views"
)

// RequestTransfer is the body of asking for goods of another place.
type RequestTransfer struct {
	From      string         `json:"from" minLength:"1" maxLength:"100" doc:"One of the hub's locations" example:"paris"`
	To        string         `json:"to" minLength:"1" maxLength:"100" example:"lyon"`
	Lines     []TransferGood `json:"lines" minItems:"1" maxItems:"100"`
	Reference string         `json:"reference,omitempty" maxLength:"200" doc:"The house's own number of the document"`
}

// TransferGood is one piece, or a quantity of a SKU.
type TransferGood struct {
	Item     string `json:"item" minLength:"1" maxLength:"200" doc:"Any id that resolves to it"`
	Quantity int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"Of a quantity SKU; 1 where it is left out"`
}

// Handle is the body of picking or receiving the goods of one line.
type Handle struct {
	Item     string `json:"item,omitempty" maxLength:"200" doc:"Any id of the goods; what was read finds the line where it is left out"`
	Scanned  string `json:"scanned" minLength:"1" maxLength:"512" doc:"Serial, EPC, report number or SKU that was read from it"`
	Quantity int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"How many arrived; all that are open where it is left out"`
}

// Ship is the body of sending picked goods on their way.
type Ship struct {
	Seal    string `json:"seal" minLength:"1" maxLength:"200" doc:"Number of the seal or of the carrier's parcel"`
	Seconds int64  `json:"seconds,omitempty" minimum:"1" maximum:"31622400" doc:"What has not arrived by then is missing; three days where it is left out"`
}

// Decide is the body of a step that a person answers for.
type Decide struct {
	Approved bool   `json:"approved,omitempty" doc:"A manager allows it"`
	Reason   string `json:"reason,omitempty" maxLength:"500"`
}

// MoveItem is the body of stating what becomes of goods.
type MoveItem struct {
	Event        string `json:"event" enum:"repair,finish,damage,restock,return,miss,find,report_stolen,write_off,assemble,dismantle,melt,scrap,return_to_vendor"`
	Quantity     int64  `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"Of a quantity SKU; 1 where it is left out"`
	Location     string `json:"location,omitempty" maxLength:"100" doc:"Of a quantity SKU, or where a piece was found; the token's own where it is left out"`
	Claim        string `json:"claim,omitempty" maxLength:"500" doc:"Of a quantity SKU: which of what was set aside"`
	Scanned      string `json:"scanned,omitempty" maxLength:"512" doc:"What was read from the piece"`
	Reference    string `json:"reference,omitempty" maxLength:"200" doc:"Of the police, the insurer, the vendor's document"`
	Component    string `json:"component,omitempty" maxLength:"200" doc:"The piece that it goes into"`
	Inspected    bool   `json:"inspected,omitempty" doc:"A person looked at it"`
	Certificate  bool   `json:"certificate,omitempty" doc:"Its report is there"`
	Approved     bool   `json:"approved,omitempty" doc:"A manager allows it"`
	WithinPolicy bool   `json:"within_policy,omitempty" doc:"The return is within the house's policy"`
}

func (a *API) moveItem(c *fiber.Ctx, who access.Principal) error {
	b, err := read[MoveItem](a, c)
	if err != nil {
		return err
	}
	id := parameter(c, "id")
	at, err := a.place(who, id, b.Location)
	if err != nil {
		return err
	}
	return do[canon.Item](a, c, who, canon.Command{Role: who.ActsAs(), MoveItem: &canon.MoveItem{
		Item: id, Event: b.Event, Quantity: b.Quantity, Location: at, Claim: b.Claim, Channel: who.Channel(), Scanned: b.Scanned, Reference: b.Reference,
		Component: b.Component, Inspected: b.Inspected, Certificate: b.Certificate, Approved: b.Approved, WithinPolicy: b.WithinPolicy,
	}}, nil)
}

func (a *API) transfers(c *fiber.Ctx, who access.Principal) error {
	return listing[canon.Transfer](a, c, who, func(v store.View, p views.Paging) (views.Page, error) {
		return views.Documents(v, store.TypeTransfer, query(c, "status"), p)
	})
}

func (a *API) transfer(c *fiber.Ctx, who access.Principal) error {
	return record[canon.Transfer](a, c, who, byID(c, store.TypeTransfer))
}

func (a *API) transferTimeline(c *fiber.Ctx, who access.Principal) error {
	return a.timeline(c, who, store.TypeTransfer)
}

func (a *API) requestTransfer(c *fiber.Ctx, who access.Principal) error {
	b, err := read[RequestTransfer](a, c)
	if err != nil {
		return err
	}
	if who.Location != "" && who.Location != b.From && who.Location != b.To {
		return problem.New(problem.LocationForbidden, "the transfer neither leaves from nor goes to the token's location")
	}
	ask := &canon.TransferAsk{Event: "request", From: b.From, To: b.To, Reference: b.Reference, Channel: who.Channel()}
	for _, l := range b.Lines {
		ask.Lines = append(ask.Lines, canon.TransferGood{Item: l.Item, Quantity: l.Quantity})
	}
	return do[canon.Transfer](a, c, who, canon.Command{Role: who.ActsAs(), Transfer: ask}, nil)
}

// transferStep gives the handler of one step of a transfer, whose body is a B.
func transferStep[B any](event string, fill func(b *B, ask *canon.TransferAsk)) func(*API, *fiber.Ctx, access.Principal) error {
	return func(a *API, c *fiber.Ctx, who access.Principal) error {
		b, err := read[B](a, c)
		if err != nil {
			return err
		}
		ask := &canon.TransferAsk{Transfer: parameter(c, "id"), Event: event, Channel: who.Channel()}
		if err := a.stepsAt(who, ask); err != nil {
			return err
		}
		fill(b, ask)
		return do[canon.Transfer](a, c, who, canon.Command{Role: who.ActsAs(), Transfer: ask}, nil)
	}
}

// stepsAt holds a token that is bound to a place to the steps that are taken there: what leaves is picked and shipped at
// its origin, what comes is received at its destination.
func (a *API) stepsAt(who access.Principal, ask *canon.TransferAsk) error {
	if who.Location == "" {
		return nil
	}
	return a.look(func(v store.View) error {
		raw, err := views.Get(v, store.TypeTransfer, ask.Transfer)
		if err != nil {
			return err
		}
		var t canon.Transfer
		if err := json.Unmarshal(raw, &t); err != nil {
			return fmt.Errorf("a stored transfer: %w", err)
		}
		var ok bool
		switch ask.Event {
		case "pick", "ship":
			ok = who.Location == t.From
		case "receive":
			ok = who.Location == t.To
		default:
			ok = who.Location == t.From || who.Location == t.To
		}
		if !ok {
			return problem.New(problem.LocationForbidden, "this step is taken at another location")
		}
		return nil
	})
}

func handles(b *Handle, ask *canon.TransferAsk) {
	ask.Item, ask.Scanned, ask.Quantity = b.Item, b.Scanned, b.Quantity
}

func ships(b *Ship, ask *canon.TransferAsk) { ask.Seal, ask.Seconds = b.Seal, b.Seconds }

func decides(b *Decide, ask *canon.TransferAsk) { ask.Approved, ask.Reason = b.Approved, b.Reason }
